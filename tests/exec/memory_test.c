// Workspaces of real programs: the layout holds for every example at many sizes, shown by the planner's own
// checker and by plain comparison of all pairs of buffers; and what a padded batch needs.
#include "support/memory_plan.h"
#include "tests/exec/native.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool overlap(const memory_slot *a, const memory_slot *b) {
  bool live = a->first >= 0 && b->first >= 0 && a->bytes > 0 && b->bytes > 0;
  return live && a->first <= b->last && b->first <= a->last && a->offset < b->offset + b->bytes &&
         b->offset < a->offset + a->bytes;
}

static int check_slots(const memory_slot *slots, size_t n, int64_t total, const char *what) {
  for (size_t k = 0; k < n; k++)
    for (size_t j = k + 1; j < n; j++)
      if (overlap(&slots[k], &slots[j])) {
        printf("%s: buffers %zu and %zu overlap\n", what, k, j);
        return 1;
      }
  if (total >= 0 && memory_plan_is_sound(slots, n, total))
    return 0;
  printf("%s: the layout of %lld bytes is not sound\n", what, (long long)total);
  return 1;
}

static memory_slot slot_of(const buffer *b, const feed *f) {
  dim_table *dims = f->s->u->dims;
  int n = dim_symbol_count(dims); // more than when the feed was made; the new ones are run-time counts
  int64_t *values = xcalloc((size_t)n + 1, sizeof *values);
  memcpy(values, f->dims, (size_t)f->n_dims * sizeof *values);
  int64_t elements = dim_eval(dim_upper_bound(dims, b->elements), values);
  free(values);
  return (memory_slot){.bytes = elements * (b->type == INT ? 4 : 8), .first = b->first, .last = b->last};
}

static int check_schedule(const subject *s, const schedule *plan, const scene *sc) {
  feed f = feed_new(s, sc, 1);
  size_t n = 0;
  memory_slot *slots = xcalloc(plan->buffers.len + 1, sizeof *slots);
  for (size_t k = 0; k < plan->buffers.len; k++)
    if (plan->buffers.data[k].place == PLACE_WORKSPACE)
      slots[n++] = slot_of(&plan->buffers.data[k], &f);
  char what[200];
  snprintf(what, sizeof what, "%s, program %d, %s", s->title, (int)plan->program->kind, scene_name(sc));
  int failed = check_slots(slots, n, memory_plan(slots, n), what);
  free(slots);
  feed_free(&f);
  return failed;
}

static int check(const subject *s, void *context) {
  static const scene sizes[] = {{1, 1, MASKS_NOTHING},  {1, 600, MASKS_NOTHING}, {3, 7, MASKS_NOTHING},
                                {32, 1, MASKS_NOTHING}, {32, 50, MASKS_NOTHING}, {0}};
  int failed = 0;
  (void)context;
  for (int kind = 0; kind < PROGRAM_KINDS; kind++) {
    program *p = subject_lower(s, (program_kind)kind, false);
    compilation work = {.program = p};
    pipeline_run(&work, &(pipeline_options){.verify = true});
    for (const scene *sc = sizes; sc->batch; sc++)
      failed += check_schedule(s, work.schedule, sc);
    schedule_free(work.schedule);
    program_free(p);
  }
  return failed;
}

// ---- a padded batch

static const char reviews[] =
    "model tiny {\n  input words: int[time]\n"
    "  output y = words -> Embedding(20_000, 256, mask_zero = true) -> Bidirectional(LSTM(32))\n"
    "    -> Dropout(0.5) -> Dense(1, activation = sigmoid)\n}\n";

static int report_padding(void) {
  subject s;
  native n;
  session run;
  if (!subject_open(&s, "reviews", reviews, "loss = binary_crossentropy"))
    return 1;
  native_open(&n, &s, &(build_options){.kinds = KIND_INFER | KIND_GRAD, .opt_level = 1});
  if (!session_init(&run, n.abi, NULL))
    return 1;
  int64_t before = 0;
  int failed = 0;
  for (int64_t time = 300; time <= 1200; time *= 2) {
    run.dims[session_dimension(n.abi, "batch")] = 32;
    run.dims[session_dimension(n.abi, "time")] = time;
    int64_t infer = session_workspace_bytes(n.abi, KIND_INFER, run.dims),
            grad = session_workspace_bytes(n.abi, KIND_GRAD, run.dims);
    printf("workspace of 32 reviews of %d words: prediction %.1f MB, training %.1f MB\n", (int)time,
           1e-6 * (double)infer, 1e-6 * (double)grad);
    // bounds are linear in the steps: twice the steps take at most about twice the memory
    failed += infer <= 0 || grad < infer || (before && grad > before * 21 / 10);
    before = grad;
  }
  session_destroy(&run);
  native_close(&n);
  subject_close(&s);
  return failed;
}

static int checker_can_fail(void) {
  const memory_slot bad[] = {{.bytes = 100, .first = 0, .last = 2, .offset = 0},
                             {.bytes = 8, .first = 2, .last = 3, .offset = 64}};
  return overlap(&bad[0], &bad[1]) && !memory_plan_is_sound(bad, 2, 128) ? 0 : 1;
}

int main(int argc, char **argv) {
  int failed = checker_can_fail() + subjects_each(SUBJECTS_ALL, argc > 1 ? argv[1] : NULL, check, NULL);
  failed += report_padding();
  printf("%d failed\n", failed);
  return failed != 0;
}
