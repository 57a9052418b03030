// Callbacks against what Keras's source does, epoch by epoch.
#include "runtime/callbacks/callback.h"
#include "tests/unit/unit.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct world {
  callback_host host;
  train_logs expected;
  callback c;
  config_call call;
  int weights; // what "the weights" are: the number of the epoch
  double rate;
  char saved[200];
} world;

static int direction(void *self, const char *log) {
  (void)self;
  return strstr(log, "loss") ? -1 : strstr(log, "accuracy") ? 1 : 0;
}

static bool save(void *self, const char *path, int64_t epochs_done, strbuf *error) {
  world *w = self;
  (void)error;
  snprintf(w->saved, sizeof w->saved, "%s@%d", path, (int)epochs_done);
  return true;
}

static void *copy_weights(void *self) {
  int *copy = malloc(sizeof *copy);
  *copy = ((world *)self)->weights;
  return copy;
}

static void set_weights(void *self, const void *copy) {
  ((world *)self)->weights = *(const int *)copy;
}

static double learning_rate(void *self) {
  return ((world *)self)->rate;
}

static void set_learning_rate(void *self, double rate) {
  ((world *)self)->rate = rate;
}

static bool start(world *w, const char *name, const char *args, bool validation) {
  *w = (world){.rate = 0.1};
  w->call = (config_call){name, json_loads(args, 0, NULL)};
  assert_non_null(w->call.args);
  logs_set(&w->expected, "loss", 0);
  logs_set(&w->expected, "accuracy", 0);
  if (validation)
    logs_set(&w->expected, "val_loss", 0);
  w->host = (callback_host){.self = w,
                            .has_validation = validation,
                            .expected = &w->expected,
                            .save_path = "out",
                            .direction = direction,
                            .save = save,
                            .copy_weights = copy_weights,
                            .set_weights = set_weights,
                            .learning_rate = learning_rate,
                            .set_learning_rate = set_learning_rate};
  w->c = (callback){.def = callback_find(name), .args = &w->call};
  assert_non_null(w->c.def);
  return !w->c.def->begin || w->c.def->begin(&w->c, &w->host);
}

static void epoch(world *w, int64_t number, const char *log, double result) {
  train_logs logs = {0};
  logs_set(&logs, log, result);
  w->weights = (int)number;
  w->c.def->epoch_end(&w->c, &w->host, number, &logs);
}

static void end(world *w) {
  free(w->c.weights);
  strbuf_free(&w->host.messages);
  json_decref((json_t *)w->call.args);
}

static void stops_early(void **unused) {
  (void)unused;
  world w;
  assert_true(start(&w, "early_stopping", "{\"patience\": 2, \"restore_best_weights\": true}", true));
  const double values[] = {0.9, 0.5, 0.6, 0.55};
  for (int k = 0; k < 4; k++) {
    assert_false(w.host.stop);
    epoch(&w, k, "val_loss", values[k]);
  }
  assert_true(w.host.stop);
  w.c.def->train_end(&w.c, &w.host);
  assert_int_equal(w.weights, 1);
  assert_string_equal(strbuf_text(&w.host.messages),
                      "Epoch 4: early stopping\n"
                      "Restoring model weights from the end of the best epoch: 2.\n");
  end(&w);
}

// patience 0 never stops at the first epoch; smaller changes than min_delta do not count.
static void stops_at_once(void **unused) {
  (void)unused;
  world w;
  assert_true(start(&w, "early_stopping", "{\"monitor\": \"accuracy\", \"min_delta\": 0.1}", false));
  epoch(&w, 0, "accuracy", 0.5);
  assert_false(w.host.stop);
  epoch(&w, 1, "accuracy", 0.65);
  assert_false(w.host.stop);
  epoch(&w, 2, "accuracy", 0.7);
  assert_true(w.host.stop);
  end(&w);
  assert_true(start(&w, "early_stopping", "{\"patience\": 2, \"baseline\": 0.3}", true));
  epoch(&w, 0, "val_loss", 0.9); // improves, but not on the baseline: the wait goes on
  epoch(&w, 1, "val_loss", 0.8);
  assert_false(w.host.stop);
  epoch(&w, 2, "val_loss", 0.8);
  assert_true(w.host.stop);
  end(&w);
  assert_true(start(&w, "early_stopping", "{\"start_from_epoch\": 3}", true));
  for (int k = 0; k < 4; k++)
    epoch(&w, k, "val_loss", k);
  assert_false(w.host.stop);
  epoch(&w, 4, "val_loss", NAN);
  assert_true(w.host.stop);
  end(&w);
}

