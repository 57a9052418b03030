#include "ir/elementwise.h"

static int operand_count(const application *app) {
  int n = app->n_inputs;
  for (int k = 0; k < 3; k++)
    n += app->layer->operand[k].given;
  return n;
}

// ---- shapes

// The extent at axis `k` of an operand seen with `rank` axes; NULL for an extent of 1 put in.
static const dim *aligned(const shape *s, int rank, int k) {
  int put_in = rank - s->rank;
  if (k == 0)
    return s->d[0];
  return k <= put_in ? NULL : s->d[k - put_in];
}

static bool is_one(const dim *d) {
  int64_t v = 0;
  return !d || (dim_is_const(d, &v) && v == 1);
}

static void report_shapes(layer_call *call, const tensor *a, const tensor *b, const dim *left,
                          const dim *right) {
  strbuf sa = {0}, sb = {0}, da = {0}, db = {0};
  shape_print(&a->shape, &sa);
  shape_print(&b->shape, &sb);
  dim_print(left, &da);
  dim_print(right, &db);
  diag *d = call_error(call, "%s got tensors of shapes %s and %s; %s and %s do not fit each other",
                       call->layer->def->name, strbuf_text(&sa), strbuf_text(&sb), strbuf_text(&da),
                       strbuf_text(&db));
  diag_note(d, a->at, "the first one was made here");
  diag_note(d, b->at, "the other one was made here");
  if (!dim_is_const(left, NULL) && !dim_is_const(right, NULL))
    diag_help(d, "if %s and %s are always equal, give both the same name", strbuf_text(&da),
              strbuf_text(&db));
  strbuf_free(&sa);
  strbuf_free(&sb);
  strbuf_free(&da);
  strbuf_free(&db);
}

static bool broadcast_inputs(layer_call *call, shape *out) {
  int rank = 0;
  for (int i = 0; i < call->n_inputs; i++)
    if (call->inputs[i]->shape.rank > rank)
      rank = call->inputs[i]->shape.rank;
  *out = (shape){.rank = rank};
  const dim *one = dim_const(call->model->unit->dims, 1);
  for (int k = 0; k < rank; k++) {
    const tensor *from = NULL;
    out->d[k] = one;
    for (int i = 0; i < call->n_inputs; i++) {
      const dim *d = aligned(&call->inputs[i]->shape, rank, k);
      if (is_one(d) || d == out->d[k])
        continue;
      if (from) {
        report_shapes(call, from, call->inputs[i], out->d[k], d);
        return false;
      }
      out->d[k] = d;
      from = call->inputs[i];
    }
  }
  return true;
}

static tensor_type common_type(const application *app, int skip) {
  for (int i = skip; i < app->n_inputs; i++)
    if (app->inputs[i]->type == TENSOR_REAL)
      return TENSOR_REAL;
  for (int k = 0; k < 3; k++)
    if (app->layer->operand[k].given && !app->layer->operand[k].is_int)
      return TENSOR_REAL;
  return TENSOR_INT;
}

// Where's condition is its first operand, a tensor or (needlessly) a number.
static bool is_where(const application *app) {
  return app->layer->def->lower == where_lower;
}

static int first_typed_input(const application *app) {
  return is_where(app) && !app->layer->operand[0].given ? 1 : 0;
}

bool elementwise_build(layer_call *call, result_type type) {
  for (int i = 0; i < call->n_inputs; i++)
    if (!call_expect_numbers(call, call->inputs[i]))
      return false;
  shape s;
  if (!broadcast_inputs(call, &s))
    return false;
  tensor_type common = common_type(call->app, first_typed_input(call->app));
  call_output(call, s, type == RESULT_COMMON ? common : type == RESULT_REAL ? TENSOR_REAL : TENSOR_INT);
  return true;
}

// ---- lowering

typedef struct elementwise {
  const application *app;
  elementwise_fn f;
  elem_type type; // of the operands
} elementwise;

static node *number(graph *g, const operand_number *v, elem_type type) {
  return type == REAL ? g_real(g, v->value) : g_int(g, (int64_t)v->value);
}

