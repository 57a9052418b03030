// Models of tests/oracle, lowered and interpreted in double, give PyTorch's outputs: layers and lowering are
// right before any code is generated.
#include "frontend/resolve.h"
#include "ir/lower.h"
#include "runtime/npy.h"
#include "runtime/weights.h"
#include "tests/reference/interp.h"
#include "tests/unit/unit.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char folder[] = "../oracle/cases";

typedef struct oracle {
  const char *name; // of the case
  unit *u;
  model *m;
  program_inputs *inputs;
  program *p;
  reference *ref;
  double *data[64]; // bound to leaves, freed at the end
  size_t n_data;
} oracle;

static double *read_npy(const oracle *o, const char *kind, const char *name, npy_array *file) {
  char path[300];
  strbuf error = {0};
  snprintf(path, sizeof path, "%s/%s/%s_%s.npy", folder, o->name, kind, name);
  if (!npy_open(path, file, &error))
    fail_msg("%s: %s", path, strbuf_text(&error));
  double *values = xcalloc(file->count + 1, sizeof *values);
  if (!npy_to_f64(file, values, &error))
    fail_msg("%s: %s", path, strbuf_text(&error));
  return values;
}

static void bind(oracle *o, node *leaf, double *values) {
  assert_true(o->n_data < 64);
  o->data[o->n_data++] = values;
  reference_bind(o->ref, leaf, values);
}

static void bind_inputs(oracle *o, node *const *leaves) {
  for (size_t i = 0; i < o->inputs->list.len; i++) {
    const program_input *p = &o->inputs->list.data[i];
    npy_array a;
    double *values = read_npy(o, "input", p->name, &a);
    assert_int_equal((int)a.rank, p->shape.rank);
    for (int k = 0; k < p->shape.rank; k++)
      if (p->shape.d[k]->kind == DIM_SYMBOL)
        reference_set_dim(o->ref, p->shape.d[k], a.shape[k]);
    bind(o, leaves[i], values);
    npy_close(&a);
  }
}

static void bind_weights(oracle *o, node *const *leaves) {
  char path[300];
  strbuf error = {0};
  snprintf(path, sizeof path, "%s/%s/weights_f64.safetensors", folder, o->name);
  weights_file *w = weights_open(path, &error);
  if (!w)
    fail_msg("%s: %s", path, strbuf_text(&error));
  assert_int_equal(weights_count(w), o->m->weights.len);
  for (size_t i = 0; i < o->m->weights.len; i++) {
    const weight_tensor *t = weights_find(w, o->m->weights.data[i]->name);
    if (!t)
      fail_msg("%s: no weight %s", path, o->m->weights.data[i]->name);
    double *values = xcalloc(t->count + 1, sizeof *values);
    assert_true(weights_copy_f64(t, values));
    bind(o, leaves[i], values);
  }
  weights_close(w);
}

// Leaves exist before the reference is made, which counts nodes by then.
static void bind_all(oracle *o) {
  node *inputs[16], *weights[48];
  graph *g = o->p->g;
  assert_true(o->inputs->list.len <= 16 && o->m->weights.len <= 48);
  for (size_t i = 0; i < o->inputs->list.len; i++) {
    const program_input *p = &o->inputs->list.data[i];
    inputs[i] = g_input(g, (int)i, p->role == INPUT_IDS ? INT : REAL, p->shape);
  }
  for (size_t i = 0; i < o->m->weights.len; i++)
    weights[i] = g_param(g, o->m->weights.data[i]->index, o->m->weights.data[i]->shape);
  o->ref = reference_new(g);
  bind_inputs(o, inputs);
  bind_weights(o, weights);
}

static void compare(oracle *o, const program_root *root) {
  const char *name = o->m->outputs.data[root->index].name;
  if (!reference_run(o->ref, &root->value, 1))
    fail_msg("%s: %s", o->name, reference_error(o->ref));
  const array *found = reference_value(o->ref, root->value);
  npy_array a;
  double *expected = read_npy(o, "expect", name, &a), largest = 0;
  assert_int_equal(found->count, a.count);
  for (size_t i = 0; i < a.count; i++)
    largest = fmax(largest, fabs(expected[i]));
  for (size_t i = 0; i < a.count; i++)
    if (!(fabs(found->data[i] - expected[i]) <= 1e-10 * largest))
      fail_msg("%s, output %s: element %zu is %.17g, expected %.17g", o->name, name, i, found->data[i],
               expected[i]);
  free(expected);
  npy_close(&a);
}

static void run_case(const char *name) {
  oracle o = {.name = name};
  char path[300];
  snprintf(path, sizeof path, "%s/%s/model.nlm", folder, name);
  diags *d = diags_new();
  o.u = unit_new(d);
  bool loaded = load_models(o.u, path, &(load_options){0});
  strbuf messages = {0};
  diags_print_text(d, &messages, false);
  if (!loaded)
    fail_msg("%s", strbuf_text(&messages));
  strbuf_free(&messages);
  o.m = o.u->models.data[0];
  o.inputs = program_inputs_of(o.m);
  o.p = lower_program(o.m, o.inputs, PROGRAM_INFER, NULL);
  bind_all(&o);
  for (size_t i = 0; i < o.p->roots.len; i++)
    if (o.p->roots.data[i].role == ROOT_OUTPUT)
      compare(&o, &o.p->roots.data[i]);
  reference_free(o.ref);
  for (size_t i = 0; i < o.n_data; i++)
    free(o.data[i]);
  program_free(o.p);
  program_inputs_free(o.inputs);
  unit_free(o.u);
  diags_free(d);
}

static void interpreted_models_agree_with_pytorch(void **state) {
  (void)state;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  size_t cases = 0;
  for (struct dirent *e; (e = readdir(dir));)
    if (e->d_name[0] != '.') {
      run_case(e->d_name);
      cases++;
    }
  closedir(dir);
  assert_true(cases > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(interpreted_models_agree_with_pytorch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
