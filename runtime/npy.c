#include "runtime/npy.h"
#include "runtime/half.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "little-endian machines only"
#endif

// ---- header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
// --------------------------------------------

typedef struct header_cursor {
  const char *at, *end;
} header_cursor;

static void skip_blanks(header_cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
    c->at++;
}

static bool take(header_cursor *c, const char *word) {
  skip_blanks(c);
  size_t n = strlen(word);
  if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n))
    return false;
  c->at += n;
  return true;
}

// A quoted string without escapes, at most `room` - 1 bytes.
static bool take_string(header_cursor *c, char *out, size_t room) {
  skip_blanks(c);
  if (c->at >= c->end || (*c->at != '\'' && *c->at != '"'))
    return false;
  char quote = *c->at++;
  size_t n = 0;
  while (c->at < c->end && *c->at != quote) {
    if (n + 1 >= room || *c->at == '\\')
      return false;
    out[n++] = *c->at++;
  }
  out[n] = 0;
  return c->at++ < c->end;
}

static bool take_extent(header_cursor *c, int64_t *out) {
  skip_blanks(c);
  const char *start = c->at;
  *out = 0;
  while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
    if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, *c->at++ - '0', out))
      return false;
  if (c->at < c->end && *c->at == 'L') // written by Python 2
    c->at++;
  return c->at > start;
}

static const char *take_shape(header_cursor *c, npy_array *out) {
  static const char damaged[] = "the header's shape is damaged";
  if (!take(c, "("))
    return damaged;
  while (!take(c, ")")) {
    if (out->rank == NPY_MAX_RANK)
      return "more than 8 dimensions";
    if (!take_extent(c, &out->shape[out->rank++]))
      return damaged;
    if (!take(c, ",")) {
      if (out->rank == 1 || !take(c, ")")) // (3) is no tuple
        return damaged;
      break;
    }
  }
  return NULL;
}

// '<f4': byte order, kind, width.
static bool set_type(const char *descr, npy_array *out) {
  if (strlen(descr) != 3 || !strchr("<>|=", descr[0]))
    return false;
  out->kind = descr[1];
  out->width = descr[2] - '0';
  out->big_endian = descr[0] == '>';
  bool width_of_integer = out->width == 1 || out->width == 2 || out->width == 4 || out->width == 8;
  bool width_of_float = out->width == 2 || out->width == 4 || out->width == 8;
  bool known =
      ((out->kind == 'i' || out->kind == 'u') && width_of_integer) || (out->kind == 'f' && width_of_float);
  return known && (descr[0] != '|' || out->width == 1);
}

static bool parse_dictionary(header_cursor *c, npy_array *out, strbuf *error) {
  enum { DESCR = 1, ORDER = 2, SHAPE = 4 };
  unsigned seen = 0;
  char key[32], descr[64];
  const char *reason = take(c, "{") ? NULL : "the header is damaged";
  while (!reason && !take(c, "}")) {
    unsigned which = 0;
    if (!take_string(c, key, sizeof key) || !take(c, ":")) {
      reason = "the header is damaged";
    } else if (!strcmp(key, "descr")) {
      which = DESCR;
      if (!take_string(c, descr, sizeof descr))
        reason = "structured types are not read; plain integers and floats are";
      else if (!set_type(descr, out)) {
        strbuf_printf(error, "type '%s' is not read; integers (i1 to u8) and floats (f2, f4, f8) are", descr);
        return false;
      }
    } else if (!strcmp(key, "fortran_order")) {
      which = ORDER;
      out->fortran_order = take(c, "True");
      if (!out->fortran_order && !take(c, "False"))
        reason = "the header's fortran_order is neither True nor False";
    } else if (!strcmp(key, "shape")) {
      which = SHAPE;
      reason = take_shape(c, out);
    }
    if (!reason && (!which || (seen & which)))
      reason = "the header has an unknown or repeated key";
    seen |= which;
    if (!reason && !take(c, ",") && (c->at >= c->end || *c->at != '}'))
      reason = "the header is damaged";
  }
  skip_blanks(c);
  if (!reason && (seen != (DESCR | ORDER | SHAPE) || c->at != c->end))
    reason = "the header is damaged";
  if (reason)
    strbuf_puts(error, reason);
  return !reason;
}

