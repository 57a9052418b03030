// The state beside the weights: a safetensors file with the parameters, the optimizer's slots
// (`optimizer/<slot>/<parameter>`), the weights that callbacks keep (`callback/<k>/<parameter>`), and the
// rest as metadata, numbers in hexadecimal so that they read back to the same value.
#include "runtime/train/trainer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *checkpoint_path(const char *save_path) {
  strbuf path = {0};
  strbuf_printf(&path, "%s.checkpoint", save_path);
  return path.data;
}

// ---- tensors

typedef struct tensor_list {
  weight_entry *items;
  void **places; // where each tensor's values live
  size_t count;
} tensor_list;

static void add_tensor(tensor_list *l, const weight_entry *like, const char *name, void *place) {
  l->items[l->count] = *like;
  l->items[l->count].name = name;
  l->items[l->count].data = place;
  l->places[l->count++] = place;
}

// Everything a checkpoint holds. Callbacks' weights are listed where they have some.
static tensor_list list_tensors(const trainer *t, arena *memory) {
  size_t n = (size_t)t->model->abi->n_params, sets = 1 + OPTIMIZER_ALL_SLOTS + t->callbacks_count;
  tensor_list l = {ARENA_ARRAY(memory, weight_entry, n * sets + 1), ARENA_ARRAY(memory, void *, n *sets + 1),
                   0};
  weight_entry *params = model_weight_entries(t->model, t->model->params);
  for (size_t k = 0; k < n; k++)
    add_tensor(&l, &params[k], params[k].name, t->model->params[k]);
  for (int slot = 0; slot < OPTIMIZER_ALL_SLOTS; slot++)
    for (size_t k = 0; k < n; k++) {
      weight_entry like = params[k];
      int rank = 0;
      void *values = optimizer_slot(t->optimizer, (int64_t)k, slot, &rank, like.shape);
      like.rank = (size_t)rank;
      if (values)
        add_tensor(
            &l, &like,
            arena_printf(memory, "optimizer/%s/%s", optimizer_slot_name(t->optimizer, slot), params[k].name),
            values);
    }
  for (size_t c = 0; c < t->callbacks_count; c++) {
    char *next = t->callbacks[c].weights;
    for (size_t k = 0; next && k < n; k++) {
      add_tensor(&l, &params[k], arena_printf(memory, "callback/%zu/%s", c, params[k].name), next);
      next += model_param_bytes(t->model, (int64_t)k);
    }
  }
  free(params);
  return l;
}

// ---- writing

static void add_number(model_metadata *d, const char *key, const char *format, double number) {
  char text[64];
  snprintf(text, sizeof text, format, number);
  model_metadata_add(d, key, text);
}

static void add_callback(model_metadata *d, size_t index, const callback *c) {
  strbuf numbers = {0};
  char key[64];
  strbuf_puts(&numbers, c->def->item.name);
  for (int k = 0; k < CALLBACK_NUMBERS; k++)
    strbuf_printf(&numbers, " %a", c->numbers[k]);
  snprintf(key, sizeof key, "nlm.callback.%zu", index);
  model_metadata_add(d, key, strbuf_text(&numbers));
  strbuf_free(&numbers);
}

// What the course of a training depends on besides the model and the contents of its data.
enum { FACTS = 5, FACT_TEXT = 64 };
static const struct {
  const char *key, *name;
} facts[FACTS] = {{"nlm.rows", "rows to train on"},
                  {"nlm.validation_rows", "rows to validate on"},
                  {"nlm.batch_size", "batch size"},
                  {"nlm.shuffle", "shuffling"},
                  {"nlm.given_learning_rate", "--learning-rate"}};

