#include "tests/exec/subject.h"
#include "ir/functions.h"
#include "ir/train.h"
#include "runtime/registry.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_REGISTRY = 64, MAX_SOURCE = 4000 };

// ---- loading

static const registry_entry *copy_entries(registry_entry *to, const registry_item *from) {
  size_t n = 0;
  for (; from[n].name; n++) {
    INVARIANT(n + 1 < MAX_REGISTRY);
    to[n] = (registry_entry){from[n].name, from[n].class_name, from[n].doc,
                             from[n].args, from[n].check,      from[n].sets_each_rate};
  }
  return to;
}

static const registries *all_registries(void) {
  static registry_entry optimizers[MAX_REGISTRY], metrics[MAX_REGISTRY], callbacks[MAX_REGISTRY],
      schedules[MAX_REGISTRY];
  static registries all;
  all.optimizers = copy_entries(optimizers, registry_optimizers());
  all.metrics = copy_entries(metrics, registry_metrics());
  all.callbacks = copy_entries(callbacks, registry_callbacks());
  all.schedules = copy_entries(schedules, registry_schedules());
  return &all;
}

static bool load_text(unit *u, const char *text) {
  char path[] = "subject_XXXXXX.nlm";
  int fd = mkstemps(path, 4);
  if (fd < 0) {
    perror(path);
    exit(1);
  }
  size_t length = strlen(text);
  bool written = write(fd, text, length) == (ssize_t)length;
  close(fd);
  bool good = written && load_models(u, path, &(load_options){.registries = all_registries()});
  unlink(path);
  return good && u->models.len == 1;
}

// What ids an input may hold stands in the checks that its layers make.
static void find_id_bounds(subject *s) {
  size_t n = s->inputs->list.len;
  s->id_bounds = ARENA_ARRAY(s->u->mem, int64_t, n + 1);
  program *p = lower_program(s->m, s->inputs, PROGRAM_EVALUATE, NULL);
  for (size_t k = 0; k < p->g->n_nodes; k++) {
    const node *check = p->g->nodes[k];
    int64_t *bound = check->op == OP_CHECK_IDS ? &s->id_bounds[check->i[1]] : NULL;
    if (bound && (!*bound || check->i[0] < *bound))
      *bound = check->i[0];
  }
  for (size_t k = 0; k < n; k++)
    if (!s->id_bounds[k] &&
        (s->inputs->list.data[k].role == INPUT_IDS || s->inputs->list.data[k].role == INPUT_TARGET_INT))
      s->id_bounds[k] = 5;
  program_free(p);
}

bool subject_open(subject *s, const char *title, const char *text, const char *train) {
  char whole[MAX_SOURCE];
  *s = (subject){.d = diags_new()};
  snprintf(s->title, sizeof s->title, "%s", title);
  snprintf(whole, sizeof whole, "%s\ntrain tiny {\n  %s\n  metrics = [accuracy]\n}\n", text, train);
  s->u = unit_new(s->d);
  if (!load_text(s->u, whole)) {
    strbuf messages = {0};
    diags_print_text(s->d, &messages, false);
    printf("%s does not load:\n%s%s", title, whole, strbuf_text(&messages));
    strbuf_free(&messages);
    return false;
  }
  s->m = s->u->models.data[0];
  s->inputs = program_inputs_of(s->m);
  find_id_bounds(s);
  return true;
}

void subject_close(subject *s) {
  program_inputs_free(s->inputs);
  unit_free(s->u);
  diags_free(s->d);
}

// ---- programs

static node *weighted_sum(graph *g, node *x, int output) {
  node *numbers = g_sub(g, g_random(g, 1000 + (uint64_t)output, x->shape, NULL), g_real(g, 0.5));
  node *real = x->type == INT ? g_cast(g, x, REAL) : x;
  return g_reduce_sum(g, g_mul(g, real, numbers), (1u << x->shape.rank) - 1);
}

program *subject_lower(const subject *s, program_kind kind, bool weigh_outputs) {
  program *p = lower_program(s->m, s->inputs, kind, NULL);
  if (kind != PROGRAM_GRAD || !weigh_outputs)
    return p;
  node *total = NULL;
  for (size_t k = 0; k < p->roots.len; k++) {
    const program_root *root = &p->roots.data[k];
    if (root->role != ROOT_OUTPUT)
      continue;
    node *sum = weighted_sum(p->g, root->value, root->index);
    total = total ? g_add(p->g, total, sum) : sum;
  }
  INVARIANT(total);
  for (size_t k = 0; k < p->roots.len; k++)
    if (p->roots.data[k].role == ROOT_LOSS && p->roots.data[k].index == -1)
      p->roots.data[k].value = total;
  return p;
}

// ---- properties

static bool has_open_time(const tensor *t) {
  return t->shape.rank >= 2 && !dim_is_const(t->shape.d[1], NULL);
}

// A layer whose result has, by Keras's rules, padding where its mask says none: Masking makes a mask of its
// own, a reversed sequence goes on with the mask of the one that was not, and the statistics of
// GroupNormalization are those of all steps.
static bool moves_off_mask(const layer *l) {
  return !strcmp(l->def->name, "Masking") || !strcmp(l->def->name, "GroupNormalization") ||
         (l->def->traits & LAYER_RECURRENT && layer_arg_bool(l, "return_sequences") &&
          layer_arg_bool(l, "go_backwards"));
}

static bool breaks_off_mask(const application *app) {
  for (int k = 0; k < app->n_inputs; k++)
    if (app->inputs[k]->mask == MASK_VALID &&
        (app->layer->def->masks == MASKS_DESTROY || app->outputs[0]->mask == MASK_DESTROYED ||
         moves_off_mask(app->layer)))
      return true;
  return false;
}

