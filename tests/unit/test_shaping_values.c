// Values of layers that move elements, of activations with arguments, of Dot, and of noise.
#include "tests/unit/value_net.h"
#include <string.h>

static void elements_move_as_promised(void **state) {
  (void)state;
  static const double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; // (2, 3, 2)
  value_net n;
  value_net_begin(&n, "time, 2");
  value_net_add(&n, "reshaped", "Reshape([1, -1])");
  value_net_add(&n, "permuted", "Permute([2, 1])");
  value_net_add(&n, "cropped", "Cropping1D([0, 2])");
  value_net_add(&n, "padded", "ZeroPadding1D([1, 0])");
  value_net_add(&n, "repeated", "UpSampling1D()");
  small_output(&n.s, "vector", small_chain(&n.s, n.x, "GlobalMaxPooling1D()", "RepeatVector(2)", NULL));
  value_net_add(&n, "rescaled", "Rescaling(2, offset = -1)");
  value_net_add(&n, "same", "Identity()");
  value_net_run(&n, PROGRAM_INFER, 2, 3, x);
  const double permuted[] = {1, 3, 5, 2, 4, 6, 7, 9, 11, 8, 10, 12}, cropped[] = {1, 2, 7, 8},
               padded[] = {0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12},
               repeated[] = {1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 7, 8, 7, 8, 9, 10, 9, 10, 11, 12, 11, 12},
               vector[] = {5, 6, 5, 6, 11, 12, 11, 12},
               rescaled[] = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23};
  value_net_expect(&n, ROOT_OUTPUT, 0, x, 12, "Reshape");
  value_net_expect(&n, ROOT_OUTPUT, 1, permuted, 12, "Permute");
  value_net_expect(&n, ROOT_OUTPUT, 2, cropped, 4, "Cropping1D");
  value_net_expect(&n, ROOT_OUTPUT, 3, padded, 16, "ZeroPadding1D");
  value_net_expect(&n, ROOT_OUTPUT, 4, repeated, 24, "UpSampling1D");
  value_net_expect(&n, ROOT_OUTPUT, 5, vector, 8, "RepeatVector");
  value_net_expect(&n, ROOT_OUTPUT, 6, rescaled, 12, "Rescaling");
  value_net_expect(&n, ROOT_OUTPUT, 7, x, 12, "Identity");
  value_net_end(&n);
}

static void activations_take_arguments(void **state) {
  (void)state;
  static const double x[] = {-3, -0.5, 0, 0.5, 1, 3};
  value_net n;
  value_net_begin(&n, "6");
  value_net_add(&n, "relu", "ReLU()");
  value_net_add(&n, "capped", "ReLU(max_value = 2, negative_slope = 0.5)");
  value_net_add(&n, "late", "ReLU(negative_slope = 0.1, threshold = 0.5)");
  value_net_add(&n, "leaky", "LeakyReLU()");
  value_net_add(&n, "elu", "ELU(alpha = 2)");
  value_net_add(&n, "prelu", "PReLU()");
  value_net_add(&n, "softmax", "Softmax()");
  value_net_run(&n, PROGRAM_INFER, 1, 0, x);
  const double relu[] = {0, 0, 0, 0.5, 1, 3}, capped[] = {-1.5, -0.25, 0, 0.5, 1, 2},
               late[] = {-0.35, -0.1, -0.05, 0, 1, 3}, leaky[] = {-0.9, -0.15, 0, 0.5, 1, 3},
               *alpha = value_net_weight(&n, "prelu/alpha");
  double elu[6], prelu[6], softmax[6], sum = 0;
  for (int k = 0; k < 6; k++) {
    elu[k] = x[k] > 0 ? x[k] : 2 * (exp(x[k]) - 1);
    prelu[k] = x[k] > 0 ? x[k] : alpha[k] * x[k];
    softmax[k] = exp(x[k]);
    sum += softmax[k];
  }
  for (int k = 0; k < 6; k++)
    softmax[k] /= sum;
  const double *all[] = {relu, capped, late, leaky, elu, prelu, softmax};
  static const char *const names[] = {"ReLU", "capped", "late", "LeakyReLU", "ELU", "PReLU", "Softmax"};
  for (int k = 0; k < 7; k++)
    value_net_expect(&n, ROOT_OUTPUT, k, all[k], 6, names[k]);
  value_net_end(&n);
}