static void tell_facts(const trainer *t, char texts[FACTS][FACT_TEXT]) {
  const train_settings *s = &t->settings;
  snprintf(texts[0], FACT_TEXT, "%zu", t->training.count);
  snprintf(texts[1], FACT_TEXT, "%zu", t->validation.count);
  snprintf(texts[2], FACT_TEXT, "%lld", (long long)s->batch_size);
  snprintf(texts[3], FACT_TEXT, "%s", s->shuffle ? "on" : "off");
  snprintf(texts[4], FACT_TEXT, "none");
  if (s->has_learning_rate)
    snprintf(texts[4], FACT_TEXT, "%.17g", s->learning_rate);
}

static void add_facts(model_metadata *d, const trainer *t) {
  char texts[FACTS][FACT_TEXT];
  tell_facts(t, texts);
  for (int k = 0; k < FACTS; k++)
    model_metadata_add(d, facts[k].key, texts[k]);
}

bool checkpoint_write(const trainer *t, const char *path, int64_t epochs_done, strbuf *error) {
  arena *memory = arena_new();
  tensor_list l = list_tensors(t, memory);
  model_metadata d = model_metadata_make(t->model, epochs_done);
  char seed[32];
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)t->settings.seed);
  model_metadata_add(&d, "nlm.seed", seed);
  model_metadata_add(&d, "nlm.optimizer", t->model->training->optimizer.name);
  add_number(&d, "nlm.steps", "%.0f", (double)optimizer_steps(t->optimizer));
  add_number(&d, "nlm.learning_rate", "%a", optimizer_learning_rate(t->optimizer));
  add_facts(&d, t);
  for (size_t k = 0; k < t->callbacks_count; k++)
    add_callback(&d, k, &t->callbacks[k]);
  bool fine = weights_write(path, l.items, l.count, d.items, d.count, error);
  model_metadata_free(&d);
  arena_free(memory);
  return fine;
}

// ---- reading

static const char *required(const weights_file *file, const char *key, strbuf *error) {
  const char *text = weights_metadata(file, key);
  if (!text && !error->len)
    strbuf_printf(error, "it is no checkpoint (no %s)", key);
  return text;
}

static bool is_of_source(const loaded_model *m, const weights_file *file) {
  const char *hash = weights_metadata(file, "nlm.source_hash");
  return hash && !strcmp(hash, m->abi->source_hash ? m->abi->source_hash : "");
}

static bool is_of_model(const loaded_model *m, const weights_file *file, checkpoint_use use, strbuf *error) {
  const char *name = required(file, "nlm.model", error);
  if (name && strcmp(name, m->abi->name))
    strbuf_printf(error, "it is of model '%s', not of '%s'", name, m->abi->name);
  else if (name && use == CHECKPOINT_BACKUP && !is_of_source(m, file))
    strbuf_printf(error, "it was made by another source of model '%s'", name);
  return !error->len;
}

bool checkpoint_read_model(loaded_model *m, const char *path, checkpoint_use use, uint64_t *seed,
                           strbuf *error) {
  strbuf reason = {0};
  weights_file *file = weights_open(path, &reason);
  const char *text = file ? required(file, "nlm.seed", &reason) : NULL;
  bool fine = text && is_of_model(m, file, use, &reason) && !model_take_metadata(m, file, &reason);
  if (fine)
    *seed = strtoull(text, NULL, 10);
  else
    strbuf_printf(error, "%s: %s", path, strbuf_text(&reason));
  weights_close(file);
  strbuf_free(&reason);
  return fine;
}

static bool read_callback(trainer *t, const weights_file *file, size_t index, strbuf *error) {
  callback *c = &t->callbacks[index];
  char key[64], weights[600];
  snprintf(key, sizeof key, "nlm.callback.%zu", index);
  const char *text = required(file, key, error);
  size_t n = strlen(c->def->item.name);
  if (!text || strncmp(text, c->def->item.name, n) || text[n] != ' ') {
    if (!error->len)
      strbuf_puts(error, "it was made with other callbacks");
    return false;
  }
  char *at = NULL;
  text += n;
  for (int k = 0; k < CALLBACK_NUMBERS; k++, text = at)
    c->numbers[k] = strtod(text, &at);
  if (!t->model->abi->n_params)
    return true;
  snprintf(weights, sizeof weights, "callback/%zu/%s", index, t->model->abi->params[0].name);
  if (weights_find(file, weights)) {
    free(c->weights);
    c->weights = t->host.copy_weights(t);
  }
  return true;
}

