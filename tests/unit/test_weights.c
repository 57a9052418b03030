// safetensors files: written, read back, and every way a file can lie.
#include "runtime/weights.h"
#include "unit.h"
// after unit.h
#include "files.h"

static strbuf image_of(const char *header, size_t data_bytes) {
  strbuf file = {0};
  uint64_t n = strlen(header);
  strbuf_add(&file, (const char *)&n, 8);
  strbuf_puts(&file, header);
  for (size_t i = 0; i < data_bytes; i++)
    strbuf_putc(&file, (char)i);
  return file;
}

static void expect_refused(const char *bytes, size_t n, const char *reason) {
  strbuf error = {0};
  char *exact = calloc(n ? n : 1, 1);
  memcpy(exact, bytes, n);
  assert_null(weights_from_memory(exact, n, &error));
  assert_string_equal(strbuf_text(&error), reason);
  strbuf_free(&error);
  free(exact);
}

static void expect_refused_header(const char *header, size_t data_bytes, const char *reason) {
  strbuf file = image_of(header, data_bytes);
  expect_refused(file.data, file.len, reason);
  strbuf_free(&file);
}

static void written_and_read(void **state) {
  (void)state;
  const float kernel[] = {1, 2, 3, 4, 5, 6};
  const double wide[] = {0.1, -0.2};
  const weight_entry tensors[] = {{"dense/kernel", WEIGHT_F32, 2, {2, 3}, kernel},
                                  {"empty", WEIGHT_F32, 2, {0, 4}, NULL},
                                  {"scale", WEIGHT_F64, 1, {2}, wide},
                                  {"scalar", WEIGHT_F32, 0, {0}, kernel}};
  const weight_metadata metadata[] = {{"nlm.model", "imdb"},
                                      {"nlm.classes.sentiment", "[\"neg\", \"pos \\\"x\\\"\"]"}};
  strbuf error = {0};
  const char *path = file_path("w.safetensors");
  assert_true(weights_write(path, tensors, 4, metadata, 2, &error));

  char *file; // the layout, read without our reader
  size_t n;
  assert_int_equal(file_read_all(path, &file, &n), 0);
  uint64_t header;
  memcpy(&header, file, 8);
  assert_int_equal(header % 8, 0);
  assert_int_equal(n, 8 + header + sizeof wide + sizeof kernel + 4);
  assert_memory_equal(file + 8 + header, wide, sizeof wide);
  assert_memory_equal(file + 8 + header + 16, kernel, sizeof kernel);
  static const char expected[] =
      "{\"__metadata__\":{\"nlm.model\":\"imdb\",\"nlm.classes.sentiment\":\"[\\\"neg\\\", \\\"pos "
      "\\\\\\\"x\\\\\\\"\\\"]\"},"
      "\"scale\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},"
      "\"dense/kernel\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[16,40]},"
      "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[40,40]},"
      "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[40,44]}}";
  assert_memory_equal(file + 8, expected, sizeof expected - 1);
  free(file);

  weights_file *w = weights_open(path, &error);
  assert_non_null(w);
  assert_int_equal(weights_count(w), 4);
  const weight_tensor *t = weights_find(w, "dense/kernel");
  float singles[6];
  double doubles[6];
  assert_true(weights_copy_f32(t, singles));
  assert_memory_equal(singles, kernel, sizeof kernel);
  assert_true(weights_copy_f64(t, doubles));
  assert_true(doubles[5] == 6);
  assert_true(weights_copy_f32(weights_find(w, "scale"), singles));
  assert_true(singles[0] == 0.1F);
  assert_int_equal(weights_find(w, "scalar")->count, 1);
  assert_null(weights_find(w, "dense"));
  assert_string_equal(weights_metadata(w, "nlm.model"), "imdb");
  assert_null(weights_metadata(w, "nlm.epoch"));
  assert_string_equal(weights_metadata_key(w, 1), "nlm.classes.sentiment");
  assert_null(weights_metadata_key(w, 2));
  size_t count;
  char **classes = weights_parse_string_list(weights_metadata(w, "nlm.classes.sentiment"), &count, &error);
  assert_int_equal(count, 2);
  assert_string_equal(classes[1], "pos \"x\"");
  strbuf list = {0};
  weights_put_string_list((const char *const *)classes, count, &list);
  assert_string_equal(strbuf_text(&list), "[\"neg\", \"pos \\\"x\\\"\"]");
  strbuf_free(&list);
  free(classes);
  weights_close(w);

  const weight_entry twice[] = {tensors[0], tensors[0]};
  assert_false(weights_write(path, twice, 2, NULL, 0, &error));
  assert_string_equal(strbuf_text(&error), "two tensors are called 'dense/kernel'");
  w = weights_open(path, &error); // the old file is still there
  assert_non_null(w);
  weights_close(w);
  strbuf_free(&error);
}

