#include "runtime/train/report_parts.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- what the data holds

static void add_lengths(train_report *r, const char *name, const data_column *const *columns, int64_t most,
                        const vocabulary *words) {
  report_lengths l = {.name = name, .most = most, .words = words};
  for (int p = 0; p < REPORT_PARTS; p++) {
    const report_part *part = &r->parts[p];
    if (!columns[p] || !part->count)
      continue;
    l.lengths[p] = facts_lengths(columns[p], part->first, part->count, most);
    if (words)
      l.coverage[p] = facts_coverage(words, columns[p], part->first, part->count);
  }
  vec_push(&r->lengths, l);
}

static const data_column *input_of(const report_part *part, size_t input) {
  return part->data ? &part->data->data->inputs[input] : NULL;
}

static void look_at_text(train_report *r, const model_pipeline *p) {
  data_column *ids[REPORT_PARTS] = {0};
  strbuf refused = {0}; // told before training
  bool nested = false;
  for (int k = 0; k < REPORT_PARTS; k++) {
    const data_column *texts = input_of(&r->parts[k], p->model_input);
    bool shared = k && r->parts[k].data == r->parts[0].data;
    ids[k] = !texts ? NULL : shared ? ids[0] : facts_encode(texts, p, r->trainer->settings.pool, &refused);
    nested = nested || (ids[k] && ids[k]->step_start);
  }
  if (!nested)
    add_lengths(r, p->layer, (const data_column *const *)ids, p->pipeline.output_sequence_length, p->words);
  for (int k = 0; k < REPORT_PARTS; k++)
    if (ids[k] && (k == 0 || ids[k] != ids[0]))
      data_column_free(ids[k]);
  strbuf_free(&refused);
}

static void look_at_inputs(train_report *r) {
  const loaded_model *m = r->model;
  for (size_t k = 0; k < m->pipelines_count; k++)
    if (m->pipelines[k].words)
      look_at_text(r, &m->pipelines[k]);
  for (size_t k = 0; k < m->inputs_count; k++) {
    const data_column *columns[REPORT_PARTS];
    for (int p = 0; p < REPORT_PARTS; p++)
      columns[p] = input_of(&r->parts[p], k);
    if (m->inputs[k].type != MODEL_INPUT_TEXT && columns[0]->row_start && !columns[0]->step_start)
      add_lengths(r, m->inputs[k].name, columns, 0, NULL);
  }
}

// Tensors may hold class numbers too, but not where an output of several units takes a value for each.
static size_t *count_classes(const report_part *part, size_t column, const report_classes *of) {
  const data_column *c = part->data && part->count ? &part->data->data->outputs[column] : NULL;
  if (!c || !c->present || !c->ints)
    return NULL;
  bool by_number =
      c->kind == DATA_CLASS || c->kind == DATA_CLASSES || of->output->class_ids || of->output->units == 1;
  return by_number ? facts_classes(c, part->first, part->count, of->classes) : NULL;
}

static void look_at_labels(train_report *r) {
  const model_schema *schema = &r->parts[REPORT_TRAINING].data->schema;
  for (size_t k = 0; k < schema->data.outputs_count; k++) {
    const model_output *o = &r->model->outputs[schema->outputs[k]];
    if (!output_has_classes(o) || o->units < 1)
      continue;
    report_classes c = {.output = o, .classes = (size_t)output_class_limit(o)};
    for (int p = 0; p < REPORT_PARTS; p++)
      c.counts[p] = count_classes(&r->parts[p], k, &c);
    if (c.counts[REPORT_TRAINING])
      vec_push(&r->classes, c);
  }
}

// ---- observing

static void watch(void *self, const batcher *b) {
  train_report *r = self;
  for (size_t k = 0; k < r->now.len; k++) {
    metric_batch batch = tally_batch(b, r->now.data[k].output);
    confusion_add(&r->now.data[k], &batch);
  }
}

// What the user's callbacks go by says which epoch is best, that of ModelCheckpoint first; else the loss.
static void choose_monitor(train_report *r) {
  const trainer *t = r->trainer;
  const callback *chosen = NULL;
  for (size_t k = 0; k < t->callbacks_count; k++) {
    const callback *c = &t->callbacks[k];
    bool saves = !strcmp(c->def->item.name, "model_checkpoint");
    if (c->monitor && (!chosen || (saves && strcmp(chosen->def->item.name, "model_checkpoint"))))
      chosen = c;
  }
  r->monitor = chosen ? chosen->monitor : t->validation.count ? "val_loss" : "loss";
  r->direction = chosen ? chosen->direction : -1;
}

