// Results of predictions as text, JSON lines and .npy files.
#include "runtime/api/api.h"
#include "runtime/cli/predict.h"
#include "runtime/npy.h"
#include "support/json.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// One row of one output: steps x units numbers.
typedef struct shown_row {
  const model_output *output;
  values_type type;
  const char *values;
  int64_t steps, units;
  bool sequence;
} shown_row;

static size_t width_of(values_type type) {
  return type == VALUES_F64 ? 8 : 4;
}

static const void *step_values(const shown_row *r, int64_t step) {
  return r->values + (size_t)(step * r->units) * width_of(r->type);
}

// ---- rows of a batch

// Steps of a row that are no padding: those of an input that shares the axis and whose rows differ in length.
static int64_t steps_of_row(const batcher *b, size_t output, size_t row, int64_t all) {
  const struct nlm_abi_model *abi = b->model->abi;
  const struct nlm_abi_tensor *t = &abi->outputs[output];
  int64_t longest = -1;
  for (int64_t k = 0; k < abi->n_inputs; k++) {
    const data_column *c = b->columns[k];
    if (!c || !c->row_start || abi->inputs[k].rank < 2 || abi->inputs[k].dims[1] != t->dims[1])
      continue;
    int64_t steps = (int64_t)data_column_steps(c, b->rows[row]);
    longest = steps > longest ? steps : longest;
  }
  return longest >= 0 && longest < all ? longest : all;
}

static shown_row row_of(const batcher *b, size_t output, size_t row) {
  const struct nlm_abi_tensor *t = &b->model->abi->outputs[output];
  output_rows all = batcher_output(b, output);
  int64_t per_row = (int64_t)(all.rows / b->count);
  shown_row r = {.output = &b->model->outputs[output],
                 .type = output_values_type(b->model, output),
                 .units = (int64_t)all.units,
                 .sequence = t->rank > 2};
  r.values = (const char *)all.values + row * (size_t)per_row * all.units * width_of(r.type);
  r.steps = r.sequence ? steps_of_row(b, output, row, per_row) : 1;
  return r;
}

// ---- numbers and classes

static bool has_classes(const shown_row *r) {
  const char *activation = r->output->activation;
  if (r->output->classes_count)
    return true;
  return r->type != VALUES_I32 && activation &&
         (!strcmp(activation, "softmax") || (r->units == 1 && !strcmp(activation, "sigmoid")));
}

static void put_number(strbuf *out, values_type type, double number, bool json) {
  if (json && !isfinite(number))
    strbuf_puts(out, "null");
  else
    strbuf_printf(out, type == VALUES_F64 ? "%.17g" : "%.9g", number);
}

static const char *label_text(const decision *d, char *number, size_t n) {
  snprintf(number, n, "%lld", (long long)d->index);
  return d->label ? d->label : number;
}

static void put_row_text(const shown_row *r, strbuf *out) {
  char number[32];
  for (int64_t s = 0; s < r->steps; s++) {
    const void *values = step_values(r, s);
    strbuf_puts(out, s ? " " : "");
    if (has_classes(r)) {
      decision d = decide(r->output, values, r->type, r->units);
      strbuf_puts(out, label_text(&d, number, sizeof number));
      if (!r->sequence)
        strbuf_printf(out, "\t%.4f", d.probability);
      continue;
    }
    for (int64_t u = 0; u < r->units; u++) {
      strbuf_puts(out, u ? " " : "");
      put_number(out, r->type, value_at(values, r->type, u), false);
    }
  }
}

static void put_class_key(const shown_row *r, int64_t index, strbuf *out) {
  char number[32];
  decision d = {index, NULL, 0};
  if ((size_t)index < r->output->classes_count)
    d.label = r->output->classes[index];
  json_put_string(out, label_text(&d, number, sizeof number));
}

