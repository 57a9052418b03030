// evaluate: loss and metrics on labelled data.
#include "runtime/cli/cli.h"
#include "runtime/cli/data_options.h"
#include "runtime/kernels/denormals.h"
#include "runtime/train/profile.h"
#include "runtime/train/progress.h"
#include "runtime/train/tally.h"
#include "support/json.h"
#include "support/spill.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH_SIZE = 32 }; // Keras's for evaluation

typedef struct evaluate_options {
  data_words data;
  const char *weights, *format;
  int64_t batch_size, threads;
  bool profile;
} evaluate_options;

static const char *const formats[] = {"text", "json", NULL};
static const cli_command about = {"evaluate", "DATA... [--weights W] [--format text|json]",
                                  "Measures loss and metrics on labelled data."};

static bool parse(evaluate_options *o, int argc, char **argv, const struct nlm_abi_model *abi) {
  const cli_option options[] = {
      DATA_WORD_OPTIONS(o->data),
      {.name = "--weights",
       .kind = OPTION_TEXT,
       .to = &o->weights,
       .placeholder = "FILE",
       .help = "weights to measure"},
      {.name = "--format",
       .kind = OPTION_TEXT,
       .to = &o->format,
       .placeholder = "text|json",
       .choices = formats,
       .help = "form of the result"},
      {.name = "--batch-size",
       .kind = OPTION_INT,
       .to = &o->batch_size,
       .min = 1,
       .max = 1 << 20,
       .placeholder = "N",
       .help = "rows at a time (default: 32, as in Keras; a masked loss is a mean of batches)"},
      {.name = "--threads",
       .kind = OPTION_INT,
       .to = &o->threads,
       .min = 1,
       .max = 1024,
       .placeholder = "N",
       .help = "threads (default: all cores, at most 8)"},
      {.name = "--profile", .kind = OPTION_FLAG, .to = &o->profile, .help = "print the time of each kernel"},
      {0}};
  return cli_parse(abi, &about, options, argc, argv);
}

static void print_results(const evaluate_options *o, const train_logs *logs, size_t rows) {
  bool json = o->format && !strcmp(o->format, "json");
  strbuf out = {0};
  if (json) {
    strbuf_puts(&out, "{");
    for (size_t k = 0; k < logs->count; k++) {
      strbuf_puts(&out, k ? ", " : "");
      json_put_string(&out, logs->names[k]);
      strbuf_puts(&out, ": ");
      json_put_number(&out, logs->values[k]);
    }
    strbuf_puts(&out, "}\n");
  } else {
    strbuf_printf(&out, "%zu rows - ", rows);
    progress_put_logs(logs, &out);
    strbuf_putc(&out, '\n');
  }
  fputs(strbuf_text(&out), stdout);
  strbuf_free(&out);
}

static bool measure(const evaluate_options *o, loaded_model *m, const data_request *request,
                    const prepared_data *data, strbuf *error) {
  session s;
  batcher b = {0};
  tally t = {0};
  size_t rows = data->data->rows, *order = spill_alloc((rows + 1) * sizeof *order);
  profiler *profile = o->profile ? profile_new(m->abi) : NULL;
  for (size_t k = 0; k < rows; k++)
    order[k] = k;
  bool fine = session_init(&s, m->abi, NULL);
  if (!fine)
    strbuf_puts(error, "there is not enough memory");
  s.weights_stay = true;
  s.pool = fine && o->threads > 1 ? pool_new((int)o->threads) : NULL;
  unsigned mode = denormals_flush();
  fine = fine && batcher_init(&b, m, &s, data->data, &data->schema, true, error);
  if (fine)
    batcher_name_files(&b, request->inputs.data, request->inputs.len, request->targets.data,
                       request->targets.len);
  fine = fine && tally_init(&t, m, "", error) &&
         evaluate_rows(&t, &b, order, rows, (size_t)o->batch_size, profile, error);
  denormals_restore(mode);
  if (fine) {
    train_logs logs = {0};
    tally_logs(&t, &logs);
    print_results(o, &logs, rows);
  }
  if (fine && profile) {
    strbuf table = {0};
    profile_print(profile, &table);
    fputs(strbuf_text(&table), stderr);
    strbuf_free(&table);
  }
  profile_free(profile);
  tally_free(&t);
  batcher_free(&b);
  pool_free(s.pool);
  session_destroy(&s);
  spill_free(order);
  return fine;
}

static int run(evaluate_options *o, loaded_model *m, const data_request *request) {
  strbuf messages = {0}, error = {0};
  prepared_data data = {0};
  if (!o->batch_size)
    o->batch_size = model_batch_size(m, BATCH_SIZE);
  const char *weights = o->weights ? o->weights : model_default_weights(m);
  if (!m->training || !session_program(m->abi, NLM_EVALUATE))
    return cli_fail(m->abi, "the model has no train block, so it has no loss to measure");
  bool fine = model_load_weights(m, weights, WEIGHTS_READ_ONLY, &error) == NLM_OK;
  bool opened = fine && data_prepare(m, request, &data, &messages);
  fine = opened && data_bind_classes(m, &data, false, &messages);
  fputs(strbuf_text(&messages), stderr);
  fine = fine && measure(o, m, request, &data, &error);
  if (!fine && error.len)
    cli_fail(m->abi, "%s", strbuf_text(&error));
  if (opened)
    data_release(&data);
  strbuf_free(&messages);
  strbuf_free(&error);
  return fine ? EXIT_DONE : EXIT_WRONG_INPUT;
}

int command_evaluate(int argc, char **argv, const struct nlm_abi_model *abi) {
  evaluate_options o = {.threads = cli_default_threads()};
  data_request request = {0};
  loaded_model m = {0};
  strbuf error = {0};
  int code = EXIT_WRONG_USAGE;
  if (parse(&o, argc, argv, abi) && data_words_request(abi, &o.data, &request))
    code = model_open(&m, abi, &error) ? cli_fail(abi, "%s", strbuf_text(&error)) : run(&o, &m, &request);
  if (m.abi)
    model_close(&m);
  data_words_free(&o.data, &request);
  strbuf_free(&error);
  return code;
}
