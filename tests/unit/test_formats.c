// Words with labels (CoNLL, CoNLL-U) and images (IDX).
#include "runtime/data/dataset.h"
#include "unit.h"
// after unit.h
#include "files.h"

static const data_field words = {"words", DATA_WORDS, 1, {-1}};
static const data_field tags = {"tags", DATA_CLASSES, 1, {-1}};
static const data_schema tagger = {&words, 1, &tags, 1, false};
static const data_field review = {"review", DATA_TEXT, 0, {0}};
static const data_field sentiment = {"sentiment", DATA_CLASS, 0, {0}};
static const data_schema text_to_label = {&review, 1, &sentiment, 1, false};

// Rows as "LINE:word/label word/label|...".
static void expect_sentences(const char *path, const data_schema *schema, const char *rows,
                             const char *problems) {
  data_problems p = {0};
  dataset *d = dataset_open(&path, 1, schema, NULL, &p);
  strbuf out = {0};
  for (size_t r = 0; d && r < d->rows; r++) {
    const data_column *w = &d->inputs[0], *t = &d->outputs[0];
    strbuf_printf(&out, "%s%u:", r ? "|" : "", d->row_line[r]);
    assert_int_equal(w->row_start[r + 1] - w->row_start[r], t->row_start[r + 1] - t->row_start[r]);
    for (uint64_t i = w->row_start[r]; i < w->row_start[r + 1]; i++)
      strbuf_printf(&out, "%s%.*s/%.*s", i > w->row_start[r] ? " " : "", (int)w->texts[i].bytes,
                    w->texts[i].data, (int)t->texts[i].bytes, t->texts[i].data);
  }
  assert_string_equal(strbuf_text(&out), rows);
  strbuf_free(&out);
  expect_problems(&p, problems);
  dataset_free(d);
}

static void conll(void **state) {
  (void)state;
  expect_sentences(file_puts("tabs", "@a\tO\nRio\tB-place\n\t\nIs\tO\r\n\r\n\n5 km\tO\t\n"), &tagger,
                   "1:@a/O Rio/B-place|4:Is/O|7:5 km/O", "");
  expect_sentences(
      file_puts("spaces", "-DOCSTART- -X- O O\n\nEU NNP I-NP B-ORG\n# NN B-NP O\n\nrejects VBZ I-VP O"),
      &tagger, "3:EU/B-ORG #/O|6:rejects/O", "");
  expect_sentences(file_puts("words.tsv", "the\tDET\ncat\tNOUN\n"), &tagger, "1:the/DET cat/NOUN", "");
  expect_sentences(file_puts("\xC3\xA9", "\xEF\xBB\xBF\xC3\xA9t\xC3\xA9 N\n"), &tagger,
                   "1:\xC3\xA9t\xC3\xA9/N", "");
}

static void conll_or_table(void **state) {
  (void)state;
  // The same file is a table for a model of texts.
  data_problems p = {0};
  const char *path = file_puts("two", "the\tDET\ncat\tNOUN\n");
  dataset *d = dataset_open(&path, 1, &text_to_label, NULL, &p);
  assert_int_equal(d->rows, 2);
  assert_memory_equal(d->outputs[0].texts[0].data, "the", 3);
  dataset_free(d);
  // A header or fields of several words make a table for a tagger too.
  expect_sentences(file_puts("header", "words\ttags\nthe cat\tDET NOUN\n"), &tagger, "2:the/DET cat/NOUN",
                   "");
  expect_sentences(file_puts("fields", "DET NOUN\tthe cat\n"), &tagger, "1:the/DET cat/NOUN", "");
  path = file_puts("forced", "the DET\n");
  const data_options options = {.format = "conll"};
  assert_null(dataset_open(&path, 1, &text_to_label, &options, &p));
  assert_int_equal(p.count, 1);
  assert_non_null(strstr(p.kept[0].reason, "one input text[time] and one output"));
  data_problems_free(&p);
}

static void bad_conll(void **state) {
  (void)state;
  expect_sentences(file_puts("bad", "a\tO\nb\nc\tO\n\nd\tO\n\te\n\nf\t\ng\tO\n\nh\tO\n"), &tagger, "11:h/O",
                   "bad:2: error: one column; a word and its label are needed\n"
                   "bad:6: error: the word is empty\n"
                   "bad:8: error: the label is empty\n");
  expect_sentences(file_puts("utf8", "a O\n\xFF O\n\nb O\n"), &tagger, "4:b/O",
                   "utf8:2: error: invalid UTF-8 (byte 0xFF, byte 1 of the line)\n");
  expect_sentences(file_puts("marks", "-DOCSTART- O\n\n"), &tagger, "", "marks: error: no rows in it\n");
  char line[300] = "w";
  for (int i = 0; i < 70; i++)
    strcat(line, " x");
  expect_sentences(file_puts("wide", line), &tagger, "", "wide:1: error: 71 columns; at most 64 are read\n");
}

