#include "runtime/session.h"
#include "support/memory.h"
#include "support/memory_plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t aligned(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// ---- calls of compiled code

static void call_parallel_for(void *context, void (*body)(void *env, int64_t block), void *env,
                              int64_t blocks) {
  const session *s = context;
  pool_run(s->pool, body, env, blocks);
}

static int64_t call_team(void *context, void (*body)(void *env, int64_t member, void *meeting), void *env,
                         int64_t most) {
  const session *s = context;
  return pool_team(s->pool, body, env, most);
}

static void call_touch(void *context, int64_t param, const int32_t *ids, int64_t n) {
  const session *s = context;
  if (s->touch)
    s->touch(s->touch_context, param, ids, n);
}

const struct nlm_runtime_calls session_calls = {
    .parallel_for = call_parallel_for,
    .team = call_team,
    .meet = team_meet,
    .unique = unique_ids,
    .remember = remember_ids,
    .pack = pack_mask,
    .check_ids = check_ids_in_range,
    .touch_rows = call_touch,
    .profile = profile_kernel,
};

// ---- expressions

const struct nlm_abi_program *session_program(const struct nlm_abi_model *model, int64_t kind) {
  for (int64_t k = 0; k < model->n_programs; k++)
    if (model->programs[k].kind == kind)
      return &model->programs[k];
  return NULL;
}

int64_t session_dimension(const struct nlm_abi_model *model, const char *name) {
  for (int64_t k = 0; k < model->n_dims; k++)
    if (model->dims[k].bound < 0 && !strcmp(model->dims[k].name, name))
      return k;
  return -1;
}

// Expressions nest as deep as layer arithmetic does: a handful of levels.
int64_t session_expression(const struct nlm_abi_model *model, int64_t expression, const int64_t *dims,
                           bool bounded) {
  const struct nlm_abi_expr *e = &model->exprs[expression];
  if (e->op == NLM_EXPR_CONST)
    return e->a;
  if (e->op == NLM_EXPR_SYMBOL) {
    int64_t bound = model->dims[e->a].bound;
    return bounded && bound >= 0 ? session_expression(model, bound, dims, true) : dims[e->a];
  }
  int64_t a = session_expression(model, e->a, dims, bounded),
          b = session_expression(model, e->b, dims, bounded);
  int64_t result = 0;
  switch (e->op) {
  case NLM_EXPR_ADD:
    return __builtin_add_overflow(a, b, &result) ? INT64_MAX / 4 : result;
  case NLM_EXPR_MUL:
    return __builtin_mul_overflow(a, b, &result) ? INT64_MAX / 4 : result;
  case NLM_EXPR_FLOORDIV:
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
  case NLM_EXPR_MIN:
    return a < b ? a : b;
  default:
    return a > b ? a : b;
  }
}

int64_t session_elements(const struct nlm_abi_model *model, const struct nlm_abi_tensor *t,
                         const int64_t *dims) {
  int64_t elements = 1;
  for (int64_t k = 0; k < t->rank; k++)
    elements *= session_expression(model, t->dims[k], dims, false);
  return elements;
}

bool session_is_too_short(const struct nlm_abi_model *model, const int64_t *dims, char *text, size_t n) {
  for (int64_t k = 0; k < model->n_extents; k++) {
    int64_t extent = session_expression(model, model->extents[k].extent, dims, false);
    if (extent >= 1)
      continue;
    if (text)
      snprintf(text, n,
               "the longest sequence is too short: layer '%s' would make %lld steps of it; pad sequences "
               "(output_sequence_length for text) or use padding = same",
               model->extents[k].layer, (long long)extent);
    return true;
  }
  return false;
}

// ---- layout

static int64_t plan_program(const struct nlm_abi_model *model, const struct nlm_abi_program *p,
                            const int64_t *dims, int64_t *offsets) {
  memory_slot *slots = calloc((size_t)p->n_buffers + 1, sizeof *slots);
  if (!slots)
    return MEMORY_PLAN_NO_MEMORY;
  for (int64_t k = 0; k < p->n_buffers; k++)
    slots[k] = (memory_slot){.bytes = session_expression(model, p->buffers[k].bytes, dims, true),
                             .first = p->buffers[k].first,
                             .last = p->buffers[k].last};
  int64_t total = memory_plan(slots, (size_t)p->n_buffers);
  for (int64_t k = 0; offsets && k < p->n_buffers; k++)
    offsets[k] = slots[k].offset;
  free(slots);
  return total;
}

