// The config string of a compiled model (docs/abi.md) as typed structs.
#include "runtime/model.h"
#include <jansson.h>
#include <string.h>

// ---- arguments of bound calls

static const json_t *argument(const config_call *c, const char *name) {
  const json_t *v = json_object_get(c->args, name);
  return v && !json_is_null(v) ? v : NULL;
}

double config_number(const config_call *c, const char *name, double fallback) {
  const json_t *v = argument(c, name);
  if (json_is_boolean(v))
    return json_is_true(v);
  return json_is_number(v) ? json_number_value(v) : fallback;
}

const char *config_text(const config_call *c, const char *name, const char *fallback) {
  const json_t *v = argument(c, name);
  return json_is_string(v) ? json_string_value(v) : fallback;
}

const char *config_list_text(const config_call *c, const char *name, size_t k) {
  return json_string_value(json_array_get(argument(c, name), k));
}

size_t config_list_numbers(const config_call *c, const char *name, double *out, size_t room) {
  const json_t *list = argument(c, name);
  for (size_t k = 0; k < json_array_size(list) && k < room; k++)
    out[k] = json_number_value(json_array_get(list, k));
  return json_array_size(list);
}

bool config_is_none(const config_call *c, const char *name) {
  return !argument(c, name);
}

bool config_inner(const config_call *c, const char *name, config_call *out) {
  const json_t *v = argument(c, name), *inner = json_object_get(v, "call");
  *out = (config_call){json_string_value(inner), json_object_get(v, "named")};
  return out->name != NULL;
}

// ---- parts

typedef struct config_reader {
  loaded_model *m;
  strbuf *error; // filled once something is wrong
} config_reader;

static void wrong(config_reader *r, const char *what) {
  if (!r->error->len)
    strbuf_printf(r->error, "the config of model '%s' is damaged: %s", r->m->abi->name, what);
}

static const char *text_of(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key)); // NULL where it is null or absent
}

static const char *required_text(config_reader *r, const json_t *object, const char *key) {
  const char *text = text_of(object, key);
  if (!text)
    wrong(r, key);
  return text ? text : "";
}

static int64_t integer_of(const json_t *object, const char *key, int64_t fallback) {
  const json_t *v = json_object_get(object, key);
  return json_is_integer(v) ? json_integer_value(v) : fallback;
}

static void *list_of(config_reader *r, const json_t *list, size_t item, size_t *count) {
  *count = json_array_size(list);
  return arena_alloc(r->m->memory, item * (*count + 1));
}

static config_call read_call(config_reader *r, const json_t *object) {
  config_call c = {required_text(r, object, "name"), json_object_get(object, "args")};
  return c;
}

static config_call *read_calls(config_reader *r, const json_t *list, size_t *count) {
  config_call *calls = list_of(r, list, sizeof *calls, count);
  for (size_t k = 0; k < *count; k++)
    calls[k] = read_call(r, json_array_get(list, k));
  return calls;
}

static void read_input(config_reader *r, const json_t *object, model_input *in) {
  const char *type = required_text(r, object, "type");
  in->name = required_text(r, object, "name");
  in->type = !strcmp(type, "text")  ? MODEL_INPUT_TEXT
             : !strcmp(type, "int") ? MODEL_INPUT_INT
                                    : MODEL_INPUT_FLOAT;
  in->ids_below = integer_of(object, "ids_below", 0);
  const json_t *shape = json_object_get(object, "shape");
  size_t rank = json_array_size(shape);
  if (rank < 1 || rank > MODEL_MAX_RANK) {
    wrong(r, "the shape of an input");
    return;
  }
  in->rank = rank - 1;
  for (size_t k = 0; k < in->rank; k++) {
    const json_t *extent = json_array_get(shape, k + 1);
    in->extents[k] = json_is_integer(extent) ? json_integer_value(extent) : -1;
  }
}

static void read_ngrams(config_reader *r, const json_t *v, text_pipeline *p) {
  if (json_is_integer(v)) {
    json_int_t most = json_integer_value(v);
    for (json_int_t k = 1; k <= most && k <= TEXT_MAX_NGRAMS; k++)
      p->ngrams[p->ngrams_count++] = (int32_t)k;
    if (most < 1 || most > TEXT_MAX_NGRAMS)
      wrong(r, "ngrams");
    return;
  }
  if (json_array_size(v) > TEXT_MAX_NGRAMS) {
    wrong(r, "ngrams");
    return;
  }
  for (size_t k = 0; k < json_array_size(v); k++)
    p->ngrams[p->ngrams_count++] = (int32_t)json_integer_value(json_array_get(v, k));
}

