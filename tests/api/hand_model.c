#include "hand_model.h"
#include "nlm/abi.h"
#include "runtime/weights.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const double hand_table[6][2] = {{9, 9}, {0.25, -0.5}, {1, 2}, {-1, -1.5}, {0.5, 0.75}, {-2, 0.125}};
const double hand_kernel[2] = {1, 2}, hand_bias = 0.5;
const double hand_tags[6][3] = {
    {0, 0, 0},    {0.25, 0.5, 0.25}, {0.75, 0.125, 0.125}, {0.125, 0.75, 0.125}, {0.125, 0.125, 0.75},
    {0.5, 0.5, 0}};

// ---- programs

enum { WORDS = 6, UNITS = 2, TAGS = 3 };
enum { DIM_BATCH, DIM_TIME, DIM_CHARACTERS };
enum { SLOT_SUMS };

typedef struct rows_env {
  struct nlm_frame *frame;
  int64_t time;
} rows_env;

#define MOOD_PROGRAM(real, name)                                                                             \
  static void name##_row(void *environment, int64_t b) {                                                     \
    const rows_env *env = environment;                                                                       \
    struct nlm_frame *f = env->frame;                                                                        \
    const int32_t *ids = (const int32_t *)f->inputs[0] + b * env->time;                                      \
    const real *table = f->params[0], *kernel = f->params[1], *bias = f->params[2];                          \
    real *sums = (real *)(void *)(f->workspace + f->offsets[SLOT_SUMS]) + b * UNITS;                         \
    int64_t n = 0;                                                                                           \
    sums[0] = sums[1] = 0;                                                                                   \
    for (int64_t t = 0; t < env->time; t++) {                                                                \
      if (!ids[t])                                                                                           \
        continue;                                                                                            \
      n++;                                                                                                   \
      for (int u = 0; u < UNITS; u++)                                                                        \
        sums[u] += table[ids[t] * UNITS + u];                                                                \
    }                                                                                                        \
    real x = bias[0];                                                                                        \
    for (int u = 0; u < UNITS; u++)                                                                          \
      x += (n ? sums[u] / (real)n : 0) * kernel[u];                                                          \
    ((real *)f->outputs[0])[b] = (real)(1 / (1 + exp(-(double)x)));                                          \
  }                                                                                                          \
  static int64_t name##_run(struct nlm_frame *f, int64_t time) {                                             \
    int64_t batch = f->dims[DIM_BATCH];                                                                      \
    rows_env env = {f, time};                                                                                \
    int64_t status = f->calls->check_ids(f, f->inputs[0], NULL, batch * time, WORDS, 0);                     \
    if (!status)                                                                                             \
      f->calls->parallel_for(f->context, name##_row, &env, batch);                                           \
    return status;                                                                                           \
  }
MOOD_PROGRAM(float, mood32)
MOOD_PROGRAM(double, mood64)

static int64_t infer_mood(struct nlm_frame *f) {
  return mood32_run(f, f->dims[DIM_TIME]);
}

static int64_t infer_fixed(struct nlm_frame *f) {
  return mood32_run(f, 4);
}

static int64_t infer_f64(struct nlm_frame *f) {
  return mood64_run(f, f->dims[DIM_TIME]);
}

// The tagger's output is masked: its program gives the mask too.
static int64_t infer_tags(struct nlm_frame *f) {
  int64_t n = f->dims[DIM_BATCH] * f->dims[DIM_TIME];
  const int32_t *ids = f->inputs[0];
  int64_t status = f->calls->check_ids(f, ids, NULL, n, WORDS, 0);
  for (int64_t k = 0; k < n && !status; k++) {
    memcpy((float *)f->outputs[0] + k * TAGS, (const float *)f->params[0] + ids[k] * TAGS,
           TAGS * sizeof(float));
    ((int32_t *)f->masks[0])[k] = ids[k] != 0;
  }
  return status;
}

static int64_t infer_sums(struct nlm_frame *f) {
  int64_t words = f->dims[DIM_BATCH] * f->dims[DIM_TIME], characters = f->dims[DIM_CHARACTERS];
  const int32_t *ids = f->inputs[0];
  int64_t status = f->calls->check_ids(f, ids, NULL, words * characters, WORDS, 0);
  for (int64_t w = 0; w < words && !status; w++) {
    float sum = 0;
    for (int64_t c = 0; c < characters; c++)
      sum += (float)(ids[w * characters + c] * (c + 1));
    ((float *)f->outputs[0])[w] = sum * ((const float *)f->params[0])[0];
  }
  return status;
}

// ---- descriptors

