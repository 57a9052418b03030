// train: from labelled data to a weights file.
#include "runtime/cli/cli.h"
#include "runtime/cli/data_options.h"
#include "runtime/train/report.h"
#include "runtime/train/row_weights.h"
#include "runtime/train/trainer.h"
#include "runtime/train/transfer.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct train_options {
  data_words data, validation;
  const char *weights, *init_from, *only, *save, *log, *report;
  cli_words pretrained;
  int64_t epochs, batch_size, seed, threads;
  double learning_rate, validation_split;
  bool has_epochs, has_batch_size, has_seed, has_learning_rate, has_split;
  bool no_shuffle, resume, profile, quiet;
} train_options;

static const cli_command about = {"train", "DATA... [--validation DATA | --validation-split F] [--save FILE]",
                                  "Learns from labelled data and writes the weights, with vocabularies and "
                                  "class names inside."};

// ---- words

static bool parse_data(train_options *o, int argc, char **argv, const struct nlm_abi_model *abi) {
  const cli_option options[] = {
      DATA_WORD_OPTIONS(o->data),
      {"--validation", OPTION_TEXTS, &o->validation.paths, 0, 0, "DATA",
       "data to validate on after each epoch", NULL, NULL},
      {"--validation-split", OPTION_NUMBER, &o->validation_split, 0, 0.999, "F",
       "the last fraction of the rows validates", NULL, &o->has_split},
      {"--epochs", OPTION_INT, &o->epochs, 1, 1e9, "N", "passes over the data (all, with --resume)", NULL,
       &o->has_epochs},
      {"--batch-size", OPTION_INT, &o->batch_size, 1, 1 << 24, "N", "rows of a step", NULL,
       &o->has_batch_size},
      {"--learning-rate", OPTION_NUMBER, &o->learning_rate, 0, INFINITY, "X", "instead of the optimizer's",
       NULL, &o->has_learning_rate},
      {"--seed", OPTION_INT, &o->seed, 0, 9e18, "N",
       "of everything random (default: the train block's, or 0)", NULL, &o->has_seed},
      {"--threads", OPTION_INT, &o->threads, 1, 1024, "N",
       "default: all cores, at most 8; the result is the same", NULL, NULL},
      {"--no-shuffle", OPTION_FLAG, &o->no_shuffle, 0, 0, NULL, "rows in the order of the data", NULL, NULL},
      {"--weights", OPTION_TEXT, &o->weights, 0, 0, "FILE", "go on from weights that fit exactly", NULL,
       NULL},
      {"--init-from", OPTION_TEXT, &o->init_from, 0, 0, "FILE", "begin with what fits by name", NULL, NULL},
      {"--only", OPTION_TEXT, &o->only, 0, 0, "LAYER,...", "the layers that --init-from fills", NULL, NULL},
      {"--pretrained", OPTION_TEXTS, &o->pretrained, 0, 0, "LAYER=FILE",
       "word vectors: text, .npy, .safetensors", NULL, NULL},
      {"--save", OPTION_TEXT, &o->save, 0, 0, "FILE", "where the weights go (default: MODEL.safetensors)",
       NULL, NULL},
      {"--resume", OPTION_FLAG, &o->resume, 0, 0, NULL,
       "go on from the checkpoint beside --save, of a model of this name whose parameters fit", NULL, NULL},
      {"--log", OPTION_TEXT, &o->log, 0, 0, "FILE.csv", "what each epoch came to, as a table", NULL, NULL},
      {"--report", OPTION_TEXT, &o->report, 0, 0, "FILE.html",
       "a page about the training: curves, data, layers, what classes were taken for", NULL, NULL},
      {"--profile", OPTION_FLAG, &o->profile, 0, 0, NULL, "print the time of each kernel at the end", NULL,
       NULL},
      {"--quiet", OPTION_FLAG, &o->quiet, 0, 0, NULL, "errors only", NULL, NULL},
      {0}};
  return cli_parse(abi, &about, options, argc, argv);
}

static bool conflict(const struct nlm_abi_model *abi, bool both, const char *what) {
  if (both)
    cli_say(abi, "%s", what);
  return both;
}

