#include "tests/exec/native.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- compiling

static void compile_program(native *n, program_kind kind, const build_options *o) {
  program *p = subject_lower(n->s, kind, o->weigh_outputs);
  compilation work = {.program = p};
  pipeline_run(&work, &(pipeline_options){.disabled = o->disabled, .verify = true});
  n->programs[kind] = p;
  n->schedules[kind] = work.schedule;
}

void native_open(native *n, const subject *s, const build_options *o) {
  *n = (native){.s = s, .f64 = o->f64};
  const schedule *list[PROGRAM_KINDS];
  int count = 0;
  for (int kind = 0; kind < PROGRAM_KINDS; kind++)
    if (o->kinds >> kind & 1) {
      compile_program(n, (program_kind)kind, o);
      list[count++] = n->schedules[kind];
    }
  codegen_options how = {.cpu = o->cpu,
                         .opt_level = o->opt_level,
                         .f64 = o->f64,
                         .name = "tiny",
                         .source_hash = "",
                         .compiler_version = "",
                         .config_json = "{}"};
  strbuf error = {0};
  n->module = codegen_model(s->m, s->inputs, list, count, s->u->dims, &how, &error);
  if (!n->module)
    ICE("%s: %s", s->title, strbuf_text(&error));
  strbuf_free(&error);
  n->abi = codegen_load(n->module);
}

void native_close(native *n) {
  codegen_free(n->module);
  for (int k = 0; k < PROGRAM_KINDS; k++) {
    schedule_free(n->schedules[k]);
    program_free(n->programs[k]);
  }
}

// ---- numbers

void native_store(void *to, const double *from, size_t count, bool is_int, bool f64) {
  int32_t *ints = to;
  double *doubles = to;
  float *floats = to;
  for (size_t k = 0; k < count; k++)
    if (is_int)
      ints[k] = (int32_t)from[k];
    else if (f64)
      doubles[k] = from[k];
    else
      floats[k] = (float)from[k];
}

double native_load(const void *from, size_t k, bool is_int, bool f64) {
  const int32_t *ints = from;
  const double *doubles = from;
  const float *floats = from;
  return is_int ? ints[k] : f64 ? doubles[k] : (double)floats[k];
}

int64_t *native_dims(const native *n, session *s, const feed *f) {
  for (int k = 0; k < f->n_dims; k++) {
    const dim *d = dim_symbol_at(f->s->u->dims, k);
    int64_t place = d->bound ? -1 : session_dimension(n->abi, d->name);
    if (place >= 0)
      s->dims[place] = f->dims[k];
  }
  return s->dims;
}

// ---- a call

enum { MOST_BUFFERS = 2048, MOST_TENSORS = 256 };

typedef struct call {
  const native *n;
  const feed *f;
  session s;
  const struct nlm_abi_program *program;
  guarded memory[MOST_BUFFERS + 4 * MOST_TENSORS];
  int n_memory;
  void *inputs[MOST_TENSORS], *outputs[MOST_TENSORS], *masks[MOST_TENSORS], *params[MOST_TENSORS];
} call;

static char *get_memory(call *c, size_t bytes) {
  INVARIANT(c->n_memory < MOST_BUFFERS + 4 * MOST_TENSORS);
  c->memory[c->n_memory] = guard_new(bytes);
  return c->memory[c->n_memory++].data;
}

static void *get_numbers(call *c, const double *from, size_t count, bool is_int) {
  void *to = get_memory(c, count * (is_int || !c->n->f64 ? 4 : 8));
  native_store(to, from, count, is_int, c->n->f64);
  guard_read_only(&c->memory[c->n_memory - 1]);
  return to;
}

static size_t mask_elements(const call *c, const struct nlm_abi_tensor *t) {
  struct nlm_abi_tensor mask = *t;
  mask.rank = 2;
  return (size_t)session_elements(c->n->abi, &mask, c->s.dims);
}

static void set_tensors(call *c) {
  const struct nlm_abi_model *m = c->n->abi;
  INVARIANT(m->n_inputs <= MOST_TENSORS && m->n_outputs <= MOST_TENSORS && m->n_params <= MOST_TENSORS);
  for (int64_t k = 0; k < m->n_inputs; k++)
    c->inputs[k] = get_numbers(c, c->f->inputs[k], c->f->counts[k], m->inputs[k].elem == NLM_INT32);
  for (int64_t k = 0; k < m->n_params; k++)
    c->params[k] = get_numbers(c, c->f->params[k], c->f->param_counts[k], false);
  for (int64_t k = 0; k < m->n_outputs; k++) {
    const struct nlm_abi_tensor *t = &m->outputs[k];
    size_t element = t->elem == NLM_INT32 || !c->n->f64 ? 4 : 8;
    c->outputs[k] = get_memory(c, (size_t)session_elements(m, t, c->s.dims) * element);
    if (t->masked)
      c->masks[k] = get_memory(c, mask_elements(c, t) * 4);
  }
  struct nlm_frame *frame = &c->s.frame;
  frame->inputs = c->inputs;
  frame->params = c->params;
  frame->outputs = c->outputs;
  frame->masks = c->masks;
  frame->seed = c->f->seed;
  frame->step = c->f->step;
}

static int64_t buffer_bytes(const call *c, int64_t k) {
  return session_expression(c->n->abi, c->program->buffers[k].bytes, c->s.dims, true);
}

// The session's own layout, in a block that is exactly as large as it says.
static void place_planned(call *c) {
  unsigned programs = 1u << c->program->kind;
  int64_t bytes = session_workspace_bytes(c->n->abi, programs, c->s.dims);
  INVARIANT(bytes >= 64);
  char *block = get_memory(c, (size_t)bytes - 64);
  INVARIANT((uintptr_t)block % 64 == 0);
  bool planned = session_plan(&c->s, programs, c->s.dims, block, (size_t)bytes);
  INVARIANT(planned);
}

