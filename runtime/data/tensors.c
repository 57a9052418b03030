// Tensor data: a .npy file per input and target, one row per example.
#include "runtime/data/format.h"
#include "runtime/npy.h"
#include "runtime/npz.h"
#include "support/intern.h"
#include "support/strbuf.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct tensor_reader {
  const data_schema *schema;
  data_problems *problems;
  dataset *data;
  const char *first_path; // whose row count the others must have
} tensor_reader;

// Index of the field, -1 after reporting an unknown name.
static int find_field(tensor_reader *r, const data_tensor *t, const data_field *fields, size_t count,
                      const char *what) {
  const char **names = xcalloc(count + 1, sizeof *names);
  int found = -1;
  for (size_t i = 0; i < count; i++) {
    names[i] = fields[i].name;
    if (!strcmp(fields[i].name, t->name))
      found = (int)i;
  }
  if (found < 0) {
    const char *near = suggest(t->name, names, count);
    strbuf all = {0};
    for (size_t i = 0; i < count; i++)
      strbuf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    data_problem_add(r->problems, t->path, 0, "the model has no %s '%s'%s%s%s; it has %s", what, t->name,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
                     count ? strbuf_text(&all) : "none");
    strbuf_free(&all);
  }
  free(names);
  return found;
}

bool field_takes_shape(const data_field *f, const int64_t *shape, size_t rank) {
  size_t common = f->rank < rank ? f->rank : rank, longer = f->rank < rank ? rank : f->rank;
  for (size_t i = 0; i < common; i++)
    if (f->extents[i] >= 0 && f->extents[i] != shape[i])
      return false;
  return longer == common || (longer == common + 1 && (rank > common ? shape : f->extents)[common] == 1);
}

static void put_shape(strbuf *out, const int64_t *extents, size_t rank) {
  strbuf_puts(out, "(rows");
  for (size_t i = 0; i < rank; i++)
    if (extents[i] < 0)
      strbuf_puts(out, ", any");
    else
      strbuf_printf(out, ", %lld", (long long)extents[i]);
  strbuf_puts(out, ")");
}

static bool check_shape(tensor_reader *r, const data_tensor *t, const data_field *f, const npy_array *a) {
  if (a->rank == 0) {
    data_problem_add(r->problems, t->path, 0, "a single value; the first axis must be the rows");
    return false;
  }
  if (!field_takes_shape(f, a->shape + 1, a->rank - 1)) {
    strbuf found = {0}, needed = {0};
    put_shape(&found, a->shape + 1, a->rank - 1);
    put_shape(&needed, f->extents, f->rank);
    data_problem_add(r->problems, t->path, 0, "'%s' has shape %s, the model needs %s", f->name,
                     strbuf_text(&found), strbuf_text(&needed));
    strbuf_free(&found);
    strbuf_free(&needed);
    return false;
  }
  if (!r->first_path) {
    r->first_path = t->path;
    r->data->rows = (size_t)a->shape[0];
    if (!r->data->rows)
      data_problem_add(r->problems, t->path, 0, "no rows in it");
  } else if ((size_t)a->shape[0] != r->data->rows) {
    data_problem_add(r->problems, t->path, 0, "%lld rows, but %s has %zu", (long long)a->shape[0],
                     r->first_path, r->data->rows);
    return false;
  }
  return true;
}

// As npy_to_f32 does it, which does not keep the digits of doubles.
static bool fits_single(const npy_array *a, const data_column *c, strbuf *error) {
  size_t row = a->shape[0] ? a->count / (size_t)a->shape[0] : 1;
  for (size_t k = 0; k < a->count; k++)
    if (!isfinite((float)c->doubles[k])) {
      strbuf_printf(error, "row %zu holds %.17g, which is too large for a 32-bit float", k / row,
                    c->doubles[k]);
      return false;
    }
  return true;
}

static bool convert(const npy_array *a, bool integers, bool single, data_column *c, strbuf *error) {
  if (integers) {
    c->kind = DATA_INT;
    c->ints = xmalloc((a->count + 1) * sizeof *c->ints);
    return npy_to_i32(a, c->ints, error);
  }
  c->kind = DATA_FLOAT;
  if (a->kind == 'f' && a->width <= 4) {
    c->floats = xmalloc((a->count + 1) * sizeof *c->floats);
    return npy_to_f32(a, c->floats, error);
  }
  c->doubles = xmalloc((a->count + 1) * sizeof *c->doubles);
  return npy_to_f64(a, c->doubles, error) && (!single || fits_single(a, c, error));
}

