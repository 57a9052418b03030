// The stream of rows that `predict` reads.
#include "runtime/data/reader.h"
#include "unit.h"
// after unit.h
#include "files.h"

static const data_field review = {"review", DATA_TEXT, 0, {0}};
static const data_field outputs[] = {{"sentiment", DATA_CLASS, 0, {0}}};
static const data_schema text_model = {&review, 1, outputs, 1, false};
static const data_field pair[] = {{"a", DATA_TEXT, 0, {0}}, {"b", DATA_FLOAT, 1, {2}}};
static const data_schema pair_model = {pair, 2, outputs, 1, false};

// Reads all in chunks: "line=text|…/…".
static void expect_chunks(const char *path, const data_schema *schema, size_t chunk, const char *expected,
                          const char *problems) {
  data_problems p = {0};
  strbuf out = {0};
  data_reader *r = data_reader_open(path, schema, &p);
  dataset *d;
  for (int k = 0; r && (d = data_reader_next(r, chunk, &p)) != NULL; k++) {
    strbuf_puts(&out, k ? "/" : "");
    assert_true(d->rows <= chunk);
    assert_false(d->outputs[0].present);
    for (size_t i = 0; i < d->rows; i++) {
      text_view text = d->inputs[0].texts[i];
      strbuf_printf(&out, i ? "|%u=%.*s" : "%u=%.*s", d->row_line[i], (int)text.bytes, text.data);
    }
    dataset_free(d);
  }
  data_reader_close(r);
  assert_string_equal(strbuf_text(&out), expected);
  strbuf_free(&out);
  expect_problems(&p, problems);
}

static void plain_lines(void **state) {
  (void)state;
  expect_chunks(file_puts("lines", "\xEF\xBB\xBFone\ttab\r\n\ntwo\nthree"), &text_model, 3,
                "1=one\ttab|2=|3=two/4=three", "");
  expect_chunks(file_puts("none", ""), &text_model, 3, "", "");
  expect_chunks(file_puts("brace", "{ not JSON\nx\n"), &text_model, 9, "1={ not JSON|2=x", "");
  expect_chunks(file_puts("bad", "a\nb\xFF\nc\n"), &text_model, 9, "1=a|3=c",
                "bad:2: error: invalid UTF-8 (byte 0xFF, byte 2 of the line)\n");
  expect_chunks(file_path("absent"), &text_model, 9, "", "absent: error: No such file or directory\n");
  expect_chunks(
      file_puts("prose", "a\n"), &pair_model, 9, "",
      "prose: error: plain text serves models with one text input; this one has a, b: give JSON lines or "
      "--input NAME=FILE.npy\n");
}

static void json_lines(void **state) {
  (void)state;
  expect_chunks(
      file_puts("text.jsonl", "\n{\"text\": \"one\", \"sentiment\": \"neg\"}\n\n{\"review\": \"two\"}\n"),
      &text_model, 9, "2=one|4=two", "");
  expect_chunks(file_puts("pair.jsonl",
                          "{\"a\": \"x\", \"b\": [1, 2]}\n{\"a\": \"y\", \"b\": [1]}\n{\"a\": \"z\"}\n"
                          "{\"a\": \"u\", \"b\": [[1, 2]]}\n"),
                &pair_model, 9, "1=x",
                "pair.jsonl:2: error: 'b' has 1 number, the model needs 2\n"
                "pair.jsonl:3: error: input 'b' is missing\n"
                "pair.jsonl:4: error: 'b' is not nested as the model's shape\n");
}

// Lines longer than any buffer, and line ends on the borders of buffers.
static void long_lines(void **state) {
  (void)state;
  enum { LONG = 200000 };
  char *text = malloc(3 * LONG);
  size_t n = 0, sizes[] = {LONG, 0, 65535, 65536, 1};
  for (size_t k = 0; k < 5; k++) {
    memset(text + n, 'a' + (int)k, sizes[k]);
    n += sizes[k];
    text[n++] = '\n';
  }
  data_problems p = {0};
  data_reader *r = data_reader_open(file_put("long", text, n), &text_model, &p);
  for (size_t k = 0; k < 5; k++) {
    dataset *d = data_reader_next(r, 1, &p);
    assert_non_null(d);
    assert_int_equal(d->inputs[0].texts[0].bytes, sizes[k]);
    for (size_t i = 0; i < sizes[k]; i++)
      assert_int_equal(d->inputs[0].texts[0].data[i], 'a' + (int)k);
    dataset_free(d);
  }
  assert_null(data_reader_next(r, 1, &p));
  data_reader_close(r);
  free(text);
  expect_problems(&p, "");
}

// A writer that pauses gets its lines answered before it goes on.
static void slow_pipe(void **state) {
  (void)state;
  int ends[2], saved = dup(0);
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(dup2(ends[0], 0), 0);
  assert_int_equal(write(ends[1], "one\ntwo\n", 8), 8);
  data_problems p = {0};
  data_reader *r = data_reader_open("-", &text_model, &p);
  dataset *d = data_reader_next(r, 100, &p);
  assert_int_equal(d->rows, 2);
  dataset_free(d);
  assert_int_equal(write(ends[1], "three", 5), 5);
  close(ends[1]);
  d = data_reader_next(r, 100, &p);
  assert_int_equal(d->rows, 1);
  assert_int_equal(d->row_line[0], 3);
  dataset_free(d);
  assert_null(data_reader_next(r, 100, &p));
  data_reader_close(r);
  dup2(saved, 0);
  close(saved);
  close(ends[0]);
  data_problems_free(&p);
}

static void arguments(void **state) {
  (void)state;
  const char *texts[] = {"good film", "", "caf\xE9"};
  data_problems p = {0};
  dataset *d = dataset_from_texts(texts, 3, &text_model, &p);
  assert_int_equal(d->rows, 2);
  assert_int_equal(d->inputs[0].texts[0].bytes, 9);
  dataset_free(d);
  expect_problems(&p, "text:3: error: invalid UTF-8 (byte 0xE9, byte 4 of the line)\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_lines), cmocka_unit_test(json_lines), cmocka_unit_test(long_lines),
      cmocka_unit_test(slow_pipe),   cmocka_unit_test(arguments),
  };
  return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
