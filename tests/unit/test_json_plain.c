// Rows of JSON read in place are those of the JSON library, which reads a row as soon as it holds a list; and
// what is wrong is told in the same words.
#include "runtime/data/dataset.h"
#include "unit.h"
// after unit.h
#include "files.h"

static const data_field inputs[] = {{"review", DATA_TEXT, 0, {0}}, {"stars", DATA_FLOAT, 1, {1}}};
static const data_field label = {"kind", DATA_CLASS, 0, {0}};
static const data_schema schema = {inputs, 2, &label, 1, true};

static void put_dataset(const dataset *d, const data_problems *problems, bool reasons, strbuf *out) {
  for (size_t i = 0; d && i < d->rows; i++) {
    text_view text = d->inputs[0].texts[i], kind = d->outputs[0].texts[i];
    strbuf_printf(out, "%u %zu:%.*s %a %.*s\n", d->row_line[i], text.bytes, (int)text.bytes, text.data,
                  d->inputs[1].doubles[i], (int)kind.bytes, kind.data);
  }
  strbuf_printf(out, "%zu problems\n", problems->count);
  for (size_t i = 0; reasons && i < problems->count && i < DATA_PROBLEMS_KEPT; i++)
    strbuf_printf(out, "%zu: %s\n", problems->kept[i].line, problems->kept[i].reason);
}

static void read_lines(const strbuf *lines, bool reasons, strbuf *out) {
  data_problems problems = {0};
  const char *path = file_puts("rows.jsonl", strbuf_text((strbuf *)lines));
  dataset *d = dataset_open(&path, 1, &schema, NULL, &problems);
  put_dataset(d, &problems, reasons, out);
  dataset_free(d);
  data_problems_free(&problems);
}

// The members alone, and with a list behind them.
static void expect_same(const char *const *members, size_t count, bool reasons) {
  strbuf plain = {0}, listed = {0}, left = {0}, right = {0};
  for (size_t k = 0; k < count; k++) {
    strbuf_printf(&plain, "{%s}\n", members[k]);
    strbuf_printf(&listed, "{%s, \"z\": []}\n", members[k]);
  }
  read_lines(&plain, reasons, &left);
  read_lines(&listed, reasons, &right);
  if (strcmp(strbuf_text(&left), strbuf_text(&right)))
    print_message("%s", strbuf_text(&plain));
  assert_string_equal(strbuf_text(&left), strbuf_text(&right));
  strbuf_free(&plain);
  strbuf_free(&listed);
  strbuf_free(&left);
  strbuf_free(&right);
}

#define ROW "\"stars\": 1, \"kind\": \"a\", \"review\": "

static void rows_agree(void **state) {
  (void)state;
  static const char *const members[] = {
      ROW "\"one\"",
      ROW "\"\"",
      ROW "\"a text of more than sixteen bytes, \\\"quoted\\\" and \\\\ more\"",
      ROW "\"\\u00e9\\u20AC\\ud83d\\ude00 \\/\\b\\f\\n\\r\\t\"",
      ROW "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 unescaped\", \"other\": 5",
      "\"review\":\"x\",\"stars\":-12.75,\"kind\":7",
      " \"kind\" : \" trimmed \" ,\t\"stars\" : 0.1 , \"review\" : \" not \" ",
      "\"review\": \"x\", \"stars\": 123456789012345, \"kind\": 12",
      "\"review\": \"x\", \"stars\": 12345678901234567890, \"kind\": \"k\"",
      "\"review\": \"x\", \"stars\": 1e3, \"kind\": -5",
      "\"review\": \"x\", \"stars\": -0, \"kind\": 0",
      "\"review\": \"x\", \"stars\": [2.5], \"kind\": \"list\"",
      "\"review\": \"x\", \"stars\": 1, \"kind\": \"a\", \"unused\": 1.5, \"more\": null, \"t\": true",
      "\"text\": \"no name of two inputs\", \"stars\": 1, \"label\": \"l\", \"review\": \"x\""};
  expect_same(members, sizeof members / sizeof *members, true);
}

static void mistakes_agree(void **state) {
  (void)state;
  static const char *const members[] = {ROW "\"\\u0000\"",
                                        ROW "\"\\ud800 alone\"",
                                        ROW "\"\\udc00\"",
                                        ROW "\"\\x\"",
                                        ROW "\"\\u12g4\"",
                                        ROW "\"tab\there\"",
                                        ROW "\"x\", \"kind\": \"twice\"",
                                        ROW "5",
                                        "\"review\": \"x\", \"stars\": \"1\", \"kind\": \"a\"",
                                        "\"review\": \"x\", \"stars\": 01, \"kind\": \"a\""};
  for (size_t k = 0; k < sizeof members / sizeof *members; k++)
    expect_same(&members[k], 1, true);
  static const char *const rows[] = {"\"review\": \"x\", \"stars\": 1, \"kind\": 1.5",
                                     "\"review\": \"x\", \"stars\": 1e999, \"kind\": \"a\"",
                                     "\"review\": \"x\", \"kind\": \"a\"",
                                     "\"review\": \"x\", \"stars\": 1, \"kind\": \"  \"",
                                     "\"review\": \"x\", \"stars\": 1., \"kind\": \"a\""};
  expect_same(rows, sizeof rows / sizeof *rows, true);
}

// Whatever the bytes: the same rows. (What is near a mistake is in the reasons, and the list may be.)
static void mutations_agree(void **state) {
  (void)state;
  static const char seed[] = ROW "\"some \\\"text\\\" \\u00e9 of bytes\", \"other\": -2.5, \"id\": \"x\\n\"";
  static const char alphabet[] = "\"\\:,{}[]019.-e u\x01\xC3\xA9truenull";
  uint32_t random = 17;
  for (int round = 0; round < 3000; round++) {
    char text[sizeof seed];
    memcpy(text, seed, sizeof seed);
    for (int k = 0; k <= round % 3; k++) {
      random = random * 1664525 + 1013904223;
      text[(random >> 8) % (sizeof seed - 1)] = alphabet[(random >> 20) % (sizeof alphabet - 1)];
    }
    // a quotation mark that opens the list's key is another mistake there
    const char *one = text;
    bool even = true;
    for (const char *at = text; *at; at++)
      even ^= *at == '"' && (at == text || at[-1] != '\\');
    if (even && !strpbrk(text, "{}[]"))
      expect_same(&one, 1, false);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_agree), cmocka_unit_test(mistakes_agree),
                                     cmocka_unit_test(mutations_agree)};
  return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