// A sequence without a mask may only be what a mask is made of: an input whose every reader gives a masked
// tensor, but for the values and keys of attention, whose result has the mask of the query.
static bool is_masked_at_once(const model *m, const tensor *t) {
  for (size_t k = 0; k < m->applications.len; k++) {
    const application *app = m->applications.data[k];
    for (int i = 0; i < app->n_inputs; i++)
      if (app->inputs[i] == t &&
          (app->outputs[0]->mask != MASK_VALID || (i > 0 && app->layer->def->input_names)))
        return false;
  }
  return t->source == NULL || t->source->n_inputs == 0;
}

bool subject_ignores_padding(const subject *s) {
  const model *m = s->m;
  for (size_t k = 0; k < m->applications.len; k++)
    if (breaks_off_mask(m->applications.data[k]))
      return false;
  for (size_t k = 0; k < m->tensors.len; k++) {
    const tensor *t = m->tensors.data[k];
    if (has_open_time(t) && t->mask != MASK_VALID && !is_masked_at_once(m, t))
      return false;
  }
  return true;
}

// ---- enumeration

typedef struct walk {
  const char *only;
  subject_check *check;
  void *context;
  int failed;
} walk;

static void visit(walk *w, const char *title, const char *text, const char *train) {
  if (w->only && !strstr(title, w->only))
    return;
  subject s;
  if (subject_open(&s, title, text, train))
    w->failed += w->check(&s, w->context);
  else
    w->failed++;
  subject_close(&s);
}

static void visit_table(walk *w, const layer_def *const *table) {
  for (size_t i = 0; table[i]; i++)
    for (int k = 0; table[i]->examples[k]; k++) {
      char title[96], train[96];
      snprintf(title, sizeof title, "%s, example %d", table[i]->name, k + 1);
      snprintf(train, sizeof train, "loss = %s", table[i]->loss ? table[i]->loss : "mse");
      visit(w, title, table[i]->examples[k], train);
    }
}

static void visit_loss(walk *w, const loss_def *loss, const char *activation, const char *arguments) {
  static const char *const forms[] = {
      "model tiny {\n  input x: float[3]\n  output y = x -> Dense(3, activation = %s)\n}\n",
      "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
      "    -> GRU(2, return_sequences = true) -> Dense(3, activation = %s)\n}\n",
      "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3) -> Dense(3, activation "
      "= %s)\n}\n"};
  for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
    char title[96], text[600], train[96];
    snprintf(title, sizeof title, "%s(%s) of %s, form %zu", loss->name, arguments, activation, k + 1);
    snprintf(text, sizeof text, forms[k], activation);
    snprintf(train, sizeof train, "loss = %s(%s)", loss->name, arguments);
    visit(w, title, text, train);
  }
}

// Of the losses that belong to a layer.
static void visit_paths(walk *w, const loss_def *loss) {
  static const char *const forms[] = {
      "model tiny {\n  input x: float[time, 3]\n  output y = x -> CRF(3)\n}\n",
      "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
      "    -> GRU(2, return_sequences = true) -> CRF(3, boundary_initializer = uniform)\n}\n",
      "model tiny {\n  input words: int[time]\n  scores = words -> Embedding(7, 5, mask_zero = true) -> "
      "Dense(4)\n  output y = scores -> CRF(4, use_kernel = false, use_boundary = false)\n}\n"};
  for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
    char title[96], train[96];
    snprintf(title, sizeof title, "%s, form %zu", loss->name, k + 1);
    snprintf(train, sizeof train, "loss = %s()", loss->class_name);
    visit(w, title, forms[k], train);
  }
}

static void visit_labels(walk *w, const loss_def *loss) {
  static const char *const forms[] = {
      "model tiny {\n  input x: float[time, 3]\n  output y = x -> Dense(3)\n}\n",
      "model tiny {\n  input words: int[time]\n  output y = words -> Embedding(7, 3, mask_zero = true)\n"
      "    -> GRU(2, return_sequences = true) -> Dense(4, activation = softmax)\n}\n"};
  for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
    char title[96], train[96];
    snprintf(title, sizeof title, "%s, form %zu", loss->name, k + 1);
    snprintf(train, sizeof train, "loss = %s()", loss->class_name);
    visit(w, title, forms[k], train);
  }
}

static void visit_losses(walk *w) {
  for (size_t i = 0; loss_table[i]; i++) {
    const loss_def *loss = loss_table[i];
    if (loss->build_examples) {
      (loss->expects == EXPECTS_LABELS ? visit_labels : visit_paths)(w, loss);
      continue;
    }
    const char *usual = loss->expects == EXPECTS_NUMBERS       ? "tanh"
                        : loss->expects == EXPECTS_NONNEGATIVE ? "softplus"
                        : loss->expects == EXPECTS_YES_OR_NO   ? "sigmoid"
                                                               : "softmax";
    visit_loss(w, loss, usual, "");
    if (args_index(loss->args, "from_logits") >= 0)
      visit_loss(w, loss, "linear", "from_logits = true");
    if (args_index(loss->args, "label_smoothing") >= 0)
      visit_loss(w, loss, usual, "label_smoothing = 0.1");
  }
}

int subjects_each(subject_set set, const char *only, subject_check *check, void *context) {
  walk w = {only, check, context, 0};
  if (set & SUBJECTS_LAYERS)
    visit_table(&w, layer_table);
  if (set & SUBJECTS_FUNCTIONS)
    visit_table(&w, function_table);
  if (set & SUBJECTS_LOSSES)
    visit_losses(&w);
  return w.failed;
}
