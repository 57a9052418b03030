// Extents: equal expressions are one pointer, and simplification keeps values.
#include "ir/dim.h"
#include "tests/unit/unit.h"
#include <string.h>

typedef struct fixture {
  arena *mem;
  dim_table *t;
  const dim *batch, *time;
} fixture;

static fixture open_table(void) {
  fixture f = {.mem = arena_new()};
  f.t = dim_table_new(f.mem);
  f.batch = dim_named(f.t, "batch");
  f.time = dim_named(f.t, "time");
  return f;
}

static void expect_text(const dim *d, const char *text) {
  strbuf out = {0};
  dim_print(d, &out);
  assert_string_equal(strbuf_text(&out), text);
  strbuf_free(&out);
}

static const dim *number(fixture *f, int64_t value) {
  return dim_const(f->t, value);
}

static void sums_and_products_have_one_form(void **state) {
  (void)state;
  fixture f = open_table();
  const dim *t3 = dim_mul(f.t, number(&f, 3), f.time);
  assert_ptr_equal(dim_add(f.t, dim_mul(f.t, number(&f, 2), f.time), f.time), t3);
  assert_ptr_equal(dim_add(f.t, f.time, number(&f, 0)), f.time);
  assert_ptr_equal(dim_mul(f.t, f.time, number(&f, 1)), f.time);
  assert_ptr_equal(dim_mul(f.t, f.time, number(&f, 0)), number(&f, 0));
  assert_ptr_equal(dim_mul(f.t, f.batch, f.time), dim_mul(f.t, f.time, f.batch));
  assert_ptr_equal(dim_add(f.t, f.batch, f.time), dim_add(f.t, f.time, f.batch));
  const dim *sum = dim_add(f.t, f.time, number(&f, 2));
  assert_ptr_equal(dim_sub_const(f.t, sum, 2), f.time);
  assert_ptr_equal(dim_mul(f.t, sum, f.batch),
                   dim_add(f.t, dim_mul(f.t, f.batch, number(&f, 2)), dim_mul(f.t, f.time, f.batch)));
  expect_text(dim_add(f.t, f.batch, f.time), "batch + time");
  expect_text(dim_sub_const(f.t, f.time, 2), "time - 2");
  expect_text(dim_mul(f.t, dim_mul(f.t, f.batch, f.time), number(&f, 4)), "4 * batch * time");
  expect_text(number(&f, 600), "600");
  arena_free(f.mem);
}

static void quotients_simplify(void **state) {
  (void)state;
  fixture f = open_table();
  const dim *four = number(&f, 4), *two = number(&f, 2);
  assert_ptr_equal(dim_floordiv(f.t, dim_mul(f.t, four, f.time), four), f.time);
  assert_ptr_equal(dim_floordiv(f.t, f.time, number(&f, 1)), f.time);
  assert_ptr_equal(dim_floordiv(f.t, dim_mul(f.t, f.batch, f.time), f.time), f.batch);
  // floor((time - 2) / 2) + 1 = floor(time / 2)
  const dim *pooled = dim_add(f.t, dim_floordiv(f.t, dim_sub_const(f.t, f.time, 2), two), number(&f, 1));
  assert_ptr_equal(pooled, dim_floordiv(f.t, f.time, two));
  assert_ptr_equal(dim_floordiv(f.t, dim_floordiv(f.t, f.time, two), two), dim_floordiv(f.t, f.time, four));
  expect_text(pooled, "time // 2");
  assert_ptr_equal(dim_floordiv(f.t, number(&f, -7), two), number(&f, -4));
  expect_text(dim_floordiv(f.t, dim_add(f.t, f.time, number(&f, 1)), two), "(time + 1) // 2");
  arena_free(f.mem);
}

static void extremes_simplify(void **state) {
  (void)state;
  fixture f = open_table();
  assert_ptr_equal(dim_min(f.t, f.time, f.time), f.time);
  assert_ptr_equal(dim_min(f.t, number(&f, 3), number(&f, 5)), number(&f, 3));
  assert_ptr_equal(dim_max(f.t, f.time, dim_sub_const(f.t, f.time, 1)), f.time);
  assert_ptr_equal(dim_max(f.t, f.time, number(&f, 0)), f.time);
  assert_ptr_equal(dim_min(f.t, f.batch, f.time), dim_min(f.t, f.time, f.batch));
  assert_ptr_equal(dim_min(f.t, dim_min(f.t, f.batch, f.time), f.batch), dim_min(f.t, f.batch, f.time));
  const dim *open = dim_sub_const(f.t, f.time, 5);
  assert_ptr_not_equal(dim_max(f.t, open, number(&f, 0)), open); // may be negative
  arena_free(f.mem);
}

