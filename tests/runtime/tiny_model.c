#include "tests/runtime/tiny_model.h"
#include <math.h>
#include <string.h>

enum { ROWS = 40, WIDTH = 3, MAX_BATCH = 4096 };
enum { BATCH, TIME, DISTINCT };
enum { EMBEDDINGS, KERNEL, BIAS };

// ---- dimensions and sizes

enum {
  E_BATCH,
  E_TIME,
  E_ONE,
  E_TOKENS,
  E_DISTINCT,
  E_FOUR,
  E_ID_BYTES,
  E_16,
  E_16_TOKENS,
  E_16384,
  E_SCRATCH,
  E_12,
  E_ROW_BYTES
};
static const struct nlm_abi_expr exprs[] = {
    {NLM_EXPR_SYMBOL, BATCH, 0},
    {NLM_EXPR_SYMBOL, TIME, 0},
    {NLM_EXPR_CONST, 1, 0},
    {NLM_EXPR_MUL, E_BATCH, E_TIME},
    {NLM_EXPR_SYMBOL, DISTINCT, 0},
    {NLM_EXPR_CONST, 4, 0},
    {NLM_EXPR_MUL, E_TOKENS, E_FOUR},
    {NLM_EXPR_CONST, 16, 0},
    {NLM_EXPR_MUL, E_TOKENS, E_16},
    {NLM_EXPR_CONST, 16384, 0},
    {NLM_EXPR_ADD, E_16_TOKENS, E_16384},
    {NLM_EXPR_CONST, 12, 0},
    {NLM_EXPR_MUL, E_TOKENS, E_12},
};
static const struct nlm_abi_dim dims[] = {{"batch", -1}, {"review_time", -1}, {"distinct", E_TOKENS}};
static const int64_t ids_shape[] = {E_BATCH, E_TIME}, output_shape[] = {E_BATCH, E_ONE};
static const struct nlm_abi_tensor inputs[] = {
    {"review", NLM_ROLE_IDS, NLM_INT32, 2, ids_shape, 0, -1},
    {"sentiment", NLM_ROLE_TARGET_REAL, NLM_REAL, 2, output_shape, 0, 0},
};
static const struct nlm_abi_tensor outputs[] = {
    {"sentiment", NLM_ROLE_OUTPUT, NLM_REAL, 2, output_shape, 0, -1}};
static const int64_t table_shape[] = {ROWS, WIDTH}, kernel_shape[] = {WIDTH, 1}, bias_shape[] = {1};
static const struct nlm_abi_param params[] = {
    {"embedding/embeddings", 2, table_shape, ROWS *WIDTH, 1, NLM_INIT_UNIFORM, -0.05, 0.05, 0, 0, NULL,
     "text_vectorization", 0, 0},
    {"dense/kernel", 2, kernel_shape, WIDTH, 1, NLM_INIT_VARIANCE_SCALING, 1, 0, 2, 0, NULL, NULL, 0, 0},
    {"dense/bias", 1, bias_shape, 1, 1, NLM_INIT_ZEROS, 0, 0, 0, 0, NULL, NULL, 0, 0},
};

// ---- programs

static const float *param(const struct nlm_frame *f, int which) {
  return f->params[which];
}

// Mean of the rows of valid ids.
static void pool(const struct nlm_frame *f, int64_t row, float *mean, float *count) {
  const int32_t *ids = (const int32_t *)f->inputs[0] + row * f->dims[TIME];
  const float *table = param(f, EMBEDDINGS);
  *count = 0;
  memset(mean, 0, WIDTH * sizeof *mean);
  for (int64_t t = 0; t < f->dims[TIME]; t++) {
    for (int k = 0; k < WIDTH && ids[t]; k++)
      mean[k] += table[ids[t] * WIDTH + k];
    *count += ids[t] != 0;
  }
  for (int k = 0; k < WIDTH; k++)
    mean[k] = *count > 0 ? mean[k] / *count : 0;
}

static float unit(const struct nlm_frame *f, const float *mean) {
  float x = *param(f, BIAS);
  for (int k = 0; k < WIDTH; k++)
    x += mean[k] * param(f, KERNEL)[k];
  return x;
}

static int64_t check(struct nlm_frame *f) {
  int64_t n = f->dims[BATCH] * f->dims[TIME];
  return f->calls->check_ids(f, f->inputs[0], NULL, n, ROWS, 0);
}

static void begin_kernel(struct nlm_frame *f, int64_t phase) {
  if (f->profile)
    f->calls->profile(f, 0, phase);
}

// Writes the output; adds up the loss where there are targets.
static int64_t forward(struct nlm_frame *f, int with_loss) {
  int64_t status = check(f);
  float mean[WIDTH], count;
  double loss = 0;
  float *out = f->outputs[0];
  for (int64_t b = 0; !status && b < f->dims[BATCH]; b++) {
    pool(f, b, mean, &count);
    float x = unit(f, mean);
    out[b] = 1 / (1 + expf(-x));
    if (with_loss)
      loss += (double)(fmaxf(x, 0) - x * ((const float *)f->inputs[1])[b] + log1pf(expf(-fabsf(x))));
  }
  if (with_loss)
    f->results[0] = f->results[1] = loss / (double)f->dims[BATCH];
  return status;
}

static int64_t infer(struct nlm_frame *f) {
  return forward(f, 0);
}

static int64_t evaluate(struct nlm_frame *f) {
  begin_kernel(f, 0);
  int64_t status = forward(f, 1);
  begin_kernel(f, 1);
  return status;
}

enum { W_VALUES, W_INVERSE, W_SCRATCH, W_TABLE, W_KERNEL, W_BIAS };

static void *buffer(const struct nlm_frame *f, int which) {
  return f->workspace + f->offsets[which];
}

