// Schedules of the learning rate by their formulas, at steps where these can be worked out by hand;
// constraints.
#include "runtime/optim/constraint.h"
#include "runtime/optim/schedule.h"
#include "tests/unit/unit.h"
#include <jansson.h>
#include <math.h>

typedef struct point {
  int64_t step;
  double rate;
} point;

typedef struct case_of {
  const char *name, *args;
  point points[6]; // ended by a rate of -1
} case_of;

#define E "\"initial_learning_rate\": 0.4, \"decay_steps\": 10"
static const case_of cases[] = {
    {"exponential_decay",
     "{" E ", \"decay_rate\": 0.25, \"staircase\": false}",
     {{0, 0.4}, {5, 0.2}, {10, 0.1}, {20, 0.025}, {0, -1}}},
    {"exponential_decay",
     "{" E ", \"decay_rate\": 0.25, \"staircase\": true}",
     {{0, 0.4}, {9, 0.4}, {10, 0.1}, {19, 0.1}, {20, 0.025}, {0, -1}}},
    {"inverse_time_decay",
     "{" E ", \"decay_rate\": 3, \"staircase\": false}",
     {{0, 0.4}, {5, 0.16}, {10, 0.1}, {0, -1}}},
    {"inverse_time_decay", "{" E ", \"decay_rate\": 3, \"staircase\": true}", {{9, 0.4}, {10, 0.1}, {0, -1}}},
    {"piecewise_constant_decay",
     "{\"boundaries\": [3, 6], \"values\": [1.0, 0.5, 0.1]}",
     {{0, 1}, {3, 1}, {4, 0.5}, {6, 0.5}, {7, 0.1}, {0, -1}}},
    {"polynomial_decay",
     "{" E ", \"end_learning_rate\": 0.1, \"power\": 2.0, \"cycle\": false}",
     {{0, 0.4}, {5, 0.175}, {10, 0.1}, {100, 0.1}, {0, -1}}},
    {"polynomial_decay",
     "{" E ", \"end_learning_rate\": 0.1, \"power\": 1.0, \"cycle\": true}",
     {{0, 0.4}, {10, 0.1}, {15, 0.175}, {20, 0.1}, {0, -1}}},
    {"cosine_decay",
     "{" E ", \"alpha\": 0.5, \"warmup_target\": null, \"warmup_steps\": 0}",
     {{0, 0.4}, {5, 0.3}, {10, 0.2}, {30, 0.2}, {0, -1}}},
    {"cosine_decay",
     "{" E ", \"alpha\": 0.0, \"warmup_target\": 0.8, \"warmup_steps\": 4}",
     {{0, 0.4}, {2, 0.6}, {4, 0.8}, {9, 0.4}, {14, 0}, {0, -1}}},
    {"cosine_decay_restarts",
     "{\"initial_learning_rate\": 0.4, \"first_decay_steps\": 10, \"t_mul\": 2.0, \"m_mul\": 0.5, \"alpha\": "
     "0.0}",
     {{0, 0.4}, {5, 0.2}, {10, 0.2}, {20, 0.1}, {30, 0.1}, {0, -1}}},
    {"cosine_decay_restarts",
     "{\"initial_learning_rate\": 0.4, \"first_decay_steps\": 10, \"t_mul\": 1.0, \"m_mul\": 1.0, \"alpha\": "
     "0.5}",
     {{0, 0.4}, {5, 0.3}, {10, 0.4}, {15, 0.3}, {0, -1}}},
};

static void rates(void **unused) {
  (void)unused;
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    config_call call = {cases[k].name, json_loads(cases[k].args, 0, NULL)};
    rate_schedule s;
    assert_non_null(call.args);
    assert_true(rate_schedule_read(&call, &s));
    for (const point *p = cases[k].points; p < cases[k].points + 6 && p->rate >= 0; p++) {
      double rate = rate_schedule_rate(&s, p->step);
      if (!(fabs(rate - p->rate) < 1e-12))
        fail_msg("%s %s at %lld: %.17g is not %.17g", cases[k].name, cases[k].args, (long long)p->step, rate,
                 p->rate);
    }
    rate_schedule_free(&s);
    json_decref((json_t *)call.args);
  }
}

static void unknown_schedule(void **unused) {
  (void)unused;
  config_call call = {"sine_decay", NULL};
  rate_schedule s;
  assert_false(rate_schedule_read(&call, &s));
}

// ---- constraints

static constraint made(const char *name, const char *args, int64_t rank) {
  config_call call = {name, json_loads(args, 0, NULL)};
  constraint c;
  assert_non_null(call.args);
  assert_true(constraint_read(&call, rank, &c));
  json_decref((json_t *)call.args);
  return c;
}

static void check(const char *name, const char *args, const double *expected) {
  const int64_t dims[] = {2, 3};
  double values[] = {3, 0.6, -1, 4, 0.8, 0}; // columns of norms 5, 1, 1; rows of 3.22, 4.08
  float small[6];
  for (int k = 0; k < 6; k++)
    small[k] = (float)values[k];
  constraint c = made(name, args, 2);
  constraint_apply(&c, values, 8, 2, dims);
  constraint_apply(&c, small, 4, 2, dims);
  for (int k = 0; k < 6; k++) {
    if (!(fabs(values[k] - expected[k]) < 1e-12) || !(fabs(small[k] - expected[k]) < 1e-6))
      fail_msg("%s %s: %.17g is not %.17g", name, args, values[k], expected[k]);
  }
}

static void projections(void **unused) {
  (void)unused;
  const double e = 1e-7, five = 2 / (5 + e), one = 1 / (1 + e), half = (0.5 * 2 + 0.5 * 5) / (5 + e);
  check("non_neg", "{}", (double[]){3, 0.6, 0, 4, 0.8, 0});
  check("max_norm", "{\"max_value\": 2.0, \"axis\": 0}",
        (double[]){3 * five, 0.6 * one, -one, 4 * five, 0.8 * one, 0});
  check("unit_norm", "{\"axis\": -2}",
        (double[]){3 / (5 + e), 0.6 / (1 + e), -1 / (1 + e), 4 / (5 + e), 0.8 / (1 + e), 0});
  check("min_max_norm", "{\"min_value\": 1.5, \"max_value\": 2.0, \"rate\": 0.5, \"axis\": 0}",
        (double[]){3 * half, 0.6 * 1.25 * one, -1.25 * one, 4 * half, 0.8 * 1.25 * one, 0});
  const double all = sqrt(25 + 1 + 1), whole = 2 / (all + e);
  check("max_norm", "{\"max_value\": 2.0, \"axis\": [0, 1]}",
        (double[]){3 * whole, 0.6 * whole, -whole, 4 * whole, 0.8 * whole, 0});
  const double first = sqrt(9 + 0.36 + 1), second = sqrt(16 + 0.64);
  check("unit_norm", "{\"axis\": 1}",
        (double[]){3 / (first + e), 0.6 / (first + e), -1 / (first + e), 4 / (second + e), 0.8 / (second + e),
                   0});
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rates), cmocka_unit_test(unknown_schedule),
                                     cmocka_unit_test(projections)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
