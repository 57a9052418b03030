// Epochs and steps.
#include "runtime/kernels/denormals.h"
#include "runtime/train/trainer.h"
#include "support/random.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHUFFLE_STREAM = 0x73687566 };

// The order of an epoch depends on the seed and the epoch alone.
static void shuffle(const trainer *t, int64_t epoch) {
  uint64_t key = random_stream_key(random_session_key(t->settings.seed, (uint64_t)epoch), SHUFFLE_STREAM);
  size_t n = t->training.count;
  for (size_t k = 0; k < n; k++)
    t->order[k] = t->training.first + k;
  for (size_t k = n; t->settings.shuffle && k > 1; k--) {
    size_t other = (size_t)(random_mix(key + k * RANDOM_STEP) % k), held = t->order[k - 1];
    t->order[k - 1] = t->order[other];
    t->order[other] = held;
  }
}

static void show_messages(trainer *t) {
  if (t->host.messages.len && (!t->settings.quiet || t->host.failed))
    fputs(strbuf_text(&t->host.messages), stderr);
  strbuf_free(&t->host.messages);
}

static bool take_step(trainer *t, const size_t *rows, size_t count, strbuf *error) {
  session *s = &t->session;
  double loading = t->profile ? profile_clock() : 0;
  if (!batcher_load(t->training.batches, rows, count, 1u << NLM_GRAD, error))
    return false;
  profile_add(t->profile, PROFILE_BATCHES, t->profile ? profile_clock() - loading : 0);
  s->frame.step = (uint64_t)optimizer_steps(t->optimizer);
  profile_start(t->profile, s, NLM_GRAD);
  if (session_run(s, NLM_GRAD)) {
    batcher_describe_status(t->training.batches, error);
    return false;
  }
  profile_stop(t->profile, s, NLM_GRAD);
  double started = t->profile ? profile_clock() : 0;
  optimizer_step(t->optimizer);
  profile_add(t->profile, PROFILE_OPTIMIZER, t->profile ? profile_clock() - started : 0);
  tally_add(&t->tally, t->training.batches);
  return true;
}

static void end_batch(trainer *t, int64_t batch) {
  for (size_t k = 0; k < t->callbacks_count; k++)
    if (t->callbacks[k].def->batch_end)
      t->callbacks[k].def->batch_end(&t->callbacks[k], &t->host, batch, tally_loss(&t->tally));
}

static void report_no_number(trainer *t, int64_t epoch, size_t step) {
  strbuf_printf(&t->host.messages,
                "warning: the loss is no number from step %zu of epoch %lld on; a smaller learning rate may "
                "help\n",
                step + 1, (long long)epoch + 1);
}

static void begin_epoch(trainer *t, int64_t epoch) {
  for (size_t k = 0; k < t->callbacks_count; k++)
    if (t->callbacks[k].def->epoch_begin)
      t->callbacks[k].def->epoch_begin(&t->callbacks[k], &t->host, epoch);
  show_messages(t);
}

static bool write_backup(const trainer *t, int64_t epochs_done, strbuf *error) {
  if (!t->host.backup)
    return true;
  char *path = backup_path(t->host.backup);
  bool fine = checkpoint_write(t, path, epochs_done, error);
  free(path);
  return fine;
}

static bool train_epoch(trainer *t, int64_t epoch, strbuf *error) {
  size_t n = t->training.count, batch = (size_t)t->settings.batch_size, steps = (n + batch - 1) / batch;
  bool was_number = true;
  size_t done = 0;
  shuffle(t, epoch);
  tally_reset(&t->tally);
  session_reset_states(&t->session);
  progress_epoch(&t->progress, epoch, steps);
  while (done < steps && !t->host.stop) {
    size_t first = done * batch, count = n - first < batch ? n - first : batch;
    if (first + count < n) // read from disk while this batch is computed
      batcher_expect(t->training.batches, t->order + first + count,
                     n - first - count < batch ? n - first - count : batch);
    if (!take_step(t, t->order + first, count, error))
      return false;
    if (was_number && !isfinite(t->session.frame.results[0])) {
      was_number = false;
      report_no_number(t, epoch, done);
    }
    end_batch(t, (int64_t)done);
    progress_step(&t->progress, ++done, tally_loss(&t->tally));
  }
  optimizer_settle(t->optimizer);
  progress_trained(&t->progress, done);
  return true;
}

static bool finish_epoch(trainer *t, int64_t epoch, strbuf *error) {
  train_logs logs = {0};
  tally_logs(&t->tally, &logs);
  if (t->validation.count) {
    if (!evaluate_rows(&t->validation_tally, t->validation.batches, t->validation_order, t->validation.count,
                       (size_t)t->settings.batch_size, t->profile, error))
      return false;
    tally_logs(&t->validation_tally, &logs);
  }
  double seconds = profile_clock() - t->progress.started;
  progress_end(&t->progress, &logs);
  if (t->settings.log_path && !csv_log_row(t->settings.log_path, ",", epoch, &logs, error))
    return false;
  for (size_t k = 0; k < t->callbacks_count; k++)
    if (t->callbacks[k].def->epoch_end)
      t->callbacks[k].def->epoch_end(&t->callbacks[k], &t->host, epoch, &logs);
  show_messages(t);
  observed_epoch e = {epoch, &logs, seconds, t->progress.training_seconds, t->tally.rows};
  return !t->host.failed && (!t->observer.epoch_end || t->observer.epoch_end(t->observer.self, &e, error));
}

static bool run_epochs(trainer *t, const char *checkpoint, int64_t *done, strbuf *error) {
  for (int64_t epoch = t->first_epoch; epoch < t->settings.epochs && !t->host.stop; epoch++) {
    begin_epoch(t, epoch);
    if (!train_epoch(t, epoch, error) || !finish_epoch(t, epoch, error))
      return false;
    *done = epoch + 1;
    if (!checkpoint_write(t, checkpoint, *done, error) || !write_backup(t, *done, error))
      return false;
  }
  optimizer_finish(t->optimizer);
  for (size_t k = 0; k < t->callbacks_count; k++)
    if (t->callbacks[k].def->train_end)
      t->callbacks[k].def->train_end(&t->callbacks[k], &t->host);
  show_messages(t);
  return true;
}

// The logs of an interrupted training are cut back to the epochs that it goes on from.
static bool resume_logs(trainer *t, strbuf *error) {
  if (!t->first_epoch)
    return true;
  if (t->settings.log_path && !csv_log_cut(t->settings.log_path, ",", t->first_epoch, error))
    return false;
  for (size_t k = 0; k < t->callbacks_count; k++)
    if (t->callbacks[k].def->resume)
      t->callbacks[k].def->resume(&t->callbacks[k], &t->host, t->first_epoch);
  show_messages(t);
  return !t->host.failed;
}

bool trainer_run(trainer *t, strbuf *error) {
  char *checkpoint = checkpoint_path(t->settings.save_path);
  int64_t done = t->first_epoch;
  unsigned mode = denormals_flush();
  show_messages(t);
  bool fine = resume_logs(t, error) && run_epochs(t, checkpoint, &done, error);
  denormals_restore(mode);
  if (fine && !t->host.keeps_best)
    fine = model_save_weights(t->model, t->settings.save_path, NULL, done, error);
  free(checkpoint);
  return fine;
}