static void backward(struct nlm_frame *f) {
  float *table = buffer(f, W_TABLE), *kernel = buffer(f, W_KERNEL), *bias = buffer(f, W_BIAS);
  const int32_t *ids = f->inputs[0], *inverse = buffer(f, W_INVERSE);
  const float *p = f->outputs[0], *y = f->inputs[1];
  memset(table, 0, (size_t)f->dims[DISTINCT] * WIDTH * sizeof *table);
  memset(kernel, 0, WIDTH * sizeof *kernel);
  *bias = 0;
  for (int64_t b = 0; b < f->dims[BATCH]; b++) {
    float mean[WIDTH], count, d = (p[b] - y[b]) / (float)f->dims[BATCH];
    pool(f, b, mean, &count);
    *bias += d;
    for (int k = 0; k < WIDTH; k++)
      kernel[k] += d * mean[k];
    for (int64_t t = b * f->dims[TIME]; t < (b + 1) * f->dims[TIME]; t++)
      for (int k = 0; k < WIDTH && ids[t]; k++)
        table[inverse[t] * WIDTH + k] += d * param(f, KERNEL)[k] / count;
  }
}

static int64_t grad(struct nlm_frame *f) {
  int64_t n = f->dims[BATCH] * f->dims[TIME], status = check(f);
  if (status)
    return status;
  begin_kernel(f, 0);
  f->dims[DISTINCT] = f->calls->unique(f->inputs[0], n, ROWS, buffer(f, W_VALUES), buffer(f, W_INVERSE), NULL,
                                       NULL, buffer(f, W_SCRATCH));
  f->calls->touch_rows(f->context, EMBEDDINGS, buffer(f, W_VALUES), f->dims[DISTINCT]);
  forward(f, 1);
  backward(f);
  begin_kernel(f, 1);
  return NLM_STATUS_OK;
}

static const struct nlm_abi_kernel kernels[] = {{"everything", "(batch)", E_TOKENS, E_ROW_BYTES}};
static const struct nlm_abi_buffer buffers[] = {
    {E_ID_BYTES, 0, 1},  {E_ID_BYTES, 0, 1}, {E_SCRATCH, 0, 0},
    {E_ROW_BYTES, 0, 1}, {E_12, 0, 1},       {E_12, 0, 1},
};
static const struct nlm_abi_gradient gradients[] = {
    {EMBEDDINGS, W_TABLE, W_VALUES, E_DISTINCT}, {KERNEL, W_KERNEL, -1, -1}, {BIAS, W_BIAS, -1, -1}};
static const struct nlm_abi_program programs[] = {
    {.kind = NLM_INFER, .entry = infer},
    {.kind = NLM_EVALUATE, .entry = evaluate, .n_kernels = 1, .kernels = kernels},
    {.kind = NLM_GRAD,
     .entry = grad,
     .n_buffers = 6,
     .buffers = buffers,
     .n_kernels = 1,
     .kernels = kernels,
     .n_gradients = 3,
     .gradients = gradients},
};

static const char config[] =
    "{\"inputs\": [{\"name\": \"review\", \"type\": \"text\", \"shape\": [\"batch\"]}],"
    " \"pipelines\": [{\"layer\": \"text_vectorization\", \"model_input\": 0, \"program_input\": 0,"
    "   \"standardize\": \"lower_and_strip_punctuation\", \"split\": \"whitespace\", \"ngrams\": null,"
    "   \"max_tokens\": 40, \"output_sequence_length\": null}],"
    " \"outputs\": [{\"name\": \"sentiment\", \"activation\": \"sigmoid\", \"units\": 1, \"sequence\": false,"
    "   \"loss\": \"binary_crossentropy\", \"target\": \"like_output\", \"loss_weight\": 1.0,"
    "   \"metrics\": [{\"name\": \"accuracy\", \"args\": {}}]}],"
    " \"report\": {}, \"summary\": \"tiny\","
    " \"train\": {\"optimizer\": {\"name\": \"adam\", \"args\": {\"learning_rate\": 0.05, \"beta_1\": 0.9,"
    "   \"beta_2\": 0.999, \"epsilon\": 1e-7, \"amsgrad\": false}}, \"epochs\": 6, \"batch_size\": 4,"
    "   \"shuffle\": true, \"validation_split\": 0.0, \"seed\": null,"
    "   \"callbacks\": [{\"name\": \"model_checkpoint\", \"args\": {\"filepath\": null, \"monitor\": "
    "\"val_loss\","
    "      \"verbose\": 1, \"save_best_only\": true, \"save_weights_only\": false, \"mode\": \"auto\","
    "      \"save_freq\": \"epoch\", \"initial_value_threshold\": null}},"
    "     {\"name\": \"early_stopping\", \"args\": {\"monitor\": \"val_loss\", \"min_delta\": 0.0, "
    "\"patience\": 3,"
    "      \"verbose\": 1, \"mode\": \"auto\", \"baseline\": null, \"restore_best_weights\": true,"
    "      \"start_from_epoch\": 0}}]}}";

const struct nlm_abi_model nlm_model_tiny = {
    .magic = NLM_ABI_MAGIC,
    .version = NLM_ABI_VERSION,
    .name = "tiny",
    .compiler = "0",
    .cpu = "any",
    .features = "",
    .source_hash = "0",
    .real_bytes = 4,
    .n_exprs = sizeof exprs / sizeof *exprs,
    .exprs = exprs,
    .n_dims = 3,
    .dims = dims,
    .n_inputs = 2,
    .inputs = inputs,
    .n_outputs = 1,
    .outputs = outputs,
    .n_params = 3,
    .params = params,
    .n_programs = 3,
    .programs = programs,
    .config = config,
};
