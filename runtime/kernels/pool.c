// Threads for compiled code. Blocks are handed out by an atomic counter; which thread runs which block never
// shows, because block borders depend on shapes alone and blocks write disjoint memory.
#include "runtime/kernels/calls.h"
#include "runtime/kernels/denormals.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SPINS = 4000 }; // before a worker sleeps: jobs of one step follow each other within microseconds

typedef struct job {
  void (*body)(void *env, int64_t block);
  void *env;
  int64_t blocks;
} job;

struct thread_pool {
  int threads;
  pthread_t *workers; // [threads - 1]
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  job job;
  bool open;                // under the lock: the job may still be joined
  atomic_int joined;        // changed under the lock: workers that joined the job and have not left it
  atomic_ullong generation; // counts jobs
  atomic_llong next;        // block to be taken
  atomic_bool stop;
};

static _Thread_local bool inside_block;

static void work(thread_pool *p, const job *j) {
  inside_block = true;
  for (;;) {
    int64_t block = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
    if (block >= j->blocks)
      break;
    j->body(j->env, block);
  }
  inside_block = false;
}

static bool wait_for_job(thread_pool *p, unsigned long long seen) {
  for (int k = 0; k < SPINS; k++) {
    if (atomic_load_explicit(&p->stop, memory_order_acquire))
      return false;
    if (atomic_load_explicit(&p->generation, memory_order_acquire) != seen)
      return true;
    sched_yield();
  }
  pthread_mutex_lock(&p->lock);
  while (!atomic_load(&p->stop) && atomic_load(&p->generation) == seen)
    pthread_cond_wait(&p->wake, &p->lock);
  pthread_mutex_unlock(&p->lock);
  return !atomic_load(&p->stop);
}

static void *worker(void *argument) {
  thread_pool *p = argument;
  denormals_flush();
  unsigned long long seen = 0;
  while (wait_for_job(p, seen)) {
    pthread_mutex_lock(&p->lock);
    seen = atomic_load(&p->generation);
    bool joins = p->open;
    job j = p->job;
    atomic_fetch_add(&p->joined, joins);
    pthread_mutex_unlock(&p->lock);
    if (!joins)
      continue;
    work(p, &j);
    pthread_mutex_lock(&p->lock);
    if (atomic_fetch_sub(&p->joined, 1) == 1)
      pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->lock);
  }
  return NULL;
}

thread_pool *pool_new(int threads) {
  if (threads < 1)
    return NULL;
  thread_pool *p = calloc(1, sizeof *p);
  if (!p)
    return NULL;
  p->workers = calloc((size_t)threads, sizeof *p->workers);
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  pthread_cond_init(&p->done, NULL);
  p->threads = 1;
  if (!p->workers) {
    pool_free(p);
    return NULL;
  }
  for (int k = 0; k + 1 < threads; k++) {
    if (pthread_create(&p->workers[k], NULL, worker, p)) {
      pool_free(p);
      return NULL;
    }
    p->threads++;
  }
  return p;
}

void pool_free(thread_pool *p) {
  if (!p)
    return;
  pthread_mutex_lock(&p->lock);
  atomic_store(&p->stop, true);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
  for (int k = 0; k + 1 < p->threads; k++)
    pthread_join(p->workers[k], NULL);
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->wake);
  pthread_cond_destroy(&p->done);
  free(p->workers);
  free(p);
}

int pool_threads(const thread_pool *p) {
  return p ? p->threads : 1;
}

static void run_here(void (*body)(void *env, int64_t block), void *env, int64_t blocks) {
  for (int64_t k = 0; k < blocks; k++)
    body(env, k);
}

void pool_run(thread_pool *p, void (*body)(void *env, int64_t block), void *env, int64_t blocks) {
  if (!p || p->threads == 1 || blocks <= 1 || inside_block) {
    run_here(body, env, blocks);
    return;
  }
  pthread_mutex_lock(&p->lock);
  job j = {body, env, blocks};
  p->job = j;
  p->open = true;
  atomic_store(&p->next, 0);
  atomic_fetch_add(&p->generation, 1);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
  work(p, &j);
  // No block is left: whoever has not joined by now need not be waited for.
  pthread_mutex_lock(&p->lock);
  p->open = false;
  pthread_mutex_unlock(&p->lock);
  for (int k = 0; k < SPINS && atomic_load_explicit(&p->joined, memory_order_acquire); k++)
    sched_yield();
  pthread_mutex_lock(&p->lock);
  while (atomic_load(&p->joined))
    pthread_cond_wait(&p->done, &p->lock);
  pthread_mutex_unlock(&p->lock);
}
