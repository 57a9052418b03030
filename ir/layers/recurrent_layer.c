// What SimpleRNN, LSTM and GRU share: their checks, shapes and the lowering around the scan.
#include "ir/layers/recurrence.h"

const char *const recurrent_call_args[] = {"initial_state", NULL};

static bool refuse_stateful(layer *l) {
  if (!layer_arg_bool(l, "stateful"))
    return true;
  diag *d = layer_error(l, "stateful",
                        "%s: stateful = true is not supported; every call begins with its own states",
                        l->def->name);
  diag_help(d, "return_state = true and initial_state = [...] carry states from one call to the next");
  return false;
}

bool recurrent_check(layer *l) {
  return refuse_stateful(l);
}

static bool is_state(const value *v, int64_t units) {
  if (v->kind != VALUE_OBJECT || !v->object || v->object_kinds)
    return false;
  const tensor *t = v->object;
  int64_t features = 0;
  return t->type == TENSOR_REAL && t->shape.rank == 2 && dim_is_const(t->shape.d[1], &features) &&
         features == units;
}

bool recurrent_check_initial(layer_call *call, int count, int64_t units) {
  const value *v = call_argument(call->app, "initial_state");
  if (!v || v->kind == VALUE_NONE)
    return true;
  bool list = v->kind == VALUE_LIST;
  size_t given = list ? v->count : 1;
  bool good = given == (size_t)count && (list || count == 1);
  for (size_t k = 0; good && k < given; k++)
    good = is_state(list ? v->items[k] : v, units);
  if (!good) {
    call->failed = true;
    diag_error(call->model->unit->diags, v->at,
               "%s: initial_state must be %d tensor%s of shape (batch, %lld)", call->layer->def->name, count,
               count == 1 ? "" : "s", (long long)units);
  }
  return good;
}

bool recurrent_build(layer_call *call, const recurrent_cell *cell) {
  layer *l = call->layer;
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)"))
    return false;
  int64_t units = recurrent_units(l), features = call_static_dim(call, x, 2);
  if (features < 0)
    return false;
  l->data = (void *)(uintptr_t)cell;
  if (call->first)
    cell->weights(call, features, units);
  else if (!call_same_features(call, x, l->weights.data[0]->shape.d[0]->value))
    return false;
  if (!recurrent_check_initial(call, cell->n_states, units))
    return false;
  const dim *u = dim_const(call->model->unit->dims, units), *batch = x->shape.d[0];
  bool sequences = layer_arg_bool(l, "return_sequences");
  tensor *y = call_output(call, sequences ? shape_of(3, batch, x->shape.d[1], u) : shape_of(2, batch, u),
                          TENSOR_REAL);
  if (sequences && x->mask == MASK_VALID)
    call_output_mask(y, MASK_VALID, x->mask_source);
  for (int k = 0; layer_arg_bool(l, "return_state") && k < cell->n_states; k++)
    call_output(call, shape_of(2, batch, u), TENSOR_REAL);
  return true;
}

static node *real_input(lowering *lw, node *x) {
  return x->type == INT ? g_cast(lw->g, x, REAL) : x;
}

// Outputs of a recurrence over the reversed sequence, in reversed order as Keras gives them: step s speaks of
// input step T - 1 - s, while the mask stays where it was. So the dense reversed sequence is packed anew.
static lowered reversed_sequence(lowering *lw, const application *app, node *const *initial) {
  graph *g = lw->g;
  const tensor *t = app->inputs[0];
  node *x = g_reverse(g, real_input(lw, lower_to_dense(lw, lower_input(lw, app, 0), t)), 1);
  node *mask = lower_mask(lw, t);
  node *pack = g_pack(g, mask ? g_reverse(g, mask, 1) : NULL, t->shape.d[0], t->shape.d[1]);
  node *rows = lower_to_pack(lw, lowered_dense_value(x), pack, LAYOUT_TM);
  recurrence r = recurrence_run(lw, app, rows, pack, false, initial);
  lowered y = lowered_row_value(r.outputs, LAYOUT_TM, pack, mask ? FILL_CARRY : FILL_NONE, NULL);
  return mask ? lowered_dense_value(lower_to_dense(lw, y, app->outputs[0])) : y;
}

void recurrent_lower(lowering *lw, const application *app) {
  const layer *l = app->layer;
  const tensor *t = app->inputs[0];
  bool sequences = layer_arg_bool(l, "return_sequences"), backwards = layer_arg_bool(l, "go_backwards");
  bool with_states = layer_arg_bool(l, "return_state");
  node *states[MAX_CELL_STATES];
  bool has_initial = recurrent_initial(lw, app, recurrent_state_count(l), states);
  node *const *initial = has_initial ? states : NULL;
  if (sequences && backwards)
    lower_set_output(lw, app, 0, reversed_sequence(lw, app, initial));
  if (sequences && backwards && !with_states)
    return;
  lowered in = lower_input(lw, app, 0);
  node *pack = lower_pack(lw, t);
  node *x = real_input(lw, lower_to_pack(lw, in, pack, LAYOUT_TM));
  recurrence r = recurrence_run(lw, app, x, pack, backwards, initial);
  if (sequences && !backwards)
    lower_set_output(lw, app, 0, lowered_row_value(r.outputs, LAYOUT_TM, pack, FILL_CARRY, NULL));
  else if (!sequences)
    lower_set_output(lw, app, 0, lowered_dense_value(recurrence_last(lw, &r, pack, has_initial)));
  for (int k = 0; with_states && k < recurrent_state_count(l); k++)
    lower_set_output(lw, app, 1 + k, lowered_dense_value(r.states[k]));
}
