#include "runtime/train/batch.h"
#include "runtime/train/row_weights.h"
#include "support/diag.h"
#include "support/spill.h"
#include <stdlib.h>
#include <string.h>

// ---- making

static const data_column *target_column(const batcher *b, const model_schema *schema, int64_t output) {
  for (size_t k = 0; k < schema->data.outputs_count; k++)
    if ((int64_t)schema->outputs[k] == output)
      return &b->data->outputs[k];
  return NULL;
}

// The text or category layer that a program input is fed by, or NULL.
static const model_pipeline *pipeline_of(const loaded_model *m, int64_t input) {
  for (size_t k = 0; k < m->pipelines_count; k++)
    if ((int64_t)m->pipelines[k].program_input == input || m->pipelines[k].weights_input == input)
      return &m->pipelines[k];
  return NULL;
}

static const data_column *input_column(batcher *b, int64_t input, strbuf *error) {
  const loaded_model *m = b->model;
  const model_pipeline *p = pipeline_of(m, input);
  if (p && p->weights_input == input) // encoded with the ids, which come first
    return b->encoded[input];
  if (p && !p->words && text_has_vocabulary(&p->pipeline)) {
    strbuf_printf(error, "layer '%s' has no vocabulary: the weights hold none", p->layer);
    return NULL;
  }
  if (p) {
    text_encoder e = {&p->pipeline, p->words};
    data_column **weights = p->weights_input >= 0 ? &b->encoded[p->weights_input] : NULL;
    b->encoded[input] =
        data_column_encode(&b->data->inputs[p->model_input], &e, weights, b->session->pool, error);
    return b->encoded[input];
  }
  for (size_t k = 0; k < m->inputs_count; k++)
    if (!strcmp(m->inputs[k].name, m->abi->inputs[input].name))
      return &b->data->inputs[k];
  ICE("no data for program input '%s'", m->abi->inputs[input].name);
}

static bool find_column(batcher *b, const model_schema *schema, int64_t input, bool targets, strbuf *error) {
  const struct nlm_abi_tensor *t = &b->model->abi->inputs[input];
  if (t->role < NLM_ROLE_TARGET_INT) {
    b->columns[input] = input_column(b, input, error);
    return b->columns[input] != NULL;
  }
  if (!targets)
    return true;
  if (t->role == NLM_ROLE_STATE)
    return true;
  if (t->role == NLM_ROLE_WEIGHT) {
    b->weights[t->output] = dataset_weights(b->data, t->name);
    return true;
  }
  const data_column *c = target_column(b, schema, t->output);
  if (!c || !c->present) {
    strbuf_printf(error, "the data has no values for output '%s'", t->name);
    return false;
  }
  if (t->role == NLM_ROLE_TARGET_INT && !c->ints) {
    strbuf_printf(error, "output '%s' needs class numbers, and the data gives fractions", t->name);
    return false;
  }
  b->columns[input] = c;
  return true;
}

bool batcher_init(batcher *b, const loaded_model *m, session *s, const dataset *d, const model_schema *schema,
                  bool targets, strbuf *error) {
  size_t inputs = (size_t)m->abi->n_inputs, outputs = (size_t)m->abi->n_outputs;
  *b = (batcher){.model = m, .session = s, .data = d, .feeds_targets = targets};
  b->columns = xcalloc(inputs + 1, sizeof *b->columns);
  b->encoded = xcalloc(inputs + 1, sizeof *b->encoded);
  b->weights = xcalloc(outputs + 1, sizeof *b->weights);
  b->files = xcalloc(inputs + 1, sizeof *b->files);
  b->inputs = xcalloc(inputs + 1, sizeof *b->inputs);
  b->outputs = xcalloc(outputs + 1, sizeof *b->outputs);
  b->masks = xcalloc(outputs + 1, sizeof *b->masks);
  b->shares = xcalloc(outputs + 1, sizeof *b->shares);
  b->input_list = xcalloc(inputs + 1, sizeof *b->input_list);
  b->output_list = xcalloc(outputs + 1, sizeof *b->output_list);
  b->mask_list = xcalloc(outputs + 1, sizeof *b->mask_list);
  for (size_t k = 0; k < inputs; k++)
    if (!find_column(b, schema, (int64_t)k, targets, error)) {
      batcher_free(b);
      return false;
    }
  return true;
}

