// Arrays of .npz archives. The archives are put together here, field by field, as the ZIP format says.
#include "runtime/data/dataset.h"
#include "runtime/npz.h"
#include "unit.h"
#include <zlib.h>
// after unit.h
#include "files.h"

static void put16(strbuf *b, unsigned n) {
  strbuf_putc(b, (char)(n & 255));
  strbuf_putc(b, (char)(n >> 8));
}

static void put32(strbuf *b, unsigned long n) {
  put16(b, (unsigned)(n & 0xFFFF));
  put16(b, (unsigned)(n >> 16 & 0xFFFF));
}

// A .npy of int32 or float32, as NumPy writes it.
static strbuf npy(const char *descr, const char *shape, const void *values, size_t bytes) {
  strbuf b = {0}, header = {0};
  strbuf_printf(&header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape);
  strbuf_add(&b, "\x93NUMPY\x01\x00", 8);
  put16(&b, (unsigned)header.len);
  strbuf_add(&b, header.data, header.len);
  strbuf_add(&b, values, bytes);
  strbuf_free(&header);
  return b;
}

typedef struct zip {
  strbuf file, directory;
  unsigned members;
} zip;

static strbuf deflated(const strbuf *b) {
  strbuf out = {0};
  unsigned char room[4096];
  z_stream s = {0};
  assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  s.next_in = (unsigned char *)b->data;
  s.avail_in = (unsigned)b->len;
  s.next_out = room;
  s.avail_out = sizeof room;
  assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
  strbuf_add(&out, (char *)room, sizeof room - s.avail_out);
  deflateEnd(&s);
  return out;
}

// `long_sizes`: the sizes stand in the extra field of 64 bits, as NumPy writes them into the local header.
static void add(zip *z, const char *name, strbuf content, bool pack, bool long_sizes) {
  strbuf packed = pack ? deflated(&content) : content;
  unsigned long crc = crc32(0, (unsigned char *)content.data, (unsigned)content.len);
  size_t place = z->file.len;
  put32(&z->file, 0x04034B50);
  put16(&z->file, 45);
  put16(&z->file, 0);
  put16(&z->file, pack ? 8 : 0);
  put32(&z->file, 0);
  put32(&z->file, crc);
  put32(&z->file, packed.len);
  put32(&z->file, content.len);
  put16(&z->file, (unsigned)strlen(name));
  put16(&z->file, long_sizes ? 20 : 0);
  strbuf_puts(&z->file, name);
  for (int k = 0; long_sizes && k < 20; k++)
    strbuf_putc(&z->file, 0);
  strbuf_add(&z->file, packed.data, packed.len);
  put32(&z->directory, 0x02014B50);
  put32(&z->directory, 45 | 45UL << 16);
  put16(&z->directory, 0);
  put16(&z->directory, pack ? 8 : 0);
  put32(&z->directory, 0);
  put32(&z->directory, crc);
  put32(&z->directory, long_sizes ? UINT32_MAX : packed.len);
  put32(&z->directory, long_sizes ? UINT32_MAX : content.len);
  put16(&z->directory, (unsigned)strlen(name));
  put16(&z->directory, long_sizes ? 20 : 0);
  for (int k = 0; k < 5; k++)
    put16(&z->directory, 0);
  put32(&z->directory, place);
  strbuf_puts(&z->directory, name);
  if (long_sizes) {
    put32(&z->directory, 1 | 16UL << 16);
    put32(&z->directory, content.len);
    put32(&z->directory, 0);
    put32(&z->directory, packed.len);
    put32(&z->directory, 0);
  }
  z->members++;
  if (pack)
    strbuf_free(&packed);
  strbuf_free(&content);
}

static void finish(zip *z, const char *comment) {
  size_t place = z->file.len;
  strbuf_add(&z->file, z->directory.data, z->directory.len);
  put32(&z->file, 0x06054B50);
  put32(&z->file, 0);
  put16(&z->file, z->members);
  put16(&z->file, z->members);
  put32(&z->file, z->directory.len);
  put32(&z->file, place);
  put16(&z->file, (unsigned)strlen(comment));
  strbuf_puts(&z->file, comment);
  strbuf_free(&z->directory);
}

static const float xs[] = {1, 2, 3, 4, 5, 6};
static const int32_t ys[] = {7, 8, 9};

static zip sample(bool pack, bool long_sizes, const char *comment) {
  zip z = {0};
  strbuf note = {0};
  strbuf_puts(&note, "no array");
  add(&z, "readme.txt", note, false, false);
  add(&z, "x.npy", npy("<f4", "(3, 2)", xs, sizeof xs), pack, long_sizes);
  add(&z, "y.npy", npy("<i4", "(3,)", ys, sizeof ys), pack, long_sizes);
  finish(&z, comment);
  return z;
}

