// Statements of models and blocks, and train blocks.
#include "frontend/resolve_private.h"
#include "support/intern.h"
#include <string.h>

static const dim *input_dim(context *c, const expr *e) {
  unit *u = c->r->u;
  bool own = e->kind == EXPR_NAME && (find_local(c, e->text) || find_global(c->r, e->text, ITEM_CONST));
  if (e->kind == EXPR_NAME && !own)
    return dim_named(u->dims, e->text);
  result r = eval(c, e);
  if (r.kind == RESULT_VALUE && r.v->kind == VALUE_INT && r.v->integer >= 1 &&
      r.v->integer <= ARG_LARGEST_SIZE)
    return dim_const(u->dims, r.v->integer);
  if (r.kind == RESULT_VALUE) {
    strbuf found = {0};
    value_print(r.v, &found);
    bool large = r.v->kind == VALUE_INT && r.v->integer > 0;
    diag_error(u->diags, e->at, "a dimension must be an integer of at %s %d or a name, found %s",
               large ? "most" : "least", large ? ARG_LARGEST_SIZE : 1, strbuf_text(&found));
    strbuf_free(&found);
  } else if (r.kind != RESULT_POISON) {
    diag_error(u->diags, e->at, "a dimension must be an integer of at least 1 or a name, found %s",
               result_name(&r));
  }
  return NULL;
}

// Elements of one example, symbolic dimensions counted as one: what Flatten may multiply.
static bool check_elements(context *c, const ast_type *type, const dim *const *dims, size_t n) {
  double elements = 1;
  for (size_t i = 0; i < n; i++) {
    int64_t extent = 1;
    if (dim_is_const(dims[i], &extent))
      elements *= (double)extent;
  }
  if (elements > LARGEST_TENSOR)
    diag_error(c->r->u->diags, type->at, "an input of %g numbers is too large (the most is %g)", elements,
               LARGEST_TENSOR);
  return elements <= LARGEST_TENSOR;
}

static bool input_type(context *c, const ast_type *type, tensor_type *out) {
  static const char *const names[] = {"text", "int", "float"};
  static const tensor_type types[] = {TENSOR_TEXT, TENSOR_INT, TENSOR_REAL};
  for (size_t i = 0; i < 3; i++)
    if (strcmp(type->kind, names[i]) == 0) {
      *out = types[i];
      return true;
    }
  const char *near = suggest(type->kind, names, 3);
  diag *g = near ? diag_error(c->r->u->diags, type->kind_at, "an input cannot be '%s'; did you mean '%s'?",
                              type->kind, near)
                 : diag_error(c->r->u->diags, type->kind_at, "an input cannot be '%s'", type->kind);
  diag_help(g, "inputs are text, int[...] or float[...]");
  return false;
}

static void run_input(context *c, const ast_stmt *stmt) {
  enum { MOST_DIMS = 32 };
  const ast_name *name = stmt->targets.items[0];
  const dim *dims[MOST_DIMS];
  size_t n = stmt->type->dims.count;
  tensor_type type = TENSOR_REAL;
  bool good = input_type(c, stmt->type, &type);
  if (good && n > MOST_DIMS) {
    diag_error(c->r->u->diags, stmt->type->at, "an input cannot have %zu dimensions", n);
    good = false;
  }
  for (size_t i = 0; good && i < n; i++) {
    dims[i] = input_dim(c, stmt->type->dims.items[i]);
    good = dims[i] != NULL;
  }
  good = good && check_elements(c, stmt->type, dims, n);
  tensor *t =
      good ? model_add_input(c->m, name->text, type, dims, (int)n, name->at) : model_poison(c->m, name->at);
  result r = {.kind = tensor_is_poison(t) ? RESULT_POISON : RESULT_TENSOR, .at = name->at, .t = t};
  bind_local(c, name->text, name->at, r);
}

