// Shapes, parameters, masks and mistakes of convolutions, poolings, normalizations and reshaping layers;
// numbers are computed by hand from Keras's rules.
#include "tests/unit/layer_fixture.h"

typedef struct shape_case {
  const char *call, *shape;
  int64_t params;
} shape_case;

static void check_shapes(const char *dims, const shape_case *cases, size_t n) {
  fixture f = fixture_new();
  tensor *x = input(&f, "x", TENSOR_REAL, dims);
  for (size_t i = 0; i < n; i++) {
    tensor *y = apply_new(&f, cases[i].call, x);
    expect_messages(&f, "");
    expect_shape(y, cases[i].shape);
    if (layer_param_count(y->source->layer, false) != cases[i].params)
      fail_msg("%s: %lld parameters, expected %lld", cases[i].call,
               (long long)layer_param_count(y->source->layer, false), (long long)cases[i].params);
  }
  fixture_free(&f);
}

static void sequences_of_ten_steps(void **state) {
  (void)state;
  static const shape_case cases[] = {
      {"Conv1D(8, 3)", "(batch, 8, 8)", 3 * 6 * 8 + 8},
      {"Conv1D(8, 3, strides = 2, padding = same, use_bias = false)", "(batch, 5, 8)", 144},
      {"Conv1D(8, 3, padding = causal, dilation_rate = 4)", "(batch, 10, 8)", 152},
      {"Conv1D(8, 3, groups = 2)", "(batch, 8, 8)", 3 * 3 * 8 + 8},
      {"SeparableConv1D(8, 3, depth_multiplier = 2)", "(batch, 8, 8)", 3 * 12 + 12 * 8 + 8},
      {"DepthwiseConv1D(3, depth_multiplier = 2)", "(batch, 8, 12)", 3 * 12 + 12},
      {"Conv1DTranspose(8, 3, strides = 2)", "(batch, 21, 8)", 3 * 8 * 6 + 8},
      {"Conv1DTranspose(8, 3, strides = 2, padding = same)", "(batch, 20, 8)", 152},
      {"MaxPooling1D()", "(batch, 5, 6)", 0},
      {"MaxPooling1D(3)", "(batch, 3, 6)", 0},
      {"MaxPooling1D(3, padding = same)", "(batch, 4, 6)", 0},
      {"AveragePooling1D(4, strides = 1)", "(batch, 7, 6)", 0},
      {"BatchNormalization()", "(batch, 10, 6)", 24},
      {"BatchNormalization(scale = false, axis = 1)", "(batch, 10, 6)", 30},
      {"LayerNormalization()", "(batch, 10, 6)", 12},
      {"LayerNormalization(axis = [1, 2], center = false)", "(batch, 10, 6)", 60},
      {"GroupNormalization(groups = 3)", "(batch, 10, 6)", 12},
      {"RMSNormalization()", "(batch, 10, 6)", 6},
      {"UnitNormalization()", "(batch, 10, 6)", 0},
      {"PReLU()", "(batch, 10, 6)", 60},
      {"PReLU(shared_axes = [1])", "(batch, 10, 6)", 6},
      {"Reshape((4, -1))", "(batch, 4, 15)", 0},
      {"Permute((2, 1))", "(batch, 6, 10)", 0},
      {"Cropping1D()", "(batch, 8, 6)", 0},
      {"ZeroPadding1D((2, 3))", "(batch, 15, 6)", 0},
      {"UpSampling1D(3)", "(batch, 30, 6)", 0},
      {"SpatialDropout1D(0.5)", "(batch, 10, 6)", 0},
      {"Softmax(axis = 1)", "(batch, 10, 6)", 0}};
  check_shapes("10 6", cases, sizeof cases / sizeof *cases);
}

static void sequences_of_any_length(void **state) {
  (void)state;
  static const shape_case cases[] = {
      {"Conv1D(8, 3)", "(batch, time - 2, 8)", 152},
      {"Conv1D(8, 3, strides = 2)", "(batch, (time + 1) // 2 - 1, 8)", 152},
      {"Conv1D(8, 3, padding = same)", "(batch, time, 8)", 152},
      {"MaxPooling1D(padding = same)", "(batch, (time + 1) // 2, 6)", 0},
      {"Conv1DTranspose(8, 3, strides = 2, padding = same)", "(batch, 2 * time, 8)", 152},
      {"PReLU(shared_axes = 1)", "(batch, time, 6)", 6},
      {"Reshape([-1, 3])", "(batch, 2 * time, 3)", 0},
      {"Permute([2, 1])", "(batch, 6, time)", 0},
      {"Cropping1D(2)", "(batch, time - 4, 6)", 0},
      {"ZeroPadding1D()", "(batch, time + 2, 6)", 0},
      {"UpSampling1D()", "(batch, 2 * time, 6)", 0}};
  check_shapes("time 6", cases, sizeof cases / sizeof *cases);
}

