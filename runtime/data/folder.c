// A folder with a folder per class, each holding one text per `.txt` file (the layout of aclImdb/train). Rows
// stand in the order of a seeded hash of their paths below the folder, so that any part of them is a mixture
// of classes.
#include "runtime/data/format.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

typedef VEC(char *) name_list;

static bool recognise(const data_source *s) {
  return s->is_folder;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

// Names in a folder that are not hidden, sorted. False after reporting.
static bool list_folder(data_builder *b, const char *path, name_list *out) {
  DIR *folder = opendir(path);
  if (!folder) {
    data_problem_add(b->problems, path, 0, "%s", strerror(errno));
    return false;
  }
  for (struct dirent *e; (e = readdir(folder)) != NULL;)
    if (e->d_name[0] != '.')
      vec_push(out, arena_strdup(b->memory, e->d_name));
  closedir(folder);
  if (out->len)
    qsort(out->data, out->len, sizeof *out->data, by_name);
  return true;
}

static bool is_kind(const char *path, mode_t kind) {
  struct stat st;
  return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

typedef struct text_file {
  uint64_t order;
  const char *path;  // as opened
  const char *below; // "pos/12_7.txt"
  const char *label;
} text_file;
typedef VEC(text_file) file_list;

// FNV-1a, then a finalizer that spreads every bit.
static uint64_t seeded_hash(uint64_t seed, const char *text) {
  uint64_t h = 0xCBF29CE484222325u ^ seed;
  for (; *text; text++)
    h = (h ^ (unsigned char)*text) * 0x100000001B3u;
  h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u;
  h = (h ^ (h >> 27)) * 0x94D049BB133111EBu;
  return h ^ (h >> 31);
}

static int by_order(const void *left, const void *right) {
  const text_file *a = left, *b = right;
  if (a->order != b->order)
    return a->order < b->order ? -1 : 1;
  return strcmp(a->below, b->below);
}

static void collect_class(const data_source *s, data_builder *b, const char *label, file_list *files) {
  const char *folder = arena_printf(b->memory, "%s/%s", s->path, label);
  name_list names = {0};
  size_t before = files->len, others = 0;
  bool folders = false;
  if (!list_folder(b, folder, &names))
    return;
  for (size_t i = 0; i < names.len; i++) {
    size_t n = strlen(names.data[i]);
    const char *path = arena_printf(b->memory, "%s/%s", folder, names.data[i]);
    if (n > 4 && !strcmp(names.data[i] + n - 4, ".txt") && is_kind(path, S_IFREG)) {
      const char *below = path + strlen(s->path) + 1;
      text_file file = {seeded_hash(s->options->seed, below), path, below, label};
      vec_push(files, file);
    } else {
      others++;
      folders |= is_kind(path, S_IFDIR);
    }
  }
  if (files->len == before && folders)
    data_problem_add(b->problems, folder, 0,
                     "the folder of class '%s' holds folders, not texts; is '%s' the folder you mean?", label,
                     folder);
  else if (files->len == before)
    data_problem_add(b->problems, folder, 0, "the folder of class '%s' holds no .txt file", label);
  else if (others)
    data_note_add(b->problems, "%s: %zu entr%s that %s no .txt file left out", folder, others,
                  others == 1 ? "y" : "ies", others == 1 ? "is" : "are");
  vec_free(&names);
}

static void read_file(data_builder *b, const text_file *file) {
  char *text;
  size_t bytes;
  int status = file_read_all(file->path, &text, &bytes);
  builder_begin_row(b, file->path, 0);
  if (status < 0) {
    builder_row_problem(b, "%s", strerror(-status));
    builder_end_row(b);
    return;
  }
  size_t skip = bytes >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3) ? 3 : 0;
  if (!text_check(b->problems, file->path, 1, text + skip, bytes - skip)) {
    b->row_bad = true;
  } else {
    builder_cell(b, 0, (text_view){builder_keep(b, text + skip, bytes - skip), bytes - skip});
    builder_cell(b, 1, (text_view){file->label, strlen(file->label)});
  }
  free(text);
  builder_end_row(b);
}

static void read_rows(const data_source *s, data_builder *b) {
  if (!needs_text_and_label(s, b, "a folder per class"))
    return;
  name_list names = {0};
  file_list files = {0};
  size_t classes = 0;
  if (!list_folder(b, s->path, &names))
    return;
  for (size_t i = 0; i < names.len; i++) {
    if (!is_kind(arena_printf(b->memory, "%s/%s", s->path, names.data[i]), S_IFDIR))
      continue;
    classes++;
    if (!strcmp(names.data[i], "unsup"))
      data_note_add(b->problems, "%s/unsup left out: its texts have no label", s->path);
    else if (text_check(b->problems, s->path, 0, names.data[i], strlen(names.data[i])))
      collect_class(s, b, names.data[i], &files);
  }
  if (!classes)
    data_problem_add(b->problems, s->path, 0,
                     "the folder holds no folders; one per class is needed, with .txt files");
  if (files.len)
    qsort(files.data, files.len, sizeof *files.data, by_order);
  for (size_t i = 0; i < files.len; i++)
    read_file(b, &files.data[i]);
  vec_free(&files);
  vec_free(&names);
}

const data_format data_format_folder = {"folder", "a folder with a folder of .txt files per class", recognise,
                                        read_rows};
