// Keras's AdamW: w -= lr weight_decay w, then Adam's step. The decay is the driver's, as for any optimizer.
#include "runtime/optim/adam.h"

enum { LEARNING_RATE, WEIGHT_DECAY, BETA_1, BETA_2, EPSILON, AMSGRAD };

static const arg_spec args[] = {OPTIMIZER_LEARNING_RATE("0.001"), OPTIMIZER_WEIGHT_DECAY(0, "0.004"),
                                ADAM_ARGS, OPTIMIZER_CLIP_AND_AVERAGE_ARGS};

#define OF_ADAM(a)                                                                                           \
  (const double[]) {                                                                                         \
    a[LEARNING_RATE], a[BETA_1], a[BETA_2], a[EPSILON], a[AMSGRAD]                                           \
  }

static int slots(const double *a) {
  return adam_slots(OF_ADAM(a));
}

static void constants(const double *a, double learning_rate, int64_t t, double *c) {
  adam_constants(OF_ADAM(a), learning_rate, t, c);
}

const optimizer_rule optimizer_adamw = {
    .item = {"adamw", "AdamW", "Adam, with weights that decay by themselves", args, optimizer_args_agree},
    ADAM_RULE,
    .slots = slots,
    .constants = constants,
};
