#include "runtime/train/trainer.h"
#include "support/diag.h"
#include "support/spill.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- what callbacks may do

static int host_direction(void *self, const char *log) {
  const trainer *t = self;
  return tally_direction(&t->tally, log);
}

static bool host_save(void *self, const char *path, int64_t epochs_done, strbuf *error) {
  const trainer *t = self;
  return model_save_weights(t->model, path, NULL, epochs_done, error);
}

static size_t all_bytes(const loaded_model *m) {
  size_t bytes = 0;
  for (int64_t k = 0; k < m->abi->n_params; k++)
    bytes += model_param_bytes(m, k);
  return bytes;
}

static void *host_copy_weights(void *self) {
  const trainer *t = self;
  char *copy = xmalloc(all_bytes(t->model) + 1), *next = copy;
  for (int64_t k = 0; k < t->model->abi->n_params; k++) {
    size_t bytes = model_param_bytes(t->model, k);
    memcpy(next, t->model->params[k], bytes);
    next += bytes;
  }
  return copy;
}

static void host_set_weights(void *self, const void *copy) {
  const trainer *t = self;
  const char *next = copy;
  for (int64_t k = 0; k < t->model->abi->n_params; k++) {
    size_t bytes = model_param_bytes(t->model, k);
    memcpy(t->model->params[k], next, bytes);
    next += bytes;
  }
}

static double host_learning_rate(void *self) {
  const trainer *t = self;
  return optimizer_learning_rate(t->optimizer);
}

static void host_set_learning_rate(void *self, double rate) {
  const trainer *t = self;
  optimizer_set_learning_rate(t->optimizer, rate);
}

// ---- making

static bool make_constraints(trainer *t, strbuf *error) {
  const model_training *config = t->model->training;
  t->constraints = xcalloc(config->constraints_count + 1, sizeof *t->constraints);
  for (size_t k = 0; k < config->constraints_count; k++) {
    const model_constraint *c = &config->constraints[k];
    int64_t param = model_param_find(t->model, c->weight);
    if (param < 0 || !constraint_read(&c->call, t->model->abi->params[param].rank, &t->constraints[k])) {
      strbuf_printf(error, "this library does not know the constraint '%s' of '%s'", c->call.name, c->weight);
      return false;
    }
    optimizer_constrain(t->optimizer, param, &t->constraints[k]);
  }
  return true;
}

// Whether the optimizer's arguments take a weight out of what it does with matrices as a whole.
static bool stands_apart(const config_call *call, const char *weight) {
  const char *word = config_number(call, "exclude_embeddings", 0) != 0 ? "embedding" : NULL;
  if (word && strstr(weight, word))
    return true;
  for (size_t k = 0; (word = config_list_text(call, "exclude_layers", k)) != NULL; k++)
    if (strstr(weight, word))
      return true;
  return false;
}

static bool make_optimizer(trainer *t, strbuf *error) {
  const config_call *call = &t->model->training->optimizer;
  const optimizer_rule *rule = optimizer_find(call->name);
  if (!rule) {
    strbuf_printf(error, "this library does not know the optimizer '%s'", call->name);
    return false;
  }
  double args[OPTIMIZER_ARGS] = {0};
  config_call rate;
  for (size_t k = 0; rule->item.args[k].name; k++) {
    const char *name = rule->item.args[k].name;
    bool is_rate = !strcmp(name, "learning_rate");
    args[k] =
        is_rate && t->settings.has_learning_rate ? t->settings.learning_rate : config_number(call, name, 0);
  }
  if (!t->settings.has_learning_rate && config_inner(call, "learning_rate", &rate) &&
      !rate_schedule_read(&rate, &t->schedule)) {
    strbuf_printf(error, "this library does not know the schedule '%s'", rate.name);
    return false;
  }
  int64_t n = t->model->abi->n_params;
  bool *apart = xcalloc((size_t)n + 1, sizeof *apart);
  for (int64_t k = 0; k < n; k++)
    apart[k] = stands_apart(call, t->model->abi->params[k].name);
  t->optimizer = optimizer_new(rule, args, &t->session, t->model->params, apart);
  free(apart);
  if (!t->optimizer) {
    strbuf_puts(error, "there is not enough memory for the optimizer");
    return false;
  }
  optimizer_attach(t->optimizer);
  if (t->schedule.def)
    optimizer_follow(t->optimizer, &t->schedule);
  return make_constraints(t, error);
}

