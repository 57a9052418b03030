// Row-sparse training gives the bits of dense training; the rules are Keras's formulas.
#include "runtime/optim/optimizer.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 37, WIDTH = 70, STEPS = 420 };

// A program with one parameter, whose gradient is written by the test: dense, or rows by id.
static const struct nlm_abi_expr exprs[] = {
    {NLM_EXPR_SYMBOL, 0, 0}, {NLM_EXPR_CONST, ROWS * 4, 0}, {NLM_EXPR_CONST, ROWS *WIDTH * 8, 0}};
static const struct nlm_abi_dim dims[] = {{"distinct", -1}};
static const int64_t shape[] = {ROWS, WIDTH};
static const struct nlm_abi_param params[] = {
    {.name = "table", .rank = 2, .dims = shape, .elements = ROWS * WIDTH, .trainable = 1}};
static const struct nlm_abi_buffer buffers[] = {{2, 0, 0}, {1, 0, 0}};
static const struct nlm_abi_gradient sparse_gradient = {0, 0, 1, 0}, dense_gradient = {0, 0, -1, -1};
static const struct nlm_abi_program sparse_program = {.kind = NLM_GRAD,
                                                      .n_buffers = 2,
                                                      .buffers = buffers,
                                                      .n_gradients = 1,
                                                      .gradients = &sparse_gradient},
                                    dense_program = {.kind = NLM_GRAD,
                                                     .n_buffers = 2,
                                                     .buffers = buffers,
                                                     .n_gradients = 1,
                                                     .gradients = &dense_gradient};

static struct nlm_abi_model make_model(const struct nlm_abi_program *program, int64_t real_bytes) {
  return (struct nlm_abi_model){.real_bytes = real_bytes,
                                .n_exprs = 3,
                                .exprs = exprs,
                                .n_dims = 1,
                                .dims = dims,
                                .n_params = 1,
                                .params = params,
                                .n_programs = 1,
                                .programs = program};
}

typedef struct side {
  struct nlm_abi_model model;
  session s;
  void *values[1];
  optimizer *o;
} side;

static uint32_t state;
static double next(void) { // in [-1, 1)
  state = state * 1664525u + 1013904223u;
  return (double)(state >> 8) / 8388608.0 - 1;
}

static void set_real(void *values, int64_t real_bytes, int64_t at, double number) {
  if (real_bytes == 8)
    ((double *)values)[at] = number;
  else
    ((float *)values)[at] = (float)number;
}

static void side_init(side *x, const struct nlm_abi_program *program, int64_t real_bytes,
                      const optimizer_rule *rule, const double *args, int threads) {
  int64_t extents[1] = {ROWS};
  x->model = make_model(program, real_bytes);
  assert_true(session_init(&x->s, &x->model, NULL));
  x->s.pool = threads > 1 ? pool_new(threads) : NULL;
  assert_true(session_plan(&x->s, 1u << NLM_GRAD, extents, NULL, 0));
  x->values[0] = calloc(ROWS * WIDTH, sizeof(double));
  state = 7;
  for (int64_t k = 0; k < ROWS * WIDTH; k++)
    set_real(x->values[0], real_bytes, k, next());
  x->o = optimizer_new(rule, args, &x->s, x->values, NULL);
  assert_non_null(x->o);
  optimizer_attach(x->o);
}

static void side_free(side *x) {
  optimizer_free(x->o);
  pool_free(x->s.pool);
  session_destroy(&x->s);
  free(x->values[0]);
}

static void *buffer(const side *x, int which) {
  return x->s.frame.workspace + x->s.offsets[NLM_GRAD][which];
}

// One step of both sides with the same gradient; `chance` is how likely a row has one, in percent.
static void step_both(side *sparse, side *dense, int64_t real_bytes, int chance) {
  int32_t *ids = buffer(sparse, 1);
  int64_t n = 0;
  memset(buffer(dense, 0), 0, (size_t)(ROWS * WIDTH * real_bytes));
  for (int32_t row = 0; row < ROWS; row++) {
    // low rows are frequent words, high ones rare
    if (next() * 50 + 50 >= chance / (1.0 + row))
      continue;
    ids[n] = row;
    for (int64_t k = 0; k < WIDTH; k++) {
      double g = next() * 0.1;
      set_real(buffer(sparse, 0), real_bytes, n * WIDTH + k, g);
      set_real(buffer(dense, 0), real_bytes, row * WIDTH + k, g);
    }
    n++;
  }
  sparse->s.dims[0] = n;
  sparse->s.touch(sparse->s.touch_context, 0, ids, n);
  const char *a = sparse->values[0], *b = dense->values[0];
  size_t row_bytes = (size_t)(WIDTH * real_bytes);
  for (int64_t k = 0; k < n; k++) // what the program is about to read
    assert_memory_equal(a + (size_t)ids[k] * row_bytes, b + (size_t)ids[k] * row_bytes, row_bytes);
  optimizer_step(sparse->o);
  optimizer_step(dense->o);
}

