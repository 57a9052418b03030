// Whole programs: inputs, every layer in order, roots.
#include "ir/layer.h"
#include "ir/lower_private.h"
#include "ir/report_private.h"
#include "ir/train.h"
#include <stdlib.h>
#include <string.h>

bool application_is_pipeline(const application *app) {
  return app->layer->def->pipeline != NULL;
}

// ---- program inputs

// The input's own name, or, where the program takes several things of it, one with the layer's name.
static const char *name_of_pipeline(const program_inputs *list, const application *app, bool taken) {
  const char *name = app->inputs[0]->name;
  for (size_t k = 0; k < list->list.len; k++)
    taken = taken || strcmp(list->list.data[k].name, name) == 0;
  return taken ? arena_printf(app->layer->model->unit->mem, "%s_%s", name, app->layer->name) : name;
}

static void add_pipelines(program_inputs *list, const model *m, int input, bool name_taken) {
  const tensor *text = m->inputs.data[input];
  for (size_t i = 0; i < m->applications.len; i++) {
    const application *app = m->applications.data[i];
    if (!application_is_pipeline(app) || app->inputs[0] != text)
      continue;
    pipeline_form form = app->layer->def->pipeline(app);
    program_input p = {.name = name_of_pipeline(list, app, name_taken),
                       .role = INPUT_IDS,
                       .shape = form.ids,
                       .pipeline = app,
                       .model_input = input,
                       .model_output = -1};
    vec_push(&list->list, p);
    if (!form.weights)
      continue;
    p.name = arena_printf(m->unit->mem, "%s_weights", p.name);
    p.role = INPUT_REAL;
    p.weights = true;
    vec_push(&list->list, p);
  }
}

static bool reads(const application *app, const tensor *t) {
  size_t n = report_inputs(app, NULL);
  const tensor **list = xcalloc(n + 1, sizeof *list);
  report_inputs(app, list);
  bool found = false;
  for (size_t k = 0; k < n; k++)
    found |= list[k] == t;
  free(list);
  return found;
}

// Whether pipelines are all that reads an input of the model.
static bool is_for_pipelines(const model *m, const tensor *input) {
  bool by_pipeline = false;
  for (size_t i = 0; i < m->outputs.len; i++)
    if (m->outputs.data[i].value == input)
      return false;
  for (size_t i = 0; i < m->applications.len; i++) {
    const application *app = m->applications.data[i];
    if (!reads(app, input))
      continue;
    if (!application_is_pipeline(app))
      return false;
    by_pipeline = true;
  }
  return by_pipeline;
}

static void add_target(program_inputs *list, const model *m, int output) {
  const loss_def *loss = m->training->losses[output];
  program_input p = {.name = m->outputs.data[output].name,
                     .role = INPUT_TARGET_REAL,
                     .shape = m->outputs.data[output].value->shape,
                     .model_input = -1,
                     .model_output = output};
  if (loss->target == TARGET_CLASS_IDS) {
    p.role = INPUT_TARGET_INT;
    p.shape.rank -= m->outputs.data[output].value->type == TENSOR_REAL;
    if (loss->expects == EXPECTS_LABELS)
      p.shape.d[1] = dim_const(m->unit->dims, m->training->loss_args[output][0]->integer);
  }
  vec_push(&list->list, p);
}

// A number for each row of the output, which is its last axis.
static void add_weight(program_inputs *list, const model *m, int output) {
  program_input p = {.name = m->outputs.data[output].name,
                     .role = INPUT_WEIGHT,
                     .shape = m->outputs.data[output].value->shape,
                     .model_input = -1,
                     .model_output = output};
  if (p.shape.rank > 1)
    p.shape.rank--;
  if (m->training->losses[output]->expects == EXPECTS_LABELS)
    p.shape.rank = 1;
  vec_push(&list->list, p);
}