bool trainer_init(trainer *t, loaded_model *m, const train_settings *settings, strbuf *error) {
  *t = (trainer){.model = m, .settings = *settings};
  INVARIANT(m->block && m->training);
  if (!session_init(&t->session, m->abi, NULL)) {
    strbuf_puts(error, "there is not enough memory");
    return false;
  }
  if (!session_program(m->abi, NLM_GRAD) || !session_program(m->abi, NLM_EVALUATE)) {
    strbuf_puts(error, "the model was compiled without its training programs");
    return false;
  }
  t->session.pool = settings->pool;
  t->session.frame.params = m->params;
  t->session.frame.seed = settings->seed;
  t->profile = settings->profile ? profile_new(m->abi) : NULL;
  t->progress = progress_new(settings->quiet, settings->epochs);
  return make_optimizer(t, error);
}

void trainer_free(trainer *t) {
  for (size_t k = 0; k < t->callbacks_count; k++)
    free(t->callbacks[k].weights);
  free(t->callbacks);
  strbuf_free(&t->host.messages);
  if (t->optimizer)
    optimizer_free(t->optimizer);
  tally_free(&t->tally);
  tally_free(&t->validation_tally);
  profile_free(t->profile);
  session_destroy(&t->session);
  rate_schedule_free(&t->schedule);
  free(t->constraints);
  spill_free(t->order);
  spill_free(t->validation_order);
  *t = (trainer){0};
}

// ---- beginning

static size_t *number_rows(train_rows rows) {
  size_t *order = spill_alloc((rows.count + 1) * sizeof *order);
  for (size_t k = 0; k < rows.count; k++)
    order[k] = rows.first + k;
  return order;
}

static bool begin_callbacks(trainer *t, strbuf *error) {
  const model_training *config = t->model->training;
  t->callbacks = xcalloc(config->callbacks_count + 1, sizeof *t->callbacks);
  for (size_t k = 0; k < config->callbacks_count; k++) {
    callback *c = &t->callbacks[t->callbacks_count];
    *c = (callback){.def = callback_find(config->callbacks[k].name), .args = &config->callbacks[k]};
    if (!c->def) {
      strbuf_printf(error, "this library does not know the callback '%s'", config->callbacks[k].name);
      return false;
    }
    t->callbacks_count++;
    if (c->def->begin && !c->def->begin(c, &t->host)) {
      strbuf_puts(error, strbuf_text(&t->host.messages));
      return false;
    }
  }
  return true;
}

bool trainer_begin(trainer *t, train_rows training, train_rows validation, strbuf *error) {
  bool append = t->host.append_logs;
  t->training = training;
  t->validation = validation;
  if (!batcher_divides(training.batches, training.count, (size_t)t->settings.batch_size, error) ||
      (validation.count &&
       !batcher_divides(validation.batches, validation.count, (size_t)t->settings.batch_size, error)))
    return false;
  t->order = number_rows(training);
  t->validation_order = number_rows(validation);
  if (!tally_init(&t->tally, t->model, "", error) ||
      !tally_init(&t->validation_tally, t->model, "val_", error))
    return false;
  tally_logs(&t->tally, &t->expected);
  if (validation.count)
    tally_logs(&t->validation_tally, &t->expected);
  t->host = (callback_host){.self = t,
                            .has_validation = validation.count > 0,
                            .expected = &t->expected,
                            .save_path = t->settings.save_path,
                            .append_logs = append,
                            .direction = host_direction,
                            .save = host_save,
                            .copy_weights = host_copy_weights,
                            .set_weights = host_set_weights,
                            .has_schedule = optimizer_has_schedule(t->optimizer),
                            .has_given_rate = t->settings.has_learning_rate,
                            .learning_rate = host_learning_rate,
                            .set_learning_rate = host_set_learning_rate};
  if (t->settings.log_path && !csv_log_begin(t->settings.log_path, append, error))
    return false;
  return begin_callbacks(t, error);
}
