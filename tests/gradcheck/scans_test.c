// Gradients of scans, against central differences and against the same scans written out as plain ops: every
// cell, forward and reverse, dense and under masks, with the final state, the outputs, or both in use.
#include "ir/scan.h"
#include "tests/gradcheck/cells.h"
#include "tests/gradcheck/unroll.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 3, TIME = 4 };
enum { USE_FINAL = 1, USE_OUTPUTS = 2 };

typedef struct masking {
  const char *name;
  int valid[BATCH * TIME];
  bool dense;
} masking;

static const masking maskings[] = {
    {"no mask", {0}, true},
    {"every step valid", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, false},
    {"zeros in the middle", {1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 1}, false},
    {"an all-masked row", {0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1}, false},
    {"nothing valid", {0}, false},
};
enum { MASKINGS = sizeof maskings / sizeof *maskings };

static node *open_scene(world *w, const masking *m, node **pack) {
  world_open(w);
  graph *g = w->g;
  const dim *batch = world_dim(w, "batch", BATCH), *time = world_dim(w, "time", TIME), *f = world_const(w, 2);
  node *mask = m->dense ? NULL : world_ints(w, shape_of(2, batch, time), m->valid);
  *pack = g_pack(g, mask, batch, time);
  node *x = world_param(w, -1, 1, shape_of(3, batch, time, f));
  node *flat = g_reshape(g, x, shape_of(2, dim_mul(g->dims, batch, time), f));
  node *rows = g_gather(g, flat, g_part(g, *pack, PACK_ROWS), NULL);
  return g_gather(g, rows, g_part(g, *pack, PACK_TM_RM), g_part(g, *pack, PACK_RM_TM));
}

static node *restore_order(graph *g, node *pack, node *sorted) {
  return g_gather(g, sorted, g_part(g, pack, PACK_RANK), g_part(g, pack, PACK_ORDER));
}

static node *row_major(graph *g, node *pack, node *rows) {
  return g_gather(g, rows, g_part(g, pack, PACK_RM_TM), g_part(g, pack, PACK_TM_RM));
}

static node *use_results(world *w, node *pack, node *scan, int use) {
  node *outputs[8];
  int n = 0;
  const scan_body *b = scan_body_of(scan);
  for (int k = 0; k < b->n_state && (use & USE_FINAL); k++)
    outputs[n++] = restore_order(w->g, pack, scan_final_state(w->g, scan, k));
  for (int k = 0; k < b->n_out && (use & USE_OUTPUTS); k++)
    outputs[n++] = row_major(w->g, pack, scan_output(w->g, scan, k));
  return world_loss(w, outputs, n);
}

static int compare(const char *name, const world *w, node *const *a, node *const *b, int n) {
  reference *x = reference_new(w->g), *y = reference_new(w->g);
  int failed = 0;
  world_bind(w, x);
  world_bind(w, y);
  if (!reference_run(x, a, (size_t)n) || !reference_run(y, b, (size_t)n))
    ICE("a run failed");
  for (int k = 0; k < n; k++) {
    if (!a[k] || !b[k]) { // no dependence is a gradient of zeros
      const array *other = a[k] ? reference_value(x, a[k]) : b[k] ? reference_value(y, b[k]) : NULL;
      for (size_t e = 0; other && e < other->count; e++)
        failed += other->data[e] != 0;
      continue;
    }
    const array *p = reference_value(x, a[k]), *q = reference_value(y, b[k]);
    bool same = p->count == q->count;
    for (size_t e = 0; e < p->count && same; e++)
      same = fabs(p->data[e] - q->data[e]) <= 1e-13 * (1 + fabs(q->data[e]));
    if (!same)
      printf("%s: root %d differs from the unrolled scan\n", name, k);
    failed += !same;
  }
  reference_free(x);
  reference_free(y);
  return failed;
}

