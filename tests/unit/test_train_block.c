// Train blocks: what is taken, and what is said about mistakes.
#include "tests/unit/small_model.h"
#include <stdio.h>
#include <string.h>

// A model with one output of `units` units behind the activation.
static void begin_dense(small_model *s, const char *dense) {
  small_model_begin(s, "net");
  tensor *x = small_input(s, "x", TENSOR_REAL, "4");
  small_output(s, "y", small_chain(s, x, dense, NULL));
}

static void begin_two(small_model *s) {
  small_model_begin(s, "net");
  tensor *x = small_input(s, "x", TENSOR_REAL, "4");
  small_output(s, "sentiment", small_chain(s, x, "Dense(1, activation = sigmoid)", NULL));
  small_output(s, "stars", small_chain(s, x, "Dense(1)", NULL));
}

static void refused(const char *dense, const char *settings, const char *expected) {
  small_model s;
  begin_dense(&s, dense);
  assert_null(small_train(&s, settings));
  const char *said = small_diagnostics(&s);
  if (!strstr(said, expected))
    fail_msg("train(%s) should say '%s', said:\n%s", settings, expected, said);
  assert_null(s.m->training);
  small_model_end(&s);
}

static void warned(const char *dense, const char *settings, const char *expected) {
  small_model s;
  begin_dense(&s, dense);
  train_config *c = small_train(&s, settings);
  assert_non_null(c);
  const char *said = small_diagnostics(&s);
  assert_int_equal(diags_warnings(s.d), expected != NULL);
  if (expected && !strstr(said, expected))
    fail_msg("train(%s) should say '%s', said:\n%s", settings, expected, said);
  train_config_free(c);
  small_model_end(&s);
}

static void defaults_are_keras(void **state) {
  (void)state;
  small_model s;
  begin_dense(&s, "Dense(1)");
  train_config *c = small_train(&s, "loss = mse");
  assert_non_null(c);
  assert_ptr_equal(s.m->training, c);
  assert_string_equal(c->optimizer.entry->name, "rmsprop");
  assert_float_equal(c->optimizer.args[0]->number, 0.001, 0);
  assert_string_equal(c->losses[0]->name, "mse");
  assert_int_equal(c->epochs, 1);
  assert_int_equal(c->batch_size, 32);
  assert_true(c->shuffle);
  assert_false(c->has_seed);
  assert_float_equal(c->validation_split, 0, 0);
  assert_float_equal(c->loss_weights[0], 1, 0);
  train_config_free(c);
  small_model_end(&s);
}

static void all_settings_are_read(void **state) {
  (void)state;
  small_model s;
  begin_two(&s);
  train_config *c =
      small_train(&s, "optimizer = SGD(learning_rate = 0.5), loss = {sentiment: BinaryCrossentropy("
                      "label_smoothing = 0.1), stars: mean_squared_error}, loss_weights = {stars: 0.25}, "
                      "metrics = {sentiment: [accuracy]}, epochs = 7, batch_size = 5, shuffle = false, "
                      "validation_split = 0.2, seed = 9, callbacks = [EarlyStopping(patience = 3)]");
  if (!c)
    fail_msg("%s", small_diagnostics(&s));
  assert_string_equal(c->optimizer.entry->name, "sgd");
  assert_float_equal(c->optimizer.args[0]->number, 0.5, 0);
  assert_string_equal(c->losses[0]->name, "binary_crossentropy");
  assert_float_equal(c->loss_args[0][1]->number, 0.1, 0);
  assert_string_equal(c->losses[1]->name, "mse");
  assert_float_equal(c->loss_weights[0], 1, 0);
  assert_float_equal(c->loss_weights[1], 0.25, 0);
  assert_int_equal(c->metrics[0].len, 1);
  assert_int_equal(c->metrics[1].len, 0);
  assert_int_equal(c->epochs, 7);
  assert_int_equal(c->batch_size, 5);
  assert_false(c->shuffle);
  assert_true(c->has_seed);
  assert_int_equal(c->seed, 9);
  assert_int_equal(c->callbacks.len, 1);
  assert_int_equal(c->callbacks.data[0].args[0]->integer, 3);
  train_config_free(c);
  small_model_end(&s);
}

