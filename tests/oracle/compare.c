// Compares what a compiled model wrote with a stored reference. It reads .npy and .safetensors by itself, on
// purpose without the runtime's readers: a common misreading could not show otherwise.
//
//   compare arrays      FOUND.npy EXPECTED.npy TOLERANCE
//   compare tensors     FOUND.safetensors EXPECTED.safetensors TOLERANCE    the same names on both sides
//   compare differences BEFORE.safetensors AFTER.safetensors EXPECTED.safetensors TOLERANCE RATE
//       (BEFORE - AFTER) / RATE; of moving averages, which no rate scales, BEFORE - AFTER
//   compare metrics     FOUND.json EXPECTED.tsv TOLERANCE     each line NAME<TAB>VALUE looked up as a JSON
//   key
//
// An error is relative to the largest absolute value of the expected tensor. Prints the worst tensor; exits
// with 0 when all are within TOLERANCE, 1 when not, 2 when a file cannot be understood. Little-endian
// machines only.
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 8, MAX_TENSORS = 256, MAX_NAME = 200 };

// A tensor, converted to double. A shape with fewer axes has 0 beyond rank.
struct tensor {
  char name[MAX_NAME];
  int rank;
  size_t shape[MAX_RANK];
  size_t count;
  double *values;
};

struct tensor_file {
  int count;
  struct tensor tensors[MAX_TENSORS];
};

static _Noreturn void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("compare: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(2);
}

// The whole file with a 0 byte behind it; the caller frees.
static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file)
    fail("cannot open %s", path);
  if (fseek(file, 0, SEEK_END) != 0)
    fail("cannot seek in %s", path);
  long length = ftell(file);
  rewind(file);
  char *bytes = length < 0 ? NULL : malloc((size_t)length + 1);
  if (!bytes || fread(bytes, 1, (size_t)length, file) != (size_t)length)
    fail("cannot read %s", path);
  fclose(file);
  bytes[length] = 0;
  *size = (size_t)length;
  return bytes;
}

static double element(const char *bytes, size_t index, char kind, size_t width) {
  const char *at = bytes + index * width;
  float single;
  double real;
  int32_t small;
  int64_t large;
  if (kind == 'f' && width == 4)
    return (double)(memcpy(&single, at, 4), single);
  if (kind == 'f' && width == 8)
    return (memcpy(&real, at, 8), real);
  if (kind == 'i' && width == 4)
    return (double)(memcpy(&small, at, 4), small);
  if (kind == 'i' && width == 8)
    return (double)(memcpy(&large, at, 8), large);
  fail("elements of kind %c%zu are not read here", kind, width);
}

static void fill(struct tensor *tensor, const char *bytes, size_t size, char kind, size_t width) {
  tensor->count = 1;
  for (int axis = 0; axis < tensor->rank; axis++)
    tensor->count *= tensor->shape[axis];
  if (tensor->count * width != size)
    fail("%s: %zu elements do not fit %zu bytes", tensor->name, tensor->count, size);
  tensor->values = malloc(tensor->count * sizeof(double) + 1);
  if (!tensor->values)
    fail("out of memory");
  for (size_t i = 0; i < tensor->count; i++)
    tensor->values[i] = element(bytes, i, kind, width);
}

// Numbers up to the closing bracket; at points behind the opening one. Returns what follows the closing
// bracket.
static const char *read_shape(const char *at, char closing, struct tensor *tensor) {
  tensor->rank = 0;
  while (*at && *at != closing) {
    if (isdigit((unsigned char)*at)) {
      char *end;
      if (tensor->rank == MAX_RANK)
        fail("%s: too many axes", tensor->name);
      tensor->shape[tensor->rank++] = strtoull(at, &end, 10);
      at = end;
    } else {
      at++;
    }
  }
  if (*at != closing)
    fail("%s: a shape without an end", tensor->name);
  return at + 1;
}

