// Shapes, masks, parameters and names of layers; expected values are computed by hand from Keras's rules.
#include "tests/unit/layer_fixture.h"

static void the_sentiment_model_has_5194049_parameters(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = input(&f, "review", TENSOR_TEXT, "");
  x = apply_new(&f, "TextVectorization(20000, output_sequence_length = 600)", x);
  expect_shape(x, "(batch, 600)");
  assert_int_equal(x->type, TENSOR_INT);
  x = apply_new(&f, "Embedding(20000, 256, mask_zero = true)", x);
  expect_shape(x, "(batch, 600, 256)");
  assert_int_equal(x->mask, MASK_VALID);
  assert_int_equal(layer_param_count(x->source->layer, false), 5120000);
  x = apply(&f, make_wrapping(&f, "Bidirectional(inner)", make(&f, "LSTM(32)"), NULL), x);
  expect_shape(x, "(batch, 64)");
  assert_int_equal(x->mask, MASK_NONE);
  assert_int_equal(layer_param_count(x->source->layer, false), 73984); // 2 * 4 * (32 * (256 + 32) + 32)
  x = apply_new(&f, "Dropout(0.5)", x);
  x = apply_new(&f, "Dense(1, activation = sigmoid)", x);
  expect_shape(x, "(batch, 1)");
  assert_int_equal(layer_param_count(x->source->layer, false), 65);
  assert_int_equal(all_params(f.m, false), 5194049);
  const char *names[] = {"review", "text_vectorization", "embedding", "bidirectional", "dropout", "dense"};
  assert_int_equal(f.m->layers.len, 6);
  for (int i = 0; i < 6; i++)
    assert_string_equal(f.m->layers.data[i]->name, names[i]);
  const char *weights[] = {"embedding/embeddings",
                           "bidirectional/forward/kernel",
                           "bidirectional/forward/recurrent_kernel",
                           "bidirectional/forward/bias",
                           "bidirectional/backward/kernel",
                           "bidirectional/backward/recurrent_kernel",
                           "bidirectional/backward/bias",
                           "dense/kernel",
                           "dense/bias"};
  assert_int_equal(f.m->weights.len, 9);
  for (int i = 0; i < 9; i++)
    assert_string_equal(f.m->weights.data[i]->name, weights[i]);
  expect_messages(&f, "");
  fixture_free(&f);
}

static void one_hot_gives_5128513_parameters(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = apply_new(&f, "TextVectorization(20000, output_sequence_length = 600)",
                        input(&f, "review", TENSOR_TEXT, ""));
  x = apply_new(&f, "OneHot(20000)", x);
  expect_shape(x, "(batch, 600, 20000)");
  x = apply(&f, make_wrapping(&f, "Bidirectional(inner)", make(&f, "LSTM(32)"), NULL), x);
  assert_int_equal(layer_param_count(x->source->layer, false), 5128448);
  apply_new(&f, "Dense(1, activation = sigmoid)", apply_new(&f, "Dropout(0.5)", x));
  assert_int_equal(all_params(f.m, false), 5128513);
  expect_messages(&f, "");
  fixture_free(&f);
}

static void frozen_vectors_leave_34113_trainable(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = apply_new(&f, "TextVectorization(20000, output_sequence_length = 600)",
                        input(&f, "review", TENSOR_TEXT, ""));
  x = apply_new(&f, "Embedding(20000, 100, weights = \"glove.txt\", trainable = false, mask_zero = true)", x);
  x = apply(&f, make_wrapping(&f, "Bidirectional(inner)", make(&f, "LSTM(32)"), NULL), x);
  apply_new(&f, "Dense(1, activation = sigmoid)", apply_new(&f, "Dropout(0.5)", x));
  assert_int_equal(all_params(f.m, false), 2034113);
  assert_int_equal(all_params(f.m, true), 34113);
  assert_string_equal(f.m->weights.data[0]->pretrained, "glove.txt");
  assert_false(f.m->weights.data[0]->trainable);
  fixture_free(&f);
}

