// Views, rows through indices, reductions and products of the reference interpreter.
#include "tests/reference/eval.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void reference_eval_broadcast(reference *r, const node *n, array *out) {
  const array *x = operand(r, n, 0);
  for (size_t k = 0; k < out->count; k++) {
    int64_t at[MAX_RANK], from[MAX_RANK] = {0};
    unravel(out, k, at);
    for (int j = 0; j < out->rank; j++)
      if (n->i[j] >= 0)
        from[n->i[j]] = at[j];
    out->data[k] = x->data[ravel(x, from)];
  }
}

void reference_eval_reshape(reference *r, const node *n, array *out) {
  const array *x = operand(r, n, 0);
  INVARIANT(x->count == out->count);
  if (out->count)
    memcpy(out->data, x->data, out->count * sizeof *out->data);
}

void reference_eval_transpose(reference *r, const node *n, array *out) {
  reference_eval_broadcast(r, n, out);
}

void reference_eval_slice(reference *r, const node *n, array *out) {
  const array *x = operand(r, n, 0);
  for (size_t k = 0; k < out->count; k++) {
    int64_t at[MAX_RANK];
    unravel(out, k, at);
    at[n->i[0]] = n->i[1] + at[n->i[0]] * n->i[2];
    out->data[k] = x->data[ravel(x, at)];
  }
}

void reference_eval_reverse(reference *r, const node *n, array *out) {
  const array *x = operand(r, n, 0);
  for (size_t k = 0; k < out->count; k++) {
    int64_t at[MAX_RANK];
    unravel(out, k, at);
    at[n->i[0]] = x->extent[n->i[0]] - 1 - at[n->i[0]];
    out->data[k] = x->data[ravel(x, at)];
  }
}

void reference_eval_concat(reference *r, const node *n, array *out) {
  for (size_t k = 0; k < out->count; k++) {
    int64_t at[MAX_RANK];
    unravel(out, k, at);
    int part = 0;
    while (at[n->i[0]] >= operand(r, n, part)->extent[n->i[0]])
      at[n->i[0]] -= operand(r, n, part++)->extent[n->i[0]];
    out->data[k] = operand(r, n, part)->data[ravel(operand(r, n, part), at)];
  }
}

void reference_eval_pad(reference *r, const node *n, array *out) {
  const array *x = operand(r, n, 0);
  for (size_t k = 0; k < out->count; k++) {
    int64_t at[MAX_RANK];
    unravel(out, k, at);
    int64_t *along = &at[n->i[0]];
    *along -= n->i[1];
    out->data[k] = *along >= 0 && *along < x->extent[n->i[0]] ? x->data[ravel(x, at)] : n->f;
  }
}

void reference_eval_windows(reference *r, const node *n, array *out) {
  const array *x = operand(r, n, 0);
  int64_t channels = x->extent[x->rank - 1];
  for (size_t k = 0; k < out->count; k++) {
    int64_t at[MAX_RANK];
    unravel(out, k, at);
    int64_t tap = at[out->rank - 1] / channels;
    at[out->rank - 1] %= channels;
    for (int j = out->rank - 3; j >= 0; j--) {
      int64_t size = n->i[3 * j], stride = n->i[3 * j + 1], dilation = n->i[3 * j + 2];
      at[j + 1] = at[j + 1] * stride + tap % size * dilation;
      tap /= size;
    }
    out->data[k] = x->data[ravel(x, at)];
  }
}

// Element k of window `at` (image, place): its number in x [I, S..., C].
static size_t window_element(const node *n, const array *x, const int64_t *at, int64_t k) {
  int64_t channels = x->extent[x->rank - 1], tap = k / channels, from[MAX_RANK] = {at[0]};
  from[x->rank - 1] = k % channels;
  for (int j = x->rank - 3; j >= 0; j--) {
    int64_t size = n->i[3 * j], stride = n->i[3 * j + 1], dilation = n->i[3 * j + 2];
    from[j + 1] = at[j + 1] * stride + tap % size * dilation;
    tap /= size;
  }
  return ravel(x, from);
}

void reference_eval_spread(reference *r, const node *n, array *out) {
  const array *rows = operand(r, n, 0), *kernel = operand(r, n, 1);
  for (size_t j = 0; j < rows->count; j++) {
    int64_t at[MAX_RANK];
    unravel(rows, j, at);
    for (int64_t k = 0; k < kernel->extent[0]; k++)
      out->data[window_element(n, out, at, k)] +=
          rows->data[j] * kernel->data[k * kernel->extent[1] + at[rows->rank - 1]];
  }
}

void reference_eval_collect(reference *r, const node *n, array *out) {
  const array *x = operand(r, n, 0), *rows = operand(r, n, 1);
  for (size_t j = 0; j < rows->count; j++) {
    int64_t at[MAX_RANK];
    unravel(rows, j, at);
    for (int64_t k = 0; k < out->extent[0]; k++)
      out->data[k * out->extent[1] + at[rows->rank - 1]] +=
          x->data[window_element(n, x, at, k)] * rows->data[j];
  }
}

// ---- rows through indices

void reference_eval_gather(reference *r, const node *n, array *out) {
  const array *table = operand(r, n, 0), *index = operand(r, n, 1);
  size_t width = (size_t)row_elements(table);
  for (size_t k = 0; k < index->count; k++) {
    int64_t row = (int64_t)index->data[k];
    INVARIANT(row >= -1 && row < table->extent[0]);
    for (size_t j = 0; j < width && row >= 0; j++)
      out->data[k * width + j] = table->data[(size_t)row * width + j];
  }
  if (n->n_in == 3) // the inverse must be one
    for (size_t k = 0; k < index->count; k++)
      INVARIANT(operand(r, n, 2)->data[(size_t)index->data[k]] == (double)k);
}

