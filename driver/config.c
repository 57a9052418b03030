// The config string of a compiled model, see docs/abi.md.
#include "driver/compile.h"
#include "ir/layers/lookup.h"
#include "ir/regularization.h"
#include "ir/report.h"
#include "support/json.h"
#include <string.h>

static void put_value(const value *v, strbuf *out) {
  switch (v->kind) {
  case VALUE_NONE:
  case VALUE_OBJECT:
    strbuf_puts(out, "null");
    return;
  case VALUE_BOOL:
    strbuf_puts(out, v->boolean ? "true" : "false");
    return;
  case VALUE_INT:
    strbuf_printf(out, "%lld", (long long)v->integer);
    return;
  case VALUE_FLOAT:
    json_put_number(out, v->number);
    return;
  case VALUE_STRING:
  case VALUE_NAME:
    json_put_string(out, v->text);
    return;
  case VALUE_LIST:
    strbuf_putc(out, '[');
    for (size_t k = 0; k < v->count; k++) {
      strbuf_puts(out, k ? ", " : "");
      put_value(v->items[k], out);
    }
    strbuf_putc(out, ']');
    return;
  case VALUE_DICT:
    strbuf_putc(out, '{');
    for (size_t k = 0; k < v->count; k++) {
      strbuf_puts(out, k ? ", " : "");
      json_put_string(out, v->keys[k]);
      strbuf_puts(out, ": ");
      put_value(v->items[k], out);
    }
    strbuf_putc(out, '}');
    return;
  case VALUE_CALL: { // {"call": "L2", "args": [0.01], "named": {}}
    strbuf_puts(out, "{\"call\": ");
    json_put_string(out, v->text);
    strbuf_puts(out, ", \"args\": [");
    for (size_t k = 0, n = 0; k < v->count; k++) {
      if (v->keys && v->keys[k])
        continue;
      strbuf_puts(out, n++ ? ", " : "");
      put_value(v->items[k], out);
    }
    strbuf_puts(out, "], \"named\": {");
    for (size_t k = 0, n = 0; k < v->count; k++) {
      if (!v->keys || !v->keys[k])
        continue;
      strbuf_puts(out, n++ ? ", " : "");
      json_put_string(out, v->keys[k]);
      strbuf_puts(out, ": ");
      put_value(v->items[k], out);
    }
    strbuf_puts(out, "}}");
    return;
  }
  }
}

static void put_key(strbuf *out, const char *key) {
  json_put_string(out, key);
  strbuf_puts(out, ": ");
}

static void put_text_or_null(strbuf *out, const char *text) {
  if (text)
    json_put_string(out, text);
  else
    strbuf_puts(out, "null");
}

static void put_shape(const shape *s, strbuf *out) {
  strbuf_putc(out, '[');
  for (int k = 0; k < s->rank; k++) {
    int64_t extent;
    strbuf_puts(out, k ? ", " : "");
    if (dim_is_const(s->d[k], &extent)) {
      strbuf_printf(out, "%lld", (long long)extent);
      continue;
    }
    strbuf text = {0};
    dim_print(s->d[k], &text);
    json_put_string(out, strbuf_text(&text));
    strbuf_free(&text);
  }
  strbuf_putc(out, ']');
}

// What every number of an input must be below since a layer looks it up in a table; 0: nothing is known.
static int64_t ids_bound(const model *m, const tensor *input) {
  static const char *const sizes[] = {"input_dim", "num_tokens", "depth"};
  int64_t bound = 0;
  for (size_t k = 0; k < m->applications.len; k++) {
    const application *app = m->applications.data[k];
    for (size_t j = 0; app->n_inputs && app->inputs[0] == input && j < sizeof sizes / sizeof *sizes; j++) {
      if (args_index(app->layer->def->args, sizes[j]) < 0)
        continue;
      int64_t size = layer_arg_int(app->layer, sizes[j]);
      bound = !bound || size < bound ? size : bound;
    }
  }
  return bound;
}

static void put_inputs(const model *m, strbuf *out) {
  static const char *const types[] = {"float", "int", "text"};
  strbuf_puts(out, "\"inputs\": [");
  for (size_t k = 0; k < m->inputs.len; k++) {
    const tensor *t = m->inputs.data[k];
    strbuf_printf(out, "%s{\"name\": ", k ? ", " : "");
    json_put_string(out, t->name);
    strbuf_printf(out, ", \"type\": \"%s\", \"shape\": ", types[t->type]);
    put_shape(&t->shape, out);
    int64_t bound = t->type == TENSOR_INT ? ids_bound(m, t) : 0;
    if (bound)
      strbuf_printf(out, ", \"ids_below\": %lld", (long long)bound);
    strbuf_putc(out, '}');
  }
  strbuf_puts(out, "]");
}

