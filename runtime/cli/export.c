#include "runtime/cli/export.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/files.h"
#include <string.h>

// Position of the layer's table, a parameter [rows, width] called LAYER/...embeddings; -1 if it has none.
static int64_t find_table(const loaded_model *m, const char *layer, size_t n) {
  for (int64_t k = 0; k < m->abi->n_params; k++) {
    const struct nlm_abi_param *p = &m->abi->params[k];
    const char *slash = strrchr(p->name, '/');
    if (p->rank != 2 || !slash || (size_t)(slash - p->name) != n || memcmp(p->name, layer, n))
      continue;
    if (!strcmp(slash, "/embeddings") || !strcmp(slash, "/token_embeddings"))
      return k;
  }
  return -1;
}

static int fail_without_table(const loaded_model *m, const char *layer) {
  strbuf known = {0};
  for (int64_t k = 0; k < m->abi->n_params; k++) {
    const char *name = m->abi->params[k].name, *slash = strrchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) : 0;
    if (n && find_table(m, name, n) == k)
      strbuf_printf(&known, "%s%.*s", known.len ? ", " : "", (int)n, name);
  }
  int code = cli_fail(m->abi, "'%s' is no embedding of this model; it has %s", layer,
                      known.len ? strbuf_text(&known) : "none");
  strbuf_free(&known);
  return code;
}

static const vocabulary *words_of(const loaded_model *m, const struct nlm_abi_param *p) {
  for (size_t k = 0; p->vocabulary && k < m->pipelines_count; k++)
    if (!strcmp(m->pipelines[k].layer, p->vocabulary))
      return m->pipelines[k].words;
  return NULL;
}

static void put_word(text_view word, strbuf *out) {
  for (size_t k = 0; k < word.bytes; k++)
    strbuf_putc(out, word.data[k] == ' ' ? '_' : word.data[k]);
}

static void put_row(const loaded_model *m, int64_t param, int64_t row, strbuf *out) {
  int64_t width = model_param_row(m, param);
  for (int64_t k = 0; k < width; k++) {
    if (m->abi->real_bytes == 8)
      strbuf_printf(out, " %.17g", ((const double *)m->params[param])[row * width + k]);
    else
      strbuf_printf(out, " %.9g", (double)((const float *)m->params[param])[row * width + k]);
  }
  strbuf_putc(out, '\n');
}

bool export_is_apart(const loaded_model *m, const char *pair, const char *weights) {
  command_files files = {0};
  const char *file = strchr(pair, '=');
  command_files_read(&files, weights, false);
  command_files_write(&files, file && file[1] ? file + 1 : NULL, "with --export", false);
  bool apart = command_files_apart(&files, m->abi);
  command_files_free(&files);
  return apart;
}

int export_vectors(const loaded_model *m, const char *pair) {
  const char *file = strchr(pair, '=');
  if (!file || file == pair || !file[1])
    return cli_fail(m->abi, "--export wants LAYER=FILE, not '%s'", pair), EXIT_WRONG_USAGE;
  char *layer = arena_strndup(m->memory, pair, (size_t)(file - pair));
  file++;
  int64_t param = find_table(m, layer, strlen(layer));
  if (param < 0)
    return fail_without_table(m, layer);
  const struct nlm_abi_param *p = &m->abi->params[param];
  const vocabulary *words = words_of(m, p);
  int64_t first = words && vocabulary_specials(words) > 0 && vocabulary_word(words, 0).bytes == 0,
          end = p->dims[0];
  if (words && (int64_t)vocabulary_size(words) < end)
    end = (int64_t)vocabulary_size(words);
  strbuf out = {0};
  strbuf_printf(&out, "%lld %lld\n", (long long)(end - first), (long long)p->dims[1]);
  for (int64_t row = first; row < end; row++) {
    if (words)
      put_word(vocabulary_word(words, (int32_t)row), &out);
    else
      strbuf_printf(&out, "%lld", (long long)row);
    put_row(m, param, row, &out);
  }
  int failed = file_write_atomic(file, strbuf_text(&out), out.len);
  strbuf_free(&out);
  return failed ? cli_fail(m->abi, "%s: %s", file, strerror(-failed)) : EXIT_DONE;
}
