// Word vectors in binary files. All numbers are little-endian.
//
// word2vec: "ROWS WIDTH\n", then for each row the word, a space, WIDTH floats, and with some writers a
// newline.
//
// fastText (versions 11 and 12): magic, version; 12 arguments of 32 bits and a double; the dictionary:
// numbers of entries, words and labels (32 bits), of tokens and of pruned n-grams (64 bits), and each entry:
// text, NUL, count (64 bits), kind (a byte); whether the matrix is quantized (a byte); rows and columns (64
// bits), floats. A word's vector is the mean of its own row and the rows of its character n-grams, which
// stand behind those of the words by hash.
#include "runtime/train/pretrained_table.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct cursor {
  const unsigned char *at, *end;
} cursor;

static size_t left(const cursor *c) {
  return (size_t)(c->end - c->at);
}

static bool take(cursor *c, void *out, size_t bytes) {
  if (left(c) < bytes)
    return false;
  memcpy(out, c->at, bytes);
  c->at += bytes;
  return true;
}

static double float_at(const unsigned char *at) {
  float number;
  memcpy(&number, at, sizeof number);
  return number;
}

static bool refuse(const pretrained_table *t, const char *reason) {
  strbuf_printf(t->report, "%s: %s", t->path, reason);
  return false;
}

bool pretrained_is_binary(const char *path) {
  unsigned char start[4096];
  FILE *f = fopen(path, "rb");
  size_t n = f ? fread(start, 1, sizeof start, f) : 0;
  if (f)
    fclose(f);
  for (size_t k = 0; k < n; k++)
    if (start[k] < ' ' && !strchr("\t\n\v\f\r", start[k] ? start[k] : 1))
      return true;
  return false;
}

// ---- word2vec

static bool read_heading(cursor *c, long long *rows, long long *width) {
  char line[64];
  size_t n = left(c) < sizeof line - 1 ? left(c) : sizeof line - 1;
  memcpy(line, c->at, n);
  line[n] = 0;
  char *newline = strchr(line, '\n'), *end;
  if (!newline)
    return false;
  *newline = 0;
  *rows = strtoll(line, &end, 10);
  if (end == line || *end != ' ')
    return false;
  *width = strtoll(end, &end, 10);
  c->at += newline - line + 1;
  return *rows >= 0 && *width > 0 && end[strspn(end, " \r")] == 0;
}

static bool take_vector(pretrained_table *t, const unsigned char *numbers, const char *word, size_t bytes) {
  int64_t row = pretrained_row_of_word(t, word, bytes);
  for (int64_t k = 0; row >= 0 && k < t->width; k++) {
    double number = float_at(numbers + 4 * k);
    if (!isfinite(number)) {
      strbuf_printf(t->report, "%s: number %lld of the word '%.*s' is not finite", t->path, (long long)k + 1,
                    (int)(bytes < 100 ? bytes : 100), word);
      return false;
    }
    pretrained_set_number(t, row * t->width + k, number);
  }
  return true;
}

static bool load_word2vec(pretrained_table *t, cursor c) {
  long long rows, width;
  if (!read_heading(&c, &rows, &width))
    return refuse(
        t,
        "it is no word vectors that are known: neither text nor the binary forms of word2vec and fastText");
  if (width != t->width)
    return pretrained_refuse_width(t, "", width);
  for (long long k = 0; k < rows; k++) {
    while (left(&c) && *c.at == '\n')
      c.at++;
    const unsigned char *space = memchr(c.at, ' ', left(&c));
    size_t bytes = 4 * (size_t)t->width;
    if (!space || (size_t)(c.end - space) - 1 < bytes) {
      strbuf_printf(t->report, "%s: it ends in vector %lld of the %lld that its first line promises", t->path,
                    k + 1, rows);
      return false;
    }
    if (!take_vector(t, space + 1, (const char *)c.at, (size_t)(space - c.at)))
      return false;
    c.at = space + 1 + bytes;
  }
  while (left(&c) && (*c.at == '\n' || *c.at == '\r'))
    c.at++;
  if (left(&c))
    strbuf_printf(t->report, "%s: %zu bytes stand behind the %lld vectors that its first line promises",
                  t->path, left(&c), rows);
  return !left(&c);
}

// ---- fastText