static bool options_agree(const train_options *o, const struct nlm_abi_model *abi) {
  return !conflict(abi, o->weights && o->init_from, "either --weights or --init-from, not both") &&
         !conflict(abi, o->resume && (o->weights || o->init_from),
                   "--resume begins with the checkpoint: no --weights or --init-from beside it") &&
         !conflict(abi, o->only && !o->init_from, "--only goes with --init-from") &&
         !conflict(abi, o->validation.paths.len && o->has_split,
                   "either --validation or --validation-split, not both");
}

// ---- the run

typedef struct train_run {
  const train_options *options;
  loaded_model *m;
  data_request *request,
      *validation_request; // the latter is empty where rows are split off, or none are held
  train_settings settings;
  char *checkpoint; // to resume from; NULL: none
  checkpoint_use use;
  bool has_weights; // parameters came from --weights or will from the checkpoint
  prepared_data training, validation;
  train_report *report;   // NULL unless asked for
  size_t split;           // first row of the validation part of the training data
  double **class_weights; // by output; NULL where all classes count alike
  strbuf error;
} train_run;

static bool folder_exists(const char *path, strbuf *error) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? xstrdup(path) : xstrdup(".");
  if (slash)
    folder[slash == path ? 1 : slash - path] = 0;
  struct stat st;
  bool fine = !stat(folder, &st) && S_ISDIR(st.st_mode) && !access(folder, W_OK);
  if (fine && !stat(path, &st) && S_ISDIR(st.st_mode)) {
    strbuf_printf(error, "%s cannot be written: it is a folder; name a file in it", path);
    fine = false;
  } else if (!fine) {
    strbuf_printf(error, "%s cannot be written: the folder '%s' %s", path, folder,
                  stat(folder, &st) ? "does not exist" : "is not one that can be written to");
  }
  free(folder);
  return fine;
}

static const char *save_path(const train_run *r) {
  return r->options->save ? r->options->save : model_weights_name(r->m);
}

static void add_callback_files(const model_training *t, command_files *files) {
  for (size_t k = 0; k < t->callbacks_count; k++) {
    const config_call *c = &t->callbacks[k];
    char *backup = strcmp(c->name, "backup_and_restore") ? NULL : backup_path(c);
    command_files_write(files, backup, "in BackupAndRestore", false);
    free(backup);
    if (!strcmp(c->name, "csv_logger"))
      command_files_write(files, config_text(c, "filename", NULL), "in CSVLogger", false);
    if (!strcmp(c->name, "model_checkpoint"))
      command_files_write(files, config_text(c, "filepath", NULL), "in ModelCheckpoint", true);
  }
}

// No result replaces what is read; false after a message.
static bool results_are_apart(const train_run *r) {
  const train_options *o = r->options;
  const struct nlm_abi_model *abi = r->m->abi;
  command_files files = {0};
  data_request_files(r->request, &files);
  data_request_files(r->validation_request, &files);
  command_files_read(&files, o->weights, true);
  command_files_read(&files, o->init_from, false);
  for (size_t k = 0; k < o->pretrained.len; k++) {
    const char *file = strchr(o->pretrained.data[k], '=');
    command_files_read(&files, file ? file + 1 : NULL, false);
  }
  for (int64_t k = 0; k < abi->n_params; k++)
    command_files_read(&files, abi->params[k].pretrained, false);
  char *checkpoint = checkpoint_path(save_path(r));
  command_files_write(&files, save_path(r), "with --save", true);
  command_files_write(&files, checkpoint, "with --save", true);
  command_files_write(&files, o->log, "with --log", false);
  command_files_write(&files, o->report, "with --report", false);
  add_callback_files(r->m->training, &files);
  bool apart = command_files_apart(&files, abi);
  command_files_free(&files);
  free(checkpoint);
  return apart;
}

