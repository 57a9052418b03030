// OpenBLAS, loaded when training starts. Every product is one single-threaded call: two BLAS threads, or
// another split of the rows, would change bits.
#include "runtime/kernels/calls.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };

typedef void sgemm_function(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                            int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void dgemm_function(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a,
                            int lda, const double *b, int ldb, double beta, double *c, int ldc);

struct blas {
  sgemm_function *sgemm;
  dgemm_function *dgemm;
};

static blas loaded;
static const char *failure;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *open_library(void) {
  // OpenBLAS would start a thread per core at load.
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  return library ? library : dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
}

static void load_once(void) {
  void *library = open_library();
  if (!library) {
    failure = "libopenblas.so.0 is not installed (Debian and Ubuntu: the package libopenblas0)";
    return;
  }
  // POSIX gives function addresses as object pointers.
  union {
    void *object;
    sgemm_function *single;
    dgemm_function *twice;
    void (*set_threads)(int);
  } symbol;
  symbol.object = dlsym(library, "cblas_sgemm");
  loaded.sgemm = symbol.single;
  symbol.object = dlsym(library, "cblas_dgemm");
  loaded.dgemm = symbol.twice;
  symbol.object = dlsym(library, "openblas_set_num_threads");
  if (symbol.object)
    symbol.set_threads(1);
  if (!loaded.sgemm || !loaded.dgemm)
    failure = "libopenblas.so.0 has no CBLAS interface";
}

const blas *blas_load(const char **reason) {
  pthread_once(&once, load_once);
  if (reason)
    *reason = failure;
  return failure ? NULL : &loaded;
}

static int flag(bool transposed) {
  return transposed ? TRANSPOSE : NO_TRANSPOSE;
}

void blas_gemm_f32(const blas *b, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a,
                   int64_t lda, const float *bm, int64_t ldb, bool accumulate, float *c, int64_t ldc) {
  b->sgemm(ROW_MAJOR, flag(ta), flag(tb), (int)m, (int)n, (int)k, 1.0F, a, (int)lda, bm, (int)ldb,
           accumulate ? 1.0F : 0.0F, c, (int)ldc);
}

void blas_gemm_f64(const blas *b, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const double *a,
                   int64_t lda, const double *bm, int64_t ldb, bool accumulate, double *c, int64_t ldc) {
  b->dgemm(ROW_MAJOR, flag(ta), flag(tb), (int)m, (int)n, (int)k, 1.0, a, (int)lda, bm, (int)ldb,
           accumulate ? 1.0 : 0.0, c, (int)ldc);
}
