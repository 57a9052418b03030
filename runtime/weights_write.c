// Writing safetensors, comparing a file with a model, and converting values.
#include "runtime/half.h"
#include "runtime/weights_types.h"
#include "support/arena.h"
#include "support/json.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

// ---- writing
// ---------------------------------------------------------------------------------------------------

static size_t entry_bytes(const weight_entry *e) {
  size_t bytes = weight_type_of(e->type)->width;
  for (size_t i = 0; i < e->rank; i++)
    bytes *= (size_t)e->shape[i];
  return bytes;
}

static void put_entry(const weight_entry *e, size_t offset, bool first, strbuf *out) {
  strbuf_puts(out, first ? "" : ",");
  json_put_string(out, e->name);
  strbuf_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", weight_type_of(e->type)->name);
  for (size_t i = 0; i < e->rank; i++)
    strbuf_printf(out, i ? ",%" PRId64 : "%" PRId64, e->shape[i]);
  strbuf_printf(out, "],\"data_offsets\":[%zu,%zu]}", offset, offset + entry_bytes(e));
}

static bool check_names(const weight_entry *tensors, size_t count, strbuf *error) {
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < i; j++)
      if (!strcmp(tensors[i].name, tensors[j].name)) {
        strbuf_printf(error, "two tensors are called '%s'", tensors[i].name);
        return false;
      }
  return true;
}

// Visits tensors in file order: F64 before F32, so that every tensor is aligned to its width.
static const weight_type file_order[] = {WEIGHT_F64, WEIGHT_F32};

// Tensors begin on a cache line in a file that is mapped, or lies inside an executable, if their sizes allow.
enum { DATA_ALIGN = 64 };

static void put_header(const weight_entry *tensors, size_t count, const weight_metadata *metadata,
                       size_t metadata_count, strbuf *out) {
  strbuf_add(out, "\0\0\0\0\0\0\0\0{", 9);
  bool first = true;
  if (metadata_count) {
    strbuf_puts(out, "\"__metadata__\":{");
    for (size_t i = 0; i < metadata_count; i++) {
      strbuf_puts(out, i ? "," : "");
      json_put_string(out, metadata[i].key);
      strbuf_putc(out, ':');
      json_put_string(out, metadata[i].value);
    }
    strbuf_putc(out, '}');
    first = false;
  }
  size_t offset = 0;
  for (size_t pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < count; i++)
      if (tensors[i].type == file_order[pass]) {
        put_entry(&tensors[i], offset, first, out);
        offset += entry_bytes(&tensors[i]);
        first = false;
      }
  strbuf_putc(out, '}');
  while (out->len % DATA_ALIGN)
    strbuf_putc(out, ' ');
}

// The header, its length in front, into `head`; and all parts of the file, the header first: 1 + count of
// them at most. Returns how many; 0: an error.
static size_t list_parts(const weight_entry *tensors, size_t count, const weight_metadata *metadata,
                         size_t metadata_count, strbuf *head, file_part *parts, strbuf *error) {
  if (!check_names(tensors, count, error))
    return 0;
  put_header(tensors, count, metadata, metadata_count, head);
  uint64_t header_bytes = head->len - 8;
  if (header_bytes > WEIGHTS_MAX_HEADER) {
    strbuf_puts(error, "the vocabulary is too large for a safetensors header (100 MB)");
    return 0;
  }
  memcpy(head->data, &header_bytes, 8);
  parts[0] = (file_part){head->data, head->len};
  size_t n = 1;
  for (size_t pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < count; i++)
      if (tensors[i].type == file_order[pass] && entry_bytes(&tensors[i]))
        parts[n++] = (file_part){tensors[i].data, entry_bytes(&tensors[i])};
  return n;
}

bool weights_serialize(const weight_entry *tensors, size_t count, const weight_metadata *metadata,
                       size_t metadata_count, strbuf *out, strbuf *error) {
  file_part *parts = xcalloc(count + 1, sizeof *parts);
  size_t n = list_parts(tensors, count, metadata, metadata_count, out, parts, error);
  for (size_t k = 1; k < n; k++)
    strbuf_add(out, parts[k].bytes, parts[k].n);
  xfree(parts);
  return n > 0;
}

bool weights_write(const char *path, const weight_entry *tensors, size_t count,
                   const weight_metadata *metadata, size_t metadata_count, strbuf *error) {
  strbuf head = {0};
  file_part *parts = xcalloc(count + 1, sizeof *parts);
  size_t n = list_parts(tensors, count, metadata, metadata_count, &head, parts, error);
  bool fine = n > 0;
  if (fine) {
    int status = file_write_parts(path, parts, n);
    if (status < 0)
      strbuf_printf(error, "%s: %s", path, strerror(-status));
    fine = status >= 0;
  }
  strbuf_free(&head);
  xfree(parts);
  return fine;
}

// ---- comparing
// -------------------------------------------------------------------------------------------------

