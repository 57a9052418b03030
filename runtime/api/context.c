// Contexts: one block of memory that holds everything a call needs, laid out for the largest one.
#include "runtime/api/api.h"
#include "support/memory_plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, DEFAULT_TEXT_BYTES = 65536, DEFAULT_TIME = 512 };

// Memory handed out piece by piece; with base NULL it is only counted. A total of SIZE_MAX means too much.
typedef struct cursor {
  char *base;
  size_t used;
} cursor;

static void *take(cursor *at, int64_t count, size_t bytes_each) {
  size_t bytes, end;
  size_t start = at->used;
  if (count < 0 || start == SIZE_MAX || __builtin_mul_overflow((size_t)count, bytes_each, &bytes) ||
      __builtin_add_overflow(start, bytes, &end) || end > SIZE_MAX / 4) {
    at->used = SIZE_MAX;
    return NULL;
  }
  at->used = (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return at->base ? at->base + start : NULL;
}

// ---- limits

text_feed feed_of(const nlm_model *m, const model_pipeline *p) {
  const model_input *in = &m->loaded.inputs[p->model_input];
  text_feed f = {.source = p, .given_words = in->rank == 1};
  f.nested =
      f.given_words && p->pipeline.layer == TEXT_VECTORIZATION && p->pipeline.split == TEXT_SPLIT_CHARACTER;
  return f;
}

int64_t feed_symbol(const nlm_model *m, const text_feed *f, int axis) {
  const struct nlm_abi_model *abi = m->loaded.abi;
  const struct nlm_abi_tensor *t = &abi->inputs[f->source->program_input];
  if (axis >= t->rank)
    return -1;
  const struct nlm_abi_expr *e = &abi->exprs[t->dims[axis]];
  return e->op == NLM_EXPR_SYMBOL ? e->a : -1;
}

static int64_t words_bound(int64_t text_bytes) {
  return text_bytes / 2 + 1;
}

// Time that the longest text can have; DEFAULT_TIME where no text decides it, or two axes depend on it.
static int64_t default_time(const nlm_model *m, int64_t text_bytes) {
  int64_t most = 0;
  for (size_t k = 0; k < m->loaded.pipelines_count; k++) {
    const model_pipeline *p = &m->loaded.pipelines[k];
    text_feed f = feed_of(m, p);
    if (f.nested)
      return DEFAULT_TIME;
    if (feed_symbol(m, &f, 1) < 0)
      continue;
    size_t tokens = f.given_words ? text_words_tokens_bound(&p->pipeline, (size_t)words_bound(text_bytes))
                                  : text_tokens_bound(&p->pipeline, (size_t)text_bytes);
    most = (int64_t)tokens > most ? (int64_t)tokens : most;
  }
  return most ? most : DEFAULT_TIME;
}

// Whether a dimension but the batch is the caller's.
static bool has_free_axis(const nlm_model *m) {
  const struct nlm_abi_model *abi = m->loaded.abi;
  for (int64_t k = 0; k < abi->n_dims; k++)
    if (abi->dims[k].bound < 0 && k != m->batch_dimension)
      return true;
  return false;
}

static bool resolve_limits(const nlm_model *m, const nlm_limits *given, nlm_limits *out) {
  nlm_limits l = given ? *given : (nlm_limits){0};
  if (l.batch < 0 || l.text_bytes < 0 || l.time < 0)
    return false;
  l.batch = l.batch ? l.batch : 1;
  l.text_bytes = l.text_bytes ? l.text_bytes : DEFAULT_TEXT_BYTES;
  if (l.batch > INT32_MAX || l.text_bytes > INT32_MAX || l.time > INT32_MAX)
    return false;
  l.time = l.time ? l.time : default_time(m, l.text_bytes);
  *out = l;
  return !has_free_axis(m) || l.batch * l.time <= INT32_MAX; // row numbers of packed batches have 32 bits
}

static void fill_dimensions(const nlm_model *m, const nlm_limits *l, int64_t *dims) {
  const struct nlm_abi_model *abi = m->loaded.abi;
  for (int64_t k = 0; k < abi->n_dims; k++)
    dims[k] = abi->dims[k].bound >= 0 ? 0 : k == m->batch_dimension ? l->batch : l->time;
}

// ---- layout

bool context_serves_text(const nlm_model *m) {
  return m->loaded.inputs_count == 1 && m->loaded.inputs[0].type == MODEL_INPUT_TEXT &&
         m->loaded.pipelines_count > 0;
}

static int64_t axis_at(const nlm_model *m, const text_feed *f, int axis, const int64_t *dims) {
  const struct nlm_abi_model *abi = m->loaded.abi;
  const struct nlm_abi_tensor *t = &abi->inputs[f->source->program_input];
  return axis < t->rank ? session_expression(abi, t->dims[axis], dims, false) : 1;
}

static size_t feed_scratch_bytes(const text_feed *f, size_t text_bytes) {
  text_pipeline p = f->source->pipeline;
  if (f->given_words && !f->nested) { // words of a list take what words of a text take
    p.split = TEXT_SPLIT_WHITESPACE;
    p.ngrams_count = p.ngrams_count ? p.ngrams_count : 1;
  }
  return text_scratch_bytes(&p, text_bytes);
}

static void lay_out_texts(const nlm_model *m, const nlm_limits *l, const int64_t *dims, cursor *at,
                          nlm_context *c) {
  size_t scratch = 0;
  bool words = false;
  text_feed *feeds = take(at, (int64_t)m->loaded.pipelines_count, sizeof *feeds);
  for (size_t k = 0; k < m->loaded.pipelines_count; k++) {
    text_feed f = feed_of(m, &m->loaded.pipelines[k]);
    f.rows = f.nested ? axis_at(m, &f, 1, dims) : 1;
    f.capacity = axis_at(m, &f, f.nested ? 2 : 1, dims);
    f.stride = f.capacity + 1;
    int64_t rows, ids;
    if (__builtin_mul_overflow(l->batch, f.rows, &rows) || __builtin_mul_overflow(rows, f.stride, &ids) ||
        ids > INT32_MAX)
      rows = ids = -1;
    f.ids = take(at, ids, sizeof *f.ids);
    bool weighs = text_has_weights(&f.source->pipeline);
    f.weights = take(at, weighs ? ids : 0, sizeof *f.weights);
    f.packed = take(at, weighs ? ids : 0, sizeof(double));
    if (!weighs)
      f.weights = f.packed = NULL;
    f.row_counts = take(at, l->batch, sizeof *f.row_counts);
    f.id_counts = take(at, rows, sizeof *f.id_counts);
    size_t bytes = feed_scratch_bytes(&f, (size_t)l->text_bytes);
    scratch = bytes > scratch ? bytes : scratch;
    words |= f.given_words;
    if (feeds)
      feeds[k] = f;
  }
  void *text_scratch = take(at, (int64_t)scratch, 1);
  text_view *views = take(at, words ? words_bound(l->text_bytes) : 0, sizeof *views);
  if (c) {
    c->feeds = feeds;
    c->text_scratch = text_scratch;
    c->words = views;
  }
}

// Results of texts: outputs, masks, and output 0 as float.
static void lay_out_results(const nlm_model *m, const int64_t *dims, cursor *at, nlm_context *c) {
  const struct nlm_abi_model *abi = m->loaded.abi;
  for (int64_t k = 0; k < abi->n_outputs; k++) {
    const struct nlm_abi_tensor *t = &abi->outputs[k];
    int64_t elements = session_elements(abi, t, dims);
    size_t width = t->elem == NLM_INT32 ? sizeof(int32_t) : (size_t)abi->real_bytes;
    void *out = take(at, context_serves_text(m) ? elements : 0, width);
    int64_t steps = t->masked && t->rank > 1 ? session_expression(abi, t->dims[1], dims, false) : 0;
    int64_t rows = t->rank > 0 ? session_expression(abi, t->dims[0], dims, false) : 1;
    void *mask = take(at, steps < INT32_MAX && rows < INT32_MAX ? rows * steps : -1, sizeof(int32_t));
    if (c) {
      c->outputs[k] = out;
      c->masks[k] = steps ? mask : NULL;
    }
    if (k == 0 && context_serves_text(m) && output_values_type(&m->loaded, 0) != VALUES_F32) {
      float *values = take(at, elements, sizeof *values);
      if (c)
        c->values = values;
    }
  }
}

static void *take_pointers(cursor *at, int64_t count) {
  return take(at, count, sizeof(void *));
}

// Counts, or with at->base fills in, everything. NLM_ERROR_LIMITS when a context cannot be that large,
// NLM_ERROR_MEMORY when there is none for planning; the layout of the workspace is left to session_plan.
static nlm_status lay_out(const nlm_model *m, const nlm_limits *l, const int64_t *dims, cursor *at,
                          int64_t *workspace_bytes) {
  const struct nlm_abi_model *abi = m->loaded.abi;
  if (session_is_too_short(abi, dims, NULL, 0))
    return NLM_ERROR_LIMITS;
  nlm_context *c = take(at, 1, sizeof *c);
  void *tables = take(at, (int64_t)session_table_bytes(abi), 1);
  void **pointers[] = {take_pointers(at, abi->n_inputs), take_pointers(at, abi->n_outputs),
                       take_pointers(at, abi->n_outputs), take_pointers(at, abi->n_outputs)};
  if (c) {
    memset(c, 0, at->used);
    c->model = m;
    c->limits = *l;
    session_init(&c->session, abi, tables);
    c->inputs = pointers[0];
    c->outputs = pointers[1];
    c->masks = pointers[2];
    c->run_outputs = pointers[3];
  }
  lay_out_texts(m, l, dims, at, c);
  lay_out_results(m, dims, at, c);
  *workspace_bytes = session_workspace_bytes(abi, 1U << NLM_INFER, dims);
  void *workspace = take(at, *workspace_bytes, 1);
  if (*workspace_bytes == MEMORY_PLAN_NO_MEMORY)
    return NLM_ERROR_MEMORY;
  if (at->used == SIZE_MAX)
    return NLM_ERROR_LIMITS;
  bool planned = !c || session_plan(&c->session, 1U << NLM_INFER, dims, workspace, (size_t)*workspace_bytes);
  return planned ? NLM_OK : NLM_ERROR_MEMORY;
}

static nlm_status measure(const nlm_model *model, const nlm_limits *limits, size_t *bytes) {
  nlm_limits l;
  int64_t workspace_bytes;
  cursor at = {0};
  *bytes = 0;
  if (!model)
    return NLM_ERROR_USAGE;
  if (!resolve_limits(model, limits, &l))
    return NLM_ERROR_LIMITS;
  int64_t *dims = calloc((size_t)model->loaded.abi->n_dims + 1, sizeof *dims);
  if (!dims)
    return NLM_ERROR_MEMORY;
  fill_dimensions(model, &l, dims);
  nlm_status status = lay_out(model, &l, dims, &at, &workspace_bytes);
  free(dims);
  *bytes = status ? 0 : at.used;
  return status;
}

size_t nlm_workspace_bytes(const nlm_model *model, const nlm_limits *limits) {
  size_t bytes;
  measure(model, limits, &bytes);
  return bytes;
}

static nlm_status place_context(const nlm_model *model, const nlm_limits *limits, void *memory,
                                nlm_context **context) {
  nlm_limits l;
  int64_t workspace_bytes;
  cursor at = {.base = memory};
  int64_t *dims = calloc((size_t)model->loaded.abi->n_dims + 1, sizeof *dims);
  if (!dims)
    return NLM_ERROR_MEMORY;
  resolve_limits(model, limits, &l);
  fill_dimensions(model, &l, dims);
  nlm_status status = lay_out(model, &l, dims, &at, &workspace_bytes);
  free(dims);
  if (status)
    return status;
  nlm_context *c = memory;
  c->session.frame.masks = c->masks;
  c->session.frame.params = model->loaded.params;
  c->session.weights_stay = true;
  *context = c;
  return NLM_OK;
}

nlm_status nlm_context_create_in(const nlm_model *model, const nlm_limits *limits, void *memory, size_t bytes,
                                 nlm_context **context) {
  size_t needed;
  if (!context)
    return NLM_ERROR_USAGE;
  *context = NULL;
  nlm_status status = measure(model, limits, &needed);
  if (status)
    return status;
  if (!memory || bytes < needed || (uintptr_t)memory % ALIGNMENT)
    return NLM_ERROR_MEMORY;
  return place_context(model, limits, memory, context);
}

nlm_status nlm_context_create(const nlm_model *model, const nlm_limits *limits, nlm_context **context) {
  size_t needed;
  if (!context)
    return NLM_ERROR_USAGE;
  *context = NULL;
  nlm_status status = measure(model, limits, &needed);
  if (status)
    return status;
  void *memory = aligned_alloc(ALIGNMENT, needed);
  if (!memory)
    return NLM_ERROR_MEMORY;
  status = place_context(model, limits, memory, context);
  if (status)
    free(memory);
  else
    (*context)->owns_memory = true;
  return status;
}

void nlm_context_destroy(nlm_context *context) {
  if (!context)
    return;
  pool_free(context->session.pool);
  if (context->owns_memory)
    free(context);
}

const char *nlm_context_error(const nlm_context *context) {
  return context ? context->error : "";
}

nlm_status context_fail(nlm_context *c, nlm_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(c->error, sizeof c->error, format, args);
  va_end(args);
  return status;
}

nlm_status nlm_set_threads(nlm_context *context, int threads) {
  if (!context)
    return NLM_ERROR_USAGE;
  context->error[0] = 0;
  if (threads < 1 || threads > 1024)
    return context_fail(context, NLM_ERROR_USAGE, "%d is no number of threads between 1 and 1024", threads);
  thread_pool *pool = NULL;
  if (threads > 1) {
    pool = pool_new(threads);
    if (!pool)
      return context_fail(context, NLM_ERROR_MEMORY, "%d threads cannot be started", threads);
  }
  pool_free(context->session.pool);
  context->session.pool = pool;
  return NLM_OK;
}
