// Values of convolutions and poolings against loops written from their definitions: every padding, stride,
// dilation and group, extents that are numbers and extents that are symbols.
#include "tests/unit/value_net.h"
#include "tests/unit/window_reference.h"

enum { BATCH = 2, MOST = 4096 };

static const window_case cases[] = {
    {"valid", 9, 3, 1, 1}, {"valid", 9, 4, 2, 1},  {"valid", 10, 2, 3, 1}, {"valid", 9, 3, 1, 3},
    {"valid", 5, 5, 1, 1}, {"same", 7, 3, 1, 1},   {"same", 7, 4, 1, 1},   {"same", 7, 3, 2, 1},
    {"same", 8, 3, 2, 1},  {"same", 9, 5, 3, 1},   {"same", 10, 5, 3, 1},  {"same", 11, 5, 3, 1},
    {"same", 5, 2, 4, 1},  {"same", 6, 2, 4, 1},   {"same", 1, 3, 2, 1},   {"same", 8, 3, 1, 2},
    {"same", 9, 1, 2, 1},  {"causal", 6, 3, 1, 1}, {"causal", 7, 3, 1, 2}, {"causal", 7, 2, 2, 1}};
enum { CASES = sizeof cases / sizeof *cases };

static double at(const double *x, int steps, int features, int b, int t, int c) {
  return t < 0 || t >= steps ? 0 : x[(b * steps + t) * features + c];
}

// y[b][t][f], with W [size][C / groups][F].
static size_t convolve(const window_case *w, const double *x, int features, const double *kernel,
                       const double *bias, int filters, int groups, double *y) {
  int outputs = window_outputs(w), in_group = features / groups, per_group = filters / groups;
  for (int b = 0; b < BATCH; b++)
    for (int t = 0; t < outputs; t++)
      for (int f = 0; f < filters; f++) {
        double sum = bias ? bias[f] : 0;
        for (int k = 0; k < w->size; k++)
          for (int c = 0; c < in_group; c++)
            sum += at(x, w->steps, features, b, window_step(w, t, k), f / per_group * in_group + c) *
                   kernel[(k * in_group + c) * filters + f];
        y[(b * outputs + t) * filters + f] = sum;
      }
  return (size_t)(BATCH * outputs * filters);
}

static void input_dims(char *out, size_t size, const window_case *w, int features, bool symbolic) {
  if (symbolic)
    snprintf(out, size, "time, %d", features);
  else
    snprintf(out, size, "%d, %d", w->steps, features);
}

static void check_conv1d(const window_case *w, int features, int filters, int groups, bool symbolic) {
  char dims[32], literal[160], what[240];
  input_dims(dims, sizeof dims, w, features, symbolic);
  snprintf(literal, sizeof literal,
           "Conv1D(%d, %d, strides = %d, padding = %s, dilation_rate = %d, groups = %d, use_bias = %s)",
           filters, w->size, w->stride, w->padding, w->dilation, groups, groups == 1 ? "true" : "false");
  snprintf(what, sizeof what, "%s of %d steps, %d features%s", literal, w->steps, features,
           symbolic ? ", symbolic" : "");
  value_net n;
  double x[MOST], y[MOST];
  value_net_begin(&n, dims);
  value_net_add(&n, "y", literal);
  value_net_numbers(x, (size_t)(BATCH * w->steps * features), 0.1);
  value_net_run(&n, PROGRAM_INFER, BATCH, symbolic ? w->steps : 0, x);
  const double *bias = groups == 1 ? value_net_weight(&n, "conv1d/bias") : NULL;
  size_t count = convolve(w, x, features, value_net_weight(&n, "conv1d/kernel"), bias, filters, groups, y);
  value_net_expect(&n, ROOT_OUTPUT, 0, y, count, what);
  value_net_end(&n);
}

// 40 features are too many to be gathered into windows; 2 are few.
static void conv1d_is_the_sum_over_its_window(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++)
    for (int symbolic = 0; symbolic < 2; symbolic++) {
      check_conv1d(&cases[i], 2, 3, 1, symbolic);
      check_conv1d(&cases[i], 40, 2, 1, symbolic);
      check_conv1d(&cases[i], 6, 4, 2, symbolic);
      check_conv1d(&cases[i], 3, 6, 3, symbolic);
    }
}

