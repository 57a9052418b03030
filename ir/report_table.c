// The report as a table in the manner of Keras's summary.
#include "ir/report_private.h"
#include "support/utf8.h"
#include <string.h>

enum {
  COLUMN_LAYER,
  COLUMN_SHAPE,
  COLUMN_MASK,
  COLUMN_PARAMS,
  COLUMN_BYTES,
  COLUMN_FLOP,
  COLUMN_INPUTS,
  COLUMNS
};

static const char *const titles[COLUMNS] = {"Layer (type)", "Output shape", "Mask",        "Params",
                                            "Output bytes", "FLOP",         "Connected to"};

typedef struct table_line {
  strbuf cells[COLUMNS];
} table_line;

typedef VEC(table_line) table_lines;

static size_t cells_of(const strbuf *text) {
  size_t width = 0;
  for (size_t i = 0; i < text->len;) {
    uint32_t code;
    size_t n = utf8_decode(text->data + i, text->len - i, &code);
    width += n ? (size_t)utf8_cells(code) : 1;
    i += n ? n : 1;
  }
  return width;
}

static bool is_number_column(int column) {
  return column == COLUMN_PARAMS || column == COLUMN_BYTES || column == COLUMN_FLOP;
}

static void put_padding(strbuf *out, size_t n) {
  for (size_t i = 0; i < n; i++)
    strbuf_putc(out, ' ');
}

static void put_connections(const application *app, strbuf *out) {
  size_t n = report_inputs(app, NULL);
  const tensor **list = xcalloc(n + 1, sizeof *list);
  report_inputs(app, list);
  for (size_t i = 0; i < n; i++)
    strbuf_printf(out, "%s%s", i ? ", " : "", list[i]->source ? list[i]->source->layer->name : list[i]->name);
  if (n == 0)
    strbuf_putc(out, '-');
  free(list);
}

static void put_shapes(const report *r, const application *app, strbuf *out) {
  for (int k = 0; k < app->n_outputs; k++) {
    if (k)
      strbuf_puts(out, ", ");
    report_shape(&app->outputs[k]->shape, r, out);
  }
}

// Whole numbers up to what 64 bits hold, in powers of ten beyond.
static void put_large_count(double n, strbuf *out) {
  if (n < 9e18)
    report_put_count((int64_t)n, out);
  else
    strbuf_printf(out, "%.3g", n);
}

static void add_row(table_lines *lines, const report *r, const report_row *row) {
  const layer *l = row->layer;
  for (size_t a = 0; a < l->applications.len; a++) {
    const application *app = l->applications.data[a];
    table_line line = {0};
    if (a == 0) {
      strbuf_printf(&line.cells[COLUMN_LAYER], "%s (%s)", l->name, l->def->name);
      report_put_count(row->params, &line.cells[COLUMN_PARAMS]);
      put_large_count(row->bytes, &line.cells[COLUMN_BYTES]);
      put_large_count(row->flops, &line.cells[COLUMN_FLOP]);
    } else {
      strbuf_printf(&line.cells[COLUMN_LAYER], "  %s, used again", l->name);
    }
    put_shapes(r, app, &line.cells[COLUMN_SHAPE]);
    strbuf_puts(&line.cells[COLUMN_MASK], report_mask(app->outputs[0]));
    put_connections(app, &line.cells[COLUMN_INPUTS]);
    vec_push(lines, line);
  }
}

static void put_line(const table_line *line, const size_t *widths, strbuf *out) {
  size_t pending = 0;
  for (int c = 0; c < COLUMNS; c++) {
    if (widths[c] == 0)
      continue;
    size_t space = widths[c] - cells_of(&line->cells[c]);
    put_padding(out, pending + (is_number_column(c) ? space : 0));
    strbuf_puts(out, strbuf_text(&line->cells[c]));
    pending = 2 + (is_number_column(c) ? 0 : space);
  }
  strbuf_putc(out, '\n');
}

static void put_rule(const size_t *widths, strbuf *out) {
  size_t total = 0;
  for (int c = 0; c < COLUMNS; c++)
    total += widths[c] ? widths[c] + 2 : 0;
  for (size_t i = 2; i < total; i++)
    strbuf_putc(out, '-');
  strbuf_putc(out, '\n');
}

static void put_total(const report *r, const char *what, int64_t params, strbuf *out) {
  strbuf_printf(out, "%s params: ", what);
  report_put_count(params, out);
  strbuf_puts(out, " (");
  report_put_bytes((double)params * (double)report_weight_bytes(r), out);
  strbuf_puts(out, ")\n");
}

static void put_bytes(int64_t bytes, strbuf *out) {
  if (bytes >= 0)
    report_put_count(bytes, out);
  strbuf_puts(out, bytes < 0 ? "more than 64 bits hold\n" : " bytes\n");
}

static void put_totals(const report *r, strbuf *out) {
  put_total(r, "Total", r->params, out);
  put_total(r, "Trainable", r->trainable, out);
  put_total(r, "Non-trainable", r->params - r->trainable, out);
  if (!r->concrete)
    return;
  double flops = 0;
  for (size_t i = 0; i < r->rows.len; i++)
    flops += r->rows.data[i].flops;
  strbuf_puts(out, r->o->training && r->m->training ? "FLOP of a training step: " : "FLOP of a prediction: ");
  put_large_count(flops, out);
  strbuf_putc(out, '\n');
  for (int k = 0; k < r->o->n_workspaces; k++) {
    strbuf_printf(out, "Workspace for %s: ", report_workspace_name(k));
    put_bytes(r->o->workspace[k], out);
  }
  if (r->o->n_workspaces > PROGRAM_GRAD) {
    strbuf_puts(out, "Kept for the backward pass: ");
    put_bytes(r->o->saved, out);
  }
}

void report_put_table(const report *r, strbuf *out) {
  table_lines lines = {0};
  table_line head = {0};
  for (int c = 0; c < COLUMNS; c++)
    strbuf_puts(&head.cells[c], titles[c]);
  vec_push(&lines, head);
  for (size_t i = 0; i < r->rows.len; i++)
    add_row(&lines, r, &r->rows.data[i]);
  size_t widths[COLUMNS] = {0};
  for (size_t i = 0; i < lines.len; i++)
    for (int c = 0; c < COLUMNS; c++) {
      size_t width = cells_of(&lines.data[i].cells[c]);
      widths[c] = width > widths[c] ? width : widths[c];
    }
  if (!r->concrete)
    widths[COLUMN_BYTES] = widths[COLUMN_FLOP] = 0;
  strbuf_printf(out, "Model: \"%s\"\n", r->m->name);
  put_rule(widths, out);
  for (size_t i = 0; i < lines.len; i++) {
    put_line(&lines.data[i], widths, out);
    if (i == 0)
      put_rule(widths, out);
  }
  put_rule(widths, out);
  put_totals(r, out);
  for (size_t i = 0; i < lines.len; i++)
    for (int c = 0; c < COLUMNS; c++)
      strbuf_free(&lines.data[i].cells[c]);
  vec_free(&lines);
}