static const char *find(const char *text, const char *word, const char *path) {
  const char *at = strstr(text, word);
  if (!at)
    fail("%s: no %s in its header", path, word);
  return at + strlen(word);
}

static struct tensor read_npy(const char *path) {
  size_t size;
  char *bytes = read_file(path, &size);
  if (size < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0)
    fail("%s is no .npy file", path);
  bool first_version = bytes[6] == 1;
  const unsigned char *u = (const unsigned char *)bytes;
  size_t header = first_version ? 10 : 12;
  size_t length = first_version
                      ? (size_t)u[8] | (size_t)u[9] << 8
                      : (size_t)u[8] | (size_t)u[9] << 8 | (size_t)u[10] << 16 | (size_t)u[11] << 24;
  if (header + length > size)
    fail("%s is cut short", path);
  struct tensor tensor = {0};
  snprintf(tensor.name, sizeof tensor.name, "%s", path);
  char *text = malloc(length + 1);
  if (!text)
    fail("out of memory");
  memcpy(text, bytes + header, length);
  text[length] = 0;
  const char *type = strpbrk(find(text, "'descr':", path), "<>|=");
  if (!type || type[0] == '>')
    fail("%s: only little-endian elements are read here", path);
  char kind = type[1];
  size_t width = strtoull(type + 2, NULL, 10);
  const char *order = find(text, "'fortran_order':", path);
  if (strncmp(order + strspn(order, " "), "False", 5) != 0)
    fail("%s: only C order is read here", path);
  const char *shape = strchr(find(text, "'shape':", path), '(');
  if (!shape)
    fail("%s: no shape in its header", path);
  read_shape(shape + 1, ')', &tensor);
  fill(&tensor, bytes + header + length, size - header - length, kind, width);
  free(text);
  free(bytes);
  return tensor;
}

// Behind the JSON string that begins at *at (a quote); its raw text goes to name, cut to fit, if name is
// given.
static const char *skip_string(const char *at, char *name) {
  size_t used = 0;
  for (at++; *at && *at != '"'; at++) {
    if (*at == '\\' && at[1])
      at++;
    if (name && used + 1 < MAX_NAME)
      name[used++] = *at;
  }
  if (name)
    name[used] = 0;
  return *at ? at + 1 : at;
}