static void depthwise_and_separable_convolve_each_feature(void **state) {
  (void)state;
  enum { FEATURES = 3, MULTIPLIER = 2, CHANNELS = FEATURES * MULTIPLIER, FILTERS = 4 };
  for (int i = 0; i < CASES; i++) {
    const window_case *w = &cases[i];
    if (strcmp(w->padding, "causal") == 0)
      continue;
    char depthwise[160], separable[160];
    const char *window = "strides = %d, padding = %s, dilation_rate = %d, depth_multiplier = 2)";
    int used = snprintf(depthwise, sizeof depthwise, "DepthwiseConv1D(%d, ", w->size);
    snprintf(depthwise + used, sizeof depthwise - (size_t)used, window, w->stride, w->padding, w->dilation);
    used = snprintf(separable, sizeof separable, "SeparableConv1D(4, %d, ", w->size);
    snprintf(separable + used, sizeof separable - (size_t)used, window, w->stride, w->padding, w->dilation);
    value_net n;
    double x[MOST], y[MOST], z[MOST];
    value_net_begin(&n, "time, 3");
    value_net_add(&n, "y", depthwise);
    value_net_add(&n, "z", separable);
    value_net_numbers(x, (size_t)(BATCH * w->steps * FEATURES), 0.4);
    value_net_run(&n, PROGRAM_INFER, BATCH, w->steps, x);
    const double *kernel = value_net_weight(&n, "depthwise_conv1d/kernel"),
                 *bias = value_net_weight(&n, "depthwise_conv1d/bias"),
                 *first = value_net_weight(&n, "separable_conv1d/depthwise_kernel"),
                 *second = value_net_weight(&n, "separable_conv1d/pointwise_kernel"),
                 *last = value_net_weight(&n, "separable_conv1d/bias");
    int outputs = window_outputs(w);
    for (int r = 0; r < BATCH * outputs; r++) {
      double middle[CHANNELS] = {0};
      for (int j = 0; j < CHANNELS; j++) {
        double sum = bias[j];
        for (int k = 0; k < w->size; k++) {
          double v = at(x, w->steps, FEATURES, r / outputs, window_step(w, r % outputs, k), j / MULTIPLIER);
          sum += v * kernel[k * CHANNELS + j];
          middle[j] += v * first[k * CHANNELS + j];
        }
        y[r * CHANNELS + j] = sum;
      }
      for (int f = 0; f < FILTERS; f++) {
        z[r * FILTERS + f] = last[f];
        for (int j = 0; j < CHANNELS; j++)
          z[r * FILTERS + f] += middle[j] * second[j * FILTERS + f];
      }
    }
    value_net_expect(&n, ROOT_OUTPUT, 0, y, (size_t)(BATCH * outputs * CHANNELS), depthwise);
    value_net_expect(&n, ROOT_OUTPUT, 1, z, (size_t)(BATCH * outputs * FILTERS), separable);
    value_net_end(&n);
  }
}

