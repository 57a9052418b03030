// Writes what each epoch came to into a table: `epoch` from 0, then the logs by name.
#include "runtime/callbacks/callback.h"
#include "support/json.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const arg_spec args[] = {
    {.name = "filename", .kinds = ARG_STRING, .is_path = true, .doc = "the file"},
    {.name = "separator", .kinds = ARG_STRING, .default_text = "\",\"", .doc = "between the fields"},
    {.name = "append", .kinds = ARG_BOOL, .default_text = "false", .doc = "go on with a file that exists"},
    {0}};

static bool write_text(const char *path, const char *how, const strbuf *text, strbuf *error) {
  FILE *f = fopen(path, how);
  bool fine = f && fwrite(strbuf_text(text), 1, text->len, f) == text->len;
  int reason = errno;
  if (f && fclose(f)) {
    fine = false;
    reason = errno;
  }
  if (!fine)
    strbuf_printf(error, "%s: %s", path, strerror(reason));
  return fine;
}

bool csv_log_begin(const char *path, bool append, strbuf *error) {
  strbuf nothing = {0};
  return write_text(path, append ? "a" : "w", &nothing, error);
}

// Whether a line tells of an epoch from `epochs` on.
static bool is_later(const char *line, size_t n, const char *separator, int64_t epochs) {
  char *end;
  if (!n || *line < '0' || *line > '9')
    return false;
  bool later = strtoll(line, &end, 10) >= epochs;
  size_t digits = (size_t)(end - line), rest = n - digits;
  bool whole = rest == 0 || !strncmp(end, separator, strlen(separator));
  return later && whole;
}

bool csv_log_cut(const char *path, const char *separator, int64_t epochs, strbuf *error) {
  char *text;
  struct stat st;
  size_t n, kept;
  if (stat(path, &st) || !S_ISREG(st.st_mode))
    return true;
  int status = file_read_all(path, &text, &n);
  if (status) {
    strbuf_printf(error, "%s: %s", path, strerror(-status));
    return false;
  }
  for (kept = n; kept;) {
    size_t end = text[kept - 1] == '\n' ? kept - 1 : kept, start = end;
    while (start && text[start - 1] != '\n')
      start--;
    if (!is_later(text + start, end - start, separator, epochs))
      break;
    kept = start;
  }
  status = kept < n ? file_write_atomic(path, text, kept) : 0;
  if (status)
    strbuf_printf(error, "%s: %s", path, strerror(-status));
  free(text);
  return !status;
}

static void put_number(strbuf *out, double number) {
  if (isfinite(number))
    json_put_number(out, number);
  else
    strbuf_puts(out, isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
}

bool csv_log_row(const char *path, const char *separator, int64_t epoch, const train_logs *logs,
                 strbuf *error) {
  struct stat st;
  strbuf text = {0};
  if (stat(path, &st) || st.st_size == 0) {
    strbuf_puts(&text, "epoch");
    for (size_t k = 0; k < logs->count; k++)
      strbuf_printf(&text, "%s%s", separator, logs->names[k]);
    strbuf_putc(&text, '\n');
  }
  strbuf_printf(&text, "%lld", (long long)epoch);
  for (size_t k = 0; k < logs->count; k++) {
    strbuf_puts(&text, separator);
    put_number(&text, logs->values[k]);
  }
  strbuf_putc(&text, '\n');
  bool fine = write_text(path, "a", &text, error);
  strbuf_free(&text);
  return fine;
}

static bool report(callback_host *h, bool fine, strbuf *error) {
  if (!fine) {
    strbuf_printf(&h->messages, "CSVLogger: %s\n", strbuf_text(error));
    h->failed = h->stop = true;
  }
  strbuf_free(error);
  return fine;
}

static bool begin(callback *c, callback_host *h) {
  strbuf error = {0};
  bool append = h->append_logs || config_number(c->args, "append", 0) != 0;
  return report(h, csv_log_begin(config_text(c->args, "filename", ""), append, &error), &error);
}

static void resume(callback *c, callback_host *h, int64_t epochs) {
  strbuf error = {0};
  const char *path = config_text(c->args, "filename", "");
  report(h, csv_log_cut(path, config_text(c->args, "separator", ","), epochs, &error), &error);
}

static void epoch_end(callback *c, callback_host *h, int64_t epoch, train_logs *logs) {
  strbuf error = {0};
  const char *path = config_text(c->args, "filename", "");
  report(h, csv_log_row(path, config_text(c->args, "separator", ","), epoch, logs, &error), &error);
}

const callback_def callback_csv_logger = {
    .item = {"csv_logger", "CSVLogger", "writes what each epoch came to into a table", args},
    .begin = begin,
    .resume = resume,
    .epoch_end = epoch_end,
};
