#include "tests/exec-unit/exec_world.h"
#include "codegen/codegen.h"
#include "nlm/abi.h"
#include "passes/pass.h"
#include "runtime/kernels/calls.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROOTS = 64, MAX_DIMS = 64 };

// ---- the runtime's side

typedef struct session {
  thread_pool *pool;
} session;

static void parallel_for(void *context, void (*body)(void *env, int64_t block), void *env, int64_t blocks) {
  pool_run(((session *)context)->pool, body, env, blocks);
}

static void touch_rows(void *context, int64_t param, const int32_t *ids, int64_t n) {
  (void)context, (void)param, (void)ids, (void)n;
}

static struct nlm_runtime_calls runtime_calls(void) {
  return (struct nlm_runtime_calls){.parallel_for = parallel_for,
                                    .unique = unique_ids,
                                    .pack = pack_mask,
                                    .check_ids = check_ids_in_range,
                                    .touch_rows = touch_rows};
}

static int64_t expression(const struct nlm_abi_model *m, int64_t index, const int64_t *dims) {
  const struct nlm_abi_expr *e = &m->exprs[index];
  if (e->op == NLM_EXPR_CONST)
    return e->a;
  if (e->op == NLM_EXPR_SYMBOL)
    return m->dims[e->a].bound < 0 ? dims[e->a] : expression(m, m->dims[e->a].bound, dims);
  int64_t a = expression(m, e->a, dims), b = expression(m, e->b, dims);
  switch (e->op) {
  case NLM_EXPR_ADD:
    return a + b;
  case NLM_EXPR_MUL:
    return a * b;
  case NLM_EXPR_FLOORDIV:
    return a / b;
  case NLM_EXPR_MIN:
    return a < b ? a : b;
  default:
    return a > b ? a : b;
  }
}

// ---- the compiler's side

typedef struct compiled_world {
  arena *mem;
  world *w;
  model model;
  program_inputs inputs;
  program program;
  schedule *schedule;
  codegen_module *module;
  const struct nlm_abi_model *abi;
  int n_roots;
} compiled_world;

static void describe_leaves(compiled_world *c) {
  for (int k = 0; k < c->w->n_leaves; k++) {
    node *leaf = c->w->leaf[k];
    weight *weight_of_leaf = ARENA_NEW(c->mem, weight);
    *weight_of_leaf = (weight){.name = arena_printf(c->mem, "w%d", k), .index = k};
    if (leaf->op == OP_PARAM)
      weight_of_leaf->shape = leaf->shape;
    vec_push(&c->model.weights, weight_of_leaf);
    program_input input = {.name = weight_of_leaf->name,
                           .role = leaf->type == INT ? INPUT_IDS : INPUT_REAL,
                           .shape = leaf->shape,
                           .model_output = -1};
    vec_push(&c->inputs.list, input);
  }
}

static void compile(compiled_world *c, node *const *roots, int n, const exec_options *o) {
  c->model.name = "test";
  describe_leaves(c);
  c->program = (program){.kind = o->training ? PROGRAM_GRAD : PROGRAM_INFER,
                         .model = &c->model,
                         .g = c->w->g,
                         .inputs = &c->inputs};
  for (int k = 0; k < n; k++)
    vec_push(&c->program.roots, ((program_root){ROOT_PROBE, k, roots[k]}));
  c->n_roots = n;
  compilation work = {.program = &c->program, .fuse = o->fuse, .fuse_epilogue = o->fuse};
  pass_find("schedule")->run(&work);
  pass_find("bands")->run(&work);
  pass_find("memory")->run(&work);
  c->schedule = work.schedule;
  const char *wrong = schedule_verify(work.schedule);
  if (getenv("SHOW_SCHEDULE")) {
    strbuf text = {0};
    schedule_print(work.schedule, &text);
    puts(strbuf_text(&text));
    strbuf_free(&text);
  }
  if (wrong)
    ICE("schedule: %s", wrong);
  // NLM_TEST_CPU: another CPU whose code this machine can run, e.g. x86-64-v3
  codegen_options how = {.cpu = getenv("NLM_TEST_CPU"),
                         .opt_level = 2,
                         .f64 = o->f64,
                         .name = "test",
                         .source_hash = "",
                         .compiler_version = "",
                         .config_json = "{}"};
  strbuf error = {0};
  const schedule *list[] = {work.schedule};
  c->module = codegen_model(&c->model, &c->inputs, list, 1, c->w->g->dims, &how, &error);
  if (!c->module)
    ICE("%s", strbuf_text(&error));
  if (getenv("SHOW_LLVM")) {
    strbuf text = {0};
    codegen_print_unoptimized(c->module, &text);
    puts(strbuf_text(&text));
    strbuf_free(&text);
  }
  c->abi = codegen_load(c->module);
}

static void release(compiled_world *c) {
  codegen_free(c->module);
  schedule_free(c->schedule);
  vec_free(&c->model.weights);
  vec_free(&c->inputs.list);
  vec_free(&c->program.roots);
  arena_free(c->mem);
}

// ---- a call

static void *converted_leaf(compiled_world *c, int k, bool f64) {
  const node *leaf = c->w->leaf[k];
  size_t count = c->w->count[k];
  double *from = c->w->data[k];
  void *to = arena_alloc(c->mem, (count + 1) * 8);
  for (size_t i = 0; i < count; i++) {
    if (leaf->type == INT)
      ((int32_t *)to)[i] = (int32_t)from[i];
    else if (f64)
      ((double *)to)[i] = from[i];
    else
      ((float *)to)[i] = (float)from[i];
  }
  return to;
}