// Behind the JSON object that begins at at (a brace).
static const char *skip_object(const char *at) {
  int depth = 0;
  while (*at) {
    if (*at == '"') {
      at = skip_string(at, NULL);
      continue;
    }
    depth += (*at == '{') - (*at == '}');
    at++;
    if (depth == 0)
      break;
  }
  return at;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

// One entry {"dtype": .., "shape": [..], "data_offsets": [..]}; its keys may stand in any order.
static void read_entry(const char *text, const char *end, const char *data, size_t data_size,
                       struct tensor *tensor) {
  char *entry = calloc((size_t)(end - text) + 1, 1);
  if (!entry)
    fail("out of memory");
  memcpy(entry, text, (size_t)(end - text));
  const char *type = strchr(find(entry, "\"dtype\"", tensor->name), '"');
  size_t width = type && !strncmp(type, "\"F32\"", 5) ? 4 : type && !strncmp(type, "\"F64\"", 5) ? 8 : 0;
  if (width == 0)
    fail("%s: neither F32 nor F64", tensor->name);
  struct tensor offsets = {0};
  const char *bracket = strchr(find(entry, "\"data_offsets\"", tensor->name), '[');
  const char *shape = strchr(find(entry, "\"shape\"", tensor->name), '[');
  if (!bracket || !shape)
    fail("%s: an entry without lists", tensor->name);
  read_shape(bracket + 1, ']', &offsets);
  read_shape(shape + 1, ']', tensor);
  if (offsets.rank != 2 || offsets.shape[0] > offsets.shape[1] || offsets.shape[1] > data_size)
    fail("%s: offsets outside the file", tensor->name);
  fill(tensor, data + offsets.shape[0], offsets.shape[1] - offsets.shape[0], 'f', width);
  free(entry);
}

static struct tensor_file *read_safetensors(const char *path) {
  size_t size;
  char *bytes = read_file(path, &size);
  uint64_t length;
  if (size < 8 || (memcpy(&length, bytes, 8), length > size - 8))
    fail("%s is no .safetensors file", path);
  struct tensor_file *file = calloc(1, sizeof *file);
  char *header = calloc((size_t)length + 1, 1);
  if (!file || !header)
    fail("out of memory");
  memcpy(header, bytes + 8, (size_t)length);
  const char *at = strchr(header, '{');
  for (at = at ? at + 1 : header; (at = strchr(at, '"')) != NULL;) {
    char name[MAX_NAME];
    at = skip_string(at, name);
    const char *object = strchr(at, '{');
    if (!object)
      fail("%s: no entry behind %s", path, name);
    const char *end = skip_object(object);
    if (strcmp(name, "__metadata__") != 0) {
      if (file->count == MAX_TENSORS)
        fail("%s: too many tensors", path);
      struct tensor *tensor = &file->tensors[file->count++];
      memcpy(tensor->name, name, sizeof name);
      read_entry(object, end, bytes + 8 + length, size - 8 - (size_t)length, tensor);
    }
    at = end;
  }
  qsort(file->tensors, (size_t)file->count, sizeof file->tensors[0], by_name);
  free(header);
  free(bytes);
  return file;
}

static void free_tensors(struct tensor_file *file) {
  for (int i = 0; i < file->count; i++)
    free(file->tensors[i].values);
  free(file);
}

// The worst error so far.
struct verdict {
  double error, tolerance;
  char name[MAX_NAME];
  bool fits;
};

static bool same_shape(const struct tensor *a, const struct tensor *b) {
  return a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof a->shape[0]) == 0;
}

// A tensor of nothing but rounding errors is judged absolutely, against a scale of 1e-6.
static void judge(struct verdict *verdict, const struct tensor *found, const struct tensor *expected) {
  if (!same_shape(found, expected)) {
    printf("%s: another shape or rank than expected (rank %d, expected %d)\n", expected->name, found->rank,
           expected->rank);
    verdict->fits = false;
    return;
  }
  double scale = 1e-6;
  for (size_t i = 0; i < expected->count; i++)
    scale = fmax(scale, fabs(expected->values[i]));
  for (size_t i = 0; i < expected->count; i++) {
    double error = fabs(found->values[i] - expected->values[i]) / scale;
    if (!(error <= verdict->tolerance))
      verdict->fits = false; // NaN comes here too
    if (!(error <= verdict->error)) {
      verdict->error = error;
      memcpy(verdict->name, expected->name, sizeof verdict->name);
    }
  }
}

static int report(const struct verdict *verdict, const char *what) {
  printf("%s: worst %s, error %.3g of at most %.3g: %s\n", what, verdict->name[0] ? verdict->name : "(none)",
         verdict->error, verdict->tolerance, verdict->fits ? "fits" : "TOO FAR");
  return verdict->fits ? 0 : 1;
}

static void judge_files(struct verdict *verdict, const struct tensor_file *found,
                        const struct tensor_file *expected) {
  if (expected->count == 0)
    fail("the reference holds no tensor");
  int i = 0, j = 0;
  while (i < found->count || j < expected->count) {
    int order = i == found->count      ? 1
                : j == expected->count ? -1
                                       : strcmp(found->tensors[i].name, expected->tensors[j].name);
    if (order == 0) {
      judge(verdict, &found->tensors[i++], &expected->tensors[j++]);
      continue;
    }
    printf("%s: only in the %s file\n", order < 0 ? found->tensors[i].name : expected->tensors[j].name,
           order < 0 ? "found" : "expected");
    verdict->fits = false;
    i += order < 0;
    j += order > 0;
  }
}

