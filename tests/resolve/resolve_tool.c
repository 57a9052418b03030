// Resolves a file and prints its diagnostics, then each model's layers: name, type, inputs, shape, mask,
// weights.
//   resolve_tool FILE [NAME=VALUE...]      exit 1 if there was an error
#include "frontend/resolve.h"
#include "ir/layer.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_application(const application *app, strbuf *out) {
  strbuf_printf(out, "  %s %s(", app->layer->name, app->layer->def->name);
  for (int i = 0; i < app->n_inputs; i++)
    strbuf_printf(out, "%s%s", i ? ", " : "", app->inputs[i]->source->layer->name);
  strbuf_puts(out, ") ->");
  for (int i = 0; i < app->n_outputs; i++) {
    const tensor *t = app->outputs[i];
    static const char *const masks[] = {"", " valid", " destroyed"};
    strbuf_printf(out, " %s", tensor_type_name(t->type));
    shape_print(&t->shape, out);
    strbuf_puts(out, masks[t->mask]);
  }
  if (app->number == 0)
    strbuf_printf(out, " %" PRId64, layer_param_count(app->layer, false));
  strbuf_putc(out, '\n');
}

static void print_model(const model *m, strbuf *out) {
  int64_t total = 0, trainable = 0;
  strbuf_printf(out, "model %s\n", m->name);
  for (size_t i = 0; i < m->applications.len; i++)
    print_application(m->applications.data[i], out);
  for (size_t i = 0; i < m->outputs.len; i++)
    strbuf_printf(out, "  output %s = %s\n", m->outputs.data[i].name,
                  m->outputs.data[i].value->source->layer->name);
  for (size_t i = 0; i < m->layers.len; i++) {
    total += layer_param_count(m->layers.data[i], false);
    trainable += layer_param_count(m->layers.data[i], true);
  }
  strbuf_printf(out, "  total %" PRId64 ", trainable %" PRId64 "\n", total, trainable);
  for (size_t i = 0; m->train && i < m->train->count; i++) {
    strbuf_printf(out, "  train %s = ", m->train->names[i]);
    value_print(m->train->values[i], out);
    strbuf_putc(out, '\n');
  }
}

int main(int argc, char **argv) {
  definition definitions[16];
  load_options options = {.definitions = definitions};
  if (argc < 2 || argc > 17)
    return 2;
  for (int i = 2; i < argc; i++) {
    char *sign = strchr(argv[i], '=');
    if (!sign)
      return 2;
    *sign = '\0';
    definitions[options.definitions_count++] = (definition){argv[i], sign + 1};
  }
  diags *d = diags_new();
  unit *u = unit_new(d);
  bool good = load_models(u, argv[1], &options);
  strbuf out = {0};
  diags_print_text(d, &out, false);
  for (size_t i = 0; good && i < u->models.len; i++)
    print_model(u->models.data[i], &out);
  fputs(strbuf_text(&out), stdout);
  strbuf_free(&out);
  unit_free(u);
  diags_free(d);
  return good ? 0 : 1;
}
