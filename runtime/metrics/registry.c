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

enum { MOST_PARTS = 100 };

static bool make_metric(const loaded_model *m, size_t output, const config_call *call, metric *out,
                        strbuf *error) {
  const model_output *o = &m->outputs[output];
  const metric_def *named = metric_find(call->name);
  const metric_def *def = named && named->resolve ? named->resolve(o) : named;
  const char *reason = !def ? "this library does not know it" : def->refuse ? def->refuse(o) : NULL;
  if (!reason && def->parts && def->parts(call, o) > MOST_PARTS)
    reason = "that is a number for each of very many classes; average = macro gives one";
  if (!reason && o->decided && !def->takes_decided)
    reason = "it takes a number for each class, and this output holds decided classes alone";
  if (!reason && o->decided && o->metric_weighted[call - o->metrics])
    reason = "its weights are those of whole examples; name it in metrics";
  if (!reason && def->whole_rows_only && o->metric_weighted[call - o->metrics])
    reason = "it counts whole entities, which have no weights; name it in metrics";
  if (!reason && o->loss && !strcmp(o->loss, "ctc"))
    reason = "its targets are rows of labels, which belong to no steps";
  if (!reason && o->target < 0)
    reason = "the output has no loss, so it has no target either";
  if (reason) {
    strbuf_printf(error, "metric '%s' of output '%s': %s", call->name, o->name, reason);
    return false;
  }
  const char *name = config_text(call, "name", call->name);
  *out = (metric){.def = def,
                  .weighted = o->metric_weighted[call - o->metrics],
                  .args = call,
                  .output = output,
                  .of = o,
                  .lower_is_better = def->lower_is_better,
                  .name = m->outputs_count > 1 ? arena_printf(m->memory, "%s_%s", o->name, name) : name,
                  .state_size = def->state_size(call, o)};
  out->state = xcalloc(out->state_size + 1, sizeof *out->state);
  metric_reset(out);
  return true;
}

static size_t parts_of(const metric *x) {
  return x->def->parts ? x->def->parts(x->args, x->of) : 1;
}

// A metric that gives a number for each class becomes as many, named after the classes.
static size_t add_parts(const loaded_model *m, metric *list, size_t at) {
  metric whole = list[at];
  size_t n = parts_of(&whole);
  for (size_t k = 0; n > 1 && k < n; k++) {
    metric *x = &list[at + k];
    *x = whole;
    x->is_part = true;
    x->follows = k > 0;
    x->part = k;
    x->name = k < whole.of->classes_count ? arena_printf(m->memory, "%s_%s", whole.name, whole.of->classes[k])
                                          : arena_printf(m->memory, "%s_%zu", whole.name, k);
  }
  return at + n;
}

static bool is_taken(const metric *list, size_t count, const char *name) {
  for (size_t k = 0; k < count; k++)
    if (!strcmp(list[k].name, name))
      return true;
  return false;
}

// The second metric of a name is "auc_1", as in Keras, and a weighted one "weighted_accuracy".
static void tell_apart(const loaded_model *m, const metric *list, size_t at, metric *x) {
  const char *name = config_text(x->args, "name", x->args->name);
  if (x->weighted && is_taken(list, at, x->name))
    x->name = m->outputs_count > 1 ? arena_printf(m->memory, "%s_weighted_%s", x->of->name, name)
                                   : arena_printf(m->memory, "weighted_%s", name);
  name = x->name;
  for (size_t n = 1; is_taken(list, at, x->name); n++)
    x->name = arena_printf(m->memory, "%s_%zu", name, n);
}

static size_t room_for(const loaded_model *m) {
  size_t total = 0;
  for (size_t k = 0; k < m->outputs_count; k++) {
    const model_output *o = &m->outputs[k];
    total += o->metrics_count * (o->units > 1 ? (size_t)o->units : 1);
  }
  return total;
}

metric *metrics_new(const loaded_model *m, size_t *count, strbuf *error) {
  size_t n = 0;
  metric *list = xcalloc(room_for(m) + 1, sizeof *list);
  for (size_t k = 0; k < m->outputs_count; k++)
    for (size_t j = 0; j < m->outputs[k].metrics_count; j++)
      if (make_metric(m, k, &m->outputs[k].metrics[j], &list[n], error)) {
        tell_apart(m, list, n, &list[n]);
        n = add_parts(m, list, n);
      } else {
        metrics_free(list, n);
        return NULL;
      }
  *count = n;
  return list;
}

void metrics_free(metric *list, size_t count) {
  for (size_t k = 0; list && k < count; k++)
    if (!list[k].follows)
      free(list[k].state);
  free(list);
}

void metric_reset(metric *m) {
  memset(m->state, 0, m->state_size * sizeof *m->state);
  if (m->def->start)
    m->def->start(m->state, m->args, m->of);
}

void metric_update(metric *m, const metric_batch *b) {
  if (!m->follows)
    m->def->update(m->state, m->args, b);
}

double metric_result(const metric *m) {
  return m->is_part ? m->def->part(m->state, m->args, m->part) : m->def->result(m->state, m->args);
}
