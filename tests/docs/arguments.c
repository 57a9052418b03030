// Which arguments of layers the tests never set to anything but their default: neither a model of
// tests/oracle nor an example of a layer (whose gradients and values tests/exec compares with differences and
// the interpreter). usage: arguments ROOT, in a folder of its own. Prints them, one a line; fails if there is
// one that is not known to be tested elsewhere, or to change no result.
#include "frontend/resolve.h"
#include "ir/layer.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *layer, *argument, *where; // layer NULL: all; an argument that begins with '_': all that end so
} elsewhere[] = {
    {NULL, "seed", "exec/random, training/seeds"},
    {NULL, "unroll", "changes no result"},
    {NULL, "_initializer", "runtime/test_initial_values: references begin with weights of their own"},
    {NULL, "dropout", "exec/random, unit/test_cells: references draw no random numbers"},
    {NULL, "recurrent_dropout", "exec/random, unit/test_cells"},
    {NULL, "data_format", "has one value"},
    {NULL, "sparse", "has one value"},
    {NULL, "unit_forget_bias", "runtime/test_initial_values"},
    {NULL, "weights", "runtime/pretrained, cli/pretrained"},
    {"TextVectorization", "", "tests/text, unit/test_text"},
    {"StringLookup", "", "tests/text"},
    {"IntegerLookup", "", "tests/text"},
    {"Hashing", "", "tests/text, unit/test_hash"},
    {"RNN", "stateful", "training/stateful"},
    {"MultiHeadAttention", "attention_axes", "has one value"},
    // by hand in unit tests
    {"SimpleRNN", "return_state", "unit/test_layer_values"},
    {"GRU", "return_state", "unit/test_lower_layers"},
    {"Conv1DTranspose", "output_padding", "unit/test_convolution_values"},
    {"Conv1DTranspose", "dilation_rate", "unit/test_convolution_values"},
    {"BatchNormalization", "axis", "unit/test_normalization_values"},
    {"BatchNormalization", "epsilon", "unit/test_normalization_values"},
    {"BatchNormalization", "center", "unit/test_normalization_values"},
};

enum { MOST = 4096 };
static struct {
  const layer_def *def;
  const char *argument;
} set[MOST];
static int n_set;
static int failures;

static bool is_set(const layer_def *def, const char *argument) {
  for (int k = 0; k < n_set; k++)
    if (set[k].def == def && !strcmp(set[k].argument, argument))
      return true;
  return false;
}

static bool is_default(const arg_spec *spec, const value *v) {
  arena *mem = arena_new();
  value *standard = value_parse_literal(mem, spec->default_text);
  strbuf a = {0}, b = {0};
  value_print(v, &a);
  if (standard)
    value_print(standard, &b);
  bool same = standard && !strcmp(strbuf_text(&a), strbuf_text(&b));
  same = same || (standard && (standard->kind == VALUE_INT || standard->kind == VALUE_FLOAT) &&
                  (v->kind == VALUE_INT || v->kind == VALUE_FLOAT) && v->number == standard->number);
  strbuf_free(&a);
  strbuf_free(&b);
  arena_free(mem);
  return same;
}

static void note_layer(const layer *l) {
  for (size_t k = 0; l->args && l->def->args && l->def->args[k].name; k++) {
    const arg_spec *spec = &l->def->args[k];
    if (!l->args[k] || is_set(l->def, spec->name) || (spec->default_text && is_default(spec, l->args[k])))
      continue;
    if (n_set == MOST)
      exit(2);
    set[n_set].def = l->def;
    set[n_set++].argument = spec->name;
  }
  for (int i = 0; i < l->n_children; i++)
    note_layer(l->children[i]);
}

static void note_file(const char *path) {
  diags *d = diags_new();
  unit *u = unit_new(d);
  if (load_models(u, path, &(load_options){0})) {
    for (size_t k = 0; k < u->models.len; k++)
      for (size_t i = 0; i < u->models.data[k]->made.len; i++)
        note_layer(u->models.data[k]->made.data[i]);
  } else {
    fprintf(stderr, "%s cannot be read\n", path);
    failures++;
  }
  unit_free(u);
  diags_free(d);
}

static void note_examples(void) {
  for (size_t i = 0; layer_table[i]; i++)
    for (int k = 0; layer_table[i]->examples && layer_table[i]->examples[k]; k++) {
      FILE *f = fopen("example.nlm", "w");
      if (!f || fputs(layer_table[i]->examples[k], f) < 0 || fclose(f))
        exit(2);
      note_file("example.nlm");
    }
}

static void note_cases(const char *root) {
  char path[4096];
  size_t k;
  json_t *one;
  snprintf(path, sizeof path, "%s/tests/oracle/cases.json", root);
  json_t *manifest = json_load_file(path, 0, NULL);
  json_array_foreach(json_object_get(manifest, "cases"), k, one) {
    snprintf(path, sizeof path, "%s/tests/oracle/cases/%s/model.nlm", root,
             json_string_value(json_object_get(one, "name")));
    note_file(path);
  }
  json_decref(manifest);
}

static bool is_named(const char *pattern, const char *argument) {
  size_t n = strlen(pattern), m = strlen(argument);
  if (*pattern == '_')
    return m >= n && !strcmp(argument + m - n, pattern);
  return !*pattern || !strcmp(pattern, argument);
}

static bool is_elsewhere(const layer_def *def, const char *argument) {
  for (size_t k = 0; k < sizeof elsewhere / sizeof *elsewhere; k++)
    if (is_named(elsewhere[k].argument, argument) &&
        (!elsewhere[k].layer || !strcmp(elsewhere[k].layer, def->name)))
      return true;
  return false;
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  note_examples();
  note_cases(argv[1]);
  for (size_t i = 0; layer_table[i]; i++) {
    const layer_def *def = layer_table[i];
    for (size_t k = 0; def->args && def->args[k].name && !(def->traits & LAYER_INTERNAL); k++)
      if (!is_set(def, def->args[k].name) && !is_elsewhere(def, def->args[k].name)) {
        printf("%s: no model of tests/oracle and no example sets %s to anything but %s\n", def->name,
               def->args[k].name, def->args[k].default_text ? def->args[k].default_text : "a value");
        failures++;
      }
  }
  return failures > 0;
}
