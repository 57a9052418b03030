// Ends training at once when the loss is no number.
#include "runtime/callbacks/callback.h"
#include <math.h>

static const arg_spec args[] = {{0}};

static void batch_end(callback *c, callback_host *h, int64_t batch, double loss) {
  (void)c;
  if (isfinite(loss) || h->stop)
    return;
  strbuf_printf(&h->messages, "Batch %lld: Invalid loss, terminating training\n", (long long)batch);
  h->stop = true;
}

const callback_def callback_terminate_on_nan = {
    .item = {"terminate_on_nan", "TerminateOnNaN", "ends training when the loss is no number", args},
    .batch_end = batch_end,
};
