// What a session keeps from run to run changes no bit: every layer's examples that keep anything, and models
// that remember rows of products, on changing inputs, beside a session that keeps nothing. And the ids that
// the runtime remembers, by hand.
#include "tests/exec/native.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TENSORS = 64 };

typedef struct runner {
  const native *n;
  session s;
  void *inputs[MOST_TENSORS], *outputs[MOST_TENSORS], *masks[MOST_TENSORS], *params[MOST_TENSORS];
  size_t output_bytes[MOST_TENSORS];
} runner;

static void *numbers(const runner *r, const double *from, size_t count, bool is_int) {
  void *to = xcalloc(count + 1, sizeof(double));
  native_store(to, from, count, is_int, r->n->f64);
  return to;
}

static bool runner_open(runner *r, const native *n, const feed *largest, bool weights_stay) {
  *r = (runner){.n = n};
  if (!session_init(&r->s, n->abi, NULL))
    return false;
  r->s.weights_stay = weights_stay;
  native_dims(n, &r->s, largest);
  for (int64_t k = 0; k < n->abi->n_params; k++)
    r->params[k] = numbers(r, largest->params[k], largest->param_counts[k], false);
  for (int64_t k = 0; k < n->abi->n_outputs; k++) {
    r->output_bytes[k] = (size_t)session_elements(n->abi, &n->abi->outputs[k], r->s.dims) * sizeof(double);
    r->outputs[k] = xcalloc(r->output_bytes[k] + 1, 1);
    r->masks[k] = xcalloc(r->output_bytes[k] + 1, 1);
  }
  r->s.frame.inputs = r->inputs;
  r->s.frame.outputs = r->outputs;
  r->s.frame.masks = r->masks;
  r->s.frame.params = r->params;
  return session_plan(&r->s, KIND_INFER, r->s.dims, NULL, 0);
}

static int64_t runner_run(runner *r, const feed *f) {
  native_dims(r->n, &r->s, f);
  for (int64_t k = 0; k < r->n->abi->n_inputs; k++)
    r->inputs[k] = numbers(r, f->inputs[k], f->counts[k], r->n->abi->inputs[k].elem == NLM_INT32);
  for (int64_t k = 0; k < r->n->abi->n_outputs; k++)
    memset(r->outputs[k], 0, r->output_bytes[k]);
  int64_t status = session_run(&r->s, NLM_INFER);
  for (int64_t k = 0; k < r->n->abi->n_inputs; k++)
    free(r->inputs[k]);
  return status;
}

static void runner_close(runner *r) {
  for (int64_t k = 0; k < r->n->abi->n_params; k++)
    free(r->params[k]);
  for (int64_t k = 0; k < r->n->abi->n_outputs; k++) {
    free(r->outputs[k]);
    free(r->masks[k]);
  }
  session_destroy(&r->s);
}

static bool keeps_anything(const native *n) {
  const schedule *s = n->schedules[PROGRAM_INFER];
  bool any = false;
  for (size_t k = 0; k < s->buffers.len; k++)
    any = any || s->buffers.data[k].kept;
  for (size_t k = 0; k < s->kernels.len; k++)
    any = any || s->kernels.data[k].keeps_packed;
  return any;
}

static int compare(const subject *s, runner *kept, runner *plain, const feed *f, int run) {
  if (runner_run(kept, f) || runner_run(plain, f)) {
    printf("%s: run %d fails\n", s->title, run);
    return 1;
  }
  for (int64_t k = 0; k < kept->n->abi->n_outputs; k++)
    if (memcmp(kept->outputs[k], plain->outputs[k], kept->output_bytes[k]) != 0) {
      printf("%s: run %d, output %d differs from that of a session that keeps nothing\n", s->title, run,
             (int)k);
      return 1;
    }
  return 0;
}

// An id out of range stops a run in the middle: the next one must not trust what it left.
static int fail_once(const subject *s, runner *kept, const feed *f) {
  for (size_t k = 0; k < f->n_inputs; k++) {
    if (s->id_bounds[k] <= 0 || !f->counts[k] || kept->n->abi->inputs[k].role != NLM_ROLE_IDS)
      continue;
    double *last = &f->inputs[k][f->counts[k] - 1], before = *last;
    *last = (double)s->id_bounds[k];
    int64_t status = runner_run(kept, f);
    *last = before;
    if (status == NLM_STATUS_OK) {
      printf("%s: an id out of range passes\n", s->title);
      return 1;
    }
  }
  return 0;
}

typedef struct totals {
  thread_pool *pool;
  int kept;
} totals;

