// Training on compiled gradients: row-sparse steps with replay give the parameters of the dense rule to the
// bit. The dense side is the plain definition: after every batch, each rule runs over every element of every
// parameter with the gradient written out in full. Batches draw few rows, often the same ones; the learning
// rate falls and rises.
#include "runtime/optim/optimizer.h"
#include "support/random.h"
#include "tests/exec/native.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 300, BATCH = 3, TIME = 4, MOST_PARAMS = 16 };

static const char *const models[] = {
    "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(60, 5, mask_zero = true)\n"
    "    -> GlobalAveragePooling1D() -> Dropout(0.2) -> Dense(1, activation = sigmoid)\n}\n",
    "model tiny {\n  input words: int[time]\n  e = words -> Embedding(60, 5, mask_zero = true)\n"
    "  output y = e -> Bidirectional(LSTM(3)) -> Dense(1, activation = sigmoid)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = words -> OneHot(60, mask_zero = true) -> GRU(3)\n"
    "    -> Dense(1, activation = sigmoid)\n}\n",
    NULL};

typedef struct trainer {
  const native *n;
  session s;
  void *params[MOST_PARAMS], *slots[MOST_PARAMS][OPTIMIZER_SLOTS], *gradient[MOST_PARAMS];
  void *inputs[2], *outputs[1];
} trainer;

static size_t real_bytes(const native *n) {
  return n->f64 ? 8 : 4;
}

static void trainer_begin(trainer *t, const native *n, const feed *f, void *const *inputs,
                          thread_pool *pool) {
  *t = (trainer){.n = n};
  if (!session_init(&t->s, n->abi, NULL))
    ICE("no memory");
  t->s.pool = pool;
  native_dims(n, &t->s, f);
  for (size_t k = 0; k < f->n_params; k++) {
    t->params[k] = xcalloc(f->param_counts[k] + 1, 8);
    t->gradient[k] = xcalloc(f->param_counts[k] + 1, 8);
    native_store(t->params[k], f->params[k], f->param_counts[k], false, n->f64);
  }
  t->outputs[0] = xcalloc(BATCH, 8);
  t->s.frame.inputs = inputs;
  t->s.frame.params = t->params;
  t->s.frame.outputs = t->outputs;
  t->s.frame.seed = 5;
  if (!session_plan(&t->s, KIND_GRAD, t->s.dims, NULL, 0))
    ICE("no memory");
}

static void trainer_end(trainer *t) {
  for (int k = 0; k < MOST_PARAMS; k++) {
    free(t->params[k]);
    free(t->gradient[k]);
    for (int j = 0; j < OPTIMIZER_SLOTS; j++)
      free(t->slots[k][j]);
  }
  free(t->outputs[0]);
  session_destroy(&t->s);
}

// ---- the dense rule

static void start_slots(trainer *t, const optimizer_rule *rule, const double *args) {
  for (int64_t k = 0; k < t->n->abi->n_params; k++)
    for (int j = 0; j < rule->slots(args); j++) {
      int64_t n = t->n->abi->params[k].elements;
      double start = rule->slot_start ? rule->slot_start(args, j) : 0;
      t->slots[k][j] = xcalloc((size_t)n + 1, 8);
      for (int64_t i = 0; i < n; i++)
        native_store((char *)t->slots[k][j] + (size_t)i * real_bytes(t->n), &start, 1, false, t->n->f64);
    }
}

static void write_out(trainer *t, const gradient_view *g) {
  const struct nlm_abi_param *p = &t->n->abi->params[g->param];
  size_t real = real_bytes(t->n);
  if (g->rows < 0) {
    memcpy(t->gradient[g->param], g->values, (size_t)p->elements * real);
    return;
  }
  size_t row = (size_t)(p->elements / p->dims[0]) * real;
  memset(t->gradient[g->param], 0, (size_t)p->elements * real);
  for (int64_t r = 0; r < g->rows; r++)
    memcpy((char *)t->gradient[g->param] + (size_t)g->ids[r] * row, (const char *)g->values + (size_t)r * row,
           row);
}

static void dense_step(trainer *t, const optimizer_rule *rule, const double *args, double rate,
                       int64_t step) {
  double c[OPTIMIZER_CONSTANTS] = {0};
  float c32[OPTIMIZER_CONSTANTS];
  rule->constants(args, rate, step, c);
  for (int k = 0; k < OPTIMIZER_CONSTANTS; k++)
    c32[k] = (float)c[k];
  const struct nlm_abi_program *p = session_program(t->n->abi, NLM_GRAD);
  for (int64_t k = 0; k < p->n_gradients; k++) {
    gradient_view g = session_gradient(&t->s, k);
    write_out(t, &g);
    void **s = t->slots[g.param];
    int64_t n = t->n->abi->params[g.param].elements;
    if (t->n->f64)
      rule->step_f64(t->params[g.param], (double *[]){s[0], s[1], s[2]}, t->gradient[g.param], n, c);
    else
      rule->step_f32(t->params[g.param], (float *[]){s[0], s[1], s[2]}, t->gradient[g.param], n, c32);
  }
}

// ---- both side by side

static void draw_batch(int32_t *ids, void *targets, bool f64, int step) {
  uint64_t key = random_stream_key(random_session_key(9, (uint64_t)step), 1);
  for (int k = 0; k < BATCH * TIME; k++) {
    double u = random_unit(key, (uint64_t)k);
    ids[k] = (int32_t)(60 * u * u * u * u); // small numbers often, large ones seldom, 0 is padding
  }
  for (int k = 0; k < BATCH; k++) {
    double label = ids[k * TIME] % 2;
    native_store((char *)targets + (size_t)k * (f64 ? 8 : 4), &label, 1, false, f64);
  }
}

