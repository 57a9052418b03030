// Saves the weights at the end of epochs: of every one, or of each that improves the monitored value.
#include "runtime/callbacks/callback.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEST, HAS_BEST };

static const char *const modes[] = {"auto", "min", "max", NULL};
static const char *const frequencies[] = {"epoch", NULL};
static const arg_spec args[] = {
    {.name = "filepath",
     .kinds = ARG_STRING | ARG_NONE,
     .default_text = "none",
     .is_path = true,
     .doc = "file, with {epoch:02d} or {val_loss:.2f} filled in; none: the file of --save"},
    {.name = "monitor", .kinds = ARG_STRING, .default_text = "\"val_loss\"", .doc = "what is watched"},
    CALLBACK_VERBOSE,
    {.name = "save_best_only",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "save only when the monitored value improves"},
    {.name = "save_weights_only",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "without effect: a file holds the weights, vocabularies and class names"},
    {.name = "mode",
     .kinds = ARG_MODE,
     .modes = modes,
     .default_text = "auto",
     .doc = "whether smaller or larger is better"},
    {.name = "save_freq",
     .kinds = ARG_MODE,
     .modes = frequencies,
     .default_text = "epoch",
     .doc = "when to save"},
    {.name = "initial_value_threshold",
     .kinds = ARG_FLOAT | ARG_NONE,
     .default_text = "none",
     .doc = "the value that the first file must improve on"},
    {0}};

// One field of a path, `{name}` or `{name:format}`; returns the bytes read, 0 for a field that cannot be
// filled.
static size_t put_field(const char *at, int64_t epoch, const train_logs *logs, strbuf *out) {
  const char *end = strchr(at, '}');
  size_t name = end ? strcspn(at + 1, ":}") : 0;
  char key[128], form[16] = "%";
  if (!end || name == 0 || name >= sizeof key)
    return 0;
  memcpy(key, at + 1, name);
  key[name] = 0;
  const char *spec = at + 1 + name + (at[1 + name] == ':');
  size_t digits = strspn(spec, "0123456789."), n = (size_t)(end - spec);
  if (digits > 8 || n > digits + 1)
    return 0;
  memcpy(form + 1, spec, digits);
  char kind = n > digits ? spec[digits] : 0;
  const double *watched = logs_get(logs, key);
  if (!strcmp(key, "epoch") && (kind == 'd' || !kind) && !memchr(form, '.', digits + 1)) {
    memcpy(form + 1 + digits, "lld", 4);
    strbuf_printf(out, form, (long long)epoch + 1);
  } else if (watched && (!kind || strchr("feg", kind))) {
    memcpy(form + 1 + digits, kind == 'f' ? "f" : kind == 'e' ? "e" : "g", 2);
    strbuf_printf(out, form, *watched);
  } else {
    return 0;
  }
  return (size_t)(end - at) + 1;
}

// The path of an epoch's file; false with a message for a field that cannot be filled.
static bool make_path(const callback *c, callback_host *h, int64_t epoch, const train_logs *logs,
                      strbuf *out) {
  const char *path = config_text(c->args, "filepath", h->save_path);
  for (const char *at = path; *at;) {
    size_t n = *at == '{' ? put_field(at, epoch, logs, out) : 0;
    if (*at == '{' && !n) {
      strbuf_printf(&h->messages, "ModelCheckpoint: '%s' cannot be filled in in filepath \"%s\"\n", at, path);
      return false;
    }
    if (!n)
      strbuf_putc(out, *at);
    at += n ? n : 1;
  }
  return true;
}

static bool saves_best(const callback *c) {
  return config_number(c->args, "save_best_only", 0) != 0;
}

static bool begin(callback *c, callback_host *h) {
  strbuf path = {0};
  bool fine = make_path(c, h, 0, h->expected, &path);
  strbuf_free(&path);
  c->numbers[HAS_BEST] = !config_is_none(c->args, "initial_value_threshold");
  c->numbers[BEST] = config_number(c->args, "initial_value_threshold", 0);
  if (saves_best(c) && config_is_none(c->args, "filepath"))
    h->keeps_best = true;
  return fine && (!saves_best(c) || callback_choose_monitor(c, h));
}

// Whether this epoch is to be saved; says so.
static bool wants_file(callback *c, callback_host *h, int64_t epoch, const train_logs *logs,
                       const char *path) {
  bool verbose = callback_is_verbose(c);
  long long number = (long long)epoch + 1;
  if (!saves_best(c)) {
    if (verbose)
      strbuf_printf(&h->messages, "Epoch %lld: saving model to %s\n", number, path);
    return true;
  }
  const double *watched = logs_get(logs, c->monitor);
  double best = c->numbers[BEST];
  if (c->numbers[HAS_BEST] != 0 && !(c->direction < 0 ? *watched < best : *watched > best)) {
    if (verbose)
      strbuf_printf(&h->messages, "Epoch %lld: %s did not improve from %.5f\n", number, c->monitor, best);
    return false;
  }
  char from[64] = "None";
  if (c->numbers[HAS_BEST] != 0)
    snprintf(from, sizeof from, "%.5f", best);
  if (verbose)
    strbuf_printf(&h->messages, "Epoch %lld: %s improved from %s to %.5f, saving model to %s\n", number,
                  c->monitor, from, *watched, path);
  c->numbers[HAS_BEST] = 1;
  c->numbers[BEST] = *watched;
  return true;
}

static void epoch_end(callback *c, callback_host *h, int64_t epoch, train_logs *logs) {
  strbuf path = {0}, error = {0};
  bool fine = make_path(c, h, epoch, logs, &path);
  if (fine && wants_file(c, h, epoch, logs, strbuf_text(&path))) {
    fine = h->save(h->self, strbuf_text(&path), epoch + 1, &error);
    if (!fine)
      strbuf_printf(&h->messages, "ModelCheckpoint: %s\n", strbuf_text(&error));
  }
  if (!fine)
    h->failed = h->stop = true;
  strbuf_free(&path);
  strbuf_free(&error);
}

const callback_def callback_model_checkpoint = {
    .item = {"model_checkpoint", "ModelCheckpoint", "saves weights during training", args},
    .begin = begin,
    .epoch_end = epoch_end,
};