static void names_and_bounds(void **state) {
  (void)state;
  fixture f = open_table();
  assert_ptr_equal(dim_named(f.t, "time"), f.time);
  const dim *all = dim_mul(f.t, f.batch, f.time);
  const dim *valid = dim_runtime(f.t, "valid", all), *other = dim_runtime(f.t, "valid", all);
  assert_ptr_not_equal(valid, other);
  assert_ptr_equal(dim_upper_bound(f.t, dim_mul(f.t, valid, number(&f, 8))),
                   dim_mul(f.t, all, number(&f, 8)));
  assert_ptr_equal(dim_upper_bound(f.t, dim_mul(f.t, valid, number(&f, -1))), number(&f, 0));
  assert_ptr_equal(dim_upper_bound(f.t, f.time), f.time);
  assert_ptr_equal(dim_substitute(f.t, dim_add(f.t, valid, f.time), &valid, &f.time, 1),
                   dim_mul(f.t, number(&f, 2), f.time));
  int64_t value;
  assert_true(dim_is_const(number(&f, 9), &value) && value == 9);
  assert_false(dim_is_const(f.time, NULL));
  assert_int_equal(dim_symbol_count(f.t), 4);
  assert_ptr_equal(dim_symbol_at(f.t, 2), valid);
  arena_free(f.mem);
}

static unsigned next_random(unsigned *s) {
  *s = *s * 1664525u + 1013904223u;
  return *s >> 16;
}

static int64_t floor_quotient(int64_t a, int64_t b) {
  int64_t q = a / b;
  return q * b > a ? q - 1 : q;
}

// Random expressions: the value computed beside the construction must be the value of the simplified form,
// for several assignments at once.
static void simplification_keeps_values(void **state) {
  (void)state;
  enum { POOL = 12, SETS = 4, ROUNDS = 200 };
  unsigned seed = 5;
  for (int round = 0; round < ROUNDS; round++) {
    fixture f = open_table();
    const dim *pool[POOL];
    int64_t value[POOL][SETS], symbols[SETS][2];
    for (int s = 0; s < SETS; s++) {
      symbols[s][0] = next_random(&seed) % 9;
      symbols[s][1] = next_random(&seed) % 50;
    }
    for (int k = 0; k < POOL; k++) {
      unsigned kind = k < 3 ? (unsigned)k : 3 + next_random(&seed) % 5;
      int a = k < 3 ? 0 : (int)(next_random(&seed) % (unsigned)k),
          b = k < 3 ? 0 : (int)(next_random(&seed) % (unsigned)k);
      int64_t c = 1 + next_random(&seed) % 5;
      pool[k] = kind == 0   ? f.batch
                : kind == 1 ? f.time
                : kind == 2 ? number(&f, c - 3)
                : kind == 3 ? dim_add(f.t, pool[a], pool[b])
                : kind == 4 ? dim_mul(f.t, pool[a], number(&f, c - 2))
                : kind == 5 ? dim_floordiv(f.t, pool[a], number(&f, c))
                : kind == 6 ? dim_min(f.t, pool[a], pool[b])
                            : dim_max(f.t, pool[a], pool[b]);
      for (int s = 0; s < SETS; s++) {
        int64_t x = k < 3 ? 0 : value[a][s], y = k < 3 ? 0 : value[b][s];
        value[k][s] = kind < 2    ? symbols[s][kind]
                      : kind == 2 ? c - 3
                      : kind == 3 ? x + y
                      : kind == 4 ? x * (c - 2)
                      : kind == 5 ? floor_quotient(x, c)
                      : kind == 6 ? (x < y ? x : y)
                                  : (x > y ? x : y);
        assert_int_equal(dim_eval(pool[k], symbols[s]), value[k][s]);
      }
    }
    arena_free(f.mem);
  }
}

static void shapes(void **state) {
  (void)state;
  fixture f = open_table();
  shape s = shape_of(3, f.batch, number(&f, 600), number(&f, 256));
  strbuf out = {0};
  shape_print(&s, &out);
  assert_string_equal(strbuf_text(&out), "(batch, 600, 256)");
  strbuf_free(&out);
  shape same = shape_of(3, f.batch, number(&f, 600), number(&f, 256)), shorter = shape_of(1, f.batch);
  assert_true(shape_equal(&s, &same));
  assert_false(shape_equal(&s, &shorter));
  assert_ptr_equal(shape_elements(f.t, &s), dim_mul(f.t, number(&f, 153600), f.batch));
  arena_free(f.mem);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_and_products_have_one_form),
      cmocka_unit_test(quotients_simplify),
      cmocka_unit_test(extremes_simplify),
      cmocka_unit_test(names_and_bounds),
      cmocka_unit_test(simplification_keeps_values),
      cmocka_unit_test(shapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
