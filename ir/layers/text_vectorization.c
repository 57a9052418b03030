// Text to word numbers. Runs in the runtime before the compiled program, which takes the ids as its input,
// and in output modes multi_hot, count and tf_idf distinct ids with a number each.
#include "ir/layers/lookup.h"
#include <math.h>
#include <string.h>

static bool check_output_form(const layer *l) {
  bool good = true, ids = encoding_of(l) == ENCODE_INT;
  if (layer_arg_bool(l, "ragged"))
    good = lookup_refuse(l, "ragged", "false", "shorter texts are padded with 0, and masks skip the padding");
  if (!ids && !layer_arg_is_none(l, "output_sequence_length"))
    good = lookup_refuse(l, "output_sequence_length", "none", "it has a meaning only in output mode int");
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
  good = lookup_check(l, "", "[UNK]", 1) && good;
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

static bool build_vector(layer_call *call) {
  const layer *l = call->layer;
  if (call->inputs[0]->shape.rank == 2 && is_split_by_character(l)) {
    diag *d =
        call_error(call, "TextVectorization got words; output_mode = %s of characters needs whole texts",
                   layer_arg_text(l, "output_mode"));
    diag_help(d, "declare the input as `input %s: text`", call->inputs[0]->name);
    return false;
  }
  return encoding_build(call, encoding_of(l), lookup_depth(l));
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
  if (encoding_of(l) != ENCODE_INT)
    return build_vector(call);
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
static const char *const output_modes[] = {"int", "multi_hot", "count", "tf_idf", NULL}; // no one_hot

static const arg_spec args[] = {
    {.name = "max_tokens",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .min = 2,
     .max = INT32_MAX,
     .doc = "size of the vocabulary at most, padding (int) and unknown included; width of the vectors"},
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
     .doc = "int: word numbers; multi_hot, count, tf_idf: a vector for each text"},
    {.name = "output_sequence_length",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .min = 1,
     .max = INT32_MAX,
     .doc = "pads and cuts on the right to this length; none: the longest text of the batch"},
    {.name = "pad_to_max_tokens",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "vectors of max_tokens although a vocabulary is given; always so where it is learned"},
    {.name = "vocabulary",
     .kinds = ARG_STRING | ARG_STRINGS | ARG_NONE,
     .default_text = "none",
     .is_path = true,
     .doc = "list of words, or a file with one a line, beside the source; none: learned in training"},
    {.name = "idf_weights",
     .kinds = ARG_FLOATS | ARG_NONE,
     .default_text = "none",
     .doc = "of the vocabulary's words, for tf_idf"},
    {.name = "sparse",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "no effect on results: vectors are never stored where a product follows"},
    {.name = "ragged", .kinds = ARG_BOOL, .default_text = "false", .doc = "only false is supported"},
    {.name = "encoding",
     .kinds = ARG_STRING,
     .default_text = "\"utf-8\"",
     .doc = "only \"utf-8\" is supported"},
    {0}};

static const char *const examples[] = {"model tiny {\n  input review: text\n  output y = review -> "
                                       "TextVectorization(9, output_sequence_length = 5)\n"
                                       "    -> Embedding(9, 2) -> GlobalAveragePooling1D()\n}\n",
                                       "model tiny {\n  input review: text\n  x = review -> "
                                       "TextVectorization(9, output_mode = tf_idf)\n"
                                       "  output y = x -> Dense(3, activation = relu) -> Dense(1)\n"
                                       "  output all = x\n}\n",
                                       NULL};

const layer_def text_vectorization_layer = {
    .name = "TextVectorization",
    .snake = "text_vectorization",
    .doc =
        "Turns text into word numbers: standardizes, splits, joins n-grams, looks tokens up in a "
        "vocabulary, given or learned from the training texts. 0 is padding, 1 an unknown word, 2 the most "
        "frequent word. Other output modes give vectors, without padding: column 0 is unknown words.",
    .shapes =
        "(batch) -> (batch, time)    text in; time is that of the longest text, or output_sequence_length\n"
        "(batch, words) -> (batch, words)    words given one by one (text[words])\n"
        "(batch, words) -> (batch, words, characters)    split = character\n"
        "(batch) or (batch, words) -> (batch, max_tokens)    output_mode = multi_hot, count, tf_idf",
    .mask_doc = "The numbers carry none; Embedding or OneHot with mask_zero = true makes it of the zeros "
                "behind each text.",
    .differs =
        "There is no adapt(): the vocabulary is counted on the training texts when training starts, "
        "and travels in the weights file. Lowering and stripping know ASCII alone, as in Keras. The width "
        "of vectors is fixed when the model is compiled: it is max_tokens although fewer words are learned.",
    .group = "text",
    .args = args,
    .min_inputs = 1,
    .max_inputs = 1,
    .masks = MASKS_CUSTOM,
    .check = check,
    .build = build,
    .pipeline = encoding_pipeline,
    .lower = encoding_lower_pipeline,
    .examples = examples,
};
