// predict: texts, files and tensors through the model, batch by batch, so that a pipe is answered as it
// comes.
#include "runtime/cli/predict.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/data_options.h"
#include "runtime/data/reader.h"
#include "runtime/train/profile.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct predict_options {
  cli_words texts, inputs;
  const char *weights, *layer, *format, *output;
  int64_t batch_size, threads;
  bool profile;
} predict_options;

typedef struct prediction_run {
  const predict_options *options;
  const struct nlm_abi_model *abi;
  loaded_model model;
  model_schema schema;
  session session;
  layer_choice layer;
  layer_probes probes;
  prediction_writer writer;
  profiler *profile;
  bool failed; // results are not whole
  data_problems problems;
} prediction_run;

static const char *const formats[] = {"text", "json", "npy", NULL};

static bool parse(predict_options *o, int argc, char **argv, const struct nlm_abi_model *model) {
  static const cli_command command = {"predict", "[TEXT... | --input FILE | -]",
                                      "labels and probabilities of texts: given as words, one a line of a "
                                      "file, or one a line of standard input (-)"};
  const cli_option options[] = {
      {.name = "",
       .kind = OPTION_TEXTS,
       .to = &o->texts,
       .placeholder = "TEXT",
       .help = "texts to predict; -: read lines of standard input"},
      {.name = "--input",
       .kind = OPTION_TEXTS,
       .to = &o->inputs,
       .placeholder = "FILE",
       .help = "a text a line, or JSON lines with the inputs by name; .conll and .conllu; IDX images; "
               "NAME=FILE.npy, or a .npz: "
               "tensors"},
      {.name = "--weights",
       .kind = OPTION_TEXT,
       .to = &o->weights,
       .placeholder = "FILE",
       .help = "weights file"},
      {.name = "--layer",
       .kind = OPTION_TEXT,
       .to = &o->layer,
       .placeholder = "NAME",
       .help = "what this layer makes instead of the outputs"},
      {.name = "--format",
       .kind = OPTION_TEXT,
       .to = &o->format,
       .placeholder = "text|json|npy",
       .help = "text: label TAB probability, tokens' labels, or numbers; json: an object a line with all "
               "probabilities",
       .choices = formats},
      {.name = "--output",
       .kind = OPTION_TEXT,
       .to = &o->output,
       .placeholder = "FILE",
       .help = "where results go; for npy a folder, made if it is missing"},
      {.name = "--batch-size",
       .kind = OPTION_INT,
       .to = &o->batch_size,
       .min = 1,
       .max = 1 << 20,
       .placeholder = "N",
       .help = "rows at once (32)"},
      {.name = "--threads",
       .kind = OPTION_INT,
       .to = &o->threads,
       .min = 1,
       .max = 1024,
       .placeholder = "N",
       .help = "threads (1); results are the same for any number"},
      {.name = "--profile",
       .kind = OPTION_FLAG,
       .to = &o->profile,
       .help = "time of each kernel, to standard error"},
      {0}};
  return cli_parse(model, &command, options, argc, argv);
}

static predict_format format_of(const predict_options *o) {
  return !o->format || !strcmp(o->format, "text") ? PREDICT_TEXT
         : !strcmp(o->format, "json")             ? PREDICT_JSON
                                                  : PREDICT_NPY;
}

// ---- running

static int report_problems(prediction_run *r) {
  strbuf out = {0};
  data_problems_print(&r->problems, r->model.abi->name, &out);
  fputs(strbuf_text(&out), stderr);
  strbuf_free(&out);
  int code = r->problems.count ? EXIT_WRONG_INPUT : EXIT_DONE;
  data_problems_free(&r->problems);
  r->problems = (data_problems){0};
  return code;
}

static int run_batch(prediction_run *r, batcher *b, const size_t *rows, size_t count) {
  strbuf error = {0};
  int code = EXIT_DONE;
  int64_t kind = r->layer.kind == LAYER_PROBE ? NLM_PROBE : NLM_INFER;
  bool ready = batcher_load(b, rows, count, 1U << kind, &error);
  if (ready && kind == NLM_PROBE && !layer_probes_load(&r->probes, b)) {
    strbuf_puts(&error, "there is not enough memory for what layers make; a smaller --batch-size may fit");
    ready = false;
  }
  if (ready) {
    profile_start(r->profile, &r->session, kind);
    int64_t status = session_run(&r->session, kind);
    profile_stop(r->profile, &r->session, kind);
    if (status)
      batcher_describe_status(b, &error);
    else
      prediction_writer_add(&r->writer, b);
  }
  if (error.len) {
    code = cli_fail(r->abi, "%s", strbuf_text(&error));
    r->failed = true;
  }
  strbuf_free(&error);
  return code;
}

