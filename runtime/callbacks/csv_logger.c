// Writes what each epoch came to into a table: `epoch` from 0, then the logs by name.
#include "runtime/callbacks/callback.h"
#include "support/json.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const arg_spec args[] = {
    {.name = "filename", .kinds = ARG_STRING, .doc = "the file"},
    {.name = "separator", .kinds = ARG_STRING, .default_text = "\",\"", .doc = "between the fields"},
    {.name = "append", .kinds = ARG_BOOL, .default_text = "false", .doc = "go on with a file that exists"},
    {0}};

static bool write_line(const char *path, const char *how, const strbuf *line, strbuf *error) {
  FILE *f = fopen(path, how);
  bool fine = f && fwrite(strbuf_text(line), 1, line->len, f) == line->len;
  int reason = errno;
  if (f && fclose(f)) {
    fine = false;
    reason = errno;
  }
  if (!fine)
    strbuf_printf(error, "%s: %s", path, strerror(reason));
  return fine;
}

bool csv_log_begin(const char *path, const char *separator, const train_logs *names, bool append,
                   strbuf *error) {
  struct stat st;
  if (append && !stat(path, &st) && st.st_size > 0)
    return true;
  strbuf line = {0};
  strbuf_puts(&line, "epoch");
  for (size_t k = 0; k < names->count; k++)
    strbuf_printf(&line, "%s%s", separator, names->names[k]);
  strbuf_putc(&line, '\n');
  bool fine = write_line(path, append ? "a" : "w", &line, error);
  strbuf_free(&line);
  return fine;
}

bool csv_log_row(const char *path, const char *separator, const train_logs *columns, int64_t epoch,
                 const train_logs *logs, strbuf *error) {
  strbuf line = {0};
  strbuf_printf(&line, "%lld", (long long)epoch);
  for (size_t k = 0; k < columns->count; k++) {
    const double *number = logs_get(logs, columns->names[k]);
    strbuf_puts(&line, separator);
    if (!number)
      strbuf_puts(&line, "NA");
    else if (isfinite(*number))
      json_put_number(&line, *number);
    else
      strbuf_puts(&line, isnan(*number) ? "nan" : *number < 0 ? "-inf" : "inf");
  }
  strbuf_putc(&line, '\n');
  bool fine = write_line(path, "a", &line, error);
  strbuf_free(&line);
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
  return report(h,
                csv_log_begin(config_text(c->args, "filename", ""), config_text(c->args, "separator", ","),
                              h->expected, append, &error),
                &error);
}

static void epoch_end(callback *c, callback_host *h, int64_t epoch, train_logs *logs) {
  strbuf error = {0};
  report(h,
         csv_log_row(config_text(c->args, "filename", ""), config_text(c->args, "separator", ","),
                     h->expected, epoch, logs, &error),
         &error);
}

const callback_def callback_csv_logger = {
    .item = {"csv_logger", "CSVLogger", "writes what each epoch came to into a table", args},
    .begin = begin,
    .epoch_end = epoch_end,
};