// Text as it is, an integer in digits; NULL data where it is null or absent.
static text_view view_of(config_reader *r, const json_t *v) {
  if (json_is_string(v))
    return (text_view){json_string_value(v), json_string_length(v)};
  if (!json_is_integer(v))
    return (text_view){0};
  const char *digits = arena_printf(r->m->memory, "%lld", (long long)json_integer_value(v));
  return (text_view){digits, strlen(digits)};
}

static void read_lookup(config_reader *r, const json_t *object, text_pipeline *p) {
  const json_t *mask = json_object_get(object, p->layer == TEXT_HASHING ? "mask_value" : "mask_token"),
               *salt = json_object_get(object, "salt");
  const char *method = text_of(object, "oov_method");
  p->mask = view_of(r, mask);
  p->has_mask = p->mask.data != NULL;
  p->oov_token = view_of(r, json_object_get(object, "oov_token"));
  p->oov_indices = integer_of(object, "num_oov_indices", 1);
  p->num_bins = integer_of(object, "num_bins", 1);
  p->oov_by_hash = method && !strcmp(method, "farmhash");
  p->salted = json_is_integer(salt) || json_array_size(salt) == 2;
  for (size_t k = 0; p->salted && k < 2; k++)
    p->salt[k] = (uint64_t)json_integer_value(json_is_array(salt) ? json_array_get(salt, k) : salt);
  if (p->oov_indices < 0 || p->num_bins < 1 || p->num_bins > INT32_MAX)
    wrong(r, "num_oov_indices or num_bins");
}

static void read_idf(config_reader *r, const json_t *list, model_pipeline *p) {
  size_t count = json_array_size(list);
  double *idf = list_of(r, list, sizeof *idf, &count);
  strbuf reason = {0};
  for (size_t k = 0; k < count; k++)
    idf[k] = json_number_value(json_array_get(list, k));
  if (count && !vocabulary_set_idf(&p->pipeline, p->words, idf, count, &reason))
    wrong(r, strbuf_text(&reason));
  strbuf_free(&reason);
}

// Words that the source file gives, specials not included.
static void read_words(config_reader *r, const json_t *object, model_pipeline *p) {
  const json_t *list = json_object_get(object, "vocabulary");
  size_t count;
  if (!json_is_array(list))
    return;
  text_view *words = list_of(r, list, sizeof *words, &count);
  strbuf reason = {0};
  for (size_t k = 0; k < count; k++)
    words[k] = view_of(r, json_array_get(list, k));
  p->words = vocabulary_from_tokens(&p->pipeline, words, count, &reason);
  p->given = p->words != NULL;
  if (p->words)
    read_idf(r, json_object_get(object, "idf_weights"), p);
  else
    wrong(r, strbuf_text(&reason));
  strbuf_free(&reason);
}

static void read_pipeline(config_reader *r, const json_t *object, model_pipeline *p) {
  p->layer = required_text(r, object, "layer");
  p->model_input = (size_t)integer_of(object, "model_input", -1);
  p->program_input = (size_t)integer_of(object, "program_input", -1);
  if (p->model_input >= r->m->inputs_count || p->program_input >= (size_t)r->m->abi->n_inputs)
    wrong(r, "the input of a text pipeline");
  p->weights_input = integer_of(object, "weights_input", -1);
  const char *reason =
      text_pipeline_parse(&p->pipeline, text_of(object, "standardize"), text_of(object, "split"));
  if (!reason)
    reason = text_pipeline_parse_kind(&p->pipeline, text_of(object, "type"), text_of(object, "output_mode"));
  if (reason)
    wrong(r, reason);
  read_ngrams(r, json_object_get(object, "ngrams"), &p->pipeline);
  p->pipeline.max_tokens = integer_of(object, "max_tokens", 0);
  p->pipeline.output_sequence_length = integer_of(object, "output_sequence_length", 0);
  if (p->pipeline.layer != TEXT_VECTORIZATION)
    read_lookup(r, object, &p->pipeline);
  if (p->weights_input >= r->m->abi->n_inputs || text_has_weights(&p->pipeline) != (p->weights_input >= 0))
    wrong(r, "the numbers of a text pipeline");
  read_words(r, object, p);
}

static int64_t loss_input(const struct nlm_abi_model *abi, size_t output, bool weights) {
  for (int64_t k = 0; k < abi->n_inputs; k++)
    if (abi->inputs[k].role >= NLM_ROLE_TARGET_INT && abi->inputs[k].output == (int64_t)output &&
        (abi->inputs[k].role == NLM_ROLE_WEIGHT) == weights)
      return k;
  return -1;
}

static bool *read_flags(config_reader *r, const json_t *list, size_t count) {
  bool *flags = ARENA_ARRAY(r->m->memory, bool, count + 1);
  for (size_t k = 0; k < count; k++)
    flags[k] = json_is_true(json_array_get(list, k));
  return flags;
}

