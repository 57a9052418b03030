// Text vectorisation against Keras's documented values and values worked out by hand.
#include "runtime/text/vectorize.h"
#include "unit.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static vocabulary *adapt(const text_pipeline *p, const char *const *texts) {
  text_adapter *a = text_adapter_new(p);
  for (; *texts; texts++)
    text_adapter_add(a, *texts, strlen(*texts));
  return text_adapter_finish(a);
}

// The words of a vocabulary between bars.
static void expect_words(const vocabulary *v, const char *expected) {
  strbuf all = {0};
  for (size_t i = 0; i < vocabulary_size(v); i++) {
    text_view word = vocabulary_word(v, (int32_t)i);
    strbuf_putc(&all, '|');
    strbuf_add(&all, word.data, word.bytes);
  }
  assert_string_equal(strbuf_text(&all), expected);
  strbuf_free(&all);
}

// The ids of a text, separated by spaces. Memory is of the exact size, for the sanitizers' sake.
static void expect_ids(const text_pipeline *p, const vocabulary *v, const char *text, size_t capacity,
                       const char *expected) {
  text_encoder e = {p, v};
  size_t n = strlen(text), bound = text_tokens_bound(p, n), room = bound < capacity ? bound : capacity;
  void *scratch = malloc(text_scratch_bytes(p, n));
  int32_t *ids = malloc((room ? room : 1) * sizeof *ids);
  char *exact = malloc(n ? n : 1);
  memcpy(exact, text, n);
  size_t count = text_encode(&e, exact, n, scratch, ids, room);
  strbuf out = {0};
  for (size_t i = 0; i < count; i++)
    strbuf_printf(&out, i ? " %d" : "%d", ids[i]);
  assert_string_equal(strbuf_text(&out), expected);
  strbuf_free(&out);
  free(exact);
  free(ids);
  free(scratch);
}

static void expect_pieces(const text_pipeline *p, const char *text, const char *expected) {
  const char *texts[] = {text, NULL};
  vocabulary *v = adapt(p, texts);
  expect_words(v, expected);
  vocabulary_free(v);
}

// keras.layers.TextVectorization's own example: documented vocabulary and ids.
static void documented_example(void **state) {
  (void)state;
  text_pipeline p = {0};
  const char *texts[] = {"foo bar", "bar baz", "baz bada boom", NULL};
  vocabulary *v = adapt(&p, texts);
  expect_words(v, "||[UNK]|baz|bar|foo|boom|bada");
  expect_ids(&p, v, "foo qux bar", 99, "4 1 3");
  expect_ids(&p, v, "qux baz", 99, "1 2");
  expect_ids(&p, v, "", 99, "");
  expect_ids(&p, v, "baz", 0, "");
  vocabulary_free(v);
}

static void standardize(void **state) {
  (void)state;
  text_pipeline p = {0};
  expect_pieces(&p, "Don't", "||[UNK]|dont");
  expect_pieces(&p, "good-bye", "||[UNK]|goodbye");
  expect_pieces(&p, "<br />", "||[UNK]|br");
  expect_pieces(&p, "\xC3\x89T\xC3\x89", "||[UNK]|\xC3\x89t\xC3\x89"); // É is not lowered
  expect_pieces(&p, "a\xE2\x80\x94z", "||[UNK]|a\xE2\x80\x94z");       // a dash of Unicode stays
  expect_pieces(&p, "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'", "||[UNK]");  // all 32
  expect_pieces(&p, "a\tb\nc\vd\fe\rf  g ", "||[UNK]|g|f|e|d|c|b|a");  // ties: bytes descending
  expect_pieces(&p, "\xC2\xA0x", "||[UNK]|\xC2\xA0x");                 // a no-break space is no white space
  p.standardize = TEXT_LOWER;
  expect_pieces(&p, "A-B!", "||[UNK]|a-b!");
  p.standardize = TEXT_STRIP_PUNCTUATION;
  expect_pieces(&p, "A-B!", "||[UNK]|AB");
  p.standardize = TEXT_STANDARDIZE_NONE;
  expect_pieces(&p, "A-B! [UNK]", "||[UNK]|A-B!"); // the special is dropped while counting
}