static void images(void **state) {
  (void)state;
  static const shape_case cases[] = {
      {"Conv2D(64, 3)", "(batch, 26, 26, 64)", 640},
      {"Conv2D(16, (3, 5), strides = (2, 1), padding = same)", "(batch, 14, 28, 16)", 256},
      {"SeparableConv2D(8, 3)", "(batch, 26, 26, 8)", 9 + 8 + 8},
      {"DepthwiseConv2D(3)", "(batch, 26, 26, 1)", 10},
      {"MaxPooling2D()", "(batch, 14, 14, 1)", 0},
      {"AveragePooling2D(3, padding = same)", "(batch, 10, 10, 1)", 0},
      {"GlobalMaxPooling2D()", "(batch, 1)", 0},
      {"GlobalAveragePooling2D(keepdims = true)", "(batch, 1, 1, 1)", 0},
      {"GroupNormalization(groups = -1)", "(batch, 28, 28, 1)", 2}};
  check_shapes("28 28 1", cases, sizeof cases / sizeof *cases);
}

static void moving_statistics_are_not_trained(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *y = apply_new(&f, "BatchNormalization()", input(&f, "x", TENSOR_REAL, "6"));
  const layer *l = y->source->layer;
  static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
  assert_int_equal(l->weights.len, 4);
  for (int k = 0; k < 4; k++)
    assert_string_equal(l->weights.data[k]->local, names[k]);
  assert_int_equal(layer_param_count(l, true), 12);
  assert_int_equal(l->weights.data[3]->init.kind, INIT_ONES);
  fixture_free(&f);
}

static void masks_pass_or_are_destroyed(void **state) {
  (void)state;
  static const char *const passing[] = {"BatchNormalization()",
                                        "LayerNormalization()",
                                        "UnitNormalization()",
                                        "GroupNormalization(groups = 2)",
                                        "SpatialDropout1D(0.5)",
                                        "GaussianNoise(0.5)",
                                        "GaussianDropout(0.5)",
                                        "AlphaDropout(0.5)",
                                        "Identity()",
                                        "Rescaling(2)",
                                        "ReLU()",
                                        "LeakyReLU()",
                                        "ELU()",
                                        "PReLU(shared_axes = 1)",
                                        "Softmax()"};
  static const char *const destroying[] = {
      "Conv1D(2, 2)",    "SeparableConv1D(2, 2)", "DepthwiseConv1D(2)", "Conv1DTranspose(2, 2)",
      "MaxPooling1D()",  "AveragePooling1D(2)",   "RMSNormalization()", "Reshape([-1, 2])",
      "Permute([2, 1])", "Cropping1D()",          "ZeroPadding1D()",    "UpSampling1D()"};
  fixture f = fixture_new();
  tensor *e = apply_new(&f, "Embedding(9, 4, mask_zero = true)", input(&f, "words", TENSOR_INT, "time"));
  for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
    assert_ptr_equal(apply_new(&f, passing[i], e)->mask_source, e);
  assert_int_equal(diags_warnings(f.d), 0);
  for (size_t i = 0; i < sizeof destroying / sizeof *destroying; i++) {
    assert_int_equal(apply_new(&f, destroying[i], e)->mask, MASK_DESTROYED);
    assert_int_equal(diags_warnings(f.d), i + 1);
  }
  assert_int_equal(apply_two(&f, make(&f, "Dot(2)"), e, e)->mask, MASK_NONE); // silently, as in Keras
  assert_int_equal(diags_warnings(f.d), sizeof destroying / sizeof *destroying);
  fixture_free(&f);
}

static void expect_mistake(const char *dims, const char *call, const char *message) {
  fixture f = fixture_new();
  tensor *x = input(&f, "x", TENSOR_REAL, dims);
  layer *l = make(&f, call);
  if (l)
    assert_true(tensor_is_poison(apply(&f, l, x)));
  expect_messages(&f, message);
  fixture_free(&f);
}

