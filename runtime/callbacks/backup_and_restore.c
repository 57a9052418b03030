// Keeps all of the training's state in a folder after each epoch. The same command, started again after an
// interruption, goes on from there to the same bits (cli/train.c reads the file before data are read); the
// end of training removes it.
#include "runtime/callbacks/callback.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const frequencies[] = {"epoch", NULL};
static const arg_spec args[] = {
    {.name = "backup_dir",
     .kinds = ARG_STRING,
     .is_path = true,
     .doc = "folder of the backup; it is made if it does not exist"},
    {.name = "save_freq",
     .kinds = ARG_MODE,
     .modes = frequencies,
     .default_text = "epoch",
     .doc = "when to save"},
    {.name = "double_checkpoint",
     .kinds = ARG_BOOL,
     .default_text = "false",
     .doc = "without effect: a backup is replaced as a whole, so that one is enough"},
    {.name = "delete_checkpoint",
     .kinds = ARG_BOOL,
     .default_text = "true",
     .doc = "the end of training removes the backup"},
    {0}};

char *backup_path(const config_call *call) {
  strbuf path = {0};
  strbuf_printf(&path, "%s/training.checkpoint", config_text(call, "backup_dir", "."));
  return path.data;
}

// Makes the folder and those above it; 0 or an errno. `path` is as before when it returns.
static int make_folders(char *path) {
  struct stat st;
  for (char *at = path + (*path == '/'); *at; at++) {
    if (*at != '/')
      continue;
    *at = 0;
    if (stat(path, &st)) // what is there already may be one that cannot be written to
      mkdir(path, 0777);
    *at = '/';
  }
  if (!mkdir(path, 0777))
    return 0;
  int reason = errno;
  if (reason == EEXIST && !stat(path, &st))
    return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
  return reason;
}

static bool begin(callback *c, callback_host *h) {
  char *folder = xstrdup(config_text(c->args, "backup_dir", "."));
  int failed = make_folders(folder);
  if (failed)
    strbuf_printf(&h->messages, "BackupAndRestore: %s: %s\n", folder, strerror(failed));
  free(folder);
  if (failed)
    return false;
  h->backup = c->args;
  return true;
}

static void train_end(callback *c, callback_host *h) {
  char *path = backup_path(c->args);
  if (config_number(c->args, "delete_checkpoint", 1) != 0 && unlink(path) && errno != ENOENT)
    strbuf_printf(&h->messages, "warning: %s cannot be removed: %s\n", path, strerror(errno));
  free(path);
}

const callback_def callback_backup_and_restore = {
    .item = {"backup_and_restore", "BackupAndRestore", "lets the same command go on after an interruption",
             args},
    .begin = begin,
    .train_end = train_end,
};
