#include "tests/fuzz/damage.h"
#include "support/arena.h"
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state = UINT64_C(0x9E3779B97F4A7C15);

size_t random_below(size_t n) { // xorshift
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return n ? (size_t)(random_state % n) : 0;
}

static const char *const fragments[] = {
    "(",       ")",     "[",     "]",        "{",    "}",     "->",     "=",      ",",
    ":",       "-",     "#",     "\"",       "'",    "\n",    "\r",     "\\",     "1_",
    ".5",      "model", "train", "block",    "cell", "const", "return", "output", "input",
    "include", "x",     " ",     "\xC3\xA9", "\xFF", "\\u{",  "//",     "<=",     "\xEF\xBB\xBF",
    "# c\n",   "\n\n\n"};

static void replace(strbuf *text, size_t at, size_t cut, const char *piece, size_t bytes) {
  size_t left = text->len - at - cut;
  char *rest = xmalloc(left + 1);
  memcpy(rest, text->data + at + cut, left);
  text->len = at;
  strbuf_add(text, piece, bytes);
  strbuf_add(text, rest, left);
  free(rest);
}

void damage_bytes(strbuf *text) {
  size_t at = random_below(text->len + 1), cut = random_below(4) ? 0 : random_below(12);
  if (cut > text->len - at)
    cut = text->len - at;
  const char *piece = fragments[random_below(sizeof fragments / sizeof *fragments)];
  char byte = (char)random_below(256);
  if (random_below(3))
    replace(text, at, cut, piece, strlen(piece));
  else
    replace(text, at, cut, &byte, 1);
}

static const char *const words[] = {"x",
                                    "0",
                                    "-1",
                                    "3",
                                    "1e9",
                                    "600",
                                    "0.5",
                                    "none",
                                    "true",
                                    "\"relu\"",
                                    "relu",
                                    "Dense",
                                    "LSTM",
                                    "LSTM(3)",
                                    "Dense(2)",
                                    "Embedding",
                                    "units",
                                    "[1, 2]",
                                    "{a: 1}",
                                    "Add",
                                    "Concatenate()",
                                    "Bidirectional",
                                    "words",
                                    "words -> Flatten()",
                                    "f(x)",
                                    "text",
                                    "int",
                                    "batch",
                                    "9223372036854775807",
                                    "TimeDistributed",
                                    "OneHot",
                                    "name",
                                    "a // 0",
                                    "abs(x)"};

static int is_word_byte(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

void damage_word(strbuf *text) {
  if (text->len == 0)
    return;
  size_t at = random_below(text->len), end;
  while (at < text->len && !is_word_byte(text->data[at]))
    at++;
  while (at > 0 && at < text->len && is_word_byte(text->data[at - 1]))
    at--;
  for (end = at; end < text->len && is_word_byte(text->data[end]);)
    end++;
  const char *piece = words[random_below(sizeof words / sizeof *words)];
  replace(text, at, end - at, piece, strlen(piece));
}
