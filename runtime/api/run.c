// Predictions: texts, and tensors in the caller's memory.
#include "runtime/api/api.h"
#include <string.h>

nlm_status context_run(nlm_context *c) {
  if (session_is_too_short(c->model->loaded.abi, c->session.dims, c->error, sizeof c->error))
    return NLM_ERROR_INPUT;
  int64_t rows = 0;
  if (!session_feed_states(&c->session, c->inputs, &rows))
    return context_fail(c, NLM_ERROR_USAGE,
                        "states of %lld rows were kept by the run before: call nlm_reset_states",
                        (long long)rows);
  int64_t status = session_run(&c->session, NLM_INFER);
  if (status == NLM_STATUS_OK)
    return NLM_OK;
  describe_bad_id(&c->session, 0, c->error, sizeof c->error);
  return NLM_ERROR_INPUT;
}

void nlm_reset_states(nlm_context *context) {
  if (context)
    session_reset_states(&context->session);
}

// ---- texts

static int64_t most_of(const int64_t *counts, int64_t n, int64_t least) {
  int64_t most = least;
  for (int64_t k = 0; k < n; k++)
    most = counts[k] > most ? counts[k] : most;
  return most;
}

static void raise_dimension(nlm_context *c, const text_feed *f, int axis, int64_t extent) {
  int64_t symbol = feed_symbol(c->model, f, axis);
  if (symbol >= 0 && c->session.dims[symbol] < extent)
    c->session.dims[symbol] = extent;
}

// Extents of this batch: as long as its longest text; every axis has one step at least.
static void set_text_dimensions(nlm_context *c, int64_t batch) {
  const loaded_model *m = &c->model->loaded;
  for (int64_t k = 0; k < m->abi->n_dims; k++)
    c->session.dims[k] = 1;
  if (c->model->batch_dimension >= 0)
    c->session.dims[c->model->batch_dimension] = batch;
  for (size_t k = 0; k < m->pipelines_count; k++) {
    const text_feed *f = &c->feeds[k];
    raise_dimension(c, f, 1, most_of(f->row_counts, batch, 1));
    for (int64_t b = 0; f->nested && b < batch; b++)
      raise_dimension(c, f, 2, most_of(f->id_counts + b * f->rows, f->row_counts[b], 1));
  }
}

static int64_t input_axis(const nlm_context *c, const text_feed *f, int axis) {
  const struct nlm_abi_model *abi = c->model->loaded.abi;
  const struct nlm_abi_tensor *t = &abi->inputs[f->source->program_input];
  return axis < t->rank ? session_expression(abi, t->dims[axis], c->session.dims, false) : 1;
}

static nlm_status encode_texts(nlm_context *c, const char *const *texts, const size_t *bytes, size_t count) {
  const loaded_model *m = &c->model->loaded;
  for (size_t k = 0; k < m->pipelines_count; k++)
    for (size_t b = 0; b < count; b++) {
      size_t n = bytes && bytes[b] != SIZE_MAX ? bytes[b] : strlen(texts[b]);
      nlm_status status = feed_encode(c, &c->feeds[k], (int64_t)b, texts[b], n);
      if (status)
        return status;
    }
  set_text_dimensions(c, (int64_t)count);
  for (size_t k = 0; k < m->pipelines_count; k++) {
    text_feed *f = &c->feeds[k];
    feed_compact(f, m->abi->real_bytes, (int64_t)count, input_axis(c, f, 1), input_axis(c, f, 2));
    c->inputs[f->source->program_input] = f->ids;
    if (f->weights)
      c->inputs[f->source->weights_input] = f->packed;
  }
  return NLM_OK;
}

// Steps of output 0 that stand for tokens of text b: those behind them are padding. Outputs that have no
// token axis, or one of another length, are given whole.
static int64_t steps_of_text(const nlm_context *c, int64_t b, int64_t all) {
  const struct nlm_abi_model *abi = c->model->loaded.abi;
  const struct nlm_abi_tensor *out = &abi->outputs[0];
  const text_feed *f = &c->feeds[0];
  bool tokens = out->rank > (c->model->loaded.outputs[0].decided ? 1 : 2) &&
                out->dims[1] == abi->inputs[f->source->program_input].dims[1];
  return tokens && f->row_counts[b] < all ? f->row_counts[b] : all;
}

static void fill_predictions(nlm_context *c, size_t count, nlm_prediction *results) {
  const loaded_model *m = &c->model->loaded;
  const struct nlm_abi_tensor *t = &m->abi->outputs[0];
  values_type type = output_values_type(m, 0);
  int64_t elements = session_elements(m->abi, t, c->session.dims), row = elements / (int64_t)count;
  bool one = t->rank < 2 || m->outputs[0].decided;
  int64_t units = !one ? session_expression(m->abi, t->dims[t->rank - 1], c->session.dims, false) : 1;
  const float *values = c->values ? c->values : c->outputs[0];
  for (int64_t k = 0; c->values && k < elements; k++)
    c->values[k] = (float)value_at(c->outputs[0], type, k);
  for (size_t b = 0; b < count; b++) {
    int64_t steps = steps_of_text(c, (int64_t)b, units ? row / units : 0);
    decision d = {-1, NULL, 0};
    if (steps > 0)
      d = decide(&m->outputs[0], values + (int64_t)b * row, VALUES_F32, units);
    results[b] = (nlm_prediction){.values = values + (int64_t)b * row,
                                  .count = (size_t)(steps * units),
                                  .label_index = d.index,
                                  .label = d.label,
                                  .probability = d.probability};
  }
}

