#include "ir/layers/lookup.h"

static bool check_salt(const layer *l) {
  const value *salt = layer_arg(l, "salt");
  if (salt->kind != VALUE_LIST || salt->count == 2)
    return true;
  layer_error(l, "salt", "%s: salt is one integer or a list of two", l->def->name);
  return false;
}

static bool check(layer *l) {
  if (layer_arg_bool(l, "invert"))
    return lookup_refuse(l, "invert", "false",
                         "a compiled model gives numbers; names of its classes travel with the weights");
  return check_salt(l) && lookup_check(l, layer_arg_text(l, "mask_token"), layer_arg_text(l, "oov_token"),
                                       layer_arg_int(l, "num_oov_indices"));
}

static bool build(layer_call *call) {
  return lookup_expect_input(call, TENSOR_TEXT, "text", "IntegerLookup looks integers up") &&
         encoding_build(call, encoding_of(call->layer), lookup_depth(call->layer));
}

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
     .doc = "ids of unknown values, chosen by a hash; 0: an unknown value is an error"},
    {.name = "mask_token",
     .kinds = ARG_STRING | ARG_NONE,
     .default_text = "none",
     .doc = "a value that becomes id 0 (int), or counts nothing"},
    {.name = "oov_token",
     .kinds = ARG_STRING,
     .default_text = "\"[UNK]\"",
     .doc = "what stands for unknown values in the vocabulary's list"},
    {.name = "vocabulary",
     .kinds = ARG_STRING | ARG_STRINGS | ARG_NONE,
     .default_text = "none",
     .is_path = true,
     .doc = "list of values, or a file with one a line, beside the source; none: learned in training"},
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
    {.name = "pad_to_max_tokens",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "vectors of max_tokens although a vocabulary is given; always so where it is learned"},
    {.name = "sparse",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "no effect on results: vectors are never stored where a product follows"},
    {.name = "encoding",
     .kinds = ARG_STRING,
     .default_text = "\"utf-8\"",
     .doc = "only \"utf-8\" is supported"},
    {.name = "salt",
     .kinds = ARG_INT | ARG_INTS | ARG_NONE,
     .default_text = "none",
     .doc = "key of the hash of unknown values: one integer or two (SipHash); none: FarmHash"},
    {0}};

static const char *const examples[] = {
    "model tiny {\n  input color: text\n  output y = color\n    -> StringLookup(vocabulary = [\"red\", "
    "\"green\"]) "
    "-> Embedding(3, 2) -> Dense(1)\n}\n",
    "model tiny {\n  input tags: text[3]\n  output y = tags -> StringLookup(max_tokens = 6, output_mode = "
    "multi_hot) -> Dense(2)\n}\n",
    "model tiny {\n  input tags: text[3]\n  x = tags -> StringLookup(max_tokens = 6, output_mode = one_hot, "
    "mask_token = \"\")\n  output y = x -> Dense(2) -> GlobalAveragePooling1D()\n}\n",
    NULL};

const layer_def string_lookup_layer = {
    .name = "StringLookup",
    .snake = "string_lookup",
    .doc = "Turns strings, whole and as they are, into numbers or vectors by a vocabulary that is given or "
           "learned from the training data.",
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
        "There is no adapt(): a vocabulary that is not given is counted on the training data when training "
        "starts, and travels in the weights file; vectors then are max_tokens wide. No invert. One value of "
        "a row by itself, (batch), is a sample of one value in every output mode.",
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