static bool make_settings(train_run *r) {
  const train_options *o = r->options;
  const model_training *t = r->m->training;
  r->settings = (train_settings){.epochs = o->has_epochs ? o->epochs : t->epochs,
                                 .batch_size = o->has_batch_size ? o->batch_size : t->batch_size,
                                 .has_learning_rate = o->has_learning_rate,
                                 .learning_rate = o->learning_rate,
                                 .seed = o->has_seed   ? (uint64_t)o->seed
                                         : t->has_seed ? t->seed
                                                       : 0,
                                 .shuffle = t->shuffle && !o->no_shuffle,
                                 .quiet = o->quiet,
                                 .profile = o->profile,
                                 .save_path = save_path(r),
                                 .log_path = o->log};
  return folder_exists(r->settings.save_path, &r->error) && (!o->log || folder_exists(o->log, &r->error)) &&
         (!o->report || folder_exists(o->report, &r->error));
}

static void show(const train_run *r, strbuf *messages, bool failed) {
  if (!r->options->quiet || failed)
    fputs(strbuf_text(messages), stderr);
  strbuf_free(messages);
}

// Behind the reason why the checkpoint cannot be gone on from: what to do.
static bool refuse_checkpoint(train_run *r) {
  while (r->error.len && r->error.data[r->error.len - 1] == '\n')
    r->error.data[--r->error.len] = 0;
  strbuf_puts(&r->error, strchr(strbuf_text(&r->error), '\n') ? "\n" : "; ");
  if (r->use == CHECKPOINT_BACKUP)
    strbuf_printf(&r->error, "remove %s to begin anew", r->checkpoint);
  else
    strbuf_puts(&r->error, "leave --resume out to begin anew");
  return false;
}

// Training goes on from this checkpoint.
static bool take_checkpoint(train_run *r, char *path, checkpoint_use use) {
  const train_options *o = r->options;
  uint64_t seed;
  r->checkpoint = path;
  r->use = use;
  r->has_weights = true;
  if (!checkpoint_read_model(r->m, path, use, &seed, &r->error))
    return refuse_checkpoint(r);
  if (o->has_seed && seed != r->settings.seed) {
    strbuf_printf(&r->error, "%s was made with --seed %llu: give that one to go on", path,
                  (unsigned long long)seed);
    return refuse_checkpoint(r);
  }
  r->settings.seed = seed;
  return true;
}

// The file of BackupAndRestore, if an interrupted training left one; malloc'ed.
static char *left_backup(const train_run *r) {
  const model_training *t = r->m->training;
  for (size_t k = 0; k < t->callbacks_count; k++) {
    char *path = strcmp(t->callbacks[k].name, "backup_and_restore") ? NULL : backup_path(&t->callbacks[k]);
    if (path && !access(path, F_OK))
      return path;
    free(path);
  }
  return NULL;
}

// Weights and checkpoint first: vocabularies and class names come with them.
static bool read_beginning(train_run *r) {
  const train_options *o = r->options;
  char *backup = left_backup(r);
  if (backup)
    return take_checkpoint(r, backup, CHECKPOINT_BACKUP);
  if (o->weights) {
    r->has_weights = true;
    return model_load_weights(r->m, o->weights, WEIGHTS_WRITABLE, &r->error) == NLM_OK;
  }
  if (!o->resume)
    return true;
  char *path = checkpoint_path(r->settings.save_path);
  if (access(path, F_OK)) {
    if (!o->quiet)
      cli_say(r->m->abi, "there is no %s yet: training begins at the beginning", path);
    free(path);
    return true;
  }
  return take_checkpoint(r, path, CHECKPOINT_RESUME);
}

static bool read_data(train_run *r) {
  const train_options *o = r->options;
  strbuf messages = {0};
  r->request->seed = r->validation_request->seed = r->settings.seed;
  bool fine = data_prepare(r->m, r->request, &r->training, &messages);
  if (o->validation.paths.len)
    fine = data_prepare(r->m, r->validation_request, &r->validation, &messages) && fine;
  fine = fine && data_bind_classes(r->m, &r->training, true, &messages);
  if (r->validation.data)
    fine = fine && data_bind_classes(r->m, &r->validation, false, &messages);
  if (fine) {
    double part = r->validation.data ? 0
                  : o->has_split     ? o->validation_split
                                     : r->m->training->validation_split;
    r->split = dataset_split_point(r->training.data->rows, part);
    data_adapt(r->m, &r->training, r->split, r->settings.pool, &messages);
  }
  show(r, &messages, !fine);
  if (fine && r->split == 0)
    strbuf_printf(&r->error, "the validation split leaves none of the %zu rows to train on",
                  r->training.data->rows);
  fine = fine && r->split > 0;
  return fine && class_weights_new(r->m, r->training.data, r->split, &r->class_weights, &r->error);
}

