// The shape report of the models of the language reference, against their known shapes and parameter counts.
#include "ir/report.h"
#include "tests/unit/small_model.h"
#include <jansson.h>
#include <string.h>

static const report_options plain = {0};

static void begin_imdb(small_model *s) {
  small_model_begin(s, "imdb");
  tensor *x = small_input(s, "review", TENSOR_TEXT, "");
  x = small_chain(s, x, "TextVectorization(20000, output_sequence_length = 600)",
                  "Embedding(20000, 256, mask_zero = true)", "Bidirectional(LSTM(32))", "Dropout(0.5)",
                  "Dense(1, activation = sigmoid)", NULL);
  small_output(s, "sentiment", x);
}

static json_t *json_report(small_model *s, const report_options *o) {
  strbuf text = {0};
  report_print(s->m, REPORT_JSON, o, &text);
  json_error_t error;
  json_t *j = json_loads(strbuf_text(&text), JSON_REJECT_DUPLICATES, &error);
  if (!j)
    fail_msg("line %d: %s\n%s", error.line, error.text, strbuf_text(&text));
  strbuf_free(&text);
  return j;
}

static const json_t *layer_of(const json_t *report, const char *name) {
  size_t i;
  const json_t *l;
  json_array_foreach(json_object_get(report, "layers"), i, l) {
    if (strcmp(json_string_value(json_object_get(l, "name")), name) == 0)
      return l;
  }
  fail_msg("the report has no layer '%s'", name);
  return NULL;
}

static void expect_layer(const json_t *report, const char *name, const char *fields) {
  const json_t *l = layer_of(report, name);
  json_t *expected = json_loads(fields, 0, NULL);
  assert_non_null(expected);
  const char *key;
  json_t *v;
  json_object_foreach(expected, key, v) {
    char *found = json_dumps(json_object_get(l, key), JSON_ENCODE_ANY);
    if (!json_equal(v, json_object_get(l, key)))
      fail_msg("%s of %s is %s", key, name, found);
    free(found);
  }
  json_decref(expected);
}

static void expect_totals(const json_t *report, int64_t total, int64_t trainable) {
  assert_int_equal(json_integer_value(json_object_get(report, "total_params")), total);
  assert_int_equal(json_integer_value(json_object_get(report, "trainable_params")), trainable);
  assert_int_equal(json_integer_value(json_object_get(report, "non_trainable_params")), total - trainable);
}

static void imdb_reads_as_keras(void **state) {
  (void)state;
  small_model s;
  begin_imdb(&s);
  json_t *r = json_report(&s, &plain);
  assert_string_equal(json_string_value(json_object_get(r, "model")), "imdb");
  json_t *dims = json_pack("[s]", "batch");
  assert_true(json_equal(json_object_get(r, "dimensions"), dims));
  json_decref(dims);
  assert_int_equal(json_array_size(json_object_get(r, "layers")), 6);
  expect_layer(r, "review",
               "{\"type\": \"Input\", \"inputs\": [], \"dtype\": \"text\", \"output_shape\": [\"batch\"]}");
  expect_layer(
      r, "text_vectorization",
      "{\"type\": \"TextVectorization\", \"inputs\": [\"review\"], \"dtype\": \"int\", \"params\": 0, "
      "\"output_shape\": [\"batch\", 600], \"mask\": \"none\"}");
  expect_layer(
      r, "embedding",
      "{\"type\": \"Embedding\", \"inputs\": [\"text_vectorization\"], \"dtype\": \"f32\", \"mask\": "
      "\"valid\", "
      "\"output_shape\": [\"batch\", 600, 256], \"params\": 5120000, \"trainable_params\": 5120000, "
      "\"weights\": [{\"name\": \"embedding/embeddings\", \"shape\": [20000, 256], \"trainable\": true}]}");
  expect_layer(
      r, "bidirectional",
      "{\"type\": \"Bidirectional\", \"output_shape\": [\"batch\", 64], \"mask\": \"none\", \"params\": "
      "73984, "
      "\"weights\": [{\"name\": \"bidirectional/forward/kernel\", \"shape\": [256, 128], \"trainable\": "
      "true}, "
      "{\"name\": \"bidirectional/forward/recurrent_kernel\", \"shape\": [32, 128], \"trainable\": true}, "
      "{\"name\": \"bidirectional/forward/bias\", \"shape\": [128], \"trainable\": true}, "
      "{\"name\": \"bidirectional/backward/kernel\", \"shape\": [256, 128], \"trainable\": true}, "
      "{\"name\": \"bidirectional/backward/recurrent_kernel\", \"shape\": [32, 128], \"trainable\": true}, "
      "{\"name\": \"bidirectional/backward/bias\", \"shape\": [128], \"trainable\": true}]}");
  expect_layer(r, "dropout", "{\"output_shape\": [\"batch\", 64], \"params\": 0, \"weights\": []}");
  expect_layer(r, "dense", "{\"output_shape\": [\"batch\", 1], \"params\": 65, \"inputs\": [\"dropout\"]}");
  expect_totals(r, 5194049, 5194049);
  json_decref(r);
  small_model_end(&s);
}

