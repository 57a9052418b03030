// What the machine can do at most: multiply-adds in f32 and memory bandwidth, with 1 .. THREADS threads.
//
//   limits THREADS      a line for each number of threads: threads TAB GFLOP/s TAB GB/s (medians of five)
//
// Multiply-adds: independent chains in registers. Bandwidth: a[i] = b[i] + 3 c[i] over arrays beyond every
// cache, with the three transfers that the loop names (reading a's lines before they are written is not
// counted).
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
enum { LANES = 16, CHAINS = 24 };
#define IN_REGISTER "+v"
#elif defined(__AVX__)
enum { LANES = 8, CHAINS = 12 };
#define IN_REGISTER "+x"
#elif defined(__SSE__)
enum { LANES = 4, CHAINS = 12 };
#define IN_REGISTER "+x"
#else
enum { LANES = 4, CHAINS = 24 };
#define IN_REGISTER "+w" // AArch64
#endif
enum { ROUNDS = 5, MAX_THREADS = 64 };
typedef float vector __attribute__((vector_size(LANES * sizeof(float))));

static const size_t array_floats = (size_t)32 << 20; // 128 MB each
static const long multiply_adds = 30000000;          // of each chain
static const int triad_passes = 4;

typedef struct worker {
  int triad;
  float *a, *b, *c;
  double began, ended;
  float result;
  pthread_barrier_t *start;
} worker;

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// All chains stay in registers: the loop over them is unrolled, and the empty asm keeps them apart.
static float run_chains(void) {
  vector chain[CHAINS], factor, term;
  for (int l = 0; l < LANES; l++) {
    factor[l] = 0.999f;
    term[l] = 1e-3f;
  }
#pragma GCC unroll 32
  for (int k = 0; k < CHAINS; k++)
    chain[k] = term * (float)k;
  for (long n = 0; n < multiply_adds; n++) {
#pragma GCC unroll 32
    for (int k = 0; k < CHAINS; k++)
      chain[k] = chain[k] * factor + term;
#pragma GCC unroll 32
    for (int k = 0; k < CHAINS; k++)
      __asm__ volatile("" : IN_REGISTER(chain[k]));
  }
  float sum = 0;
#pragma GCC unroll 32
  for (int k = 0; k < CHAINS; k++)
    sum += chain[k][0];
  return sum;
}

static float run_triad(worker *w) {
  for (int pass = 0; pass < triad_passes; pass++) {
    for (size_t k = 0; k < array_floats; k++)
      w->a[k] = w->b[k] + 3.0F * w->c[k];
    __asm__ volatile("" : : "r"(w->a) : "memory");
  }
  return w->a[array_floats / 2];
}

static void *work(void *environment) {
  worker *w = environment;
  pthread_barrier_wait(w->start);
  w->began = seconds_now();
  w->result = w->triad ? run_triad(w) : run_chains();
  w->ended = seconds_now();
  return NULL;
}

static double seconds_of(worker *workers, int threads, int triad) {
  pthread_t ids[MAX_THREADS];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, (unsigned)threads);
  for (int k = 0; k < threads; k++) {
    workers[k].triad = triad;
    workers[k].start = &start;
    if (pthread_create(&ids[k], NULL, work, &workers[k]))
      exit(1);
  }
  double began = 0, ended = 0;
  for (int k = 0; k < threads; k++) {
    pthread_join(ids[k], NULL);
    began = k && began < workers[k].began ? began : workers[k].began;
    ended = ended > workers[k].ended ? ended : workers[k].ended;
  }
  pthread_barrier_destroy(&start);
  return ended - began;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median_seconds(worker *workers, int threads, int triad) {
  double rounds[ROUNDS];
  for (int k = 0; k < ROUNDS; k++)
    rounds[k] = seconds_of(workers, threads, triad);
  qsort(rounds, ROUNDS, sizeof *rounds, by_value);
  return rounds[ROUNDS / 2];
}

static float *make_array(void) {
  float *a = aligned_alloc(4096, array_floats * sizeof *a);
  for (size_t k = 0; a && k < array_floats; k++)
    a[k] = 1;
  if (!a)
    exit(1);
  return a;
}

int main(int argc, char **argv) {
  static worker workers[MAX_THREADS];
  int most = argc > 1 ? atoi(argv[1]) : 1;
  if (most < 1 || most > MAX_THREADS)
    return 2;
  for (int threads = 1; threads <= most; threads++) {
    workers[threads - 1] = (worker){.a = make_array(), .b = make_array(), .c = make_array()};
    double flops = 2.0 * LANES * CHAINS * (double)multiply_adds * threads;
    double bytes = 3.0 * sizeof(float) * (double)array_floats * triad_passes * threads;
    double compute = median_seconds(workers, threads, 0), memory = median_seconds(workers, threads, 1);
    printf("%d\t%.1f\t%.1f\n", threads, 1e-9 * flops / compute, 1e-9 * bytes / memory);
    fflush(stdout);
  }
  return 0;
}
