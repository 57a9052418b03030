#include "runtime/train/tally.h"
#include "runtime/train/profile.h"
#include <stdlib.h>
#include <string.h>

bool tally_init(tally *t, const loaded_model *m, const char *prefix, strbuf *error) {
  *t = (tally){.model = m, .prefix = prefix};
  t->metrics = metrics_new(m, &t->metrics_count, error);
  if (!t->metrics)
    return false;
  t->loss_sums = xcalloc(m->outputs_count + 1, sizeof *t->loss_sums);
  t->loss_names = xcalloc(m->outputs_count + 1, sizeof *t->loss_names);
  t->loss_names[0] = arena_printf(m->memory, "%sloss", prefix);
  for (size_t k = 0; k < m->outputs_count; k++)
    t->loss_names[k + 1] = arena_printf(m->memory, "%s%s_loss", prefix, m->outputs[k].name);
  for (size_t k = 0; k < t->metrics_count; k++)
    t->metrics[k].name = arena_printf(m->memory, "%s%s", prefix, t->metrics[k].name);
  return true;
}

void tally_free(tally *t) {
  metrics_free(t->metrics, t->metrics_count);
  free(t->loss_sums);
  free(t->loss_names);
  *t = (tally){0};
}

void tally_reset(tally *t) {
  memset(t->loss_sums, 0, (t->model->outputs_count + 1) * sizeof *t->loss_sums);
  t->rows = 0;
  for (size_t k = 0; k < t->metrics_count; k++)
    metric_reset(&t->metrics[k]);
}

metric_batch tally_batch(const batcher *b, size_t output) {
  const struct nlm_abi_model *abi = b->model->abi;
  output_rows rows = batcher_output(b, output);
  int64_t target = b->model->outputs[output].target;
  const void *values = b->inputs[target].data;
  bool classes = abi->inputs[target].role == NLM_ROLE_TARGET_INT;
  return (metric_batch){.rows = rows.rows,
                        .units = rows.units,
                        .steps = b->count ? rows.rows / b->count : 0,
                        .real_bytes = (size_t)abi->real_bytes,
                        .predicted = rows.values,
                        .real_target = classes ? NULL : values,
                        .int_target = classes ? values : NULL,
                        .mask = rows.mask};
}

static void add_metric(metric *m, const batcher *b) {
  metric_batch batch = tally_batch(b, m->output);
  batch.weights = m->weighted ? batcher_weights(b, m->output) : NULL;
  metric_update(m, &batch);
}

void tally_add(tally *t, const batcher *b) {
  double rows = (double)b->count;
  for (size_t k = 0; k <= t->model->outputs_count; k++)
    t->loss_sums[k] += rows * b->session->frame.results[k];
  t->rows += rows;
  for (size_t k = 0; k < t->metrics_count; k++)
    add_metric(&t->metrics[k], b);
  if (t->watch)
    t->watch(t->watcher, b);
}

double tally_loss(const tally *t) {
  return t->rows > 0 ? t->loss_sums[0] / t->rows : 0;
}

void tally_logs(const tally *t, train_logs *out) {
  const loaded_model *m = t->model;
  logs_set(out, t->loss_names[0], tally_loss(t));
  for (size_t k = 0; k < m->outputs_count && m->outputs_count > 1; k++)
    if (m->outputs[k].loss)
      logs_set(out, t->loss_names[k + 1], t->rows > 0 ? t->loss_sums[k + 1] / t->rows : 0);
  for (size_t k = 0; k < t->metrics_count; k++)
    logs_set(out, t->metrics[k].name, metric_result(&t->metrics[k]));
}

int tally_direction(const tally *t, const char *log) {
  if (!strncmp(log, "val_", 4))
    log += 4;
  size_t n = strlen(log), skip = strlen(t->prefix);
  for (size_t k = 0; k < t->metrics_count; k++)
    if (!strcmp(log, t->metrics[k].name + skip))
      return t->metrics[k].lower_is_better ? -1 : 1;
  return n >= 4 && !strcmp(log + n - 4, "loss") ? -1 : 0;
}

bool evaluate_rows(tally *t, batcher *b, const size_t *rows, size_t count, size_t batch_size,
                   struct profiler *profile, strbuf *error) {
  tally_reset(t);
  session_reset_states(b->session);
  if (!batcher_divides(b, count, batch_size, error))
    return false;
  for (size_t first = 0; first < count; first += batch_size) {
    size_t n = count - first < batch_size ? count - first : batch_size;
    if (!batcher_load(b, rows + first, n, 1u << NLM_EVALUATE, error))
      return false;
    profile_start(profile, b->session, NLM_EVALUATE);
    if (session_run(b->session, NLM_EVALUATE)) {
      batcher_describe_status(b, error);
      return false;
    }
    profile_stop(profile, b->session, NLM_EVALUATE);
    tally_add(t, b);
  }
  return true;
}
