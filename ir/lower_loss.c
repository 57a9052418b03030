// Losses of a program: the mean over the rows that count, which under a mask are the valid steps alone.
// Weights multiply the terms of that mean and leave the number that it is divided by alone, as in Keras.
#include "ir/lower_private.h"
#include "ir/train.h"

// x [R, ..., F] -> [R', F]: every leading axis is a row.
static node *merge_rows(graph *g, node *x, int keep) {
  if (x->shape.rank <= keep + 1)
    return x;
  shape s = {.rank = keep + 1};
  shape lead = x->shape;
  lead.rank = x->shape.rank - keep;
  s.d[0] = shape_elements(g->dims, &lead);
  for (int k = 0; k < keep; k++)
    s.d[k + 1] = x->shape.d[lead.rank + k];
  return g_reshape(g, x, s);
}

// The output's value as rows that count: a masked tensor in dense form is packed first.
static lowered counted_rows(lowering *lw, const tensor *t) {
  lowered v = lower_value(lw, t);
  if (t->mask != MASK_VALID || v.layout != LAYOUT_DENSE)
    return v;
  node *pack = lower_pack(lw, t);
  lowered rows =
      lowered_row_value(lower_to_pack(lw, v, pack, LAYOUT_RM), LAYOUT_RM, pack, FILL_UNIFORM, NULL);
  rows.logits_kind = v.logits_kind;
  if (v.logits)
    rows.logits = lower_to_pack(lw, lowered_dense_value(v.logits), pack, LAYOUT_RM);
  return rows;
}

// Logits at the valid steps in scan order, where the output has some, else its value.
static lowered scan_rows(lowering *lw, const tensor *t) {
  lowered v = lower_value(lw, t);
  if (v.logits_kind == LOGITS_SOFTMAX && v.logits)
    v.data = v.logits;
  node *pack = v.layout == LAYOUT_DENSE ? lower_pack(lw, t) : v.pack;
  return lowered_row_value(lower_to_pack(lw, v, pack, LAYOUT_TM), LAYOUT_TM, pack, FILL_UNIFORM, NULL);
}

// Rows of the target tensor that stand beside the rows of v. Targets need no gradient: no opposite gather.
static node *target_rows(graph *g, lowered v, node *target, node *numbers) {
  if (v.layout == LAYOUT_DENSE)
    return target;
  node *rows = rows_as_they_stand(g, target);
  return numbers ? g_gather(g, rows, numbers, NULL) : rows;
}

// Element numbers in the target tensor of the elements of `rows` [R, ...], whose row r is row numbers[r] of
// it.
static node *element_numbers(graph *g, node *rows, node *numbers) {
  if (!numbers || rows->shape.rank == 1)
    return numbers;
  shape rest = rows->shape;
  rest.rank--;
  for (int k = 0; k < rest.rank; k++)
    rest.d[k] = rows->shape.d[k + 1];
  const dim *width = shape_elements(g->dims, &rest);
  shape flat = shape_of(2, rows->shape.d[0], width);
  int axes[MAX_RANK] = {0, -1};
  node *first = g_mul(g, g_broadcast(g, numbers, flat, axes), g_extent(g, width, INT));
  return g_reshape(g, g_add(g, first, g_iota(g, flat, 1)), rows->shape);
}

// Index of the output's target or of its weights; the target stands first.
static int loss_input(const lowering *lw, int output, bool weights) {
  const program_inputs *inputs = lw->program->inputs;
  for (size_t i = 0; i < inputs->list.len; i++)
    if (inputs->list.data[i].model_output == output && (inputs->list.data[i].role == INPUT_WEIGHT) == weights)
      return (int)i;
  ICE("output %d has a loss but no %s", output, weights ? "weights" : "target");
}

static node *weight_input(lowering *lw, int output) {
  int index = loss_input(lw, output, true);
  return g_input(lw->g, index, REAL, lw->program->inputs->list.data[index].shape);
}

// rows [R] times their weights.
static node *weigh(lowering *lw, lowered v, int output, node *rows) {
  graph *g = lw->g;
  node *all = weight_input(lw, output);
  return g_mul(g, rows, merge_rows(g, target_rows(g, v, all, lower_row_numbers(lw, v)), 0));
}

// `*counts`: which targets are not the class that the loss ignores, INT, or NULL: all of them.
static node *make_target(lowering *lw, lowered v, int output, int64_t classes, const value *ignored,
                         node **counts) {
  graph *g = lw->g;
  int index = loss_input(lw, output, false);
  const program_input *p = &lw->program->inputs->list.data[index];
  bool ids = p->role == INPUT_TARGET_INT;
  bool labels = lw->model->training->losses[output]->expects == EXPECTS_LABELS;
  node *numbers = labels ? NULL : lower_row_numbers(lw, v);
  if (labels)
    return g_check_ids(g, g_input(g, index, INT, p->shape), NULL, classes, index);
  node *target = target_rows(g, v, g_input(g, index, ids ? INT : REAL, p->shape), numbers);
  if (!ids)
    return merge_rows(g, target, 1);
  if (ignored) {
    node *zero = g_int(g, 0);
    *counts = g_binary(g, OP_EQ, g_binary(g, OP_EQ, target, g_int(g, ignored->integer)), zero);
    target = g_select(g, *counts, target, g_broadcast_to(g, zero, target->shape));
    *counts = merge_rows(g, *counts, 0);
  }
  target = g_check_ids(g, target, element_numbers(g, target, numbers), classes, index);
  return merge_rows(g, target, 0);
}

