#ifndef NLM_CODEGEN_MATH_COEFFICIENTS_H
#define NLM_CODEGEN_MATH_COEFFICIENTS_H
// Made by codegen/tools/fit_polynomials.py. Lowest power first; f32 tables hold exact f32 values.

// clang-format off
static const double ln2_high_f32 = 0x1.62e0000000000p-1, ln2_low_f32 = 0x1.0bfbe80000000p-15;
static const double ln2_high_f64 = 0x1.62e42fefa0000p-1, ln2_low_f64 = 0x1.cf79abc9e3b3ap-40;

// (e^r - 1 - r)/r^2 for |r| <= ln(2)/2, relative to e^r - 1
// weighted error 1.72e-08 (2^-25.8)
static const double exp_tail_f32[] = {
    0x1.fffffe0000000p-2,
    0x1.5554b00000000p-3,
    0x1.5556740000000p-5,
    0x1.1227b00000000p-7,
    0x1.6bebf60000000p-10,
};

// (e^r - 1 - r)/r^2 for |r| <= ln(2)/2, relative to e^r - 1
// weighted error 1.13e-18 (2^-59.6)
static const double exp_tail_f64[] = {
    0x1.0000000000000p-1,
    0x1.5555555555559p-3,
    0x1.555555555553ep-5,
    0x1.111111110f6c3p-7,
    0x1.6c16c16c1f0d7p-10,
    0x1.a01a01afdde99p-13,
    0x1.a01a017bb6b55p-16,
    0x1.71ddf862e3db4p-19,
    0x1.27e53632dd870p-22,
    0x1.af5ea9b267971p-26,
    0x1.1ee8a4fd923a6p-29,
};

// (log(1+f) - f + f^2/2)/f^3 for 1+f in [sqrt(1/2), sqrt(2)], relative to log(1+f)
// weighted error 3.23e-09 (2^-28.2)
static const double log_tail_f32[] = {
    0x1.5555480000000p-2,
    -0x1.0000060000000p-2,
    0x1.99a4b60000000p-3,
    -0x1.555c4e0000000p-3,
    0x1.23376a0000000p-3,
    -0x1.fc220a0000000p-4,
    0x1.e6f0520000000p-4,
    -0x1.de3bde0000000p-4,
    0x1.1457800000000p-4,
};

// (log((1+s)/(1-s)) - 2s)/s^3 in s^2 for s = f/(2+f), relative to the logarithm
// weighted error 1.43e-18 (2^-59.3)
static const double log_odd_tail_f64[] = {
    0x1.5555555555592p-1,
    0x1.999999997fee6p-2,
    0x1.24924941e0da3p-2,
    0x1.c71c5216410efp-3,
    0x1.74663c54f0e61p-3,
    0x1.39a1fb842bedbp-3,
    0x1.2f02e667bc683p-3,
};

// erf(x)/x - 1 in x^2 for |x| <= 1, relative to erf(x)/x
// weighted error 2.61e-09 (2^-28.5)
static const double erf_near_f32[] = {
    0x1.06eba80000000p-3,
    -0x1.81273e0000000p-2,
    0x1.ce2cf80000000p-4,
    -0x1.b7f90e0000000p-6,
    0x1.5405b40000000p-8,
    -0x1.a3f7100000000p-11,
    0x1.496a5e0000000p-14,
};

// erf(x)/x - 1 in x^2 for |x| <= 1, relative to erf(x)/x
// weighted error 1.10e-17 (2^-56.3)
static const double erf_near_f64[] = {
    0x1.06eba8214db69p-3,
    -0x1.812746b0379e7p-2,
    0x1.ce2f21a042bddp-4,
    -0x1.b82ce3128899bp-6,
    0x1.565bcd0e64ab8p-8,
    -0x1.c02db3fed8f9ep-11,
    0x1.f9a326bfb77d8p-14,
    -0x1.f4d255e14ed06p-17,
    0x1.b9e64d083ae30p-20,
    -0x1.5f6d6b55eca15p-23,
    0x1.fc41174fed2d2p-27,
    -0x1.4e55cd8af99dcp-30,
    0x1.7ecbfbd5bc605p-34,
    -0x1.2928fbcef991cp-38,
};

// -log(erfc(x)), weighted by its effect on erf, relative
// weighted error 6.45e-09 (2^-27.2)
static const double erf_far_f32[] = {
    -0x1.8b3ba40000000p-13,
    0x1.212c2c0000000p+0,
    0x1.4434f20000000p-1,
    0x1.bc18c00000000p-4,
    -0x1.9d0bac0000000p-6,
    0x1.1398be0000000p-8,
    -0x1.ceea320000000p-12,
    0x1.6c05980000000p-16,
};

// -log(erfc(x)), weighted by its effect on erf, relative
// weighted error 2.86e-17 (2^-55.0)
static const double erf_far_f64[] = {
    0x1.81dced0c84b37p-23,
    0x1.20dd562c0f392p+0,
    0x1.45f42b70a5dfap-1,
    0x1.a4da4b2268e22p-4,
    -0x1.389381b6f47efp-6,
    -0x1.2624aa60db44fp-12,
    0x1.cfbdcf2c4f559p-10,
    -0x1.502caad1c3e0bp-11,
    0x1.782c13b9859f3p-15,
    0x1.2716fb0f1c0a0p-14,
    -0x1.79c19b64c3505p-15,
    0x1.15069c2e2bf83p-16,
    -0x1.2258b88a67d97p-18,
    0x1.c895bfcfe391bp-21,
    -0x1.0de836e4f4a2bp-23,
    0x1.d420af8763e0ap-27,
    -0x1.19e3128efc7a8p-30,
    0x1.a5c57279c7a04p-35,
    -0x1.275ebaf491fa2p-40,
};

// clang-format on

#endif