static void one_hot_has_no_table(void **state) {
  (void)state;
  small_model s;
  small_model_begin(&s, "onehot");
  tensor *x = small_input(&s, "review", TENSOR_TEXT, "");
  x = small_chain(&s, x, "TextVectorization(20000, output_sequence_length = 600)", "OneHot(20000)",
                  "Bidirectional(LSTM(32))", "Dropout(0.5)", "Dense(1, activation = sigmoid)", NULL);
  small_output(&s, "sentiment", x);
  json_t *r = json_report(&s, &plain);
  expect_layer(r, "one_hot",
               "{\"output_shape\": [\"batch\", 600, 20000], \"params\": 0, \"mask\": \"none\"}");
  expect_layer(r, "bidirectional", "{\"params\": 5128448}");
  expect_totals(r, 5128513, 5128513);
  json_decref(r);
  small_model_end(&s);
}

static void frozen_tables_do_not_train(void **state) {
  (void)state;
  small_model s;
  small_model_begin(&s, "glove");
  tensor *x = small_input(&s, "review", TENSOR_TEXT, "");
  x = small_chain(
      &s, x, "TextVectorization(20000, output_sequence_length = 600)",
      "Embedding(20000, 100, weights = \"glove.6B.100d.txt\", trainable = false, mask_zero = true)",
      "Bidirectional(LSTM(32))", "Dropout(0.5)", "Dense(1, activation = sigmoid)", NULL);
  small_output(&s, "sentiment", x);
  json_t *r = json_report(&s, &plain);
  expect_layer(r, "embedding", "{\"params\": 2000000, \"trainable_params\": 0}");
  expect_totals(r, 2034113, 34113);
  json_decref(r);
  small_model_end(&s);
}

static void table_is_aligned(void **state) {
  (void)state;
  static const char expected[] =
      "Model: \"imdb\"\n"
      "-----------------------------------------------------------------------------------------------\n"
      "Layer (type)                            Output shape       Mask      Params  Connected to\n"
      "-----------------------------------------------------------------------------------------------\n"
      "review (Input)                          (batch)            none           0  -\n"
      "text_vectorization (TextVectorization)  (batch, 600)       none           0  review\n"
      "embedding (Embedding)                   (batch, 600, 256)  valid  5,120,000  text_vectorization\n"
      "bidirectional (Bidirectional)           (batch, 64)        none      73,984  embedding\n"
      "dropout (Dropout)                       (batch, 64)        none           0  bidirectional\n"
      "dense (Dense)                           (batch, 1)         none          65  dropout\n"
      "-----------------------------------------------------------------------------------------------\n"
      "Total params: 5,194,049 (19.81 MB)\n"
      "Trainable params: 5,194,049 (19.81 MB)\n"
      "Non-trainable params: 0 (0.00 B)\n";
  small_model s;
  begin_imdb(&s);
  strbuf text = {0};
  report_print(s.m, REPORT_TABLE, &plain, &text);
  assert_string_equal(strbuf_text(&text), expected);
  strbuf_free(&text);
  small_model_end(&s);
}

static void shared_layers_appear_once(void **state) {
  (void)state;
  small_model s;
  small_model_begin(&s, "pairs");
  tensor *a = small_input(&s, "a", TENSOR_INT, "time_a"), *b = small_input(&s, "b", TENSOR_INT, "time_b");
  layer *embed = small_layer(&s, "Embedding(10000, 64, mask_zero = true)"),
        *encode = small_layer(&s, "LSTM(32)");
  tensor *u = small_apply(&s, encode, 1, small_apply(&s, embed, 1, a));
  tensor *v = small_apply(&s, encode, 1, small_apply(&s, embed, 1, b));
  tensor *both = small_apply(&s, small_layer(&s, "Concatenate()"), 2, u, v);
  small_output(&s, "same", small_chain(&s, both, "Dense(1, activation = sigmoid)", NULL));
  json_t *r = json_report(&s, &plain);
  expect_layer(
      r, "embedding",
      "{\"inputs\": [\"a\"], \"output_shape\": [\"batch\", \"time_a\", 64], \"params\": 640000, "
      "\"applications\": [{\"inputs\": [\"a\"], \"output_shape\": [\"batch\", \"time_a\", 64], \"mask\": "
      "\"valid\"}, {\"inputs\": [\"b\"], \"output_shape\": [\"batch\", \"time_b\", 64], \"mask\": "
      "\"valid\"}]}");
  expect_layer(r, "concatenate", "{\"inputs\": [\"lstm\", \"lstm\"], \"output_shape\": [\"batch\", 64]}");
  json_t *dims = json_pack("[s, s, s]", "batch", "time_a", "time_b");
  assert_true(json_equal(json_object_get(r, "dimensions"), dims));
  json_decref(dims);
  // 640,000 + 4 (32 (64 + 32) + 32) + 65
  expect_totals(r, 640000 + 12416 + 65, 640000 + 12416 + 65);
  json_decref(r);
  small_model_end(&s);
}

