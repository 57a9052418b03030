// Runs the syntax half of the compiler alone, for the tests of this folder and of tests/diag:
//   syntax_tool check FILE      diagnostics as text on standard output; exit 1 if there was an error
//   syntax_tool ast FILE        the tree
//   syntax_tool fmt FILE        the canonical layout
//   syntax_tool same FILE...    the tree is the same with LF, CR and CRLF, with a byte-order mark, on one
//   line and after
//                               formatting; formatting twice changes nothing
#include "frontend/parse.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ast_file *parse(arena *a, const char *path, const char *text, size_t bytes) {
  diags *d = diags_new();
  ast_file *file = parse_source(a, d, source_from_text(a, path, text, bytes));
  strbuf out = {0};
  diags_print_text(d, &out, false);
  fputs(strbuf_text(&out), stdout);
  strbuf_free(&out);
  bool failed = diags_errors(d) > 0;
  diags_free(d);
  return failed ? NULL : file;
}

static const char *printed(arena *a, const ast_file *file) {
  if (!file)
    return "";
  strbuf out = {0};
  ast_print(file, &out);
  const char *text = arena_strdup(a, strbuf_text(&out));
  strbuf_free(&out);
  return text;
}

static const char *formatted(arena *a, const ast_file *file) {
  strbuf out = {0};
  format_file(file, &out);
  const char *text = arena_strdup(a, strbuf_text(&out));
  strbuf_free(&out);
  return text;
}

static int expect_tree(arena *a, const char *path, const char *form, const strbuf *text, const char *tree) {
  if (strcmp(printed(a, parse(a, path, strbuf_text(text), text->len)), tree) == 0)
    return 0;
  printf("%s: the tree changes %s\n", path, form);
  return 1;
}

static int check_line_ends(arena *a, const source *s, const char *tree) {
  static const char *const ends[] = {"\r", "\r\n"};
  int failures = 0;
  for (int e = 0; e < 2; e++) {
    strbuf text = {0};
    strbuf_puts(&text, e ? "\xEF\xBB\xBF" : "");
    for (size_t i = 0; i < s->bytes; i++)
      if (s->text[i] == '\n')
        strbuf_puts(&text, ends[e]);
      else
        strbuf_putc(&text, s->text[i]);
    failures += expect_tree(a, s->path, e ? "with CRLF" : "with CR", &text, tree);
    strbuf_free(&text);
  }
  return failures;
}

static int check_one_line(arena *a, const ast_file *file, const char *tree) {
  strbuf text = {0};
  for (size_t i = 0; i < file->token_count; i++)
    if (file->tokens[i].kind != TOKEN_COMMENT) {
      strbuf_add(&text, file->tokens[i].text, file->tokens[i].bytes);
      strbuf_putc(&text, ' ');
    }
  int failures = expect_tree(a, file->file->path, "on one line", &text, tree);
  const ast_file *line = parse(a, file->file->path, strbuf_text(&text), text.len);
  strbuf layout = {0};
  strbuf_puts(&layout, line ? formatted(a, line) : "");
  failures += expect_tree(a, file->file->path, "after formatting one line", &layout, tree);
  strbuf_free(&layout);
  strbuf_free(&text);
  return failures;
}

static int check_format(arena *a, const ast_file *file, const char *tree) {
  strbuf once = {0};
  strbuf_puts(&once, formatted(a, file));
  int failures = expect_tree(a, file->file->path, "after formatting", &once, tree);
  const ast_file *again = parse(a, file->file->path, strbuf_text(&once), once.len);
  size_t comments = 0;
  for (size_t i = 0; i < file->token_count; i++)
    comments += file->tokens[i].kind == TOKEN_COMMENT;
  for (size_t i = 0; again && i < again->token_count; i++)
    comments -= again->tokens[i].kind == TOKEN_COMMENT;
  if (comments) {
    printf("%s: formatting loses comments\n", file->file->path);
    failures++;
  }
  if (!again || strcmp(formatted(a, again), strbuf_text(&once)) != 0) {
    printf("%s: formatting twice differs from once\n", file->file->path);
    failures++;
  }
  strbuf_free(&once);
  return failures;
}

static const source *read_file(arena *a, const char *path) {
  int error;
  const source *s = source_read(a, path, &error);
  if (!s) {
    printf("%s: %s\n", path, strerror(error));
    exit(2);
  }
  return s;
}

static int check_same(const char *path) {
  arena *a = arena_new();
  const source *s = read_file(a, path);
  const ast_file *file = parse(a, path, s->text, s->bytes);
  int failures = 1;
  if (file) {
    const char *tree = printed(a, file);
    failures = check_line_ends(a, s, tree) + check_one_line(a, file, tree) + check_format(a, file, tree);
  }
  arena_free(a);
  return failures;
}

int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  if (strcmp(argv[1], "same") == 0) {
    int failures = 0;
    for (int i = 2; i < argc; i++)
      failures += check_same(argv[i]);
    return failures != 0;
  }
  arena *a = arena_new();
  const source *s = read_file(a, argv[2]);
  const ast_file *file = parse(a, argv[2], s->text, s->bytes);
  if (file && strcmp(argv[1], "ast") == 0)
    fputs(printed(a, file), stdout);
  if (file && strcmp(argv[1], "fmt") == 0)
    fputs(formatted(a, file), stdout);
  arena_free(a);
  return file ? 0 : 1;
}
