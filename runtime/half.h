#ifndef NLM_RUNTIME_HALF_H
#define NLM_RUNTIME_HALF_H
// IEEE 754 binary16, as files hold it.
#include <math.h>
#include <stdint.h>

static inline double half_to_double(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = exponent == 31  ? (fraction ? (double)NAN : (double)INFINITY)
                 : exponent == 0 ? ldexp(fraction, -24)
                                 : ldexp(fraction + 1024, exponent - 25);
  return bits >> 15 ? -value : value;
}

#endif