static void dimensions_give_sizes(void **state) {
  (void)state;
  small_model s;
  small_model_begin(&s, "net");
  tensor *x = small_input(&s, "x", TENSOR_REAL, "time, 8");
  small_output(&s, "y", small_chain(&s, x, "Dense(16, use_bias = false)", NULL));
  int n = dim_symbol_count(s.u->dims);
  int64_t *extents = xcalloc((size_t)n, sizeof *extents);
  for (int k = 0; k < n; k++)
    extents[k] = strcmp(dim_symbol_at(s.u->dims, k)->name, "batch") == 0 ? 4 : 5;
  report_options o = {.extents = extents, .n_extents = n};
  json_t *r = json_report(&s, &o);
  // 20 rows of 16 floats; a product of [20, 8] and [8, 16]
  expect_layer(
      r, "dense",
      "{\"concrete_shape\": [4, 5, 16], \"output_bytes\": 1280, \"weight_bytes\": 512, \"flop\": 5120}");
  json_decref(r);
  o.n_extents = 0; // not every dimension is known
  r = json_report(&s, &o);
  assert_null(json_object_get(layer_of(r, "dense"), "flop"));
  json_decref(r);
  free(extents);
  small_model_end(&s);
}

static int compare_with(small_model *s, const char *from, const char *to, strbuf *said) {
  strbuf text = {0}, edited = {0};
  report_print(s->m, REPORT_JSON, &plain, &text);
  char *at = *from ? strstr(text.data, from) : text.data;
  assert_non_null(at);
  strbuf_add(&edited, text.data, (size_t)(at - text.data));
  strbuf_puts(&edited, to);
  strbuf_puts(&edited, at + strlen(from));
  int n = report_compare(s->m, &plain, strbuf_text(&edited), said);
  strbuf_free(&text);
  strbuf_free(&edited);
  return n;
}

static void comparison_names_the_difference(void **state) {
  (void)state;
  small_model s;
  begin_imdb(&s);
  strbuf said = {0};
  assert_int_equal(compare_with(&s, "", "", &said), 0);
  assert_int_equal(said.len, 0);
  assert_int_equal(compare_with(&s, "\"line\": 0", "\"line\": 7", &said), 0);
  assert_int_equal(compare_with(&s, "\"params\": 65", "\"params\": 66", &said), 1);
  assert_string_equal(strbuf_text(&said), "layers.dense.params: expected 66, found 65\n");
  said.len = 0;
  assert_int_equal(compare_with(&s, "600, 256]", "600, 128]", &said), 1);
  assert_string_equal(strbuf_text(&said),
                      "layers.embedding.output_shape: expected [\"batch\",600,128], found "
                      "[\"batch\",600,256]\n");
  said.len = 0;
  assert_int_equal(compare_with(&s, "\"name\": \"dropout\"", "\"name\": \"drop\"", &said), 2);
  said.len = 0;
  assert_int_equal(compare_with(&s, "{\"model\"", "[", &said), -1);
  strbuf_free(&said);
  small_model_end(&s);
}

static size_t count_of(const char *text, const char *part) {
  size_t n = 0;
  for (const char *at = text; (at = strstr(at, part)); at++)
    n++;
  return n;
}

static void drawings_hold_every_layer_and_edge(void **state) {
  (void)state;
  small_model s;
  small_model_begin(&s, "net");
  tensor *words = small_input(&s, "words", TENSOR_INT, "time");
  tensor *x = small_chain(&s, words, "Embedding(9, 4, mask_zero = true)", NULL);
  tensor *a = small_chain(&s, x, "LSTM(3)", NULL);
  tensor *b = small_chain(&s, x, "LSTM(3, return_sequences = true)", "GlobalMaxPooling1D()", NULL);
  small_output(&s, "y", small_apply(&s, small_layer(&s, "Concatenate()"), 2, a, b));
  strbuf dot = {0}, svg = {0};
  report_print(s.m, REPORT_DOT, &plain, &dot);
  report_print(s.m, REPORT_SVG, &plain, &svg);
  assert_int_equal(count_of(dot.data, "[label="), 6 + 6); // layers and edges
  assert_int_equal(count_of(dot.data, " -> n"), 6);
  assert_int_equal(count_of(svg.data, "class=\"box"), 6);
  assert_int_equal(count_of(svg.data, "marker-end="), 6);
  assert_int_equal(count_of(svg.data, "class=\"edge masked\""), 3);
  assert_int_equal(count_of(svg.data, "(batch, time, 4) masked"), 2);
  assert_int_equal(count_of(svg.data, "output y (batch, 6)"), 1);
  strbuf_free(&dot);
  strbuf_free(&svg);
  small_model_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(imdb_reads_as_keras),
      cmocka_unit_test(one_hot_has_no_table),
      cmocka_unit_test(frozen_tables_do_not_train),
      cmocka_unit_test(table_is_aligned),
      cmocka_unit_test(shared_layers_appear_once),
      cmocka_unit_test(dimensions_give_sizes),
      cmocka_unit_test(comparison_names_the_difference),
      cmocka_unit_test(drawings_hold_every_layer_and_edge),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
