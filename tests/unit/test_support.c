#include "support/arena.h"
#include "support/intern.h"
#include "support/json.h"
#include "support/literal.h"
#include "support/markup.h"
#include "support/source.h"
#include "support/utf8.h"
#include "support/vec.h"
#include "tests/unit/unit.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void arena_gives_zeroed_aligned_distinct_memory(void **state) {
  (void)state;
  arena *a = arena_new();
  unsigned char *last = NULL;
  for (size_t bytes = 0; bytes < 40000; bytes = bytes * 2 + 1) {
    unsigned char *memory = arena_alloc(a, bytes);
    assert_int_equal((uintptr_t)memory % 16, 0);
    assert_ptr_not_equal(memory, last);
    for (size_t i = 0; i < bytes; i++)
      assert_int_equal(memory[i], 0);
    memset(memory, 0xFF, bytes);
    last = memory;
  }
  assert_string_equal(arena_printf(a, "%s=%d", "x", 7), "x=7");
  assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
  arena_free(a);
  arena_free(NULL);
}

static void a_vector_keeps_what_is_pushed(void **state) {
  (void)state;
  VEC(int) v = {0};
  for (int i = 0; i < 1000; i++)
    vec_push(&v, i * i);
  assert_int_equal(v.len, 1000);
  assert_int_equal(v.data[31], 961);
  assert_int_equal(vec_pop(&v), 999 * 999);
  vec_free(&v);
  assert_int_equal(v.cap, 0);
}

static void interned_texts_are_equal_pointers(void **state) {
  (void)state;
  strtab *t = strtab_new();
  const char *first = strtab_intern(t, "lstm", 4);
  for (int i = 0; i < 1000; i++) {
    char name[16];
    int n = snprintf(name, sizeof name, "n%d", i);
    strtab_intern(t, name, (size_t)n);
  }
  assert_ptr_equal(strtab_intern(t, "lstm_1", 4), first);
  assert_ptr_not_equal(strtab_intern(t, "lst", 3), first);
  assert_string_equal(first, "lstm");
  strtab_free(t);
}

static void suggestions_are_likely_slips_only(void **state) {
  (void)state;
  const char *const names[] = {"mask_zero", "units", "LSTM", "activation"};
  assert_string_equal(suggest("mask_zeros", names, 4), "mask_zero");
  assert_string_equal(suggest("lstm", names, 4), "LSTM");
  assert_string_equal(suggest("untis", names, 4), "units");
  assert_string_equal(suggest("actvation", names, 4), "activation");
  assert_null(suggest("kernel", names, 4));
  assert_null(suggest("x", names, 4));
  assert_null(suggest("", names, 4));
}