static void conllu(void **state) {
  (void)state;
  static const char text[] = "# text = vamonos al mar\n"
                             "1-2\tvamonos\t_\t_\t_\t_\t_\t_\t_\t_\n"
                             "1\tvamos\tir\tVERB\t_\t_\t0\troot\t_\t_\n"
                             "2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_\n"
                             "2.1\tghost\t_\tNOUN\t_\t_\t_\t_\t_\t_\n"
                             "3\t#\t#\tSYM\t_\t_\t1\tobl\t_\tSpaceAfter=No\n"
                             "\n"
                             "# sent_id = 2\n"
                             "1\t2 000\t2000\tNUM\t_\t_\t0\troot\t_\t_\n";
  expect_sentences(file_puts("a.conllu", text), &tagger, "3:vamos/VERB nos/PRON #/SYM|9:2 000/NUM", "");
  expect_sentences(file_puts("plain-name", text), &tagger, "3:vamos/VERB nos/PRON #/SYM|9:2 000/NUM", "");
  expect_sentences(
      file_puts("text.conllu", text), &text_to_label, "",
      "text.conllu: error: a CoNLL-U file gives words and a label for each; the model needs one input "
      "text[time] and one output of classes for every step for that (JSON lines serve any model)\n");
}

static void bad_conllu(void **state) {
  (void)state;
  static const char text[] = "1\ta\t_\tX\t_\t_\t0\t_\t_\t_\n2\tb\t_\tX\n\n"
                             "x\tc\t_\tX\t_\t_\t0\t_\t_\t_\n\n"
                             "1-\td\t_\tX\t_\t_\t0\t_\t_\t_\n\n"
                             "1\te\t_\t_\t_\t_\t0\t_\t_\t_\n\n"
                             "1\t\t_\tX\t_\t_\t0\t_\t_\t_\n\n"
                             "1\tgood\t_\tX\t_\t_\t0\t_\t_\t_\n";
  expect_sentences(file_puts("bad.conllu", text), &tagger, "12:good/X",
                   "bad.conllu:2: error: 4 columns; CoNLL-U has 10\n"
                   "bad.conllu:4: error: 'x' is no word number\n"
                   "bad.conllu:6: error: '1-' is no word number\n"
                   "bad.conllu:8: error: the word has no label (UPOS, column 4)\n"
                   "bad.conllu:10: error: the word (FORM, column 2) is empty\n");
}

// ---- images

static const data_field image = {"image", DATA_FLOAT, 3, {2, 3, 1}};
static const data_field digit = {"digit", DATA_CLASS, 0, {0}};
static const data_schema images = {&image, 1, &digit, 1, false};

static const unsigned char two_images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0,   0,   0,   2,   0,   0,
                                           0, 3, 0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255};
static const unsigned char two_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 0};

static dataset *open_images(const char *name, const data_schema *schema, data_problems *p) {
  const char *path = file_path(name);
  return dataset_open(&path, 1, schema, NULL, p);
}

static void idx(void **state) {
  (void)state;
  data_problems p = {0};
  file_put("a-images-idx3-ubyte", two_images, sizeof two_images);
  file_put("a-labels-idx1-ubyte", two_labels, sizeof two_labels);
  dataset *d = open_images("a-images-idx3-ubyte", &images, &p);
  assert_non_null(d);
  const data_column *c = &d->inputs[0];
  assert_int_equal(d->rows, 2);
  assert_int_equal(c->items_per_row, 6);
  const float expected[] = {0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255};
  assert_memory_equal(c->floats, expected, sizeof expected);
  assert_true(d->outputs[0].texts[0].bytes == 1 && d->outputs[0].texts[0].data[0] == '7');
  assert_true(d->outputs[0].texts[1].bytes == 1 && d->outputs[0].texts[1].data[0] == '0');
  dataset_free(d);
  // An int input, and one that takes an image as a row of numbers.
  const data_field whole = {"image", DATA_INT, 2, {2, 3}}, flat = {"image", DATA_FLOAT, 1, {6}};
  const data_schema of_whole = {&whole, 1, &digit, 1, false}, of_flat = {&flat, 1, &digit, 1, false};
  d = open_images("a-images-idx3-ubyte", &of_whole, &p);
  assert_int_equal(d->inputs[0].ints[11], 255);
  dataset_free(d);
  d = open_images("a-images-idx3-ubyte", &of_flat, &p);
  assert_true(d->inputs[0].floats[6] == 250);
  dataset_free(d);
  expect_problems(&p, "");
}

static void expect_refused(const char *name, const data_schema *schema, const char *reason) {
  data_problems p = {0};
  dataset *d = open_images(name, schema, &p);
  assert_null(d);
  assert_int_equal(p.count, 1);
  if (!strstr(p.kept[0].reason, reason))
    fail_msg("'%s' says nothing of '%s'", p.kept[0].reason, reason);
  data_problems_free(&p);
}