static void add_states(program_inputs *list, const model *m, const application *app) {
  for (int k = 0; k < app->n_carried; k++) {
    program_input p = {.name = arena_printf(m->unit->mem, "%s/state_%d", app->layer->name, k),
                       .role = INPUT_STATE,
                       .shape = app->carried[k],
                       .carrier = app,
                       .carried = k,
                       .model_input = -1,
                       .model_output = -1};
    vec_push(&list->list, p);
  }
  for (int k = 0; k < app->n_inner; k++)
    add_states(list, m, app->inner[k]);
}

program_inputs *program_inputs_of(const model *m) {
  program_inputs *list = ARENA_NEW(m->unit->mem, program_inputs);
  for (size_t i = 0; i < m->inputs.len; i++) {
    const tensor *t = m->inputs.data[i];
    bool read = t->type != TENSOR_TEXT && !is_for_pipelines(m, t);
    add_pipelines(list, m, (int)i, read);
    if (!read)
      continue;
    program_input p = {.name = t->name,
                       .role = t->type == TENSOR_INT ? INPUT_IDS : INPUT_REAL,
                       .shape = t->shape,
                       .model_input = (int)i,
                       .model_output = -1};
    vec_push(&list->list, p);
  }
  for (size_t k = 0; m->training && k < m->outputs.len; k++)
    if (m->training->losses[k])
      add_target(list, m, (int)k);
  for (size_t k = 0; m->training && k < m->outputs.len; k++)
    if (train_output_is_weighted(m->training, k))
      add_weight(list, m, (int)k);
  for (size_t i = 0; i < m->applications.len; i++)
    add_states(list, m, m->applications.data[i]);
  return list;
}

void program_inputs_free(program_inputs *inputs) {
  if (inputs)
    vec_free(&inputs->list);
}

// ---- lowering

static void lower_inputs(lowering *lw) {
  const program_inputs *inputs = lw->program->inputs;
  for (size_t i = 0; i < inputs->list.len; i++) {
    const program_input *p = &inputs->list.data[i];
    if (p->model_input < 0)
      continue;
    const tensor *t = p->pipeline ? p->pipeline->outputs[0] : lw->model->inputs.data[p->model_input];
    graph_set_label(lw->g, t->source ? t->source->layer->name : t->name);
    node *x = g_input(lw->g, (int)i, p->role == INPUT_IDS ? INT : REAL, p->shape);
    if (p->weights) {
      lw->p->given_weights[t->id] = x;
      continue;
    }
    lw->p->given_ids[t->id] = x;
    lw->p->input_of[t->id] = (int)i;
    if (!p->pipeline || t->type == TENSOR_INT)
      lw->values[t->id] = lowered_dense_value(x);
  }
}

static void lower_application(lowering *lw, const application *app) {
  if (app->n_inputs == 0 || (application_is_pipeline(app) && lw->values[app->outputs[0]->id].data))
    return; // program inputs
  graph_set_label(lw->g, app->layer->name);
  lw->current = app;
  app->layer->def->lower(lw, app);
  for (int k = 0; k < app->n_outputs; k++)
    if (!lw->values[app->outputs[k]->id].data)
      ICE("lowering of layer '%s' left result %d without a value", app->layer->name, k);
}

void program_add_root(program *p, root_role role, int index, node *of) {
  program_root r = {role, index, of};
  vec_push(&p->roots, r);
}

static bool wants_output(const lowering *lw, size_t k) {
  if (lw->program->kind == PROGRAM_PROBE)
    return false;
  return lw->program->kind != PROGRAM_GRAD || lw->model->training->metrics[k].len > 0;
}

static void lower_outputs(lowering *lw) {
  const model *m = lw->model;
  for (size_t k = 0; k < m->outputs.len; k++) {
    if (!wants_output(lw, k))
      continue;
    const tensor *t = m->outputs.data[k].value;
    graph_set_label(lw->g, t->source ? t->source->layer->name : t->name);
    program_add_root(lw->program, ROOT_OUTPUT, (int)k, lower_to_dense(lw, lower_value(lw, t), t));
    node *mask = lower_mask(lw, t);
    if (mask)
      program_add_root(lw->program, ROOT_OUTPUT_MASK, (int)k, mask);
  }
}