static void put_shape(strbuf *out, const int64_t *shape, size_t rank) {
  strbuf_putc(out, '[');
  for (size_t i = 0; i < rank; i++)
    strbuf_printf(out, i ? ", %" PRId64 : "%" PRId64, shape[i]);
  strbuf_putc(out, ']');
}

size_t weights_differences(const weights_file *w, const weight_entry *wanted, size_t count, strbuf *report) {
  size_t differences = 0;
  for (size_t i = 0; i < count; i++) {
    const weight_entry *e = &wanted[i];
    const weight_tensor *t = weights_find(w, e->name);
    bool same = t && t->rank == e->rank && !memcmp(t->shape, e->shape, e->rank * sizeof *e->shape);
    if (same && t->type != WEIGHT_OTHER)
      continue;
    differences++;
    strbuf_printf(report, "  %s: the model has ", e->name);
    put_shape(report, e->shape, e->rank);
    if (!t) {
      strbuf_puts(report, ", the file has no such tensor\n");
      continue;
    }
    strbuf_puts(report, ", the file ");
    put_shape(report, t->shape, t->rank);
    strbuf_printf(report, "%s%s\n", same ? " of type " : "", same ? t->type_name : "");
  }
  for (size_t i = 0; i < weights_count(w); i++) {
    const weight_tensor *t = weights_at(w, i);
    size_t k = 0;
    while (k < count && strcmp(wanted[k].name, t->name))
      k++;
    if (k < count)
      continue;
    differences++;
    strbuf_printf(report, "  %s: the file has ", t->name);
    put_shape(report, t->shape, t->rank);
    strbuf_puts(report, ", the model has no such tensor\n");
  }
  return differences;
}

// ---- values
// ----------------------------------------------------------------------------------------------------

static double value_at(const weight_tensor *t, size_t i) {
  const unsigned char *data = t->data;
  uint16_t half = 0;
  uint32_t single = 0;
  double wide = 0;
  float narrow;
  if (t->type == WEIGHT_F64) {
    memcpy(&wide, data + 8 * i, 8);
    return wide;
  }
  if (t->type == WEIGHT_F32)
    memcpy(&single, data + 4 * i, 4);
  else
    memcpy(&half, data + 2 * i, 2);
  if (t->type == WEIGHT_F16)
    return half_to_double(half);
  if (t->type == WEIGHT_BF16)
    single = (uint32_t)half << 16;
  memcpy(&narrow, &single, 4);
  return (double)narrow;
}

// Parts that are there already are not written: fresh pages of zeros, as a table's slots have them where no
// row was touched, stay without memory.
static void copy_parts(char *to, const char *from, size_t bytes) {
  enum { PART = 4096 };
  for (size_t at = 0; at < bytes; at += PART) {
    size_t n = bytes - at < PART ? bytes - at : PART;
    if (memcmp(to + at, from + at, n))
      memcpy(to + at, from + at, n);
  }
}

bool weights_copy_f32(const weight_tensor *t, float *out) {
  if (t->type == WEIGHT_OTHER)
    return false;
  if (t->type == WEIGHT_F32)
    copy_parts((char *)out, (const char *)t->data, t->bytes);
  else
    for (size_t i = 0; i < t->count; i++)
      out[i] = (float)value_at(t, i);
  return true;
}

bool weights_copy_f64(const weight_tensor *t, double *out) {
  if (t->type == WEIGHT_OTHER)
    return false;
  if (t->type == WEIGHT_F64)
    copy_parts((char *)out, (const char *)t->data, t->bytes);
  else
    for (size_t i = 0; i < t->count; i++)
      out[i] = value_at(t, i);
  return true;
}

// ---- lists of strings
// ------------------------------------------------------------------------------------------

void weights_put_string_list(const char *const *items, size_t count, strbuf *out) {
  strbuf_putc(out, '[');
  for (size_t i = 0; i < count; i++) {
    strbuf_puts(out, i ? ", " : "");
    json_put_string(out, items[i]);
  }
  strbuf_putc(out, ']');
}

char **weights_parse_string_list(const char *json, size_t *out_count, strbuf *error) {
  json_error_t where;
  json_t *list = json_loads(json, 0, &where);
  size_t count = json_array_size(list), bytes = 0;
  bool fine = json_is_array(list);
  for (size_t i = 0; fine && i < count; i++) {
    const json_t *item = json_array_get(list, i);
    fine = json_is_string(item);
    bytes += json_string_length(item) + 1;
  }
  char **items = NULL;
  if (fine) { // pointers, then the texts
    items = xcalloc(1, (count + 1) * sizeof *items + bytes);
    char *text = (char *)(items + count + 1);
    for (size_t i = 0; i < count; i++) {
      size_t n = json_string_length(json_array_get(list, i)) + 1;
      items[i] = memcpy(text, json_string_value(json_array_get(list, i)), n);
      text += n;
    }
    *out_count = count;
  } else {
    strbuf_puts(error, "a JSON array of strings is needed");
  }
  json_decref(list);
  return items;
}
