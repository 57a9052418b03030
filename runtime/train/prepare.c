#include "runtime/train/prepare.h"
#include "runtime/train/row_weights.h"
#include "support/diag.h"
#include "support/spill.h"
#include <stdlib.h>
#include <string.h>

// ---- opening

static bool report(const loaded_model *m, data_problems *problems, strbuf *messages) {
  bool fine = problems->count == 0;
  data_problems_print(problems, m->abi->name, messages);
  data_problems_free(problems);
  return fine;
}

// The program input that the column of a model's input feeds: itself, or what a text layer makes of it.
static const struct nlm_abi_tensor *fed_by(const loaded_model *m, size_t input) {
  for (size_t k = 0; k < m->pipelines_count; k++)
    if (m->pipelines[k].model_input == input)
      return &m->abi->inputs[m->pipelines[k].program_input];
  for (int64_t k = 0; k < m->abi->n_inputs; k++)
    if (!strcmp(m->abi->inputs[k].name, m->inputs[input].name))
      return &m->abi->inputs[k];
  return NULL;
}

// Rows of targets with a value for every step must be as long as the input's, where both have the same axis.
static void check_lengths(const loaded_model *m, const prepared_data *p, data_problems *problems) {
  const dataset *d = p->data;
  for (size_t i = 0; i < d->inputs_count; i++)
    for (size_t o = 0; o < d->outputs_count; o++) {
      const data_column *in = &d->inputs[i], *out = &d->outputs[o];
      const struct nlm_abi_tensor *x = fed_by(m, i),
                                  *t = &m->abi->inputs[m->outputs[p->schema.outputs[o]].target];
      bool lists = in->row_start && in->kind != DATA_TEXT && out->present && out->row_start;
      if (!x || !lists || x->rank < 2 || t->rank < 2 || x->dims[1] != t->dims[1])
        continue;
      for (size_t r = 0; r < d->rows; r++, spill_touched(2 * sizeof *in->row_start))
        if (data_column_steps(in, r) != data_column_steps(out, r))
          data_problem_add(problems, d->row_file ? d->row_file[r] : NULL, d->row_line ? d->row_line[r] : 0,
                           "'%s' has %zu steps, '%s' has %zu", in->name, data_column_steps(in, r), out->name,
                           data_column_steps(out, r));
    }
}

bool data_prepare(const loaded_model *m, const data_request *r, prepared_data *out, strbuf *messages) {
  bool tensors = r->inputs.len || r->targets.len;
  data_problems problems = {0};
  data_options options = {.seed = r->seed};
  out->schema = schema_new(m, tensors ? SCHEMA_TENSORS : SCHEMA_FILES);
  options.weight = out->schema.weight;
  if (tensors)
    out->data = dataset_from_tensors(r->inputs.data, r->inputs.len, r->targets.data, r->targets.len,
                                     &out->schema.data, &options, &problems);
  else
    out->data = dataset_open(r->paths, r->paths_count, &out->schema.data, &options, &problems);
  if (out->data)
    check_lengths(m, out, &problems);
  if (out->data)
    data_check_labels(m, out, &r->targets, &problems);
  if (out->data && r->weights.len)
    dataset_add_weights(out->data, r->weights.data, r->weights.len, out->schema.data.single, &problems);
  if (out->data)
    row_weights_check(m, out->data, &problems);
  if (report(m, &problems, messages) && out->data)
    return true;
  data_release(out);
  return false;
}

void data_release(prepared_data *p) {
  dataset_free(p->data);
  schema_free(&p->schema);
  p->data = NULL;
}

// ---- classes

static bool is_unbound(const data_column *c) {
  return c->present && (c->kind == DATA_CLASS || c->kind == DATA_CLASSES) && !c->ints;
}

static void list_names(strbuf *out, const text_view *names, size_t count) {
  enum { SHOWN = 10 };
  for (size_t k = 0; k < count && k < SHOWN; k++)
    strbuf_printf(out, "%s%.*s", k ? ", " : "", (int)names[k].bytes, names[k].data);
  if (count > SHOWN)
    strbuf_printf(out, ", ... (%zu more)", count - SHOWN);
}

bool data_check_classes(const model_output *o, const dataset *d, const data_column *labels,
                        data_problems *problems) {
  size_t row, limit = (size_t)output_class_limit(o);
  const text_view *extra = is_unbound(labels) ? dataset_class_beyond(labels, d->rows, limit, &row) : NULL;
  if (!extra || output_class_limit(o) < 1)
    return true;
  text_view *names;
  size_t count = dataset_class_names(labels, d->rows, &names);
  strbuf list = {0};
  list_names(&list, names, count);
  data_problem_add(
      problems, d->row_file ? d->row_file[row] : NULL, d->row_line ? d->row_line[row] : 0,
      "output '%s' tells %zu classes apart (units: %lld), the data has %zu: %s; '%.*s' is one too many",
      o->name, limit, (long long)o->units, count, strbuf_text(&list), (int)extra->bytes, extra->data);
  strbuf_free(&list);
  free(names);
  return false;
}