// Two axes with windows of their own.
static void conv2d_is_the_sum_over_its_window(void **state) {
  (void)state;
  static const struct {
    const char *layer;
    window_case rows, columns;
    int features, filters, groups;
  } table[] = {
      {"Conv2D(3, [2, 3])", {"valid", 5, 2, 1, 1}, {"valid", 6, 3, 1, 1}, 2, 3, 1},
      {"Conv2D(3, 3, padding = same)", {"same", 5, 3, 1, 1}, {"same", 6, 3, 1, 1}, 10, 3, 1},
      {"Conv2D(2, 3, strides = 2, padding = same)", {"same", 5, 3, 2, 1}, {"same", 6, 3, 2, 1}, 10, 2, 1},
      {"Conv2D(4, 2, dilation_rate = [1, 2], groups = 2)",
       {"valid", 5, 2, 1, 1},
       {"valid", 6, 2, 1, 2},
       4,
       4,
       2},
      {"DepthwiseConv2D([3, 2], strides = [2, 1], padding = same)",
       {"same", 5, 3, 2, 1},
       {"same", 6, 2, 1, 1},
       3,
       3,
       3},
      {"SeparableConv2D(3, 2)", {"valid", 5, 2, 1, 1}, {"valid", 6, 2, 1, 1}, 2, 2, 2}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    const window_case *h = &table[i].rows, *w = &table[i].columns;
    int features = table[i].features, filters = table[i].filters, groups = table[i].groups;
    char dims[32], name[64], weight_name[96];
    snprintf(dims, sizeof dims, "%d, %d, %d", h->steps, w->steps, features);
    value_net n;
    double x[MOST], y[MOST], z[MOST];
    value_net_begin(&n, dims);
    const tensor *made = value_net_add(&n, "y", table[i].layer);
    snprintf(name, sizeof name, "%s", made->source->layer->name);
    value_net_numbers(x, (size_t)(BATCH * h->steps * w->steps * features), 0.7);
    value_net_run(&n, PROGRAM_INFER, BATCH, 0, x);
    bool separable = strncmp(name, "separable", 9) == 0;
    snprintf(weight_name, sizeof weight_name, "%s/%s", name, separable ? "depthwise_kernel" : "kernel");
    const double *kernel = value_net_weight(&n, weight_name);
    snprintf(weight_name, sizeof weight_name, "%s/bias", name);
    const double *bias = value_net_weight(&n, weight_name);
    int height = window_outputs(h), width = window_outputs(w), in_group = features / groups;
    size_t count = 0;
    for (int b = 0; b < BATCH; b++)
      for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++)
          for (int f = 0; f < filters; f++) {
            double sum = separable ? 0 : bias[f];
            for (int k = 0; k < h->size * w->size; k++) {
              int row = window_step(h, r, k / w->size), column = window_step(w, c, k % w->size);
              bool inside = row >= 0 && row < h->steps && column >= 0 && column < w->steps;
              for (int j = 0; inside && j < in_group; j++)
                sum += x[((b * h->steps + row) * w->steps + column) * features +
                         f / (filters / groups) * in_group + j] *
                       kernel[(k * in_group + j) * filters + f];
            }
            y[count++] = sum;
          }
    if (separable) {
      const double *second = value_net_weight(&n, "separable_conv2d/pointwise_kernel");
      size_t places = count / 2;
      for (size_t p = 0; p < places; p++)
        for (int f = 0; f < 3; f++)
          z[p * 3 + (size_t)f] = bias[f] + y[2 * p] * second[f] + y[2 * p + 1] * second[3 + f];
      value_net_expect(&n, ROOT_OUTPUT, 0, z, places * 3, table[i].layer);
    } else {
      value_net_expect(&n, ROOT_OUTPUT, 0, y, count, table[i].layer);
    }
    value_net_end(&n);
  }
}

// Every input step adds its window; outputs and crops as TensorFlow's (the gradient of a convolution over the
// outputs).
static void conv1d_transpose_adds_windows(void **state) {
  (void)state;
  static const struct {
    const char *arguments;
    int size, stride, dilation, outputs, crop;
  } table[] = {{"", 3, 1, 1, 5 + 2, 0},
               {", strides = 2", 3, 2, 1, 2 * 4 + 3, 0},
               {", strides = 3", 2, 3, 1, 3 * 5, 0},
               {", strides = 2, output_padding = 1", 3, 2, 1, 2 * 4 + 3 + 1, 0},
               {", padding = same", 3, 1, 1, 5, 1},
               {", strides = 2, padding = same", 3, 2, 1, 10, 0},
               {", strides = 2, padding = same", 4, 2, 1, 10, 1},
               {", strides = 2, padding = same", 5, 2, 1, 10, 1},
               {", strides = 3, padding = same", 2, 3, 1, 15, 0},
               {", strides = 2, padding = same, output_padding = 0", 3, 2, 1, 2 * 4 + 1, 1},
               {", dilation_rate = 2, padding = same", 3, 1, 2, 5, 2}};
  enum { STEPS = 5, FEATURES = 2, FILTERS = 3 };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char literal[160];
    snprintf(literal, sizeof literal, "Conv1DTranspose(3, %d%s)", table[i].size, table[i].arguments);
    value_net n;
    double x[MOST], y[MOST];
    value_net_begin(&n, "time, 2");
    value_net_add(&n, "y", literal);
    value_net_numbers(x, BATCH * STEPS * FEATURES, 0.2);
    value_net_run(&n, PROGRAM_INFER, BATCH, STEPS, x);
    const double *kernel = value_net_weight(&n, "conv1d_transpose/kernel"),
                 *bias = value_net_weight(&n, "conv1d_transpose/bias");
    int outputs = table[i].outputs;
    for (int k = 0; k < BATCH * outputs * FILTERS; k++)
      y[k] = bias[k % FILTERS];
    for (int b = 0; b < BATCH; b++)
      for (int t = 0; t < STEPS; t++)
        for (int k = 0; k < table[i].size; k++) {
          int to = t * table[i].stride + k * table[i].dilation - table[i].crop;
          for (int j = 0; to >= 0 && to < outputs && j < FILTERS * FEATURES; j++)
            y[(b * outputs + to) * FILTERS + j / FEATURES] +=
                x[(b * STEPS + t) * FEATURES + j % FEATURES] * kernel[k * FILTERS * FEATURES + j];
        }
    value_net_expect(&n, ROOT_OUTPUT, 0, y, (size_t)(BATCH * outputs * FILTERS), literal);
    value_net_end(&n);
  }
}

