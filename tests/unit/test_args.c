#include "support/args.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

static const char *const merge_modes[] = {"concat", "sum", "mul", "ave", NULL};
static const arg_spec specs[] = {
    {.name = "units", .kinds = ARG_INT, .min = 1, .max = INFINITY},
    {.name = "activation", .kinds = ARG_ACTIVATION | ARG_NONE, .default_text = "tanh"},
    {.name = "rate", .kinds = ARG_FLOAT, .default_text = "0.5", .min = 0, .max = 1, .open_max = true},
    {.name = "merge_mode", .kinds = ARG_MODE | ARG_NONE, .modes = merge_modes, .default_text = "concat"},
    {.name = "mask_zero", .kinds = ARG_BOOL, .default_text = "false"},
    {.name = "kernel_size", .kinds = ARG_INT | ARG_INTS, .default_text = "[3, 3]", .min = 1, .max = INFINITY},
    {.name = "name", .kinds = ARG_STRING | ARG_NONE, .default_text = "none"},
    {0}};

// Gives each argument of a literal call a place of its own: column 10 * (1 + index) for names, 5 more for
// values.
static value *call_of(arena *a, const source *s, const char *text) {
  value *call = value_parse_literal(a, text);
  assert_non_null(call);
  call->at = (span){s, 1, 1, 1, 5};
  call->key_at = ARENA_ARRAY(a, span, call->count);
  for (size_t i = 0; i < call->count; i++) {
    int column = 10 * (1 + (int)i);
    call->key_at[i] = (span){s, 1, column, 1, column + 1};
    call->items[i]->at = (span){s, 1, column + 5, 1, column + 6};
  }
  return call;
}

static void expect_errors(const char *text, const char *expected) {
  arena *a = arena_new();
  diags *d = diags_new();
  const source *s = source_from_text(a, "f", "", 0);
  assert_null(args_bind(a, d, "LSTM", specs, call_of(a, s, text)));
  strbuf printed = {0}, kept = {0};
  diags_print_text(d, &printed, false);
  for (const char *line = strbuf_text(&printed); *line; line = strchr(line, '\n') + 1)
    if (*line != ' ') // not a snippet
      strbuf_add(&kept, line, (size_t)(strchr(line, '\n') + 1 - line));
  assert_string_equal(strbuf_text(&kept), expected);
  strbuf_free(&printed);
  strbuf_free(&kept);
  diags_free(d);
  arena_free(a);
}

static void arguments_and_defaults_are_bound(void **state) {
  (void)state;
  arena *a = arena_new();
  diags *d = diags_new();
  const source *s = source_from_text(a, "f", "", 0);
  value *call = call_of(a, s, "LSTM(32, relu, merge_mode = 'sum', name = \"x\", kernel_size = 5)");
  value **bound = args_bind(a, d, "LSTM", specs, call);
  assert_non_null(bound);
  assert_int_equal(bound[0]->integer, 32);
  assert_string_equal(bound[1]->text, "relu");
  assert_true(bound[2]->number == 0.5);
  assert_string_equal(bound[3]->text, "sum");
  assert_int_equal(bound[4]->kind, VALUE_BOOL);
  assert_int_equal(bound[5]->integer, 5);
  assert_int_equal(bound[2]->at.column, 1);
  assert_int_equal(diags_errors(d), 0);
  call = call_of(a, s, "LSTM(units = 1, merge_mode = none, rate = 0, activation = None)");
  bound = args_bind(a, d, "LSTM", specs, call);
  assert_non_null(bound);
  assert_int_equal(bound[5]->count, 2);
  assert_int_equal(bound[3]->kind, VALUE_NONE);
  diags_free(d);
  arena_free(a);
}

