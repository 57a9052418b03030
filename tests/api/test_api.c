// nlm/nlm.h on hand-written models: values by hand computation, limits, errors.
#include "tests/unit/unit.h"
// after unit.h
#include "hand_model.h"
#include "nlm/abi.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PADDING, UNKNOWN, GOOD, BAD, FINE, DULL };

static nlm_model *open_hand(hand_kind kind) {
  static strbuf images[HAND_MODELS];
  nlm_model *m;
  if (!images[kind].len)
    hand_image(kind, 0, &images[kind]);
  hand_embed(kind, &images[kind]);
  assert_int_equal(nlm_open(hand_model(kind), NULL, &m), NLM_OK);
  assert_string_equal(nlm_open_error(), "");
  return m;
}

static nlm_context *context_of(const nlm_model *m, nlm_limits limits) {
  nlm_context *c;
  assert_int_equal(nlm_context_create(m, &limits, &c), NLM_OK);
  return c;
}

static void expect_near(double found, double expected, double tolerance) {
  if (!(fabs(found - expected) <= tolerance))
    fail_msg("%.9g is not %.9g", found, expected);
}

// Sigmoid of the mean over ids that are not padding.
static double mood_of(const int *ids, int n) {
  double sums[2] = {0}, x = hand_bias;
  int valid = 0;
  for (int k = 0; k < n; k++) {
    if (!ids[k])
      continue;
    valid++;
    for (int u = 0; u < 2; u++)
      sums[u] += hand_table[ids[k]][u];
  }
  for (int u = 0; u < 2; u++)
    x += (valid ? sums[u] / valid : 0) * hand_kernel[u];
  return 1 / (1 + exp(-x));
}

static void expect_mood(nlm_context *c, const char *text, size_t bytes, const int *ids, int n,
                        double tolerance) {
  nlm_prediction p;
  double value = mood_of(ids, n);
  assert_int_equal(nlm_predict_text(c, text, bytes, &p), NLM_OK);
  assert_string_equal(nlm_context_error(c), "");
  assert_int_equal(p.count, 1);
  expect_near((double)p.values[0], value, tolerance);
  assert_int_equal(p.label_index, value > 0.5);
  assert_string_equal(p.label, value > 0.5 ? "pos" : "neg");
  expect_near(p.probability, value > 0.5 ? value : 1 - value, tolerance);
}

static void texts_of(hand_kind kind) {
  nlm_model *m = open_hand(kind);
  nlm_context *c = context_of(m, (nlm_limits){.text_bytes = 100});
  expect_mood(c, "Good, FINE!", SIZE_MAX, (int[]){GOOD, FINE}, 2, 1e-6);
  expect_mood(c, "bad dull", 3, (int[]){BAD}, 1, 1e-6);
  expect_mood(c, "what a dull thing\n", SIZE_MAX, (int[]){UNKNOWN, UNKNOWN, DULL, UNKNOWN}, 4, 1e-6);
  expect_mood(c, "", 0, NULL, 0, 1e-6);
  expect_mood(c, " \t ?!", SIZE_MAX, NULL, 0, 1e-6);
  expect_mood(c, "good \xFF\xC3 caf\xC3\xA9 \xE2\x82", SIZE_MAX, (int[]){GOOD, UNKNOWN, UNKNOWN, UNKNOWN}, 4,
              1e-6);
  expect_mood(c, "good\0bad", 8, (int[]){UNKNOWN}, 1, 1e-6);
  nlm_context_destroy(c);
  nlm_close(m);
}

static void texts(void **state) {
  (void)state;
  texts_of(MOOD);
  texts_of(MOOD_FIXED);
  texts_of(MOOD_F64);
}

static void batches_give_the_bits_of_single_texts(void **state) {
  (void)state;
  static const char *const list[] = {"good", "", "a bad dull film and a bad end", "fine", "dull dull good"};
  nlm_model *m = open_hand(MOOD);
  nlm_context *single = context_of(m, (nlm_limits){0}), *many = context_of(m, (nlm_limits){.batch = 5});
  nlm_prediction p, all[5];
  assert_int_equal(nlm_predict_texts(many, list, NULL, 5, all), NLM_OK);
  for (int k = 0; k < 5; k++) {
    assert_int_equal(nlm_predict_text(single, list[k], SIZE_MAX, &p), NLM_OK);
    assert_memory_equal(p.values, all[k].values, sizeof(float));
  }
  assert_int_equal(nlm_predict_texts(many, list, (size_t[]){2, 0}, 2, all), NLM_OK); // fewer than the limit
  assert_int_equal(nlm_predict_texts(many, list, NULL, 0, all), NLM_OK);
  assert_int_equal(nlm_predict_texts(single, list, NULL, 2, all), NLM_ERROR_LIMITS);
  assert_string_equal(nlm_context_error(single), "2 texts at once; this context takes 1");
  nlm_context_destroy(single);
  nlm_context_destroy(many);
  nlm_close(m);
}