static void place_apart(call *c) {
  static char base[64];
  c->s.frame.workspace = base;
  INVARIANT(c->program->n_buffers <= MOST_BUFFERS);
  for (int64_t k = 0; k < c->program->n_buffers; k++) {
    char *own = get_memory(c, (size_t)buffer_bytes(c, k));
    c->s.offsets[c->program->kind][k] = (int64_t)((intptr_t)own - (intptr_t)base);
  }
}

// ---- buffers die

static void spoil_dead(struct nlm_frame *frame, int64_t position, int64_t phase) {
  const call *c = frame->profile;
  const struct nlm_abi_program *p = c->program;
  for (int64_t k = 0; k < p->n_buffers; k++)
    if ((phase && p->buffers[k].last == position) || (!phase && p->buffers[k].first == position))
      memset(frame->workspace + frame->offsets[k], 0xff, (size_t)buffer_bytes(c, k));
}

// The program alone, as session_run calls it, but that parameters keep their values. Compiled products serve
// for all.
static int64_t enter(call *c, bool spoil) {
  struct nlm_runtime_calls calls = session_calls;
  calls.profile = spoil_dead;
  struct nlm_frame *frame = &c->s.frame;
  frame->context = &c->s;
  frame->calls = &calls;
  frame->offsets = c->s.offsets[c->program->kind];
  frame->profile = spoil ? c : NULL;
  return c->program->entry(frame);
}

// ---- results

static void take(const call *c, results *out, root_role role, int index, const void *from, size_t count,
                 bool is_int) {
  double *to = results_add(out, role, index, count);
  for (size_t k = 0; k < count; k++)
    to[k] = native_load(from, k, is_int, c->n->f64);
}

static void take_gradients(const call *c, results *out) {
  for (int64_t k = 0; k < c->program->n_gradients; k++) {
    gradient_view g = session_gradient(&c->s, k);
    size_t count = c->f->param_counts[g.param];
    if (g.rows < 0) {
      take(c, out, ROOT_GRAD, (int)g.param, g.values, count, false);
      continue;
    }
    double *to = results_add(out, ROOT_GRAD, (int)g.param, count);
    size_t width = count / (size_t)c->n->abi->params[g.param].dims[0];
    for (size_t r = 0; r < (size_t)g.rows; r++)
      for (size_t j = 0; j < width; j++)
        to[(size_t)g.ids[r] * width + j] = native_load(g.values, r * width + j, false, c->n->f64);
  }
}

static void take_results(const call *c, results *out) {
  const program *p = c->n->programs[c->program->kind];
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *root = &p->roots.data[k];
    if (root->role == ROOT_OUTPUT) {
      const struct nlm_abi_tensor *t = &c->n->abi->outputs[root->index];
      take(c, out, ROOT_OUTPUT, root->index, c->outputs[root->index],
           (size_t)session_elements(c->n->abi, t, c->s.dims), t->elem == NLM_INT32);
    } else if (root->role == ROOT_OUTPUT_MASK) {
      take(c, out, ROOT_OUTPUT_MASK, root->index, c->masks[root->index],
           mask_elements(c, &c->n->abi->outputs[root->index]), true);
    } else if (root->role == ROOT_LOSS) {
      *results_add(out, ROOT_LOSS, root->index, 1) = c->s.frame.results[root->index + 1];
    }
  }
  if (c->program->kind == NLM_GRAD)
    take_gradients(c, out);
  for (int64_t k = 0; k < c->program->n_assignments; k++) {
    const struct nlm_abi_assignment *a = &c->program->assignments[k];
    take(c, out, ROOT_ASSIGN, (int)a->param, c->s.frame.workspace + c->s.frame.offsets[a->buffer],
         c->f->param_counts[a->param], false);
  }
}

static int release(call *c, const char *what) {
  int failed = 0;
  for (int k = 0; k < c->n_memory; k++) {
    if (!guard_front_is_whole(&c->memory[k])) {
      printf("%s: something was written before the start of a buffer of %zu bytes\n", what,
             c->memory[k].bytes);
      failed++;
    }
    guard_free(&c->memory[k]);
  }
  session_destroy(&c->s);
  free(c);
  return failed;
}

int native_run(const native *n, program_kind kind, const feed *f, const run_options *o, results *out) {
  static const char *const kinds[] = {"prediction", "evaluation", "gradients", "probes"};
  static const char *const ways[] = {"as planned", "buffers apart", "buffers dying"};
  char what[200];
  INVARIANT(n->programs[kind]);
  snprintf(what, sizeof what, "%s, %s, %s, %s, %d threads", f->s->title, n->f64 ? "f64" : "f32", kinds[kind],
           ways[o->places], pool_threads(o->pool));
  call *c = xcalloc(1, sizeof *c);
  c->n = n;
  c->f = f;
  if (!session_init(&c->s, n->abi, NULL))
    ICE("no memory");
  c->s.pool = o->pool;
  c->program = session_program(n->abi, kind);
  native_dims(n, &c->s, f);
  set_tensors(c);
  if (o->places == PLACES_PLANNED)
    place_planned(c);
  else
    place_apart(c);
  guard_doing("%s", what);
  if (o->watch)
    o->watch(true);
  int64_t status = enter(c, o->places == PLACES_DYING);
  if (o->watch)
    o->watch(false);
  if (status)
    printf("%s: status %d\n", what, (int)status);
  else
    take_results(c, out);
  return (status != 0) + release(c, what);
}
