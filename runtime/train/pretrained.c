// Tables of word vectors.
#include "runtime/npy.h"
#include "runtime/train/pretrained_table.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t pretrained_param(const loaded_model *m, const char *layer) {
  size_t n = strlen(layer);
  int64_t first = -1;
  for (int64_t k = m->abi->n_params - 1; k >= 0; k--) {
    const struct nlm_abi_param *p = &m->abi->params[k];
    if (strncmp(p->name, layer, n) || p->name[n] != '/')
      continue;
    if (!strcmp(p->name + n, "/embeddings"))
      return k;
    if (p->rank == 2)
      first = k;
  }
  return first;
}

void pretrained_set_number(const pretrained_table *t, int64_t at, double number) {
  if (t->m->abi->real_bytes == 8)
    ((double *)t->m->params[t->param])[at] = number;
  else
    ((float *)t->m->params[t->param])[at] = (float)number;
}

static bool has_ending(const char *path, const char *ending) {
  size_t n = strlen(path), e = strlen(ending);
  return n >= e && !strcmp(path + n - e, ending);
}

static bool refuse_shape(const pretrained_table *t, const int64_t *shape, size_t rank) {
  strbuf_printf(t->report, "%s: the table is [%lld, %lld], the file has [", t->path, (long long)t->rows,
                (long long)t->width);
  for (size_t k = 0; k < rank; k++)
    strbuf_printf(t->report, "%s%lld", k ? ", " : "", (long long)shape[k]);
  strbuf_puts(t->report, "]");
  return false;
}

static bool shape_fits(const pretrained_table *t, const int64_t *shape, size_t rank) {
  return rank == 2 && shape[0] == t->rows && shape[1] == t->width;
}

static bool load_npy(const pretrained_table *t) {
  npy_array a;
  strbuf error = {0};
  bool fine = npy_open(t->path, &a, &error);
  if (fine) {
    void *out = t->m->params[t->param];
    if (!shape_fits(t, a.shape, a.rank))
      fine = refuse_shape(t, a.shape, a.rank);
    else
      fine = t->m->abi->real_bytes == 8 ? npy_to_f64(&a, out, &error) : npy_to_f32(&a, out, &error);
    npy_close(&a);
  }
  if (error.len)
    strbuf_printf(t->report, "%s: %s", t->path, strbuf_text(&error));
  strbuf_free(&error);
  return fine;
}

// The tensor of the table's own name, or the file's only one.
static bool load_safetensors(const pretrained_table *t) {
  strbuf error = {0};
  weights_file *file = weights_open(t->path, &error);
  const weight_tensor *found = file ? weights_find(file, t->m->abi->params[t->param].name) : NULL;
  if (file && !found && weights_count(file) == 1)
    found = weights_at(file, 0);
  bool fine = found && shape_fits(t, found->shape, found->rank);
  if (!file)
    strbuf_printf(t->report, "%s: %s", t->path, strbuf_text(&error));
  else if (!found)
    strbuf_printf(t->report, "%s: it has no tensor '%s'", t->path, t->m->abi->params[t->param].name);
  else if (!fine)
    refuse_shape(t, found->shape, found->rank);
  else
    fine = t->m->abi->real_bytes == 8 ? weights_copy_f64(found, t->m->params[t->param])
                                      : weights_copy_f32(found, t->m->params[t->param]);
  weights_close(file);
  strbuf_free(&error);
  return fine;
}

// ---- text

// Start of the last `width` fields of a line that ends at `end`, or NULL if it has fewer. Words may hold
// spaces.
static char *first_number(char *line, char *end, int64_t width) {
  char *at = end;
  for (int64_t k = 0; k < width; k++) {
    while (at > line && at[-1] == ' ')
      at--;
    if (at == line)
      return NULL;
    while (at > line && at[-1] != ' ')
      at--;
  }
  return at;
}

// word2vec's and fastText's first line: rows and numbers in each.
static bool is_count_line(const char *line, long long *rows, long long *width) {
  char *end;
  *rows = strtoll(line, &end, 10);
  if (end == line || *end != ' ' || *rows < 0)
    return false;
  const char *second = end;
  *width = strtoll(second, &end, 10);
  return end != second && *width > 0 && end[strspn(end, " \r\n")] == 0;
}

bool pretrained_refuse_width(const pretrained_table *t, const char *place, long long width) {
  strbuf_printf(t->report, "%s%s: its vectors have %lld numbers, those of the table %lld", t->path, place,
                width, (long long)t->width);
  return false;
}

// Numbers at the end of a line, behind at least one field.
static long long count_numbers(const char *line, size_t n) {
  long long count = 0;
  for (const char *end = line + n;;) {
    while (end > line && strchr(" \r\n", end[-1]))
      end--;
    const char *at = end;
    while (at > line && at[-1] != ' ')
      at--;
    char *behind;
    if (at == line || at == end || (strtod(at, &behind), behind != end))
      return count;
    count++;
    end = at;
  }
}

// Since a word may hold spaces, a file of wider vectors would read as one of strange words: the first line
// tells.
static bool check_width(const pretrained_table *t, const char *line, size_t n, bool *is_heading,
                        long long *promised) {
  long long width = 0;
  *is_heading = is_count_line(line, promised, &width);
  if (!*is_heading)
    width = count_numbers(line, n);
  return (*is_heading ? width == t->width : width <= t->width) || pretrained_refuse_width(t, ":1", width);
}