static void unknown_names_are_told(void **state) {
  (void)state;
  const char *one = "Dense(1, activation = sigmoid)";
  refused(one, "loss = binary_crosentropy",
          "unknown loss 'binary_crosentropy'; did you mean 'binary_crossentropy'?");
  refused(one, "loss = mse, optimizer = rmsporp", "unknown optimizer 'rmsporp'; did you mean 'rmsprop'?");
  refused(one, "loss = mse, metrics = [acuracy]", "unknown metric 'acuracy'; did you mean 'accuracy'?");
  refused(one, "loss = mse, callbacks = [EarlyStoping()]", "did you mean 'EarlyStopping'?");
  refused(one, "loss = mse, epoch = 3", "did you mean 'epochs'?");
  refused(one, "loss = mse, epochs = 0", "epochs must be at least 1, found 0");
  refused(one, "loss = mse, optimizer = SGD(rate = 1)", "SGD has no argument 'rate'");
  refused(one, "loss = {z: mse}", "a loss for 'z', but model 'net' has no such output");
  refused(one, "loss = 3", "loss must be a name or a call, found an integer");
}

static const char *loss_of(const char *dense, const char *settings) {
  small_model s;
  begin_dense(&s, dense);
  train_config *c = small_train(&s, settings);
  if (!c)
    fail_msg("train(%s) said:\n%s", settings, small_diagnostics(&s));
  const char *name = c->losses[0]->name;
  train_config_free(c);
  small_model_end(&s);
  return name;
}

static void names_are_keras(void **state) {
  (void)state;
  assert_string_equal(loss_of("Dense(1)", "loss = MSE, metrics = [accuracy, MAE]"), "mse");
  assert_string_equal(loss_of("Dense(1, activation = sigmoid)", "loss = \"BCE\", metrics = [MSE]"),
                      "binary_crossentropy");
  assert_string_equal(loss_of("Dense(3, activation = softmax)", "loss = KLD"), "kl_divergence");
  assert_string_equal(loss_of("Dense(3, activation = softmax)", "loss = crossentropy"),
                      "sparse_categorical_crossentropy");
  assert_string_equal(loss_of("Dense(1, activation = sigmoid)", "loss = ce"), "binary_crossentropy");
  assert_string_equal(loss_of("Dense(3, activation = sigmoid)", "loss = \"crossentropy\""),
                      "binary_crossentropy");
  assert_string_equal(loss_of("Dense(1)", "loss = [mse], metrics = [[mae]]"), "mse");
  refused("Dense(1)", "loss = HUBER", "unknown loss 'HUBER'; did you mean 'huber'?");
}

static void lists_go_by_position(void **state) {
  (void)state;
  small_model s;
  begin_two(&s);
  train_config *c =
      small_train(&s, "loss = [bce, mae], loss_weights = [1, 0.25], metrics = [[accuracy, mae], mse]");
  if (!c)
    fail_msg("%s", small_diagnostics(&s));
  assert_string_equal(c->losses[0]->name, "binary_crossentropy");
  assert_string_equal(c->losses[1]->name, "mae");
  assert_float_equal(c->loss_weights[1], 0.25, 0);
  assert_int_equal(c->metrics[0].len, 2);
  assert_int_equal(c->metrics[1].len, 1);
  train_config_free(c);
  small_model_end(&s);
  begin_two(&s);
  c = small_train(&s, "loss = (none, mae), metrics = [mse, mae]"); // metrics of all outputs
  if (!c)
    fail_msg("%s", small_diagnostics(&s));
  assert_null(c->losses[0]);
  assert_int_equal(c->metrics[1].len, 2);
  train_config_free(c);
  small_model_end(&s);
  begin_two(&s);
  assert_null(small_train(&s, "loss = [bce]"));
  if (!strstr(small_diagnostics(&s),
              "a loss for each output of model 'net' is needed, in their order: 2, found 1"))
    fail_msg("said:\n%s", small_diagnostics(&s));
  small_model_end(&s);
}

static void a_loss_is_needed_and_proposed(void **state) {
  (void)state;
  refused("Dense(1, activation = sigmoid)", "epochs = 2", "loss = binary_crossentropy");
  refused("Dense(5, activation = softmax)", "epochs = 2", "loss = sparse_categorical_crossentropy");
  refused("Dense(5)", "epochs = 2", "loss = mse");
}

static void losses_must_fit(void **state) {
  (void)state;
  warned("Dense(5, activation = softmax)", "loss = binary_crossentropy",
         "sparse_categorical_crossentropy fits");
  refused("Dense(1, activation = softmax)", "loss = binary_crossentropy",
          "a softmax over a single unit is always 1");
  refused("Dense(1, activation = sigmoid)", "loss = categorical_crossentropy", "binary_crossentropy fits");
  refused("Dense(1, activation = sigmoid)", "loss = sparse_categorical_crossentropy", "of shape (batch, 1)");
  warned("Dense(1)", "loss = binary_crossentropy", "from_logits = true");
  warned("Dense(5)", "loss = sparse_categorical_crossentropy", "its activation is linear");
  warned("Dense(1, activation = sigmoid)", "loss = BinaryCrossentropy(from_logits = true)",
         "ends in sigmoid");
  warned("Dense(1)", "loss = BinaryCrossentropy(from_logits = true)", NULL);
  warned("Dense(2, activation = softmax)", "loss = binary_crossentropy", NULL);
  warned("Dense(5, activation = softmax)", "loss = categorical_crossentropy", NULL);
  warned("Dense(3)", "loss = mse", NULL);
}