static void long_texts(void **state) {
  (void)state;
  nlm_model *m = open_hand(MOOD), *fixed = open_hand(MOOD_FIXED);
  nlm_prediction p;
  nlm_context *c = context_of(m, (nlm_limits){.text_bytes = 20, .time = 3});
  expect_mood(c, "good bad fine", SIZE_MAX, (int[]){GOOD, BAD, FINE}, 3, 1e-6);
  assert_int_equal(nlm_predict_text(c, "a b c d", SIZE_MAX, &p), NLM_ERROR_LIMITS);
  assert_non_null(strstr(nlm_context_error(c), "3 steps"));
  assert_int_equal(nlm_predict_text(c, "good                  ", SIZE_MAX, &p), NLM_ERROR_LIMITS);
  expect_mood(c, "good", SIZE_MAX, (int[]){GOOD}, 1, 1e-6); // errors leave no trace
  nlm_context_destroy(c);
  // Cut after four tokens: longer texts serve as long as the limits hold four whole ones.
  c = context_of(fixed, (nlm_limits){.text_bytes = 20});
  expect_mood(c, "good bad dull good bad bad bad", SIZE_MAX, (int[]){GOOD, BAD, DULL, GOOD}, 4, 1e-6);
  expect_mood(c, "good bad dull good12", SIZE_MAX, (int[]){GOOD, BAD, DULL, UNKNOWN}, 4, 1e-6);
  assert_int_equal(nlm_predict_text(c, "good bad dull goodbyeee", SIZE_MAX, &p), NLM_ERROR_LIMITS);
  assert_int_equal(nlm_predict_text(c, "good good good                 good", SIZE_MAX, &p),
                   NLM_ERROR_LIMITS);
  nlm_context_destroy(c);
  nlm_close(m);
  nlm_close(fixed);
}

static void memory_of_the_caller(void **state) {
  (void)state;
  enum { GUARD = 256 };
  nlm_model *m = open_hand(MOOD);
  nlm_limits limits = {.batch = 2, .text_bytes = 300};
  size_t bytes = nlm_workspace_bytes(m, &limits);
  assert_true(bytes > 300 && bytes < 30000);
  unsigned char *memory = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
  memset(memory, 0xA5, bytes + GUARD);
  nlm_context *c;
  assert_int_equal(nlm_context_create_in(m, &limits, memory, bytes - 1, &c), NLM_ERROR_MEMORY);
  assert_null(c);
  assert_int_equal(nlm_context_create_in(m, &limits, memory + 8, bytes, &c), NLM_ERROR_MEMORY);
  assert_int_equal(nlm_context_create_in(m, &limits, memory, bytes, &c), NLM_OK);
  expect_mood(c, "good fine", SIZE_MAX, (int[]){GOOD, FINE}, 2, 1e-6);
  char longest[300];
  for (size_t k = 0; k < sizeof longest; k++)
    longest[k] = k % 2 ? ' ' : 'x';
  const char *both[] = {longest, longest};
  nlm_prediction p[2];
  assert_int_equal(nlm_predict_texts(c, both, (size_t[]){300, 300}, 2, p), NLM_OK);
  nlm_context_destroy(c);
  for (size_t k = 0; k < GUARD; k++)
    assert_int_equal(memory[bytes + k], 0xA5);
  free(memory);
  assert_int_equal(nlm_workspace_bytes(m, &(nlm_limits){.batch = -1}), 0);
  assert_int_equal(nlm_workspace_bytes(m, &(nlm_limits){.batch = INT32_MAX, .time = 600}), 0);
  assert_int_equal(nlm_context_create(m, &(nlm_limits){.text_bytes = INT64_MAX}, &c), NLM_ERROR_LIMITS);
  nlm_context_destroy(NULL);
  nlm_close(m);
}