static int check(const subject *s, void *context) {
  static const scene some[] = {{4, 9, MASKS_MIDDLE},   {1, 9, MASKS_NOTHING}, {4, 9, MASKS_ROWS},
                               {3, 9, MASKS_TRAILING}, {4, 9, MASKS_NOTHING}, {0}};
  totals *t = context;
  native n;
  native_open(&n, s, &(build_options){.kinds = KIND_INFER, .opt_level = 0});
  int failed = 0, run = 0;
  if (keeps_anything(&n)) {
    runner kept, plain;
    feed largest = feed_new(s, &some[0], 1);
    t->kept++;
    failed += !runner_open(&kept, &n, &largest, true) + !runner_open(&plain, &n, &largest, false);
    kept.s.pool = t->pool;
    for (const scene *sc = some; sc->batch && !failed; sc++, run++) {
      feed f = feed_new(s, sc, 1 + (uint64_t)run);
      failed += compare(s, &kept, &plain, &f, run);
      failed += sc->batch == 1 ? fail_once(s, &kept, &f) : 0;
      feed_free(&f);
    }
    runner_close(&kept);
    runner_close(&plain);
    feed_free(&largest);
  }
  native_close(&n);
  return failed;
}

static int check_text(const char *title, const char *text, totals *t) {
  subject s;
  if (!subject_open(&s, title, text, "loss = mse"))
    return 1;
  int before = t->kept, failed = check(&s, t);
  if (t->kept == before) {
    printf("%s keeps nothing\n", title);
    failed++;
  }
  subject_close(&s);
  return failed;
}

// ---- ids by hand

static int expect_ids(const char *what, const int32_t *found, const int32_t *expected, int n) {
  if (!memcmp(found, expected, (size_t)n * sizeof *found))
    return 0;
  printf("remembered ids: %s:", what);
  for (int k = 0; k < n; k++)
    printf(" %d", (int)found[k]);
  printf("\n");
  return 1;
}

static int check_ids(void) {
  enum { BOUND = 9, CAPACITY = 4 };
  int32_t values[CAPACITY], inverse[6], state[BOUND + 2];
  struct nlm_frame frame = {.kept = 0};
  int64_t fresh;
  int failed = 0;
  memset(state, 0x7f, sizeof state);
  failed +=
      remember_ids(&frame, (int32_t[]){7, 0, 7}, 3, BOUND, CAPACITY, values, inverse, state, &fresh) != 2;
  failed += fresh != 2;
  failed += expect_ids("values", values, (int32_t[]){7, 0}, 2);
  failed += expect_ids("inverse", inverse, (int32_t[]){0, 1, 0}, 3);
  frame.kept = 1;
  failed +=
      remember_ids(&frame, (int32_t[]){0, 8, 7, 8}, 4, BOUND, CAPACITY, values, inverse, state, &fresh) != 3;
  failed += fresh != 1;
  failed += expect_ids("values, one more", values, (int32_t[]){7, 0, 8}, 3);
  failed += expect_ids("inverse, one more", inverse, (int32_t[]){1, 2, 0, 2}, 4);
  // 3 and 4 have no room beside the three: all is forgotten
  failed +=
      remember_ids(&frame, (int32_t[]){8, 3, 4}, 3, BOUND, CAPACITY, values, inverse, state, &fresh) != 3;
  failed += fresh != 3;
  failed += expect_ids("values, after an overflow", values, (int32_t[]){8, 3, 4}, 3);
  failed += expect_ids("inverse, after an overflow", inverse, (int32_t[]){0, 1, 2}, 3);
  if (failed)
    printf("remembered ids: %d wrong\n", failed);
  return failed;
}

int main(int argc, char **argv) {
  static const char lstm[] =
      "model tiny {\n  input words: int[time]\n  output y = words"
      " -> Embedding(50, 7, mask_zero = true) -> Bidirectional(LSTM(5)) -> Dense(2)\n}\n";
  static const char gru[] =
      "model tiny {\n  input words: int[time]\n  output y = words"
      " -> Embedding(50, 7) -> GRU(5, return_sequences = true) -> GRU(3) -> Dense(2)\n}\n";
  static const char dense[] = "model tiny {\n  input words: int[time]\n  output y = words"
                              " -> Embedding(50, 7) -> Dense(20, activation = relu) -> Dense(2)\n}\n";
  static const char taps[] = "model tiny {\n  input words: int[time]\n  output y = words"
                             " -> Embedding(50, 7) -> Conv1D(6, 3) -> GlobalMaxPooling1D() -> Dense(2)\n}\n";
  // recurrent weights of 0.5 MB: one text is taken through the steps by a team of threads
  static const char gru_team[] = "model tiny {\n  input words: int[time]\n  output y = words"
                                 " -> Embedding(50, 7) -> GRU(220, return_sequences = true)"
                                 " -> GlobalMaxPooling1D() -> Dense(2)\n}\n";
  static const char lstm_team[] = "model tiny {\n  input words: int[time]\n  output y = words"
                                  " -> Embedding(50, 7, mask_zero = true) -> LSTM(181) -> Dense(2)\n}\n";
  totals t = {.pool = pool_new(2)};
  int failed = check_ids();
  failed += check_text("LSTM of words", lstm, &t) + check_text("GRU of words", gru, &t);
  failed += check_text("Dense of words", dense, &t) + check_text("Conv1D of words", taps, &t);
  failed += check_text("GRU by a team", gru_team, &t) + check_text("LSTM by a team", lstm_team, &t);
  failed += subjects_each(SUBJECTS_LAYERS, argc > 1 ? argv[1] : NULL, check, &t);
  pool_free(t.pool);
  printf("%d models keep something, %d failed\n", t.kept, failed);
  return failed != 0;
}
