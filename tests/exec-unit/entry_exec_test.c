// Entry functions through a frame made by hand: status of bad ids, results as doubles, masks, rows about to
// be read, profile hooks, the floating-point state of the caller, and the descriptor.
#include "codegen/codegen.h"
#include "nlm/abi.h"
#include "passes/pass.h"
#include "runtime/kernels/calls.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

static int failed;
static void expect(bool holds, const char *what) {
  if (!holds) {
    printf("%s\n", what);
    failed++;
  }
}

static struct {
  int64_t param, n, kernels_begun, kernels_ended;
  int32_t ids[8];
} seen;

static void parallel_for(void *context, void (*body)(void *env, int64_t block), void *env, int64_t blocks) {
  (void)context;
  for (int64_t k = blocks; k-- > 0;) // any order will do
    body(env, k);
}

static void touch_rows(void *context, int64_t param, const int32_t *ids, int64_t n) {
  (void)context;
  seen.param = param;
  seen.n = n;
  memcpy(seen.ids, ids, (size_t)n * sizeof *ids);
}

static void profile(struct nlm_frame *frame, int64_t position, int64_t phase) {
  (void)frame, (void)position;
  seen.kernels_begun += phase == 0;
  seen.kernels_ended += phase == 1;
}

static const struct nlm_runtime_calls calls = {.parallel_for = parallel_for,
                                               .unique = unique_ids,
                                               .pack = pack_mask,
                                               .check_ids = check_ids_in_range,
                                               .touch_rows = touch_rows,
                                               .profile = profile};

enum { BATCH = 3, TIME = 2, VOCABULARY = 5, FEATURES = 3 };

typedef struct scene {
  arena *mem;
  graph *g;
  model model;
  tensor tensors[1];
  program_inputs inputs;
  program program;
  codegen_module *module;
  const struct nlm_abi_model *abi;
} scene;

static void add_root(scene *s, root_role role, int index, node *value_of_root) {
  vec_push(&s->program.roots, ((program_root){role, index, value_of_root}));
}

// ids [B, T] -> table rows, summed over time -> output [B, F]; its mean is the loss; the mask says which ids
// are not 0.
static void build(scene *s) {
  s->mem = arena_new();
  s->g = graph_new(s->mem, dim_table_new(s->mem));
  graph *g = s->g;
  const dim *batch = dim_named(g->dims, "batch"), *time = dim_const(g->dims, TIME),
            *f = dim_const(g->dims, FEATURES), *rows = dim_const(g->dims, VOCABULARY);
  shape id_shape = shape_of(2, batch, time), table_shape = shape_of(2, rows, f);
  node *ids = g_input(g, 0, INT, id_shape), *table = g_param(g, 0, table_shape);
  node *checked = g_check_ids(g, ids, NULL, VOCABULARY, 0);
  node *out = g_reduce_sum(g, g_gather(g, table, checked, NULL), 2);
  node *mean = g_div(g, g_reduce_sum(g, out, 3), g_cast(g, g_extent(g, batch, INT), REAL));
  node *unique = g_unique(g, g_reshape(g, checked, shape_of(1, dim_mul(g->dims, batch, time))), VOCABULARY);
  weight *w = ARENA_NEW(s->mem, weight);
  *w = (weight){.name = "embedding/embeddings",
                .shape = table_shape,
                .init = {INIT_UNIFORM, -0.05, 0.05, 0, 0},
                .trainable = true};
  s->model.name = "tiny";
  vec_push(&s->model.weights, w);
  s->tensors[0] = (tensor){.shape = shape_of(2, batch, f)};
  vec_push(&s->model.outputs, ((named_output){.name = "sum", .value = &s->tensors[0]}));
  vec_push(&s->inputs.list,
           ((program_input){.name = "ids", .role = INPUT_IDS, .shape = id_shape, .model_output = -1}));
  s->program = (program){.kind = PROGRAM_EVALUATE, .model = &s->model, .g = g, .inputs = &s->inputs};
  add_root(s, ROOT_TOUCH, 0, g_part(g, unique, UNIQUE_VALUES));
  add_root(s, ROOT_OUTPUT, 0, out);
  add_root(s, ROOT_OUTPUT_MASK, 0, g_binary(g, OP_LT, g_int(g, 0), checked));
  add_root(s, ROOT_LOSS, -1, mean);
}

static void compile(scene *s) {
  compilation work = {.program = &s->program, .fuse = true, .fuse_epilogue = true};
  pass_find("schedule")->run(&work);
  pass_find("memory")->run(&work);
  expect(schedule_verify(work.schedule) == NULL, "the schedule is sound");
  codegen_options how = {.opt_level = 2,
                         .name = "tiny",
                         .prefix = "my_",
                         .source_hash = "hash",
                         .compiler_version = "1",
                         .config_json = "{}",
                         .weights = "image",
                         .weights_bytes = 5};
  strbuf error = {0};
  const schedule *list[] = {work.schedule};
  s->module = codegen_model(&s->model, &s->inputs, list, 1, s->g->dims, &how, &error);
  expect(!strcmp(codegen_symbol(s->module), "my_nlm_model_tiny"),
         "the symbol has the prefix and the model's name");
  schedule_free(work.schedule);
  s->abi = codegen_load(s->module);
}

