// Values of layers in corners that lowering alone does not show: initial states under masks, backward order,
// pooling over fills, wrapped recurrences, operators with numbers. Expected values come from loops over
// padded sequences.
#include "tests/unit/run_model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 4, TIME = 5, FEATURES = 3, UNITS = 2 };

// Zeros in the middle and at the end; a row without a valid step; a full row; zeros at the start.
static const double ids[BATCH][TIME] = {{3, 0, 5, 0, 0}, {0, 0, 0, 0, 0}, {1, 2, 6, 4, 3}, {0, 0, 2, 0, 6}};
static const double states[BATCH][UNITS] = {{0.3, -0.4}, {0.6, 0.2}, {-0.9, 0.5}, {0.1, 0.7}};

typedef struct net {
  small_model s;
  model_run r;
  tensor *x; // embedded words
} net;

static void begin(net *n) {
  small_model_begin(&n->s, "net");
  n->x = small_chain(&n->s, small_input(&n->s, "words", TENSOR_INT, "time"),
                     "Embedding(7, 3, mask_zero = true)", NULL);
}

static void run(net *n) {
  run_begin(&n->r, &n->s, PROGRAM_INFER);
  run_extent(&n->r, "batch", BATCH);
  run_extent(&n->r, "time", TIME);
  run_feed(&n->r, "words", &ids[0][0]);
}

static void end(net *n) {
  run_end(&n->r);
  small_model_end(&n->s);
}

static void expect_output(net *n, int output, const double *expected, size_t count, const char *what) {
  size_t found_count;
  double *found = run_root(&n->r, ROOT_OUTPUT, output, &found_count);
  assert_int_equal(found_count, count);
  for (size_t i = 0; i < count; i++)
    if (!(fabs(found[i] - expected[i]) <= 1e-12 * (1 + fabs(expected[i]))))
      fail_msg("%s: element %zu is %.17g, expected %.17g", what, i, found[i], expected[i]);
  free(found);
}

static const double *embedding_row(net *n, double id) {
  return run_weight(&n->r, "embedding/embeddings", NULL) + (size_t)id * FEATURES;
}

// h = tanh(x W + b + h U)
static void rnn_step(net *n, const char *path, const double *x, double *h) {
  char name[64];
  snprintf(name, sizeof name, "%s/kernel", path);
  const double *w = run_weight(&n->r, name, NULL);
  snprintf(name, sizeof name, "%s/recurrent_kernel", path);
  const double *u = run_weight(&n->r, name, NULL);
  snprintf(name, sizeof name, "%s/bias", path);
  const double *bias = run_weight(&n->r, name, NULL);
  double next[UNITS];
  for (int j = 0; j < UNITS; j++) {
    double z = bias[j];
    for (int k = 0; k < FEATURES; k++)
      z += x[k] * w[k * UNITS + j];
    for (int k = 0; k < UNITS; k++)
      z += h[k] * u[k * UNITS + j];
    next[j] = tanh(z);
  }
  memcpy(h, next, sizeof next);
}

// Keras's loop: at a masked step the state stays and the previous output is repeated (zeros at first). Step i
// reads time t; outputs stand in the order of steps.
static void keras_loop(net *n, const char *path, int b, bool backwards, double *h,
                       double outputs[TIME][UNITS]) {
  double previous[UNITS] = {0};
  for (int i = 0; i < TIME; i++) {
    int t = backwards ? TIME - 1 - i : i;
    if (ids[b][t] != 0) {
      rnn_step(n, path, embedding_row(n, ids[b][t]), h);
      memcpy(previous, h, sizeof previous);
    }
    memcpy(outputs[i], previous, sizeof previous);
  }
}

static application *apply_with_states(net *n, layer *l, tensor *const *initial, int count) {
  arena *mem = n->s.u->mem;
  value *list = ARENA_NEW(mem, value);
  list->kind = VALUE_LIST;
  list->count = (size_t)count;
  list->items = ARENA_ARRAY(mem, value *, count);
  for (int k = 0; k < count; k++) {
    list->items[k] = ARENA_NEW(mem, value);
    *list->items[k] = (value){.kind = VALUE_OBJECT, .object = initial[k], .text = "a tensor"};
  }
  const char *name = "initial_state";
  application *app = layer_apply(l, &n->x, 1, &name, &list, 1, (span){0});
  assert_string_equal(small_diagnostics(&n->s), "");
  return app;
}

