#ifndef NLM_RUNTIME_TRAIN_REPORT_PARTS_H
#define NLM_RUNTIME_TRAIN_REPORT_PARTS_H
// What report.c collects and report_*.c write. Private to these files.
#include "runtime/train/confusion.h"
#include "runtime/train/facts.h"
#include "runtime/train/report.h"

typedef struct report_epoch {
  int64_t number; // from 1
  double seconds, rows_per_second;
  double *values; // [names_count], NaN where the epoch had no such value
} report_epoch;

enum { REPORT_TRAINING, REPORT_VALIDATION, REPORT_PARTS };

typedef struct report_lengths { // of one input
  const char *name;
  length_facts lengths[REPORT_PARTS];
  int64_t most;            // steps kept of a row; 0: all
  const vocabulary *words; // NULL: ids as they came
  coverage_facts coverage[REPORT_PARTS];
} report_lengths;

typedef struct report_classes { // of one output
  const model_output *output;
  size_t classes;
  size_t *counts[REPORT_PARTS]; // [classes]; NULL where the part has no labels
} report_classes;

typedef enum { REPORT_RUNNING, REPORT_DONE, REPORT_STOPPED, REPORT_FAILED } report_state;

struct train_report {
  char *path;
  const trainer *trainer;
  const loaded_model *model;
  report_part parts[REPORT_PARTS];
  VEC(report_lengths) lengths;
  VEC(report_classes) classes;
  const char **names; // of what epochs logged, sorted; [names_count]
  size_t names_count;
  VEC(report_epoch) epochs;
  const char *monitor;         // what says which epoch is best
  int direction;               // of it: +1 higher is better, -1 lower
  ptrdiff_t best;              // index in epochs; -1: none yet
  VEC(confusion) now, of_best; // of the validation data, an output each
  report_state state;
  const char *failure;
};

// ---- the page

void report_put_page(strbuf *out, const train_report *r);
void report_put_about(strbuf *out, const train_report *r); // model, data, settings
void report_put_facts(strbuf *out, const train_report *r); // lengths, coverage, labels
void report_put_layers(strbuf *out, const train_report *r);
void report_put_verdicts(strbuf *out, const train_report *r); // matrix and scores of classes
void report_put_curves(strbuf *out, const train_report *r);

// "review", "12" for a class without a name.
void report_put_class(strbuf *out, const model_output *o, size_t class_number);
// <data value="0.693147180559945">0.6931</data>: as it is and for reading.
void report_put_number(strbuf *out, double number);
// <tr><th>name</th><td>, escaped; the caller closes it.
void report_begin_row(strbuf *out, const char *name);

#endif
