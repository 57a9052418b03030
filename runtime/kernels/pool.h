#ifndef NLM_RUNTIME_KERNELS_POOL_H
#define NLM_RUNTIME_KERNELS_POOL_H
#include <stdbool.h>
#include <stdint.h>

// A pool of threads that runs the blocks of one job at a time; the calling thread works too.
typedef struct thread_pool thread_pool;
thread_pool *pool_new(int threads); // threads in all, the caller included; NULL when they cannot be started
void pool_free(thread_pool *p);     // NULL is allowed
int pool_threads(const thread_pool *p); // 1 for NULL
// Runs body(env, block) for every block; returns when all are done. NULL pool: on the caller. A call from
// inside a block runs its blocks on that thread.
void pool_run(thread_pool *p, void (*body)(void *env, int64_t block), void *env, int64_t blocks);

// Runs body(env, member | members << 32, meeting) on 2 up to `most` threads at once and returns true; or
// false when no other thread came at once.
bool pool_team(thread_pool *p, void (*body)(void *env, int64_t member, void *meeting), void *env,
               int64_t most);
void team_meet(void *meeting, int64_t member);

#endif