static void fill_column(tensor_reader *r, const data_tensor *t, const data_field *f, bool is_input,
                        const npy_array *a, data_column *c) {
  if (!check_shape(r, t, f, a))
    return;
  c->rank = a->rank - 1;
  memcpy(c->extents, a->shape + 1, (a->rank - 1) * sizeof *c->extents);
  if (c->rank != f->rank) { // a last extent of one more, or less
    if (f->rank > c->rank)
      c->extents[c->rank] = 1;
    c->rank = f->rank;
  }
  c->items_per_row = a->shape[0] ? a->count / (size_t)a->shape[0] : 0;
  strbuf error = {0};
  bool integers = is_input ? f->kind == DATA_INT : a->kind != 'f';
  c->present = convert(a, integers, r->schema->single, c, &error);
  if (!c->present)
    data_problem_add(r->problems, t->path, 0, "'%s': %s", f->name, strbuf_text(&error));
  strbuf_free(&error);
}

static void read_tensor(tensor_reader *r, const data_tensor *t, bool is_input) {
  const data_field *fields = is_input ? r->schema->inputs : r->schema->outputs;
  size_t count = is_input ? r->schema->inputs_count : r->schema->outputs_count;
  int index = find_field(r, t, fields, count, is_input ? "input" : "output");
  if (index < 0)
    return;
  const data_field *f = &fields[index];
  data_column *c = is_input ? &r->data->inputs[index] : &r->data->outputs[index];
  if (c->present) {
    data_problem_add(r->problems, t->path, 0, "'%s' is given twice", f->name);
    return;
  }
  if (is_input && f->kind != DATA_INT && f->kind != DATA_FLOAT) {
    data_problem_add(r->problems, t->path, 0, "input '%s' is text; tensors feed int and float inputs",
                     f->name);
    return;
  }
  npy_array a;
  strbuf error = {0};
  bool archive = path_has_extension(t->path, ".npz");
  if (archive ? npz_read(t->path, t->name, &a, &error) : npy_open(t->path, &a, &error)) {
    fill_column(r, t, f, is_input, &a, c);
    npy_close(&a);
  } else {
    data_problem_add(r->problems, t->path, 0, "%s", strbuf_text(&error));
  }
  strbuf_free(&error);
}

static dataset *empty_dataset(const data_schema *schema) {
  dataset *d = xcalloc(1, sizeof *d);
  d->memory = arena_new();
  d->inputs_count = schema->inputs_count;
  d->outputs_count = schema->outputs_count;
  d->inputs = xcalloc(d->inputs_count + d->outputs_count + 1, sizeof *d->inputs);
  d->outputs = d->inputs + d->inputs_count;
  for (size_t i = 0; i < d->inputs_count + d->outputs_count; i++) {
    const data_field *f = i < d->inputs_count ? &schema->inputs[i] : &schema->outputs[i - d->inputs_count];
    d->inputs[i] = (data_column){.name = arena_strdup(d->memory, f->name), .kind = f->kind, .rank = f->rank};
    memcpy(d->inputs[i].extents, f->extents, sizeof f->extents);
  }
  return d;
}

dataset *dataset_from_tensors(const data_tensor *inputs, size_t inputs_count, const data_tensor *targets,
                              size_t targets_count, const data_schema *schema, const data_options *options,
                              data_problems *problems) {
  tensor_reader r = {schema, problems, empty_dataset(schema), NULL};
  size_t before = problems->count;
  for (size_t i = 0; i < inputs_count; i++)
    read_tensor(&r, &inputs[i], true);
  for (size_t i = 0; i < targets_count; i++)
    read_tensor(&r, &targets[i], false);
  for (size_t i = 0; problems->count == before && i < r.data->inputs_count + r.data->outputs_count; i++) {
    bool is_input = i < r.data->inputs_count;
    data_column *c = &r.data->inputs[i];
    c->rows = r.data->rows;
    if (!c->present && (is_input || !(options && options->outputs_optional)))
      data_problem_add(problems, NULL, 0, "no tensor for %s '%s' (--%s %s=FILE.npy)",
                       is_input ? "input" : "output", c->name, is_input ? "input" : "target", c->name);
  }
  if (problems->count == before)
    return r.data;
  dataset_free(r.data);
  return NULL;
}