enum { FASTTEXT_MAGIC = 793712314, LEAST_VERSION = 11, VERSION = 12, SUPERVISED = 3, MOST_WORD = 1 << 16 };
enum { DIM, WS, EPOCH, MIN_COUNT, NEG, WORD_NGRAMS, LOSS, MODEL, BUCKET, MINN, MAXN, UPDATE_RATE, ARGUMENTS };

typedef struct fasttext {
  int32_t arguments[ARGUMENTS];
  int32_t words; // entries of the dictionary that are no labels, which come first
  const unsigned char *matrix;
  struct entry {
    int64_t number; // of the word in the dictionary; -1: it has none
    text_view word;
  } * entries; // by row of the table
} fasttext;

static uint32_t ngram_hash(const char *text, size_t bytes) {
  uint32_t h = 2166136261u;
  for (size_t k = 0; k < bytes; k++) {
    uint32_t byte = (unsigned char)text[k];
    h = (h ^ (byte < 128 ? byte : byte | 0xFFFFFF00u)) * 16777619u; // signed characters, as fastText has them
  }
  return h;
}

static bool goes_on(char c) { // a byte within a character
  return (c & 0xC0) == 0x80;
}

static void add_row(const pretrained_table *t, const fasttext *f, int64_t row, double *sum) {
  for (int64_t k = 0; k < t->width; k++)
    sum[k] += float_at(f->matrix + 4 * (row * t->width + k));
}

// The rows of "<word>"'s character n-grams; how many there are.
static int64_t add_ngrams(const pretrained_table *t, const fasttext *f, text_view word, double *sum) {
  int32_t least = f->arguments[MINN], most = f->arguments[MAXN], bucket = f->arguments[BUCKET];
  char text[MOST_WORD + 2];
  size_t n = word.bytes + 2;
  int64_t count = 0;
  if (word.bytes > MOST_WORD || most <= 0 || bucket <= 0 ||
      (word.bytes == 4 && !memcmp(word.data, "</s>", 4)))
    return 0;
  text[0] = '<';
  memcpy(text + 1, word.data, word.bytes);
  text[n - 1] = '>';
  for (size_t i = 0; i < n; i++) {
    if (goes_on(text[i]))
      continue;
    size_t j = i;
    for (int32_t length = 1; j < n && length <= most; length++) {
      for (j++; j < n && goes_on(text[j]);)
        j++;
      if (length < least || (length == 1 && (i == 0 || j == n)))
        continue;
      add_row(t, f, f->words + (int64_t)(ngram_hash(text + i, j - i) % (uint32_t)bucket), sum);
      count++;
    }
  }
  return count;
}

static bool read_arguments(const pretrained_table *t, cursor *c, fasttext *f) {
  int32_t version;
  double threshold;
  c->at += sizeof(int32_t); // the magic number
  if (!take(c, &version, sizeof version) || !take(c, f->arguments, sizeof f->arguments) ||
      !take(c, &threshold, sizeof threshold))
    return refuse(t, "it ends in its heading");
  if (version < LEAST_VERSION || version > VERSION) {
    strbuf_printf(t->report, "%s: a fastText model of version %d; %d and %d are known", t->path, (int)version,
                  LEAST_VERSION, VERSION);
    return false;
  }
  if (version == LEAST_VERSION && f->arguments[MODEL] == SUPERVISED)
    f->arguments[MAXN] = 0;
  return f->arguments[DIM] == t->width || pretrained_refuse_width(t, "", f->arguments[DIM]);
}

static bool read_dictionary(pretrained_table *t, cursor *c, fasttext *f) {
  int32_t counts[3];
  int64_t tokens, pruned;
  if (!take(c, counts, sizeof counts) || !take(c, &tokens, sizeof tokens) || !take(c, &pruned, sizeof pruned))
    return refuse(t, "it ends in its heading");
  if (counts[0] < 0 || counts[1] < 0 || counts[1] > counts[0])
    return refuse(t, "its dictionary says how many words it has in numbers that cannot be");
  if (pruned > 0)
    return refuse(t, "a fastText model whose n-grams are pruned; take the one before `fasttext quantize`");
  f->words = counts[1];
  for (int32_t k = 0; k < counts[0]; k++) {
    const unsigned char *end = memchr(c->at, 0, left(c));
    if (!end || (size_t)(c->end - end) < 1 + sizeof(int64_t) + 1) {
      strbuf_printf(t->report, "%s: it ends in entry %d of the %d in its dictionary", t->path, (int)k + 1,
                    (int)counts[0]);
      return false;
    }
    text_view word = {(const char *)c->at, (size_t)(end - c->at)};
    int64_t row = k < f->words ? pretrained_row_of_word(t, word.data, word.bytes) : -1;
    if (row >= 0)
      f->entries[row] = (struct entry){k, word};
    c->at = end + 1 + sizeof(int64_t) + 1;
  }
  return true;
}

