// Data formats, columns, classes and batches.
#include "runtime/data/dataset.h"
#include "unit.h"
// after unit.h
#include "files.h"

static const data_field review = {"review", DATA_TEXT, 0, {0}};
static const data_field sentiment = {"sentiment", DATA_CLASS, 0, {0}};
static const data_schema text_to_label = {&review, 1, &sentiment, 1, false};

static void expect_view(text_view v, const char *expected) {
  char copy[256] = {0};
  assert_true(v.bytes < sizeof copy);
  memcpy(copy, v.data, v.bytes);
  assert_string_equal(copy, expected);
}

// Rows as "label=text|…".
static void expect_rows(const dataset *d, const char *expected) {
  strbuf out = {0};
  for (size_t i = 0; i < d->rows; i++) {
    text_view label = d->outputs[0].texts[i], text = d->inputs[0].texts[i];
    strbuf_printf(&out, i ? "|%.*s=%.*s" : "%.*s=%.*s", (int)label.bytes, label.data, (int)text.bytes,
                  text.data);
  }
  assert_string_equal(strbuf_text(&out), expected);
  strbuf_free(&out);
}

static void expect_file(const char *path, const char *rows, const char *problems) {
  data_problems p = {0};
  dataset *d = dataset_open(&path, 1, &text_to_label, NULL, &p);
  if (rows) {
    assert_non_null(d);
    expect_rows(d, rows);
  } else {
    assert_null(d);
  }
  expect_problems(&p, problems);
  dataset_free(d);
}

static void tsv(void **state) {
  (void)state;
  expect_file(file_puts("plain", "pos\tgood \"film\"\r\nneg\tbad, bad\n\n pos \t\n"),
              "pos=good \"film\"|neg=bad, bad|pos=", "");
  expect_file(file_puts("header.tsv", "\xEF\xBB\xBFid\ttext\tlabel\n1\tgood\tpos\n2\tbad\tneg"),
              "pos=good|neg=bad", "");
  expect_file(file_puts("named.tsv", "review\tid\tsentiment\ngood\t1\tpos\n"), "pos=good", "");
  expect_file(file_puts("case.tsv", "Label\tSMS\nham\tok\n"), "ham=ok",
              "note: case.tsv:1: taken as a header: 'Label' is the label, 'SMS' the text\n");
  expect_file(file_puts("second.tsv", "topic\tReview\nham\tok\n"), "ham=ok",
              "note: second.tsv:1: taken as a header: 'topic' is the label, 'Review' the text\n");
  expect_file(file_puts("text.tsv", "text\ta pager\nnet\tok\n"), "text=a pager|net=ok",
              ""); // a class called text
  expect_file(file_puts("bad.tsv", "pos\tgood\nneg\n\tempty\npos\ta\tb\nneg\tfine\n"), "pos=good|neg=fine",
              "bad.tsv:2: error: 1 field, 2 needed\n"
              "bad.tsv:3: error: the label 'sentiment' is empty\n"
              "bad.tsv:4: error: 3 fields, 2 needed\n");
  expect_file(file_puts("part.tsv", "id\treview\tstars\n1\tx\t2\n"), NULL,
              "part.tsv:1: error: the header has no column 'sentiment' (the model has review, sentiment)\n");
  expect_file(file_puts("twice.tsv", "text\ttext\tlabel\n1\tx\t2\n"), NULL,
              "twice.tsv:1: error: two columns are 'review'\n");
  expect_file(
      file_puts("one.tsv", "alone\n"), NULL,
      "one.tsv:1: error: the first line has 1 field; it must be a header that names the model's inputs and "
      "outputs (review, sentiment), or have two fields, label and text\n");
  expect_file(file_puts("only-header.tsv", "label\ttext\n"), NULL, "only-header.tsv: error: no rows in it\n");
}