static void utf8_is_strict(void **state) {
  (void)state;
  uint32_t code;
  assert_int_equal(utf8_decode("\xC3\xA9", 2, &code), 2);
  assert_int_equal(code, 0xE9);
  assert_int_equal(utf8_decode("\xF0\x9F\x98\x80", 4, &code), 4);
  assert_int_equal(code, 0x1F600);
  const char *const wrong[] = {"\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                               "\x80",     "\xE2\x82",     "\xFF"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(utf8_decode(wrong[i], strlen(wrong[i]), &code), 0);
  assert_int_equal(utf8_valid_prefix("ab\xC3(", 4), 2);
  char bytes[4];
  assert_int_equal(utf8_put(0x20AC, bytes), 3);
  assert_memory_equal(bytes, "\xE2\x82\xAC", 3);
  assert_int_equal(utf8_put(0xD800, bytes), 0);
  assert_int_equal(utf8_put(0x110000, bytes), 0);
}

static void numbers_are_read_as_the_language_spells_them(void **state) {
  (void)state;
  static const struct {
    const char *text;
    number_form form;
    double number;
  } cases[] = {{"20_000", NUMBER_INT, 20000},  {"0", NUMBER_INT, 0},
               {"1e-3", NUMBER_FLOAT, 1e-3},   {".5", NUMBER_FLOAT, 0.5},
               {"2.", NUMBER_FLOAT, 2},        {"1_0.2_5E+1", NUMBER_FLOAT, 102.5},
               {"1__0", NUMBER_MALFORMED, 0},  {"1_", NUMBER_MALFORMED, 0},
               {"1e", NUMBER_MALFORMED, 0},    {"12a", NUMBER_MALFORMED, 0},
               {".", NUMBER_MALFORMED, 0},     {"", NUMBER_MALFORMED, 0},
               {"1e999", NUMBER_TOO_LARGE, 0}, {"9223372036854775808", NUMBER_TOO_LARGE, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t integer;
    double number;
    assert_int_equal(literal_number(cases[i].text, strlen(cases[i].text), &integer, &number), cases[i].form);
    if (cases[i].form == NUMBER_INT || cases[i].form == NUMBER_FLOAT)
      assert_true(number == cases[i].number);
    if (cases[i].form == NUMBER_INT)
      assert_int_equal(integer, (int64_t)cases[i].number);
  }
}

static void escapes_are_read(void **state) {
  (void)state;
  strbuf out = {0};
  assert_int_equal(literal_escape("\\n", 2, &out), 2);
  assert_int_equal(literal_escape("\\u{e9}x", 7, &out), 6);
  assert_int_equal(literal_escape("\\\"", 2, &out), 2);
  assert_string_equal(strbuf_text(&out), "\n\xC3\xA9\"");
  const char *const wrong[] = {"\\q",   "\\u{}", "\\u{110000}", "\\u{d800}",   "\\u{12",
                               "\\u12", "\\",    "\\u{0}",      "\\u{1234567}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(literal_escape(wrong[i], strlen(wrong[i]), &out), 0);
  strbuf_free(&out);
}

static void json_texts_and_numbers(void **state) {
  (void)state;
  strbuf out = {0};
  json_put_string(&out, "a\"\\\n\x01\xC3\xA9\xFF");
  strbuf_putc(&out, ' ');
  json_put_number(&out, 0.1);
  strbuf_putc(&out, ' ');
  json_put_number(&out, NAN);
  strbuf_putc(&out, ' ');
  json_put_number(&out, 1.0 / 3.0);
  assert_string_equal(strbuf_text(&out),
                      "\"a\\\"\\\\\\n\\u0001\xC3\xA9\\ufffd\" 0.1 null 0.3333333333333333");
  strbuf_free(&out);
}

static void files_are_replaced_whole(void **state) {
  (void)state;
  char folder[] = P_tmpdir "/nlm-unit-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char path[64];
  snprintf(path, sizeof path, "%s/f", folder);
  assert_int_equal(file_write_atomic(path, "one", 3), 0);
  assert_int_equal(chmod(path, 0640), 0);
  assert_int_equal(file_write_atomic(path, "second", 6), 0);
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
  char *text;
  size_t bytes;
  assert_int_equal(file_read_all(path, &text, &bytes), 0);
  assert_int_equal(bytes, 6);
  assert_string_equal(text, "second");
  free(text);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(rmdir(folder), 0); // no temporary file is left
  assert_int_equal(file_read_all(path, &text, &bytes), -ENOENT);
  assert_int_equal(file_write_atomic(path, "x", 1), -ENOENT);
}

static void lines_end_with_lf_cr_or_crlf(void **state) {
  (void)state;
  arena *a = arena_new();
  const char text[] = "\xEF\xBB\xBFone\rtwo\r\nthree\n\nfive";
  const source *s = source_from_text(a, "x", text, sizeof text - 1);
  const char *const lines[] = {"one", "two", "three", "", "five", ""};
  for (int i = 0; i < 6; i++) {
    size_t bytes;
    const char *line = source_line(s, i + 1, &bytes);
    assert_string_equal(arena_strndup(a, line, bytes), lines[i]);
  }
  arena_free(a);
}

static void markup_holds_any_text(void **state) {
  (void)state;
  strbuf out = {0};
  markup_put_text(&out, "<b>&\"'\n\xC3\xA9");
  assert_string_equal(strbuf_text(&out), "&lt;b&gt;&amp;&quot;&#39;\n\xC3\xA9");
  strbuf_free(&out);
  markup_put_text_n(&out, "a\0b\x1B\xFF\xC3", 6);
  assert_string_equal(strbuf_text(&out), "a\uFFFDb\uFFFD\uFFFD\uFFFD");
  strbuf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arena_gives_zeroed_aligned_distinct_memory),
      cmocka_unit_test(a_vector_keeps_what_is_pushed),
      cmocka_unit_test(interned_texts_are_equal_pointers),
      cmocka_unit_test(suggestions_are_likely_slips_only),
      cmocka_unit_test(utf8_is_strict),
      cmocka_unit_test(numbers_are_read_as_the_language_spells_them),
      cmocka_unit_test(escapes_are_read),
      cmocka_unit_test(json_texts_and_numbers),
      cmocka_unit_test(markup_holds_any_text),
      cmocka_unit_test(files_are_replaced_whole),
      cmocka_unit_test(lines_end_with_lf_cr_or_crlf),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
