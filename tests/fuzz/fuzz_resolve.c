// Replaces words of real models at random (fixed seed) and resolves the result: it must end normally, with
// diagnostics that agree with the verdict. Usage: fuzz_resolve ROUNDS FILE...
#include "frontend/resolve.h"
#include "tests/fuzz/damage.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void try_text(const char *path, const strbuf *text) {
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(text->data, 1, text->len, f) != text->len || fclose(f) != 0) {
    perror(path);
    exit(2);
  }
  diags *d = diags_new();
  unit *u = unit_new(d);
  load_options none = {0};
  if (load_models(u, path, &none) != (diags_errors(d) == 0)) {
    fprintf(stderr, "fuzz_resolve: result and diagnostics disagree, see %s\n", path);
    exit(1);
  }
  strbuf out = {0};
  diags_print_text(d, &out, false);
  strbuf_free(&out);
  unit_free(u);
  diags_free(d);
}

int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  char path[64];
  snprintf(path, sizeof path, "fuzz_resolve.%ld.nlm", (long)getpid());
  size_t files = (size_t)(argc - 2), rounds = strtoul(argv[1], NULL, 10) / files + 1;
  for (size_t i = 0; i < files; i++) {
    char *content;
    size_t bytes;
    if (file_read_all(argv[2 + i], &content, &bytes) < 0)
      return 2;
    for (size_t round = 0; round < rounds; round++) {
      strbuf text = {0};
      strbuf_add(&text, content, bytes);
      for (size_t n = random_below(3) + 1; n > 0; n--)
        damage_word(&text);
      try_text(path, &text);
      strbuf_free(&text);
    }
    free(content);
  }
  return unlink(path) != 0;
}
