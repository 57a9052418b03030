#ifndef NLM_TESTS_LAYER_FIXTURE_H
#define NLM_TESTS_LAYER_FIXTURE_H
// Models built through the C API: layers from literal calls, each application on a line of its own.
#include "ir/functions.h"
#include "ir/layer.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fixture {
  diags *d;
  unit *u;
  model *m;
  const source *file;
  int line;
} fixture;

static inline span next_place(fixture *f) {
  f->line++;
  return (span){f->file, f->line, 1, f->line, 5};
}

static inline fixture fixture_new(void) {
  fixture f = {.d = diags_new()};
  f.u = unit_new(f.d);
  f.file = source_from_text(f.u->mem, "f", "", 0);
  f.m = model_new(f.u, "tiny", (span){0});
  return f;
}

static inline void fixture_free(fixture *f) {
  unit_free(f->u);
  diags_free(f->d);
}

// dims: "time 600 features": names and numbers.
static inline tensor *input(fixture *f, const char *name, tensor_type type, const char *dims) {
  const dim *d[MAX_RANK];
  int rank = 0;
  char word[64];
  int used = 0;
  for (; sscanf(dims, "%63s%n", word, &used) == 1; dims += used) {
    bool number = word[0] >= '0' && word[0] <= '9';
    d[rank++] = number ? dim_const(f->u->dims, atoll(word)) : dim_named(f->u->dims, word);
  }
  return model_add_input(f->m, name, type, d, rank, next_place(f));
}

static inline value *object(fixture *f, void *thing, unsigned kinds) {
  value *v = ARENA_NEW(f->u->mem, value);
  v->kind = VALUE_OBJECT;
  v->object = thing;
  v->object_kinds = kinds;
  v->at = (span){f->file, f->line, 1, f->line, 5};
  return v;
}

// "LSTM(32)"; where an argument is the name `inner` or `other`, those layers stand.
static inline layer *make_wrapping(fixture *f, const char *call, layer *inner, layer *other) {
  value *v = value_parse_literal(f->u->mem, call);
  assert_non_null(v);
  v->at = (span){f->file, f->line + 1, 1, f->line + 1, 5};
  v->key_at = NULL;
  for (size_t i = 0; i < v->count; i++) {
    const char *name = v->items[i]->kind == VALUE_NAME ? v->items[i]->text : "";
    v->items[i]->at = v->at;
    if (strcmp(name, "inner") == 0)
      v->items[i] = object(f, inner, ARG_LAYER);
    else if (strcmp(name, "other") == 0)
      v->items[i] = object(f, other, ARG_LAYER);
  }
  const layer_def *def = layer_find(v->text);
  assert_non_null(def);
  return layer_make(f->m, def, v, NULL);
}

static inline layer *make(fixture *f, const char *call) {
  return make_wrapping(f, call, NULL, NULL);
}

static inline tensor *apply(fixture *f, layer *l, tensor *x) {
  assert_non_null(l);
  return layer_apply(l, &x, 1, NULL, NULL, 0, next_place(f))->outputs[0];
}

static inline tensor *apply_new(fixture *f, const char *call, tensor *x) {
  return apply(f, make(f, call), x);
}

static inline tensor *apply_two(fixture *f, layer *l, tensor *a, tensor *b) {
  tensor *both[] = {a, b};
  return layer_apply(l, both, 2, NULL, NULL, 0, next_place(f))->outputs[0];
}

static inline tensor *operate(fixture *f, const char *op, tensor *a, tensor *b) {
  return model_apply_operator(f->m, op, object(f, a, 0), object(f, b, 0), next_place(f));
}

static inline void expect_shape(const tensor *t, const char *expected) {
  strbuf s = {0};
  shape_print(&t->shape, &s);
  assert_string_equal(strbuf_text(&s), expected);
  strbuf_free(&s);
}

static inline void expect_messages(const fixture *f, const char *expected) {
  strbuf printed = {0}, kept = {0};
  diags_print_text(f->d, &printed, false);
  for (const char *line = strbuf_text(&printed); *line; line = strchr(line, '\n') + 1)
    if (*line != ' ') // not a snippet
      strbuf_add(&kept, line, (size_t)(strchr(line, '\n') + 1 - line));
  assert_string_equal(strbuf_text(&kept), expected);
  strbuf_free(&printed);
  strbuf_free(&kept);
}

static inline int64_t all_params(const model *m, bool trainable_only) {
  int64_t n = 0;
  for (size_t i = 0; i < m->layers.len; i++)
    n += layer_param_count(m->layers.data[i], trainable_only);
  return n;
}

#endif
