// Models of tests/oracle, lowered and interpreted in double, give PyTorch's outputs and gradients: layers,
// lowering and differentiation are right before any code is generated.
#include "frontend/resolve.h"
#include "ir/train.h"
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
  double *data[128]; // bound to leaves, freed at the end
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
  assert_true(o->n_data < 128);
  o->data[o->n_data++] = values;
  reference_bind(o->ref, leaf, values);
}

static void bind_inputs(oracle *o, node *const *leaves) {
  for (size_t i = 0; i < o->inputs->list.len; i++) {
    const program_input *p = &o->inputs->list.data[i];
    npy_array a;
    bool target = p->model_output >= 0;
    double *values = read_npy(o, target ? "target" : "input", p->name, &a);
    assert_true(target || (int)a.rank == p->shape.rank);
    for (int k = 0; !target && k < p->shape.rank; k++)
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
  node *inputs[32], *weights[64];
  graph *g = o->p->g;
  assert_true(o->inputs->list.len <= 32 && o->m->weights.len <= 64);
  for (size_t i = 0; i < o->inputs->list.len; i++) {
    const program_input *p = &o->inputs->list.data[i];
    bool ints = p->role == INPUT_IDS || p->role == INPUT_TARGET_INT;
    inputs[i] = g_input(g, (int)i, ints ? INT : REAL, p->shape);
  }
  for (size_t i = 0; i < o->m->weights.len; i++)
    weights[i] = g_param(g, o->m->weights.data[i]->index, o->m->weights.data[i]->shape);
  o->ref = reference_new(g);
  bind_inputs(o, inputs);
  bind_weights(o, weights);
}

static const array *evaluate(oracle *o, node *const *roots, size_t n) {
  if (!reference_run(o->ref, roots, n))
    fail_msg("%s: %s", o->name, reference_error(o->ref));
  return reference_value(o->ref, roots[0]);
}

static void expect_close(const oracle *o, const char *what, const double *found, const double *expected,
                         size_t n) {
  double largest = 0;
  for (size_t i = 0; i < n; i++)
    largest = fmax(largest, fabs(expected[i]));
  for (size_t i = 0; i < n; i++)
    if (!(fabs(found[i] - expected[i]) <= 1e-10 * largest + 1e-15))
      fail_msg("%s, %s: element %zu is %.17g, expected %.17g", o->name, what, i, found[i], expected[i]);
}

static void compare_outputs(oracle *o) {
  for (size_t i = 0; i < o->p->roots.len; i++) {
    program_root *root = &o->p->roots.data[i];
    if (root->role != ROOT_OUTPUT)
      continue;
    const char *name = o->m->outputs.data[root->index].name;
    const array *found = evaluate(o, &root->value, 1);
    npy_array a;
    double *expected = read_npy(o, "expect", name, &a);
    assert_int_equal(found->count, a.count);
    expect_close(o, name, found->data, expected, a.count);
    free(expected);
    npy_close(&a);
  }
}

static node *find_root(const oracle *o, root_role role, int index) {
  for (size_t i = 0; i < o->p->roots.len; i++)
    if (o->p->roots.data[i].role == role && o->p->roots.data[i].index == index)
      return o->p->roots.data[i].value;
  return NULL;
}

// What a step takes off a weight that no gradient trains.
static void assigned(oracle *o, int k, double *out, size_t count) {
  node *both[] = {find_root(o, ROOT_ASSIGN, k), g_param(o->p->g, k, o->m->weights.data[k]->shape)};
  if (!both[0])
    return;
  const array *now = evaluate(o, both, 2), *before = reference_value(o->ref, both[1]);
  assert_int_equal(now->count, count);
  for (size_t i = 0; i < count; i++)
    out[i] = before->data[i] - now->data[i];
}

// The gradient of weight k as a whole array, whether it came dense or by rows; false when there is none.
static bool gradient(oracle *o, int k, double *out, size_t count) {
  node *dense = find_root(o, ROOT_GRAD, k);
  if (dense) {
    const array *a = evaluate(o, &dense, 1);
    assert_int_equal(a->count, count);
    memcpy(out, a->data, count * sizeof *out);
    return true;
  }
  node *both[] = {find_root(o, ROOT_GRAD_ROWS, k), find_root(o, ROOT_GRAD_IDS, k)};
  if (!both[0]) {
    assigned(o, k, out, count);
    return false;
  }
  const array *rows = evaluate(o, both, 2), *ids = reference_value(o->ref, both[1]);
  size_t width = ids->count ? rows->count / ids->count : 0;
  for (size_t r = 0; r < ids->count; r++)
    for (size_t j = 0; j < width; j++)
      out[(size_t)ids->data[r] * width + j] += rows->data[r * width + j];
  return true;
}

static void compare_gradients(oracle *o) {
  char path[300];
  strbuf error = {0};
  snprintf(path, sizeof path, "%s/%s/gradients.safetensors", folder, o->name);
  weights_file *w = weights_open(path, &error);
  if (!w)
    fail_msg("%s: %s", path, strbuf_text(&error));
  for (size_t k = 0; k < o->m->weights.len; k++) {
    const weight *of = o->m->weights.data[k];
    const weight_tensor *t = weights_find(w, of->name);
    assert_non_null(t);
    double *expected = xcalloc(t->count + 1, sizeof *expected), *found = xcalloc(t->count + 1, sizeof *found);
    assert_true(weights_copy_f64(t, expected));
    if (gradient(o, (int)k, found, t->count) != of->trainable)
      fail_msg("%s: %s is %strainable", o->name, of->name, of->trainable ? "" : "not ");
    expect_close(o, of->name, found, expected, t->count);
    free(expected);
    free(found);
  }
  weights_close(w);
}

// ---- cases

static const arg_spec rate[] = {{.name = "learning_rate", .kinds = ARG_FLOAT, .default_text = "0.001"}, {0}};
static const arg_spec nothing[] = {{0}};
static const registry_entry optimizers[] = {{.name = "rmsprop", .class_name = "RMSprop", .args = rate}, {0}};
static const registry_entry metrics[] = {{.name = "accuracy", .class_name = "Accuracy", .args = nothing},
                                         {0}};
static const registry_entry callbacks[] = {{0}};

// Weights of rows and classes come from the runtime, and states from the batch before: tests/oracle compares
// those cases.
static bool needs_runtime(const model *m) {
  if (model_is_stateful(m))
    return true;
  for (size_t k = 0; m->training && k < m->outputs.len; k++)
    if (train_output_is_weighted(m->training, k))
      return true;
  return false;
}

static void run_case(const char *name, program_kind kind) {
  oracle o = {.name = name};
  char path[300];
  snprintf(path, sizeof path, "%s/%s/model.nlm", folder, name);
  diags *d = diags_new();
  o.u = unit_new(d);
  bool good = load_models(o.u, path, &(load_options){0});
  o.m = good ? o.u->models.data[0] : NULL;
  if (good && kind == PROGRAM_GRAD)
    good =
        train_config_bind(
            o.m, &(registries){.optimizers = optimizers, .metrics = metrics, .callbacks = callbacks}) != NULL;
  strbuf messages = {0};
  diags_print_text(d, &messages, false);
  if (!good)
    fail_msg("%s", strbuf_text(&messages));
  strbuf_free(&messages);
  o.inputs = program_inputs_of(o.m);
  o.p = lower_program(o.m, o.inputs, kind, NULL);
  if (kind == PROGRAM_GRAD)
    program_add_gradients(o.p);
  bool whole = !needs_runtime(o.m);
  if (whole)
    bind_all(&o);
  if (whole && kind == PROGRAM_GRAD)
    compare_gradients(&o);
  else if (whole)
    compare_outputs(&o);
  if (whole)
    reference_free(o.ref);
  for (size_t i = 0; i < o.n_data; i++)
    free(o.data[i]);
  program_free(o.p);
  program_inputs_free(o.inputs);
  if (o.m->training)
    train_config_free(o.m->training);
  unit_free(o.u);
  diags_free(d);
}

static void run_cases(program_kind kind) {
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  size_t cases = 0;
  for (struct dirent *e; (e = readdir(dir));)
    if (e->d_name[0] != '.') {
      run_case(e->d_name, kind);
      cases++;
    }
  closedir(dir);
  assert_true(cases > 50);
}

static void outputs_agree_with_pytorch(void **state) {
  (void)state;
  run_cases(PROGRAM_INFER);
}

static void gradients_agree_with_pytorch(void **state) {
  (void)state;
  run_cases(PROGRAM_GRAD);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(outputs_agree_with_pytorch),
                                     cmocka_unit_test(gradients_agree_with_pytorch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