static void put_words(const layer *l, strbuf *out) {
  const lookup_words *given = args_index(l->def->args, "vocabulary") >= 0 ? lookup_words_of(l) : NULL;
  if (!given)
    return;
  strbuf_puts(out, ", \"vocabulary\": [");
  for (size_t k = 0; k < given->count; k++) {
    strbuf_puts(out, k ? ", " : "");
    json_put_string(out, given->words[k]);
  }
  strbuf_puts(out, "]");
  for (size_t k = 0; k < given->columns; k++)
    strbuf_printf(out, "%s%.17g%s", k ? ", " : ", \"idf_weights\": [", given->idf[k],
                  k + 1 == given->columns ? "]" : "");
}

static void put_pipeline(const program_inputs *inputs, size_t k, strbuf *out) {
  static const char *const copied[] = {"standardize",
                                       "split",
                                       "ngrams",
                                       "max_tokens",
                                       "output_mode",
                                       "output_sequence_length",
                                       "num_oov_indices",
                                       "mask_token",
                                       "oov_token",
                                       "oov_method",
                                       "num_bins",
                                       "mask_value",
                                       "salt"};
  const program_input *in = &inputs->list.data[k];
  const layer *l = in->pipeline->layer;
  bool weights = k + 1 < inputs->list.len && inputs->list.data[k + 1].weights;
  strbuf_puts(out, "{\"layer\": ");
  json_put_string(out, l->name);
  strbuf_printf(out,
                ", \"type\": \"%s\", \"model_input\": %d, \"program_input\": %zu, \"weights_input\": %lld",
                l->def->name, in->model_input, k, weights ? (long long)k + 1 : -1LL);
  for (size_t j = 0; j < sizeof copied / sizeof *copied; j++) {
    if (args_index(l->def->args, copied[j]) < 0)
      continue;
    strbuf_puts(out, ", ");
    put_key(out, copied[j]);
    put_value(layer_arg(l, copied[j]), out);
  }
  put_words(l, out);
  strbuf_putc(out, '}');
}

static void put_pipelines(const program_inputs *inputs, strbuf *out) {
  bool first = true;
  strbuf_puts(out, ", \"pipelines\": [");
  for (size_t k = 0; k < inputs->list.len; k++) {
    if (!inputs->list.data[k].pipeline || inputs->list.data[k].weights)
      continue;
    strbuf_puts(out, first ? "" : ", ");
    first = false;
    put_pipeline(inputs, k, out);
  }
  strbuf_puts(out, "]");
}

static void put_bound(const bound_call *b, strbuf *out) {
  strbuf_puts(out, "{\"name\": ");
  json_put_string(out, b->entry->name);
  strbuf_puts(out, ", \"args\": {");
  for (size_t k = 0; b->entry->args && b->entry->args[k].name; k++) {
    strbuf_puts(out, k ? ", " : "");
    put_key(out, b->entry->args[k].name);
    put_value(b->args[k], out);
  }
  strbuf_puts(out, "}}");
}

// The activation behind an output, where the runtime must know it to name classes.
static const char *output_activation(const tensor *t) {
  for (const application *app = t->source; app && app->layer;) {
    const layer *l = app->layer;
    if (args_index(l->def->args, "activation") >= 0)
      return layer_arg_text(l, "activation");
    if (!app->n_inner)
      return NULL;
    app = app->inner[0];
  }
  return NULL;
}

