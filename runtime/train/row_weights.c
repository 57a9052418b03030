#include "runtime/train/row_weights.h"
#include "runtime/train/schema.h"
#include "support/diag.h"
#include "support/intern.h"
#include "support/spill.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- weights that came with the data

static const model_output *output_named(const loaded_model *m, const char *name) {
  for (size_t k = 0; k < m->outputs_count; k++)
    if (!strcmp(m->outputs[k].name, name))
      return &m->outputs[k];
  ICE("no output '%s'", name);
}

static size_t items_of(const data_column *c, size_t row) {
  return c->row_start ? (size_t)(c->row_start[row + 1] - c->row_start[row]) : c->items_per_row;
}

static void check_steps(const dataset *d, const data_column *w, const data_column *target, bool sequence,
                        data_problems *problems) {
  for (size_t row = 0; row < d->rows; row++) {
    size_t n = items_of(w, row), steps = sequence ? data_column_steps(target, row) : 1;
    bool padded = !w->row_start && target->row_start && n > steps;
    if (n == 1 || n == steps || (sequence && padded))
      continue;
    data_problem_add(problems, d->row_file ? d->row_file[row] : NULL, d->row_line ? d->row_line[row] : 0,
                     "row %zu has %zu weights for output '%s', which has %zu %s there", row, n, target->name,
                     steps, steps == 1 ? "step" : "steps");
    if (!w->row_start)
      return;
  }
}

void row_weights_check(const loaded_model *m, const dataset *d, data_problems *problems) {
  if (!d->weights_count)
    return;
  for (size_t k = 0; k < d->outputs_count; k++) {
    const data_column *target = &d->outputs[k], *w = dataset_weights(d, target->name);
    const model_output *o = output_named(m, target->name);
    if (!w || !target->present)
      continue;
    if (o->weights < 0) {
      data_problem_add(problems, NULL, 0,
                       "the data has weights ('%s'), but the loss of output '%s' takes none: write "
                       "sample_weight = true into the train block and build the model again",
                       w->name, o->name);
      return;
    }
    check_steps(d, w, target, m->abi->inputs[o->weights].rank > 1, problems);
  }
}

// ---- batches

static double get(const weight_rows *w, size_t k) {
  return w->real_bytes == sizeof(double) ? ((const double *)w->out)[k] : (double)((const float *)w->out)[k];
}

static void set(const weight_rows *w, size_t k, double number) {
  if (w->real_bytes == sizeof(double))
    ((double *)w->out)[k] = number;
  else
    ((float *)w->out)[k] = (float)number;
}

void row_weights_fill(const weight_rows *to, const data_column *column, const size_t *rows) {
  for (size_t b = 0; b < to->rows; b++) {
    size_t n = column ? items_of(column, rows[b]) : 1;
    uint64_t first = !column             ? 0
                     : column->row_start ? column->row_start[rows[b]]
                                         : (uint64_t)rows[b] * column->items_per_row;
    for (size_t s = 0; s < to->steps; s++) {
      double weight = 1;
      if (column && n > 1 && s >= n)
        weight = 0;
      else if (column)
        weight = column->floats ? (double)column->floats[first + (n > 1 ? s : 0)]
                                : column->doubles[first + (n > 1 ? s : 0)];
      set(to, b * to->steps + s, weight);
    }
  }
}

static double real_at(const void *values, size_t real_bytes, size_t k) {
  return real_bytes == sizeof(double) ? ((const double *)values)[k] : (double)((const float *)values)[k];
}

// -1: no class.
static int64_t class_at(const void *targets, size_t real_bytes, bool ids, size_t units, size_t k) {
  if (ids)
    return ((const int32_t *)targets)[k];
  if (units == 1) {
    double number = round(real_at(targets, real_bytes, k));
    return number >= 0 && number <= 1 ? (int64_t)number : -1;
  }
  size_t best = 0;
  for (size_t j = 1; j < units; j++)
    if (real_at(targets, real_bytes, k * units + j) > real_at(targets, real_bytes, k * units + best))
      best = j;
  return (int64_t)best;
}

void row_weights_by_class(const weight_rows *to, const double *classes, const void *targets, bool ids,
                          size_t units) {
  for (size_t k = 0; k < to->rows * to->steps; k++) {
    int64_t found = class_at(targets, to->real_bytes, ids, units, k);
    if (found >= 0 && found < (int64_t)classes[0])
      set(to, k, get(to, k) * classes[1 + found]);
  }
}

// ---- weights of classes: [0] is the number of classes, then one for each