// Checks the preamble and returns the offset of the data, 0 after an error.
static size_t parse_header(const unsigned char *bytes, size_t n, npy_array *out, strbuf *error) {
  if (n < 10 || memcmp(bytes, "\x93NUMPY", 6)) {
    strbuf_puts(error, "not a .npy file");
    return 0;
  }
  if (bytes[6] < 1 || bytes[6] > 3) {
    strbuf_printf(error, "version %d of the .npy format is not read; 1 to 3 are", bytes[6]);
    return 0;
  }
  size_t start = bytes[6] == 1 ? 10 : 12, length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
  if (start == 12 && n >= 12)
    length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
  if (n < start || length > n - start) {
    strbuf_puts(error, "the file ends inside its header");
    return 0;
  }
  header_cursor c = {(const char *)bytes + start, (const char *)bytes + start + length};
  return parse_dictionary(&c, out, error) ? start + length : 0;
}

bool npy_parse(const void *bytes, size_t n, npy_array *out, strbuf *error) {
  *out = (npy_array){0};
  size_t start = parse_header(bytes, n, out, error);
  if (!start)
    return false;
  size_t count = 1;
  bool empty = false, overflow = false;
  for (size_t i = 0; i < out->rank; i++) {
    empty |= out->shape[i] == 0;
    overflow |= __builtin_mul_overflow(count, (size_t)(out->shape[i] ? out->shape[i] : 1), &count);
  }
  size_t needed = 0;
  if (overflow || __builtin_mul_overflow(count, (size_t)out->width, &needed)) {
    strbuf_puts(error, "the header's shape is larger than any memory");
    return false;
  }
  out->count = empty ? 0 : count;
  needed = empty ? 0 : needed;
  if (n - start != needed) {
    strbuf_printf(error, "%zu bytes of data, its shape and type need %zu", n - start, needed);
    return false;
  }
  out->data = (const unsigned char *)bytes + start;
  return true;
}

bool npy_open(const char *path, npy_array *out, strbuf *error) {
  char *bytes;
  size_t n;
  *out = (npy_array){0};
  int status = file_read_all(path, &bytes, &n);
  if (status < 0) {
    strbuf_puts(error, strerror(-status));
    return false;
  }
  if (!npy_parse(bytes, n, out, error)) {
    free(bytes);
    *out = (npy_array){0};
    return false;
  }
  out->owned = bytes;
  return true;
}

void npy_close(npy_array *a) {
  free(a->owned);
  *a = (npy_array){0};
}

// ---- values
// ----------------------------------------------------------------------------------------------------

static uint64_t load_bits(const npy_array *a, size_t index) {
  const unsigned char *at = a->data + index * (size_t)a->width;
  uint64_t bits = 0;
  for (int i = 0; i < a->width; i++)
    bits |= (uint64_t)at[i] << 8 * (a->big_endian ? a->width - 1 - i : i);
  return bits;
}

static int64_t sign_extend(const npy_array *a, uint64_t bits) {
  int unused = 64 - 8 * a->width;
  return (int64_t)(bits << unused) >> unused;
}

