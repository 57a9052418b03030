// Every layer lowers to a sound graph, masked and unmasked, for prediction and for training.
#include "tests/unit/layer_fixture.h"

static size_t count_ops(const program *p, op_code op) {
  size_t n = 0;
  for (size_t i = 0; i < p->g->n_nodes; i++)
    n += p->g->nodes[i]->op == op;
  return n;
}

static program *lower_and_verify(fixture *f, program_inputs *inputs) {
  expect_messages(f, "");
  program *p = lower_program(f->m, inputs, PROGRAM_INFER, NULL);
  node **roots = ARENA_ARRAY(f->u->mem, node *, p->roots.len);
  for (size_t i = 0; i < p->roots.len; i++)
    roots[i] = p->roots.data[i].value;
  const char *fault = graph_verify(p->g, roots, p->roots.len);
  assert_string_equal(fault ? fault : "", "");
  for (size_t i = 0; i < p->roots.len; i++)
    if (p->roots.data[i].role == ROOT_OUTPUT)
      assert_true(shape_equal(&roots[i]->shape, &f->m->outputs.data[p->roots.data[i].index].value->shape));
  return p;
}

static void lower_one(fixture *f, tensor *y) {
  model_add_output(f->m, "y", y, (span){0});
  program_inputs *inputs = program_inputs_of(f->m);
  program_free(lower_and_verify(f, inputs));
  program_inputs_free(inputs);
}

static const char *const sequence_layers[] = {
    "SimpleRNN(2)",
    "SimpleRNN(2, return_sequences = true)",
    "LSTM(2)",
    "LSTM(2, return_sequences = true, dropout = 0.5, recurrent_dropout = 0.5)",
    "LSTM(2, go_backwards = true)",
    "LSTM(2, go_backwards = true, return_sequences = true)",
    "LSTM(2, go_backwards = true, return_sequences = true, return_state = true)",
    "GRU(2, return_state = true)",
    "GRU(2, reset_after = false, use_bias = false)",
    "GRU(2, reset_after = false, return_sequences = true)",
    "Dense(2, activation = softmax)",
    "Dropout(0.5)",
    "Activation(gelu)",
    "GlobalAveragePooling1D()",
    "GlobalAveragePooling1D(keepdims = true)",
    "Masking()",
};

static void sequence_layers_lower(void **state) {
  (void)state;
  for (int masked = 0; masked < 2; masked++)
    for (size_t i = 0; i < sizeof sequence_layers / sizeof *sequence_layers; i++) {
      fixture f = fixture_new();
      tensor *ids = input(&f, "words", TENSOR_INT, "time");
      tensor *x = apply_new(&f, masked ? "Embedding(7, 3, mask_zero = true)" : "Embedding(7, 3)", ids);
      lower_one(&f, apply_new(&f, sequence_layers[i], x));
      fixture_free(&f);
    }
}

static const char *const wrappers[][2] = {
    {"Bidirectional(inner)", "LSTM(2)"},
    {"Bidirectional(inner)", "LSTM(2, return_sequences = true, return_state = true)"},
    {"Bidirectional(inner, merge_mode = none)", "GRU(2, return_sequences = true)"},
    {"Bidirectional(inner, merge_mode = ave)", "SimpleRNN(2)"},
    {"Bidirectional(inner, merge_mode = mul)", "SimpleRNN(2, return_sequences = true)"},
    {"TimeDistributed(inner)", "Dense(2, activation = relu)"},
    {"TimeDistributed(inner)", "Dropout(0.5)"},
    {"TimeDistributed(inner)", "Flatten()"},
};

static void wrappers_lower(void **state) {
  (void)state;
  for (int masked = 0; masked < 2; masked++)
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
      fixture f = fixture_new();
      tensor *ids = input(&f, "words", TENSOR_INT, "time");
      tensor *x = apply_new(&f, masked ? "OneHot(7, mask_zero = true)" : "OneHot(7)", ids);
      layer *l = make_wrapping(&f, wrappers[i][0], make(&f, wrappers[i][1]), NULL);
      lower_one(&f, apply(&f, l, x));
      fixture_free(&f);
    }
}

