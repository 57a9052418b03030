// The setting recompute changes memory and time, not results: every layer and function, random nets and
// models of blocks give the same bits with everything computed again as with everything stored; masks,
// dropout, batch statistics and states included. And what is kept for the backward pass really goes.
#include "ir/train_private.h"
#include "tests/exec/native.h"
#include "tests/exec/random_net.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct comparison {
  bool f64;
  thread_pool *pool;
} comparison;

// Listed: all layers by their names. `full` would spare the last one.
static void choose(const subject *s, recompute_mode mode) {
  value full = {.kind = VALUE_NAME, .text = "full"};
  bool bound = bind_recompute(s->m, s->m->training, &full);
  INVARIANT(bound);
  s->m->training->recompute.mode = mode;
}

static void open_training(native *n, const subject *s, const comparison *how) {
  native_open(n, s,
              &(build_options){
                  .kinds = KIND_GRAD, .f64 = how->f64, .weigh_outputs = true, .opt_level = how->f64 ? 0 : 1});
}

static int compare_scene(const native *stored, const native *again, const scene *sc, const comparison *how) {
  char what[200];
  results a = {0}, b = {0}, c = {0}, d = {0};
  snprintf(what, sizeof what, "%s, %s, computed again", stored->s->title, scene_name(sc));
  feed f = feed_new(stored->s, sc, 11);
  int failed = native_run(stored, PROGRAM_GRAD, &f, &(run_options){PLACES_PLANNED, NULL, NULL}, &a);
  failed += native_run(again, PROGRAM_GRAD, &f, &(run_options){PLACES_PLANNED, NULL, NULL}, &b);
  failed += native_run(again, PROGRAM_GRAD, &f, &(run_options){PLACES_DYING, NULL, NULL}, &c);
  failed += native_run(again, PROGRAM_GRAD, &f, &(run_options){PLACES_PLANNED, how->pool, NULL}, &d);
  failed += results_differ_in_bits(&a, &b, what) + results_differ_in_bits(&b, &c, what) +
            results_differ_in_bits(&b, &d, what);
  feed_free(&f);
  results_free(&a);
  results_free(&b);
  results_free(&c);
  results_free(&d);
  return failed;
}

static int compare(const native *stored, recompute_mode mode, const comparison *how) {
  static const scene few[] = {{4, 7, MASKS_MIDDLE}, {5, 3, MASKS_ROWS}, {1, 1, MASKS_NOTHING}};
  native again;
  int failed = 0;
  choose(stored->s, mode);
  open_training(&again, stored->s, how);
  for (size_t k = 0; k < sizeof few / sizeof *few && failed < 3; k++)
    failed += compare_scene(stored, &again, &few[k], how);
  native_close(&again);
  return failed;
}

static int check(const subject *s, void *context) {
  const comparison *how = context;
  native stored;
  open_training(&stored, s, how);
  int failed = compare(&stored, RECOMPUTE_LISTED, how);
  if (!how->f64)
    failed += compare(&stored, RECOMPUTE_ACTIVATIONS, how);
  native_close(&stored);
  return failed;
}

static int check_text(const char *title, const char *text, const comparison *how) {
  subject s;
  int failed = subject_open(&s, title, text, "loss = mse") ? check(&s, (void *)how) : 1;
  if (failed)
    printf("---- %s\n%s", title, text);
  subject_close(&s);
  return failed != 0;
}

// ---- models in which blocks are computed again as a whole

