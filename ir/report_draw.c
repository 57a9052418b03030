// The layer graph as SVG and as Graphviz input, with shapes and masks on the edges.
#include "ir/report_layout.h"
#include "support/markup.h"
#include <string.h>

// ---- texts of a node

static void title_of(const application *app, strbuf *out) {
  const layer *l = app->layer;
  if (strcmp(l->def->name, "Input") == 0)
    strbuf_printf(out, "%s: input", l->name);
  else
    strbuf_puts(out, l->def->name);
}

static void detail_of(const application *app, strbuf *out) {
  const layer *l = app->layer;
  if (strcmp(l->def->name, "Input") == 0) {
    strbuf_puts(out, tensor_type_name(app->outputs[0]->type));
    return;
  }
  strbuf_puts(out, l->name);
  int64_t params = layer_param_count(l, false);
  if (app->number > 0)
    strbuf_puts(out, ", used again");
  else if (params) {
    strbuf_puts(out, ", ");
    report_put_count(params, out);
    strbuf_puts(out, layer_param_count(l, true) ? " parameters" : " frozen parameters");
  }
}

static void output_names(const report *r, const application *app, strbuf *out) {
  for (size_t k = 0; k < r->m->outputs.len; k++) {
    const named_output *o = &r->m->outputs.data[k];
    if (o->value->source != app)
      continue;
    strbuf_printf(out, "%s%s ", out->len ? ", " : "output ", o->name);
    report_shape(&o->value->shape, r, out);
  }
}

static void edge_text(const report *r, const tensor *t, strbuf *out) {
  report_shape(&t->shape, r, out);
  if (t->mask != MASK_NONE)
    strbuf_puts(out, t->mask == MASK_VALID ? " masked" : " mask lost");
}

// ---- Graphviz

static void put_dot_text(const char *text, strbuf *out) {
  for (; *text; text++) {
    if (*text == '"' || *text == '\\')
      strbuf_putc(out, '\\');
    strbuf_putc(out, *text);
  }
}

static void put_dot_node(const report *r, const application *app, strbuf *out) {
  strbuf title = {0}, detail = {0}, outputs = {0};
  title_of(app, &title);
  detail_of(app, &detail);
  output_names(r, app, &outputs);
  strbuf_printf(out, "  n%d [label=\"", app->order);
  put_dot_text(strbuf_text(&title), out);
  strbuf_puts(out, "\\n");
  put_dot_text(strbuf_text(&detail), out);
  if (outputs.len) {
    strbuf_puts(out, "\\n");
    put_dot_text(strbuf_text(&outputs), out);
  }
  strbuf_puts(out, "\"];\n");
  strbuf_free(&title);
  strbuf_free(&detail);
  strbuf_free(&outputs);
}

static void put_dot_edges(const report *r, const application *app, strbuf *out) {
  static const char *const styles[] = {[MASK_NONE] = "",
                                       [MASK_VALID] = ", color=\"#1f5fa8\"",
                                       [MASK_DESTROYED] = ", color=\"#b03a2e\", style=dashed"};
  size_t n = report_inputs(app, NULL);
  const tensor **inputs = xcalloc(n + 1, sizeof *inputs);
  report_inputs(app, inputs);
  for (size_t i = 0; i < n; i++) {
    strbuf label = {0};
    edge_text(r, inputs[i], &label);
    strbuf_printf(out, "  n%d -> n%d [label=\"", inputs[i]->source->order, app->order);
    put_dot_text(strbuf_text(&label), out);
    strbuf_printf(out, "\"%s];\n", styles[inputs[i]->mask]);
    strbuf_free(&label);
  }
  free(inputs);
}

void report_put_dot(const report *r, strbuf *out) {
  strbuf_puts(out, "digraph \"");
  put_dot_text(r->m->name, out);
  strbuf_puts(out, "\" {\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
                   "  edge [fontname=\"sans-serif\", fontsize=10];\n");
  for (size_t i = 0; i < r->m->applications.len; i++)
    put_dot_node(r, r->m->applications.data[i], out);
  for (size_t i = 0; i < r->m->applications.len; i++)
    put_dot_edges(r, r->m->applications.data[i], out);
  strbuf_puts(out, "}\n");
}

// ---- SVG

static double box_width(const report *r, const application *app) {
  strbuf lines[3] = {0};
  title_of(app, &lines[0]);
  detail_of(app, &lines[1]);
  output_names(r, app, &lines[2]);
  double width = 130;
  for (int k = 0; k < 3; k++) {
    double needed = (k == 0 ? 9.2 : 7) * (double)lines[k].len + 24;
    width = needed > width ? needed : width;
    strbuf_free(&lines[k]);
  }
  return width;
}