// An all-masked row outputs zeros and keeps its state.
static void initial_states_honour_masks(void **state) {
  (void)state;
  net n;
  begin(&n);
  tensor *initial = small_input(&n.s, "state", TENSOR_REAL, "2");
  layer *l = small_layer(&n.s, "SimpleRNN(2, return_state = true)");
  application *last = apply_with_states(&n, l, &initial, 1);
  small_output(&n.s, "last", last->outputs[0]);
  small_output(&n.s, "state_after", last->outputs[1]);
  layer *all = small_layer(&n.s, "SimpleRNN(2, return_sequences = true)");
  small_output(&n.s, "all", apply_with_states(&n, all, &initial, 1)->outputs[0]);
  run(&n);
  run_feed(&n.r, "state", &states[0][0]);
  double h[BATCH][UNITS], y[BATCH][TIME][UNITS], outputs[BATCH][UNITS];
  for (int b = 0; b < BATCH; b++) {
    memcpy(h[b], states[b], sizeof h[b]);
    keras_loop(&n, "simple_rnn", b, false, h[b], y[b]);
    memcpy(outputs[b], y[b][TIME - 1], sizeof outputs[b]);
  }
  assert_true(h[1][0] == states[1][0] && outputs[1][0] == 0);
  expect_output(&n, 0, &outputs[0][0], BATCH * UNITS, "last output");
  expect_output(&n, 1, &h[0][0], BATCH * UNITS, "state");
  for (int b = 0; b < BATCH; b++) {
    memcpy(h[b], states[b], sizeof h[b]);
    keras_loop(&n, "simple_rnn_1", b, false, h[b], y[b]);
  }
  expect_output(&n, 2, &y[0][0][0], BATCH * TIME * UNITS, "all outputs");
  end(&n);
}

static void backward_outputs_stand_in_backward_order(void **state) {
  (void)state;
  net n;
  begin(&n);
  tensor *all = small_chain(&n.s, n.x, "SimpleRNN(2, go_backwards = true, return_sequences = true)", NULL);
  small_output(&n.s, "all", all);
  small_output(&n.s, "last", small_chain(&n.s, n.x, "SimpleRNN(2, go_backwards = true)", NULL));
  run(&n);
  double h[BATCH][UNITS] = {0}, y[BATCH][TIME][UNITS];
  for (int b = 0; b < BATCH; b++)
    keras_loop(&n, "simple_rnn", b, true, h[b], y[b]);
  expect_output(&n, 0, &y[0][0][0], BATCH * TIME * UNITS, "reversed sequence");
  memset(h, 0, sizeof h);
  for (int b = 0; b < BATCH; b++)
    keras_loop(&n, "simple_rnn_1", b, true, h[b], y[b]);
  expect_output(&n, 1, &h[0][0], BATCH * UNITS, "last output, backwards");
  end(&n);
}

static void both_directions_take_states_and_merge(void **state) {
  (void)state;
  static const char *const modes[] = {"sum", "mul", "ave"};
  for (int m = 0; m < 3; m++) {
    net n;
    begin(&n);
    tensor *initial[] = {small_input(&n.s, "a", TENSOR_REAL, "2"), small_input(&n.s, "b", TENSOR_REAL, "2")};
    char text[96];
    snprintf(text, sizeof text, "Bidirectional(SimpleRNN(2), merge_mode = %s)", modes[m]);
    small_output(&n.s, "y", apply_with_states(&n, small_layer(&n.s, text), initial, 2)->outputs[0]);
    run(&n);
    double other[BATCH][UNITS], y[BATCH][UNITS], steps[TIME][UNITS];
    for (int b = 0; b < BATCH; b++)
      for (int j = 0; j < UNITS; j++)
        other[b][j] = -states[b][j] / 2;
    run_feed(&n.r, "a", &states[0][0]);
    run_feed(&n.r, "b", &other[0][0]);
    for (int b = 0; b < BATCH; b++) {
      double f[UNITS], k[UNITS];
      memcpy(f, states[b], sizeof f);
      memcpy(k, other[b], sizeof k);
      keras_loop(&n, "bidirectional/forward", b, false, f, steps);
      memcpy(f, steps[TIME - 1], sizeof f);
      keras_loop(&n, "bidirectional/backward", b, true, k, steps);
      memcpy(k, steps[TIME - 1], sizeof k);
      for (int j = 0; j < UNITS; j++)
        y[b][j] = m == 0 ? f[j] + k[j] : m == 1 ? f[j] * k[j] : (f[j] + k[j]) / 2;
    }
    expect_output(&n, 0, &y[0][0], BATCH * UNITS, modes[m]);
    end(&n);
  }
}