static double to_double(const npy_array *a, uint64_t bits) {
  if (a->kind == 'u')
    return (double)bits;
  if (a->kind == 'i')
    return (double)sign_extend(a, bits);
  if (a->width == 2)
    return half_to_double((uint16_t)bits);
  if (a->width == 4) {
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return (double)value;
  }
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Steps through an array in C order: the place in the file of each next value.
typedef struct file_order {
  const npy_array *array;
  size_t index[NPY_MAX_RANK], stride[NPY_MAX_RANK]; // strides in the file, in values
  size_t place;
} file_order;

static file_order order_begin(const npy_array *a) {
  file_order o = {.array = a};
  size_t stride = 1;
  for (size_t i = 0; i < a->rank; i++) {
    size_t axis = a->fortran_order ? i : a->rank - 1 - i;
    o.stride[axis] = stride;
    stride *= (size_t)a->shape[axis];
  }
  return o;
}

static void order_next(file_order *o) {
  for (size_t axis = o->array->rank; axis-- > 0;) {
    o->place += o->stride[axis];
    if (++o->index[axis] < (size_t)o->array->shape[axis])
      return;
    o->place -= o->stride[axis] * o->index[axis];
    o->index[axis] = 0;
  }
}

static size_t row_of(const npy_array *a, size_t position) {
  return a->rank ? position / (a->count / (size_t)a->shape[0]) : 0;
}

bool npy_to_i32(const npy_array *a, int32_t *out, strbuf *error) {
  if (a->kind == 'f') {
    strbuf_puts(error, "holds floats; integers are needed");
    return false;
  }
  file_order o = order_begin(a);
  for (size_t i = 0; i < a->count; i++, order_next(&o)) {
    uint64_t bits = load_bits(a, o.place);
    int64_t value = a->kind == 'i' ? sign_extend(a, bits) : (int64_t)bits;
    if (a->kind == 'u' ? bits > INT32_MAX : value != (int32_t)value) {
      if (a->kind == 'u')
        strbuf_printf(error, "row %zu holds %" PRIu64 ", which is no 32-bit integer", row_of(a, i), bits);
      else
        strbuf_printf(error, "row %zu holds %" PRId64 ", which is no 32-bit integer", row_of(a, i), value);
      return false;
    }
    out[i] = (int32_t)value;
  }
  return true;
}

bool npy_to_f64(const npy_array *a, double *out, strbuf *error) {
  file_order o = order_begin(a);
  for (size_t i = 0; i < a->count; i++, order_next(&o)) {
    out[i] = to_double(a, load_bits(a, o.place));
    if (!isfinite(out[i])) {
      strbuf_printf(error, "row %zu holds %s", row_of(a, i), isnan(out[i]) ? "NaN" : "infinity");
      return false;
    }
  }
  return true;
}

bool npy_to_f32(const npy_array *a, float *out, strbuf *error) {
  file_order o = order_begin(a);
  for (size_t i = 0; i < a->count; i++, order_next(&o)) {
    double value = to_double(a, load_bits(a, o.place));
    out[i] = (float)value;
    if (!isfinite(value) || !isfinite(out[i])) {
      if (isfinite(value))
        strbuf_printf(error, "row %zu holds %.17g, which is too large for a 32-bit float", row_of(a, i),
                      value);
      else
        strbuf_printf(error, "row %zu holds %s", row_of(a, i), isnan(value) ? "NaN" : "infinity");
      return false;
    }
  }
  return true;
}

// ---- writing
// ---------------------------------------------------------------------------------------------------

bool npy_write(const char *path, npy_type type, size_t rank, const int64_t *shape, const void *data,
               strbuf *error) {
  static const struct {
    const char *descr;
    size_t width;
  } types[] = {{"<i4", 4}, {"<i8", 8}, {"<f4", 4}, {"<f8", 8}};
  strbuf out = {0};
  strbuf_add(&out, "\x93NUMPY\x01\x00\x00\x00", 10);
  strbuf_printf(&out, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[type].descr);
  size_t count = 1;
  for (size_t i = 0; i < rank; i++) {
    strbuf_printf(&out, i ? ", %" PRId64 : "%" PRId64, shape[i]);
    count *= (size_t)shape[i];
  }
  strbuf_puts(&out, rank == 1 ? ",), }" : "), }");
  while ((out.len + 1) % 64)
    strbuf_putc(&out, ' ');
  strbuf_putc(&out, '\n');
  out.data[8] = (char)((out.len - 10) & 255);
  out.data[9] = (char)((out.len - 10) >> 8);
  if (count)
    strbuf_add(&out, data, count * types[type].width);
  int status = file_write_atomic(path, out.data, out.len);
  strbuf_free(&out);
  if (status < 0)
    strbuf_puts(error, strerror(-status));
  return status >= 0;
}