static double rate_at(double rate, int step) {
  return step < 100 ? rate : step < 200 ? rate / 2 : rate * 3;
}

static int compare(const trainer *a, const trainer *b, int step, const char *what) {
  for (int64_t k = 0; k < a->n->abi->n_params; k++)
    if (memcmp(a->params[k], b->params[k], (size_t)a->n->abi->params[k].elements * real_bytes(a->n)) != 0) {
      printf("%s: %s differs after %d steps\n", what, a->n->abi->params[k].name, step + 1);
      return 1;
    }
  return 0;
}

static int train_both(trainer *sparse, trainer *dense, optimizer *o, const double *args,
                      const optimizer_rule *rule, void *const *inputs, const char *what) {
  double rate = optimizer_learning_rate(o);
  for (int step = 0; step < STEPS; step++) {
    draw_batch(inputs[0], inputs[1], sparse->n->f64, step);
    sparse->s.frame.step = dense->s.frame.step = (uint64_t)step;
    optimizer_set_learning_rate(o, rate_at(rate, step));
    if (session_run(&sparse->s, NLM_GRAD) || session_run(&dense->s, NLM_GRAD)) {
      printf("%s: the call failed\n", what);
      return 1;
    }
    optimizer_step(o);
    dense_step(dense, rule, args, rate_at(rate, step), step + 1);
    if (step == STEPS / 2 || step == STEPS - 1) {
      optimizer_settle(o);
      if (compare(sparse, dense, step, what))
        return 1;
    }
  }
  return 0;
}

static double default_of(const arg_spec *a) {
  if (!strcmp(a->default_text, "true"))
    return 1;
  return strtod(a->default_text, NULL); // 0 for false and none
}

static int check_rule(const native *n, const optimizer_rule *rule, double *args, const char *what) {
  thread_pool *pool = pool_new(3);
  scene sc = {BATCH, TIME, MASKS_NOTHING};
  feed f = feed_new(n->s, &sc, 2);
  int32_t ids[BATCH * TIME];
  double targets[BATCH];
  void *inputs[] = {ids, targets};
  trainer sparse, dense;
  trainer_begin(&sparse, n, &f, inputs, pool);
  trainer_begin(&dense, n, &f, inputs, NULL);
  start_slots(&dense, rule, args);
  optimizer *o = optimizer_new(rule, args, &sparse.s, sparse.params, NULL);
  optimizer_attach(o);
  int failed = train_both(&sparse, &dense, o, args, rule, inputs, what);
  optimizer_free(o);
  trainer_end(&sparse);
  trainer_end(&dense);
  feed_free(&f);
  pool_free(pool);
  return failed;
}

// What is not the rule's but the driver's, for every optimizer alike (tests/runtime/test_optimizers.c).
static bool is_drivers(const arg_spec *specs, int k) {
  return k >= args_index(specs, "clipnorm") || k == args_index(specs, "weight_decay");
}

// A rule with its defaults, then with each other argument raised from zero: momentum, look-ahead, decay, and
// so on.
static int check_settings(const native *n, const optimizer_rule *rule) {
  double args[OPTIMIZER_ARGS] = {0};
  const arg_spec *specs = rule->item.args;
  size_t count = args_count(rule->item.args);
  int failed = 0;
  for (int changed = -1; changed < (int)count; changed++) {
    for (size_t k = 0; k < count; k++)
      args[k] = is_drivers(specs, (int)k) ? 0 : default_of(&specs[k]);
    if (changed >= 0 && (args[changed] != 0 || is_drivers(specs, changed)))
      continue;
    if (changed >= 0)
      args[changed] = specs[changed].kinds & ARG_BOOL ? 1 : 0.01;
    char what[160];
    snprintf(what, sizeof what, "%s, %s, %s%s", n->s->title, n->f64 ? "f64" : "f32", rule->item.name,
             changed >= 0 ? specs[changed].name : "");
    failed += check_rule(n, rule, args, what);
  }
  return failed;
}

static int check_model(const subject *s, bool f64) {
  native n;
  int failed = 0;
  native_open(&n, s, &(build_options){.kinds = KIND_GRAD, .f64 = f64, .opt_level = 2});
  const struct nlm_abi_program *p = session_program(n.abi, NLM_GRAD);
  bool sparse = false;
  for (int64_t k = 0; k < p->n_gradients; k++)
    sparse = sparse || p->gradients[k].ids_buffer >= 0;
  if (!sparse) {
    printf("%s: no gradient is row-sparse\n", s->title);
    failed++;
  }
  for (int k = 0; optimizer_rules[k]; k++)
    if (!optimizer_rules[k]->whole_f32) // its steps are dense
      failed += check_settings(&n, optimizer_rules[k]);
  native_close(&n);
  return failed;
}

int main(void) {
  int failed = 0;
  for (int k = 0; models[k]; k++) {
    subject s;
    char title[40];
    snprintf(title, sizeof title, "model %d", k + 1);
    if (!subject_open(&s, title, models[k], "loss = binary_crossentropy"))
      return 1;
    failed += check_model(&s, false) + check_model(&s, true);
    subject_close(&s);
  }
  printf("%d failed\n", failed);
  return failed != 0;
}
