// Reading safetensors. The header is checked in full before any tensor is seen, by the rules of the stock
// library: tensors lie one behind another from offset 0, without holes or overlaps, up to the end of the
// file.
#include "runtime/weights.h"
#include "runtime/weights_types.h"
#include "support/arena.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "little-endian machines only"
#endif

struct weights_file {
  json_t *header; // names and metadata point into it
  weight_tensor *tensors;
  size_t count;
  const char **keys, **values; // metadata
  size_t metadata_count;
  void *mapping;
  size_t mapping_bytes;
};

static const weight_type_row types[] = {
    {"F32", WEIGHT_F32, 4},       {"F64", WEIGHT_F64, 8},   {"F16", WEIGHT_F16, 2},
    {"BF16", WEIGHT_BF16, 2},     {"I8", WEIGHT_OTHER, 1},  {"U8", WEIGHT_OTHER, 1},
    {"I16", WEIGHT_OTHER, 2},     {"U16", WEIGHT_OTHER, 2}, {"I32", WEIGHT_OTHER, 4},
    {"U32", WEIGHT_OTHER, 4},     {"I64", WEIGHT_OTHER, 8}, {"U64", WEIGHT_OTHER, 8},
    {"BOOL", WEIGHT_OTHER, 1},    {"C64", WEIGHT_OTHER, 8}, {"F8_E5M2", WEIGHT_OTHER, 1},
    {"F8_E4M3", WEIGHT_OTHER, 1},
};

const weight_type_row *weight_type_by_name(const char *name) {
  for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
    if (!strcmp(types[i].name, name))
      return &types[i];
  return NULL;
}

const weight_type_row *weight_type_of(weight_type type) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].type == type)
      return &types[i];
  return NULL;
}

// A non-negative JSON integer.
static bool get_size(const json_t *value, size_t *out) {
  if (!json_is_integer(value) || json_integer_value(value) < 0)
    return false;
  *out = (size_t)json_integer_value(value);
  return true;
}

static const char *read_shape(const json_t *shape, weight_tensor *t) {
  if (!json_is_array(shape) || json_array_size(shape) > WEIGHTS_MAX_RANK)
    return "its shape is no list of at most 8 extents";
  t->rank = json_array_size(shape);
  t->count = 1;
  for (size_t i = 0; i < t->rank; i++) {
    size_t extent;
    if (!get_size(json_array_get(shape, i), &extent))
      return "an extent of its shape is no count";
    t->shape[i] = (int64_t)extent;
    if (__builtin_mul_overflow(t->count, extent, &t->count))
      return "its shape is larger than any memory";
  }
  return NULL;
}

static const char *read_tensor(const char *name, const json_t *entry, const unsigned char *data,
                               size_t data_bytes, weight_tensor *t) {
  t->name = name;
  const weight_type_row *type = weight_type_by_name(json_string_value(json_object_get(entry, "dtype")));
  if (!type)
    return "its dtype is unknown";
  t->type = type->type;
  t->type_name = type->name;
  const char *reason = read_shape(json_object_get(entry, "shape"), t);
  if (reason)
    return reason;
  const json_t *offsets = json_object_get(entry, "data_offsets");
  size_t from, to, needed;
  if (json_object_size(entry) != 3 || json_array_size(offsets) != 2 ||
      !get_size(json_array_get(offsets, 0), &from) || !get_size(json_array_get(offsets, 1), &to))
    return "it is not described by dtype, shape and two data_offsets";
  if (from > to || to > data_bytes)
    return "its data_offsets lie outside the file";
  if (__builtin_mul_overflow(t->count, type->width, &needed) || to - from != needed)
    return "its data_offsets do not agree with its shape and dtype";
  t->data = data + from;
  t->bytes = needed;
  return NULL;
}

static int by_place(const void *left, const void *right) {
  const weight_tensor *a = left, *b = right;
  if (a->data != b->data)
    return (const char *)a->data < (const char *)b->data ? -1 : 1;
  if (a->bytes != b->bytes)
    return a->bytes < b->bytes ? -1 : 1;
  return strcmp(a->name, b->name);
}

static bool check_places(weights_file *w, const unsigned char *data, size_t data_bytes, strbuf *error) {
  if (w->count)
    qsort(w->tensors, w->count, sizeof *w->tensors, by_place);
  const unsigned char *expected = data;
  for (size_t i = 0; i < w->count; i++) {
    const unsigned char *at = w->tensors[i].data;
    if (at != expected) {
      strbuf_printf(error, "tensor '%s' %s", w->tensors[i].name,
                    at < expected ? "overlaps another one" : "has unused bytes before it");
      return false;
    }
    expected = at + w->tensors[i].bytes;
  }
  if (expected == data + data_bytes)
    return true;
  strbuf_printf(error, "%zu bytes behind the last tensor", (size_t)(data + data_bytes - expected));
  return false;
}

