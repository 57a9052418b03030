// The memory planner: sound layouts for random lifetimes, reuse, and a checker that catches overlaps.
#include "support/memory_plan.h"
#include "tests/unit/unit.h"

static uint32_t seed = 12345;

static int64_t draw(int64_t below) {
  seed = seed * 1664525U + 1013904223U;
  return (int64_t)(seed >> 8) % below;
}

static void test_random_lifetimes(void **state) {
  (void)state;
  for (int round = 0; round < 200; round++) {
    memory_slot slots[60];
    size_t n = (size_t)draw(60);
    int64_t sum = 0;
    for (size_t k = 0; k < n; k++) {
      int64_t first = draw(30) - 1;
      slots[k] = (memory_slot){.bytes = draw(5000), .first = first, .last = first + draw(10)};
      sum += slots[k].bytes + MEMORY_ALIGNMENT;
    }
    int64_t total = memory_plan(slots, n);
    assert_true(total >= 0 && total <= sum);
    assert_true(memory_plan_is_sound(slots, n, total));
  }
}

static void test_memory_is_reused(void **state) {
  (void)state;
  memory_slot slots[] = {{.bytes = 1000, .first = 0, .last = 1},
                         {.bytes = 1000, .first = 2, .last = 3},
                         {.bytes = 1000, .first = 4, .last = 5}};
  assert_int_equal(memory_plan(slots, 3), 1024);
}

static void test_overlap_is_found(void **state) {
  (void)state;
  memory_slot slots[] = {{.bytes = 100, .first = 0, .last = 2, .offset = 0},
                         {.bytes = 100, .first = 2, .last = 3, .offset = 64}};
  assert_false(memory_plan_is_sound(slots, 2, 1000));
  slots[1].first = 3;
  assert_true(memory_plan_is_sound(slots, 2, 1000));
  assert_false(memory_plan_is_sound(slots, 2, 163));
}

static void test_sizes_out_of_range(void **state) {
  (void)state;
  memory_slot slots[] = {{.bytes = INT64_MAX / 2, .first = 0, .last = 2}};
  assert_int_equal(memory_plan(slots, 1), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random_lifetimes), cmocka_unit_test(test_memory_is_reused),
      cmocka_unit_test(test_overlap_is_found), cmocka_unit_test(test_sizes_out_of_range)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