static void recurrent_parameters_follow_keras(void **state) {
  (void)state;
  static const struct {
    const char *call;
    int64_t params;
  } cases[] = {{"SimpleRNN(4)", 4 * (3 + 4) + 4},
               {"LSTM(4)", 4 * (4 * (3 + 4) + 4)},
               {"LSTM(4, use_bias = false)", 4 * 4 * (3 + 4)},
               {"GRU(4)", 3 * (4 * (3 + 4) + 2 * 4)},
               {"GRU(4, reset_after = false)", 3 * (4 * (3 + 4) + 4)}};
  fixture f = fixture_new();
  tensor *x = input(&f, "x", TENSOR_REAL, "time 3");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(layer_param_count(apply_new(&f, cases[i].call, x)->source->layer, false),
                     cases[i].params);
  const layer *gru = f.m->layers.data[4];
  assert_string_equal(gru->name, "gru");
  assert_string_equal(gru->weights.data[2]->name, "gru/bias");
  assert_int_equal(gru->weights.data[2]->shape.rank, 2);
  fixture_free(&f);
}

static void masks_follow_the_layers(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *e = apply_new(&f, "Embedding(10, 4, mask_zero = true)", input(&f, "words", TENSOR_INT, "time"));
  assert_ptr_equal(e->mask_source, e);
  tensor *d = apply_new(&f, "Dense(4)", e);
  assert_ptr_equal(d->mask_source, e);
  tensor *h = apply_new(&f, "LSTM(4, return_sequences = true)", d);
  assert_ptr_equal(h->mask_source, e);
  tensor *t = apply(&f, make_wrapping(&f, "TimeDistributed(inner)", make(&f, "Dense(2)"), NULL), h);
  assert_ptr_equal(t->mask_source, e);
  expect_shape(t, "(batch, time, 2)");
  assert_string_equal(t->source->layer->weights.len ? ""
                                                    : t->source->layer->children[0]->weights.data[0]->name,
                      "time_distributed/kernel");
  assert_int_equal(apply_new(&f, "GlobalAveragePooling1D()", h)->mask, MASK_NONE);
  assert_int_equal(apply_new(&f, "LSTM(4)", h)->mask, MASK_NONE);
  assert_ptr_equal(operate(&f, "+", e, h)->mask_source, e);
  assert_int_equal(f.line, 8);
  assert_int_equal(diags_warnings(f.d), 0);
  tensor *flat = apply_new(&f, "Flatten()", e);
  assert_int_equal(flat->mask, MASK_DESTROYED);
  expect_shape(flat, "(batch, 4 * time)");
  assert_int_equal(apply_new(&f, "Dense(2)", operate(&f, "*", flat, flat))->mask, MASK_NONE);
  expect_messages(
      &f,
      "f:9:1: warning: Flatten cannot use the mask that Embedding made (line 2): padding enters the result\n"
      "help: pool with GlobalAveragePooling1D, which skips padding, or leave mask_zero out\n"
      "f:11:1: error: Dense got a tensor of shape (batch, 4 * time); the size of its weights depends on "
      "'4 * time', which must be a number\n"
      "f:9:1: note: Flatten removed the time axis here: (batch, time, 4) became (batch, 4 * time)\n"
      "help: give the input a fixed length: int[600], float[600, 3], or output_sequence_length = 600 for "
      "text\n");
  fixture_free(&f);
}

static void masks_of_several_inputs_are_merged(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *ids = input(&f, "words", TENSOR_INT, "time");
  tensor *a = apply_new(&f, "Embedding(10, 4, mask_zero = true)", ids);
  tensor *b = apply_new(&f, "Embedding(10, 4, mask_zero = true)", ids);
  tensor *plain = apply_new(&f, "Embedding(10, 4)", ids);
  tensor *sum = apply_two(&f, make(&f, "Add()"), a, b);
  assert_ptr_equal(sum->mask_source, sum); // an OR of two masks
  tensor *joined = apply_two(&f, make(&f, "Concatenate()"), a, a);
  expect_shape(joined, "(batch, time, 8)");
  assert_ptr_equal(joined->mask_source, a);
  tensor *longer = apply_two(&f, make(&f, "Concatenate(axis = 1)"), a, plain);
  assert_ptr_equal(longer->mask_source, longer);
  expect_shape(longer, "(batch, 2 * time, 4)");
  assert_int_equal(diags_warnings(f.d), 0);
  assert_int_equal(operate(&f, "+", a, plain)->mask, MASK_DESTROYED);
  expect_messages(
      &f, "f:8:1: warning: Add cannot use the mask that Embedding made (line 2): padding enters the result\n"
          "help: give masks to all operands or to none\n");
  value *call = value_parse_literal(f.u->mem, "Where(a, b, 0)");
  call->items[0] = object(&f, a, 0);
  call->items[1] = object(&f, plain, 0);
  tensor *chosen = model_apply_function(f.m, "Where", call, NULL, 0, next_place(&f));
  assert_int_equal(chosen->mask, MASK_NONE); // silently
  call = value_parse_literal(f.u->mem, "abs(a)");
  call->items[0] = object(&f, a, 0);
  assert_ptr_equal(model_apply_function(f.m, "abs", call, NULL, 0, next_place(&f))->mask_source, a);
  assert_int_equal(diags_warnings(f.d), 1);
  fixture_free(&f);
}

