// IDX, the form of MNIST and its kin: NAME-images-idx3-ubyte with NAME-labels-idx1-ubyte beside it, packed
// with gzip or not. Layout: two zero bytes, a byte for the type, a byte for the number of axes, each axis as
// 32 bits big-endian (the first one counts the rows), then the numbers, big-endian. Numbers come as they are:
// pixels are 0 to 255, and a model that wants them from 0 to 1 begins with Rescaling(1 / 255).
#include "runtime/data/format.h"
#include "runtime/npy.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

typedef struct idx_array {
  npy_array values; // rank 1 or more; data points into the file
  size_t rows, row_items;
} idx_array;

// Type and width of the numbers by the header's third byte.
static bool set_type(unsigned char code, npy_array *a) {
  static const struct {
    unsigned char code;
    char kind;
    int width;
  } types[] = {{8, 'u', 1}, {9, 'i', 1}, {11, 'i', 2}, {12, 'i', 4}, {13, 'f', 4}, {14, 'f', 8}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].code == code) {
      a->kind = types[i].kind;
      a->width = types[i].width;
      a->big_endian = true;
      return true;
    }
  return false;
}

static bool has_magic(const char *text, size_t bytes) {
  npy_array a;
  return bytes >= 4 && text[0] == 0 && text[1] == 0 && set_type((unsigned char)text[2], &a) && text[3] >= 1 &&
         text[3] <= NPY_MAX_RANK;
}

// NULL, or what is wrong with the file.
static const char *parse(const char *text, size_t bytes, idx_array *out) {
  *out = (idx_array){0};
  npy_array *a = &out->values;
  if (!has_magic(text, bytes))
    return "no IDX file";
  set_type((unsigned char)text[2], a);
  a->rank = (size_t)text[3];
  size_t start = 4 + 4 * a->rank;
  if (bytes < start)
    return "the file ends inside its header";
  a->count = 1;
  for (size_t i = 0; i < a->rank; i++) {
    const unsigned char *at = (const unsigned char *)text + 4 + 4 * i;
    uint32_t extent = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    a->shape[i] = extent;
    if (__builtin_mul_overflow(a->count, (size_t)extent, &a->count))
      return "the header's extents are larger than any memory";
  }
  size_t needed;
  if (__builtin_mul_overflow(a->count, (size_t)a->width, &needed) || needed > bytes - start)
    return "the file ends before the last row";
  if (needed < bytes - start)
    return "there are bytes behind the last row";
  a->data = (const unsigned char *)text + start;
  out->rows = (size_t)a->shape[0];
  out->row_items = out->rows ? a->count / out->rows : 0;
  return NULL;
}

char *data_idx_labels(const char *path) {
  const char *slash = strrchr(path, '/');
  char *copy = xstrdup(path);
  char *name = copy + (slash ? slash - path + 1 : 0), *images = strstr(name, "images");
  if (!images) {
    free(copy);
    return NULL;
  }
  memcpy(images, "labels", 6);
  char *axes = strstr(name, "idx3");
  if (axes)
    axes[3] = '1';
  return copy;
}

static bool read_labels(const data_source *s, data_builder *b, char *path, idx_array *out) {
  strbuf error = {0};
  char *text = NULL;
  size_t bytes = 0;
  const char *reason = NULL;
  bool packed = strlen(path) > 3 && !strcmp(path + strlen(path) - 3, ".gz");
  bool read = data_file_read(path, &text, &bytes, &error);
  if (!read && packed) { // unpacked beside packed images
    path[strlen(path) - 3] = 0;
    error.len = 0;
    read = data_file_read(path, &text, &bytes, &error);
  }
  if (read) {
    builder_own(b, text);
    reason = parse(text, bytes, out);
    if (!reason && (out->values.rank != 1 || out->values.kind == 'f'))
      reason = "labels must be integers, one a row";
  }
  if (!read)
    data_problem_add(b->problems, path, 0, "%s (the labels of %s)", strbuf_text(&error), s->path);
  else if (reason)
    data_problem_add(b->problems, path, 0, "%s", reason);
  strbuf_free(&error);
  return read && !reason;
}

// One row's numbers into slot 0, whatever kind of number the model wants. False: error says why.
static bool put_image(data_builder *b, const npy_array *row, void *room, strbuf *error) {
  bool integers = b->columns[0].field->kind == DATA_INT;
  if (!(integers ? npy_to_i32(row, room, error) : npy_to_f32(row, room, error)))
    return false;
  if (integers)
    builder_ints(b, 0, room, row->count);
  else
    builder_floats(b, 0, room, row->count);
  return true;
}

