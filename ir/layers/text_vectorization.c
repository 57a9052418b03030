// Text to word numbers. Runs in the runtime before the compiled program, which takes the ids as its input.
#include "ir/layer.h"
#include <math.h>
#include <string.h>

static bool refuse(const layer *l, const char *arg, const char *accepted, const char *why) {
  strbuf found = {0};
  value_print(layer_arg(l, arg), &found);
  diag *d = layer_error(l, arg, "TextVectorization: %s = %s is not supported; accepted: %s", arg,
                        strbuf_text(&found), accepted);
  strbuf_free(&found);
  if (why)
    diag_help(d, "%s", why);
  return false;
}

static bool check_output_form(const layer *l) {
  bool good = true;
  if (strcmp(layer_arg_text(l, "output_mode"), "int") != 0)
    good = refuse(l, "output_mode", "int", NULL);
  if (layer_arg_bool(l, "pad_to_max_tokens"))
    good = refuse(l, "pad_to_max_tokens", "false", "it has a meaning only in other output modes than int");
  if (layer_arg_bool(l, "sparse"))
    good = refuse(l, "sparse", "false", NULL);
  if (layer_arg_bool(l, "ragged"))
    good = refuse(l, "ragged", "false", "shorter texts are padded with 0, and masks skip the padding");
  return good;
}

static bool check_vocabulary(const layer *l) {
  bool good = true;
  if (!layer_arg_is_none(l, "vocabulary"))
    good = refuse(l, "vocabulary", "none",
                  "the vocabulary is learned from the training texts and kept with the weights");
  if (!layer_arg_is_none(l, "idf_weights"))
    good = refuse(l, "idf_weights", "none", "they have a meaning only in output mode tf_idf");
  if (strcmp(layer_arg_text(l, "encoding"), "utf-8") != 0)
    good = refuse(l, "encoding", "\"utf-8\"", NULL);
  return good;
}

enum { MOST_NGRAMS = 16 };

static bool check_ngrams(const layer *l) {
  const value *v = layer_arg(l, "ngrams");
  bool fits = v->kind == VALUE_LIST ? v->count >= 1 && v->count <= MOST_NGRAMS
                                    : v->kind == VALUE_NONE || v->integer <= MOST_NGRAMS;
  if (!fits)
    layer_error(l, "ngrams", "TextVectorization: ngrams must be at most %d widths", MOST_NGRAMS);
  return fits;
}

static bool check(layer *l) {
  bool good = check_output_form(l);
  good = check_vocabulary(l) && good;
  return check_ngrams(l) && good;
}

static const dim *token_axis(layer_call *call) {
  const layer *l = call->layer;
  unit *u = call->model->unit;
  const value *length = layer_arg(l, "output_sequence_length");
  if (length->kind == VALUE_INT)
    return dim_const(u->dims, length->integer);
  return dim_named(u->dims, arena_printf(u->mem, "%s_time", call->inputs[0]->name));
}

static bool is_split_by_character(const layer *l) {
  const char *split = layer_arg_text(l, "split");
  return split && strcmp(split, "character") == 0;
}

// text -> (batch, time). text[time], words given one by one -> (batch, time), or (batch, time, characters).
static bool build(layer_call *call) {
  const layer *l = call->layer;
  const tensor *x = call->inputs[0];
  dim_table *dims = call->model->unit->dims;
  if (x->type != TENSOR_TEXT) {
    diag *d = call_error(call, "TextVectorization got numbers; it needs text");
    diag_help(d, "declare the input as `input %s: text`", x->name);
    return false;
  }
  if (!call_expect_rank(call, x, 1, 2, "text or text[time]"))
    return false;
  const value *length = layer_arg(l, "output_sequence_length");
  shape s = x->shape;
  if (x->shape.rank == 1) {
    s = shape_of(2, x->shape.d[0], token_axis(call));
  } else if (is_split_by_character(l)) {
    const dim *characters =
        length->kind == VALUE_INT ? dim_const(dims, length->integer) : dim_named(dims, "characters");
    s = shape_of(3, x->shape.d[0], x->shape.d[1], characters);
  } else if (length->kind == VALUE_INT || !layer_arg_is_none(l, "ngrams")) {
    s.d[1] = token_axis(call);
  }
  call_output(call, s, TENSOR_INT);
  return true;
}

