#ifndef NLM_RUNTIME_OPTIM_ADAM_H
#define NLM_RUNTIME_OPTIM_ADAM_H
// What Adam and AdamW share: their arguments behind the rate (and AdamW's decay), and the rule. `args` below:
// learning_rate, beta_1, beta_2, epsilon, amsgrad.
#include "runtime/optim/optimizer.h"

#define ADAM_ARGS                                                                                            \
  OPTIMIZER_DECAY("beta_1", "0.9", "decay of the mean gradient"),                                            \
      OPTIMIZER_DECAY("beta_2", "0.999", "decay of the mean squared gradient"),                              \
      OPTIMIZER_EPSILON("added to the root"), {                                                              \
    .name = "amsgrad", .kinds = ARG_BOOL, .default_text = "false",                                           \
    .doc = "divide by the largest root so far"                                                               \
  }

int adam_slots(const double *args);
bool adam_replays(const double *args);
void adam_constants(const double *args, double learning_rate, int64_t t, double *c);
void adam_step_f32(float *w, float *const *slots, const float *g, int64_t n, const float *c);
void adam_step_f64(double *w, double *const *slots, const double *g, int64_t n, const double *c);
void adam_replay_f32(float *w, float *const *slots, int64_t n, const float *c, int64_t count,
                     bool may_settle);
void adam_replay_f64(double *w, double *const *slots, int64_t n, const double *c, int64_t count,
                     bool may_settle);
extern const char *const adam_slot_names[];

#define ADAM_RULE                                                                                            \
  .slot_names = adam_slot_names, .step_f32 = adam_step_f32, .step_f64 = adam_step_f64,                       \
  .replay_f32 = adam_replay_f32, .replay_f64 = adam_replay_f64, .replays = adam_replays, .rests = true

#endif
