#ifndef NLM_SUPPORT_RANDOM_H
#define NLM_SUPPORT_RANDOM_H
// Counter-based random numbers: a pure function of (seed, step, stream, element), the same in generated code,
// the runtime and the reference interpreter. All arithmetic is modulo 2^64.
//
//   mix(x)         the finaliser of splitmix64: x ^= x >> 30; x *= MIX_A; x ^= x >> 27; x *= MIX_B; x ^= x >>
//   31 session key    = mix(mix(seed + RANDOM_STEP) + step * RANDOM_STEP) stream key     = mix(session key +
//   stream * RANDOM_STREAM) element n      = (mix(stream key + n * RANDOM_STEP) >> 40) * 2^-24
//
// So an element is one of 2^24 equally spaced numbers in [0, 1), exact in f32 and f64 alike.
// Thread-safety: pure functions.
#include <stdint.h>

#define RANDOM_MIX_A UINT64_C(0xBF58476D1CE4E5B9)
#define RANDOM_MIX_B UINT64_C(0x94D049BB133111EB)
#define RANDOM_STEP UINT64_C(0x9E3779B97F4A7C15)
#define RANDOM_STREAM UINT64_C(0xD1342543DE82EF95)
enum { RANDOM_DROP_BITS = 40 };
#define RANDOM_SCALE 0x1p-24

uint64_t random_mix(uint64_t x);
uint64_t random_session_key(uint64_t seed, uint64_t step);
uint64_t random_stream_key(uint64_t session_key, uint64_t stream);
double random_unit(uint64_t stream_key, uint64_t element); // in [0, 1)

#endif