static int compare_arrays(char **arguments) {
  struct verdict verdict = {.tolerance = strtod(arguments[2], NULL), .fits = true};
  struct tensor found = read_npy(arguments[0]), expected = read_npy(arguments[1]);
  judge(&verdict, &found, &expected);
  free(found.values);
  free(expected.values);
  return report(&verdict, "array");
}

static int compare_tensors(char **arguments) {
  struct verdict verdict = {.tolerance = strtod(arguments[2], NULL), .fits = true};
  struct tensor_file *found = read_safetensors(arguments[0]), *expected = read_safetensors(arguments[1]);
  judge_files(&verdict, found, expected);
  free_tensors(found);
  free_tensors(expected);
  return report(&verdict, "tensors");
}

static int compare_differences(char **arguments) {
  struct verdict verdict = {.tolerance = strtod(arguments[3], NULL), .fits = true};
  struct tensor_file *before = read_safetensors(arguments[0]), *after = read_safetensors(arguments[1]);
  struct tensor_file *expected = read_safetensors(arguments[2]);
  double rate = strtod(arguments[4], NULL);
  if (before->count != after->count)
    fail("%s and %s hold different tensors", arguments[0], arguments[1]);
  for (int t = 0; t < before->count; t++) {
    struct tensor *from = &before->tensors[t], *to = &after->tensors[t];
    if (strcmp(from->name, to->name) != 0 || !same_shape(from, to))
      fail("%s does not pair with %s", from->name, to->name);
    double divisor = strstr(from->name, "/moving_") ? 1 : rate;
    for (size_t i = 0; i < from->count; i++)
      from->values[i] = (from->values[i] - to->values[i]) / divisor;
  }
  judge_files(&verdict, before, expected);
  free_tensors(before);
  free_tensors(after);
  free_tensors(expected);
  return report(&verdict, "differences");
}

static int compare_metrics(char **arguments) {
  struct verdict verdict = {.tolerance = strtod(arguments[2], NULL), .fits = true};
  size_t size;
  char *json = read_file(arguments[0], &size), *table = read_file(arguments[1], &size);
  int lines = 0;
  for (char *line = strtok(table, "\n"); line; line = strtok(NULL, "\n"), lines++) {
    char *tab = strchr(line, '\t'), key[MAX_NAME + 3];
    if (!tab)
      fail("%s: a line without a tab", arguments[1]);
    *tab = 0;
    snprintf(key, sizeof key, "\"%s\"", line);
    const char *at = strchr(find(json, key, arguments[0]), ':');
    double value = at ? strtod(at + 1, NULL) : NAN, wanted = strtod(tab + 1, NULL);
    struct tensor found = {.rank = 0, .count = 1, .values = &value};
    struct tensor expected = {.rank = 0, .count = 1, .values = &wanted};
    snprintf(expected.name, sizeof expected.name, "%s", line);
    judge(&verdict, &found, &expected);
  }
  if (lines == 0)
    fail("%s is empty", arguments[1]);
  free(json);
  free(table);
  return report(&verdict, "metrics");
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    int arguments;
    int (*run)(char **arguments);
  } modes[] = {{"arrays", 3, compare_arrays},
               {"tensors", 3, compare_tensors},
               {"differences", 5, compare_differences},
               {"metrics", 3, compare_metrics}};
  for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof modes[0]; i++)
    if (strcmp(argv[1], modes[i].name) == 0 && argc == modes[i].arguments + 2)
      return modes[i].run(argv + 2);
  fputs("usage: compare arrays|tensors FOUND EXPECTED TOLERANCE\n"
        "       compare differences BEFORE AFTER EXPECTED TOLERANCE RATE\n"
        "       compare metrics FOUND.json EXPECTED.tsv TOLERANCE\n",
        stderr);
  return 2;
}
