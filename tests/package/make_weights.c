// Weights for a model, made from its report (`nlmc shapes --format json`, read from standard input), so that
// tests can predict without training: values in [-1, 1] by a fixed rule, a vocabulary of "good", "bad" and
// numbered words for the text layer, class names "neg" and "pos" for output `sentiment`.
//
//   make_weights FILE.safetensors ROWS_OF_VOCABULARY < report.json
#include "runtime/weights.h"
#include "support/json.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WEIGHTS = 64 };

static float *values_of(size_t count) {
  static unsigned state = 1;
  float *values = malloc((count + 1) * sizeof *values);
  for (size_t k = 0; values && k < count; k++) {
    state = state * 1664525 + 1013904223;
    values[k] = (float)(state >> 8) / (float)(1 << 23) - 1;
  }
  return values;
}

static size_t add_weights(json_t *layer, weight_entry *entries, size_t n) {
  size_t k, j;
  json_t *weight, *extent;
  json_array_foreach(json_object_get(layer, "weights"), k, weight) {
    if (n == MAX_WEIGHTS)
      exit(1);
    weight_entry *e = &entries[n++];
    size_t count = 1;
    *e = (weight_entry){.name = json_string_value(json_object_get(weight, "name")), .type = WEIGHT_F32};
    json_array_foreach(json_object_get(weight, "shape"), j, extent) {
      e->shape[e->rank++] = json_integer_value(extent);
      count *= (size_t)json_integer_value(extent);
    }
    e->data = values_of(count);
  }
  return n;
}

static void put_vocabulary(long rows, strbuf *out) {
  strbuf_puts(out, "[\"\", \"[UNK]\", \"good\", \"bad\"");
  for (long k = 4; k < rows; k++)
    strbuf_printf(out, ", \"w%ld\"", k);
  strbuf_puts(out, "]");
}

int main(int argc, char **argv) {
  json_t *report = json_loadf(stdin, 0, NULL), *layer;
  if (argc != 3 || !report) {
    fputs("usage: make_weights FILE ROWS < report.json\n", stderr);
    return 2;
  }
  weight_entry entries[MAX_WEIGHTS];
  strbuf vocabulary = {0}, key = {0}, error = {0};
  size_t n = 0, k;
  json_array_foreach(json_object_get(report, "layers"), k, layer) {
    const char *type = json_string_value(json_object_get(layer, "type"));
    n = add_weights(layer, entries, n);
    if (type && !strcmp(type, "TextVectorization"))
      strbuf_printf(&key, "nlm.vocabulary.%s", json_string_value(json_object_get(layer, "name")));
  }
  put_vocabulary(strtol(argv[2], NULL, 10), &vocabulary);
  weight_metadata metadata[] = {{strbuf_text(&key), strbuf_text(&vocabulary)},
                                {"nlm.classes.sentiment", "[\"neg\", \"pos\"]"}};
  bool written = weights_write(argv[1], entries, n, metadata, 2, &error);
  fputs(strbuf_text(&error), stderr);
  for (k = 0; k < n; k++)
    free((void *)entries[k].data);
  json_decref(report);
  strbuf_free(&vocabulary);
  strbuf_free(&key);
  strbuf_free(&error);
  return !written;
}