static void bad_bytes(void **state) {
  (void)state;
  expect_file(file_puts("latin1.tsv", "pos\tgood\nneg\tcaf\xE9\n"), "pos=good",
              "latin1.tsv:2: error: invalid UTF-8 (byte 0xE9, byte 8 of the line)\n");
  expect_file(file_put("nul.tsv", "pos\tg\0d\nneg\tx\n", 14), "neg=x",
              "nul.tsv:1: error: a NUL byte (byte 6 of the line); this is not a text file\n");
  expect_file(file_put("wide.tsv", "\xFF\xFEp\0o\0", 6), NULL,
              "wide.tsv: error: the file is UTF-16; UTF-8 is needed (iconv -f UTF-16 -t UTF-8)\n");
  expect_file(file_puts("empty.tsv", ""), NULL, "empty.tsv: error: the file is empty\n");
  expect_file(file_puts("blank.csv", " \n\n"), NULL, "blank.csv: error: the file is empty\n");
  expect_file(file_path("absent.csv"), NULL, "absent.csv: error: No such file or directory\n");
}

static void csv(void **state) {
  (void)state;
  expect_file(
      file_puts("quoted.csv", "text,label\r\n\"a, \"\"b\"\"\nc\",pos\r\n\"\",neg\r\nhe said \"hi\",pos"),
      "pos=a, \"b\"\nc|neg=|pos=he said \"hi\"", "");
  expect_file(file_puts("plain.csv", "pos,good\nneg,\n"), "pos=good|neg=", "");
  expect_file(
      file_puts("lines.csv", "text,label\n\"a\nb\",pos\n\"c\" d,neg\ne\nf,neg\n"), "pos=a\nb|neg=f",
      "lines.csv:4: error: text behind a closing quote (a quote inside a quoted field is written twice)\n"
      "lines.csv:5: error: 1 field, 2 needed\n");
  expect_file(file_puts("open.csv", "text,label\na,pos\n\"b,neg\nc,pos\n"), "pos=a",
              "open.csv:3: error: a quote is opened in this record and never closed\n");
  expect_file(file_puts("inside.csv", "text,label\n\"a\nb\xFF\",pos\nc,neg\n"), "neg=c",
              "inside.csv:3: error: invalid UTF-8 (byte 0xFF, byte 2 of the line)\n");
}

static void fasttext_and_json(void **state) {
  (void)state;
  expect_file(file_puts("train.ft",
                        "__label__pos a good film\n\n__label__neg , bad\nnone\n__label__a __label__b x\n"),
              "pos=a good film|neg=, bad",
              "train.ft:4: error: the line does not begin with __label__\n"
              "train.ft:5: error: two labels; one is needed\n");
  expect_file(file_puts("rows.jsonl",
                        "{\"review\": \"a\\tb\", \"sentiment\": \"pos\"}\n{\"text\": \"c\", \"label\": 3}\n"
                        "{\"text\": \"d\"}\n{\"text\": 1, \"label\": \"x\"}\n[1]\n{oops\n"),
              "pos=a\tb|3=c",
              "rows.jsonl:3: error: output 'sentiment' is missing\n"
              "rows.jsonl:4: error: 'review' must be a string\n"
              "rows.jsonl:5: error: a JSON object is needed, with inputs by name\n"
              "rows.jsonl:6: error: no JSON: string or '}' expected near 'oops' (column 5)\n");
  expect_file(file_puts("prose", "nothing here\n"), NULL,
              "prose: error: no known form of data; known are\n"
              "  a folder with a folder of .txt files per class\n"
              "  IDX: NAME-images-idx3-ubyte with NAME-labels-idx1-ubyte beside it (.gz or not)\n"
              "  fastText: lines of `__label__NAME text`\n"
              "  JSON lines: objects with the model's inputs and outputs by name\n"
              "  CoNLL-U: ten columns between tabs, words in the second, UPOS in the fourth (taggers)\n"
              "  CoNLL columns: a word and its label a line, an empty line between sentences (taggers)\n"
              "  TSV: lines of fields between tabs, with a header or as label<TAB>text\n"
              "  CSV: fields between commas, with a header or as label,text\n");
}

// Made by gzip(1): two members, "pos\tgood\n" and "neg\tbad\n".
static const unsigned char packed[] = {
    0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x01, 0x09, 0x00, 0xF6, 0xFF, 'p',
    'o',  's',  '\t', 'g',  'o',  'o',  'd',  '\n', 0,    0,    0,    0,    0x09, 0,    0,    0,
};

