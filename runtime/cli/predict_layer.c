// predict --layer NAME: what a layer makes. Executables hold a program that gives every layer's result;
// models without it have the outputs alone, and the report inside tells which layers make them.
#include "runtime/cli/predict.h"
#include "support/intern.h"
#include <jansson.h>
#include <stdlib.h>
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

static bool has_layer(const json_t *layers, const char *layer) {
  for (size_t k = 0; k < json_array_size(layers); k++)
    if (!strcmp(layer_name(layers, k), layer))
      return true;
  return false;
}

// What may be asked for: results by layer, else the outputs.
static const char **names_of(const loaded_model *m, size_t *count) {
  bool probes = m->abi->n_probes > 0;
  *count = probes ? (size_t)m->abi->n_probes : m->outputs_count;
  const char **names = xcalloc(*count + 1, sizeof *names);
  for (size_t k = 0; k < *count; k++)
    names[k] = probes ? m->abi->probes[k].name : m->outputs[k].name;
  return names;
}

static void explain(const loaded_model *m, const char *layer, strbuf *error) {
  size_t n;
  const char **names = names_of(m, &n);
  const char *near = suggest(layer, names, n);
  if (!has_layer(layers_of(m), layer))
    strbuf_printf(error, "the model has no layer '%s'; ", layer);
  else if (m->abi->n_probes)
    strbuf_printf(error, "layer '%s' has no numbers of its own to show; ", layer);
  else
    strbuf_printf(error,
                  "the model was compiled without the program that shows layers ('nlmc build' adds it), so "
                  "'%s' cannot be shown; ",
                  layer);
  if (near)
    strbuf_printf(error, "did you mean '%s'? ", near);
  strbuf_puts(error, "it gives");
  for (size_t k = 0; k < n; k++)
    strbuf_printf(error, "%s '%s'", k ? "," : "", names[k]);
  free(names);
}

layer_choice choose_layer(const loaded_model *m, const char *layer, strbuf *error) {
  const struct nlm_abi_model *abi = m->abi;
  for (int64_t k = 0; k < abi->n_probes; k++)
    if (!strcmp(abi->probes[k].name, layer))
      return abi->probes[k].output >= 0 ? (layer_choice){LAYER_OUTPUT, abi->probes[k].output}
                                        : (layer_choice){LAYER_PROBE, k};
  int64_t output = abi->n_probes ? -1 : output_made_by(m, layers_of(m), layer);
  for (size_t k = 0; output < 0 && k < m->outputs_count; k++)
    if (!strcmp(m->outputs[k].name, layer))
      output = (int64_t)k;
  if (output < 0)
    explain(m, layer, error);
  return (layer_choice){LAYER_OUTPUT, output};
}

// ---- memory

bool layer_probes_load(layer_probes *p, const batcher *b) {
  const struct nlm_abi_model *abi = b->model->abi;
  if (!p->list) {
    p->list = xcalloc((size_t)abi->n_probes + 1, sizeof *p->list);
    p->bytes = xcalloc((size_t)abi->n_probes + 1, sizeof *p->bytes);
  }
  for (int64_t k = 0; k < abi->n_probes; k++) {
    const struct nlm_abi_tensor *t = &abi->probes[k];
    size_t width = t->elem == NLM_INT32 ? 4 : (size_t)abi->real_bytes;
    size_t bytes = (size_t)session_elements(abi, t, b->session->dims) * width;
    if (t->output >= 0 || (p->list[k] && bytes <= p->bytes[k]))
      continue;
    free(p->list[k]);
    p->bytes[k] = (bytes + 127) / 64 * 64;
    p->list[k] = aligned_alloc(64, p->bytes[k]);
    if (!p->list[k])
      return false;
  }
  b->session->frame.probes = p->list;
  return true;
}

void layer_probes_free(layer_probes *p, const loaded_model *m) {
  for (int64_t k = 0; p->list && k < m->abi->n_probes; k++)
    free(p->list[k]);
  free(p->list);
  free(p->bytes);
  *p = (layer_probes){0};
}
