#ifndef NLM_IR_REPORT_H
#define NLM_IR_REPORT_H
// What `nlmc shapes` prints: layers with shapes, masks, parameters and connections, from L1. The model must
// be free of errors. One thread per unit.
#include "ir/model.h"

typedef enum { REPORT_TABLE, REPORT_JSON, REPORT_DOT, REPORT_SVG } report_format;

typedef struct report_options {
  bool f64; // numbers are double, else float
  // Extents of named dimensions by symbol number (dim.symbol), -1 where none was given; NULL: no concrete
  // sizes. With every dimension of the model given, layers also show concrete shapes, bytes of their results,
  // and FLOP of one pass. Masked steps count as if all were valid.
  const int64_t *extents;
  int n_extents;
  bool training; // FLOP of a training step (needs model.training), else of a prediction
  // Bytes of workspace by program kind, the first n_workspaces of them; -1: more than 64 bits hold.
  int64_t workspace[3];
  int n_workspaces;
  // With the workspace of training: bytes of it that the forward pass writes and the backward pass reads; -1
  // as above.
  int64_t saved;
} report_options;

// Named dimensions of the model, in the order in which layers first show them. Returns how many; `list` may
// be NULL.
size_t model_dimensions(const model *m, const dim **list, size_t capacity);

void report_print(const model *m, report_format format, const report_options *o, strbuf *out);
// Compares with a stored JSON report. Every value of it must be there and equal, but for places in the source
// (line, column). One line per difference is added to `differences`; returns how many, or -1 when the text is
// no report.
int report_compare(const model *m, const report_options *o, const char *expected_json, strbuf *differences);

// ---- cost (ir/cost.c)
struct program;
// FLOP of one run of a program by label: flops[i] is what serves names[i] ("bidirectional" takes in
// "bidirectional/forward"). `extents` by symbol for named dimensions; run-time counts are taken at their
// bound. Multiplication and addition count one each; a row gather, or a product with a one-hot matrix, none.
void program_flops(const struct program *p, const int64_t *extents, int n_extents, const char *const *names,
                   size_t n_names, double *flops);

#endif
