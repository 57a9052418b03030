// Curves of logged values over epochs as SVG: training and validation together.
#include "runtime/train/report_parts.h"
#include "support/markup.h"
#include <math.h>
#include <string.h>

enum { WIDTH = 480, HEIGHT = 260, LEFT = 64, RIGHT = 16, TOP = 34, BOTTOM = 40, TICKS = 5, DOTS_MAX = 30 };
enum { LINES = 2 };

typedef struct chart {
  const train_report *report;
  const char *name;
  int columns[LINES]; // of report->names: training, validation; -1: none
  double low, high;   // of the vertical axis
  double first, last; // of the horizontal axis: epochs
} chart;

static const char *const colors[LINES] = {"#1f77b4", "#e8710a"};
static const char *const labels[LINES] = {"training", "validation"};

static int column_of(const train_report *r, const char *prefix, const char *name) {
  size_t skip = strlen(prefix);
  for (size_t k = 0; k < r->names_count; k++)
    if (!strncmp(r->names[k], prefix, skip) && !strcmp(r->names[k] + skip, name))
      return (int)k;
  return -1;
}

static double value_at(const chart *c, int line, size_t epoch) {
  return c->columns[line] < 0 ? NAN : c->report->epochs.data[epoch].values[c->columns[line]];
}

// The smallest 1, 2 or 5 times a power of ten that divides the range into at most TICKS parts.
static double tick_step(double range) {
  double step = pow(10, floor(log10(range / TICKS)));
  static const double factors[] = {1, 2, 5, 10};
  for (int k = 0; k < 4; k++)
    if (range / (step * factors[k]) <= TICKS)
      return step * factors[k];
  return step * 10;
}

static bool set_range(chart *c) {
  const train_report *r = c->report;
  c->low = INFINITY;
  c->high = -INFINITY;
  for (int line = 0; line < LINES; line++)
    for (size_t e = 0; e < r->epochs.len; e++) {
      double v = value_at(c, line, e);
      if (!isfinite(v))
        continue;
      c->low = v < c->low ? v : c->low;
      c->high = v > c->high ? v : c->high;
    }
  if (c->low > c->high)
    return false;
  if (c->high - c->low <= 1e-12 * fabs(c->high)) {
    double room = c->high != 0 ? fabs(c->high) * 0.1 : 1;
    c->low -= room;
    c->high += room;
  }
  double step = tick_step(c->high - c->low);
  c->low = floor(c->low / step) * step;
  c->high = ceil(c->high / step) * step;
  c->first = (double)r->epochs.data[0].number;
  c->last = (double)r->epochs.data[r->epochs.len - 1].number;
  return isfinite(c->high - c->low);
}

static double across(const chart *c, double epoch) {
  double room = WIDTH - LEFT - RIGHT;
  return c->last > c->first ? LEFT + (epoch - c->first) / (c->last - c->first) * room : LEFT + room / 2;
}

static double down(const chart *c, double v) {
  return TOP + (c->high - v) / (c->high - c->low) * (HEIGHT - TOP - BOTTOM);
}

static void put_axes(strbuf *out, const chart *c) {
  double step = tick_step(c->high - c->low);
  for (int k = 0; c->low + k * step <= c->high + step / 2 && k <= 2 * TICKS; k++) {
    double v = c->low + k * step, y = down(c, v);
    v = fabs(v) < step / 1e6 ? 0 : v;
    strbuf_printf(out,
                  "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
                  "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n",
                  LEFT, y, WIDTH - RIGHT, y, LEFT - 6, y + 4, v);
  }
  double range = c->last - c->first, epochs = range > 0 ? fmax(1, tick_step(range)) : 1;
  for (double e = ceil(c->first / epochs) * epochs; e <= c->last; e += epochs)
    strbuf_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n", across(c, e),
                  HEIGHT - BOTTOM + 16, e);
  strbuf_printf(out,
                "<path class=\"axis\" fill=\"none\" d=\"M%d %d V%d H%d\"/>"
                "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">epoch</text>\n",
                LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8);
}