static void a_label_for_each_token(void **state) {
  (void)state;
  static const char *const list[] = {"bad unheard", "good", ""};
  nlm_model *m = open_hand(TAGGER);
  nlm_context *c = context_of(m, (nlm_limits){.batch = 3});
  nlm_prediction p[3];
  assert_int_equal(nlm_predict_texts(c, list, NULL, 3, p), NLM_OK);
  assert_int_equal(p[0].count, 6);
  for (int k = 0; k < 6; k++)
    assert_true((double)p[0].values[k] == (k < 3 ? hand_tags[BAD][k] : hand_tags[UNKNOWN][k - 3]));
  assert_string_equal(p[0].label, "B");
  assert_true(p[0].probability == 0.75);
  assert_int_equal(p[1].count, 3);
  assert_int_equal(p[1].label_index, 0);
  assert_int_equal(p[2].count, 0); // no token, no label
  assert_int_equal(p[2].label_index, -1);
  assert_null(p[2].label);
  nlm_context_destroy(c);
  nlm_close(m);
}

// hand_bias, 0.5, is the scale: "ab" is 0.5 * (2 * 1 + 3 * 2) = 4.
static void characters_of_words(void **state) {
  (void)state;
  static const char *const list[] = {"ab a?", "", "d  Dx bcd a"};
  nlm_model *m = open_hand(SPELLER);
  nlm_context *c = context_of(m, (nlm_limits){.batch = 3, .text_bytes = 40, .time = 4});
  nlm_prediction p[3];
  assert_int_equal(nlm_predict_texts(c, list, NULL, 3, p), NLM_OK);
  assert_int_equal(p[0].count, 2);
  assert_true(p[0].values[0] == 4 && p[0].values[1] == 1);
  assert_int_equal(p[0].label_index, -1);
  assert_true(p[0].probability == 4);
  assert_int_equal(p[1].count, 0);
  assert_int_equal(p[2].count, 4);
  static const float sums[] = {2.5F, 3.5F, 13, 1};
  assert_memory_equal(p[2].values, sums, sizeof sums);
  assert_int_equal(nlm_predict_text(c, "a b c d a", SIZE_MAX, p), NLM_ERROR_LIMITS); // five words
  assert_int_equal(nlm_predict_text(c, "a abcda", SIZE_MAX, p), NLM_ERROR_LIMITS);   // five characters
  assert_int_equal(nlm_predict_text(c, "a abcd", SIZE_MAX, p), NLM_OK);
  assert_true(p[0].values[1] == 0.5F * (2 + 6 + 12 + 20));
  nlm_context_destroy(c);
  nlm_close(m);
}

static void tensors(void **state) {
  (void)state;
  nlm_model *m = open_hand(MOOD);
  nlm_context *c = context_of(m, (nlm_limits){.batch = 2, .time = 4});
  int32_t ids[] = {GOOD, FINE, PADDING, BAD, PADDING, PADDING};
  float out[2];
  const void *inputs[] = {ids};
  void *outputs[] = {out};
  assert_int_equal(nlm_run(c, (int64_t[]){2, 3}, inputs, outputs), NLM_OK);
  expect_near((double)out[0], mood_of(ids, 3), 1e-6);
  expect_near((double)out[1], mood_of(ids + 3, 3), 1e-6);
  ids[4] = 6;
  assert_int_equal(nlm_run(c, (int64_t[]){2, 3}, inputs, outputs), NLM_ERROR_INPUT);
  assert_string_equal(nlm_context_error(c),
                      "input 'review', row 1, step 1: id 6 is outside its table of 6 rows");
  ids[4] = -1;
  assert_int_equal(nlm_run(c, (int64_t[]){2, 3}, inputs, outputs), NLM_ERROR_INPUT);
  assert_int_equal(nlm_run(c, (int64_t[]){2, 5}, inputs, outputs), NLM_ERROR_LIMITS);
  assert_string_equal(nlm_context_error(c), "dimension 'review_time' is 5; this context takes 1 to 4");
  assert_int_equal(nlm_run(c, (int64_t[]){0, 3}, inputs, outputs), NLM_ERROR_LIMITS);
  inputs[0] = NULL;
  assert_int_equal(nlm_run(c, (int64_t[]){1, 3}, inputs, outputs), NLM_ERROR_INPUT);
  assert_string_equal(nlm_context_error(c), "input 'review' is missing");
  inputs[0] = ids;
  outputs[0] = NULL;
  assert_int_equal(nlm_run(c, (int64_t[]){1, 3}, inputs, outputs), NLM_ERROR_INPUT);
  nlm_context_destroy(c);
  nlm_close(m);
}