static void reads(void **state) {
  (void)state;
  for (int form = 0; form < 8; form++) {
    zip z = sample(form & 1, form & 2, form & 4 ? "a comment" : "");
    const char *path = file_put("a.npz", z.file.data, z.file.len);
    npy_array a;
    strbuf error = {0};
    float x[6];
    int32_t y[3];
    assert_true(npz_read(path, "x", &a, &error) && a.rank == 2 && a.shape[0] == 3 && a.count == 6);
    assert_true(npy_to_f32(&a, x, &error));
    assert_memory_equal(x, xs, sizeof xs);
    npy_close(&a);
    assert_true(npz_read(path, "y", &a, &error) && npy_to_i32(&a, y, &error));
    assert_memory_equal(y, ys, sizeof ys);
    npy_close(&a);
    assert_false(npz_read(path, "readme.txt", &a, &error));
    assert_string_equal(strbuf_text(&error), "there is no array 'readme.txt' in it; it holds x, y");
    strbuf_free(&error);
    strbuf_free(&z.file);
  }
}

static void feeds_a_model(void **state) {
  (void)state;
  zip z = sample(true, false, "");
  const char *path = file_put("b.npz", z.file.data, z.file.len);
  const data_field x = {"x", DATA_FLOAT, 1, {2}}, y = {"y", DATA_INT, 0, {0}};
  const data_schema schema = {&x, 1, &y, 1, false};
  const data_tensor in = {"x", path}, out = {"y", path};
  data_problems p = {0};
  dataset *d = dataset_from_tensors(&in, 1, &out, 1, &schema, NULL, &p);
  assert_non_null(d);
  assert_int_equal(d->rows, 3);
  assert_true(d->inputs[0].floats[5] == 6 && d->outputs[0].ints[2] == 9);
  dataset_free(d);
  assert_null(dataset_open(&path, 1, &schema, NULL, &p)); // not beside other files
  assert_int_equal(p.count, 1);
  assert_non_null(strstr(p.kept[0].reason, "a ZIP archive"));
  data_problems_free(&p);
  strbuf_free(&z.file);
}

// The directory's entry of member `index`.
static char *entry(const zip *z, int index) {
  for (size_t i = 0; i + 4 <= z->file.len; i++)
    if (!memcmp(z->file.data + i, "PK\1\2", 4) && index-- == 0)
      return z->file.data + i;
  return NULL;
}

static void refuses(void **state) {
  (void)state;
  zip z = sample(true, false, "");
  npy_array a;
  strbuf error = {0};
  const char *path = file_put("cut.npz", z.file.data, z.file.len - 1);
  assert_false(npz_read(path, "x", &a, &error));
  assert_non_null(strstr(strbuf_text(&error), "its end is missing"));
  error.len = 0;
  char *x_entry = entry(&z, 1); // x
  assert_non_null(x_entry);
  x_entry[16] = (char)(x_entry[16] ^ 1);
  path = file_put("crc.npz", z.file.data, z.file.len);
  assert_false(npz_read(path, "x", &a, &error));
  assert_string_equal(strbuf_text(&error), "array 'x': its bytes are damaged");
  x_entry[16] = (char)(x_entry[16] ^ 1);
  x_entry[8] = 1; // encrypted
  error.len = 0;
  path = file_put("flags.npz", z.file.data, z.file.len);
  assert_false(npz_read(path, "x", &a, &error));
  assert_string_equal(strbuf_text(&error), "array 'x': it is encrypted");
  x_entry[8] = 0;
  memset(x_entry + 24, 0xFF, 3); // claims 16 MB from some bytes
  error.len = 0;
  path = file_put("bomb.npz", z.file.data, z.file.len);
  assert_false(npz_read(path, "x", &a, &error));
  assert_string_equal(strbuf_text(&error), "array 'x': the archive is damaged");
  error.len = 0;
  assert_false(npz_read(file_path("absent.npz"), "x", &a, &error));
  assert_true(error.len > 0);
  strbuf_free(&error);
  strbuf_free(&z.file);
}

// Any damage ends in an array or a reason.
static void mutations(void **state) {
  (void)state;
  uint32_t random = 3;
  unsigned char bytes[2048];
  for (int round = 0; round < 1500; round++) {
    zip z = sample(round & 1, round & 2, "");
    size_t n = z.file.len;
    assert_true(n < sizeof bytes);
    memcpy(bytes, z.file.data, n);
    n = mutate(bytes, n, sizeof bytes, &random);
    const char *path = file_put("m.npz", bytes, n);
    npy_array a;
    strbuf error = {0};
    if (npz_read(path, "x", &a, &error)) {
      assert_true(a.count * (size_t)a.width < sizeof bytes);
      npy_close(&a);
    } else {
      assert_true(error.len > 0);
    }
    strbuf_free(&error);
    strbuf_free(&z.file);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(feeds_a_model),
                                     cmocka_unit_test(refuses), cmocka_unit_test(mutations)};
  return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
