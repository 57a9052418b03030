#include "runtime/train/profile.h"
#include "support/arena.h"
#include <stdlib.h>
#include <time.h>

struct profiler {
  const struct nlm_abi_model *model;
  profile_record records[NLM_PROGRAMS];
  double *flops[NLM_PROGRAMS], *bytes[NLM_PROGRAMS]; // by kernel
  double part_seconds[PROFILE_PARTS];
  uint64_t part_calls[PROFILE_PARTS];
};

profiler *profile_new(const struct nlm_abi_model *model) {
  profiler *p = xcalloc(1, sizeof *p);
  p->model = model;
  for (int64_t k = 0; k < NLM_PROGRAMS; k++) {
    const struct nlm_abi_program *program = session_program(model, k);
    size_t n = program ? (size_t)program->n_kernels : 0;
    p->records[k].kernels = xcalloc(n + 1, sizeof *p->records[k].kernels);
    p->flops[k] = xcalloc(n + 1, sizeof *p->flops[k]);
    p->bytes[k] = xcalloc(n + 1, sizeof *p->bytes[k]);
  }
  return p;
}

void profile_free(profiler *p) {
  if (!p)
    return;
  for (int64_t k = 0; k < NLM_PROGRAMS; k++) {
    free(p->records[k].kernels);
    free(p->flops[k]);
    free(p->bytes[k]);
  }
  free(p);
}

void profile_start(profiler *p, session *s, int64_t kind) {
  s->frame.profile = p ? &p->records[kind] : NULL;
}

void profile_stop(profiler *p, session *s, int64_t kind) {
  s->frame.profile = NULL;
  if (!p)
    return;
  const struct nlm_abi_program *program = session_program(s->model, kind);
  for (int64_t k = 0; k < program->n_kernels; k++) {
    const struct nlm_abi_kernel *kernel = &program->kernels[k];
    p->flops[kind][k] += (double)session_expression(s->model, kernel->flops, s->dims, false);
    p->bytes[kind][k] += (double)session_expression(s->model, kernel->bytes, s->dims, false);
  }
}

void profile_add(profiler *p, profile_part part, double seconds) {
  if (!p)
    return;
  p->part_seconds[part] += seconds;
  p->part_calls[part]++;
}

double profile_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// ---- table

typedef struct profile_line {
  const char *program, *name, *work;
  double seconds, flops, bytes;
  uint64_t calls;
} profile_line;

static int by_time(const void *a, const void *b) {
  const profile_line *x = a, *y = b;
  return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

static size_t collect(const profiler *p, profile_line *lines) {
  static const char *const names[NLM_PROGRAMS] = {"predict", "evaluate", "train", "layers"};
  size_t n = 0;
  for (int64_t k = 0; k < NLM_PROGRAMS; k++) {
    const struct nlm_abi_program *program = session_program(p->model, k);
    for (int64_t j = 0; program && j < program->n_kernels; j++) {
      const profile_slot *slot = &p->records[k].kernels[j];
      if (slot->calls)
        lines[n++] = (profile_line){names[k],      program->kernels[j].name, program->kernels[j].work,
                                    slot->seconds, p->flops[k][j],           p->bytes[k][j],
                                    slot->calls};
    }
  }
  static const char *const parts[PROFILE_PARTS] = {"batches", "optimizer"};
  for (int k = 0; k < PROFILE_PARTS; k++)
    if (p->part_calls[k])
      lines[n++] = (profile_line){"train", parts[k], "", p->part_seconds[k], 0, 0, p->part_calls[k]};
  qsort(lines, n, sizeof *lines, by_time);
  return n;
}

// What a kernel waits for, by its size and by its operations for each byte. Today's processors do about ten
// operations in the time that memory gives a byte.
static const char *limit_of(const profile_line *l) {
  enum { BALANCE = 10 };
  if (l->bytes <= 0 && l->flops <= 0)
    return "-";
  if (l->seconds < 2e-6 * (double)l->calls)
    return "its start";
  return l->flops > BALANCE * l->bytes ? "arithmetic" : "memory";
}

static void print_rate(double amount, double seconds, strbuf *out) {
  if (amount > 0 && seconds > 0)
    strbuf_printf(out, " %9.2f", 1e-9 * amount / seconds);
  else
    strbuf_printf(out, " %9s", "-");
}

static void print_line(const profile_line *l, double total, strbuf *out) {
  strbuf_printf(out, "%-9s %-48s %10llu %12.3f %6.1f%%", l->program, l->name, (unsigned long long)l->calls,
                1e3 * l->seconds, total > 0 ? 100 * l->seconds / total : 0);
  print_rate(l->flops, l->seconds, out);
  print_rate(l->bytes, l->seconds, out);
  strbuf_printf(out, "  %-10s %s\n", limit_of(l), l->work);
}

void profile_print(const profiler *p, strbuf *out) {
  if (!p)
    return;
  size_t most = PROFILE_PARTS;
  for (int64_t k = 0; k < p->model->n_programs; k++)
    most += (size_t)p->model->programs[k].n_kernels;
  profile_line *lines = xcalloc(most, sizeof *lines);
  size_t n = collect(p, lines);
  double total = 0;
  for (size_t k = 0; k < n; k++)
    total += lines[k].seconds;
  strbuf_printf(out, "%-9s %-48s %10s %12s %7s %9s %9s  %-10s %s\n", "program", "kernel", "calls", "ms",
                "share", "GFLOP/s", "GB/s", "limit", "makes");
  for (size_t k = 0; k < n; k++)
    print_line(&lines[k], total, out);
  strbuf_printf(out, "%-9s %-48s %10s %12.3f\n", "", "total", "", 1e3 * total);
  free(lines);
}