static void put_best(strbuf *out, const chart *c) {
  const train_report *r = c->report;
  if (r->best < 0)
    return;
  double x = across(c, (double)r->epochs.data[r->best].number);
  strbuf_printf(out, "<line class=\"best\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n", x, TOP, x,
                HEIGHT - BOTTOM);
}

// Values that are no numbers break the line.
static void put_line(strbuf *out, const chart *c, int line) {
  const train_report *r = c->report;
  bool drawing = false;
  strbuf dots = {0};
  strbuf_printf(out, "<path class=\"line\" stroke=\"%s\" d=\"", colors[line]);
  for (size_t e = 0; e < r->epochs.len; e++) {
    double v = value_at(c, line, e), x = across(c, (double)r->epochs.data[e].number);
    if (isfinite(v)) {
      strbuf_printf(out, "%s%.1f %.1f", drawing ? " L" : "M", x, down(c, v));
      strbuf_printf(&dots, "<circle fill=\"%s\" r=\"2.5\" cx=\"%.1f\" cy=\"%.1f\"/>", colors[line], x,
                    down(c, v));
    }
    drawing = isfinite(v);
  }
  strbuf_puts(out, "\"/>\n");
  if (r->epochs.len <= DOTS_MAX && dots.len)
    strbuf_printf(out, "%s\n", strbuf_text(&dots));
  strbuf_free(&dots);
}

static void put_legend(strbuf *out, const chart *c) {
  int x = LEFT;
  for (int line = 0; line < LINES; line++) {
    if (c->columns[line] < 0)
      continue;
    strbuf_printf(out,
                  "<line x1=\"%d\" y1=\"24\" x2=\"%d\" y2=\"24\" stroke=\"%s\" stroke-width=\"3\"/>"
                  "<text x=\"%d\" y=\"28\">%s</text>\n",
                  x, x + 18, colors[line], x + 24, labels[line]);
    x += 100;
  }
  if (c->report->best >= 0)
    strbuf_printf(out,
                  "<line class=\"best\" x1=\"%d\" y1=\"24\" x2=\"%d\" y2=\"24\"/>"
                  "<text x=\"%d\" y=\"28\">best epoch</text>\n",
                  x, x + 18, x + 24);
}

static void put_chart(strbuf *out, chart *c) {
  bool any = set_range(c);
  strbuf_printf(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%d\" height=\"%d\" "
                "viewBox=\"0 0 %d %d\">\n<title>",
                WIDTH, HEIGHT, WIDTH, HEIGHT);
  markup_put_text(out, c->name);
  strbuf_printf(out, " by epoch</title>\n<text x=\"%d\" y=\"13\" font-weight=\"bold\">", LEFT);
  markup_put_text(out, c->name);
  strbuf_puts(out, "</text>\n");
  if (any) {
    put_axes(out, c);
    put_best(out, c);
    for (int line = 0; line < LINES; line++)
      put_line(out, c, line);
    put_legend(out, c);
  } else {
    strbuf_printf(out, "<text x=\"%d\" y=\"%d\">no finite numbers</text>\n", LEFT, HEIGHT / 2);
  }
  strbuf_puts(out, "</svg>\n");
}

void report_put_curves(strbuf *out, const train_report *r) {
  if (!r->epochs.len)
    return;
  strbuf_puts(out, "<h2>Curves</h2>\n<div class=\"curves\">\n");
  for (int loss_first = 1; loss_first >= 0; loss_first--)
    for (size_t k = 0; k < r->names_count; k++) {
      const char *name = r->names[k];
      bool of_validation = !strncmp(name, "val_", 4) && column_of(r, "", name + 4) >= 0;
      if (of_validation || (strcmp(name, "loss") == 0) != (loss_first == 1))
        continue;
      chart c = {.report = r, .name = name, .columns = {(int)k, column_of(r, "val_", name)}};
      put_chart(out, &c);
    }
  strbuf_puts(out, "</div>\n");
}