// Buffers side by side, 64 bytes apart, full of NaN.
static void plan_workspace(compiled_world *c, struct nlm_frame *f) {
  const struct nlm_abi_program *p = &c->abi->programs[0];
  int64_t *offsets = ARENA_ARRAY(c->mem, int64_t, p->n_buffers + 1), total = 0;
  for (int64_t k = 0; k < p->n_buffers; k++) {
    offsets[k] = total;
    total += (expression(c->abi, p->buffers[k].bytes, f->dims) + 127) / 64 * 64;
  }
  char *memory = arena_alloc(c->mem, (size_t)total + 64);
  memset(memory, 0xff, (size_t)total + 64);
  f->workspace = memory + (64 - (uintptr_t)memory % 64) % 64;
  f->offsets = offsets;
}

// Runs the program; probes[k] receives root k, in memory of counts[k] elements of 8 bytes.
static int64_t call(compiled_world *c, const exec_options *o, thread_pool *pool, const size_t *counts,
                    void **probes) {
  session s = {pool};
  struct nlm_runtime_calls calls = runtime_calls();
  int64_t dims[MAX_DIMS] = {0};
  double results[2];
  void *leaves[WORLD_LEAVES];
  INVARIANT(c->abi->n_dims <= MAX_DIMS);
  for (int k = 0; k < c->w->n_dims; k++)
    dims[c->w->dims[k].d->symbol] = c->w->dims[k].value;
  for (int k = 0; k < c->w->n_leaves; k++)
    leaves[k] = converted_leaf(c, k, o->f64);
  for (int k = 0; k < c->n_roots; k++) {
    probes[k] = arena_alloc(c->mem, counts[k] * 8 + 8);
    memset(probes[k], 0xff, counts[k] * 8 + 8);
  }
  struct nlm_frame frame = {.calls = &calls,
                            .context = &s,
                            .dims = dims,
                            .inputs = leaves,
                            .params = leaves,
                            .probes = probes,
                            .results = results,
                            .seed = 7,
                            .step = 3};
  plan_workspace(c, &frame);
  return c->abi->programs[0].entry(&frame);
}

// ---- comparison

static double element(const void *data, size_t k, elem_type type, bool f64) {
  if (type == INT)
    return ((const int32_t *)data)[k];
  return f64 ? ((const double *)data)[k] : (double)((const float *)data)[k];
}

static bool agrees(const char *name, int root, const array *expected, const void *got, elem_type type,
                   const exec_options *o) {
  double largest = 0, tolerance = type == INT ? 0 : o->f64 ? 1e-12 : 3e-5;
  for (size_t k = 0; k < expected->count; k++)
    if (isfinite(expected->data[k]))
      largest = fmax(largest, fabs(expected->data[k]));
  for (size_t k = 0; k < expected->count; k++) {
    double a = expected->data[k], b = element(got, k, type, o->f64);
    bool same = a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance * largest;
    if (same)
      continue;
    printf("%s (%s, %s%s): root %d element %zu of %zu: %.17g, expected %.17g\n", name, o->f64 ? "f64" : "f32",
           o->fuse ? "fused" : "not fused", o->training ? ", training" : "", root, k, expected->count, b, a);
    return false;
  }
  return true;
}

// What f32 cannot hold must not decide a comparison or a maximum.
static void round_leaves(world *w) {
  for (int k = 0; k < w->n_leaves; k++)
    for (size_t i = 0; i < w->count[k]; i++)
      w->data[k][i] = (double)(float)w->data[k][i];
}

static bool same_bits(const compiled_world *c, const node *root, const void *a, const void *b, size_t count,
                      bool f64) {
  (void)c;
  return memcmp(a, b, count * (root->type == REAL && f64 ? 8 : 4)) == 0;
}

int exec_check(world *w, const char *name, node *const *roots, int n, const exec_options *o) {
  round_leaves(w);
  node *wanted[MAX_ROOTS];
  int count = 0, failed = 0;
  for (int k = 0; k < n; k++)
    if (roots[k])
      wanted[count++] = roots[k];
  reference *r = reference_new(w->g);
  world_bind(w, r);
  if (!reference_run(r, wanted, (size_t)count))
    ICE("%s: %s", name, reference_error(r));
  compiled_world c = {.mem = arena_new(), .w = w};
  size_t counts[MAX_ROOTS];
  void *one[MAX_ROOTS], *three[MAX_ROOTS];
  for (int k = 0; k < count; k++)
    counts[k] = reference_value(r, wanted[k])->count;
  compile(&c, wanted, count, o);
  thread_pool *pool = pool_new(3);
  if (call(&c, o, NULL, counts, one) || call(&c, o, pool, counts, three))
    ICE("%s: the call failed", name);
  for (int k = 0; k < count; k++) {
    if (!agrees(name, k, reference_value(r, wanted[k]), one[k], wanted[k]->type, o))
      failed++;
    if (!same_bits(&c, wanted[k], one[k], three[k], counts[k], o->f64)) {
      printf("%s: root %d has other bits on three threads\n", name, k);
      failed++;
    }
  }
  pool_free(pool);
  release(&c);
  reference_free(r);
  return failed;
}

int exec_check_all(world *w, const char *name, node *const *roots, int n) {
  int failed = 0;
  for (int how = 0; how < 4; how++) {
    exec_options o = {.f64 = how & 1, .fuse = how & 2, .training = how & 1};
    failed += exec_check(w, name, roots, n, &o);
  }
  return failed;
}
