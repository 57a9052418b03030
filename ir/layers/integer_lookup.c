#include "ir/layers/lookup.h"
#include <string.h>

static const char *digits(const layer *l, const char *arg) {
  const value *v = layer_arg(l, arg);
  return v->kind == VALUE_INT ? arena_printf(l->model->unit->mem, "%lld", (long long)v->integer) : NULL;
}

static bool check_salt(const layer *l) {
  const value *salt = layer_arg(l, "salt");
  if (salt->kind == VALUE_LIST && salt->count != 2)
    layer_error(l, "salt", "IntegerLookup: salt is one integer or a list of two");
  else if (salt->kind != VALUE_NONE && strcmp(layer_arg_text(l, "oov_method"), "farmhash") != 0)
    layer_error(l, "salt", "IntegerLookup: salt needs oov_method = farmhash");
  else
    return true;
  return false;
}

static bool check(layer *l) {
  if (layer_arg_bool(l, "invert"))
    return lookup_refuse(l, "invert", "false", NULL);
  return check_salt(l) && lookup_check(l, digits(l, "mask_token"), digits(l, "oov_token"),
                                       layer_arg_int(l, "num_oov_indices"));
}

static bool build(layer_call *call) {
  return lookup_expect_input(call, TENSOR_INT, "integers", "StringLookup looks text up") &&
         encoding_build(call, encoding_of(call->layer), lookup_depth(call->layer));
}

static const char *const methods[] = {"floormod", "farmhash", NULL};
static const char *const types[] = {"int64", NULL};

static const arg_spec args[] = {
    {.name = "max_tokens",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .min = 2,
     .max = INT32_MAX,
     .doc = "size of the vocabulary at most, mask and unknown values included; width of the vectors"},
    {.name = "num_oov_indices",
     .kinds = ARG_INT,
     .default_text = "1",
     .min = 0,
     .max = 1000000,
     .doc = "ids of unknown values, chosen by oov_method; 0: an unknown value is an error"},
    {.name = "mask_token",
     .kinds = ARG_INT | ARG_NONE,
     .default_text = "none",
     .doc = "a value that becomes id 0 (int), or counts nothing"},
    {.name = "oov_token",
     .kinds = ARG_INT,
     .default_text = "-1",
     .doc = "what stands for unknown values in the vocabulary's list"},
    {.name = "vocabulary",
     .kinds = ARG_STRING | ARG_INTS | ARG_NONE,
     .default_text = "none",
     .is_path = true,
     .doc = "list of integers, or a file with one a line, beside the source; none: learned in training"},
    {.name = "vocabulary_dtype",
     .kinds = ARG_MODE,
     .modes = types,
     .default_text = "int64",
     .doc = "of the vocabulary"},
    {.name = "idf_weights",
     .kinds = ARG_FLOATS | ARG_NONE,
     .default_text = "none",
     .doc = "of the vocabulary's values, for tf_idf"},
    {.name = "invert", .kinds = ARG_BOOL, .default_text = "false", .doc = "only false is supported"},
    {.name = "output_mode",
     .kinds = ARG_MODE,
     .modes = encoding_modes,
     .default_text = "int",
     .doc = "int: ids; one_hot: a vector a value; multi_hot, count, tf_idf: a vector for all values"},
    {.name = "sparse",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "no effect on results: vectors are never stored where a product follows"},
    {.name = "pad_to_max_tokens",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "vectors of max_tokens although a vocabulary is given; always so where it is learned"},
    {.name = "oov_method",
     .kinds = ARG_MODE,
     .modes = methods,
     .default_text = "floormod",
     .doc = "which id an unknown value has: remainder of its division by num_oov_indices, or a hash"},
    {.name = "salt",
     .kinds = ARG_INT | ARG_INTS | ARG_NONE,
     .default_text = "none",
     .doc = "key of the hash: one integer or two (SipHash)"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input zip: int\n  output y = zip -> IntegerLookup(vocabulary = [10115, 20095]) -> "
    "Embedding(3, 2) -> Dense(1)\n}\n",
    "model tiny {\n  input zips: int[3]\n  output y = zips -> IntegerLookup(max_tokens = 6, output_mode = "
    "tf_idf) -> Dense(2)\n}\n",
    "model tiny {\n  input n: int\n  x = n -> IntegerLookup(max_tokens = 6, output_mode = one_hot)\n"
    "  output y = x -> Dense(2)\n  output z = Embedding(5, 2)(n)\n}\n",
    NULL};

const layer_def integer_lookup_layer = {
    .name = "IntegerLookup",
    .snake = "integer_lookup",
    .doc = "Turns any integers into numbers from 0 on, or vectors, by a vocabulary that is given or learned "
           "from "
           "the training data.",
    .shapes =
        "(batch, ...) -> (batch, ...)    numbers\n"
        "(batch) -> (batch, depth)    a vector; depth is max_tokens, or the size of a given vocabulary\n"
        "(batch, values) -> (batch, depth)    output_mode = multi_hot, count, tf_idf\n"
        "(batch, values) -> (batch, values, depth)    output_mode = one_hot; (batch, 1) becomes (batch, "
        "depth)",
    .mask_doc =
        "Neither numbers nor vectors carry one; Embedding(mask_zero = true) makes it of id 0, which is "
        "mask_token's and padding's.",
    .differs =
        "Values are an input of the model, of 32 bits. There is no adapt(): a vocabulary that is not given "
        "is "
        "counted on the training data when training starts, and travels in the weights file; vectors then "
        "are max_tokens wide. No invert.",
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
