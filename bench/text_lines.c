// Labelled lines to time text models with: `text_lines MEGABYTES WORDS SEED [tsv|jsonl|csv] >FILE`. Words by
// Zipf's law from a vocabulary of WORDS, lines of 20 to 420 words; a line's label depends on its words a
// little.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint64_t next(void) { // splitmix64
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static double uniform(void) {
  return (double)(next() >> 11) * 0x1p-53;
}

static void letters_of(unsigned n, char *out) { // a word for a rank, shorter ones first
  char *at = out;
  do
    *at++ = (char)('a' + n % 26);
  while ((n /= 26) > 0);
  *at = 0;
}

int main(int argc, char **argv) {
  if (argc < 4 || argc > 5) {
    fprintf(stderr, "usage: text_lines MEGABYTES WORDS SEED [tsv|jsonl|csv] >FILE\n");
    return 2;
  }
  double bytes = atof(argv[1]) * 1e6, words = atof(argv[2]), scale = log(words + 1);
  state = strtoull(argv[3], NULL, 10);
  int json = argc > 4 && !strcmp(argv[4], "jsonl"), csv = argc > 4 && !strcmp(argv[4], "csv");
  const char *head = json ? "{\"label\": \"%s\", \"text\": \"" : csv ? "%s,\"" : "%s\t";
  const char *tail = json ? "\"}\n" : csv ? "\"\n" : "\n";
  for (double written = 0; written < bytes;) {
    unsigned count = 20 + (unsigned)(next() % 401), first = (unsigned)(exp(uniform() * scale));
    char word[16];
    written += printf(head, first % 2 ? "odd" : "even");
    for (unsigned k = 0; k < count; k++) {
      letters_of(k ? (unsigned)exp(uniform() * scale) : first, word);
      written += printf(k ? " %s" : "%s", word);
    }
    written += printf("%s", tail);
  }
  return ferror(stdout) || fflush(stdout);
}