static void differences(void **state) {
  (void)state;
  strbuf file = image_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
                         "\"b\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                         "\"c\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[12,16]}}",
                         16);
  strbuf error = {0}, report = {0};
  weights_file *w = weights_from_memory(file.data, file.len, &error);
  assert_non_null(w);
  const weight_entry wanted[] = {
      {"a", WEIGHT_F32, 2, {2, 2}, NULL}, {"b", WEIGHT_F32, 1, {1}, NULL}, {"d", WEIGHT_F32, 0, {0}, NULL}};
  assert_int_equal(weights_differences(w, wanted, 3, &report), 4);
  assert_string_equal(strbuf_text(&report), "  a: the model has [2, 2], the file [2, 1]\n"
                                            "  b: the model has [1], the file [1] of type I32\n"
                                            "  d: the model has [], the file has no such tensor\n"
                                            "  c: the file has [2], the model has no such tensor\n");
  const weight_entry fitting[] = {{"c", WEIGHT_F64, 1, {2}, NULL}, {"a", WEIGHT_F32, 2, {2, 1}, NULL}};
  report.len = 0;
  assert_int_equal(weights_differences(w, fitting, 2, &report), 1); // b is left
  float out[2];
  assert_false(weights_copy_f32(weights_find(w, "b"), out));
  assert_true(weights_copy_f32(weights_find(w, "c"), out)); // bytes 0C 0D, 0E 0F as binary16
  assert_true(out[0] == 0x1.43p-12F && out[1] == 0x1.C38p-12F);
  weights_close(w);
  strbuf_free(&file);
  strbuf_free(&report);
  strbuf_free(&error);
}

static void half_and_bfloat(void **state) {
  (void)state;
  strbuf file = image_of("{\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
                         "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[4,8]}}",
                         0);
  strbuf_add(&file, "\x00\x3C\x55\xB5\x80\x3F\x49\xC0", 8);
  strbuf error = {0};
  weights_file *w = weights_from_memory(file.data, file.len, &error);
  float h[2], b[2];
  assert_true(weights_copy_f32(weights_find(w, "h"), h) && weights_copy_f32(weights_find(w, "b"), b));
  assert_true(h[0] == 1 && h[1] == -0x1.554p-2F && b[0] == 1 && b[1] == -3.140625F);
  weights_close(w);
  strbuf_free(&file);
  strbuf_free(&error);
}