static void names_and_shapes(void **state) {
  (void)state;
  nlm_model *m = open_hand(TAGGER);
  nlm_tensor_info info;
  assert_int_equal(nlm_input_count(m), 1);
  assert_int_equal(nlm_output_count(m), 1);
  assert_int_equal(nlm_input_info(m, 0, &info), NLM_OK);
  assert_string_equal(info.name, "review");
  assert_true(info.is_int && info.is_text && info.rank == 2 && info.extents[0] == -1 &&
              info.extents[1] == -1);
  assert_int_equal(nlm_output_info(m, 0, &info), NLM_OK);
  assert_true(!info.is_int && !info.is_text && info.rank == 3 && info.extents[2] == 3);
  assert_int_equal(nlm_output_info(m, 1, &info), NLM_ERROR_USAGE);
  assert_int_equal(nlm_dimension_count(m), 2);
  assert_string_equal(nlm_dimension_name(m, 0), "batch");
  assert_string_equal(nlm_dimension_name(m, 1), "review_time");
  assert_null(nlm_dimension_name(m, 2));
  assert_int_equal(nlm_class_count(m, 0), 3);
  assert_string_equal(nlm_class_name(m, 0, 2), "C");
  assert_null(nlm_class_name(m, 0, 3));
  assert_int_equal(nlm_class_count(m, 1), 0);
  nlm_close(m);
}

static void expect_refused(const struct nlm_abi_model *compiled, const char *path, nlm_status status,
                           const char *part) {
  nlm_model *m = (nlm_model *)&status;
  assert_int_equal(nlm_open(compiled, path, &m), status);
  assert_null(m);
  if (!strstr(nlm_open_error(), part))
    fail_msg("'%s' is not in '%s'", part, nlm_open_error());
  assert_true(strlen(nlm_error_text(status)) > 10);
}

static void put_file(const char *path, const char *bytes, size_t n) {
  assert_int_equal(file_write_atomic(path, bytes, n), 0);
}

static void what_cannot_be_opened(void **state) {
  (void)state;
  strbuf tags = {0}, bare = {0};
  hand_image(TAGGER, 0, &tags);
  hand_image(MOOD, 1, &bare);
  struct nlm_abi_model other = *hand_model(MOOD);
  other.weights_bytes = 0;
  expect_refused(&other, NULL, NLM_ERROR_FILE, "there are none");
  expect_refused(&other, "absent.safetensors", NLM_ERROR_FILE, "absent.safetensors: No such file");
  put_file("no_weights", "{\"a\": 1}         ", 17);
  expect_refused(&other, "no_weights", NLM_ERROR_FILE, "no_weights: not a safetensors file");
  put_file("tags.safetensors", tags.data, tags.len);
  expect_refused(&other, "tags.safetensors", NLM_ERROR_WEIGHTS,
                 "embedding/embeddings: the model has [6, 2], the file [6, 3]");
  other.version = 999;
  expect_refused(&other, NULL, NLM_ERROR_VERSION, "version 999");
  other.magic = 1;
  expect_refused(&other, NULL, NLM_ERROR_VERSION, "no compiled model");
  // A file without vocabulary serves tensors, not texts.
  put_file("bare.safetensors", bare.data, bare.len);
  nlm_model *m;
  nlm_prediction p;
  assert_int_equal(nlm_open(hand_model(MOOD), "bare.safetensors", &m), NLM_OK);
  nlm_context *c = context_of(m, (nlm_limits){0});
  assert_int_equal(nlm_predict_text(c, "good", 4, &p), NLM_ERROR_VOCABULARY);
  assert_string_equal(nlm_context_error(c), "the weights hold no vocabulary for layer 'text_vectorization'");
  float out;
  assert_int_equal(nlm_run(c, (int64_t[]){1, 1}, (const void *[]){(int32_t[]){FINE}}, (void *[]){&out}),
                   NLM_OK);
  expect_near((double)out, mood_of((int[]){FINE}, 1), 1e-6);
  nlm_context_destroy(c);
  nlm_close(m);
  nlm_close(NULL);
  strbuf_free(&tags);
  strbuf_free(&bare);
}

