#ifndef NLM_TESTS_FUZZ_DAMAGE_H
#define NLM_TESTS_FUZZ_DAMAGE_H
// Random damage to sources, from a fixed seed.
#include "support/strbuf.h"
#include <stddef.h>

size_t random_below(size_t n); // 0 for n = 0
// Inserts, overwrites or cuts at a random place.
void damage_bytes(strbuf *text);
// Replaces one word or number by another word or number, so that the result mostly parses.
void damage_word(strbuf *text);

#endif