static bool find_matrix(const pretrained_table *t, cursor *c, fasttext *f) {
  unsigned char quantized;
  int64_t extents[2];
  int64_t rows = f->words + (f->arguments[MAXN] > 0 ? (int64_t)f->arguments[BUCKET] : 0);
  if (!take(c, &quantized, 1) || (!quantized && !take(c, extents, sizeof extents)))
    return refuse(t, "it ends before its vectors");
  if (quantized)
    return refuse(t, "a quantized fastText model; take the one before `fasttext quantize`");
  if (extents[1] != t->width || extents[0] < rows || f->arguments[BUCKET] < 0)
    return refuse(t, "its vectors are not as many as its heading says");
  if ((uint64_t)extents[0] > left(c) / (4 * (uint64_t)t->width)) {
    strbuf_printf(t->report, "%s: it ends in its %lld vectors", t->path, (long long)extents[0]);
    return false;
  }
  f->matrix = c->at;
  return true;
}

// Words of the vocabulary that the file does not know have n-grams all the same.
static void name_unknown(const pretrained_table *t, fasttext *f) {
  int64_t end = t->words ? (int64_t)vocabulary_size(t->words) : 0;
  for (int64_t row = t->words ? (int64_t)vocabulary_specials(t->words) : 0; row < end && row < t->rows; row++)
    f->entries[row].word = vocabulary_word(t->words, (int32_t)row);
}

static bool set_means(pretrained_table *t, const fasttext *f) {
  double *sum = xcalloc((size_t)t->width, sizeof *sum);
  bool fine = true;
  for (int64_t row = 0; row < t->rows && fine; row++) {
    const struct entry *e = &f->entries[row];
    int64_t count = e->number >= 0;
    memset(sum, 0, (size_t)t->width * sizeof *sum);
    if (count)
      add_row(t, f, e->number, sum);
    if (e->word.bytes)
      count += add_ngrams(t, f, e->word, sum);
    if (count && !t->filled[row]) {
      t->filled[row] = true;
      t->from_ngrams++;
    }
    for (int64_t k = 0; k < t->width && count; k++) {
      fine = fine && isfinite(sum[k]);
      pretrained_set_number(t, row * t->width + k, sum[k] / (double)count);
    }
  }
  free(sum);
  return fine || refuse(t, "a vector holds a number that is not finite");
}

static bool load_fasttext(pretrained_table *t, cursor c) {
  fasttext f = {.entries = xcalloc((size_t)t->rows + 1, sizeof *f.entries)};
  for (int64_t k = 0; k < t->rows; k++)
    f.entries[k].number = -1;
  bool fine = read_arguments(t, &c, &f) && read_dictionary(t, &c, &f) && find_matrix(t, &c, &f);
  if (fine) {
    name_unknown(t, &f);
    fine = set_means(t, &f);
  }
  free(f.entries);
  return fine;
}

// ---- either

bool pretrained_load_binary(pretrained_table *t) {
  int fd = open(t->path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  void *mapping = MAP_FAILED;
  if (fd >= 0 && !fstat(fd, &st))
    mapping = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapping == MAP_FAILED)
    refuse(t, strerror(errno));
  if (fd >= 0)
    close(fd);
  if (mapping == MAP_FAILED)
    return false;
  cursor c = {mapping, (const unsigned char *)mapping + st.st_size};
  int32_t magic = 0;
  if (left(&c) >= sizeof magic)
    memcpy(&magic, c.at, sizeof magic);
  bool fine = magic == FASTTEXT_MAGIC ? load_fasttext(t, c) : load_word2vec(t, c);
  munmap(mapping, (size_t)st.st_size);
  return fine;
}
