// .npy files and tensor data. Files are put together by hand from the format's description.
#include "runtime/data/dataset.h"
#include "runtime/npy.h"
#include "unit.h"
// after unit.h
#include "files.h"
#include <math.h>

typedef struct bytes {
  unsigned char data[512];
  size_t n;
} bytes;

// Version 1 with a header given as text.
static bytes npy_with(const char *header, const void *values, size_t n) {
  bytes b = {{0}, 0};
  size_t length = strlen(header);
  memcpy(b.data, "\x93NUMPY\x01", 8);
  b.data[8] = (unsigned char)length;
  memcpy(b.data + 10, header, length);
  if (n)
    memcpy(b.data + 10 + length, values, n);
  b.n = 10 + length + n;
  return b;
}

static bytes npy_of(const char *descr, const char *shape, const void *values, size_t n) {
  char header[128];
  snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape);
  return npy_with(header, values, n);
}

static void expect_i32(bytes b, const int32_t *expected, size_t count) {
  npy_array a;
  strbuf error = {0};
  int32_t out[64];
  assert_true(npy_parse(b.data, b.n, &a, &error));
  assert_int_equal(a.count, count);
  assert_true(npy_to_i32(&a, out, &error));
  assert_memory_equal(out, expected, count * sizeof *out);
  strbuf_free(&error);
}

static void expect_f64(bytes b, const double *expected, size_t count) {
  npy_array a;
  strbuf error = {0};
  double out[64];
  assert_true(npy_parse(b.data, b.n, &a, &error));
  assert_int_equal(a.count, count);
  assert_true(npy_to_f64(&a, out, &error));
  for (size_t i = 0; i < count; i++)
    assert_true(out[i] == expected[i]);
  strbuf_free(&error);
}

static void integers(void **state) {
  (void)state;
  const int32_t small[] = {1, -2, 127};
  expect_i32(npy_of("|i1", "(3,)", "\x01\xFE\x7F", 3), small, 3);
  expect_i32(npy_of("<i2", "(3,)", "\x01\x00\xFE\xFF\x7F\x00", 6), small, 3);
  expect_i32(npy_of(">i2", "(3,)", "\x00\x01\xFF\xFE\x00\x7F", 6), small, 3);
  expect_i32(npy_of(">i4", "(1, 3)", "\0\0\0\x01\xFF\xFF\xFF\xFE\0\0\0\x7F", 12), small, 3);
  const int64_t wide[] = {1, -2, 127};
  expect_i32(npy_of("<i8", "(3, 1)", wide, 24), small, 3);
  const int32_t bytes_alone[] = {255, 0};
  expect_i32(npy_of("|u1", "(2,)", "\xFF\x00", 2), bytes_alone, 2);
  const uint64_t unsigned_wide[] = {255, 0};
  expect_i32(npy_of("<u8", "(2L,)", unsigned_wide, 16), bytes_alone, 2);
  const int32_t one[] = {7};
  expect_i32(npy_of("=i4", "()", one, 4), one, 1);
}

static void floats(void **state) {
  (void)state;
  // binary16: 1, -2, the largest, the smallest subnormal, 1/3 rounded
  const double halves[] = {1, -2, 65504, 0x1p-24, 0x1.554p-2};
  expect_f64(npy_of("<f2", "(5,)", "\x00\x3C\x00\xC0\xFF\x7B\x01\x00\x55\x35", 10), halves, 5);
  const double two[] = {1.5, -0.25};
  expect_f64(npy_of(">f4", "(2,)", "\x3F\xC0\0\0\xBE\x80\0\0", 8), two, 2);
  expect_f64(npy_of("<f8", "(2,)", two, 16), two, 2);
  expect_f64(npy_of(">f8", "(2,)", "\x3F\xF8\0\0\0\0\0\0\xBF\xD0\0\0\0\0\0\0", 16), two, 2);
  const double whole[] = {-3, 4};
  expect_f64(npy_of("|i1", "(2,)", "\xFD\x04", 2), whole, 2);
}

static void fortran(void **state) {
  (void)state;
  // [[1, 2, 3], [4, 5, 6]] by columns; [[[1, 2], [3, 4]], [[5, 6], [7, 8]]] with the first axis fastest
  const int32_t matrix[] = {1, 2, 3, 4, 5, 6}, cube[] = {1, 2, 3, 4, 5, 6, 7, 8};
  expect_i32(npy_with("{'fortran_order': True, 'descr': '|i1', 'shape': (2, 3)}", "\1\4\2\5\3\6", 6), matrix,
             6);
  expect_i32(npy_with("{'descr':'|i1','fortran_order':True,'shape':(2,2,2)}", "\1\5\3\7\2\6\4\x08", 8), cube,
             8);
}

