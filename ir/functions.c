#include "ir/functions.h"
#include "ir/elementwise.h"
#include "ir/layers/activated.h"
#include "ir/reductions.h"
#include <string.h>

static const arg_spec no_args[] = {{0}};

// ---- elementwise functions

#define EXAMPLE_1(function)                                                                                  \
  "model tiny {\n  input x: float[3]\n  a = x -> Dense(2, activation = sigmoid)\n  output y = " function     \
  "(a)\n}\n"
#define EXAMPLE_2(function)                                                                                  \
  "model tiny {\n  input x: float[3]\n  a = x -> Dense(2, activation = sigmoid)\n"                           \
  "  b = x -> Dense(2, activation = sigmoid)\n  output y = " function "(a, b) * a\n}\n"

#define FUNCTION(function, type, operands, result, mask, expression, text)                                   \
  static node *function##_value(graph *g, node *const *x, int n) {                                           \
    INVARIANT(n == operands);                                                                                \
    return expression;                                                                                       \
  }                                                                                                          \
  static bool function##_build(layer_call *call) {                                                           \
    return elementwise_build(call, result);                                                                  \
  }                                                                                                          \
  static void function##_lower(lowering *lw, const application *app) {                                       \
    elementwise_lower(lw, app, function##_value, result);                                                    \
  }                                                                                                          \
  static const char *const function##_examples[] = {EXAMPLE_##operands(#function), NULL};                    \
  static const layer_def function##_function = {                                                             \
      .name = #type,                                                                                         \
      .snake = #function,                                                                                    \
      .doc = text,                                                                                           \
      .group = "function",                                                                                   \
      .args = no_args,                                                                                       \
      .min_inputs = operands,                                                                                \
      .max_inputs = operands,                                                                                \
      .masks = mask,                                                                                         \
      .traits = LAYER_TOKENWISE | LAYER_IN_CELL,                                                             \
      .build = function##_build,                                                                             \
      .lower = function##_lower,                                                                             \
      .examples = function##_examples,                                                                       \
  };
#include "ir/functions.def"
#undef FUNCTION

// ---- Where

static bool where_build(layer_call *call) {
  return elementwise_build(call, RESULT_COMMON);
}

static const char *const where_examples[] = {
    "model tiny {\n  input x: float[3]\n  output y = Where(x < 0.5, Dense(3)(x), 0)\n}\n",
    "model tiny {\n  input words: int[time]\n  output y = Embedding(5, 2)(Where(words < 5, words, 0)) -> "
    "LSTM(2)\n}\n",
    NULL};

static const layer_def where_function = {
    .name = "Where",
    .snake = "where",
    .doc = "Where(condition, a, b): a where the condition holds (is not 0), else b",
    .group = "function",
    .args = no_args,
    .min_inputs = 3,
    .max_inputs = 3,
    .masks = MASKS_PASS,
    .traits = LAYER_TOKENWISE | LAYER_IN_CELL,
    .build = where_build,
    .lower = where_lower,
    .examples = where_examples,
};

// ---- activations

static bool activation_function_build(layer_call *call) {
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x))
    return false;
  call_output(call, x->shape, TENSOR_REAL);
  return true;
}

static void activation_function_lower(lowering *lw, const application *app) {
  lowered x = lower_input(lw, app, 0);
  if (x.data->type == INT) {
    x.data = g_cast(lw->g, x.data, REAL);
    x.fill = x.fill ? g_cast(lw->g, x.fill, REAL) : NULL;
  }
  lower_set_output(lw, app, 0, lower_activation(lw, x, app->inputs[0], app->layer->def->snake));
}

#define ACTIVATION(word, type, text)                                                                         \
  static const char *const word##_examples[] = {EXAMPLE_1(#word), NULL};                                     \
  static const layer_def word##_function = {                                                                 \
      .name = #type,                                                                                         \
      .snake = #word,                                                                                        \
      .doc = text,                                                                                           \
      .group = "function",                                                                                   \
      .args = no_args,                                                                                       \
      .min_inputs = 1,                                                                                       \
      .max_inputs = 1,                                                                                       \
      .masks = MASKS_PASS,                                                                                   \
      .traits = LAYER_TOKENWISE | LAYER_IN_CELL,                                                             \
      .build = activation_function_build,                                                                    \
      .lower = activation_function_lower,                                                                    \
      .examples = word##_examples,                                                                           \
  };
#include "ir/activations.def"
#undef ACTIVATION

// ---- the table

const layer_def *const function_table[] = {
#define FUNCTION(function, type, operands, result, mask, expression, text) &function##_function,
#include "ir/functions.def"
#undef FUNCTION
#define ACTIVATION(word, type, text) &word##_function,
#include "ir/activations.def"
#undef ACTIVATION
    &where_function, &mean_function, &sum_function, &max_function, &min_function, NULL};

const layer_def *function_find(const char *name) {
  if (strcmp(name, "Where") == 0)
    name = "where";
  for (size_t i = 0; function_table[i]; i++)
    if (strcmp(function_table[i]->snake, name) == 0)
      return function_table[i];
  return NULL;
}