static bool read_metadata(weights_file *w, json_t *map, strbuf *error) {
  if (!json_is_object(map)) {
    strbuf_puts(error, "__metadata__ is no map of strings");
    return false;
  }
  w->keys = xcalloc(json_object_size(map) + 1, sizeof *w->keys);
  w->values = xcalloc(json_object_size(map) + 1, sizeof *w->values);
  const char *key;
  json_t *value;
  json_object_foreach(map, key, value) {
    if (!json_is_string(value)) {
      strbuf_printf(error, "metadata '%s' is no string", key);
      return false;
    }
    w->keys[w->metadata_count] = key;
    w->values[w->metadata_count++] = json_string_value(value);
  }
  return true;
}

static bool read_entries(weights_file *w, const unsigned char *data, size_t data_bytes, strbuf *error) {
  w->tensors = xcalloc(json_object_size(w->header) + 1, sizeof *w->tensors);
  const char *name;
  json_t *entry;
  json_object_foreach(w->header, name, entry) {
    if (!strcmp(name, "__metadata__")) {
      if (!read_metadata(w, entry, error))
        return false;
      continue;
    }
    const char *reason = read_tensor(name, entry, data, data_bytes, &w->tensors[w->count++]);
    if (reason) {
      strbuf_printf(error, "tensor '%s': %s", name, reason);
      return false;
    }
  }
  return check_places(w, data, data_bytes, error);
}

// Reads the header into a new file; releases it after a failure.
static weights_file *read_file(weights_file *w, const void *bytes, size_t n, strbuf *error) {
  const unsigned char *file = bytes;
  uint64_t header_bytes = 0;
  if (n >= 8)
    memcpy(&header_bytes, file, 8);
  if (n < 10 || file[8] != '{' || header_bytes < 2 || header_bytes > WEIGHTS_MAX_HEADER) {
    strbuf_puts(error, "not a safetensors file");
    weights_close(w);
    return NULL;
  }
  if (header_bytes > n - 8) {
    strbuf_puts(error, "the file ends inside its header");
    weights_close(w);
    return NULL;
  }
  json_error_t where;
  w->header = json_loadb((const char *)file + 8, (size_t)header_bytes, JSON_REJECT_DUPLICATES, &where);
  if (!json_is_object(w->header)) {
    strbuf_printf(error, "the header is no JSON object: %s", w->header ? "another value" : where.text);
  } else if (read_entries(w, file + 8 + header_bytes, n - 8 - (size_t)header_bytes, error)) {
    return w;
  }
  weights_close(w);
  return NULL;
}

weights_file *weights_from_memory(const void *bytes, size_t n, strbuf *error) {
  return read_file(xcalloc(1, sizeof(weights_file)), bytes, n, error);
}

static void unmap(void *file) {
  const weights_file *w = file;
  munmap(w->mapping, w->mapping_bytes);
}

// Maps a whole file; NULL or the reason why not. Takes no memory, which could run out with the file open.
static const char *map_file(const char *path, weights_file *w) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0)
    return strerror(errno);
  const char *reason = NULL;
  void *mapping = MAP_FAILED;
  if (fstat(fd, &st) < 0)
    reason = strerror(errno);
  else if (!S_ISREG(st.st_mode) || st.st_size < 8)
    reason = S_ISREG(st.st_mode) ? "not a safetensors file" : "not a regular file";
  else if ((mapping = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
    reason = strerror(errno);
  close(fd);
  if (!reason) {
    w->mapping = mapping;
    w->mapping_bytes = (size_t)st.st_size;
    memory_on_unwind(unmap, w);
  }
  return reason;
}

weights_file *weights_open(const char *path, strbuf *error) {
  weights_file *w = xcalloc(1, sizeof *w);
  const char *reason = map_file(path, w);
  if (!reason)
    return read_file(w, w->mapping, w->mapping_bytes, error);
  strbuf_puts(error, reason);
  weights_close(w);
  return NULL;
}

void weights_close(weights_file *w) {
  if (!w)
    return;
  json_decref(w->header);
  if (w->mapping) {
    memory_settled(w);
    unmap(w);
  }
  xfree(w->tensors);
  xfree(w->keys);
  xfree(w->values);
  xfree(w);
}

size_t weights_count(const weights_file *w) {
  return w->count;
}

const weight_tensor *weights_at(const weights_file *w, size_t index) {
  return &w->tensors[index];
}

const weight_tensor *weights_find(const weights_file *w, const char *name) {
  for (size_t i = 0; i < w->count; i++)
    if (!strcmp(w->tensors[i].name, name))
      return &w->tensors[i];
  return NULL;
}

const char *weights_metadata(const weights_file *w, const char *key) {
  for (size_t i = 0; i < w->metadata_count; i++)
    if (!strcmp(w->keys[i], key))
      return w->values[i];
  return NULL;
}

const char *weights_metadata_key(const weights_file *w, size_t index) {
  return index < w->metadata_count ? w->keys[index] : NULL;
}
