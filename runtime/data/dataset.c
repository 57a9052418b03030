// Opening data: each path is read, unpacked, recognised by its form and handed to its format.
#include "runtime/data/dataset.h"
#include "runtime/data/format.h"
#include "support/utf8.h"
#include <math.h>
#include <string.h>
#include <sys/stat.h>

static const data_format *const formats[] = {
#define FORMAT(name) &data_format_##name,
#include "runtime/data/formats.def"
#undef FORMAT
};
enum { FORMATS = sizeof formats / sizeof *formats };

static const data_format *find_format(const data_source *s, const char *wanted) {
  for (size_t i = 0; i < FORMATS; i++)
    if (wanted ? !strcmp(formats[i]->name, wanted) : formats[i]->recognise(s))
      return formats[i];
  return NULL;
}

static bool begins_with(const data_source *s, const char *magic, size_t bytes) {
  return s->bytes >= bytes && !memcmp(s->text, magic, bytes);
}

// Forms of tensors, which are given otherwise; their bytes could pass for a line of text.
static bool is_numpy(const data_source *s) {
  return !s->is_folder && begins_with(s, "\x93NUMPY", 6);
}

static bool is_zip(const data_source *s) {
  return !s->is_folder && begins_with(s, "PK\x03\x04", 4);
}

static void report_unknown_form(const data_source *s, data_problems *problems) {
  strbuf forms = {0};
  for (size_t i = 0; i < FORMATS; i++)
    strbuf_printf(&forms, "\n  %s", formats[i]->form);
  if (is_zip(s))
    data_problem_add(
        problems, s->path, 0,
        "a ZIP archive; a .npz file is the only DATA of train, evaluate or predict, with arrays by "
        "the model's names");
  else if (is_numpy(s))
    data_problem_add(problems, s->path, 0,
                     "a NumPy file is given by name: --input NAME=%s or --target NAME=%s", s->path, s->path);
  else
    data_problem_add(problems, s->path, 0, "no known form of data; known are%s", strbuf_text(&forms));
  strbuf_free(&forms);
}

// Takes a byte-order mark off; false after reporting text of another encoding.
static bool check_mark(data_source *s, data_problems *problems) {
  if (s->bytes >= 3 && !memcmp(s->text, "\xEF\xBB\xBF", 3)) {
    s->text += 3;
    s->bytes -= 3;
  }
  if (s->bytes >= 2 && (!memcmp(s->text, "\xFF\xFE", 2) || !memcmp(s->text, "\xFE\xFF", 2))) {
    data_problem_add(problems, s->path, 0, "the file is UTF-16; UTF-8 is needed (iconv -f UTF-16 -t UTF-8)");
    return false;
  }
  return true;
}

// A part at a time, so that one reading serves both questions; a character that a part cuts is read again.
static bool is_clean(const char *text, size_t bytes) {
  enum { PART = 1 << 16, LONGEST = 4 };
  for (size_t at = 0; at < bytes;) {
    size_t n = bytes - at < PART ? bytes - at : PART, valid = utf8_valid_prefix(text + at, n);
    bool cut = n == PART && at + n < bytes && n - valid < LONGEST;
    if (memchr(text + at, 0, valid) || (valid < n && !cut))
      return false;
    at += valid;
    spill_touched(n);
  }
  return true;
}

static bool load_file(data_source *s, data_builder *b) {
  strbuf error = {0};
  bool fine = data_file_read(s->path, &s->text, &s->bytes, &error);
  if (!fine)
    data_problem_add(b->problems, s->path, 0, "%s", strbuf_text(&error));
  strbuf_free(&error);
  if (!fine)
    return false;
  builder_own(b, s->text);
  if (!check_mark(s, b->problems))
    return false;
  if (first_line(s).bytes == 0) {
    data_problem_add(b->problems, s->path, 0, "the file is empty");
    return false;
  }
  s->clean = is_clean(s->text, s->bytes);
  return true;
}

static void read_path(const char *path, const data_options *options, data_builder *b) {
  char *name = arena_strdup(b->memory, path);
  size_t n = strlen(name);
  while (n > 1 && name[n - 1] == '/')
    name[--n] = 0;
  struct stat st;
  data_source s = {.path = name, .options = options, .schema = b->schema};
  s.is_folder = strcmp(path, "-") && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
  if (!s.is_folder && !load_file(&s, b))
    return;
  bool tensors = is_numpy(&s) || is_zip(&s);
  const data_format *format = tensors ? NULL : find_format(&s, options->format);
  size_t rows = b->rows, problems = b->problems->count;
  if (!format && options->format && !tensors)
    data_problem_add(b->problems, name, 0, "there is no data format '%s'", options->format);
  else if (!format)
    report_unknown_form(&s, b->problems);
  else
    format->read(&s, b);
  if (b->rows == rows && b->problems->count == problems)
    data_problem_add(b->problems, name, 0, "no rows in it");
}

dataset *dataset_open(const char *const *paths, size_t count, const data_schema *schema,
                      const data_options *options, data_problems *problems) {
  static const data_options defaults = {0};
  data_builder b;
  builder_init(&b, schema, options ? options : &defaults, problems);
  for (size_t i = 0; i < count; i++)
    read_path(paths[i], options ? options : &defaults, &b);
  return builder_finish(&b);
}

static void free_column(data_column *c) {
  spill_free(c->row_start);
  spill_free(c->step_start);
  spill_free(c->texts);
  spill_free(c->ints);
  spill_free(c->floats);
  spill_free(c->doubles);
}

void data_column_free(data_column *c) {
  if (!c)
    return;
  free_column(c);
  free(c);
}

void dataset_free(dataset *d) {
  if (!d)
    return;
  for (size_t i = 0; i < d->inputs_count + d->outputs_count; i++)
    free_column(&d->inputs[i]);
  for (size_t i = 0; i < d->weights_count; i++)
    free_column(&d->weights[i]);
  for (size_t i = 0; i < d->blocks_count; i++)
    spill_free(d->blocks[i]);
  free(d->inputs);
  free(d->weights);
  free(d->blocks);
  spill_free(d->row_file);
  spill_free(d->row_line);
  arena_free(d->memory);
  free(d);
}

size_t dataset_split_point(size_t rows, double fraction) {
  double point = floor((double)rows * (1.0 - fraction));
  if (!(point > 0))
    return 0;
  return point >= (double)rows ? rows : (size_t)point;
}
