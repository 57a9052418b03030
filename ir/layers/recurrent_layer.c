// What SimpleRNN, LSTM, GRU and RNN share: their checks, shapes and the lowering around the scan.
#include "ir/layers/recurrence.h"

const char *const recurrent_call_args[] = {"initial_state", NULL};

bool recurrent_check(layer *l) {
  const layer *cell = recurrent_cell(l);
  if (cell_state_count(cell) <= MAX_CELL_STATES)
    return true;
  layer_error(l, NULL, "%s: %d states; there may be %d at most", l->def->name, cell_state_count(cell),
              MAX_CELL_STATES);
  return false;
}

layer *recurrent_cell(const layer *l) {
  return l->def->cell ? (layer *)l : l->children[0];
}

int recurrent_state_count(const layer *l) {
  return cell_state_count(recurrent_cell(l));
}

shape recurrent_output_shape(const layer *l) {
  const layer *cell = recurrent_cell(l);
  return cell_state_shape(cell, cell_output_state(cell));
}

// (batch, ...) or (batch, time, ...) of one step's shape.
static shape with_leading_dims(const tensor *x, int n, shape one) {
  shape s = {.rank = one.rank + n};
  for (int k = 0; k < n; k++)
    s.d[k] = x->shape.d[k];
  for (int k = 0; k < one.rank; k++)
    s.d[n + k] = one.d[k];
  return s;
}

static bool is_state(const value *v, const shape *wanted) {
  if (v->kind != VALUE_OBJECT || !v->object || v->object_kinds)
    return false;
  const tensor *t = v->object;
  if (t->type != TENSOR_REAL || t->shape.rank != wanted->rank)
    return false;
  for (int k = 1; k < wanted->rank; k++)
    if (t->shape.d[k] != wanted->d[k])
      return false;
  return true;
}

static void report_initial(layer_call *call, const value *v, const shape *wanted, int count, bool alike) {
  strbuf list = {0};
  for (int k = 0; k < (alike ? 1 : count); k++) {
    strbuf_puts(&list, k ? ", " : "");
    shape_print(&wanted[k], &list);
  }
  call->failed = true;
  diag_error(call->model->unit->diags, v->at, "%s: initial_state must be %d tensor%s of shape%s %s",
             call->layer->def->name, count, count == 1 ? "" : "s", alike ? "" : "s", strbuf_text(&list));
  strbuf_free(&list);
}

bool recurrent_check_initial(layer_call *call, layer *const *layers, int n_layers) {
  const value *v = call_argument(call->app, "initial_state");
  if (!v || v->kind == VALUE_NONE)
    return true;
  shape wanted[2 * MAX_CELL_STATES];
  int count = 0;
  for (int i = 0; i < n_layers; i++)
    for (int k = 0; k < recurrent_state_count(layers[i]); k++)
      wanted[count++] = with_leading_dims(call->inputs[0], 1, cell_state_shape(recurrent_cell(layers[i]), k));
  bool list = v->kind == VALUE_LIST, alike = true;
  size_t given = list ? v->count : 1;
  bool good = given == (size_t)count && (list || count == 1);
  for (size_t k = 0; good && k < given; k++)
    good = is_state(list ? v->items[k] : v, &wanted[k]);
  for (int k = 1; k < count; k++)
    alike = alike && shape_equal(&wanted[k], &wanted[0]);
  if (!good)
    report_initial(call, v, wanted, count, alike);
  return good;
}

// What a recurrent layer remembers of its first application.
typedef struct recurrent_data {
  int64_t features;
} recurrent_data;

static bool build_cell(layer_call *call) {
  layer *l = call->layer;
  const tensor *x = call->inputs[0];
  int64_t features = call_static_dim(call, x, 2);
  if (features < 0)
    return false;
  if (!call->first)
    return call_same_features(call, x, ((const recurrent_data *)l->data)->features);
  recurrent_data *data = ARENA_NEW(call->model->unit->mem, recurrent_data);
  data->features = features;
  l->data = data;
  return cell_build(call, recurrent_cell(l), cell_input(call, x));
}