static bool has_scan(const graph *g, node *const *roots, int n) {
  node **list;
  size_t count = graph_reachable(g, roots, (size_t)n, &list);
  bool found = false;
  for (size_t k = 0; k < count; k++)
    found |= list[k]->op == OP_SCAN;
  free(list);
  return found;
}

static int check_unrolled(const char *name, world *w, node *loss) {
  node *with[WORLD_LEAVES + 1], *without[WORLD_LEAVES + 1], *plain = loss;
  reference *ran = reference_new(w->g);
  world_bind(w, ran);
  if (!reference_run(ran, &loss, 1))
    ICE("%s", reference_error(ran));
  unroll_scans(w->g, &plain, 1, ran);
  reference_free(ran);
  int n = world_program(w, loss, with);
  world_program(w, plain, without);
  if (has_scan(w->g, without, n) || !has_scan(w->g, with, n)) {
    printf("%s: not what was to be compared\n", name);
    return 1;
  }
  return compare(name, w, with, without, n);
}

static int check_cell(const cell *c, const masking *m, cell_setting setting, int use) {
  world w;
  node *pack, *rows = open_scene(&w, m, &pack);
  char name[160];
  snprintf(name, sizeof name, "%s, %s, %s%s, %s", c->name, m->name, setting.reverse ? "reverse" : "forward",
           setting.given_state ? ", initial state" : "",
           use == USE_FINAL     ? "final state"
           : use == USE_OUTPUTS ? "outputs"
                                : "final state and outputs");
  node *loss = use_results(&w, pack, c->build(&w, pack, rows, setting), use);
  int failed = check_unrolled(name, &w, loss);
  failed += world_check(&w, name, loss);
  world_close(&w);
  return failed;
}

// Two directions over one sequence, their concatenation the sequence of a third scan.
static int check_stacked(const masking *m) {
  world w;
  node *pack, *rows = open_scene(&w, m, &pack), *both[2];
  graph *g = w.g;
  for (int k = 0; k < 2; k++)
    both[k] = scan_output(g, cells[1].build(&w, pack, rows, (cell_setting){.reverse = k}), 0);
  node *merged = g_add(g, both[0], g_unary(g, OP_SIGMOID, both[1]));
  node *top = cells[2].build(&w, pack, merged, (cell_setting){.given_state = true});
  node *loss = use_results(&w, pack, top, USE_FINAL | USE_OUTPUTS);
  int failed = check_unrolled("stacked", &w, loss) + world_check(&w, "stacked", loss);
  world_close(&w);
  return failed;
}

// One product over all rows for each weight of the recurrence: nothing of a weight's shape inside the adjoint
// scan.
static int check_lifted(void) {
  world w;
  node *pack, *rows = open_scene(&w, &maskings[2], &pack), *roots[WORLD_LEAVES + 1];
  node *loss = use_results(&w, pack, cells[1].build(&w, pack, rows, (cell_setting){0}), USE_FINAL);
  int n = world_program(&w, loss, roots), scans = 0, products = 0;
  node **list;
  size_t count = graph_reachable(w.g, roots, (size_t)n, &list);
  for (size_t k = 0; k < count; k++) {
    scans += list[k]->op == OP_SCAN;
    products += list[k]->op == OP_MATMUL && node_scan_id(w.g, list[k]) >= 0;
  }
  free(list);
  world_close(&w);
  // one forward and one adjoint scan, each with the one product that the recurrence needs
  if (scans != 2 || products != 2)
    printf("LSTM: %d scans with %d products inside\n", scans, products);
  return scans != 2 || products != 2;
}

int main(void) {
  int failed = check_lifted(), cases = 0;
  for (int m = 0; m < MASKINGS; m++) {
    failed += check_stacked(&maskings[m]);
    for (const cell *c = cells; c->name; c++)
      for (int kind = 0; kind < 4; kind++)
        for (int use = 1; use <= 3; use++, cases++)
          failed += check_cell(c, &maskings[m], (cell_setting){kind & 1, kind >> 1}, use);
  }
  printf("%d cases, %d failures\n", cases, failed);
  return failed != 0;
}
