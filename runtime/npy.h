#ifndef NLM_RUNTIME_NPY_H
#define NLM_RUNTIME_NPY_H
// NumPy's .npy files, versions 1 to 3. Reading trusts nothing: every length is checked before it is used.
// Integers of 1 to 8 bytes and floats of 2, 4 and 8 bytes, either byte order, C or Fortran order; everything
// else is refused with a reason. Values come out in C order. Errors: functions return false (or NULL) and put
// a reason without the file's name into `error`. Thread-safety: no shared state; an npy_array is immutable
// once open.
#include "support/strbuf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NPY_MAX_RANK = 8 };

typedef struct npy_array {
  char kind; // 'i' signed, 'u' unsigned, 'f' float
  int width; // bytes per value
  bool big_endian;
  bool fortran_order;
  size_t rank; // 0: a single value
  int64_t shape[NPY_MAX_RANK];
  size_t count;              // values in all; 0 if an extent is 0
  const unsigned char *data; // count * width bytes, as they stand in the file
  void *owned;               // what npy_close frees
} npy_array;

bool npy_open(const char *path, npy_array *out, strbuf *error);             // "-": standard input
bool npy_parse(const void *bytes, size_t n, npy_array *out, strbuf *error); // borrows `bytes`
void npy_close(npy_array *a);

// All values in C order into out[count]. npy_to_i32 refuses floats and values outside int32; the float forms
// take integers too and refuse NaN and infinity (npy_to_f32 also what overflows float). The reason names the
// row (first axis, from 0) and the value.
bool npy_to_i32(const npy_array *a, int32_t *out, strbuf *error);
bool npy_to_f32(const npy_array *a, float *out, strbuf *error);
bool npy_to_f64(const npy_array *a, double *out, strbuf *error);

// Writes version 1.0, little-endian, C order, through a temporary file; data is count values of `descr`.
typedef enum { NPY_I32, NPY_I64, NPY_F32, NPY_F64 } npy_type;
bool npy_write(const char *path, npy_type type, size_t rank, const int64_t *shape, const void *data,
               strbuf *error);

#endif