// {label: p, ...}: one unit gives two classes.
static void put_probabilities(const shown_row *r, const void *values, strbuf *out) {
  strbuf_putc(out, '{');
  for (int64_t u = 0; u < (r->units == 1 ? 2 : r->units); u++) {
    double p = r->units > 1 ? value_at(values, r->type, u)
               : u          ? value_at(values, r->type, 0)
                            : 1 - value_at(values, r->type, 0);
    strbuf_puts(out, u ? ", " : "");
    put_class_key(r, u, out);
    strbuf_puts(out, ": ");
    put_number(out, r->type, p, true);
  }
  strbuf_putc(out, '}');
}

static void put_values(const shown_row *r, const void *values, strbuf *out) {
  strbuf_putc(out, '[');
  for (int64_t u = 0; u < r->units; u++) {
    strbuf_puts(out, u ? ", " : "");
    put_number(out, r->type, value_at(values, r->type, u), true);
  }
  strbuf_putc(out, ']');
}

static void put_sequence_json(const shown_row *r, strbuf *out) {
  bool classes = has_classes(r);
  if (classes) {
    strbuf_puts(out, "{\"labels\": [");
    for (int64_t s = 0; s < r->steps; s++) {
      decision d = decide(r->output, step_values(r, s), r->type, r->units);
      strbuf_puts(out, s ? ", " : "");
      put_class_key(r, d.index, out);
    }
  }
  strbuf_puts(out, classes ? "], \"probabilities\": [" : "{\"values\": [");
  for (int64_t s = 0; s < r->steps; s++) {
    strbuf_puts(out, s ? ", " : "");
    if (classes)
      put_probabilities(r, step_values(r, s), out);
    else
      put_values(r, step_values(r, s), out);
  }
  strbuf_puts(out, "]}");
}

static void put_row_json(const shown_row *r, strbuf *out) {
  if (r->sequence) {
    put_sequence_json(r, out);
    return;
  }
  if (!has_classes(r)) {
    strbuf_puts(out, "{\"values\": ");
    put_values(r, r->values, out);
    strbuf_putc(out, '}');
    return;
  }
  decision d = decide(r->output, r->values, r->type, r->units);
  strbuf_puts(out, "{\"label\": ");
  put_class_key(r, d.index, out);
  strbuf_puts(out, ", \"probability\": ");
  put_number(out, r->type, d.probability, true);
  strbuf_puts(out, ", \"probabilities\": ");
  put_probabilities(r, r->values, out);
  strbuf_putc(out, '}');
}

static bool is_wanted(const prediction_writer *w, size_t output) {
  return w->only < 0 || w->only == (int64_t)output;
}

static void put_lines(prediction_writer *w, const batcher *b) {
  bool json = w->format == PREDICT_JSON, many = w->only < 0 && w->model->outputs_count > 1;
  for (size_t row = 0; row < b->count; row++) {
    size_t shown = 0;
    strbuf_puts(&w->text, json && many ? "{" : "");
    for (size_t k = 0; k < w->model->outputs_count; k++) {
      if (!is_wanted(w, k))
        continue;
      shown_row r = row_of(b, k, row);
      strbuf_puts(&w->text, !shown++ ? "" : json ? ", " : "\t");
      if (json && many) {
        json_put_string(&w->text, w->model->outputs[k].name);
        strbuf_puts(&w->text, ": ");
      }
      if (json)
        put_row_json(&r, &w->text);
      else
        put_row_text(&r, &w->text);
    }
    strbuf_puts(&w->text, json && many ? "}\n" : "\n");
  }
}

// ---- .npy

static void collect(prediction_writer *w, const batcher *b, size_t output) {
  output_rows all = batcher_output(b, output);
  size_t bytes = all.rows * all.units * width_of(output_values_type(w->model, output));
  npy_batch batch = {xmalloc(bytes + 1), (int64_t)b->count, 1};
  memcpy(batch.values, all.values, bytes);
  const struct nlm_abi_tensor *t = &w->model->abi->outputs[output];
  if (t->rank > 1)
    batch.steps = session_expression(w->model->abi, t->dims[1], b->session->dims, false);
  vec_push(&w->collected[output], batch);
}

