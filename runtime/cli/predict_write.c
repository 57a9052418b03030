// Results of predictions as text, JSON lines and .npy files.
#include "runtime/cli/predict.h"
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
// A step is a row of the last axis: `inner` of them to each extent of axis 1.
static int64_t steps_of_row(const batcher *b, const struct nlm_abi_tensor *t, size_t row, int64_t all) {
  const struct nlm_abi_model *abi = b->model->abi;
  int64_t longest = -1, extent = session_expression(abi, t->dims[1], b->session->dims, false);
  int64_t inner = extent ? all / extent : 1;
  for (int64_t k = 0; k < abi->n_inputs; k++) {
    const data_column *c = b->columns[k];
    if (!c || !c->row_start || abi->inputs[k].rank < 2 || abi->inputs[k].dims[1] != t->dims[1])
      continue;
    int64_t steps = (int64_t)data_column_steps(c, b->rows[row]);
    longest = steps > longest ? steps : longest;
  }
  return longest >= 0 && longest < extent ? longest * inner : all;
}

static const char *values_of(const prediction_writer *w, const batcher *b, const shown_tensor *shown) {
  return w->probes ? w->probes->list[shown->index] : b->outputs[shown->index].data;
}

static shown_row row_of(const prediction_writer *w, const batcher *b, const shown_tensor *shown, size_t row) {
  const struct nlm_abi_tensor *t = shown->abi;
  const int64_t *dims = b->session->dims;
  int64_t per_row = session_elements(w->model->abi, t, dims) / (int64_t)b->count;
  bool decided = shown->output->decided;
  shown_row r = {
      .output = shown->output, .type = shown->type, .units = 1, .sequence = t->rank > 2 || decided};
  if (t->rank > 1 && !decided)
    r.units = session_expression(w->model->abi, t->dims[t->rank - 1], dims, false);
  r.values = values_of(w, b, shown) + row * (size_t)per_row * width_of(r.type);
  r.steps = r.sequence ? steps_of_row(b, t, row, r.units ? per_row / r.units : 0) : 1;
  return r;
}

// ---- numbers and classes