// Over the time axis masked steps take no part, and a row without a valid step gives zeros.
static void softmax_over_steps_skips_padding(void **state) {
  (void)state;
  enum { B = 2, T = 3, F = 2 };
  static const double ids[] = {2, 0, 5, 0, 0, 0};
  value_net n;
  small_model_begin(&n.s, "net");
  tensor *words = small_input(&n.s, "x", TENSOR_INT, "time");
  tensor *e = small_chain(&n.s, words, "Embedding(7, 2, mask_zero = true)", NULL);
  small_output(&n.s, "masked", small_chain(&n.s, e, "Softmax(axis = 1)", NULL));
  tensor *plain = small_chain(&n.s, words, "Embedding(7, 2)", "Softmax(axis = [1, 2])", NULL);
  small_output(&n.s, "plain", plain);
  value_net_run(&n, PROGRAM_INFER, B, T, ids);
  const double *table = value_net_weight(&n, "embedding/embeddings");
  double y[B * T * F] = {0}, z[B * T * F];
  for (int c = 0; c < F; c++) {
    double a = exp(table[2 * F + c]), b = exp(table[5 * F + c]);
    y[c] = a / (a + b);
    y[2 * F + c] = b / (a + b);
  }
  value_net_expect(&n, ROOT_OUTPUT, 0, y, B * T * F, "masked");
  table = value_net_weight(&n, "embedding_1/embeddings");
  for (int b = 0; b < B; b++) {
    double sum = 0;
    for (int k = 0; k < T * F; k++) {
      z[b * T * F + k] = exp(table[(int)ids[b * T + k / F] * F + k % F]);
      sum += z[b * T * F + k];
    }
    for (int k = 0; k < T * F; k++)
      z[b * T * F + k] /= sum;
  }
  value_net_expect(&n, ROOT_OUTPUT, 1, z, B * T * F, "over two axes");
  value_net_end(&n);
}

static void dot_sums_over_the_named_axes(void **state) {
  (void)state;
  static const double x[] = {1, 2, 3, -1, 0, 2}; // (1, 3, 2)
  value_net n;
  value_net_begin(&n, "3, 2");
  layer *both = small_layer(&n.s, "Dot(2)"), *first = small_layer(&n.s, "Dot([1, 1])"),
        *vectors = small_layer(&n.s, "Dot(1, normalize = true)"), *mixed = small_layer(&n.s, "Dot([2, 1])");
  tensor *flat = small_chain(&n.s, n.x, "GlobalMaxPooling1D()", NULL),  // 3, 2
      *mean = small_chain(&n.s, n.x, "GlobalAveragePooling1D()", NULL); // 4/3, 1
  small_output(&n.s, "both", small_apply(&n.s, both, 2, n.x, n.x));
  small_output(&n.s, "first", small_apply(&n.s, first, 2, n.x, n.x));
  small_output(&n.s, "vectors", small_apply(&n.s, vectors, 2, flat, mean));
  tensor *product = small_apply(&n.s, mixed, 2, n.x, flat);
  assert_int_equal(product->shape.rank, 2);
  small_output(&n.s, "mixed", product);
  value_net_run(&n, PROGRAM_INFER, 1, 0, x);
  const double both_y[] = {5, 1, 4, 1, 10, -2, 4, -2, 4}, first_y[] = {10, -1, -1, 9},
               vectors_y[] = {(4 + 2) / (sqrt(13) * sqrt(16.0 / 9 + 1))}, mixed_y[] = {7, 7, 4};
  value_net_expect(&n, ROOT_OUTPUT, 0, both_y, 9, "features of two sequences");
  value_net_expect(&n, ROOT_OUTPUT, 1, first_y, 4, "steps of two sequences");
  value_net_expect(&n, ROOT_OUTPUT, 2, vectors_y, 1, "cosine");
  value_net_expect(&n, ROOT_OUTPUT, 3, mixed_y, 3, "sequence and vector");
  value_net_end(&n);
}

// ---- noise

enum { ROWS = 64, STEPS = 32, WIDTH = 4, ALL = ROWS * STEPS * WIDTH };

static double *trained(value_net *n, const char *literal, const double *x) {
  value_net_begin(n, "32, 4");
  value_net_add(n, "y", literal);
  assert_non_null(small_train(&n->s, "loss = mse, metrics = [accuracy]"));
  value_net_run(n, PROGRAM_GRAD, ROWS, 0, x);
  size_t count;
  double *y = run_root(&n->r, ROOT_OUTPUT, 0, &count);
  assert_int_equal(count, ALL);
  return y;
}

static void trained_end(value_net *n, double *y) {
  train_config *c = n->s.m->training;
  free(y);
  run_end(&n->r);
  train_config_free(c);
  small_model_end(&n->s);
}

static void moments(const double *x, size_t n, double *mean, double *deviation) {
  double sum = 0, squares = 0;
  for (size_t k = 0; k < n; k++)
    sum += x[k];
  *mean = sum / (double)n;
  for (size_t k = 0; k < n; k++)
    squares += (x[k] - *mean) * (x[k] - *mean);
  *deviation = sqrt(squares / (double)n);
}