static void check_descriptor(const struct nlm_abi_model *m) {
  expect(m->magic == NLM_ABI_MAGIC && m->version == NLM_ABI_VERSION && m->real_bytes == 4,
         "magic, version, reals");
  expect(!strcmp(m->name, "tiny") && !strcmp(m->source_hash, "hash") && !strcmp(m->config, "{}"), "texts");
  expect(m->n_params == 1 && !strcmp(m->params[0].name, "embedding/embeddings") &&
             m->params[0].elements == 15 && m->params[0].dims[0] == VOCABULARY &&
             m->params[0].init == NLM_INIT_UNIFORM && m->params[0].init_b == 0.05 &&
             m->params[0].trainable == 1 && !m->params[0].vocabulary,
         "the weight");
  expect(m->n_inputs == 1 && m->inputs[0].role == NLM_ROLE_IDS && m->inputs[0].elem == NLM_INT32 &&
             m->inputs[0].rank == 2,
         "the input");
  const struct nlm_abi_expr *batch = &m->exprs[m->inputs[0].dims[0]], *time = &m->exprs[m->inputs[0].dims[1]];
  expect(batch->op == NLM_EXPR_SYMBOL && !strcmp(m->dims[batch->a].name, "batch") &&
             m->dims[batch->a].bound == -1,
         "the batch is a dimension that the caller gives");
  expect(time->op == NLM_EXPR_CONST && time->a == TIME, "the time is a constant");
  expect(m->n_outputs == 1 && !strcmp(m->outputs[0].name, "sum") && m->outputs[0].masked == 1, "the output");
  expect(m->weights_bytes == 5 && !memcmp(m->weights, "image", 5), "weights inside the object");
  expect(m->n_programs == 1 && m->programs[0].kind == NLM_EVALUATE && m->programs[0].n_kernels > 2,
         "the program");
}

typedef struct memory_of_call {
  int32_t ids[BATCH * TIME], mask[BATCH * TIME];
  float table[VOCABULARY * FEATURES], out[BATCH * FEATURES];
  double results[2];
  int64_t dims[16], offsets[64];
  _Alignas(64) char workspace[1 << 16];
} memory_of_call;

static int64_t run(const struct nlm_abi_model *m, memory_of_call *c, struct nlm_frame *frame, void *hook) {
  void *inputs[] = {c->ids}, *outputs[] = {c->out}, *masks[] = {c->mask}, *params[] = {c->table};
  const struct nlm_abi_program *p = &m->programs[0];
  for (int64_t k = 0; k < p->n_buffers; k++)
    c->offsets[k] = 1024 * k;
  memset(c->workspace, 0xff, sizeof c->workspace);
  for (int64_t k = 0; k < m->n_dims; k++)
    c->dims[k] = strcmp(m->dims[k].name, "batch") ? -1 : BATCH;
  // The sort's scratch is the largest buffer: it goes last.
  for (int64_t k = 0; k < p->n_buffers; k++)
    if (m->exprs[p->buffers[k].bytes].op != NLM_EXPR_CONST && p->buffers[k].first == p->buffers[k].last)
      c->offsets[k] = 32768;
  *frame = (struct nlm_frame){.calls = &calls,
                              .dims = c->dims,
                              .inputs = inputs,
                              .outputs = outputs,
                              .masks = masks,
                              .params = params,
                              .workspace = c->workspace,
                              .offsets = c->offsets,
                              .results = c->results,
                              .profile = hook};
  return p->entry(frame);
}

static void check_run(const struct nlm_abi_model *m) {
  static memory_of_call c = {.ids = {4, 0, 1, 1, 0, 0}};
  struct nlm_frame frame;
  double total = 0;
  for (int k = 0; k < VOCABULARY * FEATURES; k++)
    c.table[k] = (float)k;
#if defined(__x86_64__)
  unsigned state = _mm_getcsr();
#endif
  expect(run(m, &c, &frame, &seen) == NLM_STATUS_OK, "the call succeeds");
#if defined(__x86_64__)
  expect(_mm_getcsr() == state, "the floating-point state is the caller's again");
#endif
  for (int b = 0; b < BATCH; b++)
    for (int f = 0; f < FEATURES; f++) {
      float sum = c.table[c.ids[2 * b] * FEATURES + f] + c.table[c.ids[2 * b + 1] * FEATURES + f];
      expect(c.out[b * FEATURES + f] == sum, "an output element is the sum of two table elements");
      total += (double)sum;
    }
  expect(fabs(c.results[0] - total / BATCH) < 1e-5, "the loss is reported as a double");
  for (int k = 0; k < BATCH * TIME; k++)
    expect(c.mask[k] == (c.ids[k] != 0), "the mask");
  expect(seen.param == 0 && seen.n == 3 && seen.ids[0] == 0 && seen.ids[1] == 1 && seen.ids[2] == 4,
         "rows about to be read are named once each");
  expect(seen.kernels_begun == m->programs[0].n_kernels && seen.kernels_ended == seen.kernels_begun,
         "each kernel is profiled");
  c.ids[3] = VOCABULARY;
  expect(run(m, &c, &frame, NULL) == NLM_STATUS_ID_RANGE, "an id outside the table stops the call");
  expect(frame.status_input == 0 && frame.status_position == 3 && frame.status_value == VOCABULARY &&
             frame.status_limit == VOCABULARY,
         "the status names input, element, id and the size of the table");
#if defined(__x86_64__)
  expect(_mm_getcsr() == state, "the floating-point state is the caller's after an error too");
#endif
}

int main(void) {
  scene s = {0};
  build(&s);
  compile(&s);
  check_descriptor(s.abi);
  check_run(s.abi);
  codegen_free(s.module);
  vec_free(&s.model.weights);
  vec_free(&s.model.outputs);
  vec_free(&s.inputs.list);
  vec_free(&s.program.roots);
  graph_free(s.g);
  arena_free(s.mem);
  printf("%d failed\n", failed);
  return failed != 0;
}
