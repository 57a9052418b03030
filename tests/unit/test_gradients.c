// Which gradients of a training program are row-sparse, and what is said to be read.
#include "ir/layer.h"
#include "tests/unit/small_model.h"
#include <string.h>

typedef struct built {
  small_model s;
  program_inputs *inputs;
  program *p;
} built;

static void differentiate(built *b, const char *loss) {
  assert_non_null(small_train(&b->s, loss));
  b->inputs = program_inputs_of(b->s.m);
  b->p = lower_program(b->s.m, b->inputs, PROGRAM_GRAD, NULL);
  program_add_gradients(b->p);
}

static void finish(built *b) {
  program_free(b->p);
  program_inputs_free(b->inputs);
  train_config_free(b->s.m->training);
  small_model_end(&b->s);
}

static int weight_index(const built *b, const char *name) {
  for (size_t i = 0; i < b->s.m->weights.len; i++)
    if (strcmp(b->s.m->weights.data[i]->name, name) == 0)
      return b->s.m->weights.data[i]->index;
  fail_msg("no weight '%s'", name);
  return -1;
}

static int count_roots(const built *b, root_role role, const char *name) {
  int n = 0, index = weight_index(b, name);
  for (size_t i = 0; i < b->p->roots.len; i++)
    n += b->p->roots.data[i].role == role && b->p->roots.data[i].index == index;
  return n;
}

static const program_root *root_of(const built *b, root_role role, const char *name) {
  int index = weight_index(b, name);
  for (size_t i = 0; i < b->p->roots.len; i++)
    if (b->p->roots.data[i].role == role && b->p->roots.data[i].index == index)
      return &b->p->roots.data[i];
  fail_msg("no such root for '%s'", name);
  return NULL;
}

static void expect_sparse(const built *b, const char *name, int touches) {
  assert_int_equal(count_roots(b, ROOT_GRAD, name), 0);
  assert_int_equal(count_roots(b, ROOT_GRAD_IDS, name), 1);
  assert_int_equal(count_roots(b, ROOT_GRAD_ROWS, name), 1);
  assert_int_equal(count_roots(b, ROOT_TOUCH, name), touches);
}

static void expect_dense(const built *b, const char *name) {
  assert_int_equal(count_roots(b, ROOT_GRAD, name), 1);
  assert_int_equal(count_roots(b, ROOT_GRAD_IDS, name), 0);
  assert_int_equal(count_roots(b, ROOT_TOUCH, name), 0);
}

static void an_embedding_is_sparse(void **state) {
  (void)state;
  built b;
  small_model_begin(&b.s, "net");
  tensor *words = small_input(&b.s, "words", TENSOR_INT, "time");
  small_output(&b.s, "y",
               small_chain(&b.s, words, "Embedding(50, 4, mask_zero = true)", "LSTM(3)", "Dense(1)", NULL));
  differentiate(&b, "loss = mse");
  expect_sparse(&b, "embedding/embeddings", 1);
  expect_dense(&b, "lstm/kernel");
  expect_dense(&b, "lstm/recurrent_kernel");
  expect_dense(&b, "lstm/bias");
  expect_dense(&b, "dense/kernel");
  assert_int_equal(b.p->without_gradient.len, 0);
  // what is touched is what has a gradient: one count of distinct ids serves both
  assert_ptr_equal(root_of(&b, ROOT_TOUCH, "embedding/embeddings")->value,
                   root_of(&b, ROOT_GRAD_IDS, "embedding/embeddings")->value);
  finish(&b);
}

static void a_shared_table_merges_its_gradients(void **state) {
  (void)state;
  built b;
  small_model_begin(&b.s, "net");
  tensor *x = small_input(&b.s, "x", TENSOR_INT, "time_x"), *y = small_input(&b.s, "y", TENSOR_INT, "time_y");
  layer *embed = small_layer(&b.s, "Embedding(50, 4)"), *pool = small_layer(&b.s, "GlobalAveragePooling1D()");
  tensor *u = small_apply(&b.s, pool, 1, small_apply(&b.s, embed, 1, x));
  tensor *v = small_apply(&b.s, pool, 1, small_apply(&b.s, embed, 1, y));
  small_output(
      &b.s, "same",
      small_chain(&b.s, small_apply(&b.s, small_layer(&b.s, "Concatenate()"), 2, u, v), "Dense(1)", NULL));
  differentiate(&b, "loss = mse");
  expect_sparse(&b, "embedding/embeddings", 2);
  finish(&b);
}

static void frozen_weights_have_none(void **state) {
  (void)state;
  built b;
  small_model_begin(&b.s, "net");
  tensor *words = small_input(&b.s, "words", TENSOR_INT, "time");
  small_output(&b.s, "y",
               small_chain(&b.s, words, "Embedding(50, 4, trainable = false)", "GlobalAveragePooling1D()",
                           "Dense(1)", NULL));
  small_output(&b.s, "z",
               small_chain(&b.s, words, "Embedding(50, 3)", "GlobalAveragePooling1D()", "Dense(2)", NULL));
  differentiate(&b, "loss = {y: mse}");
  assert_int_equal(count_roots(&b, ROOT_GRAD_IDS, "embedding/embeddings"), 0);
  assert_int_equal(count_roots(&b, ROOT_GRAD, "embedding/embeddings"), 0);
  expect_dense(&b, "dense/kernel");
  assert_int_equal(b.p->without_gradient.len, 3); // the second branch has no loss
  assert_string_equal(b.p->without_gradient.data[0]->name, "embedding_1/embeddings");
  finish(&b);
}

// The loss of a batch is there once by itself and once as the total; outputs only where a metric asks.
static void roots_are_as_promised(void **state) {
  (void)state;
  for (int with_metric = 0; with_metric < 2; with_metric++) {
    built b;
    small_model_begin(&b.s, "net");
    tensor *words = small_input(&b.s, "words", TENSOR_INT, "time");
    small_output(&b.s, "tags",
                 small_chain(&b.s, words, "Embedding(50, 4, mask_zero = true)",
                             "Dense(5, activation = softmax)", NULL));
    differentiate(&b, with_metric ? "loss = sparse_categorical_crossentropy, metrics = [accuracy]"
                                  : "loss = sparse_categorical_crossentropy");
    int outputs = 0, masks = 0, losses = 0;
    for (size_t i = 0; i < b.p->roots.len; i++) {
      outputs += b.p->roots.data[i].role == ROOT_OUTPUT;
      masks += b.p->roots.data[i].role == ROOT_OUTPUT_MASK;
      losses += b.p->roots.data[i].role == ROOT_LOSS;
    }
    assert_int_equal(outputs, with_metric);
    assert_int_equal(masks, with_metric);
    assert_int_equal(losses, 2);
    node *values[32];
    for (size_t i = 0; i < b.p->roots.len; i++)
      values[i] = b.p->roots.data[i].value;
    const char *wrong = graph_verify(b.p->g, values, b.p->roots.len);
    if (wrong)
      fail_msg("%s", wrong);
    finish(&b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_embedding_is_sparse),
      cmocka_unit_test(a_shared_table_merges_its_gradients),
      cmocka_unit_test(frozen_weights_have_none),
      cmocka_unit_test(roots_are_as_promised),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
