#include "ir/layers/lookup.h"

static bool check(layer *l) {
  const value *salt = layer_arg(l, "salt");
  if (salt->kind == VALUE_LIST && salt->count != 2) {
    layer_error(l, "salt", "Hashing: salt is one integer or a list of two");
    return false;
  }
  if (layer_arg_bool(l, "sparse") && encoding_of(l) == ENCODE_INT)
    return lookup_refuse(l, "sparse", "false", "it has a meaning only in other output modes than int");
  return true;
}

static bool mask_fits(layer_call *call) {
  const value *mask = layer_arg(call->layer, "mask_value");
  bool text = call->inputs[0]->type == TENSOR_TEXT;
  if (mask->kind == VALUE_NONE || (mask->kind == VALUE_STRING) == text)
    return true;
  layer_error(call->layer, "mask_value", "Hashing: mask_value must be %s, as the values are",
              text ? "a string" : "an integer");
  call->failed = true;
  return false;
}

static bool build(layer_call *call) {
  tensor_type type = call->inputs[0]->type == TENSOR_INT ? TENSOR_INT : TENSOR_TEXT;
  return lookup_expect_input(call, type, "text or integers", "declare the input as text or int") &&
         mask_fits(call) &&
         encoding_build(call, encoding_of(call->layer), layer_arg_int(call->layer, "num_bins"));
}

static const arg_spec args[] = {
    {.name = "num_bins",
     .kinds = ARG_INT,
     .min = 1,
     .max = INT32_MAX,
     .doc = "number of bins, that of mask_value included"},
    {.name = "mask_value",
     .kinds = ARG_STRING | ARG_INT | ARG_NONE,
     .default_text = "none",
     .doc = "a value that has bin 0 for itself"},
    {.name = "salt",
     .kinds = ARG_INT | ARG_INTS | ARG_NONE,
     .default_text = "none",
     .doc = "key of the hash: one integer or two (SipHash); none: FarmHash"},
    {.name = "output_mode",
     .kinds = ARG_MODE,
     .modes = encoding_modes_of_hashing,
     .default_text = "int",
     .doc = "int: bins; one_hot: a vector a value; multi_hot, count: a vector for all values"},
    {.name = "sparse",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "no effect on results: vectors are never stored where a product follows"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input name: text\n  output y = name -> Hashing(5) -> Embedding(5, 2) -> Dense(1)\n}\n",
    "model tiny {\n  input tags: text[time]\n  output y = tags -> Hashing(5, output_mode = count) -> "
    "Dense(2)\n}\n",
    "model tiny {\n  input codes: int[3]\n  output y = codes -> Hashing(5, output_mode = one_hot, salt = [1, "
    "2])\n"
    "    -> Flatten() -> Dense(2)\n}\n",
    NULL};

const layer_def hashing_layer = {
    .name = "Hashing",
    .snake = "hashing",
    .doc = "Strings or integers as the number of a bin, by a hash: FarmHash's fingerprint, or SipHash with a "
           "salt. "
           "Nothing is learned.",
    .shapes =
        "(batch, ...) -> (batch, ...)    numbers of bins\n"
        "(batch) -> (batch, num_bins)    a vector\n"
        "(batch, values) -> (batch, num_bins)    output_mode = multi_hot, count\n"
        "(batch, values) -> (batch, values, num_bins)    output_mode = one_hot; (batch, 1) becomes (batch, "
        "num_bins)",
    .mask_doc = "The result has none.",
    .differs =
        "Values are an input of the model, and one value of a row by itself, (batch), "
        "is "
        "a sample of one value in every output mode. Bins agree with Keras's, of text and of integers.",
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
