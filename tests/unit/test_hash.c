// The hashes of the Hashing layer against published numbers: FarmHash's from the tests of an independent port
// (github.com/tecnickcom/farmhash64), SipHash's from its paper's appendix, bins from the tests of Keras.
#include "runtime/text/hash.h"
#include "unit.h"
#include <string.h>

typedef struct hashed {
  const char *text;
  uint64_t hash;
} hashed;

// Lengths 0 to 24 one by one, and one for each branch further on: up to 32, 64 and several blocks of 64.
static const hashed farm[] = {
    {"", 0x9ae16a3b2f90404f},
    {"a", 0xb3454265b6df75e3},
    {"ab", 0xaa8d6e5242ada51e},
    {"abc", 0x24a5b3a074e7f369},
    {"abcd", 0x1a5502de4a1f8101},
    {"abcde", 0xc22f4663e54e04d4},
    {"abcdef", 0xc329379e6a03c2cd},
    {"abcdefg", 0x3c40c92b1ccb7355},
    {"abcdefgh", 0xfee9d22990c82909},
    {"abcdefghi", 0x332c8ed4dae5ba42},
    {"0123456789", 0xad052244b781c4eb},
    {"0123456789 ", 0x3ef4c03514208c77},
    {"0123456789-0", 0x496841e83a33cc91},
    {"0123456789~01", 0xd81bcb9f3679ac0c},
    {"0123456789#012", 0x5da5a6a117c606f6},
    {"0123456789@0123", 0x5361eae17c1ff6bc},
    {"0123456789'01234", 0x4283d4ef43627f64},
    {"0123456789=012345", 0x46a7416ed4861e3b},
    {"0123456789+0123456", 0xa4abb4e0da2c594c},
    {"0123456789*01234567", 0xcf1c7d3ad54f9215},
    {"0123456789&012345678", 0x07adf50b2ac764fc},
    {"0123456789^0123456789", 0xdebcba8e6f3eabd1},
    {"size:  a.out:  bad magic", 0x80d73b843ba57db8},
    {"Nepal premier won't resign.", 0x8eb3808d1ccfc779},
    {"C is as portable as Stonehedge!!", 0xb944f8a16261e414},
    {"Discard medicine more than two years old.", 0xe8f89ab6df9bdd25},
    {"If the enemy is within range, then so are you.", 0xbdd69b798d6ba37a},
    {"How can you write a big system without C++?  -Paul Glick", 0x5a0a6efd52e84e2a},
    {"The days of the digital watch are numbered.  -Tom Stoppard", 0x2a578b80bb82147c},
    {"For every action there is an equal and opposite government program.", 0x55182f8859eca4ce},
    {"Give me a rock, paper and scissors and I will move the world.  CCFestoon", 0xa2b8bf3032021993},
    {"There is no reason for any individual to have a computer in their home. -Ken Olsen, 1977",
     0x7e85d7b050ed2967},
    {"The fugacity of a constituent in a mixture of gases at a given temperature is proportional to its mole "
     "fraction.  Lewis-Randall Rule",
     0x098eff6958c5e91a},
    {"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et "
     "dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut "
     "aliquip "
     "ex ea commodo consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore "
     "eu fugiat nulla pariatur. Excepteur sint occaecat cupidatat non proident, sunt in culpa qui officia "
     "deserunt mollit anim id est laborum.",
     0xc3f02c4ffd5d71e6},
};

static void fingerprints(void **state) {
  (void)state;
  for (size_t k = 0; k < sizeof farm / sizeof *farm; k++)
    if (hash_fingerprint(farm[k].text, strlen(farm[k].text)) != farm[k].hash)
      fail_msg("'%s'", farm[k].text);
}

// The paper's example: key 00 01 .. 0f, message 00 01 .. 0e.
static void paper(void **state) {
  (void)state;
  char message[15];
  for (int k = 0; k < 15; k++)
    message[k] = (char)k;
  const uint64_t key[] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
  assert_true(hash_salted(key, message, sizeof message) == 0xa129ca6149be45e5);
}

static void expect_bins(const uint64_t *salt, uint64_t bins, const char *const *texts, const int *expected) {
  for (int k = 0; texts[k]; k++) {
    size_t n = strlen(texts[k]);
    uint64_t hash = salt ? hash_salted(salt, texts[k], n) : hash_fingerprint(texts[k], n);
    if ((int)(hash % bins) != expected[k])
      fail_msg("'%s' falls into bin %d of %d, not %d", texts[k], (int)(hash % bins), (int)bins, expected[k]);
  }
}

static void keras_bins(void **state) {
  (void)state;
  const char *const letters[] = {"A", "B", "C", "D", "E", NULL}, *const digits[] = {"0", "1", "2",
                                                                                    "3", "4", NULL},
                    *const names[] = {"omar", "stringer", "marlo", "wire", "skywalker", NULL},
                    *const hundreds[] = {"100", "200", "300", "400", NULL};
  const uint64_t two[] = {133, 137}, same[] = {133, 133}, other[] = {211, 137};
  expect_bins(NULL, 3, letters, (int[]){1, 0, 1, 1, 2});
  expect_bins(NULL, 2, (const char *const[]){"A", "B", "C", "D", NULL},
              (int[]){0, 0, 1, 1}); // mask_value: 2 of 3
  expect_bins(NULL, 2, names, (int[]){0, 0, 1, 0, 0});
  expect_bins(NULL, 3, digits, (int[]){1, 0, 1, 0, 2});
  expect_bins(NULL, 4, hundreds, (int[]){3, 1, 3, 1});
  expect_bins(two, 3, letters, (int[]){1, 2, 1, 0, 2});
  expect_bins(same, 3, letters, (int[]){0, 0, 2, 1, 0});
  expect_bins(two, 2, names, (int[]){0, 1, 0, 1, 0});
  expect_bins(other, 2, names, (int[]){1, 0, 1, 0, 1});
  expect_bins(two, 3, digits, (int[]){1, 1, 2, 0, 1});
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(fingerprints), cmocka_unit_test(paper),
                                     cmocka_unit_test(keras_bins)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
