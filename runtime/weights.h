#ifndef NLM_RUNTIME_WEIGHTS_H
#define NLM_RUNTIME_WEIGHTS_H
// Weights files: safetensors (8 bytes little-endian header length, JSON header, tensor data), as the stock
// library reads and writes them. Reading trusts nothing: lengths, offsets, overlaps, holes, shapes, duplicate
// names and JSON are checked before a tensor is seen. Errors: functions return NULL, false or a count, and
// put reasons (without the file's name) into `error`. Thread-safety: an open file is immutable; any number of
// threads may read it.
#include "support/strbuf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIGHTS_MAX_RANK = 8 };

typedef enum {
  WEIGHT_F32,
  WEIGHT_F64,
  WEIGHT_F16,
  WEIGHT_BF16,
  WEIGHT_OTHER, // integers, bool, 8-bit floats: listed, never converted
} weight_type;

typedef struct weight_tensor {
  const char *name; // "bidirectional/forward/kernel"
  weight_type type;
  const char *type_name; // as in the file: "F32"
  size_t rank;
  int64_t shape[WEIGHTS_MAX_RANK];
  size_t count;     // product of the shape
  const void *data; // unaligned for files of other writers; bytes long
  size_t bytes;
} weight_tensor;

typedef struct weights_file weights_file;

weights_file *weights_open(const char *path, strbuf *error); // maps the file
// From memory that outlives the result (weights inside an executable); nothing is copied but the header's
// text.
weights_file *weights_from_memory(const void *bytes, size_t n, strbuf *error);
void weights_close(weights_file *w); // NULL is allowed

size_t weights_count(const weights_file *w);
const weight_tensor *weights_at(const weights_file *w, size_t index); // in order of their place in the file
const weight_tensor *weights_find(const weights_file *w, const char *name); // NULL if absent
const char *weights_metadata(const weights_file *w, const char *key);       // NULL if absent
// Metadata keys in file order, NULL past the end: for nlm.vocabulary.<layer> and nlm.classes.<output>.
const char *weights_metadata_key(const weights_file *w, size_t index);

// Converts a float tensor into out[count]. False for WEIGHT_OTHER.
bool weights_copy_f32(const weight_tensor *t, float *out);
bool weights_copy_f64(const weight_tensor *t, double *out);

// What a model has or wants. `data` may be NULL where only the shape matters (weights_differences).
typedef struct weight_entry {
  const char *name;
  weight_type type; // WEIGHT_F32 or WEIGHT_F64
  size_t rank;
  int64_t shape[WEIGHTS_MAX_RANK];
  const void *data; // C order
} weight_entry;

typedef struct weight_metadata {
  const char *key, *value; // UTF-8
} weight_metadata;

// How a file differs from what a model wants, one line per tensor in `report` ("dense/kernel: the model has
// [64, 1], the file [32, 1]"; missing; not in the model). Any float type fits. 0: it fits.
size_t weights_differences(const weights_file *w, const weight_entry *wanted, size_t count, strbuf *report);

// Writes all tensors through a temporary file in the same folder; the old file stays whole on any error.
// Tensors stand in the given order (F64 before F32, so that all are aligned); the data begins at a multiple
// of 8.
bool weights_write(const char *path, const weight_entry *tensors, size_t count,
                   const weight_metadata *metadata, size_t metadata_count, strbuf *error);
// The same bytes into memory (appended to `out`, which must be empty).
bool weights_serialize(const weight_entry *tensors, size_t count, const weight_metadata *metadata,
                       size_t metadata_count, strbuf *out, strbuf *error);

// JSON arrays of strings, the form of nlm.classes.<output>. The parsed list is one malloc'ed block; the
// caller frees it. NULL and a reason if `json` is no such array.
void weights_put_string_list(const char *const *items, size_t count, strbuf *out);
char **weights_parse_string_list(const char *json, size_t *out_count, strbuf *error);

#endif
