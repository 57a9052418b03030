// The C header beside an object file: what the model takes and gives, by name.
#include "driver/compile.h"
#include <ctype.h>
#include <string.h>

static void put_macro_name(strbuf *out, const char *text) {
  for (; *text; text++)
    strbuf_putc(out, isalnum((unsigned char)*text) ? (char)toupper((unsigned char)*text) : '_');
}

static void put_define(strbuf *out, const char *owner, const char *kind, const char *name, size_t index) {
  strbuf_puts(out, "#define NLM_");
  put_macro_name(out, owner);
  strbuf_printf(out, "_%s_", kind);
  put_macro_name(out, name);
  strbuf_printf(out, " %zu\n", index);
}

static void put_shape_comment(strbuf *out, const char *name, const char *type, const shape *s) {
  strbuf_printf(out, "//   %s: %s ", name, type);
  shape_print(s, out);
  strbuf_putc(out, '\n');
}

static const char *type_text(tensor_type t, bool f64) {
  return t == TENSOR_TEXT ? "text" : t == TENSOR_INT ? "int32_t" : f64 ? "double" : "float";
}

static bool is_target(const program_input *in) {
  return in->model_input < 0;
}

static void put_tensors(const model *m, const program_inputs *inputs, const options *o, strbuf *out) {
  strbuf_puts(out, "// Inputs:\n");
  for (size_t k = 0; k < m->inputs.len; k++)
    put_shape_comment(out, m->inputs.data[k]->name, type_text(m->inputs.data[k]->type, o->f64),
                      &m->inputs.data[k]->shape);
  strbuf_puts(out, "// Outputs:\n");
  for (size_t k = 0; k < m->outputs.len; k++)
    put_shape_comment(out, m->outputs.data[k].name, type_text(m->outputs.data[k].value->type, o->f64),
                      &m->outputs.data[k].value->shape);
  strbuf_puts(
      out,
      "\n// Positions in the arrays of nlm_run. A text input stands for the ids that its pipeline makes.\n");
  for (size_t k = 0; k < inputs->list.len; k++)
    if (!is_target(&inputs->list.data[k]))
      put_define(out, m->name, "INPUT", inputs->list.data[k].name, k);
  for (size_t k = 0; k < m->outputs.len; k++)
    put_define(out, m->name, "OUTPUT", m->outputs.data[k].name, k);
}

void header_print(const model *m, const program_inputs *inputs, const options *o, strbuf *out) {
  const char *prefix = o->prefix ? o->prefix : "";
  strbuf_puts(out, "#ifndef NLM_MODEL_");
  put_macro_name(out, prefix);
  put_macro_name(out, m->name);
  strbuf_puts(out, "_H\n#define NLM_MODEL_");
  put_macro_name(out, prefix);
  put_macro_name(out, m->name);
  strbuf_printf(out,
                "_H\n"
                "// Model %s, compiled by nlmc " NLM_VERSION
                ". Link the object file beside this header with libnlm:\n"
                "//   cc app.c %s.o $(pkg-config --cflags --libs nlm)\n"
                "// and hand the descriptor to nlm_open (nlm/nlm.h says how to predict).\n//\n",
                m->name, m->name);
  put_tensors(m, inputs, o, out);
  strbuf_printf(out,
                "\n#include <nlm/nlm.h>\n\n"
                "#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
                "extern const struct nlm_abi_model %snlm_model_%s;\n"
                "#ifdef __cplusplus\n}\n#endif\n#endif\n",
                prefix, m->name);
}