static void splitting(void **state) {
  (void)state;
  text_pipeline p = {.split = TEXT_SPLIT_CHARACTER};
  expect_pieces(&p, "A \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
                "||[UNK]|\xF0\x9F\x98\x80|\xE2\x82\xAC|\xC3\xA9|a| ");
  p.split = TEXT_SPLIT_NONE;
  expect_pieces(&p, "Two words.", "||[UNK]|two words");
  const char *texts[] = {"a b", NULL};
  vocabulary *v = adapt(&p, texts);
  expect_ids(&p, v, "A b!", 9, "2");
  expect_ids(&p, v, "a  b", 9, "1");
  expect_ids(&p, v, "?!", 9, "0"); // an empty token is padding's
  vocabulary_free(v);
}

// Keras: all tokens of the first width, then of the second.
static void ngrams(void **state) {
  (void)state;
  text_pipeline p = {.ngrams_count = 2, .ngrams = {1, 2}};
  const char *texts[] = {"a b a b", "b a", NULL}; // a 3, b 3, "a b" 2, "b a" 2
  vocabulary *v = adapt(&p, texts);
  expect_words(v, "||[UNK]|b|a|b a|a b");
  expect_ids(&p, v, "A, b: c", 99, "3 2 1 5 1");
  expect_ids(&p, v, "a b c", 4, "3 2 1 5");
  expect_ids(&p, v, "a b c", 2, "3 2");
  expect_ids(&p, v, "b", 9, "2");
  assert_int_equal(vocabulary_find(v, "b a", 3), 4);
  assert_int_equal(vocabulary_find(v, "b  a", 4), 1);
  vocabulary_free(v);

  text_pipeline wide = {.ngrams_count = 2, .ngrams = {3, 1}};
  const char *three[] = {"x y z", NULL};
  v = adapt(&wide, three);
  expect_words(v, "||[UNK]|z|y|x y z|x");
  expect_ids(&wide, v, "x y z", 99, "4 5 3 2");
  expect_ids(&wide, v, "q x y z", 2, "1 4");
  expect_ids(&wide, v, "x y", 99, "5 3");
  vocabulary_free(v);

  text_pipeline letters = {.split = TEXT_SPLIT_CHARACTER, .ngrams_count = 1, .ngrams = {2}};
  const char *spaced[] = {"a b", NULL};
  v = adapt(&letters, spaced);
  expect_words(v, "||[UNK]|a  |  b");
  expect_ids(&letters, v, "a ba", 99, "2 3 1");
  vocabulary_free(v);
}

static void most_tokens(void **state) {
  (void)state;
  const char *texts[] = {"c c c b b a", NULL};
  static const char *const expected[] = {"||[UNK]", "||[UNK]", "||[UNK]|c", "||[UNK]|c|b", "||[UNK]|c|b|a"};
  for (int64_t most = 1; most <= 5; most++) {
    text_pipeline p = {.max_tokens = most};
    vocabulary *v = adapt(&p, texts);
    expect_words(v, expected[most - 1]);
    vocabulary_free(v);
  }
}

static void words_one_by_one(void **state) {
  (void)state;
  text_pipeline p = {0};
  text_view words[] = {{"The", 3}, {"!", 1}, {"New York", 8}, {"the", 3}};
  text_adapter *a = text_adapter_new(&p);
  text_adapter_add_words(a, words, 4);
  assert_int_equal(text_adapter_tokens(a), 4);
  vocabulary *v = text_adapter_finish(a);
  expect_words(v, "||[UNK]|the|new york");
  text_encoder e = {&p, v};
  void *scratch = malloc(text_words_scratch_bytes(&p, words, 4));
  int32_t ids[4];
  assert_int_equal(text_encode_words(&e, words, 4, scratch, ids, 4), 4);
  const int32_t expected[] = {2, 0, 3, 2};
  assert_memory_equal(ids, expected, sizeof ids);
  free(scratch);
  vocabulary_free(v);
}

