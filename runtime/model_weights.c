// Weights files of an opened model: parameters, vocabularies, class names.
#include "runtime/model.h"
#include "support/vec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char vocabulary_prefix[] = "nlm.vocabulary.", idf_prefix[] = "nlm.idf.",
                  classes_prefix[] = "nlm.classes.";

// ---- names

const char *model_weights_name(const loaded_model *m) {
  return arena_printf(m->memory, "%s.safetensors", m->abi->name);
}

const char *model_default_weights(const loaded_model *m) {
  const char *name = model_weights_name(m);
  return m->abi->weights_bytes && access(name, F_OK) ? NULL : name;
}

// ---- reading

static const char *metadata_of(const weights_file *file, const char *prefix, const char *name) {
  char key[512];
  snprintf(key, sizeof key, "%s%s", prefix, name);
  return weights_metadata(file, key);
}

static bool take_idf(const char *json, const text_pipeline *p, vocabulary *words, strbuf *reason) {
  VEC(double) idf = {0};
  const char *at = json + strspn(json, " [");
  for (char *end; *at && *at != ']'; at = end + strspn(end, " ,")) {
    vec_push(&idf, strtod(at, &end));
    if (end == at)
      break;
  }
  bool fine = *at == ']' && vocabulary_set_idf(p, words, idf.data, idf.len, reason);
  if (!fine && !reason->len)
    strbuf_puts(reason, "its inverse document frequencies are no list of numbers");
  vec_free(&idf);
  return fine;
}

static bool words_fit(const model_pipeline *p, const vocabulary *words, strbuf *reason) {
  const text_pipeline *t = &p->pipeline;
  if (p->given && !vocabulary_equal(words, p->words))
    strbuf_puts(reason, "the weights were trained with other words than the model's source gives");
  else if (text_has_weights(t) && t->max_tokens && vocabulary_columns(t, words) > (size_t)t->max_tokens)
    strbuf_printf(reason, "%zu columns, and max_tokens is %lld", vocabulary_columns(t, words),
                  (long long)t->max_tokens);
  return reason->len == 0;
}

static nlm_status take_vocabulary(const weights_file *file, model_pipeline *p, strbuf *error) {
  const char *json = metadata_of(file, vocabulary_prefix, p->layer),
             *idf = metadata_of(file, idf_prefix, p->layer);
  if (!json || !text_has_vocabulary(&p->pipeline))
    return NLM_OK;
  strbuf reason = {0};
  vocabulary *words = vocabulary_from_json(&p->pipeline, json, strlen(json), &reason);
  bool fine = words && words_fit(p, words, &reason) &&
              (p->pipeline.output != TEXT_TF_IDF || take_idf(idf ? idf : "", &p->pipeline, words, &reason));
  if (fine) {
    vocabulary_free(p->words);
    p->words = words;
  } else {
    strbuf_printf(error, "the vocabulary of layer '%s': %s", p->layer, strbuf_text(&reason));
    vocabulary_free(words);
  }
  strbuf_free(&reason);
  return fine ? NLM_OK : NLM_ERROR_WEIGHTS;
}

static nlm_status take_classes(const weights_file *file, model_output *o, strbuf *error) {
  char key[512];
  snprintf(key, sizeof key, "%s%s", classes_prefix, o->name);
  const char *json = weights_metadata(file, key);
  if (!json)
    return NLM_OK;
  strbuf reason = {0};
  size_t count;
  char **classes = weights_parse_string_list(json, &count, &reason);
  if (classes) {
    xfree(o->classes);
    o->classes = classes;
    o->classes_count = count;
  } else {
    strbuf_printf(error, "the classes of output '%s': %s", o->name, strbuf_text(&reason));
  }
  strbuf_free(&reason);
  return classes ? NLM_OK : NLM_ERROR_WEIGHTS;
}

nlm_status model_take_metadata(loaded_model *m, const weights_file *file, strbuf *error) {
  nlm_status status = NLM_OK;
  for (size_t k = 0; k < m->pipelines_count && !status; k++)
    status = take_vocabulary(file, &m->pipelines[k], error);
  for (size_t k = 0; k < m->outputs_count && !status; k++)
    status = take_classes(file, &m->outputs[k], error);
  const char *epoch = weights_metadata(file, "nlm.epoch");
  if (epoch)
    m->epoch = strtoll(epoch, NULL, 10);
  return status;
}