static int64_t plan_programs(const struct nlm_abi_model *model, unsigned programs, const int64_t *dims,
                             int64_t *const *offsets) {
  int64_t most = 0;
  for (int64_t k = 0; k < model->n_programs; k++) {
    const struct nlm_abi_program *p = &model->programs[k];
    if (!(programs >> p->kind & 1))
      continue;
    int64_t bytes = plan_program(model, p, dims, offsets ? offsets[p->kind] : NULL);
    if (bytes < 0)
      return bytes;
    most = bytes > most ? bytes : most;
  }
  return most;
}

// ---- states

bool session_is_stateful(const struct nlm_abi_model *model) {
  return model->n_inputs > 0 && model->inputs[model->n_inputs - 1].role == NLM_ROLE_STATE;
}

static size_t state_bytes(const struct nlm_abi_model *model, const struct nlm_abi_tensor *t,
                          const int64_t *dims) {
  return aligned((size_t)session_elements(model, t, dims) * (size_t)model->real_bytes);
}

static size_t all_state_bytes(const struct nlm_abi_model *model, const int64_t *dims) {
  size_t bytes = 0;
  for (int64_t k = 0; k < model->n_inputs; k++)
    if (model->inputs[k].role == NLM_ROLE_STATE)
      bytes += state_bytes(model, &model->inputs[k], dims);
  return bytes;
}

void session_reset_states(session *s) {
  s->state_batch = 0;
}

static bool begin_states(session *s, int64_t batch) {
  size_t bytes = all_state_bytes(s->model, s->dims);
  if (bytes > s->states_capacity) {
    if (s->states && !s->owns_states)
      return false;
    free(s->states);
    s->states = aligned_alloc(64, bytes);
    s->owns_states = true;
    s->states_capacity = s->states ? bytes : 0;
    if (!s->states)
      return false;
  }
  memset(s->states, 0, bytes);
  s->state_batch = batch;
  return true;
}

bool session_feed_states(session *s, void **inputs, int64_t *rows) {
  const struct nlm_abi_model *m = s->model;
  if (!session_is_stateful(m))
    return true;
  int64_t batch = session_expression(m, m->inputs[m->n_inputs - 1].dims[0], s->dims, false);
  *rows = s->state_batch;
  if (s->state_batch ? s->state_batch != batch : !begin_states(s, batch))
    return false;
  size_t at = 0;
  for (int64_t k = 0; k < m->n_inputs; k++) {
    if (m->inputs[k].role != NLM_ROLE_STATE)
      continue;
    inputs[k] = s->states + at;
    at += state_bytes(m, &m->inputs[k], s->dims);
  }
  return true;
}

static void keep_states(session *s, const struct nlm_abi_program *p) {
  for (int64_t k = 0; k < p->n_states; k++) {
    const struct nlm_abi_state *t = &p->states[k];
    size_t bytes = (size_t)session_elements(s->model, &s->model->inputs[t->input], s->dims) *
                   (size_t)s->model->real_bytes;
    memcpy(s->frame.inputs[t->input], s->frame.workspace + s->frame.offsets[t->buffer], bytes);
  }
}

// ---- plans

int64_t session_workspace_bytes(const struct nlm_abi_model *model, unsigned programs, const int64_t *dims) {
  int64_t bytes = plan_programs(model, programs, dims, NULL);
  return bytes < 0 ? bytes : (int64_t)(aligned((size_t)bytes) + all_state_bytes(model, dims)) + 64;
}

bool session_fits(const session *s, unsigned programs, const int64_t *dims) {
  if ((programs & s->planned_programs) != programs)
    return false;
  for (int64_t k = 0; k < s->model->n_dims; k++)
    if (s->model->dims[k].bound < 0 && dims[k] > s->planned[k])
      return false;
  return true;
}

bool session_plan(session *s, unsigned programs, const int64_t *dims, void *workspace, size_t bytes) {
  int64_t needed = plan_programs(s->model, programs, dims, s->offsets);
  s->planned_programs = 0;
  s->kept_by = -1;
  if (needed < 0)
    return false;
  needed += 64;
  if (workspace) {
    size_t states = all_state_bytes(s->model, dims), before = aligned((size_t)needed - 64);
    if (bytes < before + states + 64)
      return false;
    s->states = (char *)workspace + before;
    s->states_capacity = states;
    s->state_batch = 0;
  } else {
    if (needed > s->workspace_bytes || !s->own_workspace) {
      free(s->own_workspace);
      s->own_workspace = aligned_alloc(64, aligned((size_t)needed));
      if (!s->own_workspace) {
        s->workspace_bytes = 0;
        return false;
      }
      if (programs & 1U << NLM_GRAD)
        memory_prefer_large_pages(s->own_workspace, (size_t)needed);
      s->workspace_bytes = needed;
    }
    workspace = s->own_workspace;
  }
  s->frame.workspace = workspace;
  memcpy(s->planned, dims, (size_t)s->model->n_dims * sizeof *dims);
  s->planned_programs = programs;
  return true;
}

