#include "runtime/train/transfer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct transfer {
  loaded_model *m;
  const weights_file *file;
  const char *path;
  strbuf *report;
} transfer;

// ---- vocabularies of the file

static vocabulary *parse_vocabulary(const text_pipeline *p, const char *json) {
  strbuf ignored = {0};
  vocabulary *v = vocabulary_from_json(p, json, strlen(json), &ignored);
  strbuf_free(&ignored);
  return v;
}

// The file's vocabulary for a layer; a file with a single vocabulary serves any layer. NULL: none.
static vocabulary *file_vocabulary(const weights_file *file, const model_pipeline *to) {
  static const char prefix[] = "nlm.vocabulary.";
  const char *only = NULL, *key;
  size_t found = 0;
  for (size_t k = 0; (key = weights_metadata_key(file, k)) != NULL; k++) {
    if (strncmp(key, prefix, sizeof prefix - 1))
      continue;
    found++;
    only = key;
    if (!strcmp(key + sizeof prefix - 1, to->layer))
      return parse_vocabulary(&to->pipeline, weights_metadata(file, key));
  }
  return found == 1 ? parse_vocabulary(&to->pipeline, weights_metadata(file, only)) : NULL;
}

static const model_pipeline *pipeline_of(const loaded_model *m, const char *layer) {
  for (size_t k = 0; k < m->pipelines_count; k++)
    if (layer && !strcmp(m->pipelines[k].layer, layer))
      return &m->pipelines[k];
  return NULL;
}

// ---- taking

static bool copy_tensor(const loaded_model *m, const weight_tensor *t, void *out) {
  return m->abi->real_bytes == 8 ? weights_copy_f64(t, out) : weights_copy_f32(t, out);
}

static bool same_shape(const struct nlm_abi_param *p, const weight_tensor *t, size_t from) {
  if ((int64_t)t->rank != p->rank)
    return false;
  for (size_t k = from; k < t->rank; k++)
    if (t->shape[k] != p->dims[k])
      return false;
  return true;
}

static void put_shape(strbuf *out, const int64_t *shape, size_t rank) {
  strbuf_putc(out, '[');
  for (size_t k = 0; k < rank; k++)
    strbuf_printf(out, "%s%lld", k ? ", " : "", (long long)shape[k]);
  strbuf_putc(out, ']');
}

// Rows of words that both sides know, and of padding and unknown.
static bool take_by_word(transfer *x, int64_t param, const weight_tensor *t, const vocabulary *ours,
                         const vocabulary *theirs) {
  size_t row = (size_t)model_param_row(x->m, param), real = (size_t)x->m->abi->real_bytes, taken = 0;
  int64_t rows = x->m->abi->params[param].dims[0];
  char *table = xmalloc((t->count + 1) * real), *out = x->m->params[param];
  bool fine = copy_tensor(x->m, t, table);
  for (int64_t id = 0; fine && id < rows && id < (int64_t)vocabulary_size(ours); id++) {
    text_view word = vocabulary_word(ours, (int32_t)id);
    int32_t specials = (int32_t)vocabulary_specials(ours);
    int32_t from = id < specials ? (int32_t)id : vocabulary_find(theirs, word.data, word.bytes);
    if ((id >= specials && from < specials) || from >= t->shape[0])
      continue;
    memcpy(out + (size_t)id * row * real, table + (size_t)from * row * real, row * real);
    taken++;
  }
  free(table);
  if (fine)
    strbuf_printf(x->report, "took %s (%zu of %lld rows, by word)\n", x->m->abi->params[param].name, taken,
                  (long long)rows);
  return fine;
}

static bool take(transfer *x, int64_t param, const weight_tensor *t) {
  const struct nlm_abi_param *p = &x->m->abi->params[param];
  const model_pipeline *line = pipeline_of(x->m, p->vocabulary);
  const vocabulary *ours = line ? line->words : NULL;
  vocabulary *theirs = ours ? file_vocabulary(x->file, line) : NULL;
  bool fine = false;
  if (theirs && p->rank > 0 && same_shape(p, t, 1)) {
    fine = take_by_word(x, param, t, ours, theirs);
  } else if (same_shape(p, t, 0) && copy_tensor(x->m, t, x->m->params[param])) {
    strbuf_printf(x->report, "took %s\n", p->name);
    fine = true;
  }
  vocabulary_free(theirs);
  if (fine)
    return true;
  strbuf_printf(x->report, "left %s: the model has ", p->name);
  put_shape(x->report, p->dims, (size_t)p->rank);
  strbuf_puts(x->report, ", the file ");
  put_shape(x->report, t->shape, t->rank);
  strbuf_printf(x->report, "%s\n", t->type == WEIGHT_OTHER ? " of no float type" : "");
  return false;
}

static bool in_layer(const char *name, const char *layer) {
  size_t n = strlen(layer);
  return !strncmp(name, layer, n) && (name[n] == '/' || name[n] == 0);
}

static bool is_wanted(const char *name, const char *const *only, size_t count) {
  for (size_t k = 0; k < count; k++)
    if (in_layer(name, only[k]))
      return true;
  return count == 0;
}

static bool layers_exist(const loaded_model *m, const char *const *only, size_t count, strbuf *report) {
  for (size_t k = 0; k < count; k++) {
    bool found = false;
    for (int64_t j = 0; j < m->abi->n_params; j++)
      found |= in_layer(m->abi->params[j].name, only[k]);
    if (!found) {
      strbuf_printf(report, "--only: the model has no layer '%s' with weights", only[k]);
      return false;
    }
  }
  return true;
}

bool transfer_from(loaded_model *m, const char *path, const char *const *only, size_t only_count,
                   strbuf *report) {
  strbuf error = {0};
  weights_file *file = layers_exist(m, only, only_count, report) ? weights_open(path, &error) : NULL;
  if (error.len)
    strbuf_printf(report, "%s: %s", path, strbuf_text(&error));
  strbuf_free(&error);
  if (!file)
    return false;
  transfer x = {m, file, path, report};
  size_t taken = 0;
  for (int64_t k = 0; k < m->abi->n_params; k++) {
    const char *name = m->abi->params[k].name;
    const weight_tensor *t = weights_find(file, name);
    if (!is_wanted(name, only, only_count))
      strbuf_printf(report, "left %s: not asked for\n", name);
    else if (!t)
      strbuf_printf(report, "left %s: not in the file\n", name);
    else
      taken += take(&x, k, t);
  }
  for (size_t k = 0; k < weights_count(file); k++)
    if (model_param_find(m, weights_at(file, k)->name) < 0)
      strbuf_printf(report, "not used: %s\n", weights_at(file, k)->name);
  strbuf_printf(report, "took %zu of %lld tensors from %s\n", taken, (long long)m->abi->n_params, path);
  weights_close(file);
  return true;
}