static const char *const standardizations[] = {"lower_and_strip_punctuation", "lower", "strip_punctuation",
                                               NULL};
static const char *const splits[] = {"whitespace", "character", NULL};
static const char *const output_modes[] = {"int", "multi_hot", "count", "tf_idf", NULL};

static const arg_spec args[] = {
    {.name = "max_tokens",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .min = 3,
     .max = INT32_MAX,
     .doc = "size of the vocabulary at most, padding and unknown included"},
    {.name = "standardize",
     .kinds = ARG_MODE | ARG_NONE,
     .modes = standardizations,
     .default_text = "lower_and_strip_punctuation",
     .doc = "what is done to the text first (ASCII letters and marks)"},
    {.name = "split",
     .kinds = ARG_MODE | ARG_NONE,
     .modes = splits,
     .default_text = "whitespace",
     .doc = "what separates tokens; none: the whole text is one"},
    {.name = "ngrams",
     .kinds = ARG_INT | ARG_INTS | ARG_NONE,
     .default_text = "none",
     .min = 1,
     .max = 1000,
     .doc = "n: tokens of 1 to n words; a list: tokens of these widths"},
    {.name = "output_mode",
     .kinds = ARG_MODE,
     .modes = output_modes,
     .default_text = "int",
     .doc = "only int is supported"},
    {.name = "output_sequence_length",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .min = 1,
     .max = INT32_MAX,
     .doc = "pads and cuts on the right to this length; none: the longest text of the batch"},
    {.name = "pad_to_max_tokens",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "only false is supported"},
    {.name = "vocabulary",
     .kinds = ARG_STRING | ARG_STRINGS | ARG_NONE,
     .default_text = "none",
     .doc = "only none is supported"},
    {.name = "idf_weights",
     .kinds = ARG_FLOATS | ARG_NONE,
     .default_text = "none",
     .doc = "only none is supported"},
    {.name = "sparse", .kinds = ARG_BOOL, .default_text = "false", .doc = "only false is supported"},
    {.name = "ragged", .kinds = ARG_BOOL, .default_text = "false", .doc = "only false is supported"},
    {.name = "encoding",
     .kinds = ARG_STRING,
     .default_text = "\"utf-8\"",
     .doc = "only \"utf-8\" is supported"},
    {0}};

static const char *const examples[] = {"model tiny {\n  input review: text\n  output y = review -> "
                                       "TextVectorization(9, output_sequence_length = 5)\n"
                                       "    -> Embedding(9, 2) -> GlobalAveragePooling1D()\n}\n",
                                       NULL};

const layer_def text_vectorization_layer = {
    .name = "TextVectorization",
    .snake = "text_vectorization",
    .doc = "Turns text into word numbers: standardizes, splits, joins n-grams, looks tokens up in a "
           "vocabulary learned from "
           "the training texts. 0 is padding, 1 an unknown word, 2 the most frequent word.",
    .shapes =
        "(batch) -> (batch, time)    text in; time is that of the longest text, or output_sequence_length\n"
        "(batch, words) -> (batch, words)    words given one by one (text[words])\n"
        "(batch, words) -> (batch, words, characters)    split = character",
    .mask_doc = "The numbers carry none; Embedding or OneHot with mask_zero = true makes it of the zeros "
                "behind each text.",
    .differs = "There is no adapt(): the vocabulary is counted on the training texts when training starts, "
               "and travels in the weights file. Lowering and stripping know ASCII alone, as in Keras.",
    .group = "text",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .check = check,
    .build = build,
    .examples = examples,
};
