// Damages data and weights files at random (fixed seed) and reads them: every reader must end normally, with
// rows or with a reason. Usage: fuzz_data ROUNDS
#include "runtime/data/dataset.h"
#include "runtime/data/reader.h"
#include "runtime/npy.h"
#include "runtime/weights.h"
#include "tests/fuzz/damage.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static const data_field text_input = {"review", DATA_TEXT, 0, {0}}, label = {"mood", DATA_CLASS, 0, {0}},
                        words_input = {"words", DATA_WORDS, 1, {-1}}, tags = {"tags", DATA_CLASSES, 1, {-1}},
                        image = {"image", DATA_FLOAT, 2, {2, 3}}, ids = {"ids", DATA_INT, 1, {-1}};
static const data_schema texts = {&text_input, 1, &label, 1, false},
                         tagging = {&words_input, 1, &tags, 1, false}, images = {&image, 1, &label, 1, true},
                         numbers = {&ids, 1, &label, 1, false};

#define BYTES(literal) literal, sizeof literal - 1

static const struct sample {
  const char *suffix;
  const data_schema *schema;
  const char *content;
  size_t bytes;
} samples[] = {
    {"tsv", &texts, BYTES("mood\treview\ngood\ta fine film\nbad\tno \xC3\xA9t\xC3\xA9\n")},
    {"tsv", &texts, BYTES("good\ta fine film\r\nbad\tnone of it\r\n")},
    {"csv", &texts, BYTES("review,mood\n\"a, \"\"b\"\"\nand c\",good\nplain,bad\n")},
    {"csv", &numbers, BYTES("ids,mood\n1 2 3,a\n4 -5,b\n99999999999,a\n")},
    {"txt", &texts, BYTES("__label__good a fine film\n__label__bad nothing\n")},
    {"jsonl", &texts,
     BYTES("{\"review\": \"a \\u00e9\\ud83d\\ude00\", \"mood\": \"good\"}\n{\"text\": \"b\", "
           "\"label\": 3}\n")},
    {"jsonl", &tagging,
     BYTES("{\"words\": [\"a\", \"b\"], \"tags\": [\"O\", \"B-x\"]}\n{\"words\": [], "
           "\"tags\": []}\n")},
    {"jsonl", &images, BYTES("{\"image\": [[1, 2, 3], [4, 5.5, 1e3]], \"mood\": \"a\"}\n")},
    {"conll", &tagging, BYTES("-DOCSTART- -X- O\n\nthe DT O\ncat NN B-x\n\nsat VB O\n")},
    {"conllu", &tagging,
     BYTES("# text = a b\n1\ta\ta\tDET\t_\t_\t2\tdet\t_\t_\n1-2\tab\t_\t_\t_\t_\t_\t_\t_\t_\n"
           "2\tb\tb\tNOUN\t_\t_\t0\troot\t_\t_\n\n")},
    {"idx", &images, BYTES("\0\0\x08\3\0\0\0\2\0\0\0\2\0\0\0\3abcdefghijkl")},
    {"npy", NULL,
     BYTES("\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }             "
           "                                             \nabcdefgh")},
    {"safetensors", NULL,
     BYTES("\x50\0\0\0\0\0\0\0{\"__metadata__\":{\"a\":\"[]\"},\"w\":{\"dtype\":\"F32\","
           "\"shape\":[1],\"data_offsets\":[0,4]}}  \0\0\0\0")},
};

static void write_file(const char *path, const strbuf *content, bool packed) {
  bool good;
  if (packed) {
    gzFile f = gzopen(path, "wb");
    good = f && gzwrite(f, content->data, (unsigned)content->len) == (int)content->len && gzclose(f) == Z_OK;
  } else {
    FILE *f = fopen(path, "wb");
    good = f && fwrite(content->data, 1, content->len, f) == content->len && fclose(f) == 0;
  }
  if (!good) {
    perror(path);
    exit(2);
  }
}

static void agree(bool read, bool reasons, const char *path) {
  if (read || reasons)
    return;
  fprintf(stderr, "fuzz_data: neither rows nor a reason, see %s\n", path);
  exit(1);
}

static void read_rows(const char *path, const data_schema *schema) {
  data_problems problems = {0};
  data_options options = {.seed = 1};
  dataset *d = dataset_open(&path, 1, schema, &options, &problems);
  agree(d != NULL, problems.count > 0, path);
  dataset_free(d);
  data_problems_free(&problems);
}

static void read_stream(const char *path, const data_schema *schema) {
  data_problems problems = {0};
  data_reader *r = data_reader_open(path, schema, &problems);
  agree(r != NULL, problems.count > 0, path);
  dataset *d;
  while (r && (d = data_reader_next(r, 2, &problems)))
    dataset_free(d);
  if (r)
    data_reader_close(r);
  data_problems_free(&problems);
}

static void read_array(const char *path) {
  strbuf error = {0};
  npy_array a = {0};
  bool opened = npy_open(path, &a, &error);
  agree(opened, error.len > 0, path);
  if (opened) {
    double *values = xmalloc((a.count + 1) * sizeof *values);
    agree(npy_to_f64(&a, values, &error), error.len > 0, path);
    free(values);
    npy_close(&a);
  }
  strbuf_free(&error);
}

static void read_weights(const char *path) {
  strbuf error = {0};
  weights_file *w = weights_open(path, &error);
  agree(w != NULL, error.len > 0, path);
  for (size_t k = 0; w && k < weights_count(w); k++) {
    const weight_tensor *t = weights_at(w, k);
    double *values = xmalloc((t->count + 1) * sizeof *values);
    weights_copy_f64(t, values);
    free(values);
  }
  weights_close(w);
  strbuf_free(&error);
}

static void try_sample(const struct sample *s, const strbuf *content, const char *path, bool packed) {
  write_file(path, content, packed);
  if (s->schema) {
    read_rows(path, s->schema);
    read_stream(path, s->schema);
  } else if (!strcmp(s->suffix, "npy"))
    read_array(path);
  else
    read_weights(path);
}

static void damage(strbuf *content) {
  static const unsigned char edges[] = {0x00, 0x7F, 0x80, 0xFF};
  for (size_t n = random_below(4) + 1; n > 0; n--)
    switch (random_below(4)) {
    case 0:
      damage_bytes(content);
      break;
    case 1:
      content->len = random_below(content->len + 1);
      break;
    default: {
      size_t at = random_below(content->len);
      if (content->len)
        content->data[at] = (char)(random_below(2) ? edges[random_below(4)] : random_below(256));
    }
    }
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  size_t rounds = strtoul(argv[1], NULL, 10);
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
    char path[64];
    bool packed = samples[i].schema && i % 2;
    snprintf(path, sizeof path, "fuzz_data.%ld.%s%s", (long)getpid(), samples[i].suffix, packed ? ".gz" : "");
    for (size_t round = 0; round < rounds; round++) {
      strbuf content = {0};
      strbuf_add(&content, samples[i].content, samples[i].bytes);
      if (round)
        damage(&content);
      try_sample(&samples[i], &content, path, packed && round % 4 != 3);
      strbuf_free(&content);
    }
    if (unlink(path))
      perror(path);
  }
  return 0;
}