static void read_output(config_reader *r, const json_t *object, size_t index, model_output *o) {
  const char *target = text_of(object, "target");
  o->name = required_text(r, object, "name");
  o->activation = text_of(object, "activation");
  o->loss = text_of(object, "loss");
  o->units = integer_of(object, "units", 0);
  o->sequence = json_is_true(json_object_get(object, "sequence"));
  o->decided = json_is_true(json_object_get(object, "decided"));
  o->class_ids = target && !strcmp(target, "class_ids");
  const json_t *weight = json_object_get(object, "loss_weight");
  o->loss_weight = json_is_number(weight) ? json_number_value(weight) : 1;
  o->metrics = read_calls(r, json_object_get(object, "metrics"), &o->metrics_count);
  o->metric_weighted = read_flags(r, json_object_get(object, "weighted_metrics"), o->metrics_count);
  const json_t *classes = json_object_get(object, "class_weight");
  o->class_weight = json_is_null(classes) ? NULL : classes;
  o->target = loss_input(r->m->abi, index, false);
  o->weights = loss_input(r->m->abi, index, true);
  if (o->loss && o->target < 0)
    wrong(r, "an output with a loss has no target");
}

static void read_constraints(config_reader *r, const json_t *list, model_training *t) {
  t->constraints = list_of(r, list, sizeof *t->constraints, &t->constraints_count);
  for (size_t k = 0; k < t->constraints_count; k++) {
    const json_t *item = json_array_get(list, k);
    t->constraints[k] = (model_constraint){required_text(r, item, "weight"), read_call(r, item)};
  }
}

static void read_training(config_reader *r, const json_t *object) {
  if (!json_is_object(object))
    return;
  model_training *t = ARENA_NEW(r->m->memory, model_training);
  const json_t *split = json_object_get(object, "validation_split"), *seed = json_object_get(object, "seed");
  t->optimizer = read_call(r, json_object_get(object, "optimizer"));
  t->epochs = integer_of(object, "epochs", 1);
  t->batch_size = integer_of(object, "batch_size", 32);
  t->shuffle = !json_is_false(json_object_get(object, "shuffle"));
  t->validation_split = json_is_number(split) ? json_number_value(split) : 0;
  t->has_seed = json_is_integer(seed);
  t->seed = (uint64_t)json_integer_value(seed);
  t->callbacks = read_calls(r, json_object_get(object, "callbacks"), &t->callbacks_count);
  read_constraints(r, json_object_get(object, "constraints"), t);
  if (t->batch_size < 1 || t->epochs < 0)
    wrong(r, "epochs or batch_size");
  r->m->training = t;
}

static void read_config(config_reader *r) {
  loaded_model *m = r->m;
  const json_t *inputs = json_object_get(m->config, "inputs"),
               *pipelines = json_object_get(m->config, "pipelines"),
               *outputs = json_object_get(m->config, "outputs");
  m->inputs = list_of(r, inputs, sizeof *m->inputs, &m->inputs_count);
  for (size_t k = 0; k < m->inputs_count; k++)
    read_input(r, json_array_get(inputs, k), &m->inputs[k]);
  m->pipelines = list_of(r, pipelines, sizeof *m->pipelines, &m->pipelines_count);
  for (size_t k = 0; k < m->pipelines_count; k++)
    read_pipeline(r, json_array_get(pipelines, k), &m->pipelines[k]);
  m->outputs = list_of(r, outputs, sizeof *m->outputs, &m->outputs_count);
  if (m->outputs_count != (size_t)m->abi->n_outputs)
    wrong(r, "the number of outputs");
  for (size_t k = 0; k < m->outputs_count; k++)
    read_output(r, json_array_get(outputs, k), k, &m->outputs[k]);
  m->summary = text_of(m->config, "summary");
  m->report = json_object_get(m->config, "report");
  read_training(r, json_object_get(m->config, "train"));
}

nlm_status model_open(loaded_model *m, const struct nlm_abi_model *abi, strbuf *error) {
  *m = (loaded_model){0};
  nlm_status status = model_check_version(abi, error);
  if (status)
    return status;
  m->abi = abi;
  m->memory = arena_new();
  strbuf found = {0};
  config_reader r = {m, &found};
  json_error_t where;
  m->config = json_loads(abi->config ? abi->config : "", JSON_ALLOW_NUL, &where);
  if (m->config)
    read_config(&r);
  else
    wrong(&r, where.text);
  if (found.len) {
    strbuf_puts(error, strbuf_text(&found));
    model_close(m);
    status = NLM_ERROR_VERSION;
  }
  strbuf_free(&found);
  return status;
}