static void put_output(const model *m, size_t k, strbuf *out) {
  const tensor *t = m->outputs.data[k].value;
  bool decided = t->source && t->source->scores;
  const tensor *numbers = decided ? t->source->scores : t;
  const struct train_config *train = m->training;
  const loss_def *loss = train ? train->losses[k] : NULL;
  int64_t units = 1;
  bool has_units = numbers->shape.rank > 1 && dim_is_const(numbers->shape.d[numbers->shape.rank - 1], &units);
  put_key(out, "name");
  json_put_string(out, m->outputs.data[k].name);
  strbuf_puts(out, ", \"activation\": ");
  put_text_or_null(out, output_activation(t));
  if (has_units)
    strbuf_printf(out, ", \"units\": %lld", (long long)units);
  else
    strbuf_puts(out, ", \"units\": null");
  strbuf_printf(out, ", \"sequence\": %s",
                numbers->shape.rank > 2 && !(loss && loss->expects == EXPECTS_LABELS) ? "true" : "false");
  strbuf_printf(out, ", \"decided\": %s, \"loss\": ", decided ? "true" : "false");
  put_text_or_null(out, loss ? loss->name : NULL);
  strbuf_printf(out, ", \"target\": \"%s\", \"loss_weight\": ",
                loss && loss->target == TARGET_CLASS_IDS ? "class_ids" : "like_output");
  json_put_number(out, train ? train->loss_weights[k] : 1.0);
  strbuf_puts(out, ", \"metrics\": [");
  for (size_t j = 0; train && j < train->metrics[k].len; j++) {
    strbuf_puts(out, j ? ", " : "");
    put_bound(&train->metrics[k].data[j], out);
  }
  strbuf_puts(out, "], \"weighted_metrics\": [");
  for (size_t j = 0; train && j < train->metrics[k].len; j++)
    strbuf_printf(out, "%s%s", j ? ", " : "", train->metrics[k].data[j].weighted ? "true" : "false");
  strbuf_puts(out, "], \"class_weight\": ");
  if (train && train->class_weights[k])
    put_value(train->class_weights[k], out);
  else
    strbuf_puts(out, "null");
}

static void put_outputs(const model *m, strbuf *out) {
  strbuf_puts(out, ", \"outputs\": [");
  for (size_t k = 0; k < m->outputs.len; k++) {
    strbuf_puts(out, k ? ", {" : "{");
    put_output(m, k, out);
    strbuf_putc(out, '}');
  }
  strbuf_puts(out, "]");
}

static void put_constraint(const weight *w, strbuf *out) {
  const constraint_def *def = w->constraint.def;
  strbuf_puts(out, "{\"weight\": ");
  json_put_string(out, w->name);
  strbuf_puts(out, ", \"name\": ");
  json_put_string(out, def->name);
  strbuf_puts(out, ", \"args\": {");
  for (size_t j = 0; def->args[j].name; j++) {
    strbuf_puts(out, j ? ", " : "");
    put_key(out, def->args[j].name);
    put_value(w->constraint.args[j], out);
  }
  strbuf_puts(out, "}}");
}

static void put_constraints(const model *m, strbuf *out) {
  bool first = true;
  strbuf_puts(out, ", \"constraints\": [");
  for (size_t k = 0; k < m->weights.len; k++) {
    const weight *w = m->weights.data[k];
    if (!w->trainable || !w->constraint.def)
      continue;
    strbuf_puts(out, first ? "" : ", ");
    first = false;
    put_constraint(w, out);
  }
  strbuf_puts(out, "]");
}

static void put_training(const model *m, strbuf *out) {
  const struct train_config *t = m->training;
  strbuf_puts(out, ", \"train\": ");
  if (!t) {
    strbuf_puts(out, "null");
    return;
  }
  strbuf_puts(out, "{\"optimizer\": ");
  put_bound(&t->optimizer, out);
  strbuf_printf(out, ", \"epochs\": %lld, \"batch_size\": %lld, \"shuffle\": %s, \"validation_split\": ",
                (long long)t->epochs, (long long)t->batch_size, t->shuffle ? "true" : "false");
  json_put_number(out, t->validation_split);
  if (t->has_seed)
    strbuf_printf(out, ", \"seed\": %lld", (long long)t->seed);
  else
    strbuf_puts(out, ", \"seed\": null");
  strbuf_puts(out, ", \"callbacks\": [");
  for (size_t k = 0; k < t->callbacks.len; k++) {
    strbuf_puts(out, k ? ", " : "");
    put_bound(&t->callbacks.data[k], out);
  }
  strbuf_puts(out, "]");
  put_constraints(m, out);
  strbuf_puts(out, "}");
}

void config_print(const model *m, const program_inputs *inputs, strbuf *out) {
  report_options how = {0};
  strbuf report = {0}, summary = {0};
  report_print(m, REPORT_JSON, &how, &report);
  report_print(m, REPORT_TABLE, &how, &summary);
  strbuf_putc(out, '{');
  put_inputs(m, out);
  put_pipelines(inputs, out);
  put_outputs(m, out);
  strbuf_puts(out, ", \"report\": ");
  strbuf_puts(out, strbuf_text(&report));
  strbuf_puts(out, ", \"summary\": ");
  json_put_string(out, strbuf_text(&summary));
  put_training(m, out);
  strbuf_puts(out, "}");
  strbuf_free(&report);
  strbuf_free(&summary);
}