static void compare(side *sparse, side *dense, int64_t real_bytes) {
  size_t bytes = (size_t)(ROWS * WIDTH * real_bytes);
  int64_t extents[2];
  int rank;
  optimizer_settle(sparse->o);
  assert_memory_equal(sparse->values[0], dense->values[0], bytes);
  for (int k = 0; k < OPTIMIZER_ALL_SLOTS; k++)
    if (optimizer_slot(sparse->o, 0, k, &rank, extents)) {
      bytes = (size_t)real_bytes;
      for (int j = 0; j < rank; j++)
        bytes *= (size_t)extents[j];
      assert_memory_equal(optimizer_slot(sparse->o, 0, k, NULL, NULL),
                          optimizer_slot(dense->o, 0, k, NULL, NULL), bytes);
    }
}

// The rate falls, grows, and falls again, as schedules with a warm start do.
static double rate_at(int step, double base) {
  if (step < 150)
    return base * (1 - step / 200.0);
  if (step < 160)
    return base * 3;
  return step < 300 ? base * 0.5 : base * 0.6;
}

static void check_rule(const char *name, const double *args, int64_t real_bytes, int threads) {
  const optimizer_rule *rule = optimizer_find(name);
  side sparse, dense;
  side_init(&sparse, &sparse_program, real_bytes, rule, args, threads);
  side_init(&dense, &dense_program, real_bytes, rule, args, 1);
  for (int step = 0; step < STEPS; step++) {
    optimizer_set_learning_rate(sparse.o, rate_at(step, args[0]));
    optimizer_set_learning_rate(dense.o, rate_at(step, args[0]));
    step_both(&sparse, &dense, real_bytes, step > 200 && step < 380 ? 3 : 90);
    if (step == 97 || step == 396)
      compare(&sparse, &dense, real_bytes);
  }
  compare(&sparse, &dense, real_bytes);
  side_free(&sparse);
  side_free(&dense);
}

static void check_all(const char *name, const double *args) {
  check_rule(name, args, 4, 1);
  check_rule(name, args, 8, 1);
  check_rule(name, args, 4, 3);
}

static void sparse_is_dense_sgd(void **unused) {
  (void)unused;
  check_all("sgd", (double[OPTIMIZER_ARGS]){0.1, 0, 0});
  check_all("sgd", (double[OPTIMIZER_ARGS]){0.1, 0.9, 0});
  check_all("sgd", (double[OPTIMIZER_ARGS]){0.1, 0.9, 1});
}

static void sparse_is_dense_rmsprop(void **unused) {
  (void)unused;
  check_all("rmsprop", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0, 1e-7, 0});
  check_all("rmsprop", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.5, 1e-7, 0});
  check_all("rmsprop", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.5, 1e-7, 1});
}

static void sparse_is_dense_adam(void **unused) {
  (void)unused;
  check_all("adam", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.999, 1e-7, 0});
  check_all("adam", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.999, 1e-7, 1});
  check_all("adam",
            (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.5, 1e-7, 0}); // m shrinks more slowly than the root of v
  check_all("adam", (double[OPTIMIZER_ARGS]){0.01, 0, 0.99, 1e-7, 0});
}

// Behind a rule's own arguments: weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum,
// ema_overwrite_frequency, gradient_accumulation_steps.
static void sparse_is_dense_others(void **unused) {
  (void)unused;
  check_all("adamw", (double[OPTIMIZER_ARGS]){0.01, 0.1, 0.9, 0.999, 1e-7, 0});
  check_all("adagrad", (double[OPTIMIZER_ARGS]){0.1, 0.1, 1e-7});
  check_all("adadelta", (double[OPTIMIZER_ARGS]){0.5, 0.95, 1e-7});
  check_all("adamax", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.999, 1e-7});
  check_all("nadam", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.999, 1e-7});
  check_all("lion", (double[OPTIMIZER_ARGS]){0.001, 0.9, 0.99});
  check_all("ftrl", (double[OPTIMIZER_ARGS]){0.1, -0.5, 0.1, 0, 0, 0, 0});
  check_all("ftrl", (double[OPTIMIZER_ARGS]){0.1, -0.4, 0.1, 0.01, 0.02, 0.03, 0.5});
}