static void files_are_read_in_place(void **state) {
  (void)state;
  strbuf image = {0};
  hand_image(MOOD, 0, &image);
  put_file("mood.safetensors", image.data, image.len);
  strbuf_free(&image);
  nlm_model *m;
  assert_int_equal(nlm_open(hand_model(MOOD), "mood.safetensors", &m), NLM_OK);
  nlm_context *c = context_of(m, (nlm_limits){0});
  unlink("mood.safetensors"); // the mapping stays
  expect_mood(c, "good dull", SIZE_MAX, (int[]){GOOD, DULL}, 2, 1e-6);
  nlm_context_destroy(c);
  nlm_close(m);
}

static void missing_pointers(void **unused) {
  (void)unused;
  nlm_model *m = open_hand(MOOD), *none;
  nlm_context *c = context_of(m, (nlm_limits){0}), *created;
  nlm_prediction p;
  size_t count;
  assert_int_equal(nlm_open(NULL, NULL, &none), NLM_ERROR_USAGE);
  assert_null(none);
  assert_string_not_equal(nlm_open_error(), "");
  assert_int_equal(nlm_open(hand_model(MOOD), NULL, NULL), NLM_ERROR_USAGE);
  assert_int_equal(nlm_context_create(NULL, NULL, &created), NLM_ERROR_USAGE);
  assert_null(created);
  assert_int_equal(nlm_context_create(m, NULL, NULL), NLM_ERROR_USAGE);
  assert_int_equal(nlm_context_create_in(m, NULL, NULL, SIZE_MAX, &created), NLM_ERROR_MEMORY);
  assert_int_equal(nlm_workspace_bytes(NULL, NULL), 0);
  assert_int_equal(nlm_predict_text(NULL, "fine", 4, &p), NLM_ERROR_USAGE);
  assert_int_equal(nlm_predict_text(c, NULL, 0, &p), NLM_ERROR_USAGE);
  assert_string_not_equal(nlm_context_error(c), "");
  assert_int_equal(nlm_predict_text(c, "fine", 4, NULL), NLM_ERROR_USAGE);
  assert_int_equal(nlm_predict_texts(c, NULL, NULL, 1, &p), NLM_ERROR_USAGE);
  assert_int_equal(nlm_predict_texts(c, NULL, NULL, 0, NULL), NLM_OK);
  assert_int_equal(nlm_encode(c, 0, NULL, 0, NULL, NULL, 0, &count), NLM_ERROR_USAGE);
  assert_int_equal(nlm_run(NULL, NULL, NULL, NULL), NLM_ERROR_USAGE);
  assert_int_equal(nlm_run(c, NULL, NULL, NULL), NLM_ERROR_USAGE);
  assert_int_equal(nlm_set_threads(NULL, 2), NLM_ERROR_USAGE);
  assert_int_equal(nlm_input_info(m, 0, NULL), NLM_ERROR_USAGE);
  assert_int_equal(nlm_output_info(NULL, 0, NULL), NLM_ERROR_USAGE);
  assert_int_equal(nlm_input_count(NULL) + nlm_output_count(NULL) + nlm_dimension_count(NULL), 0);
  assert_null(nlm_dimension_name(NULL, 0));
  assert_null(nlm_class_name(NULL, 0, 0));
  assert_string_equal(nlm_context_error(NULL), "");
  nlm_reset_states(NULL);
  nlm_context_destroy(NULL);
  nlm_close(NULL);
  assert_int_equal(nlm_predict_text(c, "fine", 4, &p), NLM_OK);
  nlm_context_destroy(c);
  nlm_close(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts),
      cmocka_unit_test(batches_give_the_bits_of_single_texts),
      cmocka_unit_test(long_texts),
      cmocka_unit_test(memory_of_the_caller),
      cmocka_unit_test(a_label_for_each_token),
      cmocka_unit_test(characters_of_words),
      cmocka_unit_test(tensors),
      cmocka_unit_test(names_and_shapes),
      cmocka_unit_test(what_cannot_be_opened),
      cmocka_unit_test(missing_pointers),
      cmocka_unit_test(files_are_read_in_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
