#include "runtime/text/hash.h"
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "hashes read words as little-endian numbers"
#endif

static uint64_t load64(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

static uint64_t load32(const char *at) {
  uint32_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

static uint64_t rotate_right(uint64_t x, unsigned n) {
  return x >> n | x << (64 - n);
}

// ---- FarmHash

static const uint64_t prime0 = 0xc3a5c85c97cb3127, prime1 = 0xb492b66fbe98f273, prime2 = 0x9ae16a3b2f90404f;

static uint64_t fold(uint64_t x) {
  return x ^ x >> 47;
}

// Two words to one.
static uint64_t join(uint64_t u, uint64_t v, uint64_t factor) {
  return fold((v ^ fold((u ^ v) * factor)) * factor) * factor;
}

static uint64_t farm_to_16(const char *text, size_t n) {
  const char *end = text + n;
  uint64_t factor = prime2 + 2 * n;
  if (n >= 8) {
    uint64_t first = load64(text) + prime2, last = load64(end - 8);
    return join(rotate_right(last, 37) * factor + first, (rotate_right(first, 25) + last) * factor, factor);
  }
  if (n >= 4)
    return join(n + (load32(text) << 3), load32(end - 4), factor);
  if (n == 0)
    return prime2;
  const unsigned char *byte = (const unsigned char *)text;
  uint64_t low = byte[0] + ((uint64_t)byte[n / 2] << 8), high = n + ((uint64_t)byte[n - 1] << 2);
  return fold(low * prime2 ^ high * prime0) * prime2;
}

// The words at both ends of a text of 17 to 64 bytes, mixed.
typedef struct farm_ends {
  uint64_t first, left, right;
} farm_ends;

static farm_ends mix_ends(const char *text, size_t n, uint64_t prime, uint64_t factor) {
  const char *end = text + n;
  uint64_t a = load64(text) * prime, b = load64(text + 8), c = load64(end - 8) * factor,
           d = load64(end - 16) * prime2;
  return (farm_ends){a, rotate_right(a + b, 43) + rotate_right(c, 30) + d,
                     a + rotate_right(b + prime2, 18) + c};
}

static uint64_t farm_to_32(const char *text, size_t n) {
  uint64_t factor = prime2 + 2 * n;
  farm_ends ends = mix_ends(text, n, prime1, factor);
  return join(ends.left, ends.right, factor);
}

static uint64_t farm_to_64(const char *text, size_t n) {
  const char *end = text + n;
  uint64_t factor = prime2 + 2 * n;
  farm_ends ends = mix_ends(text, n, prime2, factor);
  uint64_t inner = join(ends.left, ends.right, factor);
  uint64_t e = load64(text + 16) * factor, f = load64(text + 24);
  uint64_t g = (ends.left + load64(end - 32)) * factor, h = (inner + load64(end - 24)) * factor;
  return join(rotate_right(e + f, 43) + rotate_right(g, 30) + h, e + rotate_right(f + ends.first, 18) + g,
              factor);
}

typedef struct farm_pair {
  uint64_t low, high;
} farm_pair;

static farm_pair mix_32_bytes(const char *at, uint64_t low, uint64_t high) {
  low += load64(at);
  high = rotate_right(high + low + load64(at + 24), 21);
  uint64_t before = low;
  low += load64(at + 8) + load64(at + 16);
  return (farm_pair){low + load64(at + 24), high + rotate_right(low, 44) + before};
}

typedef struct farm_state {
  uint64_t x, y, z;
  farm_pair v, w;
} farm_state;

// `weight` is 1 inside a text and 9 in its last block.
static void mix_block(farm_state *s, const char *at, uint64_t factor, uint64_t weight) {
  uint64_t x = rotate_right(s->x + s->y + s->v.low + load64(at + 8), 37) * factor ^ s->w.high * weight;
  uint64_t y =
      rotate_right(s->y + s->v.high + load64(at + 48), 42) * factor + s->v.low * weight + load64(at + 40);
  uint64_t z = rotate_right(s->z + s->w.low, 33) * factor;
  s->v = mix_32_bytes(at, s->v.high * factor, x + s->w.low);
  s->w = mix_32_bytes(at + 32, z + s->w.high, y + load64(at + 16));
  s->x = z;
  s->y = y;
  s->z = x;
}

static uint64_t farm_long(const char *text, size_t n) {
  const uint64_t seed = 81;
  farm_state s = {.x = seed * prime2 + load64(text), .y = seed * prime1 + 113};
  s.z = fold(s.y * prime2 + 113) * prime2;
  for (size_t at = 0; n - at > 64; at += 64)
    mix_block(&s, text + at, prime1, 1);
  uint64_t factor = prime1 + 2 * (s.z & 0xff);
  s.w.low += (n - 1) & 63;
  s.v.low += s.w.low;
  s.w.low += s.v.low;
  mix_block(&s, text + n - 64, factor, 9);
  return join(join(s.v.low, s.w.low, factor) + fold(s.y) * prime0 + s.z,
              join(s.v.high, s.w.high, factor) + s.x, factor);
}

uint64_t hash_fingerprint(const char *text, size_t bytes) {
  if (bytes <= 16)
    return farm_to_16(text, bytes);
  if (bytes <= 32)
    return farm_to_32(text, bytes);
  return bytes <= 64 ? farm_to_64(text, bytes) : farm_long(text, bytes);
}

// ---- SipHash

static void sip_rounds(uint64_t v[4], int rounds) {
  for (int k = 0; k < rounds; k++) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_right(v[1], 64 - 13) ^ v[0];
    v[3] = rotate_right(v[3], 64 - 16) ^ v[2];
    v[0] = rotate_right(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_right(v[1], 64 - 17) ^ v[2];
    v[3] = rotate_right(v[3], 64 - 21) ^ v[0];
    v[2] = rotate_right(v[2], 32);
  }
}

static void sip_word(uint64_t v[4], uint64_t word) {
  v[3] ^= word;
  sip_rounds(v, 2);
  v[0] ^= word;
}

uint64_t hash_salted(const uint64_t key[2], const char *text, size_t bytes) {
  uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                   key[1] ^ 0x7465646279746573};
  size_t whole = bytes / 8 * 8;
  for (size_t at = 0; at < whole; at += 8)
    sip_word(v, load64(text + at));
  uint64_t last = (uint64_t)bytes << 56;
  for (size_t k = whole; k < bytes; k++)
    last |= (uint64_t)(unsigned char)text[k] << 8 * (k - whole);
  sip_word(v, last);
  v[2] ^= 0xff;
  sip_rounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
