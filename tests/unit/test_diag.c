#include "support/arena.h"
#include "support/diag.h"
#include "tests/unit/unit.h"
#include <string.h>

static span at(const source *s, int line, int column, int end_column) {
  return (span){s, line, column, line, end_column};
}

static void text_has_carets_notes_and_help_in_order_of_place(void **state) {
  (void)state;
  arena *a = arena_new();
  const char text[] = "model m {\n\n    -> Pool() -> LSTM(32)\n\tx = \xC3\xA9 $ y\n";
  const source *s = source_from_text(a, "m.nlm", text, sizeof text - 1);
  diags *d = diags_new();
  diag_error(d, at(s, 4, 8, 9), "stray character '$'");
  diag *g = diag_error(d, at(s, 3, 18, 26), "LSTM got %d axes", 2);
  diag_note(g, at(s, 3, 8, 14), "Pool removed one");
  diag_help(g, "remove Pool");
  assert_null(diag_error(d, at(s, 3, 18, 26), "LSTM got %d axes", 2)); // a duplicate
  diag_note(NULL, at(s, 1, 1, 2), "dropped");
  diag_warning(d, (span){0}, "no place");
  strbuf out = {0};
  diags_print_text(d, &out, false);
  assert_string_equal(strbuf_text(&out), "warning: no place\n"
                                         "m.nlm:3:18: error: LSTM got 2 axes\n"
                                         "   3 |     -> Pool() -> LSTM(32)\n"
                                         "     |                  ^~~~~~~~\n"
                                         "m.nlm:3:8: note: Pool removed one\n"
                                         "help: remove Pool\n"
                                         "m.nlm:4:8: error: stray character '$'\n"
                                         "   4 | \tx = \xC3\xA9 $ y\n"
                                         "     | \t      ^\n");
  assert_int_equal(diags_errors(d), 2);
  assert_int_equal(diags_warnings(d), 1);
  strbuf_free(&out);
  diags_free(d);
  arena_free(a);
}

static void json_has_every_field(void **state) {
  (void)state;
  arena *a = arena_new();
  const source *s = source_from_text(a, "m.nlm", "x", 1);
  diags *d = diags_new();
  diag *g = diag_error(d, at(s, 1, 1, 2), "bad \"x\"");
  diag_note(g, at(s, 1, 1, 1), "here");
  diag_help(g, "do this");
  diag_warning(d, at(s, 1, 2, 2), "w");
  strbuf out = {0};
  diags_print_json(d, &out);
  assert_string_equal(
      strbuf_text(&out),
      "[{\"severity\": \"error\", \"file\": \"m.nlm\", \"line\": 1, \"column\": 1, \"end_line\": 1, "
      "\"end_column\": 2, \"message\": \"bad \\\"x\\\"\", \"help\": \"do this\", \"notes\": [{\"file\": "
      "\"m.nlm\", \"line\": 1, \"column\": 1, \"message\": \"here\"}]},\n"
      " {\"severity\": \"warning\", \"file\": \"m.nlm\", \"line\": 1, \"column\": 2, \"end_line\": 1, "
      "\"end_column\": 2, \"message\": \"w\", \"help\": null, \"notes\": []}]\n");
  strbuf_free(&out);
  diags_free(d);
  arena_free(a);
}

static void a_long_line_is_cut_around_the_place(void **state) {
  (void)state;
  arena *a = arena_new();
  char text[1000];
  for (int i = 0; i < 1000; i++)
    text[i] = (char)('a' + i % 26);
  const source *s = source_from_text(a, "m", text, sizeof text);
  diags *d = diags_new();
  diag_error(d, at(s, 1, 521, 522), "here"); // column 521 holds 'a'
  strbuf out = {0};
  diags_print_text(d, &out, false);
  const char *snippet = strbuf_text(&out);
  const char *caret = strchr(snippet, '^');
  const char *mark_line = strrchr(arena_strndup(a, snippet, (size_t)(caret - snippet)), '\n') + 1;
  const char *shown = strchr(snippet, '\n') + 1;
  assert_int_equal(shown[strlen(mark_line)], 'a');
  assert_true(out.len < 400);
  strbuf_free(&out);
  diags_free(d);
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_has_carets_notes_and_help_in_order_of_place),
      cmocka_unit_test(json_has_every_field),
      cmocka_unit_test(a_long_line_is_cut_around_the_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
