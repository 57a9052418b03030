#include "runtime/cli/files.h"
#include "runtime/cli/cli.h"
#include "runtime/data/dataset.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- which file a path is

typedef struct file_identity {
  bool known, exists, is_folder;
  dev_t device; // of the folder, where the file does not exist
  ino_t inode;
  const char *name; // in that folder
} file_identity;

static int folder_of(const char *path, const char *below, struct stat *out) {
  const char *slash = strrchr(path, '/');
  strbuf folder = {0};
  strbuf_printf(&folder, "%.*s%s", slash ? (int)(slash - path) + 1 : 2, slash ? path : "./", below);
  int failed = stat(strbuf_text(&folder), out);
  strbuf_free(&folder);
  return failed;
}

static file_identity identify(const char *path) {
  struct stat st;
  const char *slash = strrchr(path, '/');
  if (!(strcmp(path, "-") ? stat(path, &st) : fstat(STDIN_FILENO, &st)))
    return (file_identity){
        S_ISREG(st.st_mode) || S_ISDIR(st.st_mode), true, S_ISDIR(st.st_mode), st.st_dev, st.st_ino, ""};
  if (folder_of(path, "", &st))
    return (file_identity){0};
  return (file_identity){true, false, false, st.st_dev, st.st_ino, slash ? slash + 1 : path};
}

static bool is_same(const char *a, const char *b) {
  file_identity x = identify(a), y = identify(b);
  return x.known && y.known && !x.is_folder && x.exists == y.exists && x.device == y.device &&
         x.inode == y.inode && !strcmp(x.name, y.name);
}

// A text of the folder: FOLDER/CLASS/NAME.txt.
static bool is_text_of(const char *folder, const char *result) {
  file_identity data = identify(folder), text = identify(result);
  struct stat above;
  size_t n = strlen(result);
  return data.is_folder && text.known && text.exists && n > 4 && !strcmp(result + n - 4, ".txt") &&
         !folder_of(result, "..", &above) && above.st_dev == data.device && above.st_ino == data.inode;
}

// ---- the lists

static void add_read(command_files *f, const char *path, bool is_weights) {
  command_file file = {.path = xstrdup(path), .is_weights = is_weights};
  vec_push(&f->read, file);
}

void command_files_read(command_files *f, const char *path, bool is_weights) {
  if (!path)
    return;
  add_read(f, path, is_weights);
  char *labels = strcmp(path, "-") && data_is_idx(path) ? data_idx_labels(path) : NULL;
  if (labels)
    add_read(f, labels, false);
  size_t n = labels ? strlen(labels) : 0;
  if (n > 3 && !strcmp(labels + n - 3, ".gz")) { // or unpacked ones
    labels[n - 3] = 0;
    add_read(f, labels, false);
  }
  free(labels);
}

void command_files_write(command_files *f, const char *path, const char *remedy, bool is_weights) {
  if (!path || !strcmp(path, "-"))
    return;
  command_file file = {xstrdup(path), remedy, is_weights};
  vec_push(&f->written, file);
}

void command_files_free(command_files *f) {
  for (size_t k = 0; k < f->read.len; k++)
    free((char *)f->read.data[k].path);
  for (size_t k = 0; k < f->written.len; k++)
    free((char *)f->written.data[k].path);
  vec_free(&f->read);
  vec_free(&f->written);
}

// ---- the question

static bool refuse(const struct nlm_abi_model *model, const command_file *result, const char *read) {
  cli_say(model, "the result %s would replace %s, which is read; name another file %s", result->path, read,
          result->remedy);
  return false;
}

static bool replaces_nothing(const command_files *f, const command_file *result,
                             const struct nlm_abi_model *model) {
  for (size_t k = 0; k < f->read.len; k++) {
    const command_file *file = &f->read.data[k];
    bool goes_on = file->is_weights && result->is_weights;
    if (!goes_on && (is_same(file->path, result->path) || is_text_of(file->path, result->path)))
      return refuse(model, result, strcmp(file->path, "-") ? file->path : "standard input");
  }
  if (!is_same("/proc/self/exe", result->path))
    return true;
  cli_say(model, "the result %s would replace this program; name another file %s", result->path,
          result->remedy);
  return false;
}

bool command_files_apart(const command_files *f, const struct nlm_abi_model *model) {
  for (size_t k = 0; k < f->written.len; k++) {
    const command_file *result = &f->written.data[k];
    if (!replaces_nothing(f, result, model))
      return false;
    for (size_t j = 0; j < k; j++) {
      const command_file *other = &f->written.data[j];
      if ((other->is_weights && result->is_weights) || !is_same(other->path, result->path))
        continue;
      cli_say(model, "%s and %s would be two results in one file; name another file %s", other->path,
              result->path, result->remedy);
      return false;
    }
  }
  return true;
}