static const char *const models[] = {
    "block Encoder(width)(x) {\n  a = MultiHeadAttention(2, key_dim = 4, dropout = 0.2)(x, x)\n"
    "  x = LayerNormalization()(x + Dropout(0.1)(a))\n"
    "  f = x -> Dense(2 * width, activation = gelu) -> Dense(width) -> Dropout(0.3)\n"
    "  return LayerNormalization()(x + f)\n}\n"
    "model tiny {\n  input words: int[time]\n  x = words -> Embedding(9, 8, mask_zero = true)\n"
    "  x = x -> Encoder(8) -> Encoder(8) -> Encoder(8)\n"
    "  output y = x -> GlobalAveragePooling1D() -> Dense(3)\n}\n",
    "block Encoder(width)(x) {\n  a = MultiHeadAttention(2, key_dim = 4)(x, x)\n"
    "  x = LayerNormalization()(x + Dropout(0.1)(a))\n"
    "  f = x -> Dense(2 * width, activation = gelu) -> Dense(width) -> Dropout(0.3)\n"
    "  return LayerNormalization()(x + f)\n}\n"
    "model tiny {\n  input words: int[time]\n"
    "  output y = words -> Embedding(9, 8) -> Encoder(8) -> Encoder(8) -> GlobalMaxPooling1D()\n}\n",
    "block Step(units)(x) {\n  y = x -> LSTM(units, return_sequences = true, dropout = 0.2, "
    "recurrent_dropout = 0.3)\n  return Concatenate()(x, y) -> BatchNormalization()\n}\n"
    "model tiny {\n  input words: int[time]\n  x = words -> Embedding(9, 5, mask_zero = true)\n"
    "  output y = x -> Step(4) -> Step(3) -> Bidirectional(GRU(3, return_sequences = true)) -> Dense(2)\n}\n",
    "block Convolution(n)(x) {\n  return x -> Conv1D(n, 3, padding = same) -> BatchNormalization() -> relu\n"
    "    -> SpatialDropout1D(0.2) -> MaxPooling1D(2, padding = same)\n}\n"
    "model tiny {\n  input x: float[time, 3]\n  y = x -> Convolution(6) -> Convolution(5)\n"
    "  output z = y -> GRU(4, return_sequences = true) -> SimpleRNN(3, return_sequences = true)\n"
    "    -> GaussianNoise(0.1) -> GlobalMaxPooling1D()\n}\n",
    "cell Gated(units)(x, h: [units]) {\n  z = Dense(units, activation = sigmoid)(Concatenate()(x, h))\n"
    "  h = z * h + (1 - z) * (Dense(units, activation = tanh)(Concatenate()(x, z * h)))\n"
    "  return h\n}\n"
    "model tiny {\n  input words: int[time]\n  x = words -> Embedding(9, 4, mask_zero = true)\n"
    "  shared = Dense(4, activation = tanh)\n  x = shared(x) + shared(x * 2)\n"
    "  output y = x -> RNN(Gated(3), return_sequences = true) -> GRU(3, reset_after = false)\n}\n",
    NULL};

static int check_models(const comparison *how) {
  int failed = 0;
  for (int k = 0; models[k]; k++) {
    char title[40];
    snprintf(title, sizeof title, "model of blocks %d", k + 1);
    failed += check_text(title, models[k], how);
  }
  return failed;
}

static int check_nets(uint64_t first, uint64_t count, const comparison *how) {
  int failed = 0;
  for (uint64_t seed = first; seed < first + count; seed++) {
    char title[40];
    strbuf text = {0};
    snprintf(title, sizeof title, "net %d", (int)seed);
    random_net(seed, 4 + (int)(seed % 15), &text);
    failed += check_text(title, strbuf_text(&text), how);
    strbuf_free(&text);
  }
  return failed;
}

// recompute_test models | layers [part of a title] | nets FIRST COUNT
int main(int argc, char **argv) {
  if (argc < 2)
    return 2;
  comparison how = {.f64 = strcmp(argv[1], "models") != 0, .pool = pool_new(3)};
  int failed = 0;
  if (!strcmp(argv[1], "models"))
    failed = check_models(&how);
  else if (!strcmp(argv[1], "layers"))
    failed = subjects_each(SUBJECTS_LAYERS | SUBJECTS_FUNCTIONS, argc > 2 ? argv[2] : NULL, check, &how);
  else if (argc > 3)
    failed = check_nets((uint64_t)atol(argv[2]), (uint64_t)atol(argv[3]), &how);
  pool_free(how.pool);
  printf("%d failed\n", failed);
  return failed != 0;
}