enum { E_BATCH, E_TIME, E_FOUR, E_ONE, E_TAGS, E_SUM_BYTES, E_SIXTEEN, E_CHARACTERS };
static const struct nlm_abi_expr exprs[] = {
    {NLM_EXPR_SYMBOL, DIM_BATCH, 0}, {NLM_EXPR_SYMBOL, DIM_TIME, 0},      {NLM_EXPR_CONST, 4, 0},
    {NLM_EXPR_CONST, 1, 0},          {NLM_EXPR_CONST, TAGS, 0},           {NLM_EXPR_MUL, E_BATCH, E_SIXTEEN},
    {NLM_EXPR_CONST, 16, 0},         {NLM_EXPR_SYMBOL, DIM_CHARACTERS, 0}};
static const struct nlm_abi_dim dims[] = {{"batch", -1}, {"review_time", -1}, {"characters", -1}};
static const int64_t free_shape[] = {E_BATCH, E_TIME}, fixed_shape[] = {E_BATCH, E_FOUR},
                     unit_shape[] = {E_BATCH, E_ONE}, tags_shape[] = {E_BATCH, E_TIME, E_TAGS},
                     spelled_shape[] = {E_BATCH, E_TIME, E_CHARACTERS},
                     sums_shape[] = {E_BATCH, E_TIME, E_ONE};
static const int64_t table_shape[] = {WORDS, UNITS}, kernel_shape[] = {UNITS, 1}, bias_shape[] = {1},
                     tag_table_shape[] = {WORDS, TAGS};
static const struct nlm_abi_tensor free_ids = {"review", NLM_ROLE_IDS, NLM_INT32, 2, free_shape, 0, -1},
                                   fixed_ids = {"review", NLM_ROLE_IDS, NLM_INT32, 2, fixed_shape, 0, -1},
                                   mood_output = {"mood", NLM_ROLE_OUTPUT, NLM_REAL, 2, unit_shape, 0, -1},
                                   tags_output = {"tags", NLM_ROLE_OUTPUT, NLM_REAL, 3, tags_shape, 1, -1},
                                   spelled_ids = {"review", NLM_ROLE_IDS, NLM_INT32, 3, spelled_shape, 0, -1},
                                   sums_output = {"sums", NLM_ROLE_OUTPUT, NLM_REAL, 3, sums_shape, 0, -1};
static const struct nlm_abi_param mood_params[] = {
    {.name = "embedding/embeddings",
     .rank = 2,
     .dims = table_shape,
     .elements = 12,
     .vocabulary = "text_vectorization"},
    {.name = "dense/kernel", .rank = 2, .dims = kernel_shape, .elements = 2},
    {.name = "dense/bias", .rank = 1, .dims = bias_shape, .elements = 1}};
static const struct nlm_abi_param tag_params[] = {{.name = "embedding/embeddings",
                                                   .rank = 2,
                                                   .dims = tag_table_shape,
                                                   .elements = 18,
                                                   .vocabulary = "text_vectorization"}};
static const struct nlm_abi_param scale_params[] = {
    {.name = "dense/bias", .rank = 1, .dims = bias_shape, .elements = 1}};
static const struct nlm_abi_buffer sums = {E_SUM_BYTES, 0, 1};
static const struct nlm_abi_program programs[HAND_MODELS] = {
    {.kind = NLM_INFER, .entry = infer_mood, .n_buffers = 1, .buffers = &sums},
    {.kind = NLM_INFER, .entry = infer_fixed, .n_buffers = 1, .buffers = &sums},
    {.kind = NLM_INFER, .entry = infer_f64, .n_buffers = 1, .buffers = &sums},
    {.kind = NLM_INFER, .entry = infer_tags},
    {.kind = NLM_INFER, .entry = infer_sums}};

#define CONFIG(shape, length, output) CONFIG_SPLIT("whitespace", shape, length, output)
#define CONFIG_SPLIT(split, shape, length, output)                                                           \
  "{\"inputs\": [{\"name\": \"review\", \"type\": \"text\", \"shape\": [\"batch\"" shape "]}], "             \
  "\"pipelines\": [{\"layer\": \"text_vectorization\", \"model_input\": 0, \"program_input\": 0, "           \
  "\"standardize\": \"lower_and_strip_punctuation\", \"split\": \"" split "\", \"ngrams\": null, "           \
  "\"max_tokens\": null, \"output_sequence_length\": " length "}], \"outputs\": [" output "], "              \
  "\"report\": {}, \"summary\": \"a table\\n\", \"train\": null}"
#define MOOD_OUTPUT                                                                                          \
  "{\"name\": \"mood\", \"activation\": \"sigmoid\", \"units\": 1, \"sequence\": false, \"loss\": null, "    \
  "\"target\": \"like_output\", \"loss_weight\": 1.0, \"metrics\": []}"
