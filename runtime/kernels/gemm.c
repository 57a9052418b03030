// Large products of training, split into blocks of rows of the result. Block borders depend on m alone, and
// every block is one single-threaded call, so that the bits do not depend on the number of threads.
#include "runtime/kernels/calls.h"
#include <string.h>

enum { BLOCK_ROWS = 256 };

#define DEFINE_GEMM(suffix, real)                                                                            \
  typedef struct product_##suffix {                                                                          \
    const blas *b;                                                                                           \
    bool ta, tb, accumulate;                                                                                 \
    int64_t m, n, k, lda, ldb, ldc, rows;                                                                    \
    const real *a, *bm;                                                                                      \
    real *c;                                                                                                 \
  } product_##suffix;                                                                                        \
                                                                                                             \
  static void plain_##suffix(const product_##suffix *p, const real *a, real *c, int64_t rows) {              \
    for (int64_t i = 0; i < rows; i++) {                                                                     \
      real *row = c + i * p->ldc;                                                                            \
      if (!p->accumulate)                                                                                    \
        memset(row, 0, (size_t)p->n * sizeof *row);                                                          \
      for (int64_t l = 0; l < p->k; l++) {                                                                   \
        real x = p->ta ? a[l * p->lda + i] : a[i * p->lda + l];                                              \
        for (int64_t j = 0; j < p->n; j++)                                                                   \
          row[j] += x * (p->tb ? p->bm[j * p->ldb + l] : p->bm[l * p->ldb + j]);                             \
      }                                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
                                                                                                             \
  static void block_##suffix(void *env, int64_t block) {                                                     \
    const product_##suffix *p = env;                                                                         \
    int64_t first = block * p->rows, rows = p->m - first < p->rows ? p->m - first : p->rows;                 \
    const real *a = p->ta ? p->a + first : p->a + first * p->lda;                                            \
    real *c = p->c + first * p->ldc;                                                                         \
    if (p->b)                                                                                                \
      blas_gemm_##suffix(p->b, p->ta, p->tb, rows, p->n, p->k, a, p->lda, p->bm, p->ldb, p->accumulate, c,   \
                         p->ldc);                                                                            \
    else                                                                                                     \
      plain_##suffix(p, a, c, rows);                                                                         \
  }                                                                                                          \
                                                                                                             \
  void parallel_gemm_##suffix(thread_pool *pool, const blas *b, int64_t ta, int64_t tb, int64_t m,           \
                              int64_t n, int64_t k, const real *a, int64_t lda, const real *bm, int64_t ldb, \
                              int64_t accumulate, real *c, int64_t ldc) {                                    \
    if (m <= 0 || n <= 0)                                                                                    \
      return;                                                                                                \
    int64_t rows = block_rows(m);                                                                            \
    product_##suffix p = {b, ta != 0, tb != 0, accumulate != 0, m, n, k, lda, ldb, ldc, rows, a, bm, c};     \
    pool_run(pool, block_##suffix, &p, (m + rows - 1) / rows);                                               \
  }

// At least two blocks where there is enough to share, few enough that each call is near peak.
static int64_t block_rows(int64_t m) {
  if (m >= 2 * BLOCK_ROWS)
    return BLOCK_ROWS;
  return m >= 64 ? (m + 1) / 2 : m;
}

DEFINE_GEMM(f32, float)
DEFINE_GEMM(f64, double)