// 8192 draws: the mean is known to about 1 / 90 of the deviation, the deviation to about 1 / 128.
static void noise_has_the_promised_moments(void **state) {
  (void)state;
  static double x[ALL];
  double mean, deviation;
  value_net n;
  for (int k = 0; k < ALL; k++)
    x[k] = 2;
  double *y = trained(&n, "GaussianNoise(0.5)", x);
  moments(y, ALL, &mean, &deviation);
  assert_true(fabs(mean - 2) < 0.03 && fabs(deviation - 0.5) < 0.03);
  size_t within = 0;
  for (int k = 0; k < ALL; k++)
    within += fabs(y[k] - 2) < 0.5;
  assert_true(fabs((double)within / ALL - 0.6827) <
              0.02); // a normal distribution's share within one deviation
  trained_end(&n, y);
  y = trained(&n, "GaussianDropout(0.2)", x); // deviation sqrt(0.2 / 0.8) = 1/2 of the value
  moments(y, ALL, &mean, &deviation);
  assert_true(fabs(mean - 2) < 0.06 && fabs(deviation - 1) < 0.05);
  trained_end(&n, y);
  for (int k = 0; k < ALL; k++)
    x[k] = k % 2 ? 1 : -1; // mean 0, deviation 1 are kept
  y = trained(&n, "AlphaDropout(0.3)", x);
  moments(y, ALL, &mean, &deviation);
  assert_true(fabs(mean) < 0.05 && fabs(deviation - 1) < 0.05);
  const double low = -1.7580993408473766, a = 1 / sqrt(0.7 * (1 + 0.3 * low * low)), b = -a * low * 0.3;
  size_t dropped = 0;
  for (int k = 0; k < ALL; k++) {
    bool is_low = fabs(y[k] - (a * low + b)) < 1e-12;
    dropped += is_low;
    if (!is_low && fabs(y[k] - (a * x[k] + b)) > 1e-12)
      fail_msg("element %d is %g", k, y[k]);
  }
  assert_true(fabs((double)dropped / ALL - 0.3) < 0.02);
  trained_end(&n, y);
}

static void spatial_dropout_takes_whole_features(void **state) {
  (void)state;
  static double x[ALL];
  for (int k = 0; k < ALL; k++)
    x[k] = 1;
  value_net n;
  double *y = trained(&n, "SpatialDropout1D(0.5)", x);
  int dropped = 0;
  for (int k = 0; k < ALL; k++) {
    assert_true(y[k] == 0 || y[k] == 2);
    assert_true(y[k] == y[k / (STEPS * WIDTH) * (STEPS * WIDTH) + k % WIDTH]); // as at the first step
    dropped += y[k] == 0;
  }
  assert_true(abs(dropped / STEPS - ROWS * WIDTH / 2) < 40); // 256 draws, deviation 8
  trained_end(&n, y);
}

// Packing away masked steps changes no number at the others, nor what stands at masked ones.
static void packing_changes_no_noise(void **state) {
  (void)state;
  static const char *const layers[] = {"SpatialDropout1D(0.5)", "GaussianNoise(0.5)", "GaussianDropout(0.25)",
                                       "AlphaDropout(0.5)"};
  static const double ids[] = {2, 0, 5, 0, 0, 0, 1, 3, 4, 6, 0, 6};
  for (int l = 0; l < 4; l++) {
    double *y[2];
    for (int masked = 0; masked < 2; masked++) {
      value_net n;
      small_model_begin(&n.s, "net");
      tensor *words = small_input(&n.s, "x", TENSOR_INT, "time");
      const char *table = masked ? "Embedding(7, 2, mask_zero = true)" : "Embedding(7, 2)";
      small_output(&n.s, "y", small_chain(&n.s, words, table, layers[l], NULL));
      assert_non_null(small_train(&n.s, "loss = mse, metrics = [accuracy]"));
      value_net_run(&n, PROGRAM_GRAD, 3, 4, ids);
      size_t count;
      y[masked] = run_root(&n.r, ROOT_OUTPUT, 0, &count);
      assert_int_equal(count, 24);
      train_config *c = n.s.m->training;
      run_end(&n.r);
      train_config_free(c);
      small_model_end(&n.s);
    }
    for (int k = 0; k < 24; k++)
      if (y[0][k] != y[1][k])
        fail_msg("%s: element %d is %.17g, packed %.17g", layers[l], k, y[0][k], y[1][k]);
    free(y[0]);
    free(y[1]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(elements_move_as_promised),
      cmocka_unit_test(activations_take_arguments),
      cmocka_unit_test(softmax_over_steps_skips_padding),
      cmocka_unit_test(dot_sums_over_the_named_axes),
      cmocka_unit_test(noise_has_the_promised_moments),
      cmocka_unit_test(spatial_dropout_takes_whole_features),
      cmocka_unit_test(packing_changes_no_noise),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