static void json_round_trip(void **state) {
  (void)state;
  strbuf error = {0}, json = {0};
  const char *given = "[\"\", \"[UNK]\", \"caf\xC3\xA9\", \"a\\\"b\", \"back\\\\slash\"]";
  vocabulary *v = vocabulary_from_json(NULL, given, strlen(given), &error);
  assert_non_null(v);
  expect_words(v, "||[UNK]|caf\xC3\xA9|a\"b|back\\slash");
  vocabulary_to_json(v, &json);
  vocabulary *again = vocabulary_from_json(NULL, strbuf_text(&json), json.len, &error);
  assert_non_null(again);
  expect_words(again, "||[UNK]|caf\xC3\xA9|a\"b|back\\slash");
  vocabulary_free(v);
  vocabulary_free(again);
  static const char *const wrong[] = {"",
                                      "[",
                                      "{}",
                                      "[]",
                                      "[\"\"]",
                                      "[\"[UNK]\", \"\"]",
                                      "3",
                                      "[\"\", \"[UNK]\", 3]",
                                      "[\"\", \"[UNK]\", \"a\", \"a\"]",
                                      "[\"\", \"[UNK]\", \"[UNK]\"]",
                                      "[\"\", \"[UNK]\",]",
                                      "[\"\", \"[UNK]\", ",
                                      "[\"\", \"[UNK]\", \"a",
                                      "[\"\", \"[UNK]\" \"a\"]",
                                      "[\"\", \"[UNK]\", \"a\nb\"]",
                                      "[\"\", \"[UNK]\", \"\xFF\"]",
                                      "[\"\", \"[UNK]\"] x"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    error.len = 0;
    assert_null(vocabulary_from_json(NULL, wrong[i], strlen(wrong[i]), &error));
    assert_true(error.len > 0);
  }
  strbuf_free(&error);
  strbuf_free(&json);
}

static void json_without_escapes(void **state) {
  (void)state;
  static const char *const lists[] = {"[\"\",\"[UNK]\",\"a, b]\",\"caf\xC3\xA9\"]",
                                      " [ \"\" ,\n\t\"[UNK]\",\r\"a, b]\" , \"caf\xC3\xA9\" ] \n"};
  for (size_t i = 0; i < 2; i++) {
    strbuf error = {0};
    vocabulary *v = vocabulary_from_json(NULL, lists[i], strlen(lists[i]), &error);
    assert_non_null(v);
    expect_words(v, "||[UNK]|a, b]|caf\xC3\xA9");
    vocabulary_free(v);
  }
}

// Words of every length around the eight bytes that decide alone, many of them alike in those eight.
static void many_words(void **state) {
  (void)state;
  text_pipeline p = {0};
  text_adapter *a = text_adapter_new(&p);
  char word[64];
  for (int i = 0; i < 20000; i++) { // word i occurs once; ties by bytes, all distinct
    int n = snprintf(word, sizeof word, "%.*s%05d", i % 20, "prefixofalongerword", i);
    text_adapter_add(a, word, (size_t)n);
  }
  vocabulary *v = text_adapter_finish(a);
  assert_int_equal(vocabulary_size(v), 20002);
  text_encoder e = {&p, v};
  char *scratch = malloc(text_scratch_bytes(&p, sizeof word));
  for (int i = 0; i < 20000; i++) {
    int n = snprintf(word, sizeof word, "%.*s%05d", i % 20, "prefixofalongerword", i);
    int32_t id = vocabulary_find(v, word, (size_t)n), other = -1;
    assert_true(id >= 2);
    text_view stored = vocabulary_word(v, id);
    assert_int_equal(stored.bytes, n);
    assert_memory_equal(stored.data, word, (size_t)n);
    assert_int_equal(text_encode(&e, word, (size_t)n, scratch, &other, 1), 1);
    assert_int_equal(other, id);
  }
  for (int32_t i = 3; i < 20002; i++) { // strictly descending bytes
    text_view left = vocabulary_word(v, i - 1), right = vocabulary_word(v, i);
    char l[64] = {0}, r[64] = {0};
    memcpy(l, left.data, left.bytes);
    memcpy(r, right.data, right.bytes);
    assert_true(strcmp(l, r) > 0);
  }
  assert_int_equal(vocabulary_find(v, "prefixof", 8), 1);
  free(scratch);
  vocabulary_free(v);
}

