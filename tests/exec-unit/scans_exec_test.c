// Scans and their gradients: every cell of the gradient checks, forward and reverse, dense and under masks;
// then larger ones in both directions at once.
#include "tests/exec-unit/exec_world.h"
#include "tests/gradcheck/cells.h"
#include <stdio.h>
#include <string.h>

enum { MOST_TIME = 8, MOST_BATCH = 40 };

typedef struct scene {
  int64_t batch, time;
  bool masked;
} scene;

static node *open_scene(world *w, const scene *sc, int64_t features, node **pack) {
  world_open(w);
  graph *g = w->g;
  const dim *batch = world_dim(w, "batch", sc->batch), *time = world_dim(w, "time", sc->time),
            *f = world_const(w, features);
  node *mask = NULL;
  if (sc->masked) {
    static int valid[MOST_BATCH * MOST_TIME];
    for (int64_t k = 0; k < sc->batch * sc->time; k++) // the second example has no valid step
      valid[k] = k / sc->time != 1 && world_number(w, 0, 1) < 0.6;
    mask = world_ints(w, shape_of(2, batch, time), valid);
  }
  *pack = g_pack(g, mask, batch, time);
  node *x = world_param(w, -1, 1, shape_of(2, dim_mul(g->dims, batch, time), f));
  node *rows = g_gather(g, x, g_part(g, *pack, PACK_ROWS), NULL);
  return g_gather(g, rows, g_part(g, *pack, PACK_TM_RM), g_part(g, *pack, PACK_RM_TM));
}

static int results(world *w, node *pack, node *scan, node **list) {
  const scan_body *b = scan_body_of(scan);
  graph *g = w->g;
  int n = 0;
  for (int k = 0; k < b->n_state; k++)
    list[n++] =
        g_gather(g, scan_final_state(g, scan, k), g_part(g, pack, PACK_RANK), g_part(g, pack, PACK_ORDER));
  for (int k = 0; k < b->n_out; k++)
    list[n++] =
        g_gather(g, scan_output(g, scan, k), g_part(g, pack, PACK_RM_TM), g_part(g, pack, PACK_TM_RM));
  return n;
}

// The outputs by themselves, then a loss of them with its gradients (a program with a scan of its own); `how`
// takes turns through precision and fusion, so that all are met without compiling everything four times.
static int check(world *w, const char *name, node **outputs, int n, int how) {
  node *roots[WORLD_LEAVES + 1];
  exec_options forward = {.f64 = how & 1, .fuse = !(how & 2)},
               both = {.f64 = true, .fuse = how & 1, .training = true};
  int failed = exec_check(w, name, outputs, n, &forward);
  int count = world_program(w, world_loss(w, outputs, n), roots);
  return failed + exec_check(w, name, roots, count, &both);
}

static int check_cell(const cell *c, const scene *sc, cell_setting setting, int how) {
  world w;
  node *pack, *outputs[16], *rows = open_scene(&w, sc, 2, &pack);
  int n = results(&w, pack, c->build(&w, pack, rows, setting), outputs);
  char name[96];
  snprintf(name, sizeof name, "%s%s%s, batch %d%s", c->name, setting.reverse ? ", reverse" : "",
           setting.given_state ? ", given state" : "", (int)sc->batch, sc->masked ? ", masked" : "");
  int failed = check(&w, name, outputs, n, how);
  world_close(&w);
  return failed;
}

static node *gate(world *w, op_code op, node *z, int k, int64_t units) {
  return g_unary(w->g, op, g_slice(w->g, z, 1, k * units, world_const(w, units), 1));
}

static node *lstm(world *w, node *pack, node *rows, int64_t units, bool reverse) {
  graph *g = w->g;
  const dim *u = world_const(w, units), *u4 = world_const(w, 4 * units);
  node *kernel = world_param(w, -1, 1, shape_of(2, rows->shape.d[1], u4));
  node *recurrent = world_param(w, -0.3, 0.3, shape_of(2, u, u4)),
       *b = world_param(w, -1, 1, shape_of(1, u4));
  node *zero = g_broadcast_to(g, g_real(g, 0), shape_of(2, pack_batch(pack), u));
  scan_builder *s = scan_begin(g, pack, reverse);
  node *x = scan_add_sequence(s, g_add(g, g_matmul(g, rows, kernel, false, false), b));
  node *h = scan_add_state(s, zero), *c = scan_add_state(s, zero);
  node *z = g_add(g, x, g_matmul(g, h, recurrent, false, false));
  node *next_c = g_add(g, g_mul(g, gate(w, OP_SIGMOID, z, 1, units), c),
                       g_mul(g, gate(w, OP_SIGMOID, z, 0, units), gate(w, OP_TANH, z, 2, units)));
  node *next_h = g_mul(g, gate(w, OP_SIGMOID, z, 3, units), g_unary(g, OP_TANH, next_c));
  scan_set_next(s, 0, next_h);
  scan_set_next(s, 1, next_c);
  scan_add_output(s, next_h);
  return scan_end(s);
}

static int check_both_directions(const scene *sc, int64_t units, int how) {
  world w;
  node *pack, *outputs[16], *rows = open_scene(&w, sc, 3, &pack);
  int n = results(&w, pack, lstm(&w, pack, rows, units, false), outputs);
  n += results(&w, pack, lstm(&w, pack, rows, units, true), outputs + n);
  char name[96];
  snprintf(name, sizeof name, "LSTM(%d) in both directions, batch %d%s", (int)units, (int)sc->batch,
           sc->masked ? ", masked" : "");
  int failed = check(&w, name, outputs, n, how);
  world_close(&w);
  return failed;
}

int main(int argc, char **argv) {
  static const scene small = {3, 4, false}, masked = {3, 4, true};
  static const scene scenes[] = {{1, 5, false}, {1, 5, true}, {9, 4, true}, {21, 7, true}};
  static const int64_t units[] = {5, 16, 19};
  int failed = 0;
  for (const cell *c = cells; c->name; c++)
    for (int how = 0; how < 4; how++) {
      cell_setting setting = {.reverse = how & 1, .given_state = how & 2};
      if ((argc > 1 && strcmp(argv[1], c->name)) || !strcmp(c->name, "captures"))
        continue; // captures sums over all active rows: compiled scans treat every row by itself
      failed += check_cell(c, how == 0 ? &small : &masked, setting, how + (int)(c - cells));
    }
  for (size_t k = 0; k < sizeof scenes / sizeof *scenes; k++)
    for (size_t u = 0; u < sizeof units / sizeof *units && argc < 3; u++)
      failed += check_both_directions(&scenes[k], units[u], (int)(k + u));
  printf("%d failed\n", failed);
  return failed != 0;
}