static bool read_numbers(const pretrained_table *t, char *at, int64_t row, size_t line) {
  for (int64_t k = 0; k < t->width; k++) {
    char *end;
    double number = strtod(at, &end);
    if (end == at || (*end && *end != ' ') || !isfinite(number)) {
      strbuf_printf(t->report, "%s:%zu: '%.*s' is no number", t->path, line, (int)strcspn(at, " "), at);
      return false;
    }
    pretrained_set_number(t, row * t->width + k, number);
    at = end + strspn(end, " ");
  }
  return true;
}

int64_t pretrained_row_of_word(pretrained_table *t, const char *word, size_t bytes) {
  int64_t row = t->seen++;
  if (t->words) {
    row = vocabulary_find(t->words, word, bytes);
    row = row >= (int64_t)vocabulary_specials(t->words) ? row : -1;
  }
  if (row < 0 || row >= t->rows || t->filled[row])
    return -1;
  t->filled[row] = true;
  return row;
}

static bool read_line(pretrained_table *t, char *line, size_t n, size_t number) {
  while (n && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' '))
    line[--n] = 0;
  if (n == 0)
    return true;
  char *numbers = first_number(line, line + n, t->width);
  if (!numbers || numbers == line) {
    strbuf_printf(t->report, "%s:%zu: a word and %lld numbers are needed", t->path, number,
                  (long long)t->width);
    return false;
  }
  size_t word = (size_t)(numbers - line);
  while (word && line[word - 1] == ' ')
    word--;
  int64_t row = pretrained_row_of_word(t, line, word);
  return row < 0 || read_numbers(t, numbers, row, number);
}

static void report_coverage(const pretrained_table *t) {
  int64_t found = 0, all = t->rows;
  if (t->words) {
    int64_t specials = (int64_t)vocabulary_specials(t->words);
    all = (int64_t)vocabulary_size(t->words) - specials;
    all = all < t->rows - specials ? all : t->rows - specials;
  }
  for (int64_t k = 0; k < t->rows; k++)
    found += t->filled[k];
  strbuf_printf(t->report, "%s: %lld of %lld %s (%.1f%%) from %s", t->m->abi->params[t->param].name,
                (long long)found, (long long)all, t->words ? "words" : "rows",
                all > 0 ? 100.0 * (double)found / (double)all : 0.0, t->path);
  if (t->from_ngrams)
    strbuf_printf(t->report, ", %lld of them by their n-grams alone", (long long)t->from_ngrams);
}

// A file that holds fewer vectors than its first line says was cut off on its way.
static bool check_promise(const pretrained_table *t, long long promised) {
  if (t->seen >= promised)
    return true;
  strbuf_printf(t->report, "%s: its first line promises %lld vectors, it holds %lld", t->path, promised,
                (long long)t->seen);
  return false;
}

static bool load_text(pretrained_table *t) {
  FILE *f = fopen(t->path, "r");
  if (!f) {
    strbuf_printf(t->report, "%s: %s", t->path, strerror(errno));
    return false;
  }
  bool fine = true, has_heading = false;
  char *line = NULL;
  size_t room = 0, number = 0;
  long long promised = 0;
  for (ssize_t n; fine && (n = getline(&line, &room, f)) >= 0;) {
    bool is_heading = false;
    fine = ++number > 1 || check_width(t, line, (size_t)n, &is_heading, &promised);
    has_heading = has_heading || is_heading;
    if (fine && !is_heading)
      fine = read_line(t, line, (size_t)n, number);
  }
  if (fine && ferror(f)) {
    strbuf_printf(t->report, "%s: %s", t->path, strerror(errno));
    fine = false;
  }
  free(line);
  fclose(f);
  if (fine && !t->seen && !promised) {
    strbuf_printf(t->report, "%s: it holds no word vectors; a word and %lld numbers in each line are needed",
                  t->path, (long long)t->width);
    fine = false;
  }
  return fine && (!has_heading || check_promise(t, promised));
}

static bool load_words(pretrained_table *t) {
  t->filled = xcalloc((size_t)t->rows + 1, sizeof *t->filled);
  memset(t->m->params[t->param], 0, model_param_bytes(t->m, t->param));
  bool fine = pretrained_is_binary(t->path) ? pretrained_load_binary(t) : load_text(t);
  if (fine)
    report_coverage(t);
  free(t->filled);
  return fine;
}

bool pretrained_load(loaded_model *m, int64_t param, const char *path, strbuf *report) {
  const struct nlm_abi_param *p = &m->abi->params[param];
  pretrained_table t = {
      .m = m, .param = param, .rows = p->rank ? p->dims[0] : 1, .path = path, .report = report};
  t.width = model_param_row(m, param);
  for (size_t k = 0; k < m->pipelines_count && p->vocabulary; k++)
    if (!strcmp(m->pipelines[k].layer, p->vocabulary))
      t.words = m->pipelines[k].words;
  if (!has_ending(path, ".npy") && !has_ending(path, ".safetensors"))
    return load_words(&t);
  bool fine = has_ending(path, ".npy") ? load_npy(&t) : load_safetensors(&t);
  if (fine)
    strbuf_printf(report, "%s: as it is from %s", p->name, path);
  return fine;
}