static void bad_idx(void **state) {
  (void)state;
  file_put("a-images-idx3-ubyte", two_images, sizeof two_images);
  file_put("a-labels-idx1-ubyte", two_labels, sizeof two_labels);
  expect_refused("a-labels-idx1-ubyte", &images, "these are labels");
  expect_refused("a-images-idx3-ubyte", &text_to_label, "one input of numbers");
  const data_field other = {"image", DATA_FLOAT, 2, {3, 2}};
  const data_schema turned = {&other, 1, &digit, 1, false};
  expect_refused("a-images-idx3-ubyte", &turned, "images of 2 x 3");
  file_put("digits", two_images, sizeof two_images);
  expect_refused("digits", &images, "must hold 'images'");
  file_put("b-images-idx3-ubyte", two_images, sizeof two_images);
  expect_refused("b-images-idx3-ubyte", &images, "the labels of");
  file_put("c-images-idx3-ubyte", two_images, sizeof two_images);
  file_put("c-labels-idx1-ubyte", two_labels, sizeof two_labels - 1);
  expect_refused("c-images-idx3-ubyte", &images, "ends before the last row");
  static const unsigned char three[] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 1};
  file_put("c-labels-idx1-ubyte", three, sizeof three);
  expect_refused("c-images-idx3-ubyte", &images, "3 labels");
  file_put("c-labels-idx1-ubyte", two_images, sizeof two_images);
  expect_refused("c-images-idx3-ubyte", &images, "one a row");
  static const unsigned char huge[] = {0,    0,    14,   3,    0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                       0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1};
  file_put("huge-images", huge, sizeof huge);
  expect_refused("huge-images", &images, "larger than any memory");
  file_put("more-images", two_images, sizeof two_images - 1);
  expect_refused("more-images", &images, "ends before the last row");
  file_put("header-images", two_images, 9);
  expect_refused("header-images", &images, "inside its header");
}

// Big-endian floats; one that is not finite is refused with its image.
static void idx_floats(void **state) {
  (void)state;
  unsigned char file[] = {0, 0, 13, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0x3F, 0x80, 0, 0, 0xC0, 0x20, 0, 0};
  const data_field one = {"image", DATA_FLOAT, 1, {1}};
  const data_schema numbers = {&one, 1, &digit, 1, false};
  data_problems p = {0};
  file_put("f-images", file, sizeof file);
  file_put("f-labels", two_labels, sizeof two_labels);
  dataset *d = open_images("f-images", &numbers, &p);
  assert_true(d->inputs[0].floats[0] == 1 && d->inputs[0].floats[1] == -2.5f);
  dataset_free(d);
  file[16] = 0x7F;
  file[17] = 0xC0;
  file_put("f-images", file, sizeof file);
  d = open_images("f-images", &numbers, &p);
  assert_int_equal(d->rows, 1);
  dataset_free(d);
  assert_int_equal(p.count, 1);
  assert_non_null(strstr(p.kept[0].reason, "image 1:"));
  data_problems_free(&p);
}

// ---- damage

// Whatever the bytes, reading ends, every complaint has a reason, and what is read is whole.
static void mutations(void **state) {
  (void)state;
  static const char *const seeds[] = {"a\tO\nb\tB-x\n\nc\tI-x\n", "-DOCSTART- O\n\na b O\nc d O\n\n",
                                      "# c\n1-2\ta\t_\tX\t_\t_\t0\t_\t_\t_\n1\tb\t_\tY\t_\t_\t0\t_\t_\t_\n"};
  uint32_t random = 5;
  unsigned char bytes[256];
  for (int round = 0; round < 600; round++) {
    bool picture = round % 4 == 3;
    const void *seed = picture ? (const void *)two_images : seeds[round % 4];
    size_t n = picture ? sizeof two_images : strlen(seed);
    memcpy(bytes, seed, n);
    n = mutate(bytes, n, sizeof bytes, &random);
    const char *path = file_put("m-images", bytes, n);
    file_put("m-labels", two_labels, sizeof two_labels);
    data_problems p = {0};
    dataset *d = dataset_open(&path, 1, picture ? &images : &tagger, NULL, &p);
    assert_true(d || p.count);
    for (size_t i = 0; i < p.count && i < DATA_PROBLEMS_KEPT; i++)
      assert_true(p.kept[i].reason[0]);
    for (size_t i = 0; d && !picture && i < d->inputs[0].row_start[d->rows]; i++)
      assert_true(d->inputs[0].texts[i].bytes < sizeof bytes);
    dataset_free(d);
    data_problems_free(&p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conll),   cmocka_unit_test(conll_or_table), cmocka_unit_test(bad_conll),
      cmocka_unit_test(conllu),  cmocka_unit_test(bad_conllu),     cmocka_unit_test(idx),
      cmocka_unit_test(bad_idx), cmocka_unit_test(idx_floats),     cmocka_unit_test(mutations),
  };
  return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