static void poolings_see_what_is_inside(void **state) {
  (void)state;
  enum { FEATURES = 2 };
  for (int i = 0; i < CASES; i++) {
    const window_case *w = &cases[i];
    if (strcmp(w->padding, "causal") == 0 || w->dilation > 1)
      continue;
    char largest[100], mean[100];
    snprintf(largest, sizeof largest, "MaxPooling1D(%d, strides = %d, padding = %s)", w->size, w->stride,
             w->padding);
    snprintf(mean, sizeof mean, "AveragePooling1D(%d, strides = %d, padding = %s)", w->size, w->stride,
             w->padding);
    value_net n;
    double x[MOST], y[MOST], z[MOST];
    value_net_begin(&n, "time, 2");
    value_net_add(&n, "y", largest);
    value_net_add(&n, "z", mean);
    value_net_numbers(x, (size_t)(BATCH * w->steps * FEATURES), 0.9);
    for (int k = 0; k < BATCH * w->steps * FEATURES; k++)
      x[k] -= 2; // padding of zeros would be the largest
    value_net_run(&n, PROGRAM_INFER, BATCH, w->steps, x);
    int outputs = window_outputs(w);
    for (int r = 0; r < BATCH * outputs * FEATURES; r++) {
      double most = -INFINITY, sum = 0, count = 0;
      for (int k = 0; k < w->size; k++) {
        int t = window_step(w, r / FEATURES % outputs, k);
        if (t < 0 || t >= w->steps)
          continue;
        double v = at(x, w->steps, FEATURES, r / FEATURES / outputs, t, r % FEATURES);
        most = fmax(most, v);
        sum += v;
        count++;
      }
      y[r] = most;
      z[r] = sum / count;
    }
    value_net_expect(&n, ROOT_OUTPUT, 0, y, (size_t)(BATCH * outputs * FEATURES), largest);
    value_net_expect(&n, ROOT_OUTPUT, 1, z, (size_t)(BATCH * outputs * FEATURES), mean);
    value_net_end(&n);
  }
}

static void poolings_over_height_and_width(void **state) {
  (void)state;
  enum { H = 3, W = 4 };
  static const double x[BATCH][H][W] = {{{1, 5, 2, 0}, {-3, 4, 8, 1}, {7, 6, -1, 3}},
                                        {{0, 0, 0, 0}, {1, 2, 3, 4}, {-4, -3, -2, -1}}};
  value_net n;
  value_net_begin(&n, "3, 4, 1");
  value_net_add(&n, "largest", "MaxPooling2D()");
  value_net_add(&n, "overlapping", "MaxPooling2D([2, 2], strides = [1, 2], padding = same)");
  value_net_add(&n, "mean", "AveragePooling2D(2, padding = same)");
  value_net_add(&n, "all", "GlobalAveragePooling2D()");
  value_net_add(&n, "most", "GlobalMaxPooling2D(keepdims = true)");
  value_net_run(&n, PROGRAM_INFER, BATCH, 0, &x[0][0][0]);
  const double largest[] = {5, 8, 2, 4};
  const double overlapping[] = {5, 8, 7, 8, 7, 3, 2, 4, 2, 4, -3, -1};
  const double mean[] = {1.75, 2.75, 6.5, 1, 0.75, 1.75, -3.5, -1.5};
  const double all[] = {33.0 / 12, 0}, most[] = {8, 4};
  value_net_expect(&n, ROOT_OUTPUT, 0, largest, 4, "MaxPooling2D");
  value_net_expect(&n, ROOT_OUTPUT, 1, overlapping, 12, "MaxPooling2D with strides");
  value_net_expect(&n, ROOT_OUTPUT, 2, mean, 8, "AveragePooling2D");
  value_net_expect(&n, ROOT_OUTPUT, 3, all, 2, "GlobalAveragePooling2D");
  value_net_expect(&n, ROOT_OUTPUT, 4, most, 2, "GlobalMaxPooling2D");
  value_net_end(&n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conv1d_is_the_sum_over_its_window),
      cmocka_unit_test(depthwise_and_separable_convolve_each_feature),
      cmocka_unit_test(conv2d_is_the_sum_over_its_window),
      cmocka_unit_test(conv1d_transpose_adds_windows),
      cmocka_unit_test(poolings_see_what_is_inside),
      cmocka_unit_test(poolings_over_height_and_width),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