static void lower_probe(lowering *lw, const char *probe) {
  const model *m = lw->model;
  bool found = false;
  for (size_t i = 0; i < m->applications.len; i++) {
    const application *app = m->applications.data[i];
    if (strcmp(app->layer->name, probe) != 0)
      continue;
    found = true;
    for (int k = 0; k < app->n_outputs; k++) {
      const tensor *t = app->outputs[k];
      if (t->type != TENSOR_TEXT)
        program_add_root(lw->program, ROOT_PROBE, t->id, lower_to_dense(lw, lower_value(lw, t), t));
    }
  }
  if (!found)
    ICE("no layer '%s' to look at", probe);
}

static bool is_output(const model *m, const tensor *t) {
  for (size_t k = 0; k < m->outputs.len; k++)
    if (m->outputs.data[k].value == t)
      return true;
  return false;
}

static bool is_probed(const lowering *lw, const tensor *t) {
  return t->type != TENSOR_TEXT && lw->values[t->id].data && !is_output(lw->model, t) &&
         strcmp(t->source->layer->def->name, "OneHot") != 0;
}

static bool is_first_application(const model *m, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (m->applications.data[k]->layer == m->applications.data[i]->layer)
      return false;
  return true;
}

static void lower_probes(lowering *lw) {
  const model *m = lw->model;
  for (size_t i = 0; i < m->applications.len; i++) {
    const application *app = m->applications.data[i];
    if (!is_first_application(m, i))
      continue;
    graph_set_label(lw->g, app->layer->name);
    if (app->scores) {
      node *scores = lower_to_dense(lw, lower_value(lw, app->scores), app->scores);
      program_add_root(lw->program, ROOT_PROBE, app->scores->id, scores);
      continue;
    }
    for (int k = 0; k < app->n_outputs; k++) {
      const tensor *t = app->outputs[k];
      if (is_probed(lw, t))
        program_add_root(lw->program, ROOT_PROBE, t->id, lower_to_dense(lw, lower_value(lw, t), t));
    }
  }
}

static program *program_new(const model *m, program_inputs *inputs, program_kind kind) {
  program *p = ARENA_NEW(m->unit->mem, program);
  p->kind = kind;
  p->model = m;
  p->inputs = inputs;
  p->g = graph_new(m->unit->mem, m->unit->dims);
  return p;
}

program *lower_program(const model *m, program_inputs *inputs, program_kind kind, const char *probe) {
  INVARIANT(kind == PROGRAM_INFER || kind == PROGRAM_PROBE || m->training);
  arena *mem = m->unit->mem;
  lowering_private private = {.masks = ARENA_ARRAY(mem, node *, m->tensors.len),
                              .input_of = ARENA_ARRAY(mem, int, m->tensors.len),
                              .given_ids = ARENA_ARRAY(mem, node *, m->tensors.len),
                              .given_weights = ARENA_ARRAY(mem, node *, m->tensors.len)};
  memset(private.input_of, -1, m->tensors.len * sizeof(int));
  program *p = program_new(m, inputs, kind);
  lowering lw = {.g = p->g,
                 .model = m,
                 .training = kind == PROGRAM_GRAD,
                 .values = ARENA_ARRAY(mem, lowered, m->tensors.len),
                 .program = p,
                 .p = &private};
  lower_inputs(&lw);
  for (size_t i = 0; i < m->applications.len; i++)
    lower_application(&lw, m->applications.data[i]);
  lower_outputs(&lw);
  if (kind == PROGRAM_PROBE)
    lower_probes(&lw);
  else if (kind != PROGRAM_INFER)
    lower_losses(&lw);
  if (probe)
    lower_probe(&lw, probe);
  graph_set_label(p->g, NULL);
  vec_free(&private.packs);
  return p;
}

void program_free(program *p) {
  if (!p)
    return;
  vec_free(&p->roots);
  vec_free(&p->without_gradient);
  graph_free(p->g);
}