static void saves_best(void **unused) {
  (void)unused;
  world w;
  assert_true(start(&w, "model_checkpoint", "{\"save_best_only\": true}", true));
  assert_true(w.host.keeps_best);
  epoch(&w, 0, "val_loss", 0.41234);
  assert_string_equal(w.saved, "out@1");
  epoch(&w, 1, "val_loss", 0.41234);
  assert_string_equal(w.saved, "out@1");
  epoch(&w, 2, "val_loss", 0.3987);
  assert_string_equal(w.saved, "out@3");
  assert_string_equal(strbuf_text(&w.host.messages),
                      "Epoch 1: val_loss improved from None to 0.41234, saving model to out\n"
                      "Epoch 2: val_loss did not improve from 0.41234\n"
                      "Epoch 3: val_loss improved from 0.41234 to 0.39870, saving model to out\n");
  end(&w);
  assert_true(
      start(&w, "model_checkpoint", "{\"save_best_only\": true, \"initial_value_threshold\": 0.3}", true));
  epoch(&w, 0, "val_loss", 0.4);
  assert_string_equal(w.saved, "");
  end(&w);
}

static void fills_paths(void **unused) {
  (void)unused;
  world w;
  assert_true(start(&w, "model_checkpoint", "{\"filepath\": \"w-{epoch:02d}-{loss:.2f}.st\"}", false));
  assert_false(w.host.keeps_best);
  epoch(&w, 4, "loss", 0.126);
  assert_string_equal(w.saved, "w-05-0.13.st@5");
  end(&w);
  assert_false(start(&w, "model_checkpoint", "{\"filepath\": \"w-{epoch:02d}-{val_loss:.2f}.st\"}", false));
  end(&w);
  assert_false(start(&w, "model_checkpoint", "{\"filepath\": \"w-{loss:%n}.st\"}", false));
  end(&w);
}

static void chooses_monitors(void **unused) {
  (void)unused;
  world w;
  assert_true(start(&w, "early_stopping", "{}", false));
  assert_string_equal(w.c.monitor, "loss");
  assert_int_equal(w.c.direction, -1);
  assert_string_equal(
      strbuf_text(&w.host.messages),
      "EarlyStopping: there is no validation data, so it watches 'loss' instead of 'val_loss'\n");
  end(&w);
  assert_false(start(&w, "early_stopping", "{\"monitor\": \"acuracy\"}", true));
  assert_non_null(strstr(strbuf_text(&w.host.messages), "did you mean 'accuracy'?"));
  end(&w);
  assert_true(start(&w, "early_stopping", "{\"monitor\": \"loss\", \"mode\": \"max\"}", true));
  assert_int_equal(w.c.direction, 1);
  end(&w);
}

static void lowers_rate(void **unused) {
  (void)unused;
  world w;
  assert_true(start(&w, "reduce_lr_on_plateau",
                    "{\"patience\": 2, \"factor\": 0.5, \"cooldown\": 1, \"min_lr\": 0.03}", true));
  const double rates[] = {0.1, 0.1, 0.05, 0.05, 0.05, 0.03, 0.03};
  for (int k = 0; k < 7; k++) { // epoch 3 is the cooldown
    epoch(&w, k, "val_loss", 1);
    if (fabs(w.rate - rates[k]) > 1e-12)
      fail_msg("epoch %d: rate %g, not %g", k, w.rate, rates[k]);
  }
  assert_non_null(
      strstr(strbuf_text(&w.host.messages), "Epoch 3: ReduceLROnPlateau reducing learning rate to 0.05.\n"));
  end(&w);
}

static void ends_on_nan(void **unused) {
  (void)unused;
  world w;
  assert_true(start(&w, "terminate_on_nan", "{}", true));
  w.c.def->batch_end(&w.c, &w.host, 3, 0.5);
  assert_false(w.host.stop);
  w.c.def->batch_end(&w.c, &w.host, 4, NAN);
  assert_true(w.host.stop);
  assert_string_equal(strbuf_text(&w.host.messages), "Batch 4: Invalid loss, terminating training\n");
  end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stops_early), cmocka_unit_test(stops_at_once),    cmocka_unit_test(saves_best),
      cmocka_unit_test(fills_paths), cmocka_unit_test(chooses_monitors), cmocka_unit_test(lowers_rate),
      cmocka_unit_test(ends_on_nan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
