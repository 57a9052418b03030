// Counter-based random numbers.
#include "support/random.h"

uint64_t random_mix(uint64_t x) {
  x = (x ^ (x >> 30)) * RANDOM_MIX_A;
  x = (x ^ (x >> 27)) * RANDOM_MIX_B;
  return x ^ (x >> 31);
}

uint64_t random_session_key(uint64_t seed, uint64_t step) {
  return random_mix(random_mix(seed + RANDOM_STEP) + step * RANDOM_STEP);
}

uint64_t random_stream_key(uint64_t session_key, uint64_t stream) {
  return random_mix(session_key + stream * RANDOM_STREAM);
}

double random_unit(uint64_t stream_key, uint64_t element) {
  return (double)(random_mix(stream_key + element * RANDOM_STEP) >> RANDOM_DROP_BITS) * RANDOM_SCALE;
}