static void a_recurrence_over_steps_of_steps_lowers(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = input(&f, "x", TENSOR_REAL, "time 4 3");
  tensor *y = apply(&f, make_wrapping(&f, "TimeDistributed(inner)", make(&f, "LSTM(2)"), NULL), x);
  expect_shape(y, "(batch, time, 2)");
  assert_string_equal(f.m->weights.data[0]->name, "time_distributed/kernel");
  lower_one(&f, y);
  fixture_free(&f);
}

static void mask_blind_layers_lower(void **state) {
  (void)state;
  static const char *const before[] = {"Dropout(0.5)", "GRU(3, return_sequences = true)", "Dense(3)"};
  static const char *const after[] = {"GlobalMaxPooling1D()", "Flatten()"};
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 2; k++) {
      fixture f = fixture_new();
      tensor *x = apply_new(&f, "Embedding(7, 3, mask_zero = true)", input(&f, "words", TENSOR_INT, "4"));
      model_add_output(f.m, "y", apply_new(&f, after[k], apply_new(&f, before[i], x)), (span){0});
      assert_int_equal(diags_warnings(f.d), 1);
      program_inputs *inputs = program_inputs_of(f.m);
      program *p = lower_program(f.m, inputs, PROGRAM_INFER, NULL);
      node *root = p->roots.data[0].value;
      assert_null(graph_verify(p->g, &root, 1));
      program_free(p);
      program_inputs_free(inputs);
      fixture_free(&f);
    }
}

static void merges_lower(void **state) {
  (void)state;
  static const char *const merges[] = {"Add()",     "Subtract()", "Multiply()",    "Average()",
                                       "Maximum()", "Minimum()",  "Concatenate()", "Concatenate(axis = 1)"};
  for (int kind = 0; kind < 3; kind++) // unmasked, one mask, two masks
    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
      fixture f = fixture_new();
      tensor *ids = input(&f, "words", TENSOR_INT, "time");
      const char *embedding = kind ? "Embedding(7, 3, mask_zero = true)" : "Embedding(7, 3)";
      tensor *a = apply_new(&f, embedding, ids);
      tensor *b =
          apply_new(&f, kind == 2 ? embedding : "GRU(3, return_sequences = true)", kind == 2 ? ids : a);
      tensor *y = apply_two(&f, make(&f, merges[i]), a, b);
      lower_one(&f, apply_new(&f, "LSTM(2)", y));
      fixture_free(&f);
    }
}

static void operators_and_functions_lower(void **state) {
  (void)state;
  static const char *const operators[] = {"+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!="};
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
    fixture f = fixture_new();
    tensor *x = apply_new(&f, "Embedding(7, 3, mask_zero = true)", input(&f, "words", TENSOR_INT, "time"));
    value *half = value_parse_literal(f.u->mem, "0.5");
    tensor *left = model_apply_operator(f.m, operators[i], half, object(&f, x, 0), next_place(&f));
    assert_ptr_equal(left->mask_source, x);
    tensor *right = model_apply_operator(f.m, operators[i], object(&f, x, 0), half, next_place(&f));
    lower_one(&f, operate(&f, operators[i], left, right));
    fixture_free(&f);
  }
  for (size_t i = 0; function_table[i]; i++) {
    fixture f = fixture_new();
    tensor *x = apply_new(&f, "Embedding(7, 3, mask_zero = true)", input(&f, "words", TENSOR_INT, "time"));
    tensor *inputs[] = {x, x, x};
    int n = function_table[i]->max_inputs;
    lower_one(&f, model_apply_function(f.m, function_table[i]->snake, NULL, inputs, n, next_place(&f)));
    fixture_free(&f);
  }
}