// Padding takes part in a maximum, with what Keras has there.
static void maxima_see_the_fill(void **state) {
  (void)state;
  net n;
  begin(&n);
  small_output(&n.s, "rnn",
               small_chain(&n.s, n.x, "SimpleRNN(2, return_sequences = true)", "GlobalMaxPooling1D()", NULL));
  small_output(&n.s, "embedding", small_chain(&n.s, n.x, "GlobalMaxPooling1D()", NULL));
  small_output(&n.s, "both",
               small_chain(&n.s, n.x,
                           "Bidirectional(SimpleRNN(2, return_sequences = true), merge_mode = sum)",
                           "GlobalMaxPooling1D(keepdims = true)", NULL));
  run(&n);
  double y[BATCH][UNITS], e[BATCH][FEATURES], both[BATCH][UNITS];
  for (int b = 0; b < BATCH; b++) {
    double h[UNITS] = {0}, k[UNITS] = {0}, steps[TIME][UNITS], back[TIME][UNITS];
    keras_loop(&n, "simple_rnn", b, false, h, steps);
    for (int j = 0; j < UNITS; j++) {
      y[b][j] = steps[0][j];
      for (int t = 1; t < TIME; t++)
        y[b][j] = fmax(y[b][j], steps[t][j]);
    }
    for (int j = 0; j < FEATURES; j++) {
      e[b][j] = -INFINITY;
      for (int t = 0; t < TIME; t++)
        e[b][j] = fmax(e[b][j], embedding_row(&n, ids[b][t])[j]);
    }
    memset(h, 0, sizeof h);
    keras_loop(&n, "bidirectional/forward", b, false, h, steps);
    keras_loop(&n, "bidirectional/backward", b, true, k, back);
    for (int j = 0; j < UNITS; j++) {
      both[b][j] = -INFINITY;
      for (int t = 0; t < TIME; t++)
        both[b][j] = fmax(both[b][j], ids[b][t] != 0 ? steps[t][j] + back[TIME - 1 - t][j] : 0);
    }
  }
  expect_output(&n, 0, &y[0][0], BATCH * UNITS, "over a repeated output");
  expect_output(&n, 1, &e[0][0], BATCH * FEATURES, "over embeddings");
  expect_output(&n, 2, &both[0][0], BATCH * UNITS, "over zeros");
  end(&n);
}

static void a_recurrence_runs_over_steps_of_steps(void **state) {
  (void)state;
  net n;
  begin(&n);
  tensor *x = small_input(&n.s, "x", TENSOR_REAL, "2, 4, 3");
  small_output(&n.s, "y", small_chain(&n.s, x, "TimeDistributed(SimpleRNN(2))", NULL));
  run(&n);
  double data[BATCH][2][4][FEATURES], y[BATCH][2][UNITS] = {0};
  for (size_t i = 0; i < sizeof data / sizeof(double); i++)
    (&data[0][0][0][0])[i] = cos(0.9 * (double)i);
  run_feed(&n.r, "x", &data[0][0][0][0]);
  for (int b = 0; b < BATCH; b++)
    for (int s = 0; s < 2; s++)
      for (int t = 0; t < 4; t++)
        rnn_step(&n, "time_distributed", data[b][s][t], y[b][s]);
  expect_output(&n, 0, &y[0][0][0], BATCH * 2 * UNITS, "time distributed");
  end(&n);
}

static value *tensor_value(net *n, tensor *t) {
  value *v = ARENA_NEW(n->s.u->mem, value);
  *v = (value){.kind = VALUE_OBJECT, .object = t, .text = "a tensor"};
  return v;
}