static void put_text_line(double x, double y, const char *style, const char *text, strbuf *out) {
  strbuf_printf(out, "  <text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, style);
  markup_put_text(out, text);
  strbuf_puts(out, "</text>\n");
}

static void put_box(const report *r, const drawn_node *n, strbuf *out) {
  strbuf title = {0}, detail = {0}, outputs = {0};
  title_of(n->app, &title);
  detail_of(n->app, &detail);
  output_names(r, n->app, &outputs);
  const char *style = outputs.len ? "box output" : report_inputs(n->app, NULL) ? "box" : "box input";
  strbuf_printf(out, "  <rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"8\" class=\"%s\"/>\n",
                n->x - n->width / 2, n->y - n->height / 2, n->width, n->height, style);
  double up = outputs.len ? 12 : 5;
  put_text_line(n->x, n->y - up, "title", strbuf_text(&title), out);
  put_text_line(n->x, n->y - up + 18, "detail", strbuf_text(&detail), out);
  if (outputs.len)
    put_text_line(n->x, n->y - up + 36, "detail", strbuf_text(&outputs), out);
  strbuf_free(&title);
  strbuf_free(&detail);
  strbuf_free(&outputs);
}

static void put_curve(const drawing *d, const drawn_edge *e, strbuf *out) {
  static const char *const styles[] = {
      [MASK_NONE] = "edge", [MASK_VALID] = "edge masked", [MASK_DESTROYED] = "edge lost"};
  const drawn_node *n = &d->nodes.data[e->from];
  double x = n->x, y = n->y + n->height / 2;
  strbuf_printf(out, "  <path d=\"M %.1f %.1f", x, y);
  for (size_t k = 1; k < e->path.len; k++) {
    n = &d->nodes.data[e->path.data[k]];
    double end = n->y - n->height / 2, middle = (y + end) / 2;
    strbuf_printf(out, " C %.1f %.1f %.1f %.1f %.1f %.1f", x, middle, n->x, middle, n->x, end);
    x = n->x;
    y = end;
  }
  strbuf_printf(out, "\" class=\"%s\" marker-end=\"url(#arrow)\"/>\n", styles[e->carries->mask]);
}

// The label stands where the edge enters its first bend or its end.
static void put_edge_label(const report *r, const drawing *d, const drawn_edge *e, strbuf *out) {
  const drawn_node *from = &d->nodes.data[e->from], *next = &d->nodes.data[e->path.data[1]];
  double top = from->y + from->height / 2, bottom = next->y - next->height / 2;
  double share = e->path.len > 2 ? 0.85 : 0.62, x = next->x, y = top + (bottom - top) * share;
  strbuf text = {0};
  edge_text(r, e->carries, &text);
  double width = 6.2 * (double)text.len + 8;
  strbuf_printf(out, "  <rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"16\" class=\"plate\"/>\n",
                x - width / 2, y - 12, width);
  put_text_line(x, y, e->carries->mask == MASK_VALID ? "label masked" : "label", strbuf_text(&text), out);
  strbuf_free(&text);
}

static const char svg_style[] =
    "  <style>\n"
    "    text { font-family: sans-serif; text-anchor: middle; fill: #222 }\n"
    "    .title { font-size: 14px; font-weight: 600 }\n"
    "    .detail { font-size: 12px; fill: #555 }\n"
    "    .label { font-size: 11px }\n"
    "    .label.masked { fill: #1f5fa8 }\n"
    "    .box { fill: #f7f7f5; stroke: #777 }\n"
    "    .box.input { fill: #eef5ea }\n"
    "    .box.output { fill: #eaf1fb }\n"
    "    .plate { fill: #fff; opacity: 0.85 }\n"
    "    .edge { fill: none; stroke: #777; stroke-width: 1.4 }\n"
    "    .edge.masked { stroke: #1f5fa8; stroke-width: 2 }\n"
    "    .edge.lost { stroke: #b03a2e; stroke-dasharray: 5 4 }\n"
    "  </style>\n"
    "  <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
    "markerHeight=\"7\" "
    "orient=\"auto\"><path d=\"M 0 0 L 8 4 L 0 8 z\" fill=\"#777\"/></marker></defs>\n"
    "  <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";

void report_put_svg(const report *r, strbuf *out) {
  drawing d;
  drawing_make(&d, r, box_width);
  strbuf_printf(
      out,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n"
      "  <title>",
      d.width, d.height, d.width, d.height);
  markup_put_text(out, r->m->name);
  strbuf_puts(out, "</title>\n");
  strbuf_puts(out, svg_style);
  for (size_t i = 0; i < d.edges.len; i++)
    put_curve(&d, &d.edges.data[i], out);
  for (size_t i = 0; i < d.nodes.len; i++)
    if (d.nodes.data[i].app)
      put_box(r, &d.nodes.data[i], out);
  for (size_t i = 0; i < d.edges.len; i++)
    put_edge_label(r, &d, &d.edges.data[i], out);
  strbuf_puts(out, "</svg>\n");
  drawing_free(&d);
}