static bool read_tensors(trainer *t, const weights_file *file, strbuf *error) {
  arena *memory = arena_new();
  tensor_list l = list_tensors(t, memory);
  bool fine = weights_differences(file, l.items, l.count, error) == 0;
  for (size_t k = 0; fine && k < l.count; k++) {
    const weight_tensor *from = weights_find(file, l.items[k].name);
    fine = l.items[k].type == WEIGHT_F64 ? weights_copy_f64(from, l.places[k])
                                         : weights_copy_f32(from, l.places[k]);
  }
  arena_free(memory);
  return fine;
}

// Lists what differs from the training that made the file; nothing is known of files of older versions.
static void compare_facts(const trainer *t, const weights_file *file, strbuf *differences) {
  char texts[FACTS][FACT_TEXT];
  tell_facts(t, texts);
  for (int k = 0; k < FACTS; k++) {
    const char *then = weights_metadata(file, facts[k].key);
    if (then && strcmp(then, texts[k]))
      strbuf_printf(differences, "%s%s: %s then, %s now", differences->len ? "; " : "", facts[k].name, then,
                    texts[k]);
  }
}

static bool is_same_training(const trainer *t, const weights_file *file, const char *path, checkpoint_use use,
                             strbuf *warnings, strbuf *error) {
  strbuf differences = {0};
  compare_facts(t, file, &differences);
  if (differences.len && use == CHECKPOINT_BACKUP)
    strbuf_printf(error, "it was made by another command (%s); give that one to go on",
                  strbuf_text(&differences));
  else if (differences.len)
    strbuf_printf(warnings, "warning: %s was made by another command (%s)\n", path,
                  strbuf_text(&differences));
  if (use == CHECKPOINT_RESUME && !is_of_source(t->model, file))
    strbuf_printf(warnings, "warning: %s was made by another source of model '%s'; its parameters fit\n",
                  path, t->model->abi->name);
  strbuf_free(&differences);
  return !error->len;
}

static bool read_state(trainer *t, const weights_file *file, checkpoint_use use, strbuf *error) {
  const char *optimizer_name = required(file, "nlm.optimizer", error),
             *steps = required(file, "nlm.steps", error), *rate = required(file, "nlm.learning_rate", error),
             *epoch = required(file, "nlm.epoch", error);
  if (!optimizer_name || !steps || !rate || !epoch)
    return false;
  if (strcmp(optimizer_name, t->model->training->optimizer.name)) {
    strbuf_printf(error, "it was made with the optimizer '%s'", optimizer_name);
    return false;
  }
  for (size_t k = 0; k < t->callbacks_count; k++)
    if (!read_callback(t, file, k, error))
      return false;
  if (!read_tensors(t, file, error))
    return false;
  t->first_epoch = strtoll(epoch, NULL, 10);
  if (use == CHECKPOINT_BACKUP || !t->settings.has_learning_rate)
    optimizer_set_learning_rate(t->optimizer, strtod(rate, NULL));
  optimizer_restore(t->optimizer, strtoll(steps, NULL, 10));
  return true;
}

bool checkpoint_read(trainer *t, const char *path, checkpoint_use use, strbuf *warnings, strbuf *error) {
  strbuf reason = {0};
  weights_file *file = weights_open(path, &reason);
  bool fine =
      file && read_state(t, file, use, &reason) && is_same_training(t, file, path, use, warnings, &reason);
  if (!fine)
    strbuf_printf(error, "%s: %s", path, strbuf_text(&reason));
  weights_close(file);
  strbuf_free(&reason);
  return fine;
}
