// predict --layer NAME: which output a layer makes, by the report inside the model.
#include "runtime/cli/predict.h"
#include "support/intern.h"
#include <jansson.h>
#include <string.h>

static const json_t *layers_of(const loaded_model *m) {
  return json_object_get(m->report, "layers");
}

static const char *layer_name(const json_t *layers, size_t k) {
  const char *name = json_string_value(json_object_get(json_array_get(layers, k), "name"));
  return name ? name : "";
}

static bool takes(const json_t *layer, const char *name) {
  const json_t *inputs = json_object_get(layer, "inputs");
  for (size_t k = 0; k < json_array_size(inputs); k++)
    if (!strcmp(json_string_value(json_array_get(inputs, k)) ? json_string_value(json_array_get(inputs, k))
                                                             : "",
                name))
      return true;
  const json_t *applications = json_object_get(layer, "applications");
  for (size_t k = 0; k < json_array_size(applications); k++)
    if (takes(json_array_get(applications, k), name))
      return true;
  return false;
}

static bool is_last(const json_t *layers, const char *name) {
  for (size_t k = 0; k < json_array_size(layers); k++)
    if (takes(json_array_get(layers, k), name))
      return false;
  return true;
}

// Layers that no other takes make the outputs, in their order, where there are as many of them.
static int64_t output_made_by(const loaded_model *m, const json_t *layers, const char *layer) {
  int64_t output = -1;
  size_t last = 0;
  for (size_t k = 0; k < json_array_size(layers); k++) {
    const char *name = layer_name(layers, k);
    if (!is_last(layers, name))
      continue;
    if (!strcmp(name, layer))
      output = (int64_t)last;
    last++;
  }
  return last == m->outputs_count ? output : -1;
}

static void explain(const loaded_model *m, const json_t *layers, const char *layer, strbuf *error) {
  size_t n = json_array_size(layers);
  const char **names = xcalloc(n + 1, sizeof *names);
  bool known = false;
  for (size_t k = 0; k < n; k++) {
    names[k] = layer_name(layers, k);
    known |= !strcmp(names[k], layer);
  }
  const char *near = known ? NULL : suggest(layer, names, n);
  if (known)
    strbuf_printf(
        error,
        "what layer '%s' gives stays inside the compiled program, which gives the model's outputs alone:",
        layer);
  else
    strbuf_printf(error, "the model has no layer '%s'; ", layer);
  if (near)
    strbuf_printf(error, "did you mean '%s'?", near);
  else if (!known)
    strbuf_puts(error, "it gives");
  for (size_t k = 0; !near && k < m->outputs_count; k++)
    strbuf_printf(error, "%s '%s'", k ? "," : "", m->outputs[k].name);
  if (known)
    strbuf_puts(error, "; declare it as a further `output` to see it");
  free(names);
}

int64_t output_of_layer(const loaded_model *m, const char *layer, strbuf *error) {
  const json_t *layers = layers_of(m);
  int64_t output = output_made_by(m, layers, layer);
  for (size_t k = 0; output < 0 && k < m->outputs_count; k++)
    if (!strcmp(m->outputs[k].name, layer))
      output = (int64_t)k;
  if (output < 0)
    explain(m, layers, layer, error);
  return output;
}