static void a_lost_time_axis_is_explained(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *e = apply_new(&f, "Embedding(10, 256)", input(&f, "words", TENSOR_INT, "time"));
  tensor *pooled = apply_new(&f, "GlobalAveragePooling1D()", e);
  tensor *bad = apply_new(&f, "LSTM(32)", pooled);
  assert_true(tensor_is_poison(bad));
  assert_true(tensor_is_poison(apply_new(&f, "Dense(1)", bad))); // no follow-up
  apply_new(&f, "GRU(8)", apply_new(&f, "LSTM(16)", e));
  expect_messages(&f,
                  "f:4:1: error: LSTM got a tensor of shape (batch, 256); it needs (batch, time, features)\n"
                  "f:3:1: note: GlobalAveragePooling1D removed the time axis here: (batch, time, 256) became "
                  "(batch, 256)\n"
                  "f:7:1: error: GRU got a tensor of shape (batch, 16); it needs (batch, time, features)\n"
                  "f:6:1: note: LSTM removed the time axis here: (batch, time, 256) became (batch, 16)\n"
                  "help: add return_sequences = true to LSTM (line 6)\n");
  fixture_free(&f);
}

static void shared_layers_share_weights_and_check_sizes(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *a = input(&f, "a", TENSOR_REAL, "3"), *b = input(&f, "b", TENSOR_REAL, "3"),
         *c = input(&f, "c", TENSOR_REAL, "5");
  layer *dense = make(&f, "Dense(2)");
  assert_false(tensor_is_poison(apply(&f, dense, a)));
  assert_false(tensor_is_poison(apply(&f, dense, b)));
  assert_int_equal(f.m->weights.len, 2);
  assert_int_equal(dense->applications.len, 2);
  assert_int_equal(dense->applications.data[1]->number, 1);
  assert_int_equal(f.m->layers.len, 4);
  apply(&f, dense, c);
  expect_messages(
      &f,
      "f:6:1: error: Dense got a tensor of shape (batch, 5); its weights, shared with its first use, need 3 "
      "features\n"
      "f:4:1: note: dense was first applied here\n");
  fixture_free(&f);
}

static void a_layer_used_alone_and_wrapped_counts_once(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = input(&f, "x", TENSOR_REAL, "time 3");
  for (int wrapped_first = 0; wrapped_first < 2; wrapped_first++) {
    int64_t before = all_params(f.m, false);
    layer *dense = make(&f, "Dense(2)"), *wrapper = make_wrapping(&f, "TimeDistributed(inner)", dense, NULL);
    apply(&f, wrapped_first ? wrapper : dense, x);
    apply(&f, wrapped_first ? dense : wrapper, x);
    assert_int_equal(dense->weights.len, 2);
    assert_int_equal(all_params(f.m, false), before + 8);
  }
  assert_int_equal(f.m->weights.len, 4);
  expect_messages(&f, "");
  fixture_free(&f);
}

static void names_are_numbered_in_order_of_first_application(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = input(&f, "x", TENSOR_REAL, "time 3");
  layer *early = make(&f, "LSTM(2)");
  tensor *y = apply(
      &f, make_wrapping(&f, "Bidirectional(inner)", make(&f, "LSTM(2, return_sequences = true)"), NULL), x);
  apply(&f, early, y);
  assert_string_equal(early->name, "lstm_1"); // the wrapped one took "lstm"
  assert_string_equal(apply_new(&f, "Dense(2, name = \"dense_1\")", x)->source->layer->name, "dense_1");
  assert_string_equal(apply_new(&f, "Dense(2)", x)->source->layer->name, "dense");
  assert_string_equal(apply_new(&f, "Dense(2)", x)->source->layer->name, "dense_2");
  assert_string_equal(operate(&f, "+", x, x)->source->layer->name, "add");
  assert_string_equal(apply_new(&f, "GlobalMaxPooling1D()", x)->source->layer->name, "global_max_pooling1d");
  expect_messages(&f, "");
  apply_new(&f, "Dense(2, name = \"dense\")", x);
  expect_messages(&f, "f:9:1: error: the name 'dense' is already taken\n"
                      "f:5:1: note: 'dense' was named here\n");
  assert_string_equal(model_number_name(f.m, NULL, "encoder"), "encoder");
  assert_string_equal(model_number_name(f.m, "encoder", "dense"), "encoder/dense");
  assert_string_equal(model_number_name(f.m, "encoder", "dense"), "encoder/dense_1");
  fixture_free(&f);
}