static int run_dataset(prediction_run *r, const dataset *d) {
  if (!d->rows)
    return EXIT_DONE;
  batcher b;
  strbuf error = {0};
  if (!batcher_init(&b, &r->model, &r->session, d, &r->schema, false, &error)) {
    int code = cli_fail(r->abi, "%s", strbuf_text(&error));
    r->failed = true;
    strbuf_free(&error);
    return code;
  }
  size_t batch = (size_t)r->options->batch_size;
  if (r->layer.kind == LAYER_PROBE && batch > PROBE_ROWS && !session_is_stateful(r->abi))
    batch = PROBE_ROWS;
  size_t *rows = xcalloc(d->rows, sizeof *rows);
  for (size_t k = 0; k < d->rows; k++)
    rows[k] = k;
  int code = EXIT_DONE;
  for (size_t k = 0; k < d->rows && code == EXIT_DONE; k += batch)
    code = run_batch(r, &b, rows + k, d->rows - k < batch ? d->rows - k : batch);
  free(rows);
  batcher_free(&b);
  return code;
}

// ---- sources

static int run_texts(prediction_run *r) {
  dataset *d =
      dataset_from_texts(r->options->texts.data, r->options->texts.len, &r->schema.data, &r->problems);
  int code = report_problems(r);
  r->failed = code != EXIT_DONE;
  if (d && code == EXIT_DONE)
    code = run_dataset(r, d);
  dataset_free(d);
  return code;
}

// Bad lines are reported and left out; the exit code tells.
static int run_stream(prediction_run *r, const char *path) {
  data_reader *reader = data_reader_open(path, &r->schema.data, &r->problems);
  int worst = report_problems(r), code = EXIT_DONE;
  r->failed = !reader;
  while (reader && code == EXIT_DONE) {
    dataset *d = data_reader_next(reader, (size_t)r->options->batch_size, &r->problems);
    int problems = report_problems(r);
    worst = problems ? problems : worst;
    if (!d)
      break;
    code = run_dataset(r, d);
    dataset_free(d);
  }
  data_reader_close(reader);
  return code ? code : worst;
}

// Images of an IDX file, sentences of a CoNLL file; labels are not looked at.
static int run_file(prediction_run *r, const char *path, const char *format) {
  data_options options = {.outputs_optional = true, .format = format};
  dataset *d = dataset_open(&path, 1, &r->schema.data, &options, &r->problems);
  int code = report_problems(r);
  r->failed = code != EXIT_DONE;
  if (d && code == EXIT_DONE)
    code = run_dataset(r, d);
  dataset_free(d);
  return code;
}

// By its name alone: a text a line may have columns too.
static const char *column_format(const char *path) {
  static const char *const endings[][2] = {
      {".conllu", "conllu"}, {".conll", "conll"}, {".bio", "conll"}, {".iob", "conll"}, {".iob2", "conll"}};
  size_t n = strlen(path), packed = n > 3 && !strcmp(path + n - 3, ".gz") ? 3 : 0;
  for (size_t k = 0; k < sizeof endings / sizeof *endings; k++) {
    size_t bytes = strlen(endings[k][0]);
    if (n > bytes + packed && !strncmp(path + n - packed - bytes, endings[k][0], bytes))
      return endings[k][1];
  }
  return NULL;
}

static bool names_input(const loaded_model *m, const char *word) {
  for (size_t k = 0; k < m->inputs_count; k++) {
    size_t n = strlen(m->inputs[k].name);
    if (!strncmp(word, m->inputs[k].name, n) && word[n] == '=')
      return true;
  }
  return false;
}

// From words NAME=FILE, or one .npz file. False after a message.
static bool tensors_of_words(prediction_run *r, data_tensors *out) {
  const cli_words *words = &r->options->inputs;
  if (words->len == 1 && data_is_archive(words->data[0]) && !names_input(&r->model, words->data[0])) {
    data_archive_tensors(r->abi, words->data[0], out, NULL);
    return true;
  }
  return data_tensors_of_words(r->abi, "--input", words, out);
}

static int run_tensors(prediction_run *r) {
  data_tensors tensors = {0};
  int code = tensors_of_words(r, &tensors) ? EXIT_DONE : EXIT_WRONG_USAGE;
  if (code == EXIT_DONE) {
    data_options options = {.outputs_optional = true};
    dataset *d =
        dataset_from_tensors(tensors.data, tensors.len, NULL, 0, &r->schema.data, &options, &r->problems);
    code = report_problems(r);
    r->failed = code != EXIT_DONE;
    if (d && code == EXIT_DONE)
      code = run_dataset(r, d);
    dataset_free(d);
  }
  data_tensors_free(&tensors);
  return code;
}

static bool is_tensor_input(const prediction_run *r) {
  const cli_words *inputs = &r->options->inputs;
  return inputs->len > 1 ||
         (inputs->len == 1 && (names_input(&r->model, inputs->data[0]) || data_is_archive(inputs->data[0]) ||
                               (strchr(inputs->data[0], '=') && strstr(inputs->data[0], ".npy"))));
}

static int run_all(prediction_run *r) {
  const predict_options *o = r->options;
  if (is_tensor_input(r))
    return run_tensors(r);
  if (o->inputs.len) {
    const char *path = o->inputs.data[0], *format = data_is_idx(path) ? "idx" : column_format(path);
    return format ? run_file(r, path, format) : run_stream(r, path);
  }
  if (o->texts.len == 1 && !strcmp(o->texts.data[0], "-"))
    return run_stream(r, "-");
  return run_texts(r);
}