// ---- initial values

static bool take_from_file(train_run *r) {
  cli_words only = {0};
  strbuf report = {0};
  char *list = r->options->only ? xstrdup(r->options->only) : NULL, *rest = NULL;
  for (char *at = list ? strtok_r(list, ",", &rest) : NULL; at; at = strtok_r(NULL, ",", &rest))
    vec_push(&only, at);
  bool fine = transfer_from(r->m, r->options->init_from, only.data, only.len, &report);
  if (fine)
    show(r, &report, false);
  else
    strbuf_puts(&r->error, strbuf_text(&report));
  strbuf_free(&report);
  vec_free(&only);
  free(list);
  return fine;
}

static bool fill_table(train_run *r, int64_t param, const char *path, bool from_source) {
  strbuf report = {0};
  bool fine = pretrained_load(r->m, param, path, &report);
  if (!fine)
    strbuf_printf(&r->error, "%s%s", strbuf_text(&report),
                  from_source ? " (--pretrained LAYER=FILE names another file)" : "");
  else if (!r->options->quiet)
    cli_say(r->m->abi, "%s", strbuf_text(&report));
  strbuf_free(&report);
  return fine;
}

// The file that --pretrained names for a table, or NULL.
static bool fill_named_tables(train_run *r, bool *named) {
  for (size_t k = 0; k < r->options->pretrained.len; k++) {
    char *word = xstrdup(r->options->pretrained.data[k]);
    const char *layer, *path;
    bool fine = cli_split_pair(r->m->abi, "--pretrained", word, &layer, &path);
    int64_t param = fine ? pretrained_param(r->m, layer) : -1;
    if (fine && param < 0)
      strbuf_printf(&r->error, "--pretrained: the model has no layer '%s' with a table", layer);
    fine = param >= 0 && fill_table(r, param, path, false);
    if (fine)
      named[param] = true;
    free(word);
    if (!fine)
      return false;
  }
  return true;
}

static bool set_parameters(train_run *r) {
  int64_t n = r->m->abi->n_params;
  if (!r->m->block && model_initialize(r->m, r->settings.seed)) {
    strbuf_puts(&r->error, "there is not enough memory for the parameters");
    return false;
  }
  if (r->options->init_from && !take_from_file(r))
    return false;
  bool *named = xcalloc((size_t)n + 1, sizeof *named);
  bool fine = fill_named_tables(r, named);
  for (int64_t k = 0; fine && k < n && !r->has_weights; k++)
    if (r->m->abi->params[k].pretrained && !named[k])
      fine = fill_table(r, k, r->m->abi->params[k].pretrained, true);
  free(named);
  return fine;
}

// ---- training

static void show_profile(const trainer *t) {
  strbuf table = {0};
  profile_print(t->profile, &table);
  fputs(strbuf_text(&table), stderr);
  strbuf_free(&table);
}

static void begin_report(train_run *r, trainer *t) {
  const train_rows *held = &t->validation;
  bool apart = r->validation.data != NULL;
  if (r->options->report)
    r->report =
        train_report_new(r->options->report, t, (report_part){r->request, &r->training, 0, r->split},
                         (report_part){apart ? r->validation_request : NULL,
                                       apart ? &r->validation : &r->training, held->first, held->count});
}

// The page tells of a failure too; what went wrong with the page itself counts where nothing else did.
static bool end_report(train_run *r, bool fine) {
  strbuf error = {0};
  bool written = !r->report || train_report_finish(r->report, fine ? NULL : strbuf_text(&r->error), &error);
  if (fine && !written)
    strbuf_puts(&r->error, strbuf_text(&error));
  strbuf_free(&error);
  train_report_free(r->report);
  r->report = NULL;
  return fine && written;
}

static bool read_checkpoint(train_run *r, trainer *t) {
  strbuf warnings = {0};
  bool fine = checkpoint_read(t, r->checkpoint, r->use, &warnings, &r->error);
  show(r, &warnings, false);
  if (!fine)
    return refuse_checkpoint(r);
  if (r->use == CHECKPOINT_BACKUP && !r->options->quiet)
    cli_say(r->m->abi, "an interrupted training goes on from %s", r->checkpoint);
  return true;
}