static bool has_classes(const shown_row *r) {
  const char *activation = r->output->activation;
  if (r->output->classes_count || r->output->decided)
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
  if (r->output->decided) {
    strbuf_puts(out, "]}");
    return;
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

static void put_lines(prediction_writer *w, const batcher *b) {
  bool json = w->format == PREDICT_JSON, many = w->shown_count > 1;
  for (size_t row = 0; row < b->count; row++) {
    strbuf_puts(&w->text, json && many ? "{" : "");
    for (size_t k = 0; k < w->shown_count; k++) {
      shown_row r = row_of(w, b, &w->shown[k], row);
      strbuf_puts(&w->text, !k ? "" : json ? ", " : "\t");
      if (json && many) {
        json_put_string(&w->text, w->shown[k].abi->name);
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

static void collect(prediction_writer *w, const batcher *b, shown_tensor *shown) {
  const struct nlm_abi_model *abi = w->model->abi;
  size_t bytes = (size_t)session_elements(abi, shown->abi, b->session->dims) * width_of(shown->type);
  npy_batch batch = {.values = xmalloc(bytes + 1)};
  memcpy(batch.values, values_of(w, b, shown), bytes);
  for (int64_t k = 0; k < shown->abi->rank; k++)
    batch.shape[k] = session_expression(abi, shown->abi->dims[k], b->session->dims, false);
  vec_push(&shown->collected, batch);
}

static size_t block_bytes(const int64_t *shape, int64_t rank, size_t width) {
  for (int64_t k = 0; k < rank; k++)
    width *= (size_t)shape[k];
  return width;
}

// A block of extents `from` into the corner of one of extents `to`, which are no smaller.
static void copy_block(char *out, const int64_t *to, const char *in, const int64_t *from, int64_t rank,
                       size_t width) {
  if (rank == 0) {
    memcpy(out, in, width);
    return;
  }
  size_t out_step = block_bytes(to + 1, rank - 1, width), in_step = block_bytes(from + 1, rank - 1, width);
  for (int64_t k = 0; k < from[0]; k++)
    copy_block(out + (size_t)k * out_step, to + 1, in + (size_t)k * in_step, from + 1, rank - 1, width);
}

// Rows of all batches; other axes as long as the longest.
static void whole_shape(const shown_tensor *shown, int64_t *shape) {
  for (size_t k = 0; k < shown->collected.len; k++) {
    const int64_t *part = shown->collected.data[k].shape;
    shape[0] += part[0];
    for (int64_t axis = 1; axis < shown->abi->rank; axis++)
      shape[axis] = part[axis] > shape[axis] ? part[axis] : shape[axis];
  }
}

static strbuf npy_path(const prediction_writer *w, const shown_tensor *shown) {
  strbuf path = {0};
  strbuf_printf(&path, "%s/%s.npy", w->path, shown->abi->name);
  return path;
}

void prediction_writer_files(const prediction_writer *w, command_files *files) {
  if (w->format != PREDICT_NPY)
    command_files_write(files, w->path, "with --output", false);
  for (size_t k = 0; w->format == PREDICT_NPY && k < w->shown_count; k++) {
    strbuf path = npy_path(w, &w->shown[k]);
    command_files_write(files, strbuf_text(&path), "with --output", false);
    strbuf_free(&path);
  }
}

static bool write_npy(const prediction_writer *w, const shown_tensor *shown, strbuf *error) {
  int64_t shape[NPY_MAX_RANK] = {0}, rank = shown->abi->rank;
  size_t width = width_of(shown->type);
  whole_shape(shown, shape);
  char *all = xcalloc(block_bytes(shape, rank, 1) + 1, width), *at = all;
  for (size_t k = 0; k < shown->collected.len; k++) {
    const npy_batch *b = &shown->collected.data[k];
    copy_block(at, shape, b->values, b->shape, rank, width);
    at += (size_t)b->shape[0] * block_bytes(shape + 1, rank - 1, width);
  }
  strbuf path = npy_path(w, shown), reason = {0};
  npy_type written = shown->type == VALUES_F64 ? NPY_F64 : shown->type == VALUES_F32 ? NPY_F32 : NPY_I32;
  bool fine = npy_write(strbuf_text(&path), written, (size_t)rank, shape, all, &reason);
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
  for (size_t k = 0; k < w->shown_count; k++)
    if (!write_npy(w, &w->shown[k], error))
      return false;
  return true;
}

// ---- life

static shown_tensor shown_output(const loaded_model *m, int64_t output) {
  return (shown_tensor){.abi = &m->abi->outputs[output],
                        .output = &m->outputs[output],
                        .type = output_values_type(m, (size_t)output),
                        .index = output};
}

static shown_tensor shown_probe(const loaded_model *m, int64_t probe) {
  static const model_output nothing_known;
  const struct nlm_abi_tensor *t = &m->abi->probes[probe];
  values_type real = m->abi->real_bytes == 8 ? VALUES_F64 : VALUES_F32;
  return (shown_tensor){
      .abi = t, .output = &nothing_known, .type = t->elem == NLM_INT32 ? VALUES_I32 : real, .index = probe};
}

prediction_writer prediction_writer_new(const loaded_model *m, predict_format format, layer_choice choice,
                                        const layer_probes *probes, const char *path) {
  prediction_writer w = {.model = m, .format = format, .path = path};
  w.shown = xcalloc(m->outputs_count + 1, sizeof *w.shown);
  if (choice.kind == LAYER_PROBE) {
    w.probes = probes;
    w.shown[w.shown_count++] = shown_probe(m, choice.index);
  }
  for (size_t k = 0; k < m->outputs_count; k++)
    if (choice.kind == LAYER_ALL || (choice.kind == LAYER_OUTPUT && choice.index == (int64_t)k))
      w.shown[w.shown_count++] = shown_output(m, (int64_t)k);
  return w;
}

void prediction_writer_add(prediction_writer *w, const batcher *b) {
  for (size_t k = 0; w->format == PREDICT_NPY && k < w->shown_count; k++)
    collect(w, b, &w->shown[k]);
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
  for (size_t k = 0; k < w->shown_count; k++) {
    for (size_t j = 0; j < w->shown[k].collected.len; j++)
      free(w->shown[k].collected.data[j].values);
    vec_free(&w->shown[k].collected);
  }
  free(w->shown);
  strbuf_free(&w->text);
}