static void targets_follow_losses(void **state) {
  (void)state;
  small_model s;
  small_model_begin(&s, "net");
  tensor *words = small_input(&s, "words", TENSOR_INT, "time");
  tensor *x = small_chain(&s, words, "Embedding(9, 4)", "Dense(3, activation = softmax)", NULL);
  small_output(&s, "tags", x);
  assert_non_null(small_train(&s, "loss = sparse_categorical_crossentropy"));
  program_inputs *inputs = program_inputs_of(s.m);
  assert_int_equal(inputs->list.len, 2);
  assert_string_equal(inputs->list.data[0].name, "words");
  assert_int_equal(inputs->list.data[0].role, INPUT_IDS);
  assert_string_equal(inputs->list.data[1].name, "tags");
  assert_int_equal(inputs->list.data[1].role, INPUT_TARGET_INT);
  assert_true(shape_equal(&inputs->list.data[1].shape, &words->shape));
  program_inputs_free(inputs);
  train_config_free(s.m->training);
  small_model_end(&s);
}

static void weights_of_classes(void **state) {
  (void)state;
  const char *one = "Dense(1, activation = sigmoid)", *loss = "loss = binary_crossentropy, class_weight = ";
  static const char *const forms[] = {"{neg: 1, pos: 3}", "{0: 1, 1: 3}",  "[1, 3]",        "balanced",
                                      "\"balanced\"",     "{y: balanced}", "{y: {neg: 2}}", "{y: 2}"};
  for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
    small_model s;
    char settings[200];
    begin_dense(&s, one);
    snprintf(settings, sizeof settings, "%s%s", loss, forms[k]);
    train_config *c = small_train(&s, settings);
    if (!c)
      fail_msg("%s: %s", forms[k], small_diagnostics(&s));
    assert_non_null(c->class_weights[0]);
    assert_true(train_output_is_weighted(c, 0));
    train_config_free(c);
    small_model_end(&s);
  }
  refused(one, "loss = binary_crossentropy, class_weight = ballanced",
          "class_weight must be weights by class or");
  refused(one, "loss = binary_crossentropy, class_weight = {a: -1}", "must be 0 or more, found -1");
  refused(one, "loss = binary_crossentropy, class_weight = {a: few}", "must be a number, found");
  refused(one, "loss = binary_crossentropy, class_weight = [1, 2, 3]",
          "has 3 weights, output 'y' tells 2 classes");
  refused("Dense(1)", "loss = mse, class_weight = balanced", "whose loss mse tells no classes apart");
  small_model s;
  begin_two(&s);
  train_config *c =
      small_train(&s, "loss = {sentiment: binary_crossentropy, stars: mse}, class_weight = balanced");
  assert_non_null(c->class_weights[0]);
  assert_null(c->class_weights[1]);
  assert_false(train_output_is_weighted(c, 1));
  train_config_free(c);
  assert_null(
      small_train(&s, "loss = {sentiment: binary_crossentropy, stars: mse}, class_weight = {pos: 2}"));
  assert_non_null(
      strstr(small_diagnostics(&s), "class_weight for 'pos', but model 'net' has no such output"));
  small_model_end(&s);
}

// Targets first, then weights, for outputs whose loss takes them.
static void weights_are_inputs_when_asked_for(void **state) {
  (void)state;
  small_model s;
  begin_two(&s);
  train_config *c =
      small_train(&s, "loss = {sentiment: binary_crossentropy, stars: mse}, sample_weight = true");
  assert_non_null(c);
  program_inputs *inputs = program_inputs_of(s.m);
  assert_int_equal(inputs->list.len, 5);
  for (size_t k = 3; k < 5; k++) {
    assert_int_equal(inputs->list.data[k].role, INPUT_WEIGHT);
    assert_int_equal(inputs->list.data[k].model_output, k - 3);
    assert_int_equal(inputs->list.data[k].shape.rank, 1);
  }
  program_inputs_free(inputs);
  train_config_free(c);
  small_model_end(&s);
}