static void mistakes_are_named_with_their_place(void **state) {
  (void)state;
  expect_errors("L(1, mask_zeros = true)",
                "f:1:20: error: LSTM has no argument 'mask_zeros'; did you mean 'mask_zero'?\n");
  expect_errors("L(1, foo = true)",
                "f:1:20: error: LSTM has no argument 'foo'\n"
                "help: LSTM takes: units, activation, rate, merge_mode, mask_zero, kernel_size, name\n");
  expect_errors("L(0)", "f:1:15: error: LSTM: units must be at least 1, found 0\n");
  expect_errors("L(500000001)", "f:1:15: error: LSTM: units must be at most 500000000, found 500000001\n");
  expect_errors("L(1, rate = 1)", "f:1:25: error: LSTM: rate must be in [0, 1), found 1\n");
  expect_errors("L(1, rate = -0.5)", "f:1:25: error: LSTM: rate must be in [0, 1), found -0.5\n");
  expect_errors("L()", "f:1:1: error: LSTM needs the argument 'units'\n");
  expect_errors("L(1, units = 2)", "f:1:20: error: LSTM: the argument 'units' is given twice\n"
                                   "f:1:15: note: 'units' was given here first\n");
  expect_errors("L(1, tanh, 0, none, true, 1, \"x\", 8, 9)",
                "f:1:85: error: LSTM takes at most 7 arguments, found 9 by position\n");
  expect_errors("L(units = 1, 2)",
                "f:1:25: error: LSTM: an argument by position cannot follow one by name\n");
  expect_errors("L(2.0)", "f:1:15: error: LSTM: units must be an integer, found 2.0\n"
                          "help: write it without a fraction: 2\n");
  expect_errors("L(1, name = x)", "f:1:25: error: LSTM: name must be a string or none, found x\n"
                                  "help: write it in quotes: \"x\"\n");
  expect_errors("L(1, kernel_size = [1, true])",
                "f:1:25: error: LSTM: kernel_size must be an integer or a list of integers, found a list\n");
  expect_errors("L(1, activation = 3)",
                "f:1:25: error: LSTM: activation must be an activation or none, found 3\n");
}

static void an_unknown_mode_lists_the_modes(void **state) {
  (void)state;
  expect_errors("L(1, merge_mode = concta)",
                "f:1:25: error: LSTM: merge_mode cannot be 'concta'; did you mean 'concat'?\n"
                "help: merge_mode is one of concat, sum, mul, ave, none\n");
  expect_errors("L(1, merge_mode = \"zip\")", "f:1:25: error: LSTM: merge_mode cannot be 'zip'\n"
                                              "help: merge_mode is one of concat, sum, mul, ave, none\n");
  expect_errors("L(1, merge_mode = 4)",
                "f:1:25: error: LSTM: merge_mode must be one of concat, sum, mul, ave or none, found 4\n");
}

static void several_mistakes_are_all_told(void **state) {
  (void)state;
  expect_errors("L(0, unit = 3, rate = 2)",
                "f:1:15: error: LSTM: units must be at least 1, found 0\n"
                "f:1:20: error: LSTM has no argument 'unit'; did you mean 'units'?\n"
                "f:1:35: error: LSTM: rate must be in [0, 1), found 2\n");
}

static void literals_print_as_they_are_written(void **state) {
  (void)state;
  arena *a = arena_new();
  static const char *const same[] = {"none",
                                     "true",
                                     "-3",
                                     "0.001",
                                     "[1, 2, [x]]",
                                     "\"a\\n\\\"\"",
                                     "L2(0.01, k = [])",
                                     "{a: 1, \"b c\": F()}",
                                     "[]"};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    value *v = value_parse_literal(a, same[i]);
    assert_non_null(v);
    strbuf out = {0};
    value_print(v, &out);
    assert_string_equal(strbuf_text(&out), same[i]);
    strbuf_free(&out);
  }
  assert_int_equal(value_parse_literal(a, "True")->boolean, true);
  assert_int_equal(value_parse_literal(a, "20_000")->integer, 20000);
  assert_string_equal(value_parse_literal(a, "{1: 2}")->keys[0], "1");
  static const char *const wrong[] = {"",      "[1", "1 2", "\"a", "\"\\q\"", "12x",
                                      "{1 2}", "-",  "f(",  "[,]", "@"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_null(value_parse_literal(a, wrong[i]));
  char deep[5000];
  memset(deep, '[', sizeof deep - 1);
  deep[sizeof deep - 1] = '\0';
  assert_null(value_parse_literal(a, deep));
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arguments_and_defaults_are_bound),
      cmocka_unit_test(mistakes_are_named_with_their_place),
      cmocka_unit_test(an_unknown_mode_lists_the_modes),
      cmocka_unit_test(several_mistakes_are_all_told),
      cmocka_unit_test(literals_print_as_they_are_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
