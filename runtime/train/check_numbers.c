// Numbers of the data that a model has no place for, before anything is computed with them.
#include "runtime/train/prepare.h"
#include "support/spill.h"
#include <string.h>

typedef struct number_check {
  const dataset *data;
  const char *path; // of a column without lines; NULL: unknown
  const data_column *column;
  data_problems *problems;
} number_check;

static const int32_t *numbers_of(const data_column *c, size_t row, size_t *count) {
  size_t first = c->row_start ? (size_t)c->row_start[row] : row * c->items_per_row;
  *count = c->row_start ? (size_t)c->row_start[row + 1] - first : c->items_per_row;
  return c->ints + first;
}

static void refuse(const number_check *k, size_t row, const char *reason) {
  const dataset *d = k->data;
  if (d->row_file)
    data_problem_add(k->problems, d->row_file[row], d->row_line[row], "'%s' %s", k->column->name, reason);
  else
    data_problem_add(k->problems, k->path, 0, "'%s', row %zu: it %s", k->column->name, row, reason);
}

// Zeros at the end fill a row up; what is left are labels, all of them from 1 and below `classes` (0: any).
static void check_labels(const number_check *k, size_t row, size_t most, int64_t classes, strbuf *reason) {
  size_t n;
  const int32_t *labels = numbers_of(k->column, row, &n);
  spill_touched(n * sizeof *labels);
  while (n && labels[n - 1] == 0)
    n--;
  for (size_t j = 0; j < n; j++) {
    if (labels[j] == 0)
      strbuf_printf(reason,
                    "has a 0 before a label (place %zu): 0 is the blank, which only fills a row up at "
                    "its end; labels run from 1",
                    j);
    else if (labels[j] < 0 || (classes > 0 && labels[j] >= classes))
      strbuf_printf(reason, "has the label %d (place %zu): there is no such class; labels run from 1 to %lld",
                    labels[j], j, (long long)classes - 1);
    else
      continue;
    return;
  }
  if (n > most)
    strbuf_printf(reason,
                  "has %zu labels, and the loss was compiled for at most %zu (loss = CTC(max_labels = %zu))",
                  n, most, n);
}

static void check_ids(const number_check *k, size_t row, int64_t bound, strbuf *reason) {
  size_t n;
  const int32_t *ids = numbers_of(k->column, row, &n);
  spill_touched(n * sizeof *ids);
  for (size_t j = 0; j < n; j++)
    if (ids[j] < 0 || ids[j] >= bound) {
      strbuf_printf(reason, "has the id %d (place %zu), which is outside its table of %lld rows", ids[j], j,
                    (long long)bound);
      return;
    }
}

static const char *path_of(const data_tensor *files, size_t count, const char *name) {
  for (size_t j = 0; j < count; j++)
    if (!strcmp(files[j].name, name))
      return files[j].path;
  return NULL;
}

void data_check_labels(const loaded_model *m, const prepared_data *p, const data_tensors *targets,
                       data_problems *problems) {
  for (size_t j = 0; j < p->data->outputs_count; j++) {
    const model_output *o = &m->outputs[p->schema.outputs[j]];
    const data_column *c = &p->data->outputs[j];
    if (!output_has_label_rows(o) || !c->present)
      continue;
    const number_check k = {p->data, path_of(targets->data, targets->len, c->name), c, problems};
    if (!c->ints) {
      data_problem_add(problems, k.path, 0, "output '%s' needs class numbers, and the data gives fractions",
                       o->name);
      continue;
    }
    size_t most = (size_t)m->abi->exprs[m->abi->inputs[o->target].dims[1]].a;
    for (size_t row = 0; row < p->data->rows; row++) {
      strbuf reason = {0};
      check_labels(&k, row, most, o->units, &reason);
      if (reason.len)
        refuse(&k, row, strbuf_text(&reason));
      strbuf_free(&reason);
    }
  }
}

void data_check_ids(const loaded_model *m, const prepared_data *p, const data_tensors *inputs,
                    data_problems *problems) {
  for (size_t j = 0; j < p->data->inputs_count; j++) {
    const data_column *c = &p->data->inputs[j];
    int64_t bound = m->inputs[j].ids_below;
    const number_check k = {p->data, path_of(inputs->data, inputs->len, c->name), c, problems};
    for (size_t row = 0; bound > 0 && c->ints && row < p->data->rows; row++) {
      strbuf reason = {0};
      check_ids(&k, row, bound, &reason);
      if (reason.len)
        refuse(&k, row, strbuf_text(&reason));
      strbuf_free(&reason);
    }
  }
}