// ---- weights

const data_column *dataset_weights(const dataset *d, const char *output) {
  const data_column *all = NULL;
  for (size_t k = 0; k < d->weights_count; k++) {
    if (!strcmp(d->weights[k].name, output))
      return &d->weights[k];
    if (!strcmp(d->weights[k].name, "sample_weight"))
      all = &d->weights[k];
  }
  return all;
}

static const data_column *output_named(const dataset *d, const char *name) {
  for (size_t k = 0; k < d->outputs_count; k++)
    if (!strcmp(d->outputs[k].name, name))
      return &d->outputs[k];
  return NULL;
}

static bool weights_fit(const dataset *d, const data_tensor *t, const npy_array *a, data_problems *problems) {
  bool unit = a->rank == 2 && a->shape[1] == 1;
  if (a->rank < 1 || a->rank > 2)
    data_problem_add(problems, t->path, 0,
                     "weights must have the shape (rows) or, for sequences, (rows, steps)");
  else if ((size_t)a->shape[0] != d->rows)
    data_problem_add(problems, t->path, 0, "%lld weights, but the data has %zu rows", (long long)a->shape[0],
                     d->rows);
  else if (a->rank == 2 && !unit && !a->shape[1])
    data_problem_add(problems, t->path, 0, "no weights in it");
  else
    return true;
  return false;
}

static void read_weights(dataset *d, const data_tensor *t, const npy_array *a, bool single, data_column *c,
                         data_problems *problems) {
  if (!weights_fit(d, t, a, problems))
    return;
  strbuf error = {0};
  *c = (data_column){.name = arena_strdup(d->memory, t->name ? t->name : "sample_weight"),
                     .kind = DATA_FLOAT,
                     .rows = d->rows,
                     .rank = a->rank - 1,
                     .items_per_row = d->rows ? a->count / d->rows : 0};
  c->extents[0] = a->rank > 1 ? a->shape[1] : 0;
  c->present = convert(a, false, single, c, &error);
  if (!c->present)
    data_problem_add(problems, t->path, 0, "%s", strbuf_text(&error));
  for (size_t k = 0; c->present && k < a->count; k++) {
    double weight = c->floats ? (double)c->floats[k] : c->doubles[k];
    if (weight < 0) {
      data_problem_add(problems, t->path, 0, "row %zu has the weight %g; weights must be 0 or more",
                       k / c->items_per_row, weight);
      c->present = false;
    }
  }
  strbuf_free(&error);
}

static void suggest_output(const dataset *d, const data_tensor *t, data_problems *problems) {
  const char **names = xcalloc(d->outputs_count + 1, sizeof *names);
  for (size_t k = 0; k < d->outputs_count; k++)
    names[k] = d->outputs[k].name;
  const char *near = suggest(t->name, names, d->outputs_count);
  data_problem_add(problems, t->path, 0, "the model has no output '%s' with a loss%s%s%s", t->name,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
  free(names);
}

void dataset_add_weights(dataset *d, const data_tensor *files, size_t count, bool single,
                         data_problems *problems) {
  for (size_t k = 0; k < count; k++) {
    const data_tensor *t = &files[k];
    const char *name = t->name ? t->name : "sample_weight";
    bool given = false;
    for (size_t j = 0; j < d->weights_count; j++)
      given |= !strcmp(d->weights[j].name, name);
    npy_array a;
    strbuf error = {0};
    if (given)
      data_problem_add(problems, t->path, 0, "the weights '%s' are given twice", name);
    else if (t->name && !output_named(d, t->name))
      suggest_output(d, t, problems);
    else if (!npy_open(t->path, &a, &error))
      data_problem_add(problems, t->path, 0, "%s", strbuf_text(&error));
    else {
      d->weights = xrealloc(d->weights, (d->weights_count + 1) * sizeof *d->weights);
      d->weights[d->weights_count] = (data_column){0};
      read_weights(d, t, &a, single, &d->weights[d->weights_count], problems);
      if (d->weights[d->weights_count].name)
        d->weights_count++;
      npy_close(&a);
    }
    strbuf_free(&error);
  }
}