static void name_tensor(const result *r, const char *name) {
  if (r->kind == RESULT_TENSOR && !tensor_is_poison(r->t) && r->t->source && r->t->source->n_inputs > 0)
    r->t->name = name;
}

// Gives the names on the left their results. Several names take the several outputs of a layer or block.
static void bind_targets(context *c, const ast_stmt *stmt, result r) {
  size_t n = stmt->targets.count;
  bool fits = n == 1 || r.kind == RESULT_POISON || (r.kind == RESULT_LIST && r.count == n);
  if (!fits) {
    size_t found = r.kind == RESULT_LIST ? r.count : 1;
    diag_error(c->r->u->diags, stmt->value->at, "%zu names, but there %s %zu result%s here", n,
               found == 1 ? "is" : "are", found, found == 1 ? "" : "s");
    r = poison_result(r.at);
  }
  for (size_t i = 0; i < n; i++) {
    const ast_name *target = stmt->targets.items[i];
    result one = n == 1 ? r : r.kind == RESULT_LIST ? r.items[i] : poison_result(target->at);
    name_tensor(&one, target->text);
    bind_local(c, target->text, target->at, one);
  }
}

static void run_output(context *c, const ast_stmt *stmt) {
  if (stmt->value)
    bind_targets(c, stmt, eval(c, stmt->value));
  for (size_t i = 0; i < stmt->targets.count; i++) {
    const ast_name *target = stmt->targets.items[i];
    binding *b = find_local(c, target->text);
    if (!b) {
      report_unknown_name(c, target->text, target->at);
      continue;
    }
    result r = b->r;
    r.at = stmt->value ? stmt->value->at : target->at;
    tensor *t;
    if (!expect_tensor(c, &r, &t))
      t = model_poison(c->m, target->at);
    model_add_output(c->m, target->text, t, target->at);
  }
}

static result run_return(context *c, const ast_stmt *stmt) {
  size_t n = stmt->results.count;
  result all = {.kind = RESULT_LIST, .at = stmt->at, .count = n};
  all.items = ARENA_ARRAY(c->r->u->mem, result, n);
  for (size_t i = 0; i < n; i++) {
    tensor *t;
    all.items[i] = eval(c, stmt->results.items[i]);
    if (!expect_tensor(c, &all.items[i], &t))
      all.kind = RESULT_POISON;
  }
  return n == 1 && all.kind == RESULT_LIST ? all.items[0] : all;
}

static bool refuse_statement(context *c, const ast_stmt *stmt, bool is_model) {
  if (is_model && stmt->kind == STMT_RETURN)
    diag_help(diag_error(c->r->u->diags, stmt->at, "a model returns nothing"), "write 'output NAME = ...'");
  else if (!is_model && (stmt->kind == STMT_INPUT || stmt->kind == STMT_OUTPUT))
    diag_help(diag_error(c->r->u->diags, stmt->at, "only a model has inputs and outputs"),
              "a block or cell takes its tensors in its second list and ends with 'return'");
  else
    return false;
  return true;
}

bool run_body(context *c, const stmt_list *body, bool is_model, result *returned) {
  bool done = false;
  for (size_t i = 0; i < body->count; i++) {
    const ast_stmt *stmt = body->items[i];
    if (done) {
      diag_error(c->r->u->diags, stmt->at, "nothing may follow 'return'");
      return false;
    }
    if (refuse_statement(c, stmt, is_model))
      continue;
    if (stmt->kind == STMT_INPUT)
      run_input(c, stmt);
    else if (stmt->kind == STMT_OUTPUT)
      run_output(c, stmt);
    else if (stmt->kind == STMT_ASSIGN)
      bind_targets(c, stmt, eval(c, stmt->value));
    else {
      *returned = run_return(c, stmt);
      done = true;
    }
  }
  return done;
}