void reference_eval_scatter(reference *r, const node *n, array *out) {
  const array *rows = operand(r, n, 0), *ids = operand(r, n, 1);
  size_t width = (size_t)row_elements(rows);
  bool *seen = ARENA_ARRAY(r->mem, bool, out->extent[0]);
  for (size_t k = 0; k < ids->count; k++) {
    int64_t row = (int64_t)ids->data[k];
    INVARIANT(row >= -1 && row < out->extent[0]);
    if (row < 0)
      continue;
    INVARIANT(!seen[row]);
    seen[row] = true;
    for (size_t j = 0; j < width; j++)
      out->data[(size_t)row * width + j] = rows->data[k * width + j];
  }
}

void reference_eval_one_hot(reference *r, const node *n, array *out) {
  const array *ids = operand(r, n, 0);
  int64_t depth = out->extent[out->rank - 1];
  for (size_t k = 0; k < ids->count; k++)
    if (ids->data[k] >= 0 && ids->data[k] < (double)depth)
      out->data[k * (size_t)depth + (size_t)ids->data[k]] = 1;
}

void reference_eval_check_ids(reference *r, const node *n, array *out) {
  const array *ids = operand(r, n, 0);
  for (size_t k = 0; k < out->count; k++) {
    out->data[k] = ids->data[k];
    if ((ids->data[k] < 0 || ids->data[k] >= (double)n->i[0]) && !r->error[0]) {
      double position = n->n_in == 2 ? operand(r, n, 1)->data[k] : (double)k;
      snprintf(r->error, sizeof r->error, "input %d, element %.0f: id %.0f is not in [0, %" PRId64 ")",
               (int)n->i[1], position, ids->data[k], n->i[0]);
    }
  }
}

// ---- reductions

static size_t reduced_place(const node *n, const array *x, const array *out, size_t k) {
  int64_t at[MAX_RANK], to[MAX_RANK];
  unravel(x, k, at);
  int rank = 0;
  for (int j = 0; j < x->rank; j++)
    if (!(n->i[0] >> j & 1))
      to[rank++] = at[j];
  return ravel(out, to);
}

void reference_eval_reduce_sum(reference *r, const node *n, array *out) {
  const array *x = operand(r, n, 0);
  for (size_t k = 0; k < x->count; k++)
    out->data[reduced_place(n, x, out, k)] += x->data[k];
}

void reference_eval_reduce_max(reference *r, const node *n, array *out) {
  const array *x = operand(r, n, 0);
  for (size_t k = 0; k < out->count; k++)
    out->data[k] = -INFINITY;
  for (size_t k = 0; k < x->count; k++) {
    double *to = &out->data[reduced_place(n, x, out, k)];
    *to = *to >= x->data[k] ? *to : x->data[k];
  }
}

static void segments(reference *r, const node *n, array *out, bool max) {
  const array *x = operand(r, n, 0), *starts = operand(r, n, 1), *group = operand(r, n, 2);
  size_t width = (size_t)row_elements(x);
  for (int64_t s = 0; s < out->extent[0]; s++)
    for (int64_t k = (int64_t)starts->data[s]; k < (int64_t)starts->data[s + 1]; k++) {
      size_t row = n->n_in == 4 ? (size_t)operand(r, n, 3)->data[k] : (size_t)k;
      INVARIANT(group->data[row] == (double)s);
      for (size_t j = 0; j < width; j++) {
        double *to = &out->data[(size_t)s * width + j], value = x->data[row * width + j];
        if (max)
          *to = k == (int64_t)starts->data[s] || value > *to ? value : *to;
        else
          *to += value;
      }
    }
  for (int64_t s = 0; s < out->extent[0] && max; s++)
    for (size_t j = 0; j < width && starts->data[s] == starts->data[s + 1]; j++)
      out->data[(size_t)s * width + j] = n->f;
}

void reference_eval_segment_sum(reference *r, const node *n, array *out) {
  segments(r, n, out, false);
}

void reference_eval_segment_max(reference *r, const node *n, array *out) {
  segments(r, n, out, true);
}

// ---- products

void reference_eval_matmul(reference *r, const node *n, array *out) {
  const array *a = operand(r, n, 0), *b = operand(r, n, 1);
  int64_t inner = a->extent[a->rank - (n->i[0] ? 2 : 1)];
  for (size_t k = 0; k < out->count; k++) {
    int64_t at[MAX_RANK], x[MAX_RANK], y[MAX_RANK];
    unravel(out, k, at);
    memcpy(x, at, sizeof x);
    memcpy(y, at, sizeof y);
    int rx = a->rank, ry = b->rank;
    double sum = 0;
    for (int64_t j = 0; j < inner; j++) {
      x[rx - (n->i[0] ? 2 : 1)] = j;
      x[rx - (n->i[0] ? 1 : 2)] = at[rx - 2];
      y[ry - (n->i[1] ? 1 : 2)] = j;
      y[ry - (n->i[1] ? 2 : 1)] = at[rx - 1];
      sum += a->data[ravel(a, x)] * b->data[ravel(b, y)];
    }
    out->data[k] = sum;
  }
}