static void mistakes_are_explained(void **state) {
  (void)state;
  expect_mistake(
      "3 4", "Conv1D(2, 5)",
      "f:2:1: error: Conv1D got a tensor of shape (batch, 3, 4); its window reaches over 5 steps of axis 1\n"
      "help: a smaller window, or padding = same\n");
  expect_mistake("8 4", "Conv2D(2, 3)",
                 "f:2:1: error: Conv2D got a tensor of shape (batch, 8, 4); it needs (batch, height, width, "
                 "channels)\nf:1:1: note: input 'x' is declared here with the shape (batch, 8, 4)\n");
  expect_mistake("8 4", "Conv1D(6, 3, groups = 4)",
                 "f:2:1: error: Conv1D: 6 filters cannot be divided into 4 groups\n");
  expect_mistake("8 4", "Conv1D(6, 3, groups = 3)",
                 "f:2:1: error: Conv1D got 4 features, which cannot be divided into 3 groups\n");
  expect_mistake("8 8 1", "Conv2D(6, [3, 3, 3])",
                 "f:2:1: error: Conv2D: kernel_size must be an integer or a list of 2, found a list of 3\n");
  expect_mistake(
      "8 4", "SeparableConv1D(6, 3, padding = causal)",
      "f:2:1: error: SeparableConv1D: padding cannot be 'causal'\nhelp: padding is one of valid, same\n");
  expect_mistake("8 4", "Conv1DTranspose(6, 3, strides = 2, output_padding = 2)",
                 "f:2:1: error: Conv1DTranspose: output_padding must be less than strides, which is 2\n");
  expect_mistake(
      "8 4", "BatchNormalization(axis = 3)",
      "f:2:1: error: BatchNormalization got a tensor of shape (batch, 8, 4); axis = 3 does not name axes "
      "behind the batch\nhelp: an axis is a number from 1 to 2, or from -1 backwards\n");
  expect_mistake("8 40", "GroupNormalization()",
                 "f:2:1: error: GroupNormalization cannot divide 40 features into 32 groups\n"
                 "help: groups must divide the number of features; the default is 32\n");
  expect_mistake("time 4", "PReLU()",
                 "f:2:1: error: PReLU needs a slope for each step along 'time', which must be a number\n"
                 "help: shared_axes = [1] gives all steps the same slopes\n");
  expect_mistake(
      "8 4", "Reshape([5, -1])",
      "f:2:1: error: Reshape got a tensor of shape (batch, 8, 4), whose elements do not make up [5, -1]\n");
  expect_mistake("time 3", "Reshape([-1, 2])",
                 "f:2:1: error: Reshape got a tensor of shape (batch, time, 3), whose elements do not make "
                 "up [-1, 2]\n");
  expect_mistake("8 4", "Reshape([-1, -1])", "f:2:1: error: Reshape: only one extent may be -1\n");
  expect_mistake("8 4", "Permute([1, 1])",
                 "f:2:1: error: Permute: dims must hold each number from 1 to the number of axes once\n");
  expect_mistake("2 4", "Cropping1D()", "f:2:1: error: Cropping1D takes 2 steps away from 2; none is left\n");
}

static void dots_must_fit(void **state) {
  (void)state;
  fixture f = fixture_new();
  tensor *a = input(&f, "a", TENSOR_REAL, "time 4"), *b = input(&f, "b", TENSOR_REAL, "5 4");
  expect_shape(apply_two(&f, make(&f, "Dot(-1)"), a, b), "(batch, time, 5)");
  expect_shape(apply_two(&f, make(&f, "Dot([1, 1])"), a, a), "(batch, 4, 4)");
  expect_messages(&f, "");
  assert_true(tensor_is_poison(apply_two(&f, make(&f, "Dot(1)"), a, b)));
  expect_messages(
      &f, "f:5:1: error: Dot got tensors of shapes (batch, time, 4) and (batch, 5, 4); axes = 1 must name "
          "axes of one extent in both\n"
          "help: an axis is counted from 0, the batch, which cannot be summed over; or from -1 backwards\n");
  fixture_free(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sequences_of_ten_steps),
      cmocka_unit_test(sequences_of_any_length),
      cmocka_unit_test(images),
      cmocka_unit_test(moving_statistics_are_not_trained),
      cmocka_unit_test(masks_pass_or_are_destroyed),
      cmocka_unit_test(mistakes_are_explained),
      cmocka_unit_test(dots_must_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
