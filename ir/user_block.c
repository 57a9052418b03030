#include "ir/user_block.h"
#include "ir/inner_graph.h"
#include "ir/layer.h"

// A definition of its own for each block that is wrapped, so that messages and names bear the block's.
typedef struct user_block_def {
  layer_def base;
  block_recipe recipe;
} user_block_def;

// The inside of one application; layer.data lists them.
typedef struct block_graph {
  const application *app;
  inner_graph body;
  tensor **results;
  struct block_graph *before;
} block_graph;

// What a regularizer of results adds counts for the examples of a batch; inside a wrapper there are none.
static bool refuse_activity(layer_call *call, const inner_graph *body) {
  for (int k = 0; k < body->n_applications; k++) {
    const layer *l = body->applications[k]->layer;
    if (l->activity.l1 == 0 && l->activity.l2 == 0)
      continue;
    diag_error(call->model->unit->diags, l->at, "%s: activity_regularizer cannot stand in a wrapped block",
               l->def->name);
    return false;
  }
  return true;
}

static bool build(layer_call *call) {
  layer *l = call->layer;
  const block_recipe *recipe = &((const user_block_def *)l->def)->recipe;
  block_graph *g = ARENA_NEW(call->model->unit->mem, block_graph);
  *g = (block_graph){.app = call->app, .before = l->data};
  l->data = g;
  int count = 0;
  inner_scope before = inner_graph_begin(&g->body, l);
  bool good = recipe->apply(recipe->context, l, call->inputs[0], &g->results, &count);
  inner_graph_end(&g->body, before);
  if (!good || !refuse_activity(call, &g->body))
    return false;
  for (int k = 0; k < count; k++) {
    const tensor *result = g->results[k];
    call_output_mask(call_output(call, result->shape, result->type), result->mask, result->mask_source);
  }
  return true;
}

static void lower(lowering *lw, const application *app) {
  const block_graph *g = app->layer->data;
  while (g->app != app)
    g = g->before;
  inner_graph_lower(lw, &g->body);
  for (int k = 0; k < app->n_outputs; k++)
    lower_set_output(lw, app, k, lower_value(lw, g->results[k]));
}

static const arg_spec no_args[] = {{0}};

layer *user_block_make(model *m, const block_recipe *recipe, span at, const char *scope) {
  user_block_def *def = ARENA_NEW(m->unit->mem, user_block_def);
  def->recipe = *recipe;
  def->base = (layer_def){.name = recipe->name,
                          .snake = recipe->snake,
                          .doc = "a block of the user's",
                          .group = "core",
                          .args = no_args,
                          .min_inputs = 1,
                          .max_inputs = 1,
                          .masks = MASKS_CUSTOM,
                          .traits = LAYER_INTERNAL,
                          .build = build,
                          .lower = lower};
  return layer_new(m, &def->base, ARENA_ARRAY(m->unit->mem, value *, 1), at, scope);
}