static void refused(void **state) {
  (void)state;
  const char values[64] = {0};
  struct {
    bytes file;
    const char *reason;
  } cases[] = {
      {npy_of("|b1", "(2,)", values, 2),
       "type '|b1' is not read; integers (i1 to u8) and floats (f2, f4, f8) are"},
      {npy_of("<f16", "(2,)", values, 32),
       "type '<f16' is not read; integers (i1 to u8) and floats (f2, f4, f8) are"},
      {npy_of("<c8", "(2,)", values, 16),
       "type '<c8' is not read; integers (i1 to u8) and floats (f2, f4, f8) are"},
      {npy_of("|O", "(2,)", values, 16),
       "type '|O' is not read; integers (i1 to u8) and floats (f2, f4, f8) are"},
      {npy_of("|i4", "(2,)", values, 8),
       "type '|i4' is not read; integers (i1 to u8) and floats (f2, f4, f8) are"},
      {npy_of("<i3", "(2,)", values, 6),
       "type '<i3' is not read; integers (i1 to u8) and floats (f2, f4, f8) are"},
      {npy_of("<i4", "(2,)", values, 7), "7 bytes of data, its shape and type need 8"},
      {npy_of("<i4", "(2,)", values, 9), "9 bytes of data, its shape and type need 8"},
      {npy_of("<i4", "(2)", values, 8), "the header's shape is damaged"},
      {npy_of("<i4", "(-2,)", values, 8), "the header's shape is damaged"},
      {npy_of("<i4", "(9223372036854775808,)", values, 8), "the header's shape is damaged"},
      {npy_of("<i4", "(4294967296, 4294967296)", values, 0), "the header's shape is larger than any memory"},
      {npy_of("<i4", "(4611686018427387904,)", values, 0), "the header's shape is larger than any memory"},
      {npy_of("<i4", "(0, 4294967296, 4294967296)", values, 0),
       "the header's shape is larger than any memory"},
      {npy_of("<i4", "(1,1,1,1,1,1,1,1,1)", values, 4), "more than 8 dimensions"},
      {npy_with("{'descr': '<i4', 'shape': (1,)}", values, 4), "the header is damaged"},
      {npy_with("{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (1,)}", values, 4),
       "the header has an unknown or repeated key"},
      {npy_with("{'descr': '<i4', 'fortran_order': 0, 'shape': (1,)}", values, 4),
       "the header's fortran_order is neither True nor False"},
      {npy_with("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,)}", values, 4),
       "structured types are not read; plain integers and floats are"},
      {npy_with("{'descr': '<i4', 'fortran_order': False, 'shape': (1,)} x", values, 4),
       "the header is damaged"},
      {npy_with("", values, 0), "the header is damaged"},
      {{"PK\3\4 and so on", 15}, "not a .npy file"},
      {{"\x93NUMPY\x04\0\1\0{", 11}, "version 4 of the .npy format is not read; 1 to 3 are"},
      {{"\x93NUMPY\x01\0\xFF\xFF{", 11}, "the file ends inside its header"},
      {{"\x93NUMPY\x02\0\xFF\xFF\xFF\xFF", 12}, "the file ends inside its header"},
      {{"\x93NUMPY\x02\0\1\0", 10}, "the file ends inside its header"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    npy_array a;
    strbuf error = {0};
    unsigned char *exact = malloc(cases[i].file.n); // so that reading beyond it is seen
    memcpy(exact, cases[i].file.data, cases[i].file.n);
    assert_false(npy_parse(exact, cases[i].file.n, &a, &error));
    assert_string_equal(strbuf_text(&error), cases[i].reason);
    strbuf_free(&error);
    free(exact);
  }
}

static void bad_values(void **state) {
  (void)state;
  const float nan_row[] = {1, 2, 3, NAN}, inf_row[] = {INFINITY, 1, 2, 3};
  const double large[] = {1, 1e39};
  const int64_t wide[] = {1, 2147483648};
  const uint32_t positive[] = {4294967295u};
  struct {
    bytes file;
    int to; // 0 i32, 1 f32, 2 f64
    const char *reason;
  } cases[] = {
      {npy_of("<f4", "(2, 2)", nan_row, 16), 1, "row 1 holds NaN"},
      {npy_of("<f4", "(2, 2)", inf_row, 16), 2, "row 0 holds infinity"},
      {npy_of("<f2", "(1,)", "\x00\x7C", 2), 2, "row 0 holds infinity"},
      {npy_of("<f8", "(2,)", large, 16), 1,
       "row 1 holds 9.9999999999999994e+38, which is too large for a 32-bit float"},
      {npy_of("<i8", "(2,)", wide, 16), 0, "row 1 holds 2147483648, which is no 32-bit integer"},
      {npy_of("<u4", "(1,)", positive, 4), 0, "row 0 holds 4294967295, which is no 32-bit integer"},
      {npy_of("<f4", "(2, 2)", nan_row, 16), 0, "holds floats; integers are needed"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    npy_array a;
    strbuf error = {0};
    int32_t ints[8];
    float singles[8];
    double doubles[8];
    assert_true(npy_parse(cases[i].file.data, cases[i].file.n, &a, &error));
    assert_false(cases[i].to == 0   ? npy_to_i32(&a, ints, &error)
                 : cases[i].to == 1 ? npy_to_f32(&a, singles, &error)
                                    : npy_to_f64(&a, doubles, &error));
    assert_string_equal(strbuf_text(&error), cases[i].reason);
    strbuf_free(&error);
  }
}

static void writing(void **state) {
  (void)state;
  const double values[] = {1, 2, 3, 4, 5, 6};
  const int64_t shape[] = {2, 3};
  strbuf error = {0};
  assert_true(npy_write(file_path("written.npy"), NPY_F64, 2, shape, values, &error));
  char *file;
  size_t n;
  assert_int_equal(file_read_all(file_path("written.npy"), &file, &n), 0);
  // The bytes that numpy.save writes: a header of 118 bytes that ends in a line feed at offset 128.
  static const char expected[] =
      "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }";
  assert_int_equal(n, 128 + sizeof values);
  assert_memory_equal(file, expected, sizeof expected - 1);
  for (size_t i = sizeof expected - 1; i < 127; i++)
    assert_int_equal(file[i], ' ');
  assert_int_equal(file[127], '\n');
  assert_memory_equal(file + 128, values, sizeof values);
  free(file);
  const int64_t one[] = {0};
  assert_true(npy_write(file_path("none.npy"), NPY_I32, 1, one, NULL, &error));
  npy_array a;
  assert_true(npy_open(file_path("none.npy"), &a, &error));
  assert_int_equal(a.rank, 1);
  assert_int_equal(a.count, 0);
  npy_close(&a);
  assert_false(npy_write(file_path("missing/x.npy"), NPY_I32, 1, one, NULL, &error));
  assert_string_equal(strbuf_text(&error), "No such file or directory");
  error.len = 0;
  assert_false(npy_open(file_path("absent.npy"), &a, &error));
  strbuf_free(&error);
}

// ---- tensor data
// -----------------------------------------------------------------------------------------------

static const data_field tensor_inputs[] = {{"words", DATA_INT, 1, {-1}}, {"image", DATA_FLOAT, 2, {2, 2}}};
static const data_field tensor_output = {"label", DATA_CLASS, 0, {0}};
static const data_schema tensors = {tensor_inputs, 2, &tensor_output, 1, false};

static const char *put(const char *name, bytes b) {
  return file_put(name, b.data, b.n);
}

static void expect_tensors(const data_tensor *inputs, size_t inputs_count, const data_tensor *target,
                           const char *problems) {
  data_problems p = {0};
  dataset *d = dataset_from_tensors(inputs, inputs_count, target, target != NULL, &tensors, NULL, &p);
  if (*problems)
    assert_null(d);
  else
    assert_non_null(d);
  dataset_free(d);
  expect_problems(&p, problems);
}

static void tensor_data(void **state) {
  (void)state;
  const float image[] = {1, 2, 3, 4, 5, 6, 7, 8};
  const double soft[] = {0.25, 1};
  data_tensor words = {"words", put("w.npy", npy_of("|i1", "(2, 3)", "\1\2\3\4\5\6", 6))};
  data_tensor picture = {"image", put("i.npy", npy_of("<f4", "(2, 2, 2)", image, 32))};
  data_tensor label = {"label", put("l.npy", npy_of("<f8", "(2, 1)", soft, 16))};
  data_tensor both[] = {words, picture};
  data_problems p = {0};
  dataset *d = dataset_from_tensors(both, 2, &label, 1, &tensors, NULL, &p);
  assert_non_null(d);
  assert_int_equal(d->rows, 2);
  const size_t rows[] = {1, 0};
  int32_t ids[8];
  assert_int_equal(data_column_longest(&d->inputs[0], rows, 2), 3);
  data_gather_i32(&d->inputs[0], rows, 2, 4, ids);
  const int32_t expected[] = {4, 5, 6, 0, 1, 2, 3, 0};
  assert_memory_equal(ids, expected, sizeof ids);
  double out[8];
  assert_int_equal(data_column_step_items(&d->inputs[1]), 2);
  data_gather_f64(&d->inputs[1], rows, 2, 2, out);
  for (int i = 0; i < 8; i++)
    assert_true(out[i] == (i < 4 ? 5 + i : i - 3));
  float targets[2];
  data_gather_f32(&d->outputs[0], rows, 2, 1, targets);
  assert_true(targets[0] == 1 && targets[1] == 0.25F);
  dataset_free(d);
  data_problems_free(&p);

  const int64_t class_numbers[] = {1, 0};
  label.path = put("c.npy", npy_of("<i8", "(2,)", class_numbers, 16));
  d = dataset_from_tensors(both, 2, &label, 1, &tensors, NULL, &p);
  assert_non_null(d);
  assert_int_equal(d->outputs[0].kind, DATA_INT);
  assert_int_equal(d->outputs[0].ints[0], 1);
  dataset_free(d);
  expect_tensors(both, 2, NULL, "error: no tensor for output 'label' (--target label=FILE.npy)\n");
  expect_tensors(both, 1, &label, "error: no tensor for input 'image' (--input image=FILE.npy)\n");

  data_tensor wrong[] = {words, {"imagee", picture.path}};
  expect_tensors(
      wrong, 2, &label,
      "i.npy: error: the model has no input 'imagee'; did you mean 'image'?; it has words, image\n");
  wrong[1] = words;
  expect_tensors(wrong, 2, &label, "w.npy: error: 'words' is given twice\n");
  wrong[1] = (data_tensor){"image", put("flat.npy", npy_of("<f4", "(2, 4)", image, 32))};
  expect_tensors(wrong, 2, &label,
                 "flat.npy: error: 'image' has shape (rows, 4), the model needs (rows, 2, 2)\n");
  wrong[1] = (data_tensor){"image", put("few.npy", npy_of("<f4", "(1, 2, 2)", image, 16))};
  expect_tensors(wrong, 2, &label, "few.npy: error: 1 rows, but w.npy has 2\n");
  wrong[1] = picture;
  wrong[0].path = picture.path;
  expect_tensors(wrong, 2, &label,
                 "i.npy: error: 'words' has shape (rows, 2, 2), the model needs (rows, any)\n");
  wrong[0].path = put("float.npy", npy_of("<f4", "(2, 2)", image, 16));
  expect_tensors(wrong, 2, &label, "float.npy: error: 'words': holds floats; integers are needed\n");
}

static void mutations(void **state) {
  (void)state;
  bytes seed = npy_of("<i4", "(2, 3)", "abcdefghijklmnopqrstuvwx", 24);
  uint32_t random = 3;
  for (int round = 0; round < 20000; round++) {
    bytes b = seed;
    b.n = mutate(b.data, b.n, sizeof b.data, &random);
    npy_array a;
    strbuf error = {0};
    unsigned char *exact = malloc(b.n + 1);
    memcpy(exact, b.data, b.n);
    if (npy_parse(exact, b.n, &a, &error)) {
      assert_true(a.count * (size_t)a.width <= b.n);
      double *out = malloc((a.count + 1) * sizeof *out);
      npy_to_f64(&a, out, &error);
      free(out);
    } else {
      assert_true(error.len > 0);
    }
    free(exact);
    strbuf_free(&error);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(integers),    cmocka_unit_test(floats),     cmocka_unit_test(fortran),
      cmocka_unit_test(refused),     cmocka_unit_test(bad_values), cmocka_unit_test(writing),
      cmocka_unit_test(tensor_data), cmocka_unit_test(mutations),
  };
  return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