static node *of_type(graph *g, node *x, elem_type type) {
  return x->type == type ? x : g_cast(g, x, type);
}

// Tensors and numbers in the order of the operands.
static void gather_operands(graph *g, const elementwise *e, node *const *rows, node **operands) {
  int n = operand_count(e->app), next = 0;
  for (int k = 0; k < n; k++) {
    bool is_number = k < 3 && e->app->layer->operand[k].given;
    bool condition = k == 0 && is_where(e->app);
    node *x = is_number ? number(g, &e->app->layer->operand[k], e->type) : rows[next++];
    operands[k] = condition ? x : of_type(g, x, e->type);
  }
}

static node *apply(lowering *lw, node *const *rows, int n, void *context) {
  (void)n;
  const elementwise *e = context;
  int count = operand_count(e->app);
  node **operands = ARENA_ARRAY(lw->g->mem, node *, count);
  gather_operands(lw->g, e, rows, operands);
  return e->f(lw->g, operands, count);
}

// [B, F] beside [B, T, F] becomes [B, 1, F].
static lowered with_axes(lowering *lw, lowered x, const tensor *t, int rank) {
  int put_in = rank - t->shape.rank;
  if (put_in == 0)
    return x;
  node *dense = lower_to_dense(lw, x, t);
  shape s = {.rank = rank};
  const dim *one = dim_const(lw->g->dims, 1);
  for (int k = 0; k < rank; k++) {
    const dim *d = aligned(&t->shape, rank, k);
    s.d[k] = d ? d : one;
  }
  s.d[0] = dense->shape.d[0]; // in a cell, the rows active at a step
  return lowered_dense_value(g_reshape(lw->g, dense, s));
}

static void lower_operands(lowering *lw, const application *app, elementwise *e) {
  lowered *in = ARENA_ARRAY(lw->g->mem, lowered, app->n_inputs);
  for (int k = 0; k < app->n_inputs; k++)
    in[k] = with_axes(lw, lower_input(lw, app, k), app->inputs[k], app->outputs[0]->shape.rank);
  lower_set_output(lw, app, 0, lower_tokenwise(lw, app, in, app->n_inputs, apply, e));
}

void elementwise_lower(lowering *lw, const application *app, elementwise_fn f, result_type type) {
  bool real = type == RESULT_REAL || common_type(app, 0) == TENSOR_REAL;
  elementwise e = {app, f, real ? REAL : INT};
  lower_operands(lw, app, &e);
}

node *elementwise_fold(graph *g, op_code op, node *const *x, int n) {
  node *r = x[0];
  for (int k = 1; k < n; k++)
    r = g_binary(g, op, r, x[k]);
  return r;
}

// ---- Where

static shape common_shape(graph *g, node *const *x, int n) {
  shape s = {.rank = 0};
  for (int k = 0; k < n; k++)
    s.rank = x[k]->shape.rank > s.rank ? x[k]->shape.rank : s.rank;
  for (int k = 0; k < s.rank; k++)
    s.d[k] = dim_const(g->dims, 1);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < x[i]->shape.rank; k++) {
      int axis = k + s.rank - x[i]->shape.rank;
      s.d[axis] = is_one(s.d[axis]) ? x[i]->shape.d[k] : s.d[axis];
    }
  return s;
}

static node *choose(graph *g, node *const *x, int n) {
  INVARIANT(n == 3);
  node *condition = x[0];
  if (condition->type == REAL) {
    node *is_zero = g_binary(g, OP_EQ, condition, g_real(g, 0));
    condition = g_binary(g, OP_EQ, is_zero, g_int(g, 0));
  }
  shape s = common_shape(g, x, n);
  return g_select(g, g_broadcast_to(g, condition, s), g_broadcast_to(g, x[1], s), g_broadcast_to(g, x[2], s));
}

void where_lower(lowering *lw, const application *app) {
  elementwise e = {app, choose, common_type(app, first_typed_input(app)) == TENSOR_REAL ? REAL : INT};
  lower_operands(lw, app, &e);
}