// The file of the first row; more of them are others.
static void put_files(const dataset *d, strbuf *out) {
  const char *first = d->row_file && d->rows ? d->row_file[0] : "the data";
  bool others = d->row_file && d->rows && strcmp(first, d->row_file[d->rows - 1]) != 0;
  strbuf_printf(out, "%s%s", first, others ? " and others" : "");
}

static bool learn_classes(const loaded_model *m, model_output *o, const dataset *d, const data_column *labels,
                          strbuf *messages) {
  data_problems problems = {0};
  if (!data_check_classes(o, d, labels, &problems))
    return report(m, &problems, messages);
  text_view *names;
  size_t count = dataset_class_names(labels, d->rows, &names);
  int64_t limit = output_class_limit(o);
  bool fine = count > 1;
  if (fine) {
    model_set_classes(o, names, count);
    if ((int64_t)count < limit)
      strbuf_printf(messages, "note: output '%s' has %lld units, the data %zu classes\n", o->name,
                    (long long)o->units, count);
  } else {
    strbuf_printf(messages, "%s: error: ", m->abi->name);
    put_files(d, messages);
    if (count)
      strbuf_printf(messages,
                    ": every row has the same label for output '%s', '%.*s': there is nothing to tell apart; "
                    "add rows of another label\n",
                    o->name, (int)(names[0].bytes < 60 ? names[0].bytes : 60), names[0].data);
    else
      strbuf_printf(messages, ": no row has a label for output '%s'; add rows of two labels or more\n",
                    o->name);
  }
  free(names);
  return fine;
}

static bool bind_column(const loaded_model *m, const model_output *o, dataset *d, data_column *labels,
                        strbuf *messages) {
  data_problems problems = {0};
  text_view *names = xcalloc(o->classes_count + 1, sizeof *names);
  for (size_t k = 0; k < o->classes_count; k++)
    names[k] = (text_view){o->classes[k], strlen(o->classes[k])};
  dataset_bind_classes(d, labels, names, o->classes_count, &problems);
  free(names);
  return report(m, &problems, messages);
}

bool data_bind_classes(loaded_model *m, prepared_data *p, bool learn, strbuf *messages) {
  bool fine = true;
  for (size_t k = 0; k < p->data->outputs_count; k++) {
    model_output *o = &m->outputs[p->schema.outputs[k]];
    data_column *c = &p->data->outputs[k];
    if (!is_unbound(c))
      continue;
    if (!o->classes && !learn) {
      strbuf_printf(messages, "%s: error: ", m->abi->name);
      put_files(p->data, messages);
      strbuf_printf(messages,
                    " names labels of output '%s', but the weights hold no class names: take weights of a "
                    "training on named labels, or give class numbers (--input NAME=FILE.npy --target "
                    "%s=FILE.npy)\n",
                    o->name, o->name);
      fine = false;
    } else {
      fine = (o->classes || learn_classes(m, o, p->data, c, messages)) &&
             bind_column(m, o, p->data, c, messages) && fine;
    }
  }
  return fine;
}

// ---- vocabularies

static vocabulary *copy_of(const model_pipeline *p) {
  strbuf json = {0}, error = {0};
  vocabulary_to_json(p->words, &json);
  vocabulary *v = vocabulary_from_json(&p->pipeline, strbuf_text(&json), json.len, &error);
  const double *idf = vocabulary_idf(p->words);
  INVARIANT(v &&
            (!idf || vocabulary_set_idf(&p->pipeline, v, idf, vocabulary_columns(&p->pipeline, v), &error)));
  strbuf_free(&json);
  strbuf_free(&error);
  return v;
}

// A layer that is applied to several inputs has one vocabulary, of all of them.
static void adapt_layer(loaded_model *m, const prepared_data *p, size_t first, size_t rows,
                        thread_pool *pool) {
  model_pipeline *line = &m->pipelines[first];
  const data_column **columns = xcalloc(m->pipelines_count, sizeof *columns);
  size_t count = 0;
  for (size_t k = first; k < m->pipelines_count; k++)
    if (!strcmp(m->pipelines[k].layer, line->layer))
      columns[count++] = &p->data->inputs[m->pipelines[k].model_input];
  line->words = dataset_adapt_all(columns, count, &line->pipeline, 0, rows, pool);
  for (size_t k = first + 1; k < m->pipelines_count; k++)
    if (!strcmp(m->pipelines[k].layer, line->layer))
      m->pipelines[k].words = copy_of(line);
  xfree(columns);
}

void data_adapt(loaded_model *m, const prepared_data *p, size_t rows, thread_pool *pool, strbuf *messages) {
  for (size_t k = 0; k < m->pipelines_count; k++) {
    const model_pipeline *line = &m->pipelines[k];
    if (line->words || !text_has_vocabulary(&line->pipeline))
      continue;
    adapt_layer(m, p, k, rows, pool);
    strbuf_printf(messages, "note: vocabulary of '%s': %zu %s from %zu rows\n", line->layer,
                  vocabulary_size(line->words), text_split_units(line->pipeline.split), rows);
  }
}
