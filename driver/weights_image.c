// --weights: a weights file that becomes part of the result.
#include "driver/compile.h"
#include "runtime/weights.h"
#include <stdio.h>
#include <string.h>

static weight_entry *wanted_weights(const model *m, bool f64) {
  weight_entry *wanted = ARENA_ARRAY(m->unit->mem, weight_entry, m->weights.len + 1);
  for (size_t k = 0; k < m->weights.len; k++) {
    const weight *w = m->weights.data[k];
    wanted[k] =
        (weight_entry){.name = w->name, .type = f64 ? WEIGHT_F64 : WEIGHT_F32, .rank = (size_t)w->shape.rank};
    for (int j = 0; j < w->shape.rank; j++)
      dim_is_const(w->shape.d[j], &wanted[k].shape[j]);
  }
  return wanted;
}

static int refuse(const char *path, const char *reason) {
  fprintf(stderr, "nlmc: %s: %s\n", path, reason);
  return EXIT_WRONG_INPUT;
}

int read_weights_image(const loaded *l, const options *o, strbuf *image) {
  if (!o->weights)
    return EXIT_DONE;
  char *bytes;
  size_t n;
  int failed = file_read_all(o->weights, &bytes, &n);
  if (failed)
    return refuse(o->weights, strerror(-failed));
  strbuf error = {0};
  strbuf_add(image, bytes, n);
  free(bytes);
  weights_file *file = weights_from_memory(image->data, image->len, &error);
  int code = file ? EXIT_DONE : refuse(o->weights, strbuf_text(&error));
  if (file && weights_differences(file, wanted_weights(l->model, o->f64), l->model->weights.len, &error)) {
    code = refuse(o->weights, "does not fit the model:");
    fputs(strbuf_text(&error), stderr);
  }
  weights_close(file);
  strbuf_free(&error);
  return code;
}