// The fast path and the word list must agree: the same text with n-grams {1} goes through the list.
static void paths_agree(void **state) {
  (void)state;
  text_pipeline fast = {0}, list = {.ngrams_count = 1, .ngrams = {1}};
  const char *texts[] = {"the quick brown fox extraordinarily jumped over 12345678 123456789 a", NULL};
  vocabulary *v = adapt(&fast, texts);
  uint32_t random = 7;
  char text[200];
  for (int round = 0; round < 3000; round++) {
    static const char *const parts[] = {"the", " ", "quick", "extraordinarily", "12345678", "123456789", "!",
                                        "\t",  "a", "FOX",   "\xC3\xA9",        "  ",       "jumped"};
    size_t n = 0;
    for (int k = 0; k < 12; k++) {
      random = random * 1664525 + 1013904223;
      const char *part = parts[(random >> 16) % 13];
      memcpy(text + n, part, strlen(part));
      n += strlen(part);
    }
    int32_t left[200], right[200];
    void *one = malloc(text_scratch_bytes(&fast, n)), *two = malloc(text_scratch_bytes(&list, n));
    size_t a = text_encode(&(text_encoder){&fast, v}, text, n, one, left, 200);
    size_t b = text_encode(&(text_encoder){&list, v}, text, n, two, right, 200);
    assert_int_equal(a, b);
    assert_true(a <= text_tokens_bound(&fast, n));
    assert_memory_equal(left, right, a * sizeof *left);
    free(one);
    free(two);
  }
  vocabulary_free(v);
}

// Blocks of bytes against one byte at a time, whatever stands where: one word, so nothing else is done to it.
static void standardize_any_bytes(void **state) {
  (void)state;
  uint32_t random = 3;
  for (int round = 0; round < 2000; round++) {
    text_pipeline p = {.split = TEXT_SPLIT_NONE, .standardize = (text_standardize)(round % 4)};
    bool lower = p.standardize <= TEXT_LOWER, strip = p.standardize % 2 == 0;
    char text[64], expected[64];
    size_t n = (size_t)round % sizeof text, kept = 0;
    for (size_t k = 0; k < n; k++) {
      random = random * 1664525 + 1013904223;
      unsigned char c = (unsigned char)(random >> 24);
      text[k] = (char)(c == 0 ? 1 : c);
      bool ascii = c < 0x80;
      if (strip && ascii && ispunct(c))
        continue;
      expected[kept++] = lower && ascii ? (char)tolower(c == 0 ? 1 : c) : text[k];
    }
    text_adapter *a = text_adapter_new(&p);
    text_adapter_add(a, text, n);
    vocabulary *v = text_adapter_finish(a);
    if (kept) { // the empty word is padding
      assert_int_equal(vocabulary_size(v), 3);
      text_view word = vocabulary_word(v, 2);
      assert_int_equal(word.bytes, kept);
      assert_memory_equal(word.data, expected, kept);
    }
    vocabulary_free(v);
  }
}

static void names(void **state) {
  (void)state;
  text_pipeline p = {0};
  assert_null(text_pipeline_parse(&p, "strip_punctuation", "character"));
  assert_int_equal(p.standardize, TEXT_STRIP_PUNCTUATION);
  assert_int_equal(p.split, TEXT_SPLIT_CHARACTER);
  assert_null(text_pipeline_parse(&p, NULL, NULL));
  assert_string_equal(text_standardize_name(p.standardize), "none");
  assert_string_equal(text_split_name(p.split), "none");
  assert_non_null(text_pipeline_parse(&p, "Lower", NULL));
  assert_non_null(text_pipeline_parse(&p, "lower", "words"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(documented_example),
      cmocka_unit_test(standardize),
      cmocka_unit_test(splitting),
      cmocka_unit_test(ngrams),
      cmocka_unit_test(most_tokens),
      cmocka_unit_test(words_one_by_one),
      cmocka_unit_test(json_round_trip),
      cmocka_unit_test(json_without_escapes),
      cmocka_unit_test(many_words),
      cmocka_unit_test(paths_agree),
      cmocka_unit_test(standardize_any_bytes),
      cmocka_unit_test(names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
