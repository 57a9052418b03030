// The report as one JSON object, one layer a line.
#include "ir/report_private.h"
#include "support/json.h"

static void put_shape(const shape *s, strbuf *out) {
  strbuf_putc(out, '[');
  for (int k = 0; k < s->rank; k++) {
    int64_t extent;
    if (k)
      strbuf_puts(out, ", ");
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

static void put_inputs(const application *app, strbuf *out) {
  size_t n = report_inputs(app, NULL);
  const tensor **list = xcalloc(n + 1, sizeof *list);
  report_inputs(app, list);
  strbuf_puts(out, "\"inputs\": [");
  for (size_t i = 0; i < n; i++) {
    if (i)
      strbuf_puts(out, ", ");
    json_put_string(out, list[i]->source ? list[i]->source->layer->name : list[i]->name);
  }
  strbuf_putc(out, ']');
  free(list);
}

static void put_results(const application *app, strbuf *out) {
  strbuf_puts(out, "\"output_shape\": ");
  put_shape(&app->outputs[0]->shape, out);
  if (app->n_outputs == 1)
    return;
  strbuf_puts(out, ", \"output_shapes\": [");
  for (int k = 0; k < app->n_outputs; k++) {
    if (k)
      strbuf_puts(out, ", ");
    put_shape(&app->outputs[k]->shape, out);
  }
  strbuf_putc(out, ']');
}

static void put_applications(const layer *l, strbuf *out) {
  strbuf_puts(out, ", \"applications\": [");
  for (size_t i = 0; i < l->applications.len; i++) {
    const application *app = l->applications.data[i];
    strbuf_puts(out, i ? ", {" : "{");
    put_inputs(app, out);
    strbuf_puts(out, ", ");
    put_results(app, out);
    strbuf_printf(out, ", \"mask\": \"%s\"}", report_mask(app->outputs[0]));
  }
  strbuf_putc(out, ']');
}

static void put_weights(const layer *l, bool *first, strbuf *out) {
  for (size_t i = 0; i < l->weights.len; i++) {
    const weight *w = l->weights.data[i];
    strbuf_puts(out, *first ? "{\"name\": " : ", {\"name\": ");
    *first = false;
    json_put_string(out, w->name);
    strbuf_puts(out, ", \"shape\": ");
    put_shape(&w->shape, out);
    strbuf_printf(out, ", \"trainable\": %s}", w->trainable ? "true" : "false");
  }
  for (int k = 0; k < l->n_children; k++)
    put_weights(l->children[k], first, out);
}

static void put_concrete(const report *r, const report_row *row, strbuf *out) {
  const shape *s = &row->layer->applications.data[0]->outputs[0]->shape;
  strbuf_puts(out, ", \"concrete_shape\": [");
  for (int k = 0; k < s->rank; k++)
    strbuf_printf(out, "%s%lld", k ? ", " : "", (long long)dim_eval(s->d[k], r->o->extents));
  strbuf_printf(out, "], \"output_bytes\": %.0f, \"weight_bytes\": %.0f, \"flop\": %.0f", row->bytes,
                (double)row->params * (double)report_weight_bytes(r), row->flops);
}

static void put_layer(const report *r, const report_row *row, strbuf *out) {
  const layer *l = row->layer;
  const application *app = l->applications.data[0];
  strbuf_puts(out, "{\"name\": ");
  json_put_string(out, l->name);
  strbuf_puts(out, ", \"type\": ");
  json_put_string(out, l->def->name);
  strbuf_puts(out, ", ");
  put_inputs(app, out);
  strbuf_puts(out, ", ");
  put_results(app, out);
  strbuf_printf(
      out,
      ", \"dtype\": \"%s\", \"mask\": \"%s\", \"params\": %lld, \"trainable_params\": %lld, \"line\": %d, "
      "\"column\": %d, \"weights\": [",
      report_dtype(r, app->outputs[0]), report_mask(app->outputs[0]), (long long)row->params,
      (long long)row->trainable, l->at.line, l->at.column);
  bool first = true;
  put_weights(l, &first, out);
  strbuf_putc(out, ']');
  if (l->applications.len > 1)
    put_applications(l, out);
  if (r->concrete)
    put_concrete(r, row, out);
  strbuf_putc(out, '}');
}

static void put_dimensions(const report *r, strbuf *out) {
  size_t n = model_dimensions(r->m, NULL, 0);
  const dim **dims = xcalloc(n + 1, sizeof *dims);
  model_dimensions(r->m, dims, n);
  strbuf_puts(out, "\"dimensions\": [");
  for (size_t i = 0; i < n; i++) {
    if (i)
      strbuf_puts(out, ", ");
    json_put_string(out, dims[i]->name);
  }
  strbuf_putc(out, ']');
  free(dims);
}

void report_put_json(const report *r, strbuf *out) {
  strbuf_puts(out, "{\"model\": ");
  json_put_string(out, r->m->name);
  strbuf_puts(out, ", ");
  put_dimensions(r, out);
  strbuf_puts(out, ",\n \"layers\": [");
  for (size_t i = 0; i < r->rows.len; i++) {
    if (i)
      strbuf_puts(out, ",\n            ");
    put_layer(r, &r->rows.data[i], out);
  }
  strbuf_printf(out,
                "],\n \"total_params\": %lld, \"trainable_params\": %lld, \"non_trainable_params\": %lld",
                (long long)r->params, (long long)r->trainable, (long long)(r->params - r->trainable));
  for (int k = 0; k < r->o->n_workspaces; k++)
    strbuf_printf(out, "%s\"%s\": %lld", k ? ", " : ",\n \"workspace_bytes\": {", report_workspace_name(k),
                  (long long)r->o->workspace[k]);
  if (r->o->n_workspaces > PROGRAM_GRAD)
    strbuf_printf(out, "}, \"saved_bytes\": %lld}\n", (long long)r->o->saved);
  else
    strbuf_puts(out, r->o->n_workspaces ? "}}\n" : "}\n");
}