// Without labels (NULL) for prediction.
static void add_rows(const data_source *s, data_builder *b, const idx_array *images, const int32_t *labels) {
  void *room = xmalloc((images->row_items + 1) * sizeof(float));
  npy_array row = images->values;
  row.rank = 1;
  row.shape[0] = (int64_t)images->row_items;
  row.count = images->row_items;
  strbuf error = {0};
  builder_expect(b, 0, images->values.count);
  for (size_t r = 0; r < images->rows; r++) {
    builder_begin_row(b, s->path, 0);
    row.data = images->values.data + r * images->row_items * (size_t)row.width;
    error.len = 0;
    if (!put_image(b, &row, room, &error))
      builder_row_problem(b, "image %zu: %s", r, strbuf_text(&error));
    if (labels) {
      const char *digits = arena_printf(b->memory, "%d", (int)labels[r]);
      builder_cell(b, 1, (text_view){digits, strlen(digits)});
    }
    builder_end_row(b);
  }
  strbuf_free(&error);
  free(room);
}

static bool schema_fits(const data_source *s, data_builder *b, const idx_array *images) {
  const data_schema *schema = s->schema;
  const data_field *f = schema->inputs;
  bool labelled = !s->options || !s->options->outputs_optional;
  if (schema->inputs_count != 1 || (f->kind != DATA_FLOAT && f->kind != DATA_INT) ||
      (labelled && schema->outputs_count != 1)) {
    data_problem_add(b->problems, s->path, 0,
                     "IDX files give images and one label each; the model needs one input of numbers and one "
                     "output for that");
    return false;
  }
  const npy_array *a = &images->values;
  bool flat = f->rank == 1 && (f->extents[0] < 0 || (size_t)f->extents[0] == images->row_items);
  if (flat || field_takes_shape(f, a->shape + 1, a->rank - 1))
    return true;
  strbuf found = {0};
  for (size_t i = 1; i < a->rank; i++)
    strbuf_printf(&found, i > 1 ? " x %lld" : "%lld", (long long)a->shape[i]);
  data_problem_add(b->problems, s->path, 0, "images of %s, which do not fit the shape of input '%s'",
                   strbuf_text(&found), f->name);
  strbuf_free(&found);
  return false;
}

static void add_labelled(const data_source *s, data_builder *b, const idx_array *images) {
  idx_array labels = {0};
  char *labels_file = data_idx_labels(s->path),
       *path = labels_file ? arena_strdup(b->memory, labels_file) : NULL;
  free(labels_file);
  if (!path) {
    data_problem_add(b->problems, s->path, 0,
                     "its name must hold 'images', so that the file of 'labels' beside it can be found");
    return;
  }
  if (!read_labels(s, b, path, &labels))
    return;
  if (labels.rows != images->rows) {
    data_problem_add(b->problems, path, 0, "%zu labels, %s has %zu images", labels.rows, s->path,
                     images->rows);
    return;
  }
  strbuf error = {0};
  int32_t *numbers = xmalloc((labels.rows + 1) * sizeof *numbers);
  if (npy_to_i32(&labels.values, numbers, &error))
    add_rows(s, b, images, numbers);
  else
    data_problem_add(b->problems, path, 0, "%s", strbuf_text(&error));
  strbuf_free(&error);
  free(numbers);
}

static void read_rows(const data_source *s, data_builder *b) {
  idx_array images;
  const char *reason = parse(s->text, s->bytes, &images);
  if (!reason && images.values.rank < 2)
    reason = "one axis: these are labels; name the images, the labels beside them are found";
  if (reason) {
    data_problem_add(b->problems, s->path, 0, "%s", reason);
    return;
  }
  if (!schema_fits(s, b, &images))
    return;
  if (s->options && s->options->outputs_optional)
    add_rows(s, b, &images, NULL);
  else
    add_labelled(s, b, &images);
}

static bool recognise(const data_source *s) {
  return !s->is_folder && has_magic(s->text, s->bytes);
}

bool data_is_idx(const char *path) {
  struct stat about;
  gzFile file = stat(path, &about) == 0 && S_ISREG(about.st_mode) ? gzopen(path, "rb") : NULL;
  char head[4];
  bool is = file && gzread(file, head, sizeof head) == (int)sizeof head && has_magic(head, sizeof head);
  if (file)
    gzclose(file);
  return is;
}

const data_format data_format_idx = {
    "idx", "IDX: NAME-images-idx3-ubyte with NAME-labels-idx1-ubyte beside it (.gz or not)", recognise,
    read_rows};
