// The frame of the page, the epochs, and the tables about model and settings.
#include "runtime/train/report_parts.h"
#include "support/json.h"
#include "support/markup.h"
#include <jansson.h>
#include <math.h>
#include <string.h>

// ---- pieces

void report_begin_row(strbuf *out, const char *name) {
  strbuf_puts(out, "<tr><th scope=\"row\">");
  markup_put_text(out, name);
  strbuf_puts(out, "</th><td>");
}

static void put_row(strbuf *out, const char *name, const char *text) {
  report_begin_row(out, name);
  markup_put_text(out, text);
  strbuf_puts(out, "</td></tr>\n");
}

static void put_integer_row(strbuf *out, const char *name, int64_t number) {
  report_begin_row(out, name);
  strbuf_printf(out, "%lld</td></tr>\n", (long long)number);
}

void report_put_number(strbuf *out, double number) {
  strbuf_puts(out, "<data value=\"");
  if (isfinite(number))
    json_put_number(out, number);
  else
    strbuf_puts(out, isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
  strbuf_printf(out, "\">%.4g</data>", number);
}

// ---- calls as a source file has them

static const char *class_name(const registry_item *items, const char *name) {
  for (; items->name; items++)
    if (!strcmp(items->name, name))
      return items->class_name ? items->class_name : name;
  return name;
}

static void put_json(strbuf *out, const json_t *v);

static void put_arguments(strbuf *out, const json_t *named) {
  const char *key;
  json_t *v;
  size_t n = 0;
  strbuf_putc(out, '(');
  json_object_foreach((json_t *)(uintptr_t)named, key, v) {
    strbuf_printf(out, "%s%s = ", n++ ? ", " : "", key);
    put_json(out, v);
  }
  strbuf_putc(out, ')');
}

static void put_json(strbuf *out, const json_t *v) {
  const char *call = json_string_value(json_object_get(v, "call"));
  if (call) {
    strbuf_puts(out, class_name(registry_schedules(), call));
    put_arguments(out, json_object_get(v, "named"));
  } else if (json_is_object(v)) {
    put_arguments(out, v);
  } else if (json_is_array(v)) {
    strbuf_putc(out, '[');
    for (size_t k = 0; k < json_array_size(v); k++) {
      strbuf_puts(out, k ? ", " : "");
      put_json(out, json_array_get(v, k));
    }
    strbuf_putc(out, ']');
  } else if (json_is_string(v)) {
    json_put_string(out, json_string_value(v));
  } else if (json_is_integer(v)) {
    strbuf_printf(out, "%lld", (long long)json_integer_value(v));
  } else if (json_is_number(v)) {
    json_put_number(out, json_number_value(v));
  } else {
    strbuf_puts(out, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "none");
  }
}

static void put_call_row(strbuf *out, const char *title, const registry_item *items, const config_call *c) {
  strbuf text = {0};
  strbuf_puts(&text, class_name(items, c->name));
  put_arguments(&text, c->args);
  put_row(out, title, strbuf_text(&text));
  strbuf_free(&text);
}

// ---- about

static void put_source(strbuf *out, const report_part *part) {
  const data_request *q = part->request;
  if (!q) {
    strbuf_puts(out, "the last rows of the training data");
    return;
  }
  for (size_t k = 0; k < q->paths_count; k++) {
    strbuf_puts(out, k ? ", " : "");
    markup_put_text(out, q->paths[k]);
  }
  const data_tensors *lists[] = {&q->inputs, &q->targets};
  for (size_t j = 0, n = 0; j < 2; j++)
    for (size_t k = 0; k < lists[j]->len; k++) {
      strbuf_puts(out, n++ ? ", " : "");
      markup_put_text(out, lists[j]->data[k].name);
      strbuf_puts(out, " = ");
      markup_put_text(out, lists[j]->data[k].path);
    }
}

static void put_data_row(strbuf *out, const char *title, const report_part *part) {
  report_begin_row(out, title);
  if (part->count) {
    strbuf_printf(out, "<data value=\"%zu\">%zu</data> rows: ", part->count, part->count);
    put_source(out, part);
  } else {
    strbuf_puts(out, "none");
  }
  strbuf_puts(out, "</td></tr>\n");
}

static void put_losses(strbuf *out, const loaded_model *m) {
  for (size_t k = 0; k < m->outputs_count; k++)
    if (m->outputs[k].loss) {
      strbuf_puts(out, "<tr><th scope=\"row\">loss of ");
      markup_put_text(out, m->outputs[k].name);
      strbuf_puts(out, "</th><td>");
      markup_put_text(out, m->outputs[k].loss);
      strbuf_puts(out, "</td></tr>\n");
    }
}

static void put_settings(strbuf *out, const train_report *r) {
  const model_training *config = r->model->training;
  const train_settings *s = &r->trainer->settings;
  put_losses(out, r->model);
  put_call_row(out, "optimizer", registry_optimizers(), &config->optimizer);
  if (s->has_learning_rate) {
    report_begin_row(out, "learning rate");
    report_put_number(out, s->learning_rate);
    strbuf_puts(out, " instead of the optimizer's</td></tr>\n");
  }
  put_integer_row(out, "batch size", s->batch_size);
  put_integer_row(out, "epochs", s->epochs);
  report_begin_row(out, "seed");
  strbuf_printf(out, "%llu</td></tr>\n", (unsigned long long)s->seed);
  put_integer_row(out, "threads", pool_threads(s->pool));
  put_row(out, "shuffled", s->shuffle ? "yes" : "no");
  for (size_t k = 0; k < config->callbacks_count; k++)
    put_call_row(out, "callback", registry_callbacks(), &config->callbacks[k]);
  for (size_t k = 0; k < config->constraints_count; k++) {
    strbuf text = {0};
    strbuf_printf(&text, "%s: %s", config->constraints[k].weight, config->constraints[k].call.name);
    put_arguments(&text, config->constraints[k].call.args);
    put_row(out, "constraint", strbuf_text(&text));
    strbuf_free(&text);
  }
}

void report_put_about(strbuf *out, const train_report *r) {
  const struct nlm_abi_model *abi = r->model->abi;
  strbuf_puts(out, "<h2>Run</h2>\n<table>\n");
  put_row(out, "model", abi->name);
  put_row(out, "source hash", abi->source_hash ? abi->source_hash : "unknown");
  put_row(out, "compiler", abi->compiler ? abi->compiler : "unknown");
  put_row(out, "numbers", abi->real_bytes == 8 ? "f64" : "f32");
  put_data_row(out, "training data", &r->parts[REPORT_TRAINING]);
  put_data_row(out, "validation data", &r->parts[REPORT_VALIDATION]);
  put_settings(out, r);
  put_row(out, "weights", r->trainer->settings.save_path);
  strbuf_puts(out, "</table>\n");
}

// ---- epochs

static void put_epoch(strbuf *out, const train_report *r, size_t index) {
  const report_epoch *e = &r->epochs.data[index];
  bool best = (ptrdiff_t)index == r->best;
  strbuf_printf(out, "<tr%s><th scope=\"row\">%lld%s</th>", best ? " class=\"best\"" : "",
                (long long)e->number, best ? " (best)" : "");
  for (size_t k = 0; k < r->names_count; k++) {
    strbuf_puts(out, "<td>");
    report_put_number(out, e->values[k]);
    strbuf_puts(out, "</td>");
  }
  strbuf_printf(out, "<td>%.3g</td><td>%.0f</td></tr>\n", e->seconds, e->rows_per_second);
}

static void put_epochs(strbuf *out, const train_report *r) {
  strbuf_puts(out, "<h2>Epochs</h2>\n<table class=\"numbers\" id=\"epochs\">\n<tr><th>epoch</th>");
  for (size_t k = 0; k < r->names_count; k++) {
    strbuf_puts(out, "<th>");
    markup_put_text(out, r->names[k]);
    strbuf_puts(out, "</th>");
  }
  strbuf_puts(out, "<th>seconds</th><th>examples/s</th></tr>\n");
  for (size_t k = 0; k < r->epochs.len; k++)
    put_epoch(out, r, k);
  strbuf_puts(out, "</table>\n");
}

static void put_state(strbuf *out, const train_report *r) {
  const trainer *t = r->trainer;
  long long done = (long long)t->first_epoch + (long long)r->epochs.len, all = (long long)t->settings.epochs;
  strbuf_puts(out, "<p>");
  if (r->state == REPORT_RUNNING)
    strbuf_printf(out, "Training goes on, or was interrupted: %lld of %lld epochs are done.", done, all);
  else if (r->state == REPORT_DONE)
    strbuf_printf(out, "Training is done: %lld epochs.", done);
  else
    strbuf_printf(out, "Training was stopped early, after %lld of %lld epochs.", done, all);
  if (t->first_epoch)
    strbuf_printf(out, " The first %lld are of an earlier run.", (long long)t->first_epoch);
  if (r->best >= 0) {
    strbuf_printf(out, " The best epoch is %lld by ", (long long)r->epochs.data[r->best].number);
    markup_put_text(out, r->monitor);
    strbuf_puts(out, ".");
  }
  strbuf_puts(out, "</p>\n");
  if (r->failure) {
    strbuf_puts(out, "<p class=\"failure\">");
    markup_put_text(out, r->failure);
    strbuf_puts(out, "</p>\n");
  }
}

// ---- layers

static void put_layer(strbuf *out, const json_t *layer) {
  const json_t *shape = json_object_get(layer, "output_shape"), *inputs = json_object_get(layer, "inputs");
  const char *mask = json_string_value(json_object_get(layer, "mask"));
  strbuf_puts(out, "<tr><th scope=\"row\">");
  markup_put_text(out, json_string_value(json_object_get(layer, "name")));
  strbuf_puts(out, "</th><td>");
  markup_put_text(out, json_string_value(json_object_get(layer, "type")));
  strbuf_puts(out, "</td><td>(");
  for (size_t k = 0; k < json_array_size(shape); k++) {
    const json_t *extent = json_array_get(shape, k);
    strbuf_puts(out, k ? ", " : "");
    if (json_is_integer(extent))
      strbuf_printf(out, "%lld", (long long)json_integer_value(extent));
    else
      markup_put_text(out, json_string_value(extent));
  }
  strbuf_printf(out, ")</td><td>%s</td><td class=\"number\">%lld</td><td>", mask ? mask : "",
                (long long)json_integer_value(json_object_get(layer, "params")));
  for (size_t k = 0; k < json_array_size(inputs); k++) {
    strbuf_puts(out, k ? ", " : "");
    markup_put_text(out, json_string_value(json_array_get(inputs, k)));
  }
  strbuf_puts(out, "</td></tr>\n");
}

static long long total(const json_t *report, const char *key) {
  return (long long)json_integer_value(json_object_get(report, key));
}

void report_put_layers(strbuf *out, const train_report *r) {
  const json_t *report = r->model->report, *layers = json_object_get(report, "layers");
  if (!layers)
    return;
  strbuf_puts(out, "<h2>Layers</h2>\n<table>\n<tr><th>layer</th><th>type</th><th>output shape</th>"
                   "<th>mask</th><th>parameters</th><th>from</th></tr>\n");
  for (size_t k = 0; k < json_array_size(layers); k++)
    put_layer(out, json_array_get(layers, k));
  strbuf_printf(out, "</table>\n<p>%lld parameters, %lld of them trainable.</p>\n",
                total(report, "total_params"), total(report, "trainable_params"));
}

// ---- the whole

static const char style[] =
    ":root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }\n"
    "body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "table { border-collapse: collapse; margin: 0.5rem 0 1rem; }\n"
    "th, td { padding: 0.15rem 0.6rem; text-align: left; border-bottom: 1px solid #8884; vertical-align: "
    "top; "
    "overflow-wrap: anywhere; }\n"
    "th { font-weight: 600; }\n"
    ".numbers td, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }\n"
    "tr.best { background: #2da44e33; }\n"
    "td.right { background: #2da44e33; }\n"
    ".failure { color: #cf222e; }\n"
    ".wide { overflow-x: auto; }\n"
    ".curves { display: flex; flex-wrap: wrap; gap: 1rem; }\n"
    "svg text { fill: currentColor; font-size: 12px; }\n"
    "svg .axis, svg .grid { stroke: currentColor; stroke-width: 1; }\n"
    "svg .grid { opacity: 0.15; }\n"
    "svg .line { fill: none; stroke-width: 2; }\n"
    "svg .best { stroke: #2da44e; stroke-dasharray: 4 3; }\n";

void report_put_page(strbuf *out, const train_report *r) {
  strbuf_puts(out, "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
                   "<meta charset=\"utf-8\"/>\n<title>Training of ");
  markup_put_text(out, r->model->abi->name);
  strbuf_printf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>Training of ", style);
  markup_put_text(out, r->model->abi->name);
  strbuf_puts(out, "</h1>\n");
  put_state(out, r);
  report_put_curves(out, r);
  put_epochs(out, r);
  report_put_verdicts(out, r);
  report_put_about(out, r);
  report_put_facts(out, r);
  report_put_layers(out, r);
  strbuf_puts(out, "</body>\n</html>\n");
}
