#ifndef NLM_SUPPORT_MEMORY_PLAN_H
#define NLM_SUPPORT_MEMORY_PLAN_H
// Offsets for buffers with known lifetimes in one block of memory: compilers ask it how much a model needs,
// sessions lay out their workspace with it. Thread-safety: no shared state.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEMORY_ALIGNMENT = 64 }; // bytes, of every offset

typedef struct memory_slot {
  int64_t bytes;
  int64_t first, last; // moments between which it is live, inclusive; first < 0: never
  int64_t offset;      // result
} memory_slot;

// Best fit, largest slot first. Returns the bytes of the whole block, MEMORY_PLAN_TOO_LARGE when they exceed
// INT64_MAX / 2, or MEMORY_PLAN_NO_MEMORY when there is none for planning; both are below 0.
enum { MEMORY_PLAN_TOO_LARGE = -1, MEMORY_PLAN_NO_MEMORY = -2 };
int64_t memory_plan(memory_slot *slots, size_t n);
// No two slots that live at one moment overlap, and all lie inside `total`.
bool memory_plan_is_sound(const memory_slot *slots, size_t n, int64_t total);

#endif
