#include "ir/layer.h"
#include "ir/report_private.h"
#include <stdio.h>
#include <string.h>

typedef VEC(const dim *) dim_list;

static void collect_dims(const dim *d, dim_list *list) {
  if (d->kind == DIM_CONST)
    return;
  if (d->kind != DIM_SYMBOL) {
    collect_dims(d->a, list);
    collect_dims(d->b, list);
    return;
  }
  if (d->bound)
    return;
  for (size_t i = 0; i < list->len; i++)
    if (list->data[i] == d)
      return;
  vec_push(list, d);
}

size_t model_dimensions(const model *m, const dim **list, size_t capacity) {
  dim_list found = {0};
  for (size_t i = 0; i < m->applications.len; i++) {
    const application *app = m->applications.data[i];
    for (int k = 0; k < app->n_outputs; k++)
      for (int axis = 0; axis < app->outputs[k]->shape.rank; axis++)
        collect_dims(app->outputs[k]->shape.d[axis], &found);
    pipeline_form form = {.ids = {0}};
    if (application_is_pipeline(app) && !tensor_is_poison(app->outputs[0]))
      form = app->layer->def->pipeline(app);
    for (int axis = 0; axis < form.ids.rank; axis++)
      collect_dims(form.ids.d[axis], &found);
  }
  size_t n = found.len;
  for (size_t i = 0; list && i < n && i < capacity; i++)
    list[i] = found.data[i];
  vec_free(&found);
  return n;
}

static bool all_given(const model *m, const report_options *o) {
  if (!o->extents)
    return false;
  size_t n = model_dimensions(m, NULL, 0);
  const dim **dims = xcalloc(n + 1, sizeof *dims);
  model_dimensions(m, dims, n);
  bool given = true;
  for (size_t i = 0; i < n; i++)
    given = given && dims[i]->symbol < o->n_extents && o->extents[dims[i]->symbol] >= 0;
  free(dims);
  return given;
}

size_t report_weight_bytes(const report *r) {
  return r->o->f64 ? 8 : 4;
}

const char *report_workspace_name(int kind) {
  static const char *const names[] = {"prediction", "evaluation", "training"};
  return names[kind];
}

static double tensor_bytes(const report *r, const tensor *t) {
  if (t->type == TENSOR_TEXT)
    return 0;
  double n = t->type == TENSOR_INT ? 4 : (double)report_weight_bytes(r);
  for (int k = 0; k < t->shape.rank; k++)
    n *= (double)dim_eval(t->shape.d[k], r->o->extents);
  return n;
}

static void measure(report *r) {
  size_t n = r->rows.len;
  const char **names = xcalloc(n + 1, sizeof *names);
  double *flops = xcalloc(n + 1, sizeof *flops);
  for (size_t i = 0; i < n; i++) {
    const layer *l = r->rows.data[i].layer;
    names[i] = l->name;
    for (size_t a = 0; a < l->applications.len; a++)
      for (int k = 0; k < l->applications.data[a]->n_outputs; k++)
        r->rows.data[i].bytes += tensor_bytes(r, l->applications.data[a]->outputs[k]);
  }
  bool training = r->o->training && r->m->training;
  program_inputs *inputs = program_inputs_of(r->m);
  program *p = lower_program(r->m, inputs, training ? PROGRAM_GRAD : PROGRAM_INFER, NULL);
  if (training)
    program_add_gradients(p);
  program_flops(p, r->o->extents, r->o->n_extents, names, n, flops);
  for (size_t i = 0; i < n; i++)
    r->rows.data[i].flops = flops[i];
  program_free(p);
  program_inputs_free(inputs);
  free(names);
  free(flops);
}

void report_make(report *r, const model *m, const report_options *o) {
  *r = (report){.m = m, .o = o, .concrete = all_given(m, o)};
  for (size_t i = 0; i < m->layers.len; i++) {
    const layer *l = m->layers.data[i];
    if (l->parent || l->applications.len == 0)
      continue;
    report_row row = {
        .layer = l, .params = layer_param_count(l, false), .trainable = layer_param_count(l, true)};
    vec_push(&r->rows, row);
    r->params += row.params;
    r->trainable += row.trainable;
  }
  if (r->concrete)
    measure(r);
}

void report_free(report *r) {
  vec_free(&r->rows);
}

const char *report_dtype(const report *r, const tensor *t) {
  return t->type == TENSOR_TEXT ? "text" : t->type == TENSOR_INT ? "int" : r->o->f64 ? "f64" : "f32";
}

const char *report_mask(const tensor *t) {
  return t->mask == MASK_VALID ? "valid" : t->mask == MASK_DESTROYED ? "destroyed" : "none";
}

void report_shape(const shape *s, const report *r, strbuf *out) {
  if (!r->concrete) {
    shape_print(s, out);
    return;
  }
  strbuf_putc(out, '(');
  for (int k = 0; k < s->rank; k++)
    strbuf_printf(out, "%s%lld", k ? ", " : "", (long long)dim_eval(s->d[k], r->o->extents));
  strbuf_putc(out, ')');
}

static void add_tensor(const value *v, const tensor **list, size_t *n) {
  if (v->kind == VALUE_LIST) {
    for (size_t i = 0; i < v->count; i++)
      add_tensor(v->items[i], list, n);
  } else if (v->kind == VALUE_OBJECT && v->object && !v->object_kinds) {
    if (list)
      list[*n] = v->object;
    ++*n;
  }
}

size_t report_inputs(const application *app, const tensor **list) {
  size_t n = 0;
  for (int k = 0; k < app->n_inputs; k++, n++)
    if (list)
      list[n] = app->inputs[k];
  for (int k = 0; k < app->n_call; k++)
    add_tensor(app->call_values[k], list, &n);
  return n;
}

void report_put_bytes(double bytes, strbuf *out) {
  static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
  size_t k = 0;
  while (bytes >= 1024 && k + 1 < sizeof units / sizeof *units) {
    bytes /= 1024;
    k++;
  }
  strbuf_printf(out, "%.2f %s", bytes, units[k]);
}

void report_put_count(int64_t n, strbuf *out) {
  char digits[32];
  int len = snprintf(digits, sizeof digits, "%lld", (long long)n);
  for (int i = 0; i < len; i++) {
    strbuf_putc(out, digits[i]);
    int left = len - 1 - i;
    if (left > 0 && left % 3 == 0 && digits[i] != '-')
      strbuf_putc(out, ',');
  }
}

void report_print(const model *m, report_format format, const report_options *o, strbuf *out) {
  report r;
  report_make(&r, m, o);
  switch (format) {
  case REPORT_TABLE:
    report_put_table(&r, out);
    break;
  case REPORT_JSON:
    report_put_json(&r, out);
    break;
  case REPORT_DOT:
    report_put_dot(&r, out);
    break;
  case REPORT_SVG:
    report_put_svg(&r, out);
    break;
  }
  report_free(&r);
}