static const char *path_of(const data_tensor *list, size_t count, const char *name) {
  for (size_t k = 0; k < count; k++)
    if (!strcmp(list[k].name, name))
      return list[k].path;
  return NULL;
}

void batcher_name_files(batcher *b, const data_tensor *inputs, size_t inputs_count,
                        const data_tensor *targets, size_t targets_count) {
  for (int64_t k = 0; k < b->model->abi->n_inputs; k++) {
    const struct nlm_abi_tensor *t = &b->model->abi->inputs[k];
    bool is_target = t->role >= NLM_ROLE_TARGET_INT;
    b->files[k] =
        is_target ? path_of(targets, targets_count, t->name) : path_of(inputs, inputs_count, t->name);
  }
}

void batcher_free(batcher *b) {
  for (int64_t k = 0; b->model && k < b->model->abi->n_inputs; k++) {
    data_column_free(b->encoded[k]);
    free(b->inputs[k].data);
  }
  for (int64_t k = 0; b->model && k < b->model->abi->n_outputs; k++) {
    free(b->outputs[k].data);
    free(b->masks[k].data);
    free(b->shares[k].data);
  }
  free(b->columns);
  free(b->encoded);
  free(b->weights);
  free(b->files);
  free(b->inputs);
  free(b->outputs);
  free(b->masks);
  free(b->shares);
  free(b->input_list);
  free(b->output_list);
  free(b->mask_list);
  *b = (batcher){0};
}

// ---- dimensions

// Symbol of an axis that the caller gives; -1 where the extent is fixed or computed.
static int64_t axis_symbol(const struct nlm_abi_model *abi, const struct nlm_abi_tensor *t, int64_t axis) {
  const struct nlm_abi_expr *e = &abi->exprs[t->dims[axis]];
  return e->op == NLM_EXPR_SYMBOL && abi->dims[e->a].bound < 0 ? e->a : -1;
}

static int64_t axis_extent(const batcher *b, const data_column *c, int64_t axis) {
  size_t n = 0;
  if (axis == 1)
    n = data_column_longest(c, b->rows, b->count);
  else if (axis == 2 && c->step_start)
    n = data_column_longest_inner(c, b->rows, b->count);
  else
    return c->extents[axis - 1];
  return n ? (int64_t)n : 1;
}

static bool is_ragged(const data_column *c, int64_t axis) {
  return (axis == 1 && c->row_start) || (axis == 2 && c->step_start);
}

// Gives the symbols of one tensor their values: ragged columns stretch them, fixed ones must agree.
static bool set_symbols(const batcher *b, int64_t input, bool ragged, strbuf *error) {
  const struct nlm_abi_model *abi = b->model->abi;
  const struct nlm_abi_tensor *t = &abi->inputs[input];
  const data_column *c = b->columns[input];
  int64_t *dims = b->session->dims;
  for (int64_t axis = 1; c && axis < t->rank && axis <= (int64_t)c->rank; axis++) {
    int64_t symbol = axis_symbol(abi, t, axis);
    if (symbol < 0 || is_ragged(c, axis) != ragged)
      continue;
    int64_t extent = axis_extent(b, c, axis);
    if (!ragged && dims[symbol] != 0 && dims[symbol] != extent) {
      strbuf_printf(error, "'%s' has %lld for dimension '%s', another tensor has %lld", t->name,
                    (long long)extent, abi->dims[symbol].name, (long long)dims[symbol]);
      return false;
    }
    if (extent > dims[symbol])
      dims[symbol] = extent;
  }
  return true;
}

static bool set_dimensions(batcher *b, strbuf *error) {
  const struct nlm_abi_model *abi = b->model->abi;
  int64_t *dims = b->session->dims;
  memset(dims, 0, (size_t)abi->n_dims * sizeof *dims);
  for (int64_t k = 0; k < abi->n_inputs; k++)
    if (!set_symbols(b, k, false, error))
      return false;
  for (int64_t k = 0; k < abi->n_inputs; k++)
    if (abi->inputs[k].role < NLM_ROLE_TARGET_INT)
      set_symbols(b, k, true, error);
  for (int64_t k = 0; k < abi->n_inputs; k++) {
    int64_t symbol = abi->inputs[k].rank ? axis_symbol(abi, &abi->inputs[k], 0) : -1;
    if (symbol >= 0)
      dims[symbol] = (int64_t)b->count;
  }
  for (int64_t k = 0; k < abi->n_dims; k++)
    if (abi->dims[k].bound < 0 && dims[k] == 0)
      dims[k] = 1;
  return true;
}

