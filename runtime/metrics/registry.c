// The table of metrics, made of metrics.def, and the metrics of a model.
#include "runtime/metrics/metric.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define METRIC(symbol) extern const metric_def symbol;
#include "runtime/metrics/metrics.def"
#undef METRIC

static const metric_def *const metrics[] = {
#define METRIC(symbol) &symbol,
#include "runtime/metrics/metrics.def"
#undef METRIC
};
enum { COUNT = sizeof metrics / sizeof *metrics };

const metric_def *metric_find(const char *name) {
  for (int k = 0; k < COUNT; k++)
    if (!strcmp(metrics[k]->item.name, name))
      return metrics[k];
  return NULL;
}

static registry_item items[COUNT + 1];

static void copy_items(void) {
  for (int k = 0; k < COUNT; k++)
    items[k] = metrics[k]->item;
}

const registry_item *registry_metrics(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, copy_items);
  return items;
}

// ---- metrics of a model

static bool make_metric(const loaded_model *m, size_t output, const config_call *call, metric *out,
                        strbuf *error) {
  const model_output *o = &m->outputs[output];
  const metric_def *named = metric_find(call->name);
  const metric_def *def = named && named->resolve ? named->resolve(o) : named;
  const char *reason = !def ? "this library does not know it" : def->refuse ? def->refuse(o) : NULL;
  if (!reason && o->target < 0)
    reason = "the output has no loss, so it has no target either";
  if (reason) {
    strbuf_printf(error, "metric '%s' of output '%s': %s", call->name, o->name, reason);
    return false;
  }
  const char *name = config_text(call, "name", call->name);
  *out = (metric){.def = def,
                  .args = call,
                  .output = output,
                  .lower_is_better = def->lower_is_better,
                  .name = m->outputs_count > 1 ? arena_printf(m->memory, "%s_%s", o->name, name) : name,
                  .state_size = def->state_size(call, o)};
  out->state = xcalloc(out->state_size + 1, sizeof *out->state);
  return true;
}

metric *metrics_new(const loaded_model *m, size_t *count, strbuf *error) {
  size_t total = 0, n = 0;
  for (size_t k = 0; k < m->outputs_count; k++)
    total += m->outputs[k].metrics_count;
  metric *list = xcalloc(total + 1, sizeof *list);
  for (size_t k = 0; k < m->outputs_count; k++)
    for (size_t j = 0; j < m->outputs[k].metrics_count; j++)
      if (make_metric(m, k, &m->outputs[k].metrics[j], &list[n], error)) {
        n++;
      } else {
        metrics_free(list, n);
        return NULL;
      }
  *count = n;
  return list;
}

void metrics_free(metric *list, size_t count) {
  for (size_t k = 0; list && k < count; k++)
    free(list[k].state);
  free(list);
}

void metric_reset(metric *m) {
  memset(m->state, 0, m->state_size * sizeof *m->state);
}

void metric_update(metric *m, const metric_batch *b) {
  m->def->update(m->state, m->args, b);
}

double metric_result(const metric *m) {
  return m->def->result(m->state, m->args);
}