static uint32_t crc32_of(const unsigned char *bytes, size_t n) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < n; i++) {
    crc ^= bytes[i];
    for (int k = 0; k < 8; k++)
      crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

static void gzip(void **state) {
  (void)state;
  unsigned char file[2 * sizeof packed];
  memcpy(file, packed, sizeof packed); // one stored block; the checksum is put in here
  uint32_t crc = crc32_of(packed + 15, 9);
  memcpy(file + 24, &crc, 4);
  memcpy(file + sizeof packed, file, sizeof packed);
  expect_file(file_put("two.tsv.gz", file, sizeof file), "pos=good|pos=good", "");
  expect_file(file_put("cut.tsv.gz", file, sizeof file - 6), NULL,
              "cut.tsv.gz: error: the gzip file ends too early\n");
  file[17] ^= 1;
  expect_file(file_put("broken.tsv.gz", file, sizeof file), NULL,
              "broken.tsv.gz: error: the gzip file is damaged\n");
}

static void folders(void **state) {
  (void)state;
  char name[64];
  for (int i = 0; i < 40; i++) {
    snprintf(name, sizeof name, "films/%s/%d_1.txt", i % 2 ? "pos" : "neg", i);
    file_puts(name, i % 2 ? "good\n" : "bad\n");
  }
  file_puts("films/unsup/1.txt", "unknown");
  file_puts("films/urls_pos.txt", "not a class");
  file_puts("films/pos/notes.md", "not a text");
  const char *path = file_path("films/");
  data_problems p = {0};
  dataset *d[3];
  for (size_t k = 0; k < 3; k++) {
    d[k] = dataset_open(&path, 1, &text_to_label, &(data_options){.seed = k / 2}, &p);
    assert_non_null(d[k]);
    assert_int_equal(d[k]->rows, 40);
  }
  const char *again = "note: films/pos: 1 entry that is no .txt file left out\n"
                      "note: films/unsup left out: its texts have no label\n";
  char notes[1024];
  snprintf(notes, sizeof notes, "%s%s%s", again, again, again);
  size_t same_class = 0, moved = 0, positive = 0;
  for (size_t i = 0; i < 40; i++) {
    assert_string_equal(d[0]->row_file[i], d[1]->row_file[i]); // the same seed, the same order
    moved += strcmp(d[0]->row_file[i], d[2]->row_file[i]) != 0;
    bool is_positive = strstr(d[0]->row_file[i], "/pos/") != NULL;
    expect_view(d[0]->inputs[0].texts[i], is_positive ? "good\n" : "bad\n");
    expect_view(d[0]->outputs[0].texts[i], is_positive ? "pos" : "neg");
    positive += is_positive;
    same_class += i >= 30 && is_positive;
  }
  assert_int_equal(positive, 20);
  assert_true(moved > 20);
  assert_true(same_class > 0 && same_class < 10); // the last quarter is a mixture
  text_view *names;
  assert_int_equal(dataset_class_names(&d[0]->outputs[0], 40, &names), 2);
  expect_view(names[0], "neg");
  expect_view(names[1], "pos");
  free(names);
  for (size_t k = 0; k < 3; k++)
    dataset_free(d[k]);
  expect_problems(&p, notes);

  file_puts("nested/train/pos/1.txt", "x");
  file_puts("bare/readme", "x");
  expect_file(file_path("nested"), NULL,
              "nested/train: error: the folder of class 'train' holds folders, not texts; is 'nested/train' "
              "the folder "
              "you mean?\n");
  expect_file(file_path("bare"), NULL,
              "bare: error: the folder holds no folders; one per class is needed, with .txt files\n");
  file_puts("latin/a/1.txt", "caf\xE9");
  file_puts("latin/b/1.txt", "fine");
  expect_file(file_path("latin"), "b=fine",
              "latin/a/1.txt:1: error: invalid UTF-8 (byte 0xE9, byte 4 of the line)\n");
}

static void classes(void **state) {
  (void)state;
  const char *paths[] = {file_puts("train.tsv", "b\tx\n10\ty\na\tz\nb\tw\n"),
                         file_puts("test.tsv", "a\tx\nc\ty\n10\tz\n")};
  data_problems p = {0};
  dataset *train = dataset_open(&paths[0], 1, &text_to_label, NULL, &p);
  dataset *test = dataset_open(&paths[1], 1, &text_to_label, NULL, &p);
  text_view *names;
  assert_int_equal(dataset_class_names(&train->outputs[0], 2, &names), 2); // the first two rows alone
  free(names);
  assert_int_equal(dataset_class_names(&train->outputs[0], train->rows, &names), 3);
  expect_view(names[0], "10");
  expect_view(names[1], "a");
  expect_view(names[2], "b");
  assert_int_equal(dataset_bind_classes(train, &train->outputs[0], names, 3, &p), 0);
  assert_int_equal(dataset_bind_classes(test, &test->outputs[0], names, 3, &p), 1);
  const int32_t expected_train[] = {2, 0, 1, 2}, expected_test[] = {1, -1, 0};
  assert_memory_equal(train->outputs[0].ints, expected_train, sizeof expected_train);
  assert_memory_equal(test->outputs[0].ints, expected_test, sizeof expected_test);
  const size_t rows[] = {3, 1};
  int32_t gathered[2];
  data_gather_i32(&train->outputs[0], rows, 2, 1, gathered);
  assert_int_equal(gathered[0], 2);
  assert_int_equal(gathered[1], 0);
  free(names);
  dataset_free(train);
  dataset_free(test);
  expect_problems(&p, "test.tsv:2: error: label 'c' is none of the 3 classes of 'sentiment'\n");

  paths[0] = file_puts("digits.tsv", "10\tx\n9\ty\n0\tz\n");
  dataset *digits = dataset_open(paths, 1, &text_to_label, NULL, &p);
  assert_int_equal(dataset_class_names(&digits->outputs[0], 3, &names), 3);
  expect_view(names[0], "0");
  expect_view(names[1], "9");
  expect_view(names[2], "10");
  free(names);
  dataset_free(digits);
  data_problems_free(&p);
}

static void numbers(void **state) {
  (void)state;
  const data_field inputs[] = {{"ids", DATA_INT, 1, {-1}}, {"point", DATA_FLOAT, 1, {2}}};
  const data_field output = {"price", DATA_FLOAT, 1, {1}};
  const data_schema schema = {inputs, 2, &output, 1, false};
  const char *path =
      file_puts("numbers.csv", "ids,point,price\n1 2 3,0.5 -1e2,7\n4,1 2,8.25\n,0 0,9\n1.5,1 1,1\n"
                               "1,1,1\n1,1 nan,1\n1,1 1,x\n3000000000,1 1,1\n1,1 1e999,1\n");
  data_problems p = {0};
  dataset *d = dataset_open(&path, 1, &schema, NULL, &p);
  assert_int_equal(d->rows, 3);
  expect_problems(&p, "numbers.csv:5: error: 'ids' is 1.5, not an integer of 32 bits\n"
                      "numbers.csv:6: error: 'point' has 1 number, the model needs 2\n"
                      "numbers.csv:7: error: 'point' is 'nan': data must be finite numbers\n"
                      "numbers.csv:8: error: 'price' is 'x': not a number\n"
                      "numbers.csv:9: error: 'ids' is 3000000000, not an integer of 32 bits\n"
                      "numbers.csv:10: error: 'point' is '1e999': too large for a number\n");
  const size_t rows[] = {0, 2, 1};
  assert_int_equal(data_column_longest(&d->inputs[0], rows, 3), 3);
  assert_int_equal(data_column_longest(&d->inputs[0], rows + 1, 2), 1);
  int32_t ids[6];
  data_gather_i32(&d->inputs[0], rows, 3, 2, ids); // the first row is cut
  const int32_t expected[] = {1, 2, 0, 0, 4, 0};
  assert_memory_equal(ids, expected, sizeof ids);
  float point[6];
  assert_int_equal(data_column_longest(&d->inputs[1], rows, 3), 2);
  data_gather_f32(&d->inputs[1], rows, 3, 2, point);
  const float points[] = {0.5F, -100, 0, 0, 1, 2};
  assert_memory_equal(point, points, sizeof point);
  double price[3];
  data_gather_f64(&d->outputs[0], rows, 3, 1, price);
  assert_true(price[0] == 7 && price[1] == 9 && price[2] == 8.25);
  dataset_free(d);
}

static void many_problems(void **state) {
  (void)state;
  strbuf text = {0}, expected = {0};
  strbuf_puts(&text, "pos\tfine\n");
  for (int i = 0; i < 25; i++)
    strbuf_puts(&text, "x\n");
  for (int i = 2; i < 12; i++)
    strbuf_printf(&expected, "many.tsv:%d: error: 1 field, 2 needed\n", i);
  strbuf_puts(&expected, "… and 15 more\n");
  expect_file(file_puts("many.tsv", strbuf_text(&text)), "pos=fine", strbuf_text(&expected));
  strbuf_free(&text);
  strbuf_free(&expected);
}

static void encoding(void **state) {
  (void)state;
  const char *path = file_puts("encode.tsv", "p\tb a a\nn\t\np\ta c b a\n");
  data_problems problems = {0};
  dataset *d = dataset_open(&path, 1, &text_to_label, NULL, &problems);
  text_pipeline p = {.output_sequence_length = 3};
  vocabulary *v = dataset_adapt(&d->inputs[0], &p, 0, 2, NULL); // "b a a": a, b
  assert_int_equal(vocabulary_size(v), 4);
  data_column *ids = data_column_encode(&d->inputs[0], &(text_encoder){&p, v}, NULL, NULL, NULL);
  const size_t rows[] = {2, 1, 0};
  assert_int_equal(data_column_longest(ids, rows, 3), 3);
  int32_t out[12];
  data_gather_i32(ids, rows, 3, 4, out);
  const int32_t expected[] = {2, 1, 3, 0, 0, 0, 0, 0, 3, 2, 2, 0};
  assert_memory_equal(out, expected, sizeof out);
  data_column_free(ids);
  vocabulary_free(v);
  dataset_free(d);
  data_problems_free(&problems);
}

static void words_and_tags(void **state) {
  (void)state;
  const data_field words = {"words", DATA_WORDS, 1, {-1}}, tags = {"tags", DATA_CLASSES, 1, {-1}};
  const data_schema schema = {&words, 1, &tags, 1, false};
  const char *path =
      file_puts("tags.jsonl", "{\"words\": [\"New York\", \"!\", \"is\"], \"tags\": [\"N\", \"P\", \"V\"]}\n"
                              "{\"words\": \"is it\", \"tags\": \"V N\"}\n{\"words\": [], \"tags\": []}\n");
  data_problems problems = {0};
  dataset *d = dataset_open(&path, 1, &schema, NULL, &problems);
  expect_problems(&problems, "");
  assert_int_equal(d->rows, 3);
  text_view *names;
  size_t count = dataset_class_names(&d->outputs[0], d->rows, &names);
  assert_int_equal(count, 3);
  assert_int_equal(dataset_bind_classes(d, &d->outputs[0], names, count, &problems), 0);
  free(names);
  const size_t rows[] = {1, 0, 2};
  int32_t out[9];
  data_gather_i32(&d->outputs[0], rows, 3, data_column_longest(&d->outputs[0], rows, 3), out);
  const int32_t expected_tags[] = {2, 0, 0, 0, 1, 2, 0, 0, 0}; // N P V
  assert_memory_equal(out, expected_tags, sizeof out);

  text_pipeline p = {0};
  vocabulary *v = dataset_adapt(&d->inputs[0], &p, 0, 3, NULL); // is 2, new york 1, it 1
  data_column *ids = data_column_encode(&d->inputs[0], &(text_encoder){&p, v}, NULL, NULL, NULL);
  data_gather_i32(ids, rows, 3, 3, out);
  const int32_t expected_words[] = {2, 4, 0, 3, 0, 2, 0, 0, 0};
  assert_memory_equal(out, expected_words, sizeof out);
  data_column_free(ids);
  vocabulary_free(v);

  text_pipeline letters = {.split = TEXT_SPLIT_CHARACTER, .output_sequence_length = 4};
  v = dataset_adapt(&d->inputs[0], &letters, 1, 2, NULL); // "is it": i 2, t 1, s 1
  ids = data_column_encode(&d->inputs[0], &(text_encoder){&letters, v}, NULL, NULL, NULL);
  assert_int_equal(data_column_longest(ids, rows, 3), 3);
  assert_int_equal(data_column_longest_inner(ids, rows, 1), 2);
  assert_int_equal(data_column_longest_inner(ids, rows, 2), 4); // cut from eight
  int32_t nested[2 * 3 * 2];
  data_gather_nested_i32(ids, rows, 2, 3, 2, nested);
  const int32_t expected_nested[] = {2, 4, 2, 3, 0, 0, 1, 1, 0, 0, 2, 4};
  assert_memory_equal(nested, expected_nested, sizeof nested);
  data_column_free(ids);
  vocabulary_free(v);
  dataset_free(d);
}

static void split_points(void **state) {
  (void)state;
  assert_int_equal(dataset_split_point(25000, 0.2), 20000);
  assert_int_equal(dataset_split_point(10, 0.25), 7); // floor(7.5)
  assert_int_equal(dataset_split_point(10, 0), 10);
  assert_int_equal(dataset_split_point(10, 1), 0);
}

static void several_files(void **state) {
  (void)state;
  const char *paths[] = {file_puts("one.ft", "__label__a x\n"), file_puts("two.csv", "label,text\nb,y\n")};
  data_problems p = {0};
  dataset *d = dataset_open(paths, 2, &text_to_label, NULL, &p);
  expect_rows(d, "a=x|b=y");
  assert_int_equal(d->row_line[1], 2);
  assert_string_equal(d->row_file[1], paths[1]);
  dataset_free(d);
  expect_problems(&p, "");
}

// Whatever the bytes, reading ends, and every complaint has a reason.
static void mutations(void **state) {
  (void)state;
  static const char *const seeds[] = {
      "text,label\n\"a, \"\"b\"\"\nc\",pos\r\nd,neg\n", "label\ttext\nx\ty z\nb\tc\n",
      "__label__pos a good film\n__label__neg bad\n",
      "{\"text\": \"a\", \"label\": \"b\"}\n{\"text\": \"c\", \"label\": 2}\n"};
  uint32_t random = 11;
  unsigned char bytes[256];
  for (int round = 0; round < 500; round++) {
    const char *seed = seeds[round % 4];
    size_t n = strlen(seed);
    memcpy(bytes, seed, n);
    n = mutate(bytes, n, sizeof bytes, &random);
    const char *path = file_put("mutated", bytes, n);
    data_problems p = {0};
    dataset *d = dataset_open(&path, 1, &text_to_label, NULL, &p);
    assert_true(d || p.count);
    for (size_t i = 0; i < p.count && i < DATA_PROBLEMS_KEPT; i++)
      assert_true(p.kept[i].reason[0]);
    for (size_t i = 0; d && i < d->rows; i++)
      assert_true(d->outputs[0].texts[i].bytes > 0 && d->inputs[0].texts[i].bytes < sizeof bytes);
    dataset_free(d);
    data_problems_free(&p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tsv),
      cmocka_unit_test(bad_bytes),
      cmocka_unit_test(csv),
      cmocka_unit_test(fasttext_and_json),
      cmocka_unit_test(gzip),
      cmocka_unit_test(folders),
      cmocka_unit_test(classes),
      cmocka_unit_test(numbers),
      cmocka_unit_test(many_problems),
      cmocka_unit_test(encoding),
      cmocka_unit_test(words_and_tags),
      cmocka_unit_test(split_points),
      cmocka_unit_test(several_files),
      cmocka_unit_test(mutations),
  };
  return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
