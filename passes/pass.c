#include "passes/pass.h"
#include "support/intern.h"
#include <string.h>
#include <time.h>

#define PASS(symbol) extern const pass pass_##symbol;
#include "passes/passes.def"
#undef PASS

const pass *const pass_table[] = {
#define PASS(symbol) &pass_##symbol,
#include "passes/passes.def"
#undef PASS
    NULL};

const pass *pass_find(const char *name) {
  for (int k = 0; pass_table[k]; k++)
    if (!strcmp(pass_table[k]->name, name))
      return pass_table[k];
  return NULL;
}

const char *pass_suggest(const char *name) {
  const char *names[sizeof pass_table / sizeof *pass_table];
  size_t n = 0;
  for (; pass_table[n]; n++)
    names[n] = pass_table[n]->name;
  return suggest(name, names, n);
}

static bool named(const char *wanted, const pass *p) {
  return wanted && !strcmp(wanted, p->name);
}

static bool is_disabled(const pipeline_options *options, const pass *p) {
  if (p->required || !options->disabled)
    return false;
  for (int k = 0; options->disabled[k]; k++)
    if (!strcmp(options->disabled[k], p->name))
      return true;
  return false;
}

static const char *const role_names[] = {"output",        "mask",  "loss",  "gradient", "gradient_ids",
                                         "gradient_rows", "touch", "probe", "assign",   "state"};

static size_t named_roots(const compilation *c, node ***values, const char ***names) {
  const program *p = c->program;
  arena *mem = p->g->mem;
  *values = ARENA_ARRAY(mem, node *, p->roots.len);
  *names = ARENA_ARRAY(mem, const char *, p->roots.len);
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *r = &p->roots.data[k];
    (*values)[k] = r->value;
    (*names)[k] = arena_printf(mem, "%s %d", role_names[r->role], r->index);
  }
  return p->roots.len;
}

void compilation_print(const compilation *c, strbuf *out) {
  if (c->schedule) {
    schedule_print(c->schedule, out);
    return;
  }
  node **values;
  const char **names;
  size_t n = named_roots(c, &values, &names);
  graph_print(c->program->g, values, names, n, out);
}

static void verify_after(const compilation *c, const pass *p) {
  node **values;
  const char **names;
  size_t n = named_roots(c, &values, &names);
  const char *reason = c->schedule ? schedule_verify(c->schedule) : graph_verify(c->program->g, values, n);
  if (reason)
    ICE("after pass %s: %s", p->name, reason);
}

static void dump(const compilation *c, const pipeline_options *options, const char *when, const pass *p) {
  strbuf_printf(options->dump, "# %s %s\n", when, p->name);
  compilation_print(c, options->dump);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool pipeline_run(compilation *c, const pipeline_options *options) {
  for (int k = 0; pass_table[k]; k++) {
    const pass *p = pass_table[k];
    if (named(options->dump_before, p))
      dump(c, options, "before", p);
    if (!is_disabled(options, p)) {
      double start = now();
      p->run(c);
      if (options->seconds)
        options->seconds[k] += now() - start;
      if (options->verify)
        verify_after(c, p);
    }
    if (named(options->dump_after, p))
      dump(c, options, "after", p);
    if (named(options->stop_after, p))
      return false;
  }
  return true;
}

void program_rewrite(program *p, rewrite_rule rule, void *context) {
  size_t n = p->roots.len;
  node **roots = ARENA_ARRAY(p->g->mem, node *, n + 1);
  for (size_t k = 0; k < n; k++)
    roots[k] = p->roots.data[k].value;
  graph_rewrite(p->g, roots, n, rule, context);
  for (size_t k = 0; k < n; k++)
    p->roots.data[k].value = roots[k];
}
