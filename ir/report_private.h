#ifndef NLM_IR_REPORT_PRIVATE_H
#define NLM_IR_REPORT_PRIVATE_H
// The report as data, for its printers. All in malloc'ed lists that report_free releases; texts live in the
// unit.
#include "ir/layer.h"
#include "ir/report.h"

typedef struct report_row {
  const layer *layer;
  int64_t params, trainable;
  double bytes, flops; // results of all applications
} report_row;

typedef struct report {
  const model *m;
  const report_options *o;
  bool concrete; // every dimension was given
  VEC(report_row) rows;
  int64_t params, trainable;
} report;

void report_make(report *r, const model *m, const report_options *o);
void report_free(report *r);

const char *report_dtype(const report *r, const tensor *t);      // "f32", "f64", "int", "text"
const char *report_mask(const tensor *t);                        // "none", "valid", "destroyed"
void report_shape(const shape *s, const report *r, strbuf *out); // concrete where every dimension was given
// The tensors an application reads, call arguments included, in order. `list` may be NULL; returns how many.
size_t report_inputs(const application *app, const tensor **list);
// Bytes as Keras prints them: "19.81 MB", base 1024.
void report_put_bytes(double bytes, strbuf *out);
void report_put_count(int64_t n, strbuf *out); // with thousands commas
size_t report_weight_bytes(const report *r);   // of one number
const char *report_workspace_name(int kind);   // by program_kind

void report_put_table(const report *r, strbuf *out);
void report_put_json(const report *r, strbuf *out);
void report_put_dot(const report *r, strbuf *out);
void report_put_svg(const report *r, strbuf *out);

#endif
