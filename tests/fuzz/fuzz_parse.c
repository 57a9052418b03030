// Damages real sources at random (fixed seed) and parses the result. Whatever parses without an error must
// survive formatting: the same tree, and the same text when formatted again. Then hostile files: deep
// nesting, endless lines, every byte alone.
#include "frontend/parse.h"
#include "tests/fuzz/damage.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *text, size_t bytes) {
  fprintf(stderr, "fuzz_parse: %s\n", what);
  fwrite(text, 1, bytes, stderr);
  exit(1);
}

static void check_format(arena *a, const ast_file *file, const source *s) {
  strbuf tree = {0}, once = {0}, tree_again = {0}, twice = {0};
  ast_print(file, &tree);
  format_file(file, &once);
  diags *d = diags_new();
  const ast_file *again = parse_source(a, d, source_from_text(a, "again", strbuf_text(&once), once.len));
  if (diags_errors(d))
    fail("formatting makes an error", s->text, s->bytes);
  ast_print(again, &tree_again);
  if (strcmp(strbuf_text(&tree), strbuf_text(&tree_again)) != 0)
    fail("formatting changes the tree", s->text, s->bytes);
  format_file(again, &twice);
  if (strcmp(strbuf_text(&once), strbuf_text(&twice)) != 0)
    fail("formatting twice differs from once", s->text, s->bytes);
  diags_free(d);
  strbuf_free(&tree);
  strbuf_free(&once);
  strbuf_free(&tree_again);
  strbuf_free(&twice);
}

// Returns the number of errors.
static size_t try_text(const char *text, size_t bytes) {
  arena *a = arena_new();
  diags *d = diags_new();
  const source *s = source_from_text(a, "fuzz.nlm", text, bytes);
  const ast_file *file = parse_source(a, d, s);
  size_t errors = diags_errors(d);
  strbuf out = {0};
  diags_print_text(d, &out, false);
  strbuf_putc(&out, '\n');
  diags_print_json(d, &out);
  strbuf_free(&out);
  if (errors == 0)
    check_format(a, file, s);
  diags_free(d);
  arena_free(a);
  return errors;
}

static void fuzz_file(const char *path, size_t rounds) {
  char *content;
  size_t bytes;
  if (file_read_all(path, &content, &bytes) < 0)
    fail("a corpus file cannot be read", path, strlen(path));
  for (size_t round = 0; round < rounds; round++) {
    strbuf text = {0};
    strbuf_add(&text, content, bytes);
    for (size_t n = random_below(4) + 1; n > 0; n--)
      damage_bytes(&text);
    try_text(text.data, text.len);
    strbuf_free(&text);
  }
  free(content);
}

// `head`, then `unit` many times, then `tail` many times: must be told as an error.
static void expect_error(const char *head, const char *unit, const char *tail, size_t times) {
  strbuf text = {0};
  strbuf_puts(&text, head);
  for (size_t i = 0; i < times; i++)
    strbuf_puts(&text, unit);
  strbuf_puts(&text, "1");
  for (size_t i = 0; i < times; i++)
    strbuf_puts(&text, tail);
  size_t errors = try_text(text.data, text.len);
  if (errors == 0 || errors > 50)
    fail("a hostile file gives no error, or too many", head, strlen(head));
  strbuf_free(&text);
}

static void try_hostile_files(void) {
  enum { MANY = 100000 };
  expect_error("const a = ", "(", ")", MANY);
  expect_error("const a = ", "[", "]", MANY);
  expect_error("const a = ", "{x:", "}", MANY);
  expect_error("const a = ", "f(", ")", MANY);
  expect_error("const a = ", "-", "", MANY);
  expect_error("const a = ", "1 + ", "", MANY);
  expect_error("const a = f", "(1)", "", MANY);
  expect_error("const a = x", " -> L", "", MANY);
  expect_error("model m { x = ", "& ", "", MANY);
  expect_error("", "model {\n", "}", MANY);
  expect_error("model m {\n", "x = (\n", "", MANY);
  expect_error("model m {\n", "model m {\n", "", MANY);
  expect_error("const a = ", "a b ", "", MANY);
  expect_error("const a = ", "\xFF", "", MANY);
  for (int byte = 0; byte < 256; byte++) {
    char c = (char)byte;
    try_text(&c, 1);
  }
  try_text("", 0);
  try_text("\xEF\xBB\xBF", 3);
}

int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  try_hostile_files();
  size_t files = (size_t)(argc - 2), rounds = strtoul(argv[1], NULL, 10);
  for (size_t i = 0; i < files; i++)
    fuzz_file(argv[2 + i], rounds / files + 1);
  return 0;
}