static bool run_trainer(train_run *r, trainer *t, batcher *training, batcher *validation) {
  const data_request *request = r->request, *held_request = r->validation_request;
  const dataset *d = r->training.data, *v = r->validation.data;
  if (!trainer_init(t, r->m, &r->settings, &r->error) ||
      !batcher_init(training, r->m, &t->session, d, &r->training.schema, true, &r->error) ||
      (v && !batcher_init(validation, r->m, &t->session, v, &r->validation.schema, true, &r->error)))
    return false;
  batcher_name_files(training, request->inputs.data, request->inputs.len, request->targets.data,
                     request->targets.len);
  if (v)
    batcher_name_files(validation, held_request->inputs.data, held_request->inputs.len,
                       held_request->targets.data, held_request->targets.len);
  batcher_weigh_classes(training, (const double *const *)r->class_weights);
  train_rows rows = {training, 0, r->split};
  train_rows held =
      v ? (train_rows){validation, 0, v->rows} : (train_rows){training, r->split, d->rows - r->split};
  t->host.append_logs = r->checkpoint != NULL;
  if (!trainer_begin(t, rows, held, &r->error) || (r->checkpoint && !read_checkpoint(r, t)))
    return false;
  if (!r->options->quiet)
    cli_say(r->m->abi, "training on %zu rows, validating on %zu", rows.count, held.count);
  if (t->first_epoch >= r->settings.epochs && !r->options->quiet)
    cli_say(r->m->abi, "%lld epochs are done already; --epochs says how many there shall be in all",
            (long long)t->first_epoch);
  begin_report(r, t);
  return end_report(r, trainer_run(t, &r->error));
}

static bool start_threads(train_run *r) {
  int threads = (int)r->options->threads;
  if (threads > 1 && !(r->settings.pool = pool_new(threads)))
    strbuf_printf(&r->error, "%d threads cannot be started", threads);
  return threads == 1 || r->settings.pool;
}

static int train(train_run *r) {
  trainer t = {0};
  batcher training = {0}, validation = {0};
  bool fine = make_settings(r) && start_threads(r) && read_beginning(r) && read_data(r) &&
              set_parameters(r) && run_trainer(r, &t, &training, &validation);
  if (fine && t.profile)
    show_profile(&t);
  if (fine && !r->options->quiet)
    cli_say(r->m->abi, "weights are in %s", r->settings.save_path);
  if (!fine && r->error.len)
    cli_fail(r->m->abi, "%s", strbuf_text(&r->error));
  batcher_free(&training);
  batcher_free(&validation);
  if (t.model)
    trainer_free(&t);
  data_release(&r->training);
  data_release(&r->validation);
  pool_free(r->settings.pool);
  class_weights_free(r->m, r->class_weights);
  free(r->checkpoint);
  strbuf_free(&r->error);
  return fine ? EXIT_DONE : EXIT_WRONG_INPUT;
}

int command_train(int argc, char **argv, const struct nlm_abi_model *abi) {
  train_options o = {.threads = cli_default_threads()};
  data_request request = {0}, validation = {0};
  loaded_model m = {0};
  strbuf error = {0};
  int code = EXIT_WRONG_USAGE;
  if (parse_data(&o, argc, argv, abi) && options_agree(&o, abi) &&
      data_words_request(abi, &o.data, &request) &&
      (!o.validation.paths.len || data_words_request(abi, &o.validation, &validation))) {
    train_run r = {.options = &o, .m = &m, .request = &request, .validation_request = &validation};
    if (model_open(&m, abi, &error))
      code = cli_fail(abi, "%s", strbuf_text(&error));
    else if (!m.training)
      code = cli_fail(abi, "the model has no train block");
    else
      code = results_are_apart(&r) ? train(&r) : EXIT_WRONG_USAGE;
  }
  if (m.abi)
    model_close(&m);
  data_words_free(&o.data, &request);
  data_words_free(&o.validation, &validation);
  vec_free(&o.pretrained);
  strbuf_free(&error);
  return code;
}
