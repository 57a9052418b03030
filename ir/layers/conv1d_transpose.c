#include "ir/layers/convolution.h"
#include <math.h>

// out[stride * t + dilation * k - crop] += x[t] W[k]. `same` keeps stride steps for each input step.
typedef struct transposed {
  int64_t reach, stride, crop;
  const dim *out;
} transposed;

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static transposed geometry(dim_table *dims, const layer *l, const dim *in) {
  const window_spec *w = window_of(l);
  int64_t reach = (w->size[0] - 1) * w->dilation[0] + 1, stride = w->stride[0];
  bool extra = !layer_arg_is_none(l, "output_padding");
  int64_t more = extra ? layer_arg_int(l, "output_padding") : 0;
  transposed r = {.reach = reach, .stride = stride};
  const dim *spread = dim_mul(dims, dim_sub_const(dims, in, 1), dim_const(dims, stride));
  if (w->padding == PADDING_VALID) {
    int64_t tail = extra ? reach + more : reach > stride ? reach : stride;
    r.out = dim_add(dims, spread, dim_const(dims, tail));
    return r;
  }
  int64_t around = extra ? reach + reach % 2 - 2 + more : stride + reach - 2;
  r.crop = reach - 1 - least(around / 2 + around % 2, reach - 1);
  r.out = extra ? dim_add(dims, spread, dim_const(dims, reach % 2 + more))
                : dim_mul(dims, in, dim_const(dims, stride));
  return r;
}

static bool check(layer *l) {
  if (!window_check(l, 1, "kernel_size"))
    return false;
  if (layer_arg_is_none(l, "output_padding") || layer_arg_int(l, "output_padding") < window_of(l)->stride[0])
    return true;
  layer_error(l, "output_padding", "%s: output_padding must be less than strides, which is %lld",
              l->def->name, (long long)window_of(l)->stride[0]);
  return false;
}

static bool build(layer_call *call) {
  const tensor *x = call->inputs[0];
  const layer *l = call->layer;
  dim_table *dims = call->model->unit->dims;
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)"))
    return false;
  int64_t features = call_static_dim(call, x, -1), filters = layer_arg_int(l, "filters");
  if (features < 0)
    return false;
  if (call->first) {
    convolution_kernel(call, "kernel", "kernel_initializer", filters, features);
    convolution_bias(call, filters);
  } else if (!call_same_features(call, x, l->weights.data[0]->shape.d[2]->value)) {
    return false;
  }
  const dim *out = geometry(dims, l, x->shape.d[1]).out;
  call_output(call, shape_of(3, x->shape.d[0], out, dim_const(dims, filters)), TENSOR_REAL);
  return true;
}

// [B, T, F] -> [B, T * stride, F], zeros between the steps.
static node *spread_steps(graph *g, node *x, int64_t stride) {
  dim_table *d = g->dims;
  const dim *batch = x->shape.d[0], *time = x->shape.d[1], *filters = x->shape.d[2],
            *step = dim_const(d, stride);
  node *split = g_reshape(g, x, shape_of(4, batch, time, dim_const(d, 1), filters));
  return g_reshape(g, g_pad(g, split, 2, 0, step, 0), shape_of(3, batch, dim_mul(d, time, step), filters));
}

static void lower(lowering *lw, const application *app) {
  graph *g = lw->g;
  const layer *l = app->layer;
  const window_spec *w = window_of(l);
  const tensor *t = app->inputs[0];
  transposed r = geometry(g->dims, l, t->shape.d[1]);
  node *kernel = lower_weight(lw, l, "kernel");
  const dim *taps = kernel->shape.d[0], *filters = kernel->shape.d[1], *features = kernel->shape.d[2];
  kernel = g_reshape(g, kernel, shape_of(2, dim_mul(g->dims, taps, filters), features));
  lowered x = convolution_real(lw, lower_input(lw, app, 0));
  node *products = lower_to_dense(lw, convolution_product(lw, x, kernel, true), t);
  const dim *steps = dim_mul(g->dims, t->shape.d[1], dim_const(g->dims, r.stride));
  const dim *full = dim_add(g->dims, steps, dim_const(g->dims, r.reach - 1));
  node *sum = NULL;
  for (int64_t k = 0; k < w->size[0]; k++) {
    node *columns = spread_steps(g, g_slice(g, products, 2, k * filters->value, filters, 1), r.stride);
    node *term = g_slice(g, g_pad(g, columns, 1, k * w->dilation[0], full, 0), 1, r.crop, r.out, 1);
    sum = sum ? g_add(g, sum, term) : term;
  }
  convolution_finish(lw, app, sum);
}

static const arg_spec args[] = {
    CONVOLUTION_FILTERS_ARG,
    CONVOLUTION_WINDOW_ARGS,
    CONVOLUTION_PADDING_ARG(convolution_paddings),
    {.name = "output_padding",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .min = 0,
     .max = INFINITY,
     .doc = "steps added behind; none: what the padding makes them"},
    DATA_FORMAT_ARG,
    CONVOLUTION_DILATION_ARG,
    CONVOLUTION_RESULT_ARGS,
    CONVOLUTION_INITIALIZER_ARG("kernel_initializer", "glorot_uniform", "of the kernel"),
    CONVOLUTION_INITIALIZER_ARG("bias_initializer", "zeros", "of the bias"),
    {0}};

static const char *const examples[] = {"model tiny {\n  input x: float[time, 3]\n  output y = x -> "
                                       "Conv1DTranspose(2, 3, strides = 2, padding = same)\n"
                                       "    -> GlobalAveragePooling1D()\n}\n",
                                       NULL};

const layer_def conv1d_transpose_layer = {
    .name = "Conv1DTranspose",
    .snake = "conv1d_transpose",
    .doc = "Convolution the other way: every input step adds a window of outputs; strides make the sequence "
           "longer. The "
           "kernel is (size, filters, features).",
    .shapes = "(batch, time, features) -> (batch, new_time, filters)    padding = same: time * strides "
              "steps; valid: time * strides + max(kernel_size - strides, 0)",
    .weights = "kernel (kernel_size, filters, features)\n"
               "bias (filters)    with use_bias",
    .differs = "data_format is channels_last only.",
    .group = "convolution",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_DESTROY,
    .mask_advice = convolution_mask_advice,
    .check = check,
    .build = build,
    .lower = lower,
    .examples = examples,
};
