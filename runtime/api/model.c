// Opening models and asking what they take and give.
#include "runtime/api/api.h"
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char open_error[2048];

const char *nlm_error_text(nlm_status status) {
  switch (status) {
  case NLM_OK:
    return "done";
  case NLM_ERROR_VERSION:
    return "the model was compiled for another version of the library";
  case NLM_ERROR_CPU:
    return "the model was compiled for a CPU with features that this one lacks";
  case NLM_ERROR_FILE:
    return "the weights file cannot be read or is no safetensors file";
  case NLM_ERROR_WEIGHTS:
    return "the weights do not fit the model";
  case NLM_ERROR_VOCABULARY:
    return "the model reads text, but its weights hold no vocabulary";
  case NLM_ERROR_MEMORY:
    return "not enough memory";
  case NLM_ERROR_LIMITS:
    return "the input is larger than the limits of the context";
  case NLM_ERROR_INPUT:
    return "an id is outside its table, or an input or output is missing";
  case NLM_ERROR_USAGE:
    return "the call does not fit this model";
  }
  return "an unknown status";
}

const char *nlm_open_error(void) {
  return open_error;
}

typedef struct opening {
  const struct nlm_abi_model *compiled;
  const char *weights_path;
  nlm_model *model; // zero
  nlm_status status;
} opening;

static void open_model(void *argument) {
  opening *o = argument;
  loaded_model *m = &o->model->loaded;
  strbuf error = {0};
  o->status = model_open(m, o->compiled, &error);
  if (!o->status) {
    o->model->batch_dimension = session_dimension(o->compiled, "batch");
    o->status = model_load_weights(m, o->weights_path, WEIGHTS_READ_ONLY, &error);
    if (o->status)
      model_close(m);
  }
  snprintf(open_error, sizeof open_error, "%s",
           o->status && !error.len ? nlm_error_text(o->status) : strbuf_text(&error));
  strbuf_free(&error);
}

static void use_our_memory(void) {
  json_set_alloc_funcs(xmalloc, xfree);
}

// JSON trees are part of an attempt too.
static void prepare_json(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, use_our_memory);
}

nlm_status nlm_open(const struct nlm_abi_model *compiled, const char *weights_path, nlm_model **model) {
  if (model)
    *model = NULL;
  if (!compiled || !model) {
    snprintf(open_error, sizeof open_error, "nlm_open needs a compiled model and a place for the open one");
    return NLM_ERROR_USAGE;
  }
  opening o = {compiled, weights_path, calloc(1, sizeof *o.model), NLM_ERROR_MEMORY};
  open_error[0] = 0;
  prepare_json();
  if (!o.model || !memory_try(open_model, &o)) {
    o.status = NLM_ERROR_MEMORY;
    snprintf(open_error, sizeof open_error, "%s", nlm_error_text(o.status));
  }
  if (o.status)
    free(o.model);
  else
    *model = o.model;
  return o.status;
}

void nlm_close(nlm_model *model) {
  if (!model)
    return;
  model_close(&model->loaded);
  free(model);
}

// ---- tensors

static bool is_target(const struct nlm_abi_tensor *t) {
  return t->role == NLM_ROLE_TARGET_INT || t->role == NLM_ROLE_TARGET_REAL || t->role == NLM_ROLE_WEIGHT ||
         t->role == NLM_ROLE_STATE;
}

// Targets stand behind the inputs.
size_t nlm_input_count(const nlm_model *model) {
  if (!model)
    return 0;
  const struct nlm_abi_model *abi = model->loaded.abi;
  size_t n = 0;
  while (n < (size_t)abi->n_inputs && !is_target(&abi->inputs[n]))
    n++;
  return n;
}

size_t nlm_output_count(const nlm_model *model) {
  return model ? (size_t)model->loaded.abi->n_outputs : 0;
}

static nlm_status describe(const nlm_model *model, const struct nlm_abi_tensor *t, nlm_tensor_info *info) {
  const struct nlm_abi_model *abi = model->loaded.abi;
  *info = (nlm_tensor_info){.name = t->name, .is_int = t->elem == NLM_INT32, .rank = (int)t->rank};
  if (t->rank > (int64_t)(sizeof info->extents / sizeof *info->extents))
    return NLM_ERROR_USAGE;
  for (int64_t k = 0; k < t->rank; k++) {
    const struct nlm_abi_expr *e = &abi->exprs[t->dims[k]];
    info->extents[k] = e->op == NLM_EXPR_CONST ? e->a : -1;
  }
  return NLM_OK;
}

nlm_status nlm_input_info(const nlm_model *model, size_t index, nlm_tensor_info *info) {
  if (!info || index >= nlm_input_count(model))
    return NLM_ERROR_USAGE;
  nlm_status status = describe(model, &model->loaded.abi->inputs[index], info);
  for (size_t k = 0; k < model->loaded.pipelines_count; k++)
    info->is_text |= model->loaded.pipelines[k].program_input == index;
  return status;
}

nlm_status nlm_output_info(const nlm_model *model, size_t index, nlm_tensor_info *info) {
  if (!info || index >= nlm_output_count(model))
    return NLM_ERROR_USAGE;
  return describe(model, &model->loaded.abi->outputs[index], info);
}

size_t nlm_dimension_count(const nlm_model *model) {
  if (!model)
    return 0;
  const struct nlm_abi_model *abi = model->loaded.abi;
  size_t n = 0;
  for (int64_t k = 0; k < abi->n_dims; k++)
    n += abi->dims[k].bound < 0;
  return n;
}

const char *nlm_dimension_name(const nlm_model *model, size_t index) {
  if (!model)
    return NULL;
  const struct nlm_abi_model *abi = model->loaded.abi;
  for (int64_t k = 0; k < abi->n_dims; k++)
    if (abi->dims[k].bound < 0 && index-- == 0)
      return abi->dims[k].name;
  return NULL;
}

size_t nlm_class_count(const nlm_model *model, size_t output) {
  return model && output < model->loaded.outputs_count ? model->loaded.outputs[output].classes_count : 0;
}

const char *nlm_class_name(const nlm_model *model, size_t output, size_t index) {
  return index < nlm_class_count(model, output) ? model->loaded.outputs[output].classes[index] : NULL;
}