static void sparse_is_dense_with_common_arguments(void **unused) {
  (void)unused;
  check_all("sgd", (double[OPTIMIZER_ARGS]){0.1, 0, 0, 0.1});
  check_all("sgd", (double[OPTIMIZER_ARGS]){0.1, 0.9, 1, 0, 0.2});
  check_all("rmsprop", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0, 1e-7, 0, 0.1, 0, 0.03});
  check_all("adam", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.999, 1e-7, 0, 0, 0, 0, 0.3});
  check_all("adam", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.999, 1e-7, 0, 0, 0, 0, 0, 1, 0.9, 7});
  check_all("adagrad", (double[OPTIMIZER_ARGS]){0.1, 0.1, 1e-7, 0, 0, 0, 0, 1, 0.99});
  check_all("adamax", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.999, 1e-7, 0, 0.5, 0, 0, 0, 0, 0, 3});
  check_all("adam", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.999, 1e-7, 0, 0.1, 0, 0, 0.4, 1, 0.9, 5, 4});
}

// Rules that take a table as a whole step on all its rows, from rows with a gradient as from all of them;
// Muon's other weights take Adam's steps.
static void whole_tables_are_dense(void **unused) {
  (void)unused;
  check_all("lamb", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.999, 1e-7});
  check_all("lamb", (double[OPTIMIZER_ARGS]){0.01, 0.9, 0.999, 1e-7, 0.1, 0.3, 0, 0, 1, 0.9, 5, 4});
  check_all("adafactor", (double[OPTIMIZER_ARGS]){0.01, -0.8, 1e-30, 1e-3, 1, 1});
  check_all("muon", (double[OPTIMIZER_ARGS]){[0] = 0.01,
                                             [1] = 0.9,
                                             [2] = 0.999,
                                             [4] = 1e-7,
                                             [14] = 1,
                                             [15] = 3.4445,
                                             [16] = -4.775,
                                             [17] = 2.0315,
                                             [18] = 1,
                                             [19] = 0.95,
                                             [20] = 5,
                                             [21] = 1,
                                             [22] = 0.2});
}

static void projected_tables_are_dense(void **unused) {
  (void)unused;
  const constraint longest = {.kind = CONSTRAINT_NORM, .most = 2, .rate = 1, .axes = 1};
  const double args[OPTIMIZER_ARGS] = {0.01, 0.9, 0.999, 1e-7, 0};
  side sparse, dense;
  side_init(&sparse, &sparse_program, 4, optimizer_find("adam"), args, 2);
  side_init(&dense, &dense_program, 4, optimizer_find("adam"), args, 1);
  optimizer_constrain(sparse.o, 0, &longest);
  optimizer_constrain(dense.o, 0, &longest);
  for (int step = 0; step < 50; step++)
    step_both(&sparse, &dense, 4, 20);
  compare(&sparse, &dense, 4);
  side_free(&sparse);
  side_free(&dense);
}

// ---- formulas, against plain arithmetic in double

typedef struct expected {
  double w, m, v;
} expected;

static double run_dense(const char *name, const double *args, const double *gradients, int steps) {
  side x;
  side_init(&x, &dense_program, 8, optimizer_find(name), args, 1);
  double *w = x.values[0], *g = buffer(&x, 0);
  memset(g, 0, ROWS * WIDTH * sizeof *g);
  w[5] = 0.3;
  for (int k = 0; k < steps; k++) {
    g[5] = gradients[k];
    optimizer_step(x.o);
  }
  double result = w[5];
  side_free(&x);
  return result;
}

static void assert_close(double a, double b) {
  if (!(fabs(a - b) < 1e-12))
    fail_msg("%.17g is not %.17g", a, b);
}