static void operators_take_numbers_on_either_side(void **state) {
  (void)state;
  net n;
  begin(&n);
  model *m = n.s.m;
  const value *x = tensor_value(&n, n.x), *number = value_parse_literal(n.s.u->mem, "0.25");
  small_output(&n.s, "minus", model_apply_operator(m, "-", number, x, (span){0}));
  small_output(&n.s, "over", model_apply_operator(m, "/", x, number, (span){0}));
  tensor *less = model_apply_operator(m, "<", x, number, (span){0});
  value *call = value_parse_literal(n.s.u->mem, "Where(a, b, 0.5)");
  call->items[0] = tensor_value(&n, less);
  call->items[1] = tensor_value(&n, n.x);
  small_output(&n.s, "chosen", model_apply_function(m, "Where", call, NULL, 0, (span){0}));
  tensor *pooled = small_chain(&n.s, n.x, "GlobalAveragePooling1D()", NULL);
  small_output(&n.s, "spread", model_apply_operator(m, "*", x, tensor_value(&n, pooled), (span){0}));
  run(&n);
  double minus[BATCH][TIME][FEATURES], over[BATCH][TIME][FEATURES], chosen[BATCH][TIME][FEATURES];
  double spread[BATCH][TIME][FEATURES];
  for (int b = 0; b < BATCH; b++)
    for (int j = 0; j < FEATURES; j++) {
      double sum = 0, count = 0;
      for (int t = 0; t < TIME; t++) {
        double v = embedding_row(&n, ids[b][t])[j];
        minus[b][t][j] = 0.25 - v;
        over[b][t][j] = v / 0.25;
        chosen[b][t][j] = v < 0.25 ? v : 0.5;
        spread[b][t][j] = v;
        sum += ids[b][t] != 0 ? v : 0;
        count += ids[b][t] != 0;
      }
      for (int t = 0; t < TIME; t++)
        spread[b][t][j] *= count > 0 ? sum / count : 0;
    }
  expect_output(&n, 0, &minus[0][0][0], BATCH * TIME * FEATURES, "number - tensor");
  expect_output(&n, 1, &over[0][0][0], BATCH * TIME * FEATURES, "tensor / number");
  expect_output(&n, 2, &chosen[0][0][0], BATCH * TIME * FEATURES, "Where");
  expect_output(&n, 3, &spread[0][0][0], BATCH * TIME * FEATURES, "(batch, features) at every step");
  end(&n);
}

// Masks joined along time, and a mask by value.
static void masks_are_joined_and_made_by_value(void **state) {
  (void)state;
  net n;
  begin(&n);
  tensor *x = small_input(&n.s, "x", TENSOR_REAL, "2, 3");
  tensor *joined = small_apply(&n.s, small_layer(&n.s, "Concatenate(axis = 1)"), 2, n.x, x);
  small_output(&n.s, "joined", small_chain(&n.s, joined, "GlobalAveragePooling1D()", NULL));
  small_output(&n.s, "masked",
               small_chain(&n.s, x, "Masking(mask_value = 2.0)", "GlobalAveragePooling1D()", NULL));
  run(&n);
  const double data[BATCH][2][FEATURES] = {
      {{2, 2, 2}, {2, 1, 2}}, {{2, 2, 2}, {2, 2, 2}}, {{1, 3, 5}, {0, -1, 1}}, {{0, 0, 0}, {2, 2, 2}}};
  run_feed(&n.r, "x", &data[0][0][0]);
  double mean[BATCH][FEATURES], masked[BATCH][FEATURES];
  for (int b = 0; b < BATCH; b++)
    for (int j = 0; j < FEATURES; j++) {
      double sum = data[b][0][j] + data[b][1][j], count = 2, kept = 0, valid = 0;
      for (int t = 0; t < TIME; t++)
        if (ids[b][t] != 0) {
          sum += embedding_row(&n, ids[b][t])[j];
          count++;
        }
      for (int t = 0; t < 2; t++) {
        const double *row = data[b][t];
        if (row[0] == 2 && row[1] == 2 && row[2] == 2)
          continue;
        kept += row[j];
        valid++;
      }
      mean[b][j] = sum / count;
      masked[b][j] = valid > 0 ? kept / valid : 0;
    }
  expect_output(&n, 0, &mean[0][0], BATCH * FEATURES, "joined along time");
  expect_output(&n, 1, &masked[0][0], BATCH * FEATURES, "masked by value");
  end(&n);
}