static void bidirectional_merges_and_gives_states(void **state) {
  (void)state;
  static const struct {
    const char *call, *inner, *shapes[6];
  } cases[] = {
      {"Bidirectional(inner, merge_mode = sum)", "GRU(4)", {"(batch, 4)"}},
      {"Bidirectional(inner)", "GRU(4, return_sequences = true)", {"(batch, time, 8)"}},
      {"Bidirectional(inner, merge_mode = none)",
       "GRU(4, return_sequences = true)",
       {"(batch, time, 4)", "(batch, time, 4)"}},
      {"Bidirectional(inner)",
       "LSTM(4, return_state = true)",
       {"(batch, 8)", "(batch, 4)", "(batch, 4)", "(batch, 4)", "(batch, 4)"}},
  };
  fixture f = fixture_new();
  tensor *x = input(&f, "x", TENSOR_REAL, "time 3");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    layer *l = make_wrapping(&f, cases[i].call, make(&f, cases[i].inner), NULL);
    const application *app = layer_apply(l, &x, 1, NULL, NULL, 0, next_place(&f));
    int n = 0;
    for (; cases[i].shapes[n]; n++)
      expect_shape(app->outputs[n], cases[i].shapes[n]);
    assert_int_equal(app->n_outputs, n);
  }
  layer *l = make_wrapping(&f, "Bidirectional(inner, backward_layer = other)", make(&f, "SimpleRNN(2)"),
                           make(&f, "SimpleRNN(3, go_backwards = true)"));
  expect_shape(apply(&f, l, x), "(batch, 5)");
  assert_int_equal(layer_param_count(l, false), (2 * 5 + 2) + (3 * 6 + 3));
  expect_messages(&f, "");
  assert_null(make_wrapping(&f, "Bidirectional(inner)", make(&f, "Dense(3)"), NULL));
  assert_int_equal(diags_errors(f.d), 1);
  fixture_free(&f);
}

static void states_are_passed_on_and_checked(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = input(&f, "x", TENSOR_REAL, "time 3");
  layer *encoder = make(&f, "LSTM(4, return_sequences = true, return_state = true)");
  const application *app = layer_apply(encoder, &x, 1, NULL, NULL, 0, next_place(&f));
  assert_int_equal(app->n_outputs, 3);
  expect_shape(app->outputs[2], "(batch, 4)");
  value *states = value_parse_literal(f.u->mem, "[h, c]");
  for (int k = 0; k < 2; k++)
    states->items[k] = object(&f, app->outputs[k + 1], 0);
  const char *name = "initial_state";
  const application *next = layer_apply(make(&f, "LSTM(4)"), &x, 1, &name, &states, 1, next_place(&f));
  expect_shape(next->outputs[0], "(batch, 4)");
  expect_messages(&f, "");
  layer_apply(make(&f, "LSTM(5)"), &x, 1, &name, &states, 1, next_place(&f));
  name = "initial_sate";
  layer_apply(make(&f, "LSTM(4)"), &x, 1, &name, &states, 1, next_place(&f));
  strbuf s = {0};
  diags_print_text(f.d, &s, false);
  assert_non_null(strstr(strbuf_text(&s), "LSTM: initial_state must be 2 tensors of shape (batch, 5)"));
  assert_non_null(
      strstr(strbuf_text(&s), "LSTM has no call argument 'initial_sate'; did you mean 'initial_state'?"));
  assert_int_equal(diags_errors(f.d), 2);
  strbuf_free(&s);
  fixture_free(&f);
}

