// nlmc fmt: canonical layout, in place.
#include "driver/commands.h"
#include "frontend/parse.h"
#include "support/diag.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int store(const options *o, const char *path, const char *text, size_t n, const strbuf *formatted) {
  bool same = formatted->len == n && !memcmp(strbuf_text(formatted), text, n);
  bool is_stream = !strcmp(path, "-");
  if (o->check) {
    if (!same)
      printf("%s\n", path);
    return same ? EXIT_DONE : EXIT_WRONG_INPUT;
  }
  if (same && !is_stream)
    return EXIT_DONE;
  int failed = file_write_atomic(path, strbuf_text(formatted), formatted->len);
  if (failed)
    fprintf(stderr, "nlmc: cannot write %s: %s\n", path, strerror(-failed));
  return failed ? EXIT_WRONG_INPUT : EXIT_DONE;
}

static int format_path(const options *o, const char *path) {
  char *text;
  size_t n;
  int failed = file_read_all(path, &text, &n);
  if (failed) {
    fprintf(stderr, "nlmc: cannot read %s: %s\n", path, strerror(-failed));
    return EXIT_WRONG_INPUT;
  }
  arena *mem = arena_new();
  diags *d = diags_new();
  source *s = ARENA_NEW(mem, source);
  *s = (source){path, text, n};
  ast_file *file = parse_source(mem, d, s);
  strbuf out = {0};
  int code = EXIT_WRONG_INPUT;
  if (diags_errors(d)) {
    bool json = o->diagnostics && !strcmp(o->diagnostics, "json");
    if (json)
      diags_print_json(d, &out);
    else
      diags_print_text(d, &out, isatty(STDERR_FILENO));
    fputs(strbuf_text(&out), json ? stdout : stderr);
  } else {
    format_file(file, &out);
    code = store(o, path, text, n, &out);
  }
  strbuf_free(&out);
  diags_free(d);
  arena_free(mem);
  free(text);
  return code;
}

static int run(const options *o) {
  int worst = EXIT_DONE;
  for (size_t k = 0; k < o->words.len; k++) {
    int code = format_path(o, o->words.data[k]);
    worst = code > worst ? code : worst;
  }
  return worst;
}

const command command_fmt = {
    "fmt", COMMAND_FMT, "nlmc fmt FILE.nlm... [--check]", "canonical layout, in place", 1, SIZE_MAX, run};