// Extents of one row behind the first axis, and their product.
static int64_t inner_extents(const loaded_model *m, size_t output, int64_t *shape) {
  const struct nlm_abi_tensor *t = &m->abi->outputs[output];
  int64_t inner = 1;
  for (int64_t k = 2; k < t->rank; k++) {
    const struct nlm_abi_expr *e = &m->abi->exprs[t->dims[k]];
    shape[k] = e->op == NLM_EXPR_CONST ? e->a : 1;
    inner *= shape[k];
  }
  return inner;
}

static bool write_npy(const prediction_writer *w, size_t output, strbuf *error) {
  const loaded_model *m = w->model;
  const struct nlm_abi_tensor *t = &m->abi->outputs[output];
  values_type type = output_values_type(m, output);
  int64_t shape[NPY_MAX_RANK] = {0}, steps = 1, at = 0, inner = inner_extents(m, output, shape);
  for (size_t k = 0; k < w->collected[output].len; k++) {
    const npy_batch *b = &w->collected[output].data[k];
    shape[0] += b->rows;
    steps = b->steps > steps ? b->steps : steps;
  }
  shape[1] = steps;
  size_t step_bytes = (size_t)inner * width_of(type);
  char *all = xcalloc((size_t)(shape[0] * steps) + 1, step_bytes);
  for (size_t k = 0; k < w->collected[output].len; k++) {
    const npy_batch *b = &w->collected[output].data[k];
    for (int64_t row = 0; row < b->rows; row++, at++)
      memcpy(all + (size_t)(at * steps) * step_bytes,
             (const char *)b->values + (size_t)(row * b->steps) * step_bytes, (size_t)b->steps * step_bytes);
  }
  strbuf path = {0}, reason = {0};
  strbuf_printf(&path, "%s/%s.npy", w->path, m->outputs[output].name);
  npy_type written = type == VALUES_F64 ? NPY_F64 : type == VALUES_F32 ? NPY_F32 : NPY_I32;
  bool fine = npy_write(strbuf_text(&path), written, (size_t)t->rank, shape, all, &reason);
  if (!fine)
    strbuf_printf(error, "%s: %s", strbuf_text(&path), strbuf_text(&reason));
  strbuf_free(&path);
  strbuf_free(&reason);
  free(all);
  return fine;
}

static bool write_folder(const prediction_writer *w, strbuf *error) {
  if (mkdir(w->path, 0777) && errno != EEXIST) {
    strbuf_printf(error, "%s: %s", w->path, strerror(errno));
    return false;
  }
  for (size_t k = 0; k < w->model->outputs_count; k++)
    if (is_wanted(w, k) && !write_npy(w, k, error))
      return false;
  return true;
}

// ---- life

prediction_writer prediction_writer_new(const loaded_model *m, predict_format format, int64_t only,
                                        const char *path) {
  prediction_writer w = {.model = m, .format = format, .only = only, .path = path};
  w.collected = xcalloc(m->outputs_count + 1, sizeof *w.collected);
  return w;
}

void prediction_writer_add(prediction_writer *w, const batcher *b) {
  for (size_t k = 0; w->format == PREDICT_NPY && k < w->model->outputs_count; k++)
    if (is_wanted(w, k))
      collect(w, b, k);
  if (w->format == PREDICT_NPY)
    return;
  put_lines(w, b);
  if (w->path)
    return;
  fwrite(w->text.data, 1, w->text.len, stdout);
  fflush(stdout);
  w->text.len = 0;
}

bool prediction_writer_finish(prediction_writer *w, strbuf *error) {
  if (w->format == PREDICT_NPY)
    return write_folder(w, error);
  if (!w->path) {
    if (!ferror(stdout))
      return true;
    strbuf_puts(error, "standard output cannot be written");
    return false;
  }
  int failed = file_write_atomic(w->path, strbuf_text(&w->text), w->text.len);
  if (failed)
    strbuf_printf(error, "%s: %s", w->path, strerror(-failed));
  return !failed;
}

void prediction_writer_free(prediction_writer *w) {
  for (size_t k = 0; k < w->model->outputs_count; k++) {
    for (size_t j = 0; j < w->collected[k].len; j++)
      free(w->collected[k].data[j].values);
    vec_free(&w->collected[k]);
  }
  free(w->collected);
  strbuf_free(&w->text);
}