static void layers_to_compute_again(void **state) {
  (void)state;
  const char *one = "Dense(1, name = \"last\")";
  refused(one, "loss = mse, recompute = [lats]", "has no layer or block 'lats'; did you mean 'last'?");
  refused(one, "loss = mse, recompute = [encoder]", "`nlmc shapes` shows the names");
  refused(one, "loss = mse, recompute = last", "write recompute = [last]");
  refused(one, "loss = mse, recompute = ful",
          "must be `full`, `activations` or a list of layers and blocks, found a name 'ful'");
  refused(one, "loss = mse, recompute = true",
          "must be `full`, `activations` or a list of layers and blocks, found true");
  refused(one, "loss = mse, recompute = []", "recompute names no layer");
  refused(one, "loss = mse, recompute = [3]", "takes names of layers and blocks, found an integer");
  refused(one, "loss = mse, recompute = [x]", "'x' computes nothing in a training step");
  small_model s;
  begin_dense(&s, one);
  train_config *c = small_train(&s, "loss = mse, recompute = [last, \"last\"]");
  assert_non_null(c);
  assert_int_equal(c->recompute.n, 1);
  assert_string_equal(c->recompute.names[0], "last");
  assert_int_equal(c->recompute.mode, RECOMPUTE_LISTED);
  train_config_free(c);
  small_model_end(&s);
  begin_dense(&s, one);
  c = small_train(&s, "loss = mse, recompute = full");
  assert_non_null(c);
  assert_int_equal(c->recompute.n, 1);
  assert_int_equal(c->recompute.mode, RECOMPUTE_FULL);
  train_config_free(c);
  small_model_end(&s);
}

// `full` takes blocks as a whole, and opens one that holds more than half of the model.
static void full_opens_the_largest_block(void **state) {
  (void)state;
  small_model s;
  small_model_begin(&s, "net");
  static const char *const names[] = {"all/a/dense", "all/a/dense_1", "all/b/dense", "all/dense", "head"};
  tensor *x = small_input(&s, "x", TENSOR_REAL, "4");
  x = small_chain(&s, x, "Dense(4)", "Dense(4)", "Dense(4)", "Dense(4)", NULL);
  small_output(&s, "y", small_chain(&s, x, "Dense(1)", NULL));
  assert_int_equal(s.m->layers.len, 6);
  for (size_t k = 0; k < 5; k++) // as if they stood in blocks
    s.m->layers.data[k + 1]->name = names[k];
  train_config *c = small_train(&s, "loss = mse, recompute = full");
  assert_non_null(c);
  static const char *const units[] = {"all/a", "all/b", "all/dense", "head"};
  assert_int_equal(c->recompute.n, 4);
  for (size_t k = 0; k < 4; k++)
    assert_string_equal(c->recompute.names[k], units[k]);
  train_config_free(c);
  small_model_end(&s);
}

// A block stands for its layers, the outermost name counts, and a node of two layers is of none.
static void groups_are_the_outermost(void **state) {
  (void)state;
  const char *names[] = {"encoder", "encoder_1/dense", "lstm"};
  recompute r = {.names = names, .n = 3};
  const char *of[] = {"encoder/attention/dense"}, *both[] = {"encoder/dense", "lstm"};
  node n = {.labels = of, .n_labels = 1};
  assert_int_equal(recompute_group(&r, &n), 1);
  of[0] = "encoder_1/dense";
  assert_int_equal(recompute_group(&r, &n), 2);
  of[0] = "encoder_1/dense_1";
  assert_int_equal(recompute_group(&r, &n), 0);
  of[0] = "encoder_2";
  assert_int_equal(recompute_group(&r, &n), 0);
  n = (node){.labels = both, .n_labels = 2};
  assert_int_equal(recompute_group(&r, &n), 0);
  both[1] = "encoder";
  assert_int_equal(recompute_group(&r, &n), 1);
  assert_int_equal(recompute_group(NULL, &n), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_are_keras),
      cmocka_unit_test(all_settings_are_read),
      cmocka_unit_test(unknown_names_are_told),
      cmocka_unit_test(a_loss_is_needed_and_proposed),
      cmocka_unit_test(names_are_keras),
      cmocka_unit_test(lists_go_by_position),
      cmocka_unit_test(losses_must_fit),
      cmocka_unit_test(targets_follow_losses),
      cmocka_unit_test(weights_of_classes),
      cmocka_unit_test(weights_are_inputs_when_asked_for),
      cmocka_unit_test(layers_to_compute_again),
      cmocka_unit_test(groups_are_the_outermost),
      cmocka_unit_test(full_opens_the_largest_block),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