// ---- opening

static int load_weights(prediction_run *r) {
  strbuf error = {0};
  const char *named = r->options->weights, *path = named ? named : model_default_weights(&r->model);
  nlm_status status = model_load_weights(&r->model, path, WEIGHTS_READ_ONLY, &error);
  int code = EXIT_DONE;
  if (status)
    code = cli_fail(
        r->abi, "%s%s", strbuf_text(&error),
        status == NLM_ERROR_FILE && !named ? "\ntrain first, or name a weights file with --weights" : "");
  strbuf_free(&error);
  return code;
}

// A result replaces nothing that is read. Returns the exit code.
static int check_files(prediction_run *r) {
  const predict_options *o = r->options;
  command_files files = {0};
  data_tensors tensors = {0};
  bool fine = !is_tensor_input(r) || tensors_of_words(r, &tensors);
  data_tensors_files(&tensors, &files);
  if (!is_tensor_input(r) && o->inputs.len)
    command_files_read(&files, o->inputs.data[0], false);
  if (o->texts.len == 1 && !strcmp(o->texts.data[0], "-"))
    command_files_read(&files, "-", false);
  command_files_read(&files, o->weights ? o->weights : model_default_weights(&r->model), false);
  prediction_writer_files(&r->writer, &files);
  fine = fine && command_files_apart(&files, r->abi);
  command_files_free(&files);
  data_tensors_free(&tensors);
  return fine ? EXIT_DONE : EXIT_WRONG_USAGE;
}

static int open_run(predict_options *o, prediction_run *r) {
  strbuf error = {0};
  if (model_open(&r->model, r->abi, &error)) {
    int code = cli_fail(r->abi, "%s", strbuf_text(&error));
    strbuf_free(&error);
    return code;
  }
  if (!o->batch_size)
    o->batch_size = model_batch_size(&r->model, BATCH_SIZE);
  if (r->options->layer)
    r->layer = choose_layer(&r->model, r->options->layer, &error);
  int code = error.len ? cli_fail(r->abi, "%s", strbuf_text(&error)) : EXIT_DONE;
  strbuf_free(&error);
  r->schema = schema_new(&r->model, is_tensor_input(r) ? SCHEMA_TENSORS : SCHEMA_FILES);
  r->writer =
      prediction_writer_new(&r->model, format_of(r->options), r->layer, &r->probes, r->options->output);
  if (code == EXIT_DONE)
    code = check_files(r);
  if (code == EXIT_DONE)
    code = load_weights(r);
  if (!session_init(&r->session, r->abi, NULL))
    return cli_fail(r->abi, "not enough memory");
  r->session.weights_stay = true;
  if (code == EXIT_DONE && r->options->threads > 1) {
    r->session.pool = pool_new((int)r->options->threads);
    if (!r->session.pool)
      code = cli_fail(r->abi, "%lld threads cannot be started", (long long)r->options->threads);
  }
  r->profile = r->options->profile ? profile_new(r->abi) : NULL;
  return code;
}

static void close_run(prediction_run *r) {
  if (r->writer.model)
    prediction_writer_free(&r->writer);
  layer_probes_free(&r->probes, &r->model);
  pool_free(r->session.pool);
  session_destroy(&r->session);
  profile_free(r->profile);
  schema_free(&r->schema);
  if (r->model.abi)
    model_close(&r->model);
}

static int finish(prediction_run *r, int code) {
  strbuf text = {0};
  if (code != EXIT_WRONG_USAGE && !r->failed && !prediction_writer_finish(&r->writer, &text))
    code = cli_fail(r->abi, "%s", strbuf_text(&text));
  text.len = 0;
  if (r->profile) {
    profile_print(r->profile, &text);
    fputs(strbuf_text(&text), stderr);
  }
  strbuf_free(&text);
  return code;
}

// What the options ask for must be one thing. Returns the exit code.
static int check_options(const predict_options *o, const struct nlm_abi_model *model) {
  const char *wrong = NULL;
  if (!o->texts.len && !o->inputs.len)
    wrong = "nothing to predict: give texts, --input FILE, or - for lines of standard input";
  else if (o->texts.len && o->inputs.len)
    wrong = "give texts or --input, not both";
  else if (format_of(o) == PREDICT_NPY && !o->output)
    wrong = "--format npy needs --output FOLDER";
  if (!wrong)
    return EXIT_DONE;
  cli_fail(model, "%s", wrong);
  return EXIT_WRONG_USAGE;
}

int command_predict(int argc, char **argv, const struct nlm_abi_model *model) {
  predict_options o = {.threads = 1};
  prediction_run r = {.options = &o, .abi = model};
  int code = parse(&o, argc, argv, model) ? check_options(&o, model) : EXIT_WRONG_USAGE;
  if (code == EXIT_DONE) {
    code = open_run(&o, &r);
    if (code == EXIT_DONE)
      code = finish(&r, run_all(&r));
    close_run(&r);
  }
  vec_free(&o.texts);
  vec_free(&o.inputs);
  return code;
}
