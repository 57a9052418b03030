// From numbers of an output to a class, and from the status of a run to a sentence.
#include "runtime/api/api.h"
#include <stdio.h>
#include <string.h>

values_type output_values_type(const loaded_model *m, size_t output) {
  if (m->abi->outputs[output].elem == NLM_INT32)
    return VALUES_I32;
  return m->abi->real_bytes == 8 ? VALUES_F64 : VALUES_F32;
}

double value_at(const void *values, values_type type, int64_t index) {
  switch (type) {
  case VALUES_F32:
    return (double)((const float *)values)[index];
  case VALUES_F64:
    return ((const double *)values)[index];
  case VALUES_I32:
    return (double)((const int32_t *)values)[index];
  }
  return 0;
}

static const char *class_name(const model_output *o, int64_t index) {
  return index >= 0 && (size_t)index < o->classes_count ? o->classes[index] : NULL;
}

decision decide(const model_output *o, const void *values, values_type type, int64_t units) {
  decision d = {-1, NULL, 0};
  if (units < 1)
    return d;
  d.probability = value_at(values, type, 0);
  if (o->decided) {
    d.index = (int64_t)d.probability;
    d.probability = 0;
  } else if (units == 1) {
    bool binary = o->classes_count == 2 || (o->activation && !strcmp(o->activation, "sigmoid"));
    if (binary) {
      d.index = d.probability > 0.5;
      d.probability = d.index ? d.probability : 1 - d.probability;
    }
  } else {
    d.index = 0;
    for (int64_t k = 1; k < units; k++) {
      double v = value_at(values, type, k);
      if (v > d.probability) {
        d.probability = v;
        d.index = k;
      }
    }
  }
  d.label = class_name(o, d.index);
  return d;
}

void describe_bad_id(const session *s, int64_t first_row, char *text, size_t n) {
  const struct nlm_abi_model *abi = s->model;
  const struct nlm_frame *f = &s->frame;
  const struct nlm_abi_tensor *t = &abi->inputs[f->status_input];
  if (f->status_position < 0) {
    snprintf(text, n, "input '%s': sequences of more than %lld steps have no place in its table of positions",
             t->name, (long long)f->status_value);
    return;
  }
  char step[40] = "";
  bad_place at = session_bad_place(s);
  if (at.step >= 0)
    snprintf(step, sizeof step, ", step %lld", (long long)at.step);
  snprintf(text, n, "input '%s', row %lld%s: id %lld is outside its table of %lld rows", t->name,
           (long long)(first_row + at.row), step, (long long)f->status_value, (long long)f->status_limit);
}