// ---- activations, from their definitions

static double f_relu(double x) {
  return x > 0 ? x : 0;
}
static double f_relu6(double x) {
  return x < 0 ? 0 : x > 6 ? 6 : x;
}
static double f_sigmoid(double x) {
  return 1 / (1 + exp(-x));
}
static double f_linear(double x) {
  return x;
}
static double f_elu(double x) {
  return x > 0 ? x : expm1(x);
}
static double f_selu(double x) {
  return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x));
}
static double f_softplus(double x) {
  return x > 30 ? x + exp(-x) : log1p(exp(x));
}
static double f_log_sigmoid(double x) {
  return -f_softplus(-x);
}
static double f_softsign(double x) {
  return x / (1 + fabs(x));
}
static double f_silu(double x) {
  return x / (1 + exp(-x));
}
static double f_gelu(double x) {
  return x * erfc(-x / sqrt(2)) / 2;
}
static double f_hard_sigmoid(double x) {
  return x <= -3 ? 0 : x >= 3 ? 1 : x / 6 + 0.5;
}
static double f_hard_silu(double x) {
  return x * f_hard_sigmoid(x);
}
static double f_mish(double x) {
  return x * tanh(f_softplus(x));
}
static double f_leaky_relu(double x) {
  return x > 0 ? x : 0.2 * x;
}

static void activations_follow_their_definitions(void **state) {
  (void)state;
  static const struct {
    const char *name;
    double (*f)(double);
  } table[] = {{"relu", f_relu},
               {"relu6", f_relu6},
               {"sigmoid", f_sigmoid},
               {"tanh", tanh},
               {"linear", f_linear},
               {"elu", f_elu},
               {"selu", f_selu},
               {"softplus", f_softplus},
               {"log_sigmoid", f_log_sigmoid},
               {"softsign", f_softsign},
               {"silu", f_silu},
               {"swish", f_silu},
               {"gelu", f_gelu},
               {"hard_sigmoid", f_hard_sigmoid},
               {"hard_silu", f_hard_silu},
               {"exponential", exp},
               {"mish", f_mish},
               {"leaky_relu", f_leaky_relu},
               {"softmax", NULL},
               {"log_softmax", NULL}};
  enum { POINTS = 9 };
  static const double x[POINTS] = {-40, -3, -1.5, -0.25, 0, 0.125, 1, 3.5, 40};
  size_t known = 0;
  while (activation_names()[known])
    known++;
  assert_int_equal(known, sizeof table / sizeof *table);
  for (size_t i = 0; i < known; i++) {
    net n;
    small_model_begin(&n.s, "net");
    char text[64];
    snprintf(text, sizeof text, "Activation(%s)", table[i].name);
    small_output(&n.s, "y", small_chain(&n.s, small_input(&n.s, "x", TENSOR_REAL, "9"), text, NULL));
    run_begin(&n.r, &n.s, PROGRAM_INFER);
    run_extent(&n.r, "batch", 1);
    run_feed(&n.r, "x", x);
    double y[POINTS], sum = 0;
    for (int k = 0; k < POINTS; k++)
      sum += exp(x[k] - 40);
    for (int k = 0; k < POINTS; k++)
      y[k] = table[i].f                              ? table[i].f(x[k])
             : strcmp(table[i].name, "softmax") == 0 ? exp(x[k] - 40) / sum
                                                     : x[k] - 40 - log(sum);
    expect_output(&n, 0, y, POINTS, table[i].name);
    end(&n);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(initial_states_honour_masks),
      cmocka_unit_test(backward_outputs_stand_in_backward_order),
      cmocka_unit_test(both_directions_take_states_and_merge),
      cmocka_unit_test(maxima_see_the_fill),
      cmocka_unit_test(a_recurrence_runs_over_steps_of_steps),
      cmocka_unit_test(operators_take_numbers_on_either_side),
      cmocka_unit_test(masks_are_joined_and_made_by_value),
      cmocka_unit_test(activations_follow_their_definitions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
