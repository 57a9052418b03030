// Values to ids, and ids to columns with a number each.
#include "runtime/text/hash.h"
#include "runtime/text/vocabulary.h"
#include <stdlib.h>

static const char *const layer_names[] = {"TextVectorization", "StringLookup", "IntegerLookup", "Hashing"};
static const char *const output_names[] = {"int", "one_hot", "multi_hot", "count", "tf_idf"};

static int index_of(const char *name, const char *const *names, int count) {
  for (int k = 0; k < count; k++)
    if (!name || !strcmp(name, names[k]))
      return k;
  return -1;
}

const char *text_pipeline_parse_kind(text_pipeline *p, const char *layer, const char *output_mode) {
  int which = index_of(layer, layer_names, 4), output = index_of(output_mode, output_names, 5);
  if (which < 0)
    return "a layer that this runtime does not know";
  if (output < 0)
    return "output_mode must be int, one_hot, multi_hot, count or tf_idf";
  p->layer = (text_layer)which;
  p->output = (text_output)output;
  return NULL;
}

bool text_has_weights(const text_pipeline *p) {
  if (p->output == TEXT_ONE_HOT)
    return p->has_mask && p->layer != TEXT_HASHING;
  return p->output != TEXT_INT;
}

// ---- values

static bool is_mask(const text_pipeline *p, const char *value, size_t bytes) {
  return p->has_mask && bytes == p->mask.bytes && (bytes == 0 || !memcmp(value, p->mask.data, bytes));
}

static uint64_t hash_of(const text_pipeline *p, const char *value, size_t bytes) {
  return p->salted ? hash_salted(p->salt, value, bytes) : hash_fingerprint(value, bytes);
}

static int32_t bin_of(const text_pipeline *p, const char *value, size_t bytes) {
  bool reserved = p->has_mask && p->num_bins > 1;
  if (reserved && is_mask(p, value, bytes))
    return 0;
  return (int32_t)(hash_of(p, value, bytes) % (uint64_t)(p->num_bins - reserved)) + reserved;
}

long long integer_of_digits(const char *digits, size_t bytes) {
  char text[24] = {0}; // texts in a table are not ended by NUL
  memcpy(text, digits, bytes < sizeof text - 1 ? bytes : sizeof text - 1);
  return strtoll(text, NULL, 10);
}

static int32_t unknown_id(const text_pipeline *p, const char *value, size_t bytes) {
  int32_t first = text_mask_has_id(p);
  if (p->oov_indices == 0)
    return TEXT_REFUSED;
  if (p->oov_indices == 1)
    return first;
  if (p->layer == TEXT_INTEGER_LOOKUP && !p->oov_by_hash) {
    long long rest = integer_of_digits(value, bytes) % p->oov_indices;
    return first + (int32_t)(rest < 0 ? rest + p->oov_indices : rest);
  }
  return first + (int32_t)(hash_of(p, value, bytes) % (uint64_t)p->oov_indices);
}

int32_t text_lookup(const text_encoder *e, const char *value, size_t bytes) {
  const text_pipeline *p = e->pipeline;
  if (p->layer == TEXT_HASHING)
    return bin_of(p, value, bytes);
  if (is_mask(p, value, bytes))
    return p->output == TEXT_INT ? 0 : TEXT_DROPPED;
  const token_table *t = &e->words->table;
  uint32_t found = token_table_find(t, value, bytes, token_first(value, bytes), token_hash(value, bytes));
  return found == TOKEN_ABSENT ? unknown_id(p, value, bytes) : (int32_t)(found + e->words->first);
}

// ---- bags

// In place and without memory of its own.
static void sort_ids(int32_t *ids, size_t n) {
  for (size_t end = n, start = n / 2; end > 1;) {
    if (start > 0) {
      start--;
    } else {
      end--;
      int32_t last = ids[end];
      ids[end] = ids[0];
      ids[0] = last;
    }
    int32_t moved = ids[start];
    size_t at = start;
    for (size_t child; (child = 2 * at + 1) < end; at = child) {
      child += child + 1 < end && ids[child + 1] > ids[child];
      if (ids[child] <= moved)
        break;
      ids[at] = ids[child];
    }
    ids[at] = moved;
  }
}

// Columns of the output: TextVectorization's padding (id 0) has none, so its ids move down by one.
static size_t columns_of_ids(const text_pipeline *p, int32_t *ids, size_t count) {
  int32_t shift = p->layer == TEXT_VECTORIZATION;
  size_t n = 0;
  for (size_t k = 0; k < count; k++)
    if (ids[k] >= shift)
      ids[n++] = ids[k] - shift;
  return n;
}

static double weight_of(const text_encoder *e, int32_t column, size_t count) {
  switch (e->pipeline->output) {
  case TEXT_TF_IDF: {
    const double *idf = vocabulary_idf(e->words);
    return idf ? (double)count * idf[column] : 0;
  }
  case TEXT_COUNT:
    return (double)count;
  default:
    return 1;
  }
}

size_t text_bag(const text_encoder *e, int32_t *ids, size_t count, double *weights) {
  if (e->pipeline->output == TEXT_ONE_HOT) {
    for (size_t k = 0; k < count; k++) {
      weights[k] = ids[k] >= 0;
      ids[k] = ids[k] >= 0 ? ids[k] : 0;
    }
    return count;
  }
  size_t n = columns_of_ids(e->pipeline, ids, count), distinct = 0;
  sort_ids(ids, n);
  for (size_t k = 0, run; k < n; k += run) {
    for (run = 1; k + run < n && ids[k + run] == ids[k]; run++)
      ;
    weights[distinct] = weight_of(e, ids[k], run);
    ids[distinct++] = ids[k];
  }
  return distinct;
}
