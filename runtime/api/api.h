#ifndef NLM_RUNTIME_API_H
#define NLM_RUNTIME_API_H
// Inside of nlm/nlm.h. Private to runtime/api, but for `decide`, which the command line shares.
// Legend: B batch, T time, C characters of a word.
#include "runtime/model.h"
#include "runtime/session.h"

struct nlm_model {
  loaded_model loaded;
  int64_t batch_dimension; // index in abi->dims
};

// Where one text pipeline puts its ids. Row r of example b (r = 0, or a word when `nested`) is encoded at
// ids[(b * rows + r) * stride], then all rows are drawn together to [B, T] or [B, T, C].
typedef struct text_feed {
  const model_pipeline *source;
  bool given_words;       // input text[time]: words between white space
  bool nested;            // ... and each word is split into characters: ids [B, T, C]
  int64_t rows, capacity; // the most rows of an example and ids of a row that a call can have
  int64_t stride;         // capacity + 1: one id more tells that a text is too long
  int32_t *ids;
  double *weights;     // beside ids, where the program takes a number for each; else NULL
  void *packed;        // the weights drawn together, REAL
  int64_t *row_counts; // [B]: rows that there are; its ids when not nested
  int64_t *id_counts;  // [B * rows]
} text_feed;

struct nlm_context {
  const nlm_model *model;
  nlm_limits limits; // none is zero
  session session;
  bool owns_memory;
  text_feed *feeds;   // parallel to the model's pipelines
  void **inputs;      // [n_inputs], of frame
  void **outputs;     // [n_outputs] of texts
  void **masks;       // [n_outputs]
  void **run_outputs; // [n_outputs] of nlm_run
  float *values;      // output 0 as float; NULL where it is float
  void *text_scratch;
  text_view *words; // of one text
  char error[600];
};

// Runs with frame inputs, outputs and dims as set.
nlm_status context_run(nlm_context *c);
nlm_status context_fail(nlm_context *c, nlm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool context_serves_text(const nlm_model *m);
// Whether the token axis of this pipeline is as long as its text, and whether words are given one by one.
text_feed feed_of(const nlm_model *m, const model_pipeline *p);
// Symbol (index in abi->dims) of an axis of a program input, or -1 where its extent is fixed.
int64_t feed_symbol(const nlm_model *m, const text_feed *f, int axis);

// Encodes one text into the feed's rows of example b.
nlm_status feed_encode(nlm_context *c, text_feed *f, int64_t b, const char *text, size_t bytes);
// Draws the rows of B examples together to [B, T] (nested: [B, T, C]) and pads with 0.
void feed_compact(text_feed *f, int64_t real_bytes, int64_t batch, int64_t time, int64_t characters);

// What the numbers of an output's last axis say. One sigmoid unit: class 1 where it is above 0.5. Several
// units: the largest, the first of equals. One unit of another kind is a number and no class: index -1, its
// value as probability. Of a decided output: the class that stands there, probability 0: it has none.
typedef struct decision {
  int64_t index;
  const char *label; // NULL without class names
  double probability;
} decision;
typedef enum { VALUES_F32, VALUES_F64, VALUES_I32 } values_type;
values_type output_values_type(const loaded_model *m, size_t output);
double value_at(const void *values, values_type type, int64_t index);
decision decide(const model_output *o, const void *values, values_type type, int64_t units);

// "input 'x', row 3, step 5: id 70000 is outside its table of 20000 rows" for a run that ended with
// NLM_STATUS_ID_RANGE; rows count from 0 at `first_row`. Writes at most n bytes.
void describe_bad_id(const session *s, int64_t first_row, char *text, size_t n);

#endif