// ---- filling

static bool reserve(batch_buffer *buffer, size_t bytes) {
  if (bytes <= buffer->bytes && buffer->data)
    return true;
  free(buffer->data);
  buffer->bytes = (bytes + bytes / 4 + 127) / 64 * 64;
  buffer->data = aligned_alloc(64, buffer->bytes);
  return buffer->data != NULL;
}

static void set_real(void *out, size_t real_bytes, size_t at, double number) {
  if (real_bytes == sizeof(double))
    ((double *)out)[at] = number;
  else
    ((float *)out)[at] = (float)number;
}

// Class numbers as rows of one 1 among zeros: [B, steps] -> [B, steps, units].
static bool gather_one_hot(const batcher *b, const data_column *c, size_t steps, size_t units, void *out) {
  size_t n = b->count * steps, real_bytes = (size_t)b->model->abi->real_bytes;
  int32_t *classes = malloc((n + 1) * sizeof *classes);
  if (!classes)
    return false;
  data_gather_i32(c, b->rows, b->count, steps, classes);
  memset(out, 0, n * units * real_bytes);
  for (size_t k = 0; k < n; k++)
    if (classes[k] >= 0 && (size_t)classes[k] < units)
      set_real(out, real_bytes, k * units + (size_t)classes[k], 1);
  free(classes);
  return true;
}

// Labels by name for an output of several units become one-hot targets; for one unit the class number, 0 or
// 1, is the target. Tensors come as they are.
static bool is_one_hot(const struct nlm_abi_tensor *t, const data_column *c, size_t units) {
  return t->role == NLM_ROLE_TARGET_REAL && (c->kind == DATA_CLASS || c->kind == DATA_CLASSES) &&
         (int64_t)c->rank + 2 == t->rank && units > 1;
}

static bool fill_input(batcher *b, int64_t input) {
  const struct nlm_abi_model *abi = b->model->abi;
  const struct nlm_abi_tensor *t = &abi->inputs[input];
  const data_column *c = b->columns[input];
  const int64_t *dims = b->session->dims;
  size_t elements = (size_t)session_elements(abi, t, dims);
  size_t steps = t->rank > 1 ? (size_t)session_expression(abi, t->dims[1], dims, false) : 1;
  if (!reserve(&b->inputs[input], elements * (t->elem == NLM_INT32 ? 4 : (size_t)abi->real_bytes)))
    return false;
  void *out = b->inputs[input].data;
  size_t units = (size_t)session_expression(abi, t->dims[t->rank - 1], dims, false);
  if (is_one_hot(t, c, units))
    return gather_one_hot(b, c, c->rank ? steps : 1, units, out);
  if (c->rank == 0)
    steps = 1;
  if (c->step_start)
    data_gather_nested_i32(c, b->rows, b->count, steps,
                           (size_t)session_expression(abi, t->dims[2], dims, false), out);
  else if (t->elem == NLM_INT32)
    data_gather_i32(c, b->rows, b->count, steps, out);
  else if (abi->real_bytes == 8)
    data_gather_f64(c, b->rows, b->count, steps, out);
  else
    data_gather_f32(c, b->rows, b->count, steps, out);
  return true;
}