nlm_status nlm_predict_texts(nlm_context *context, const char *const *texts, const size_t *bytes,
                             size_t count, nlm_prediction *results) {
  if (!context)
    return NLM_ERROR_USAGE;
  context->error[0] = 0;
  if (!context_serves_text(context->model))
    return context_fail(context, NLM_ERROR_USAGE, "this model takes more than one text: use nlm_run");
  if (!count)
    return NLM_OK;
  if (count > (size_t)context->limits.batch)
    return context_fail(context, NLM_ERROR_LIMITS, "%zu texts at once; this context takes %lld", count,
                        (long long)context->limits.batch);
  for (size_t k = 0; k < count; k++)
    if (!texts || !texts[k] || !results)
      return context_fail(context, NLM_ERROR_USAGE, "a text, or the place for results, is missing");
  nlm_status status = encode_texts(context, texts, bytes, count);
  if (status)
    return status;
  context->session.frame.inputs = context->inputs;
  context->session.frame.outputs = context->outputs;
  status = context_run(context);
  if (!status)
    fill_predictions(context, count, results);
  return status;
}

nlm_status nlm_predict_text(nlm_context *context, const char *text, size_t bytes, nlm_prediction *result) {
  return nlm_predict_texts(context, &text, &bytes, 1, result);
}

nlm_status nlm_encode(nlm_context *context, size_t input, const char *text, size_t bytes, int32_t *ids,
                      void *weights, size_t capacity, size_t *count) {
  if (!context)
    return NLM_ERROR_USAGE;
  const loaded_model *m = &context->model->loaded;
  context->error[0] = 0;
  if (!text || !count || (!ids && capacity))
    return context_fail(context, NLM_ERROR_USAGE,
                        "the text, or the place for ids or their count, is missing");
  *count = 0;
  text_feed *f = NULL;
  for (size_t k = 0; k < m->pipelines_count && !f; k++)
    f = m->pipelines[k].program_input == input ? &context->feeds[k] : NULL;
  if (!f || f->nested)
    return context_fail(context, NLM_ERROR_USAGE, "input %zu is no input of ids that a text or value gives",
                        input);
  nlm_status status = feed_encode(context, f, 0, text, bytes == SIZE_MAX ? strlen(text) : bytes);
  if (!status && (size_t)f->row_counts[0] > capacity)
    status = context_fail(context, NLM_ERROR_LIMITS, "%lld ids, and there is room for %zu",
                          (long long)f->row_counts[0], capacity);
  if (status)
    return status;
  *count = (size_t)f->row_counts[0];
  for (size_t k = 0; k < *count; k++) {
    ids[k] = f->ids[k];
    if (f->weights && weights && m->abi->real_bytes == sizeof(double))
      ((double *)weights)[k] = f->weights[k];
    else if (f->weights && weights)
      ((float *)weights)[k] = (float)f->weights[k];
  }
  return NLM_OK;
}

// ---- tensors

static nlm_status set_dimensions(nlm_context *c, const int64_t *dims) {
  const struct nlm_abi_model *abi = c->model->loaded.abi;
  size_t next = 0;
  for (int64_t k = 0; k < abi->n_dims; k++) {
    if (abi->dims[k].bound >= 0)
      continue;
    int64_t extent = dims[next++], limit = c->session.planned[k];
    if (extent < 1 || extent > limit)
      return context_fail(c, NLM_ERROR_LIMITS, "dimension '%s' is %lld; this context takes 1 to %lld",
                          abi->dims[k].name, (long long)extent, (long long)limit);
    c->session.dims[k] = extent;
  }
  return NLM_OK;
}

nlm_status nlm_run(nlm_context *context, const int64_t *dims, const void *const *inputs,
                   void *const *outputs) {
  if (!context)
    return NLM_ERROR_USAGE;
  const struct nlm_abi_model *abi = context->model->loaded.abi;
  context->error[0] = 0;
  if (!dims || !inputs || !outputs)
    return context_fail(context, NLM_ERROR_USAGE, "dimensions, inputs or outputs are missing");
  nlm_status status = set_dimensions(context, dims);
  size_t n_inputs = nlm_input_count(context->model);
  for (size_t k = 0; k < n_inputs && !status; k++) {
    if (!inputs[k])
      status = context_fail(context, NLM_ERROR_INPUT, "input '%s' is missing", abi->inputs[k].name);
    memcpy(&context->inputs[k], &inputs[k], sizeof *inputs); // read only: programs never write their inputs
  }
  for (int64_t k = 0; k < abi->n_outputs && !status; k++) {
    if (!outputs[k])
      status = context_fail(context, NLM_ERROR_INPUT, "output '%s' is missing", abi->outputs[k].name);
    context->run_outputs[k] = outputs[k];
  }
  if (status)
    return status;
  context->session.frame.inputs = context->inputs;
  context->session.frame.outputs = context->run_outputs;
  return context_run(context);
}
