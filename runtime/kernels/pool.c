// Threads for compiled code. Blocks are handed out by an atomic counter; which thread runs which block never
// shows, because block borders depend on shapes alone and blocks write disjoint memory.
#include "runtime/kernels/calls.h"
#include "runtime/kernels/denormals.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SPINS = 4000 }; // before a worker sleeps: jobs of one step follow each other within microseconds

enum {
  MOST_MEMBERS = 8,
  JOIN_SPINS = 100,  // pauses that the first member of a team waits for others: some microseconds
  MEET_EAGERLY = 64, // looks before a member that waits for others pauses between them
  MEET_SPINS = 2000, // looks before it gives its processor away
};

// Where the members of a team wait for each other: each counts its own calls in a cache line of its own.
typedef struct meeting {
  struct {
    _Alignas(64) atomic_uint calls;
  } member[MOST_MEMBERS];
  atomic_int members; // 0: the team is not complete yet
} meeting;

typedef struct job {
  void (*body)(void *env, int64_t block);
  void (*team)(void *env, int64_t member, void *meeting); // instead of body; blocks: the most members
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
  atomic_llong next;        // block to be taken, or number of the next member of a team
  atomic_bool stop;
  meeting meeting;
};

static _Thread_local bool inside_block;

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// A member's part; it begins when the team is complete.
static void work_in_team(thread_pool *p, const job *j, int64_t member) {
  int64_t members;
  while (!(members = atomic_load_explicit(&p->meeting.members, memory_order_acquire)))
    pause_briefly();
  inside_block = true;
  j->team(j->env, member | members << 32, &p->meeting);
  inside_block = false;
}

static void work(thread_pool *p, const job *j) {
  if (j->team) {
    work_in_team(p, j, atomic_fetch_add(&p->next, 1));
    return;
  }
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
    job j = p->job;
    bool joins = p->open && (!j.team || atomic_load(&p->joined) + 1 < j.blocks);
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
  thread_pool *p = aligned_alloc(_Alignof(thread_pool), sizeof *p);
  if (!p)
    return NULL;
  memset(p, 0, sizeof *p);
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

static void open_job(thread_pool *p, const job *j, long long next) {
  pthread_mutex_lock(&p->lock);
  p->job = *j;
  p->open = true;
  atomic_store(&p->next, next);
  atomic_fetch_add(&p->generation, 1);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
}

// Nobody joins from now on. Returns how many have.
static int close_job(thread_pool *p) {
  pthread_mutex_lock(&p->lock);
  p->open = false;
  int joined = atomic_load(&p->joined);
  pthread_mutex_unlock(&p->lock);
  return joined;
}

static void wait_for_workers(thread_pool *p) {
  for (int k = 0; k < SPINS && atomic_load_explicit(&p->joined, memory_order_acquire); k++)
    sched_yield();
  pthread_mutex_lock(&p->lock);
  while (atomic_load(&p->joined))
    pthread_cond_wait(&p->done, &p->lock);
  pthread_mutex_unlock(&p->lock);
}

bool pool_team(thread_pool *p, void (*body)(void *env, int64_t member, void *meeting), void *env,
               int64_t most) {
  if (!p || p->threads == 1 || most < 2 || inside_block)
    return false;
  most = most < p->threads ? most : p->threads;
  job j = {.team = body, .env = env, .blocks = most < MOST_MEMBERS ? most : MOST_MEMBERS};
  for (int k = 0; k < MOST_MEMBERS; k++)
    atomic_store_explicit(&p->meeting.member[k].calls, 0, memory_order_relaxed);
  atomic_store(&p->meeting.members, 0);
  open_job(p, &j, 1);
  for (int k = 0; k < JOIN_SPINS && atomic_load(&p->joined) + 1 < j.blocks; k++)
    pause_briefly();
  int joined = close_job(p);
  if (!joined)
    return false;
  atomic_store_explicit(&p->meeting.members, joined + 1, memory_order_release);
  work_in_team(p, &j, 0);
  wait_for_workers(p);
  return true;
}

void team_meet(void *place, int64_t member) {
  meeting *m = place;
  int members = atomic_load_explicit(&m->members, memory_order_relaxed);
  unsigned calls = atomic_load_explicit(&m->member[member].calls, memory_order_relaxed) + 1;
  atomic_store_explicit(&m->member[member].calls, calls, memory_order_release);
  for (int k = 0; k < members; k++)
    for (int spins = 0; (int)(atomic_load_explicit(&m->member[k].calls, memory_order_acquire) - calls) < 0;
         spins++) {
      if (spins > MEET_EAGERLY)
        pause_briefly();
      if (spins > MEET_SPINS)
        sched_yield();
    }
}

void pool_run(thread_pool *p, void (*body)(void *env, int64_t block), void *env, int64_t blocks) {
  if (!p || p->threads == 1 || blocks <= 1 || inside_block) {
    run_here(body, env, blocks);
    return;
  }
  job j = {.body = body, .env = env, .blocks = blocks};
  open_job(p, &j, 0);
  work(p, &j);
  close_job(p); // no block is left: whoever has not joined by now need not be waited for
  wait_for_workers(p);
}