static void formulas_are_keras(void **unused) {
  (void)unused;
  const double g[] = {0.5, -0.2, 0.1};
  expected e = {0.3, 0, 0};
  for (int k = 0; k < 3; k++) {
    e.m = 0.9 * e.m - 0.1 * g[k];
    e.w += 0.9 * e.m - 0.1 * g[k];
  }
  assert_close(run_dense("sgd", (double[OPTIMIZER_ARGS]){0.1, 0.9, 1}, g, 3), e.w);
  e = (expected){0.3, 0, 0};
  for (int k = 0; k < 3; k++) {
    e.v = 0.8 * e.v + 0.2 * g[k] * g[k];
    e.w -= 0.01 * g[k] / sqrt(e.v + 1e-3);
  }
  assert_close(run_dense("rmsprop", (double[OPTIMIZER_ARGS]){0.01, 0.8, 0, 1e-3, 0}, g, 3), e.w);
  e = (expected){0.3, 0, 0};
  for (int k = 0; k < 3; k++) {
    double alpha = 0.01 * sqrt(1 - pow(0.99, k + 1)) / (1 - pow(0.8, k + 1));
    e.m += (g[k] - e.m) * 0.2;
    e.v += (g[k] * g[k] - e.v) * 0.01;
    e.w -= e.m * alpha / (sqrt(e.v) + 1e-3);
  }
  assert_close(run_dense("adam", (double[OPTIMIZER_ARGS]){0.01, 0.8, 0.99, 1e-3, 0}, g, 3), e.w);
}

// Three numbers, eight steps, each argument of each rule: see tests/oracle/optimizer_steps.py.
static void steps_are_those_of_the_oracle(void **unused) {
  (void)unused;
  static const struct {
    const char *name;
    double args[OPTIMIZER_ARGS], expected[3];
  } cases[] = {
#include "tests/runtime/optimizer_steps.inc"
  };
  static const double begin[] = {0.3, -0.7, 1.1};
  static const double gradients[8][3] = {{0.5, -0.02, 0}, {-0.2, 0.4, 0.1},  {0.1, 0.03, 0},
                                         {0, -0.6, 0},    {0.7, 0.05, -0.3}, {-0.1, 0, 0},
                                         {0.02, 0.9, 0},  {0.3, -0.4, 0.25}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    side x;
    side_init(&x, &dense_program, 8, optimizer_find(cases[k].name), cases[k].args, 1);
    double *w = x.values[0], *g = buffer(&x, 0);
    memset(g, 0, ROWS * WIDTH * sizeof *g);
    memset(w, 0, ROWS * WIDTH * sizeof *w);
    memcpy(w + WIDTH - 1, begin, sizeof begin); // across two rows
    for (int step = 0; step < 8; step++) {
      memcpy(g + WIDTH - 1, gradients[step], sizeof gradients[step]);
      optimizer_step(x.o);
    }
    optimizer_finish(x.o);
    for (int j = 0; j < 3; j++)
      if (!(fabs(w[WIDTH - 1 + j] - cases[k].expected[j]) < 1e-12))
        fail_msg("case %zu (%s), number %d: %.17g is not %.17g", k, cases[k].name, j, w[WIDTH - 1 + j],
                 cases[k].expected[j]);
    side_free(&x);
  }
}

// A restored optimizer goes on to the bits of the one that was never stopped.
static void restored_goes_on(void **unused) {
  (void)unused;
  const double args[OPTIMIZER_ARGS] = {0.01, 0.9, 0.999, 1e-7, 0};
  side sparse, dense, again;
  side_init(&sparse, &sparse_program, 4, optimizer_find("adam"), args, 1);
  side_init(&dense, &dense_program, 4, optimizer_find("adam"), args, 1);
  for (int step = 0; step < 60; step++)
    step_both(&sparse, &dense, 4, 60);
  optimizer_settle(sparse.o);
  uint32_t held = state;
  side_init(&again, &sparse_program, 4, optimizer_find("adam"), args, 1);
  state = held;
  memcpy(again.values[0], sparse.values[0], ROWS * WIDTH * sizeof(float));
  for (int k = 0; k < 2; k++)
    memcpy(optimizer_slot(again.o, 0, k, NULL, NULL), optimizer_slot(sparse.o, 0, k, NULL, NULL),
           ROWS * WIDTH * sizeof(float));
  optimizer_restore(again.o, optimizer_steps(sparse.o));
  for (int step = 0; step < 60; step++)
    step_both(&again, &dense, 4, 20);
  compare(&again, &dense, 4);
  side_free(&sparse);
  side_free(&dense);
  side_free(&again);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sparse_is_dense_sgd),
      cmocka_unit_test(sparse_is_dense_rmsprop),
      cmocka_unit_test(sparse_is_dense_adam),
      cmocka_unit_test(formulas_are_keras),
      cmocka_unit_test(steps_are_those_of_the_oracle),
      cmocka_unit_test(restored_goes_on),
      cmocka_unit_test(sparse_is_dense_others),
      cmocka_unit_test(sparse_is_dense_with_common_arguments),
      cmocka_unit_test(whole_tables_are_dense),
      cmocka_unit_test(projected_tables_are_dense),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
