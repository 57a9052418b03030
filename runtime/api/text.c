// Texts into ids, in the memory of a context.
#include "runtime/api/api.h"
#include <string.h>

static bool is_white(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Words between ASCII white space; the context has room for those of a text within the limits.
static size_t split_words(const char *text, size_t bytes, text_view *words) {
  size_t count = 0;
  for (size_t at = 0; at < bytes;) {
    if (is_white(text[at])) {
      at++;
      continue;
    }
    size_t start = at;
    while (at < bytes && !is_white(text[at]))
      at++;
    words[count++] = (text_view){text + start, at - start};
  }
  return count;
}

static text_encoder encoder_of(const text_feed *f) {
  return (text_encoder){&f->source->pipeline, f->source->words};
}

// Ids of a value, or of each word; TEXT_REFUSED if one of them is refused.
static int64_t encode_values(nlm_context *c, const text_feed *f, const text_encoder *e, const char *text,
                             size_t bytes, int32_t *ids, int64_t capacity) {
  text_view whole = {text, bytes};
  const text_view *values = f->given_words ? c->words : &whole;
  int64_t count = f->given_words ? (int64_t)split_words(text, bytes, c->words) : 1;
  count = count < capacity ? count : capacity;
  for (int64_t k = 0; k < count; k++) {
    ids[k] = text_lookup(e, values[k].data, values[k].bytes);
    if (ids[k] == TEXT_REFUSED)
      return TEXT_REFUSED;
  }
  return count;
}

// One row of ids at `ids`, at most `capacity` of them.
static int64_t encode_flat(nlm_context *c, const text_feed *f, const text_encoder *e, const char *text,
                           size_t bytes, int32_t *ids, int64_t capacity) {
  size_t n;
  if (e->pipeline->layer != TEXT_VECTORIZATION)
    return encode_values(c, f, e, text, bytes, ids, capacity);
  if (f->given_words)
    n = text_encode_words(e, c->words, split_words(text, bytes, c->words), c->text_scratch, ids,
                          (size_t)capacity);
  else
    n = text_encode(e, text, bytes, c->text_scratch, ids, (size_t)capacity);
  return (int64_t)n;
}

// Bytes of the longest part within the limits that ends where a token ends.
static size_t whole_tokens(const text_feed *f, const char *text, size_t limit) {
  size_t n = limit;
  if (!f->given_words && f->source->pipeline.split == TEXT_SPLIT_CHARACTER) {
    for (int k = 0; k < 3 && n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80; k++)
      n--;
    return n;
  }
  while (n > 0 && !is_white(text[n]))
    n--;
  return n;
}

static nlm_status fail_too_long(nlm_context *c, const text_feed *f, size_t bytes) {
  return context_fail(
      c, NLM_ERROR_LIMITS,
      "a text of %zu bytes has more tokens for layer '%s' than this context takes (%lld bytes of "
      "text, %lld steps)",
      bytes, f->source->layer, (long long)c->limits.text_bytes, (long long)c->limits.time);
}

// A text beyond the limits serves where the layer cuts texts and the part within the limits gives all the
// tokens that are kept. Those are tokens of the first width then.
static nlm_status encode_head(nlm_context *c, text_feed *f, const char *text, size_t bytes, int32_t *ids,
                              int64_t *count) {
  text_pipeline first = f->source->pipeline;
  if (!first.output_sequence_length || first.split == TEXT_SPLIT_NONE || first.layer != TEXT_VECTORIZATION)
    return fail_too_long(c, f, bytes);
  first.ngrams_count = first.ngrams_count ? 1 : 0;
  text_encoder e = {&first, f->source->words};
  *count = encode_flat(c, f, &e, text, whole_tokens(f, text, (size_t)c->limits.text_bytes), ids, f->capacity);
  return *count == f->capacity ? NLM_OK : fail_too_long(c, f, bytes);
}

static nlm_status encode_nested(nlm_context *c, text_feed *f, int64_t b, const char *text, size_t bytes) {
  bool cut = f->source->pipeline.output_sequence_length > 0;
  if ((int64_t)bytes > c->limits.text_bytes)
    return fail_too_long(c, f, bytes);
  size_t count = split_words(text, bytes, c->words);
  if ((int64_t)count > f->rows)
    return fail_too_long(c, f, bytes);
  text_encoder e = encoder_of(f);
  for (size_t w = 0; w < count; w++) {
    int64_t row = b * f->rows + (int64_t)w;
    size_t n = text_encode(&e, c->words[w].data, c->words[w].bytes, c->text_scratch, f->ids + row * f->stride,
                           (size_t)(cut ? f->capacity : f->stride));
    if ((int64_t)n > f->capacity)
      return fail_too_long(c, f, bytes);
    f->id_counts[row] = (int64_t)n;
  }
  f->row_counts[b] = (int64_t)count;
  return NLM_OK;
}

nlm_status feed_encode(nlm_context *c, text_feed *f, int64_t b, const char *text, size_t bytes) {
  if (!f->source->words && text_has_vocabulary(&f->source->pipeline))
    return context_fail(c, NLM_ERROR_VOCABULARY, "the weights hold no vocabulary for layer '%s'",
                        f->source->layer);
  if (f->nested)
    return encode_nested(c, f, b, text, bytes);
  int32_t *ids = f->ids + b * f->stride;
  int64_t count = 0;
  nlm_status status = NLM_OK;
  if (bytes > (size_t)c->limits.text_bytes) {
    status = encode_head(c, f, text, bytes, ids, &count);
  } else {
    bool cut = f->source->pipeline.output_sequence_length > 0;
    text_encoder e = encoder_of(f);
    count = encode_flat(c, f, &e, text, bytes, ids, cut ? f->capacity : f->stride);
    if (count > f->capacity)
      status = fail_too_long(c, f, bytes);
    else if (count < 0)
      status =
          context_fail(c, NLM_ERROR_INPUT,
                       "a value is not in the vocabulary of layer '%s', which has no id for unknown ones",
                       f->source->layer);
    else if (f->weights)
      count = (int64_t)text_bag(&e, ids, (size_t)count, f->weights + b * f->stride);
  }
  f->row_counts[b] = f->id_counts[b] = status ? 0 : count;
  return status;
}

static void pack_weights(text_feed *f, int64_t real_bytes, int64_t batch, int64_t time) {
  for (int64_t b = 0; b < batch; b++)
    for (int64_t k = 0; k < time; k++) {
      double w = k < f->id_counts[b] ? f->weights[b * f->stride + k] : 0;
      if (real_bytes == sizeof(double))
        ((double *)f->packed)[b * time + k] = w;
      else
        ((float *)f->packed)[b * time + k] = (float)w;
    }
}

// Rows move down in order, so that none is written over before it has moved.
void feed_compact(text_feed *f, int64_t real_bytes, int64_t batch, int64_t time, int64_t characters) {
  int64_t rows = f->nested ? time : 1, width = f->nested ? characters : time;
  if (f->weights)
    pack_weights(f, real_bytes, batch, time);
  for (int64_t b = 0; b < batch; b++)
    for (int64_t r = 0; r < rows; r++) {
      int64_t from = b * f->rows + r;
      int64_t count = !f->nested || r < f->row_counts[b] ? f->id_counts[from] : 0;
      int32_t *to = f->ids + (b * rows + r) * width;
      memmove(to, f->ids + from * f->stride, (size_t)count * sizeof *to);
      memset(to + count, 0, (size_t)(width - count) * sizeof *to);
    }
}