static void bad_arguments_are_named(void **state) {
  (void)state;
  static const struct {
    const char *call, *message;
  } cases[] = {
      {"Dense(2, activation = sigmod)", "Dense: unknown activation 'sigmod'; did you mean 'sigmoid'?"},
      {"Dense(2, kernel_initializer = glorot_unifrom)",
       "Dense: kernel_initializer: unknown initializer 'glorot_unifrom'; did you mean 'glorot_uniform'?"},
      {"Dense(2, kernel_initializer = RandomUniform(minvl = 1))",
       "RandomUniform has no argument 'minvl'; did you mean 'minval'?"},
      {"TextVectorization(output_mode = tf_idf)",
       "TextVectorization: output_mode = tf_idf needs max_tokens or a vocabulary"},
      {"Dense(2, name = \"a/b\")", "Dense: a layer's name may not be empty or hold '/'"},
      {"Dropout(1.5)", "Dropout: rate must be in [0, 1], found 1.5"},
      {"Dense(0)", "Dense: units must be at least 1, found 0"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fixture f = fixture_new();
    assert_null(make(&f, cases[i].call));
    strbuf s = {0};
    diags_print_text(f.d, &s, false);
    assert_non_null(strstr(strbuf_text(&s), cases[i].message));
    assert_int_equal(diags_errors(f.d), 1);
    strbuf_free(&s);
    fixture_free(&f);
  }
}

static void initializers_have_keras_defaults(void **state) {
  (void)state;
  fixture f = fixture_new();
  initializer init = layer_arg_initializer(make(&f, "Embedding(3, 2)"), "embeddings_initializer");
  assert_int_equal(init.kind, INIT_UNIFORM);
  assert_true(init.a == -0.05 && init.b == 0.05);
  layer *dense = make(
      &f,
      "Dense(3, kernel_initializer = VarianceScaling(scale = 2.0, mode = fan_out, distribution = uniform), "
      "bias_initializer = Constant(0.5))");
  init = layer_arg_initializer(dense, "kernel_initializer");
  assert_int_equal(init.kind, INIT_VARIANCE_SCALING);
  assert_true(init.a == 2 && init.mode == 1 && init.distribution == 0);
  init = layer_arg_initializer(dense, "bias_initializer");
  assert_int_equal(init.kind, INIT_CONSTANT);
  assert_true(init.a == 0.5);
  tensor *x = input(&f, "x", TENSOR_REAL, "time 3");
  const layer *lstm = apply_new(&f, "LSTM(2)", x)->source->layer;
  assert_int_equal(lstm->weights.data[0]->init.kind, INIT_VARIANCE_SCALING);
  assert_int_equal(lstm->weights.data[0]->init.mode, 2);
  assert_int_equal(lstm->weights.data[1]->init.kind, INIT_ORTHOGONAL);
  assert_int_equal(lstm->weights.data[2]->init.kind, INIT_LSTM_BIAS);
  fixture_free(&f);
}

static void operators_broadcast_and_type(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *x = input(&f, "x", TENSOR_REAL, "time 3"), *g = input(&f, "g", TENSOR_REAL, "3");
  tensor *ids = input(&f, "ids", TENSOR_INT, "time");
  expect_shape(operate(&f, "*", x, g), "(batch, time, 3)"); // as Keras: (batch, 1, 3)
  value *n = value_parse_literal(f.u->mem, "5");
  tensor *less = model_apply_operator(f.m, "<", object(&f, ids, 0), n, next_place(&f));
  assert_int_equal(less->type, TENSOR_INT);
  assert_string_equal(less->source->layer->name, "less");
  assert_int_equal(model_apply_operator(f.m, "+", n, object(&f, ids, 0), next_place(&f))->type, TENSOR_INT);
  assert_int_equal(model_apply_operator(f.m, "/", object(&f, ids, 0), n, next_place(&f))->type, TENSOR_REAL);
  tensor *other = input(&f, "y", TENSOR_REAL, "steps 3");
  expect_messages(&f, "");
  assert_true(tensor_is_poison(operate(&f, "+", x, other)));
  assert_int_equal(diags_errors(f.d), 1);
  fixture_free(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_sentiment_model_has_5194049_parameters),
      cmocka_unit_test(one_hot_gives_5128513_parameters),
      cmocka_unit_test(frozen_vectors_leave_34113_trainable),
      cmocka_unit_test(recurrent_parameters_follow_keras),
      cmocka_unit_test(masks_follow_the_layers),
      cmocka_unit_test(masks_of_several_inputs_are_merged),
      cmocka_unit_test(a_lost_time_axis_is_explained),
      cmocka_unit_test(shared_layers_share_weights_and_check_sizes),
      cmocka_unit_test(a_layer_used_alone_and_wrapped_counts_once),
      cmocka_unit_test(names_are_numbered_in_order_of_first_application),
      cmocka_unit_test(bidirectional_merges_and_gives_states),
      cmocka_unit_test(states_are_passed_on_and_checked),
      cmocka_unit_test(bad_arguments_are_named),
      cmocka_unit_test(initializers_have_keras_defaults),
      cmocka_unit_test(operators_broadcast_and_type),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
