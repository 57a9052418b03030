#include "runtime/train/progress.h"
#include "runtime/train/profile.h"
#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { BAR_CELLS = 20 };

progress progress_new(bool quiet, int64_t epochs) {
  return (progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO) != 0, .epochs = epochs};
}

void progress_epoch(progress *p, int64_t epoch, size_t steps) {
  p->epoch = epoch;
  p->steps = steps;
  p->started = p->drawn = profile_clock();
}

void progress_step(progress *p, size_t done, double loss) {
  if (p->quiet || !p->terminal)
    return;
  double now = profile_clock();
  if (now - p->drawn < 0.1)
    return;
  p->drawn = now;
  size_t cells = p->steps ? done * BAR_CELLS / p->steps : BAR_CELLS;
  double left = (now - p->started) / (double)done * (double)(p->steps - done);
  fprintf(stderr, "\r\033[KEpoch %lld/%lld %zu/%zu ", (long long)p->epoch + 1, (long long)p->epochs, done,
          p->steps);
  for (size_t k = 0; k < BAR_CELLS; k++)
    fputs(k < cells ? "\u2501" : "\u2500", stderr);
  fprintf(stderr, " %.0fs - loss: %.4f", ceil(left), loss);
  fflush(stderr);
}

void progress_trained(progress *p, size_t steps_done) {
  p->training_seconds = profile_clock() - p->started;
  p->steps = steps_done;
}

void progress_put_logs(const train_logs *logs, strbuf *out) {
  for (size_t k = 0; k < logs->count; k++)
    strbuf_printf(out, fabs(logs->values[k]) > 1e-3 ? "%s%s: %.4f" : "%s%s: %.4e", k ? " - " : "",
                  logs->names[k], logs->values[k]);
}

// Time of a step in the unit that suits it.
static void put_step_time(strbuf *out, double seconds) {
  if (seconds >= 1)
    strbuf_printf(out, "%.0fs/step", seconds);
  else if (seconds >= 1e-3)
    strbuf_printf(out, "%.0fms/step", seconds * 1e3);
  else
    strbuf_printf(out, "%.0fus/step", seconds * 1e6);
}

void progress_end(progress *p, const train_logs *logs) {
  if (p->quiet)
    return;
  strbuf line = {0};
  strbuf_printf(&line, "%sEpoch %lld/%lld - %.0fs - ", p->terminal ? "\r\033[K" : "", (long long)p->epoch + 1,
                (long long)p->epochs, profile_clock() - p->started);
  put_step_time(&line, p->steps ? p->training_seconds / (double)p->steps : 0);
  strbuf_puts(&line, " - ");
  progress_put_logs(logs, &line);
  fprintf(stderr, "%s\n", strbuf_text(&line));
  strbuf_free(&line);
}