static double monitored(const train_report *r, size_t epoch) {
  for (size_t k = 0; k < r->names_count; k++)
    if (!strcmp(r->names[k], r->monitor))
      return r->epochs.data[epoch].values[k];
  return NAN;
}

static void take_names(train_report *r, const train_logs *logs) {
  r->names_count = logs->count;
  r->names = xmalloc((logs->count + 1) * sizeof *r->names);
  memcpy(r->names, logs->names, logs->count * sizeof *r->names);
}

// Whether the epoch just added is the best so far; the matrices of validation go with it.
static void judge(train_report *r) {
  size_t last = r->epochs.len - 1;
  double found = monitored(r, last);
  bool better =
      isfinite(found) && (r->best < 0 || r->direction * found > r->direction * monitored(r, (size_t)r->best));
  if (better)
    r->best = (ptrdiff_t)last;
  for (size_t k = 0; k < r->now.len; k++) {
    if (better || r->best < 0)
      confusion_copy(&r->of_best.data[k], &r->now.data[k]);
    confusion_reset(&r->now.data[k]);
  }
}

static bool write_page(const train_report *r, strbuf *error) {
  strbuf page = {0};
  report_put_page(&page, r);
  int status = file_write_atomic(r->path, strbuf_text(&page), page.len);
  strbuf_free(&page);
  if (status)
    strbuf_printf(error, "%s: %s", r->path, strerror(-status));
  return status == 0;
}

static bool epoch_end(void *self, const observed_epoch *e, strbuf *error) {
  train_report *r = self;
  if (!r->names)
    take_names(r, e->logs);
  report_epoch row = {.number = e->epoch + 1,
                      .seconds = e->seconds,
                      .rows_per_second = e->training_seconds > 0 ? e->rows / e->training_seconds : 0,
                      .values = xmalloc((r->names_count + 1) * sizeof *row.values)};
  for (size_t k = 0; k < r->names_count; k++) {
    const double *found = logs_get(e->logs, r->names[k]);
    row.values[k] = found ? *found : NAN;
  }
  vec_push(&r->epochs, row);
  judge(r);
  return !strcmp(r->path, "-") || write_page(r, error); // standard output gets one page, at the end
}

// ---- beginning and end

train_report *train_report_new(const char *path, trainer *t, report_part training, report_part validation) {
  train_report *r = xcalloc(1, sizeof *r);
  *r = (train_report){.path = xstrdup(path), .trainer = t, .model = t->model, .best = -1};
  r->parts[REPORT_TRAINING] = training;
  r->parts[REPORT_VALIDATION] = validation;
  look_at_inputs(r);
  look_at_labels(r);
  choose_monitor(r);
  for (size_t k = 0; validation.count && k < r->model->outputs_count; k++) {
    confusion now, best;
    if (confusion_init(&now, r->model, k) && confusion_init(&best, r->model, k)) {
      vec_push(&r->now, now);
      vec_push(&r->of_best, best);
    }
  }
  t->observer = (train_observer){epoch_end, r};
  t->validation_tally.watch = watch;
  t->validation_tally.watcher = r;
  return r;
}

bool train_report_finish(train_report *r, const char *failure, strbuf *error) {
  int64_t done = r->trainer->first_epoch + (int64_t)r->epochs.len;
  r->failure = failure;
  r->state = failure ? REPORT_FAILED : done < r->trainer->settings.epochs ? REPORT_STOPPED : REPORT_DONE;
  return write_page(r, error);
}

void train_report_free(train_report *r) {
  if (!r)
    return;
  for (size_t k = 0; k < r->epochs.len; k++)
    free(r->epochs.data[k].values);
  for (size_t k = 0; k < r->classes.len; k++)
    for (int p = 0; p < REPORT_PARTS; p++)
      free(r->classes.data[k].counts[p]);
  for (size_t k = 0; k < r->now.len; k++) {
    confusion_free(&r->now.data[k]);
    confusion_free(&r->of_best.data[k]);
  }
  vec_free(&r->epochs);
  vec_free(&r->classes);
  vec_free(&r->lengths);
  vec_free(&r->now);
  vec_free(&r->of_best);
  free(r->names);
  free(r->path);
  free(r);
}