// Weights stand behind the targets, which tell the classes.
static bool fill_weights(batcher *b, int64_t input, bool training) {
  const struct nlm_abi_model *abi = b->model->abi;
  const struct nlm_abi_tensor *t = &abi->inputs[input];
  size_t elements = (size_t)session_elements(abi, t, b->session->dims), output = (size_t)t->output;
  if (!reserve(&b->inputs[input], elements * (size_t)abi->real_bytes))
    return false;
  weight_rows to = {.out = b->inputs[input].data,
                    .real_bytes = (size_t)abi->real_bytes,
                    .rows = b->count,
                    .steps = b->count ? elements / b->count : 0};
  row_weights_fill(&to, b->weights[output], b->rows);
  int64_t target = b->model->outputs[output].target;
  const double *classes = training && b->class_weights ? b->class_weights[output] : NULL;
  if (!classes)
    return true;
  size_t units =
      (size_t)(session_elements(abi, &abi->inputs[target], b->session->dims)) / (elements ? elements : 1);
  row_weights_by_class(&to, classes, b->inputs[target].data, abi->inputs[target].role == NLM_ROLE_TARGET_INT,
                       units);
  return true;
}

// Inputs, targets and weights, in this order.
static bool fill(batcher *b, int64_t input, bool training) {
  bool weights = b->feeds_targets && b->model->abi->inputs[input].role == NLM_ROLE_WEIGHT, fine = true;
  if (weights)
    fine = fill_weights(b, input, training);
  else if (b->columns[input])
    fine = fill_input(b, input);
  b->input_list[input] = weights || b->columns[input] ? b->inputs[input].data : NULL;
  return fine;
}

static bool reserve_output(batcher *b, int64_t output) {
  const struct nlm_abi_model *abi = b->model->abi;
  const struct nlm_abi_tensor *t = &abi->outputs[output];
  size_t elements = (size_t)session_elements(abi, t, b->session->dims), steps = b->count;
  if (t->rank > 1)
    steps *= (size_t)session_expression(abi, t->dims[1], b->session->dims, false);
  const model_output *o = &b->model->outputs[output];
  if (o->decided && !reserve(&b->shares[output], elements * (size_t)o->units * (size_t)abi->real_bytes))
    return false;
  return reserve(&b->outputs[output], elements * 8) &&
         (!t->masked || reserve(&b->masks[output], steps * sizeof(int32_t)));
}

// The layout is made for the largest dimensions seen so far, so that it is made a few times only.
static bool plan(const batcher *b, unsigned programs) {
  session *s = b->session;
  const struct nlm_abi_model *abi = b->model->abi;
  if (session_fits(s, programs, s->dims))
    return true;
  int64_t *dims = xcalloc((size_t)abi->n_dims + 1, sizeof *dims);
  for (int64_t k = 0; k < abi->n_dims; k++)
    dims[k] = s->dims[k] > s->planned[k] ? s->dims[k] : s->planned[k];
  bool fine = session_plan(s, programs | s->planned_programs, dims, NULL, 0);
  free(dims);
  return fine;
}

static bool feed_states(batcher *b, strbuf *error) {
  int64_t rows = 0;
  if (session_feed_states(b->session, b->input_list, &rows))
    return true;
  if (rows)
    strbuf_printf(error,
                  "a batch of %zu rows after batches of %lld: states go from row to row of batches (stateful "
                  "= true), so "
                  "all of them must be of one size; choose a --batch-size that divides the number of rows",
                  b->count, (long long)rows);
  else
    strbuf_puts(error, "there is not enough memory for the states of a batch");
  return false;
}

bool batcher_divides(const batcher *b, size_t rows, size_t batch_size, strbuf *error) {
  if (!session_is_stateful(b->model->abi) || rows < batch_size || rows % batch_size == 0)
    return true;
  strbuf_printf(error,
                "%zu rows are no whole batches of %zu: states go from row to row of batches (stateful = "
                "true), so all of "
                "them must be of one size; choose a --batch-size that divides the number of rows",
                rows, batch_size);
  return false;
}

void batcher_expect(const batcher *b, const size_t *rows, size_t count) {
  for (int64_t k = 0; k < b->model->abi->n_inputs; k++)
    if (b->columns[k])
      data_column_expect(b->columns[k], rows, count);
}

