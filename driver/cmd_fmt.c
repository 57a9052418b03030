// nlmc fmt: canonical layout, in place.
#include "driver/commands.h"
#include "driver/load.h"
#include "frontend/parse.h"
#include <stdio.h>
#include <string.h>

static int store(const options *o, const source *s, const char *path, const strbuf *formatted) {
  bool same = formatted->len == s->bytes && !memcmp(strbuf_text(formatted), s->text, s->bytes);
  if (o->check) {
    if (!same)
      printf("%s\n", s->path);
    return same ? EXIT_DONE : EXIT_WRONG_INPUT;
  }
  if (same && strcmp(path, "-") != 0)
    return EXIT_DONE;
  int failed = file_write_atomic(path, strbuf_text(formatted), formatted->len);
  if (failed)
    fprintf(stderr, "nlmc: cannot write %s: %s\n", path, strerror(-failed));
  return failed ? EXIT_WRONG_INPUT : EXIT_DONE;
}

static int format_path(const options *o, const char *path, arena *mem, diags *d) {
  int error;
  const source *s = source_read(mem, path, &error);
  if (!s) {
    diag_error(d, (span){0}, "%s cannot be read: %s", path, strerror(error));
    return EXIT_WRONG_INPUT;
  }
  size_t errors = diags_errors(d);
  const ast_file *file = parse_source(mem, d, s);
  if (diags_errors(d) > errors)
    return EXIT_WRONG_INPUT;
  strbuf out = {0};
  format_file(file, &out);
  int code = store(o, s, path, &out);
  strbuf_free(&out);
  return code;
}

static bool holds_stream(const options *o) {
  for (size_t k = 0; k < o->words.len; k++)
    if (!strcmp(o->words.data[k], "-"))
      return true;
  return false;
}

static int run(const options *o) {
  arena *mem = arena_new();
  diags *d = diags_new();
  int worst = EXIT_DONE;
  for (size_t k = 0; k < o->words.len; k++) {
    int code = format_path(o, o->words.data[k], mem, d);
    worst = code > worst ? code : worst;
  }
  // An empty array would be taken for formatted text, or for a file's name.
  if (diags_errors(d) || !(holds_stream(o) || o->check))
    print_diagnostics(o, d);
  diags_free(d);
  arena_free(mem);
  return worst;
}

const command command_fmt = {
    "fmt", COMMAND_FMT, "nlmc fmt FILE.nlm... [--check]", "canonical layout, in place", 1, SIZE_MAX, run};
