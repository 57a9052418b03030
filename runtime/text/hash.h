#ifndef NLM_RUNTIME_TEXT_HASH_H
#define NLM_RUNTIME_TEXT_HASH_H
// The two hashes of Keras's Hashing layer. Both read bytes alone and give the same number on every machine.
#include <stddef.h>
#include <stdint.h>

// Fingerprint64 of FarmHash (G. Pike, github.com/google/farmhash): what TensorFlow's hash buckets use.
uint64_t hash_fingerprint(const char *text, size_t bytes);
// SipHash-2-4 (J.-P. Aumasson, D. Bernstein: "SipHash: a fast short-input PRF", 2012), for salted buckets.
uint64_t hash_salted(const uint64_t key[2], const char *text, size_t bytes);

#endif
