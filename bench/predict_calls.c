// Times predictions of a compiled model through the public interface alone (nlm/nlm.h), as an application
// calls it; the model is linked in under the name bench_model, with its weights inside.
//
//   predict_calls THREADS SECONDS BATCH X.npy [OUT.f32]
//
// X.npy: int32 or float32 in C order, rows first; the model has one input and one output. Prints a line for
// each pass over the rows: milliseconds a call; a first pass warms up. OUT.f32 gets the predictions of all
// rows, raw.
#define _POSIX_C_SOURCE 200809L
#include "nlm/nlm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct nlm_abi_model bench_model;

enum { LEAST_PASSES = 2, NPY_START = 10, MAX_DIMENSIONS = 8 };

typedef struct array {
  int64_t shape[MAX_DIMENSIONS];
  int rank;
  size_t row_bytes; // of one row; elements have 4 bytes
  char *data;
} array;

typedef struct caller {
  nlm_model *model;
  nlm_context *context;
  int64_t dims[MAX_DIMENSIONS];
  int64_t batch;
  size_t row_outputs; // numbers for each row
} caller;

static _Noreturn void fail(const char *what, const char *details) {
  fprintf(stderr, "predict_calls: %s%s%s\n", what, *details ? ": " : "", details);
  exit(1);
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// A version 1 file as NumPy writes it.
static array read_array(const char *path) {
  FILE *file = fopen(path, "rb");
  unsigned char start[NPY_START];
  if (!file || fread(start, 1, NPY_START, file) != NPY_START || memcmp(start, "\x93NUMPY\x01", 7) != 0)
    fail("cannot be read as .npy", path);
  size_t length = start[8] + 256U * start[9], elements = 1;
  char *header = calloc(1, length + 1);
  if (!header || fread(header, 1, length, file) != length || !strstr(header, "4'") ||
      !strstr(header, "'shape': ("))
    fail("is no .npy file of 4-byte numbers", path);
  array a = {0};
  const char *at = strstr(header, "'shape': (") + strlen("'shape': (");
  for (; a.rank < MAX_DIMENSIONS && *at >= '0' && *at <= '9'; at += strspn(at, ", ")) {
    char *end;
    a.shape[a.rank] = strtoll(at, &end, 10);
    elements *= (size_t)a.shape[a.rank++];
    at = end;
  }
  a.data = aligned_alloc(64, (elements * 4 + 63) / 64 * 64);
  if (!a.data || fread(a.data, 4, elements, file) != elements)
    fail("is too short", path);
  a.row_bytes = a.shape[0] ? elements / (size_t)a.shape[0] * 4 : 0;
  fclose(file);
  free(header);
  return a;
}

static caller open_caller(int threads, int64_t batch, const array *x) {
  caller c = {.batch = batch, .row_outputs = 1};
  if (nlm_open(&bench_model, NULL, &c.model))
    fail("opening the model", nlm_open_error());
  nlm_limits limits = {.batch = batch, .time = x->rank > 1 ? x->shape[1] : 1};
  if (nlm_context_create(c.model, &limits, &c.context) || nlm_set_threads(c.context, threads))
    fail("making a context", "");
  for (size_t k = 0; k < nlm_dimension_count(c.model); k++)
    c.dims[k] = strcmp(nlm_dimension_name(c.model, k), "batch") == 0 ? batch : limits.time;
  nlm_tensor_info out;
  nlm_output_info(c.model, 0, &out);
  for (int k = 1; k < out.rank; k++)
    c.row_outputs *= (size_t)(out.extents[k] < 0 ? limits.time : out.extents[k]);
  return c;
}

static void predict(const caller *c, const array *x, int64_t first, float *out) {
  const void *inputs[] = {x->data + (size_t)first * x->row_bytes};
  void *outputs[] = {out + (size_t)first * c->row_outputs};
  if (nlm_run(c->context, c->dims, inputs, outputs))
    fail("predicting", nlm_context_error(c->context));
}

int main(int argc, char **argv) {
  if (argc < 5)
    fail("THREADS SECONDS BATCH X.npy [OUT.f32]", "");
  double seconds = atof(argv[2]), began = 0;
  array x = read_array(argv[4]);
  caller c = open_caller(atoi(argv[1]), strtoll(argv[3], NULL, 10), &x);
  size_t numbers = (size_t)x.shape[0] * c.row_outputs;
  float *out = calloc(numbers + 1, sizeof *out);
  if (!out || x.shape[0] % c.batch)
    fail("rows must be whole batches, and fit into memory", "");
  for (int pass = 0; pass <= LEAST_PASSES || seconds_now() - began < seconds; pass++) {
    double started = seconds_now();
    for (int64_t first = 0; first < x.shape[0]; first += c.batch)
      predict(&c, &x, first, out);
    double ended = seconds_now();
    if (pass == 0)
      began = ended;
    else
      printf("%.6f\n", 1e3 * (ended - started) / ((double)x.shape[0] / (double)c.batch));
  }
  FILE *file = argc > 5 ? fopen(argv[5], "wb") : NULL;
  if (argc > 5 && (!file || fwrite(out, sizeof *out, numbers, file) != numbers || fclose(file)))
    fail("cannot be written", argv[5]);
  free(out);
  free(x.data);
  nlm_context_destroy(c.context);
  nlm_close(c.model);
  return 0;
}
