// Times training steps of a compiled model, and writes the gradients of its first batch. It takes the steps
// of `train` (runtime/train/loop.c) with a clock around them; the model is linked in under the name
// bench_model.
//
//   train_steps time THREADS SECONDS BATCH X=FILE.npy Y=FILE.npy [WEIGHTS]
//     one line for each pass over the rows, in their order: milliseconds a step; a first pass warms up
//   train_steps gradients FOLDER BATCH X=FILE.npy Y=FILE.npy WEIGHTS
//     FOLDER/<parameter>.npy, '/' in names as '.'; dense, in the shapes of the parameters
#include "runtime/kernels/denormals.h"
#include "runtime/npy.h"
#include "runtime/train/prepare.h"
#include "runtime/train/trainer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct nlm_abi_model bench_model;

enum { LEAST_PASSES = 2 };

typedef struct bench {
  loaded_model model;
  prepared_data data;
  trainer trainer;
  batcher batches;
  size_t batch;
} bench;

static _Noreturn void fail(const char *what, strbuf *reason) {
  fprintf(stderr, "train_steps: %s%s%s\n", what, reason ? ": " : "", reason ? strbuf_text(reason) : "");
  exit(1);
}

static data_tensor tensor_of(char *word) {
  char *equals = strchr(word, '=');
  if (!equals)
    fail("tensors are NAME=FILE.npy", NULL);
  *equals = 0;
  return (data_tensor){.name = word, .path = equals + 1};
}

static void open_bench(bench *b, int threads, size_t batch, char *x, char *y, const char *weights) {
  strbuf error = {0};
  data_request request = {0};
  vec_push(&request.inputs, tensor_of(x));
  vec_push(&request.targets, tensor_of(y));
  b->batch = batch;
  train_settings settings = {.epochs = 1,
                             .batch_size = (int64_t)batch,
                             .pool = threads > 1 ? pool_new(threads) : NULL,
                             .quiet = true};
  if (model_open(&b->model, &bench_model, &error))
    fail("the model", &error);
  if (weights ? model_load_weights(&b->model, weights, WEIGHTS_WRITABLE, &error) != NLM_OK
              : model_initialize(&b->model, 0) != NLM_OK)
    fail("the weights", &error);
  if (!data_prepare(&b->model, &request, &b->data, &error) ||
      !data_bind_classes(&b->model, &b->data, true, &error))
    fail("the data", &error);
  if (b->data.data->rows % batch)
    fail("rows must be whole batches", NULL);
  if (!trainer_init(&b->trainer, &b->model, &settings, &error) ||
      !batcher_init(&b->batches, &b->model, &b->trainer.session, b->data.data, &b->data.schema, true,
                    &error) ||
      !trainer_begin(&b->trainer, (train_rows){&b->batches, 0, b->data.data->rows}, (train_rows){0}, &error))
    fail("training", &error);
  vec_free(&request.inputs);
  vec_free(&request.targets);
}

static void close_bench(bench *b) {
  batcher_free(&b->batches);
  thread_pool *pool = b->trainer.settings.pool;
  trainer_free(&b->trainer);
  pool_free(pool);
  data_release(&b->data);
  model_close(&b->model);
}

// Loads a batch and takes its gradients.
static void run_gradients(bench *b, size_t first) {
  strbuf error = {0};
  session *s = &b->trainer.session;
  if (!batcher_load(&b->batches, b->trainer.order + first, b->batch, 1U << NLM_GRAD, &error))
    fail("a batch", &error);
  s->frame.step = (uint64_t)optimizer_steps(b->trainer.optimizer);
  if (session_run(s, NLM_GRAD))
    fail("a step did not run: an id or a class is out of range", NULL);
}

static void time_steps(bench *b, double seconds) {
  size_t rows = b->data.data->rows, steps = rows / b->batch;
  double began = 0;
  for (int pass = 0; pass <= LEAST_PASSES || profile_clock() - began < seconds; pass++) {
    double started = profile_clock();
    for (size_t first = 0; first < rows; first += b->batch) {
      run_gradients(b, first);
      optimizer_step(b->trainer.optimizer);
      tally_add(&b->trainer.tally, &b->batches);
    }
    double ended = profile_clock();
    if (pass == 0)
      began = ended;
    else
      printf("%.6f\n", 1e3 * (ended - started) / (double)steps);
  }
}

// ---- gradients

static void write_gradient(const bench *b, const gradient_view *g, const char *folder) {
  const struct nlm_abi_param *p = &bench_model.params[g->param];
  float *dense = xcalloc((size_t)p->elements + 1, sizeof *dense);
  size_t row = (size_t)model_param_row(&b->model, g->param);
  if (g->rows < 0)
    memcpy(dense, g->values, (size_t)p->elements * sizeof *dense);
  for (int64_t k = 0; k < g->rows; k++)
    memcpy(dense + (size_t)g->ids[k] * row, (const float *)g->values + (size_t)k * row, row * sizeof *dense);
  strbuf path = {0}, error = {0};
  strbuf_printf(&path, "%s/", folder);
  for (const char *c = p->name; *c; c++)
    strbuf_printf(&path, "%c", *c == '/' ? '.' : *c);
  strbuf_puts(&path, ".npy");
  if (!npy_write(strbuf_text(&path), NPY_F32, 1, &p->elements, dense, &error))
    fail(strbuf_text(&path), &error);
  strbuf_free(&path);
  free(dense);
}

static void write_gradients(bench *b, const char *folder) {
  if (bench_model.real_bytes != sizeof(float))
    fail("the model must be built with --dtype f32", NULL);
  run_gradients(b, 0);
  const struct nlm_abi_program *program = session_program(&bench_model, NLM_GRAD);
  for (int64_t k = 0; k < program->n_gradients; k++) {
    gradient_view g = session_gradient(&b->trainer.session, k);
    write_gradient(b, &g, folder);
  }
}

int main(int argc, char **argv) {
  bench b = {0};
  bool timing = argc >= 7 && !strcmp(argv[1], "time");
  if (!timing && !(argc == 7 && !strcmp(argv[1], "gradients")))
    fail("time THREADS SECONDS BATCH X Y [WEIGHTS], or gradients FOLDER BATCH X Y WEIGHTS", NULL);
  char **words = argv + (timing ? 4 : 3); // BATCH X Y [WEIGHTS]
  open_bench(&b, timing ? atoi(argv[2]) : 1, (size_t)strtoull(words[0], NULL, 10), words[1], words[2],
             words[3]);
  unsigned mode = denormals_flush();
  if (timing)
    time_steps(&b, atof(argv[3]));
  else
    write_gradients(&b, argv[2]);
  denormals_restore(mode);
  close_bench(&b);
  return 0;
}