// Keras lets initial_state win over the states that were kept; here it is one or the other.
static bool carry_states(layer_call *call) {
  const layer *l = call->layer, *cell = recurrent_cell(l);
  if (!layer_arg_bool(l, "stateful"))
    return true;
  const value *initial = call_argument(call->app, "initial_state");
  if (initial && initial->kind != VALUE_NONE) {
    call_error(call, "%s: either initial_state or stateful = true, not both", l->def->name);
    return false;
  }
  for (int k = 0; k < cell_state_count(cell); k++)
    if (!call_carry(call, with_leading_dims(call->inputs[0], 1, cell_state_shape(cell, k))))
      return false;
  return true;
}

bool recurrent_build(layer_call *call) {
  layer *l = call->layer;
  const tensor *x = call->inputs[0];
  if (!call_expect_numbers(call, x) || !call_expect_rank(call, x, 3, 3, "(batch, time, features)") ||
      !build_cell(call) || !recurrent_check_initial(call, &l, 1) || !carry_states(call))
    return false;
  bool sequences = layer_arg_bool(l, "return_sequences");
  tensor *y =
      call_output(call, with_leading_dims(x, sequences ? 2 : 1, recurrent_output_shape(l)), TENSOR_REAL);
  if (sequences && x->mask == MASK_VALID)
    call_output_mask(y, MASK_VALID, x->mask_source);
  const layer *cell = recurrent_cell(l);
  for (int k = 0; layer_arg_bool(l, "return_state") && k < cell_state_count(cell); k++)
    call_output(call, with_leading_dims(x, 1, cell_state_shape(cell, k)), TENSOR_REAL);
  return true;
}

// RNN alone may be told to give zeros at masked steps; else the last output stands there.
static fill_kind masked_fill(const layer *l) {
  int k = args_index(l->def->args, "zero_output_for_mask");
  return k >= 0 && l->args[k]->boolean ? FILL_UNIFORM : FILL_CARRY;
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
  if (!layer_arg_bool(app->layer, "return_state"))
    recurrent_carry(lw, app, &r);
  lowered y = lowered_row_value(r.outputs, LAYOUT_TM, pack, mask ? masked_fill(app->layer) : FILL_NONE, NULL);
  return mask ? lowered_dense_value(lower_to_dense(lw, y, app->outputs[0])) : y;
}

void recurrent_lower(lowering *lw, const application *app) {
  const layer *l = app->layer;
  const tensor *t = app->inputs[0];
  bool sequences = layer_arg_bool(l, "return_sequences"), backwards = layer_arg_bool(l, "go_backwards");
  bool with_states = layer_arg_bool(l, "return_state");
  node *const *initial = recurrent_initial(lw, app, recurrent_state_count(l));
  if (!initial)
    initial = recurrent_carried(lw, app);
  if (sequences && backwards)
    lower_set_output(lw, app, 0, reversed_sequence(lw, app, initial));
  if (sequences && backwards && !with_states)
    return;
  lowered in = lower_input(lw, app, 0);
  node *pack = lower_pack(lw, t);
  node *x = real_input(lw, lower_to_pack(lw, in, pack, LAYOUT_TM));
  recurrence r = recurrence_run(lw, app, x, pack, backwards, initial);
  recurrent_carry(lw, app, &r);
  if (sequences && !backwards)
    lower_set_output(lw, app, 0, lowered_row_value(r.outputs, LAYOUT_TM, pack, masked_fill(l), NULL));
  else if (!sequences)
    lower_set_output(lw, app, 0, lowered_dense_value(recurrence_last(lw, &r, pack, initial != NULL)));
  for (int k = 0; with_states && k < recurrent_state_count(l); k++)
    lower_set_output(lw, app, 1 + k, lowered_dense_value(r.states[k]));
}