// Of the rows that count (NULL: all); 0 when there is none.
static node *mean(graph *g, node *rows, node *counts) {
  node *count = g_extent(g, rows->shape.d[0], REAL);
  if (counts) {
    rows = g_select(g, counts, rows, g_broadcast_to(g, g_real(g, 0), rows->shape));
    count = g_reduce_sum(g, g_cast(g, counts, REAL), 1);
  }
  return g_div(g, g_reduce_sum(g, rows, 1), g_binary(g, OP_MAX, count, g_real(g, 1)));
}

static const value *ignored_class(const loss_def *loss, value *const *args) {
  int k = args_index(loss->args, "ignore_class");
  return k >= 0 && args[k]->kind == VALUE_INT ? args[k] : NULL;
}

static node *lower_loss(lowering *lw, int output) {
  graph *g = lw->g;
  const train_config *c = lw->model->training;
  const tensor *t = lw->model->outputs.data[output].value;
  const loss_def *loss = c->losses[output];
  if (loss->expects == EXPECTS_PATHS)
    t = t->source->scores;
  lowered v = loss->expects == EXPECTS_LABELS ? scan_rows(lw, t) : counted_rows(lw, t);
  int64_t classes = 0;
  if (loss->target == TARGET_CLASS_IDS && !dim_is_const(t->shape.d[t->shape.rank - 1], &classes))
    ICE("class ids for an output whose number of classes is not fixed");
  node *counts = NULL;
  const value *ignored = ignored_class(loss, c->loss_args[output]);
  node *target = make_target(lw, v, output, classes, ignored, &counts);
  bool weighted = train_output_is_weighted(c, (size_t)output);
  if (loss->build_examples) {
    node *examples = loss->build_examples(lw, t->source, v, target);
    return mean(g, weighted ? g_mul(g, examples, weight_input(lw, output)) : examples, NULL);
  }
  node *predicted = merge_rows(g, v.data, 1);
  node *logits = v.logits ? merge_rows(g, v.logits, 1) : NULL;
  node *rows =
      loss->build(g, c->loss_args[output], predicted, logits ? v.logits_kind : LOGITS_NONE, logits, target);
  INVARIANT(rows->shape.rank == 1);
  if (weighted)
    rows = weigh(lw, v, output, rows);
  return mean(g, rows, counts);
}

// l1 sum |x| + l2 sum x^2
static node *penalty(graph *g, regularizer r, node *x) {
  unsigned all = (1u << x->shape.rank) - 1;
  node *total = g_real(g, 0);
  if (r.l1 != 0)
    total = g_add(g, total, g_mul(g, g_reduce_sum(g, g_unary(g, OP_ABS, x), all), g_real(g, r.l1)));
  if (r.l2 != 0)
    total = g_add(g, total, g_mul(g, g_reduce_sum(g, g_mul(g, x, x), all), g_real(g, r.l2)));
  return total;
}

// Of the weights that are trained, and of the results of layers, for each example of the batch, masked steps
// included.
static node *add_regularizers(lowering *lw, node *total) {
  graph *g = lw->g;
  const model *m = lw->model;
  for (size_t k = 0; k < m->weights.len; k++) {
    const weight *w = m->weights.data[k];
    if (w->trainable && (w->regularizer.l1 != 0 || w->regularizer.l2 != 0))
      total = g_add(g, total, penalty(g, w->regularizer, g_param(g, w->index, w->shape)));
  }
  for (size_t k = 0; k < m->applications.len; k++) {
    const application *app = m->applications.data[k];
    regularizer r = app->layer->activity;
    for (int j = 0; j < app->n_outputs && (r.l1 != 0 || r.l2 != 0); j++) {
      const tensor *t = app->scores ? app->scores : app->outputs[j];
      if (t->type != TENSOR_REAL)
        continue;
      node *sum = penalty(g, r, lower_to_dense(lw, lower_value(lw, t), t));
      total = g_add(g, total, g_div(g, sum, g_extent(g, t->shape.d[0], REAL)));
    }
  }
  return total;
}

void lower_losses(lowering *lw) {
  graph *g = lw->g;
  const model *m = lw->model;
  node *total = NULL;
  graph_set_label(g, "loss");
  for (size_t k = 0; k < m->outputs.len; k++) {
    if (!m->training->losses[k])
      continue;
    node *loss = lower_loss(lw, (int)k);
    program_add_root(lw->program, ROOT_LOSS, (int)k, loss);
    node *weighted = g_mul(g, loss, g_real(g, m->training->loss_weights[k]));
    total = total ? g_add(g, total, weighted) : weighted;
  }
  INVARIANT(total);
  total = add_regularizers(lw, total);
  program_add_root(lw->program, ROOT_LOSS, -1, total);
}