static void states_and_broadcasts_lower(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = apply_new(&f, "Embedding(7, 3, mask_zero = true)", input(&f, "words", TENSOR_INT, "time"));
  layer *encoder = make(&f, "LSTM(3, return_state = true)");
  const application *app = layer_apply(encoder, &x, 1, NULL, NULL, 0, next_place(&f));
  value *states = value_parse_literal(f.u->mem, "[h, c]");
  for (int k = 0; k < 2; k++)
    states->items[k] = object(&f, app->outputs[k + 1], 0);
  const char *name = "initial_state";
  tensor *scaled = operate(&f, "*", x, app->outputs[0]); // (batch, time, 3) * (batch, 3)
  assert_int_equal(scaled->mask, MASK_DESTROYED);
  const application *last = layer_apply(make(&f, "LSTM(3)"), &x, 1, &name, &states, 1, next_place(&f));
  model_add_output(f.m, "a", last->outputs[0], (span){0});
  model_add_output(f.m, "b", scaled, (span){0});
  program_inputs *inputs = program_inputs_of(f.m);
  program *p = lower_program(f.m, inputs, PROGRAM_INFER, NULL);
  node *roots[] = {p->roots.data[0].value, p->roots.data[1].value};
  assert_null(graph_verify(p->g, roots, 2));
  assert_int_equal(count_ops(p, OP_SCAN), 2);
  assert_int_equal(count_ops(p, OP_PACK), 1);
  program_free(p);
  program_inputs_free(inputs);
  fixture_free(&f);
}

// (batch, 5) under a mask: what works on the last axis works along the steps.
static void steps_as_features_lower(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = apply_new(&f, "Embedding(7, 3, mask_zero = true)", input(&f, "words", TENSOR_INT, "5"));
  tensor *mean = model_apply_function(f.m, "mean", NULL, &x, 1, next_place(&f));
  expect_shape(mean, "(batch, 5)");
  assert_int_equal(mean->mask, MASK_VALID);
  tensor *weights = model_apply_function(f.m, "softmax", NULL, &mean, 1, next_place(&f));
  expect_messages(&f, "");
  tensor *y = apply_new(&f, "Dense(2)", weights);
  assert_int_equal(y->mask, MASK_DESTROYED);
  assert_int_equal(diags_warnings(f.d), 1);
  model_add_output(f.m, "y", y, (span){0});
  program_inputs *inputs = program_inputs_of(f.m);
  program *p = lower_program(f.m, inputs, PROGRAM_INFER, NULL);
  assert_null(graph_verify(p->g, &p->roots.data[0].value, 1));
  program_free(p);
  program_inputs_free(inputs);
  fixture_free(&f);
}

static void applications_draw_different_numbers(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = input(&f, "x", TENSOR_REAL, "3");
  layer *dropout = make(&f, "Dropout(0.5)");
  apply(&f, dropout, x);
  apply(&f, dropout, x);
  uint64_t first = layer_stream(dropout->applications.data[0], "dropout");
  assert_true(first == layer_stream(dropout->applications.data[0], "dropout"));
  assert_true(first != layer_stream(dropout->applications.data[1], "dropout"));
  assert_true(first != layer_stream(dropout->applications.data[0], "input"));
  const layer *other = apply_new(&f, "Dropout(0.5)", x)->source->layer;
  assert_true(first != layer_stream(other->applications.data[0], "dropout"));
  fixture_free(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sequence_layers_lower),
      cmocka_unit_test(wrappers_lower),
      cmocka_unit_test(a_recurrence_over_steps_of_steps_lowers),
      cmocka_unit_test(mask_blind_layers_lower),
      cmocka_unit_test(merges_lower),
      cmocka_unit_test(operators_and_functions_lower),
      cmocka_unit_test(states_and_broadcasts_lower),
      cmocka_unit_test(steps_as_features_lower),
      cmocka_unit_test(applications_draw_different_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