#define TENSOR(name, type, shape, from, to)                                                                  \
  "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static void lies(void **state) {
  (void)state;
  expect_refused("", 0, "not a safetensors file");
  expect_refused("\2\0\0\0\0\0\0\0", 8, "not a safetensors file");
  expect_refused("\2\0\0\0\0\0\0\0[]", 10, "not a safetensors file");
  expect_refused("\1\0\0\0\0\0\0\0{}", 10, "not a safetensors file");
  expect_refused("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", 10, "not a safetensors file");
  expect_refused("\xF8\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", 10, "not a safetensors file");
  expect_refused("\x03\0\0\0\0\0\0\0{}", 10, "the file ends inside its header");
  expect_refused("\2\0\0\0\0\0\0\0{} ", 11, "1 bytes behind the last tensor");
  expect_refused_header("{\"a\":3}", 0, "tensor 'a': its dtype is unknown");
  expect_refused_header("{" TENSOR("a", "F33", "[1]", 0, 4) "}", 4, "tensor 'a': its dtype is unknown");
  expect_refused_header("{" TENSOR("a", "F32", "[1]", 0, 8) "}", 8,
                        "tensor 'a': its data_offsets do not agree with its shape and dtype");
  expect_refused_header("{" TENSOR("a", "F32", "[1]", 4, 0) "}", 4,
                        "tensor 'a': its data_offsets lie outside the file");
  expect_refused_header("{" TENSOR("a", "F32", "[1]", 0, 4) "}", 3,
                        "tensor 'a': its data_offsets lie outside the file");
  expect_refused_header("{" TENSOR("a", "F32", "[1]", -4, 0) "}", 4,
                        "tensor 'a': it is not described by dtype, shape and two data_offsets");
  expect_refused_header("{" TENSOR("a", "F32", "[-1]", 0, 4) "}", 4,
                        "tensor 'a': an extent of its shape is no count");
  expect_refused_header("{" TENSOR("a", "F32", "[1.0]", 0, 4) "}", 4,
                        "tensor 'a': an extent of its shape is no count");
  expect_refused_header("{" TENSOR("a", "F32", "[4294967296,4294967296,4294967296]", 0, 4) "}", 4,
                        "tensor 'a': its shape is larger than any memory");
  expect_refused_header("{" TENSOR("a", "F32", "[4611686018427387905]", 0, 4) "}", 4, // times 4 wraps to 4
                        "tensor 'a': its data_offsets do not agree with its shape and dtype");
  expect_refused_header("{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 4,
                        "tensor 'a': its shape is no list of at most 8 extents");
  expect_refused_header("{" TENSOR("a", "F32", "[2]", 0, 8) "," TENSOR("b", "F32", "[2]", 4, 12) "}", 12,
                        "tensor 'b' overlaps another one");
  expect_refused_header("{" TENSOR("a", "F32", "[1]", 0, 4) "," TENSOR("b", "F32", "[1]", 0, 4) "}", 4,
                        "tensor 'b' overlaps another one");
  expect_refused_header("{" TENSOR("a", "F32", "[1]", 0, 4) "," TENSOR("b", "F32", "[1]", 8, 12) "}", 12,
                        "tensor 'b' has unused bytes before it");
  expect_refused_header("{" TENSOR("a", "F32", "[1]", 0, 4) "}", 8, "4 bytes behind the last tensor");
  expect_refused_header("{" TENSOR("a", "F32", "[1]", 0, 4) "," TENSOR("a", "F32", "[1]", 4, 8) "}", 8,
                        "the header is no JSON object: duplicate object key near '\"a\"'");
  expect_refused_header("{\"__metadata__\":{\"x\":1}}", 0, "metadata 'x' is no string");
  expect_refused_header("{\"__metadata__\":[]}", 0, "__metadata__ is no map of strings");
  expect_refused_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}}", 4,
                        "tensor 'a': it is not described by dtype, shape and two data_offsets");
  strbuf deep = {0}; // nesting must not eat the stack
  strbuf_puts(&deep, "{\"a\":");
  for (int i = 0; i < 100000; i++)
    strbuf_putc(&deep, '[');
  strbuf file = image_of(strbuf_text(&deep), 0), error = {0};
  assert_null(weights_from_memory(file.data, file.len, &error));
  strbuf_free(&deep);
  strbuf_free(&file);
  error.len = 0;
  assert_null(weights_open(file_path("absent"), &error));
  assert_string_equal(strbuf_text(&error), "No such file or directory");
  error.len = 0;
  assert_null(weights_open(test_folder, &error));
  assert_string_equal(strbuf_text(&error), "not a regular file");
  strbuf_free(&error);
}

static void mutations(void **state) {
  (void)state;
  strbuf seed = image_of("{\"__metadata__\":{\"k\":\"v\"}," TENSOR("a", "F32", "[2]", 0, 8) "," TENSOR(
                             "b", "F16", "[2,2]", 8, 16) "}",
                         16);
  unsigned char bytes[512];
  uint32_t random = 5;
  for (int round = 0; round < 20000; round++) {
    memcpy(bytes, seed.data, seed.len);
    size_t n = mutate(bytes, seed.len, sizeof bytes, &random);
    unsigned char *exact = malloc(n + 1);
    memcpy(exact, bytes, n);
    strbuf error = {0};
    weights_file *w = weights_from_memory(exact, n, &error);
    assert_true(w || error.len);
    for (size_t i = 0; w && i < weights_count(w); i++) {
      const weight_tensor *t = weights_at(w, i);
      const unsigned char *at = t->data;
      assert_true(at >= exact + 8 && at + t->bytes <= exact + n);
      float out[64];
      if (t->count <= 64)
        weights_copy_f32(t, out);
    }
    weights_close(w);
    strbuf_free(&error);
    free(exact);
  }
  strbuf_free(&seed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(written_and_read), cmocka_unit_test(differences),
      cmocka_unit_test(half_and_bfloat),  cmocka_unit_test(lies),
      cmocka_unit_test(mutations),
  };
  return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