static bool stands_as_it_is(const loaded_model *m, const weight_tensor *t) {
  weight_type wanted = m->abi->real_bytes == 8 ? WEIGHT_F64 : WEIGHT_F32;
  return t->type == wanted && (uintptr_t)t->data % (uintptr_t)m->abi->real_bytes == 0;
}

// Whole vectors are read from one cache line each where a weight begins on one, which is worth a copy of all
// but large tables.
enum { CACHE_LINE = 64, COPY_MOST = 8 << 20 };

static size_t whole_lines(size_t bytes) {
  return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static bool wants_copy(const loaded_model *m, void *const *params, int64_t k) {
  return m->abi->params[k].rank > 1 && (uintptr_t)params[k] % CACHE_LINE != 0 &&
         model_param_bytes(m, k) <= COPY_MOST;
}

// Copies; *block is their memory, NULL for none. False: there is no memory.
static bool align_params(const loaded_model *m, void **params, char **block) {
  size_t bytes = 0;
  *block = NULL;
  for (int64_t k = 0; k < m->abi->n_params; k++)
    bytes += wants_copy(m, params, k) ? whole_lines(model_param_bytes(m, k)) : 0;
  if (!bytes)
    return true;
  char *next = *block = aligned_alloc(CACHE_LINE, bytes);
  for (int64_t k = 0; next && k < m->abi->n_params; k++) {
    if (!wants_copy(m, params, k))
      continue;
    params[k] = memcpy(next, params[k], model_param_bytes(m, k));
    next += whole_lines(model_param_bytes(m, k));
  }
  return *block != NULL;
}

// Points the parameters into the file; false if a tensor would have to be converted.
static bool use_in_place(loaded_model *m, weights_file *file) {
  int64_t n = m->abi->n_params;
  for (int64_t k = 0; k < n; k++)
    if (!stands_as_it_is(m, weights_find(file, m->abi->params[k].name)))
      return false;
  void **params = calloc((size_t)n + 1, sizeof *params);
  if (!params)
    return false;
  for (int64_t k = 0; k < n; k++) {
    const void *data = weights_find(file, m->abi->params[k].name)->data;
    memcpy(&params[k], &data, sizeof data); // read only: prediction never writes parameters
  }
  char *copies;
  if (!align_params(m, params, &copies)) {
    free(params);
    return false;
  }
  model_release_params(m);
  m->params = params;
  m->aligned = copies;
  m->image = file;
  return true;
}

static nlm_status copy_params(loaded_model *m, const weights_file *file) {
  if (!m->block && model_allocate_params(m))
    return NLM_ERROR_MEMORY;
  for (int64_t k = 0; k < m->abi->n_params; k++) {
    const weight_tensor *t = weights_find(file, m->abi->params[k].name);
    if (m->abi->real_bytes == 8)
      weights_copy_f64(t, m->params[k]);
    else
      weights_copy_f32(t, m->params[k]);
  }
  return NLM_OK;
}

static weights_file *open_image(const loaded_model *m, const char *path, nlm_status *status, strbuf *error) {
  weights_file *file = NULL;
  strbuf reason = {0};
  const char *name = path ? path : "weights inside the executable";
  *status = NLM_ERROR_FILE;
  if (path)
    file = weights_open(path, &reason);
  else if (m->abi->weights_bytes)
    file = weights_from_memory(m->abi->weights, (size_t)m->abi->weights_bytes, &reason);
  else
    strbuf_puts(&reason, "there are none; name a file");
  if (!file) {
    strbuf_printf(error, "%s: %s", name, strbuf_text(&reason));
    strbuf_free(&reason);
    return NULL;
  }
  weight_entry *wanted = model_weight_entries(m, NULL);
  if (weights_differences(file, wanted, (size_t)m->abi->n_params, &reason)) {
    strbuf_printf(error, "%s does not fit model '%s':\n%s", name, m->abi->name, strbuf_text(&reason));
    while (error->len && error->data[error->len - 1] == '\n')
      error->data[--error->len] = 0;
    weights_close(file);
    file = NULL;
    *status = NLM_ERROR_WEIGHTS;
  }
  xfree(wanted);
  strbuf_free(&reason);
  return file;
}

nlm_status model_load_weights(loaded_model *m, const char *path, weights_use use, strbuf *error) {
  nlm_status status;
  weights_file *file = open_image(m, path, &status, error);
  if (!file)
    return status;
  status = model_take_metadata(m, file, error);
  if (!status && use == WEIGHTS_READ_ONLY && use_in_place(m, file))
    return NLM_OK;
  if (!status)
    status = copy_params(m, file);
  weights_close(file);
  return status;
}

// ---- writing

weight_entry *model_weight_entries(const loaded_model *m, void *const *params) {
  int64_t n = m->abi->n_params;
  weight_entry *entries = xcalloc((size_t)n + 1, sizeof *entries);
  for (int64_t k = 0; k < n; k++) {
    const struct nlm_abi_param *p = &m->abi->params[k];
    entries[k] = (weight_entry){.name = p->name,
                                .type = m->abi->real_bytes == 8 ? WEIGHT_F64 : WEIGHT_F32,
                                .rank = (size_t)p->rank,
                                .data = params ? params[k] : NULL};
    for (int64_t j = 0; j < p->rank; j++)
      entries[k].shape[j] = p->dims[j];
  }
  return entries;
}

void model_metadata_add(model_metadata *d, const char *key, const char *value) {
  d->items = xrealloc(d->items, (d->count + 1) * sizeof *d->items);
  d->items[d->count++] = (weight_metadata){xstrdup(key), xstrdup(value)};
}

static void add_joined(model_metadata *d, const char *prefix, const char *name, const strbuf *value) {
  strbuf key = {0};
  strbuf_printf(&key, "%s%s", prefix, name);
  model_metadata_add(d, strbuf_text(&key), strbuf_text(value));
  strbuf_free(&key);
}

static void add_words(model_metadata *d, const model_pipeline *p) {
  strbuf json = {0};
  vocabulary_to_json(p->words, &json);
  add_joined(d, vocabulary_prefix, p->layer, &json);
  strbuf_free(&json);
  const double *idf = vocabulary_idf(p->words);
  size_t columns = idf ? vocabulary_columns(&p->pipeline, p->words) : 0;
  for (size_t k = 0; k < columns; k++)
    strbuf_printf(&json, "%s%.17g", k ? ", " : "[", idf[k]);
  strbuf_puts(&json, "]");
  if (idf)
    add_joined(d, idf_prefix, p->layer, &json);
  strbuf_free(&json);
}

model_metadata model_metadata_make(const loaded_model *m, int64_t epoch) {
  model_metadata d = {0};
  char number[32];
  snprintf(number, sizeof number, "%lld", (long long)epoch);
  model_metadata_add(&d, "nlm.model", m->abi->name);
  model_metadata_add(&d, "nlm.source_hash", m->abi->source_hash ? m->abi->source_hash : "");
  model_metadata_add(&d, "nlm.version", m->abi->compiler ? m->abi->compiler : "");
  model_metadata_add(&d, "nlm.epoch", number);
  for (size_t k = 0; k < m->pipelines_count; k++) {
    const model_pipeline *p = &m->pipelines[k];
    bool shared = false; // a layer applied to several inputs
    for (size_t j = 0; j < k; j++)
      shared |= !strcmp(p->layer, m->pipelines[j].layer);
    if (p->words && !shared)
      add_words(&d, p);
  }
  for (size_t k = 0; k < m->outputs_count; k++) {
    const model_output *o = &m->outputs[k];
    strbuf json = {0};
    if (o->classes) {
      weights_put_string_list((const char *const *)o->classes, o->classes_count, &json);
      add_joined(&d, classes_prefix, o->name, &json);
    }
    strbuf_free(&json);
  }
  return d;
}

void model_metadata_free(model_metadata *d) {
  for (size_t k = 0; k < d->count; k++) {
    xfree((char *)d->items[k].key);
    xfree((char *)d->items[k].value);
  }
  xfree(d->items);
  *d = (model_metadata){0};
}

bool model_save_weights(const loaded_model *m, const char *path, void *const *params, int64_t epoch,
                        strbuf *error) {
  weight_entry *entries = model_weight_entries(m, params ? params : m->params);
  model_metadata d = model_metadata_make(m, epoch);
  bool fine = weights_write(path, entries, (size_t)m->abi->n_params, d.items, d.count, error);
  model_metadata_free(&d);
  xfree(entries);
  return fine;
}