void resolve_model(resolver *r, const ast_item *item) {
  diags *d = r->u->diags;
  model *m = model_new(r->u, item->name, item->name_at);
  context c = {.r = r, .m = m};
  result none;
  size_t errors = diags_errors(d);
  run_body(&c, &item->body, true, &none);
  if (diags_errors(d) == errors && m->inputs.len == 0)
    diag_help(diag_error(d, item->name_at, "the model '%s' has no input", item->name),
              "declare one: 'input words: int[time]' or 'input review: text'");
  if (diags_errors(d) == errors && m->outputs.len == 0)
    diag_help(diag_error(d, item->name_at, "the model '%s' has no output", item->name),
              "mark one: 'output NAME = ...'");
  if (diags_errors(d) > errors)
    vec_push(&r->broken, m);
  vec_free(&c.names);
}

// A model of an included file is not brought, which the user may not know.
static void explain_left_out(const resolver *r, const ast_item *train, diag *g) {
  for (size_t i = 0; i < r->left_out.len; i++) {
    const ast_item *other = r->left_out.data[i];
    if (strcmp(other->name, train->name) != 0)
      continue;
    diag_note(g, other->name_at, "the model '%s' is in an included file", other->name);
    diag_help(g, "'include' brings constants, blocks and cells, not models");
    return;
  }
}

static model *model_of_train(resolver *r, const ast_item *item) {
  unit *u = r->u;
  if (!item->name) {
    if (u->models.len == 1)
      return u->models.data[0];
    if (u->models.len > 1)
      diag_help(diag_error(u->diags, item->at, "this file has %zu models; a train block must name its own",
                           u->models.len),
                "write 'train %s { ... }'", u->models.data[0]->name);
    return NULL;
  }
  VEC(const char *) names = {0};
  model *found = NULL;
  for (size_t i = 0; i < u->models.len; i++) {
    vec_push(&names, u->models.data[i]->name);
    if (strcmp(u->models.data[i]->name, item->name) == 0)
      found = u->models.data[i];
  }
  const char *near = found ? NULL : suggest(item->name, names.data, names.len);
  if (!found && near)
    diag_error(u->diags, item->name_at, "there is no model '%s'; did you mean '%s'?", item->name, near);
  else if (!found)
    explain_left_out(r, item,
                     diag_error(u->diags, item->name_at, "there is no model '%s' in this file", item->name));
  vec_free(&names);
  return found;
}

static unsigned setting_kinds(const char *name) {
  int i = args_index(train_settings(), name);
  unsigned kinds = i >= 0 ? train_settings()[i].kinds : ARG_ANY;
  return kinds & ARG_ANY ? kinds | ARG_LATE : kinds;
}

void resolve_train(resolver *r, const ast_item *item) {
  unit *u = r->u;
  model *m = model_of_train(r, item);
  if (!m)
    return;
  if (m->train) {
    diag *g = diag_error(u->diags, item->at, "the model '%s' has two train blocks", m->name);
    diag_note(g, m->train->at, "the first one is here");
    return;
  }
  train_block *t = ARENA_NEW(u->mem, train_block);
  size_t n = item->body.count;
  t->at = item->name ? item->name_at : item->at;
  t->names = ARENA_ARRAY(u->mem, const char *, n);
  t->name_spans = ARENA_ARRAY(u->mem, span, n);
  t->values = ARENA_ARRAY(u->mem, value *, n);
  context c = {.r = r};
  size_t errors = diags_errors(u->diags);
  for (size_t i = 0; i < n; i++) {
    const ast_stmt *stmt = item->body.items[i];
    const char *name = stmt->targets.items[0]->text;
    value *v = argument_value(&c, stmt->value, setting_kinds(name), NULL);
    if (!v)
      continue;
    t->names[t->count] = name;
    t->name_spans[t->count] = stmt->targets.items[0]->at;
    t->values[t->count++] = v;
  }
  if (diags_errors(u->diags) > errors)
    vec_push(&r->broken, m);
  vec_free(&c.names);
  m->train = t;
}