#define TAGS_OUTPUT                                                                                          \
  "{\"name\": \"tags\", \"activation\": \"softmax\", \"units\": 3, \"sequence\": true, \"loss\": null, "     \
  "\"target\": \"class_ids\", \"loss_weight\": 1.0, \"metrics\": []}"

#define SUMS_OUTPUT                                                                                          \
  "{\"name\": \"sums\", \"activation\": null, \"units\": 1, \"sequence\": true, \"loss\": null, "            \
  "\"target\": \"like_output\", \"loss_weight\": 1.0, \"metrics\": []}"

#define MODEL(model_name, width, ids, result, table, count, text)                                            \
  {                                                                                                          \
    .magic = NLM_ABI_MAGIC, .version = NLM_ABI_VERSION, .name = model_name, .compiler = "0.1.0",             \
    .cpu = "x86-64", .features = "", .source_hash = "0123", .real_bytes = width,                             \
    .n_exprs = sizeof exprs / sizeof *exprs, .exprs = exprs, .n_dims = (ids) == &spelled_ids ? 3 : 2,        \
    .dims = dims, .n_inputs = 1, .inputs = ids, .n_outputs = 1, .outputs = result, .n_params = count,        \
    .params = table, .n_programs = 1, .config = text                                                         \
  }
static struct nlm_abi_model models[HAND_MODELS] = {
    MODEL("mood", 4, &free_ids, &mood_output, mood_params, 3, CONFIG("", "null", MOOD_OUTPUT)),
    MODEL("mood_fixed", 4, &fixed_ids, &mood_output, mood_params, 3, CONFIG("", "4", MOOD_OUTPUT)),
    MODEL("mood_f64", 8, &free_ids, &mood_output, mood_params, 3, CONFIG("", "null", MOOD_OUTPUT)),
    MODEL("tagger", 4, &free_ids, &tags_output, tag_params, 1,
          CONFIG(", \"review_time\"", "null", TAGS_OUTPUT)),
    MODEL("speller", 4, &spelled_ids, &sums_output, scale_params, 1,
          CONFIG_SPLIT("character", ", \"review_time\"", "null", SUMS_OUTPUT))};

const struct nlm_abi_model *hand_model(hand_kind kind) {
  models[kind].programs = &programs[kind];
  return &models[kind];
}

void hand_embed(hand_kind kind, const strbuf *image) {
  models[kind].weights = image ? image->data : NULL;
  models[kind].weights_bytes = image ? (int64_t)image->len : 0;
}

// ---- weights

static void *as_reals(const double *values, size_t n, int width) {
  char *out = malloc(n * (size_t)width);
  for (size_t k = 0; k < n; k++) {
    float narrow = (float)values[k];
    memcpy(out + k * (size_t)width, width == 8 ? (const void *)&values[k] : (const void *)&narrow,
           (size_t)width);
  }
  return out;
}

void hand_image(hand_kind kind, int bare, strbuf *image) {
  int width = kind == MOOD_F64 ? 8 : 4;
  weight_type type = width == 8 ? WEIGHT_F64 : WEIGHT_F32;
  void *table =
      kind == TAGGER ? as_reals(&hand_tags[0][0], 18, width) : as_reals(&hand_table[0][0], 12, width);
  void *kernel = as_reals(hand_kernel, 2, width), *bias = as_reals(&hand_bias, 1, width);
  weight_entry entries[] = {
      {.name = "embedding/embeddings",
       .type = type,
       .rank = 2,
       .shape = {WORDS, kind == TAGGER ? TAGS : UNITS},
       .data = table},
      {.name = "dense/kernel", .type = type, .rank = 2, .shape = {UNITS, 1}, .data = kernel},
      {.name = "dense/bias", .type = type, .rank = 1, .shape = {1}, .data = bias}};
  weight_metadata metadata[] = {
      {"nlm.vocabulary.text_vectorization", "[\"\", \"[UNK]\", \"good\", \"bad\", \"fine\", \"dull\"]"},
      {kind == TAGGER ? "nlm.classes.tags" : "nlm.classes.mood",
       kind == TAGGER ? "[\"A\", \"B\", \"C\"]" : "[\"neg\", \"pos\"]"}};
  if (kind == SPELLER)
    metadata[0].value = "[\"\", \"[UNK]\", \"a\", \"b\", \"c\", \"d\"]";
  const weight_entry *first = kind == SPELLER ? entries + 2 : entries;
  strbuf error = {0};
  if (!weights_serialize(first, kind == TAGGER || kind == SPELLER ? 1 : 3, metadata, bare ? 0 : 2, image,
                         &error))
    abort();
  free(table);
  free(kernel);
  free(bias);
}
