#include "runtime/train/schema.h"
#include "runtime/session.h"
#include <stdlib.h>
#include <string.h>

bool output_has_label_rows(const model_output *o) {
  return o->loss && !strcmp(o->loss, "ctc");
}

bool output_has_classes(const model_output *o) {
  if (output_has_label_rows(o))
    return false;
  if (o->class_ids)
    return true;
  if (!o->loss)
    return false;
  return !strcmp(o->loss, "categorical_crossentropy") ||
         (!strcmp(o->loss, "binary_crossentropy") && o->units == 1);
}

int64_t output_class_limit(const model_output *o) {
  return o->units == 1 ? 2 : o->units;
}

static void fill_input(const model_input *in, data_field *f) {
  f->name = in->name;
  f->rank = in->rank;
  memcpy(f->extents, in->extents, in->rank * sizeof *in->extents);
  if (in->type == MODEL_INPUT_TEXT)
    f->kind = in->rank ? DATA_WORDS : DATA_TEXT;
  else
    f->kind = in->type == MODEL_INPUT_INT ? DATA_INT : DATA_FLOAT;
}

// The target's own shape: fixed extents, -1 for symbolic ones.
static void fill_numbers(const loaded_model *m, const model_output *o, data_field *f) {
  const struct nlm_abi_tensor *t = &m->abi->inputs[o->target];
  f->kind = o->class_ids ? DATA_INT : DATA_FLOAT;
  f->rank = (size_t)t->rank - 1;
  for (int64_t k = 1; k < t->rank; k++) {
    const struct nlm_abi_expr *e = &m->abi->exprs[t->dims[k]];
    f->extents[k - 1] = e->op == NLM_EXPR_CONST && !output_has_label_rows(o) ? e->a : -1;
  }
}

static void fill_output(const loaded_model *m, const model_output *o, schema_use use, data_field *f) {
  f->name = o->name;
  if (use == SCHEMA_TENSORS || !output_has_classes(o)) {
    fill_numbers(m, o, f);
    return;
  }
  f->kind = o->sequence ? DATA_CLASSES : DATA_CLASS;
  f->rank = o->sequence;
  f->extents[0] = -1;
}

static bool is_named(const data_schema *s, const char *name) {
  for (size_t k = 0; k < s->inputs_count + s->outputs_count; k++)
    if (!strcmp(s->inputs[k].name, name))
      return true;
  return false;
}

// One number a row or, where an output is a sequence, one for each step. Behind the fields of the outputs.
static void add_weight(const loaded_model *m, model_schema *s) {
  data_field *f = &s->fields[s->data.inputs_count + s->data.outputs_count];
  *f = (data_field){.name = "sample_weight", .kind = DATA_FLOAT, .extents = {-1}};
  if (!s->data.outputs_count || is_named(&s->data, f->name))
    return;
  for (size_t k = 0; k < s->data.outputs_count; k++)
    f->rank |= m->outputs[s->outputs[k]].sequence;
  s->weight = f;
}

model_schema schema_new(const loaded_model *m, schema_use use) {
  model_schema s = {0};
  size_t outputs = 0;
  s.fields = xcalloc(m->inputs_count + m->outputs_count + 2, sizeof *s.fields);
  s.outputs = xcalloc(m->outputs_count + 1, sizeof *s.outputs);
  for (size_t k = 0; k < m->inputs_count; k++)
    fill_input(&m->inputs[k], &s.fields[k]);
  for (size_t k = 0; k < m->outputs_count; k++)
    if (m->outputs[k].target >= 0) {
      fill_output(m, &m->outputs[k], use, &s.fields[m->inputs_count + outputs]);
      s.outputs[outputs++] = k;
    }
  s.data = (data_schema){s.fields, m->inputs_count, s.fields + m->inputs_count, outputs,
                         m->abi->real_bytes == sizeof(float)};
  if (use == SCHEMA_FILES)
    add_weight(m, &s);
  return s;
}

void schema_free(model_schema *s) {
  free(s->fields);
  free(s->outputs);
  *s = (model_schema){0};
}
