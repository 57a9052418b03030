#ifndef NLM_TESTS_EXEC_RANDOM_NET_H
#define NLM_TESTS_EXEC_RANDOM_NET_H
// Sources of random nets: layers, operators and functions composed as their shapes allow, so that passes meet
// neighbours that no example has. Thread-safety: pure.
#include "support/strbuf.h"
#include <stdint.h>

// Appends a file with one model of about `statements` statements: a pure function of the two numbers.
void random_net(uint64_t seed, int statements, strbuf *out);

#endif