// ---- life

size_t session_table_bytes(const struct nlm_abi_model *model) {
  size_t n = 2 * (size_t)model->n_dims + 1 + (size_t)model->n_outputs;
  for (int64_t k = 0; k < model->n_programs; k++)
    n += (size_t)model->programs[k].n_buffers;
  return aligned((n + 8) * sizeof(int64_t));
}

bool session_init(session *s, const struct nlm_abi_model *model, void *memory) {
  *s = (session){.model = model, .borrowed = memory != NULL, .kept_by = -1};
  size_t bytes = session_table_bytes(model);
  s->memory = memory ? memory : aligned_alloc(64, bytes);
  if (!s->memory)
    return false;
  memset(s->memory, 0, bytes);
  int64_t *next = s->memory;
  s->dims = next;
  s->planned = next + model->n_dims;
  next += 2 * model->n_dims;
  for (int64_t k = 0; k < model->n_dims; k++)
    s->planned[k] = -1;
  for (int64_t k = 0; k < model->n_programs; k++) {
    s->offsets[model->programs[k].kind] = next;
    next += model->programs[k].n_buffers;
  }
  s->frame = (struct nlm_frame){.calls = &session_calls, .dims = s->dims};
  s->frame.results = (double *)(void *)next; // [1 + n_outputs]: 8-byte slots as well
  return true;
}

void session_destroy(session *s) {
  free(s->own_workspace);
  if (s->owns_states)
    free(s->states);
  if (!s->borrowed)
    free(s->memory);
  *s = (session){0};
}

static void assign_parameters(session *s, const struct nlm_abi_program *p) {
  for (int64_t k = 0; k < p->n_assignments; k++) {
    const struct nlm_abi_assignment *a = &p->assignments[k];
    size_t bytes = (size_t)(s->model->params[a->param].elements * s->model->real_bytes);
    memcpy(s->frame.params[a->param], s->frame.workspace + s->frame.offsets[a->buffer], bytes);
  }
}

int64_t session_run(session *s, int64_t kind) {
  const struct nlm_abi_program *p = session_program(s->model, kind);
  s->frame.context = s;
  s->frame.offsets = s->offsets[kind];
  s->frame.threads = pool_threads(s->pool);
  s->frame.kept = s->weights_stay && s->kept_by == kind;
  s->kept_by = -1; // a run that fails leaves nothing whole
  int64_t status = p->entry(&s->frame);
  if (status == NLM_STATUS_OK) {
    s->kept_by = kind;
    assign_parameters(s, p);
    keep_states(s, p);
  }
  return status;
}

bad_place session_bad_place(const session *s) {
  const struct nlm_abi_tensor *t = &s->model->inputs[s->frame.status_input];
  int64_t step_items = 1, row_items = 1, position = s->frame.status_position;
  for (int64_t k = 1; k < t->rank; k++) {
    int64_t extent = session_expression(s->model, t->dims[k], s->dims, false);
    row_items *= extent;
    step_items *= k > 1 ? extent : 1;
  }
  row_items = row_items > 0 ? row_items : 1;
  step_items = step_items > 0 ? step_items : 1;
  return (bad_place){position / row_items, t->rank > 1 ? position % row_items / step_items : -1};
}

gradient_view session_gradient(const session *s, int64_t index) {
  const struct nlm_abi_program *p = session_program(s->model, NLM_GRAD);
  const struct nlm_abi_gradient *g = &p->gradients[index];
  const int64_t *offsets = s->offsets[NLM_GRAD];
  gradient_view v = {.param = g->param, .rows = -1, .values = s->frame.workspace + offsets[g->buffer]};
  if (g->ids_buffer >= 0) {
    v.ids = (const int32_t *)(const void *)(s->frame.workspace + offsets[g->ids_buffer]);
    v.rows = session_expression(s->model, g->count, s->dims, false);
  }
  return v;
}