bool batcher_load(batcher *b, const size_t *rows, size_t count, unsigned programs, strbuf *error) {
  const struct nlm_abi_model *abi = b->model->abi;
  b->rows = rows;
  b->count = count;
  if (!set_dimensions(b, error))
    return false;
  char shortage[300];
  if (session_is_too_short(abi, b->session->dims, shortage, sizeof shortage)) {
    strbuf_puts(error, shortage);
    return false;
  }
  enum { AROUND_A_PAGE = 1 << 16 }; // mapped at once when a place of a row is read
  spill_touched(count * (size_t)abi->n_inputs * 2 * AROUND_A_PAGE);
  bool fine = plan(b, programs);
  for (int64_t k = 0; fine && k < abi->n_inputs; k++)
    fine = fill(b, k, programs == 1u << NLM_GRAD);
  for (int64_t k = 0; fine && k < abi->n_outputs; k++) {
    fine = reserve_output(b, k);
    b->output_list[k] = b->outputs[k].data;
    b->mask_list[k] = b->masks[k].data;
  }
  if (fine && !feed_states(b, error))
    return false;
  struct nlm_frame *f = &b->session->frame;
  f->inputs = b->input_list;
  f->outputs = b->output_list;
  f->masks = b->mask_list;
  f->params = b->model->params;
  if (!fine)
    strbuf_puts(error, "there is not enough memory for a batch; a smaller --batch-size may fit");
  return fine;
}

void batcher_weigh_classes(batcher *b, const double *const *tables) {
  b->class_weights = tables;
}

// ---- looking at a batch

const void *batcher_weights(const batcher *b, size_t output) {
  int64_t input = b->model->outputs[output].weights;
  return input < 0 ? NULL : b->inputs[input].data;
}

static const void *spread_classes(const batcher *b, size_t output, size_t rows, size_t units) {
  const int32_t *classes = b->outputs[output].data;
  size_t real_bytes = (size_t)b->model->abi->real_bytes;
  void *shares = b->shares[output].data;
  memset(shares, 0, rows * units * real_bytes);
  for (size_t r = 0; r < rows; r++)
    set_real(shares, real_bytes, r * units + (size_t)classes[r], 1);
  return shares;
}

output_rows batcher_output(const batcher *b, size_t output) {
  const struct nlm_abi_model *abi = b->model->abi;
  const struct nlm_abi_tensor *t = &abi->outputs[output];
  const model_output *o = &b->model->outputs[output];
  size_t elements = (size_t)session_elements(abi, t, b->session->dims), units = 1;
  const int32_t *mask = t->masked ? b->masks[output].data : NULL;
  if (o->decided) {
    units = (size_t)o->units;
    return (output_rows){spread_classes(b, output, elements, units), mask, elements, units};
  }
  if (t->rank > 1)
    units = (size_t)session_expression(abi, t->dims[t->rank - 1], b->session->dims, false);
  return (output_rows){b->outputs[output].data, mask, units ? elements / units : 0, units};
}

void batcher_describe_status(const batcher *b, strbuf *out) {
  const struct nlm_frame *f = &b->session->frame;
  const struct nlm_abi_tensor *t = &b->model->abi->inputs[f->status_input];
  if (f->status_position < 0) {
    strbuf_printf(out,
                  "input '%s': sequences of more than %lld steps have no place in its table of positions",
                  t->name, (long long)f->status_value);
    return;
  }
  bool is_target = t->role >= NLM_ROLE_TARGET_INT;
  bad_place at = session_bad_place(b->session);
  size_t row = b->rows[at.row < (int64_t)b->count ? at.row : 0];
  const model_pipeline *p = pipeline_of(b->model, f->status_input);
  strbuf_printf(out, "%s '%s', row %zu", is_target ? "output" : "input", t->name, row);
  if (b->files[f->status_input])
    strbuf_printf(out, " (%s)", b->files[f->status_input]);
  else if (b->data->row_file && b->data->row_line[row])
    strbuf_printf(out, " (%s:%u)", b->data->row_file[row], b->data->row_line[row]);
  else if (b->data->row_file)
    strbuf_printf(out, " (%s)", b->data->row_file[row]);
  if (at.step >= 0)
    strbuf_printf(out, ", step %lld", (long long)at.step);
  strbuf_printf(out,
                is_target ? ": there is no class %lld; there are %lld"
                          : ": id %lld is outside its table of %lld rows",
                (long long)f->status_value, (long long)f->status_limit);
  if (p && p->words)
    strbuf_printf(out, "; the vocabulary of '%s' has %zu words: give it max_tokens, or the table more rows",
                  p->layer, vocabulary_size(p->words));
}