static const data_column *targets_of(const dataset *d, const char *output) {
  for (size_t k = 0; k < d->outputs_count; k++)
    if (!strcmp(d->outputs[k].name, output))
      return &d->outputs[k];
  return NULL;
}

static size_t classes_of(const model_output *o) {
  return o->units == 1 && !o->class_ids ? 2 : (size_t)(o->units > 0 ? o->units : 0);
}

static bool is_number(const char *word) {
  return *word && strspn(word, "0123456789") == strlen(word) && strlen(word) < 10;
}

// A class's name or, if none is called so, its number.
static bool find_class(const model_output *o, const char *word, size_t *found, strbuf *error) {
  for (size_t k = 0; k < o->classes_count; k++)
    if (!strcmp(o->classes[k], word)) {
      *found = k;
      return true;
    }
  *found = is_number(word) ? (size_t)atol(word) : SIZE_MAX;
  if (*found < classes_of(o))
    return true;
  const char *near = suggest(word, (const char *const *)o->classes, o->classes_count);
  strbuf_printf(error, "class_weight: output '%s' has no class '%s'", o->name, word);
  if (near)
    strbuf_printf(error, "; did you mean '%s'?", near);
  else if (o->classes_count)
    strbuf_puts(error, "; it has ");
  else
    strbuf_printf(error, "; its classes are the numbers from 0 to %zu", classes_of(o) - 1);
  for (size_t k = 0; !near && k < o->classes_count && k < 20; k++)
    strbuf_printf(error, "%s%s", k ? ", " : "", o->classes[k]);
  return false;
}

static bool read_table(const model_output *o, double *table, strbuf *error) {
  const char *word;
  json_t *weight;
  size_t found;
  for (size_t k = 0; k < json_array_size(o->class_weight); k++)
    table[1 + k] = json_number_value(json_array_get(o->class_weight, k));
  json_object_foreach((json_t *)o->class_weight, word, weight) {
    if (!find_class(o, word, &found, error))
      return false;
    table[1 + found] = json_number_value(weight);
  }
  return true;
}

// The classes of rows [0, rows), whatever form the targets have.
static void count_classes(const model_output *o, const data_column *c, size_t rows, size_t classes,
                          double *counts) {
  bool ids = c->kind == DATA_CLASS || c->kind == DATA_CLASSES || o->class_ids;
  size_t units = ids || o->units < 1 ? 1 : (size_t)o->units;
  uint64_t items = c->row_start ? c->row_start[rows] : (uint64_t)rows * c->items_per_row;
  double *values = xcalloc(units, sizeof *values);
  for (uint64_t first = 0; first + units <= items; first += units) {
    spill_touched(units * sizeof(double));
    for (size_t k = 0; k < units; k++)
      values[k] = c->ints     ? (double)c->ints[first + k]
                  : c->floats ? (double)c->floats[first + k]
                              : c->doubles[first + k];
    int64_t found = ids ? (int64_t)values[0] : class_at(values, sizeof *values, false, units, 0);
    if (found >= 0 && (size_t)found < classes)
      counts[found]++;
  }
  free(values);
}

static void balance(const model_output *o, const data_column *c, size_t rows, double *table) {
  size_t classes = (size_t)table[0], present = 0;
  double *counts = xcalloc(classes + 1, sizeof *counts), all = 0;
  count_classes(o, c, rows, classes, counts);
  for (size_t k = 0; k < classes; k++) {
    present += counts[k] > 0;
    all += counts[k];
  }
  for (size_t k = 0; k < classes; k++)
    table[1 + k] = counts[k] > 0 ? all / ((double)present * counts[k]) : 0;
  free(counts);
}

bool class_weights_new(const loaded_model *m, const dataset *d, size_t rows, double ***tables,
                       strbuf *error) {
  *tables = xcalloc(m->outputs_count + 1, sizeof **tables);
  for (size_t k = 0; k < m->outputs_count; k++) {
    const model_output *o = &m->outputs[k];
    const data_column *c = targets_of(d, o->name);
    if (!o->class_weight || !c || !c->present)
      continue;
    size_t classes = classes_of(o);
    double *table = xcalloc(classes + 1, sizeof *table);
    (*tables)[k] = table;
    table[0] = (double)classes;
    for (size_t j = 0; j < classes; j++)
      table[1 + j] = 1;
    if (json_is_string(o->class_weight))
      balance(o, c, rows, table);
    else if (!read_table(o, table, error))
      return false;
  }
  return true;
}

void class_weights_free(const loaded_model *m, double **tables) {
  for (size_t k = 0; tables && k < m->outputs_count; k++)
    free(tables[k]);
  free(tables);
}
