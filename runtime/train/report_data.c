// The tables about data: labels, lengths, vocabularies, and what validation data was taken for.
#include "runtime/train/report_parts.h"
#include "support/markup.h"

enum { CLASSES_SHOWN = 200 };

static double percent(size_t part, size_t whole) {
  return whole ? 100.0 * (double)part / (double)whole : 0;
}

void report_put_class(strbuf *out, const model_output *o, size_t class_number) {
  if (class_number < o->classes_count)
    markup_put_text(out, o->classes[class_number]);
  else
    strbuf_printf(out, "%zu", class_number);
}

static void put_more(strbuf *out, size_t classes) {
  if (classes > CLASSES_SHOWN)
    strbuf_printf(out, "<p>and %zu more classes</p>\n", classes - CLASSES_SHOWN);
}

// ---- facts

static void put_lengths_row(strbuf *out, const report_lengths *l, int part) {
  static const char *const titles[] = {"training", "validation"};
  const length_facts *f = &l->lengths[part];
  const coverage_facts *c = &l->coverage[part];
  if (!f->rows)
    return;
  strbuf_puts(out, "<tr><th scope=\"row\">");
  markup_put_text(out, l->name);
  strbuf_printf(out, ", %s</th><td>%zu</td><td>%.1f</td><td>%zu</td>", titles[part], f->rows, f->mean,
                f->shortest);
  for (int k = 0; k < LENGTH_PERCENTS; k++)
    strbuf_printf(out, "<td>%zu</td>", f->up_to[k]);
  strbuf_printf(out, "<td>%zu</td><td>%zu</td>", f->longest, f->empty);
  if (l->most)
    strbuf_printf(out, "<td>%zu (to %lld)</td>", f->cut, (long long)l->most);
  else
    strbuf_puts(out, "<td>0</td>");
  if (l->words)
    strbuf_printf(out, "<td>%.2f%% of %zu tokens by %zu words</td></tr>\n", percent(c->known, c->tokens),
                  c->tokens, vocabulary_size(l->words));
  else
    strbuf_puts(out, "<td></td></tr>\n");
}

static void put_lengths(strbuf *out, const train_report *r) {
  if (!r->lengths.len)
    return;
  strbuf_puts(out, "<h2>Lengths</h2>\n<div class=\"wide\"><table class=\"numbers\">\n<tr><th>steps of</th>"
                   "<th>rows</th><th>mean</th><th>shortest</th>");
  for (int k = 0; k < LENGTH_PERCENTS; k++)
    strbuf_printf(out, "<th>%d%% up to</th>", length_percents[k]);
  strbuf_puts(out, "<th>longest</th><th>empty</th><th>cut</th><th>in the vocabulary</th></tr>\n");
  for (size_t k = 0; k < r->lengths.len; k++)
    for (int p = 0; p < REPORT_PARTS; p++)
      put_lengths_row(out, &r->lengths.data[k], p);
  strbuf_puts(out, "</table></div>\n");
}

static void put_labels(strbuf *out, const report_classes *c) {
  size_t all[REPORT_PARTS] = {0};
  for (int p = 0; p < REPORT_PARTS; p++)
    for (size_t k = 0; c->counts[p] && k < c->classes; k++)
      all[p] += c->counts[p][k];
  strbuf_puts(out, "<h2>Labels of ");
  markup_put_text(out, c->output->name);
  strbuf_puts(out, "</h2>\n<table class=\"numbers\">\n<tr><th>class</th><th>training</th><th></th>");
  strbuf_puts(out, c->counts[REPORT_VALIDATION] ? "<th>validation</th><th></th></tr>\n" : "</tr>\n");
  for (size_t k = 0; k < c->classes && k < CLASSES_SHOWN; k++) {
    strbuf_puts(out, "<tr><th scope=\"row\">");
    report_put_class(out, c->output, k);
    strbuf_puts(out, "</th>");
    for (int p = 0; p < REPORT_PARTS; p++)
      if (c->counts[p])
        strbuf_printf(out, "<td>%zu</td><td>%.1f%%</td>", c->counts[p][k], percent(c->counts[p][k], all[p]));
    strbuf_puts(out, "</tr>\n");
  }
  strbuf_puts(out, "</table>\n");
  put_more(out, c->classes);
}

void report_put_facts(strbuf *out, const train_report *r) {
  for (size_t k = 0; k < r->classes.len; k++)
    put_labels(out, &r->classes.data[k]);
  put_lengths(out, r);
}

// ---- verdicts

static void put_scores(strbuf *out, class_scores s) {
  const double list[] = {s.precision, s.recall, s.f1};
  for (int k = 0; k < 3; k++) {
    strbuf_puts(out, "<td>");
    report_put_number(out, list[k]);
    strbuf_puts(out, "</td>");
  }
}

static void put_mean(strbuf *out, const confusion *c, bool weighted) {
  strbuf_printf(out, "<tr><th scope=\"row\">%s</th>",
                weighted ? "mean of labels" : "mean of classes that occur");
  put_scores(out, confusion_mean(c, weighted));
  strbuf_printf(out, "<td>%zu</td></tr>\n", c->rows);
}

static void put_class_scores(strbuf *out, const confusion *c, const model_output *o) {
  strbuf_puts(out, "<table class=\"numbers\">\n<tr><th>class</th><th>precision</th><th>recall</th>"
                   "<th>F1</th><th>labels</th></tr>\n");
  for (size_t k = 0; k < c->classes && k < CLASSES_SHOWN; k++) {
    strbuf_puts(out, "<tr><th scope=\"row\">");
    report_put_class(out, o, k);
    strbuf_puts(out, "</th>");
    put_scores(out, confusion_scores(c, k));
    strbuf_printf(out, "<td>%zu</td></tr>\n", c->truths[k]);
  }
  put_mean(out, c, false);
  put_mean(out, c, true);
  strbuf_puts(out, "</table>\n");
  put_more(out, c->classes);
}

static void put_matrix(strbuf *out, const confusion *c, const model_output *o) {
  strbuf_puts(out, "<div class=\"wide\"><table class=\"numbers\">\n"
                   "<caption>rows: the label; columns: what it was taken for</caption>\n<tr><td></td>");
  for (size_t k = 0; k < c->classes; k++) {
    strbuf_puts(out, "<th>");
    report_put_class(out, o, k);
    strbuf_puts(out, "</th>");
  }
  strbuf_puts(out, "</tr>\n");
  for (size_t truth = 0; truth < c->classes; truth++) {
    strbuf_puts(out, "<tr><th scope=\"row\">");
    report_put_class(out, o, truth);
    strbuf_puts(out, "</th>");
    for (size_t k = 0; k < c->classes; k++)
      strbuf_printf(out, "<td%s>%zu</td>", k == truth ? " class=\"right\"" : "",
                    c->cells[truth * c->classes + k]);
    strbuf_puts(out, "</tr>\n");
  }
  strbuf_puts(out, "</table></div>\n");
}

void report_put_verdicts(strbuf *out, const train_report *r) {
  for (size_t k = 0; k < r->of_best.len && r->epochs.len; k++) {
    const confusion *c = &r->of_best.data[k];
    const model_output *o = &r->model->outputs[c->output];
    size_t epoch = r->best >= 0 ? (size_t)r->best : r->epochs.len - 1;
    strbuf_puts(out, "<h2>Validation of ");
    markup_put_text(out, o->name);
    strbuf_printf(out, ", epoch %lld</h2>\n", (long long)r->epochs.data[epoch].number);
    if (c->cells)
      put_matrix(out, c, o);
    put_class_scores(out, c, o);
  }
}
