// What the reference says of shapes and weights (layer_def.shapes, .weights) is so in the layers' examples.
#include "frontend/resolve.h"
#include "ir/layer.h"
#include "support/strbuf.h"
#include "tests/unit/unit.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_NAMES = 32, NAME_SIZE = 48 };

static int failures, checked;

// What the names of one line stand for: one extent, or those of a "...".
typedef struct names {
  dim_table *dims;
  const layer *layer;
  int n;
  struct {
    char name[NAME_SIZE];
    const dim *d[MAX_RANK];
    int rank;
  } known[MAX_NAMES];
} names;

static int find_name(const names *k, const char *name) {
  for (int i = 0; i < k->n; i++)
    if (!strcmp(k->known[i].name, name))
      return i;
  return -1;
}

static void bind_name(names *k, const char *name, const dim *const *d, int rank) {
  assert_true(k->n < MAX_NAMES);
  snprintf(k->known[k->n].name, NAME_SIZE, "%s", name);
  memcpy(k->known[k->n].d, d, (size_t)rank * sizeof *d);
  k->known[k->n++].rank = rank;
}

// The extent of a name: of an argument that is an integer, or what it was found to be; NULL: unknown yet.
static const dim *extent_of(const names *k, const char *name) {
  int arg = args_index(k->layer->def->args, name), i = find_name(k, name);
  if (arg >= 0 && k->layer->args[arg]->kind == VALUE_INT)
    return dim_const(k->dims, k->layer->args[arg]->integer);
  return i >= 0 ? k->known[i].d[0] : NULL;
}

// "4 units", "features / groups", "depth_multiplier channels": one name may be unknown and is then found.
static bool match_extent(names *k, const char *text, const dim *actual) {
  const dim *product = dim_const(k->dims, 1);
  int64_t divisor = 1;
  char unknown[NAME_SIZE] = "", word[NAME_SIZE];
  bool divides = false;
  for (int used; sscanf(text, " %47[^ ,)]%n", word, &used) == 1; text += used) {
    if (!strcmp(word, "/")) {
      divides = true;
      continue;
    }
    const dim *d = isdigit((unsigned char)*word) ? dim_const(k->dims, atoll(word)) : extent_of(k, word);
    if (!d && *unknown)
      return false;
    if (!d)
      strcpy(unknown, word);
    else if (divides)
      divisor = dim_is_const(d, &divisor) ? divisor : 0;
    else
      product = dim_mul(k->dims, product, d);
  }
  int64_t factor = 0, extent = 0;
  if (!*unknown)
    return divisor == 1
               ? product == actual
               : divisor && dim_is_const(product, &factor) && dim_const(k->dims, factor / divisor) == actual;
  if (divisor != 1 || !dim_is_const(product, &factor))
    return false;
  if (factor != 1 && (!dim_is_const(actual, &extent) || extent % factor))
    return false;
  const dim *found = factor == 1 ? actual : dim_const(k->dims, extent / factor);
  bind_name(k, unknown, &found, 1);
  return true;
}

static bool match_axes(names *k, const char *name, const dim *const *d, int rank) {
  int i = find_name(k, name);
  if (i < 0)
    bind_name(k, name, d, rank);
  return i < 0 || (k->known[i].rank == rank && !memcmp(k->known[i].d, d, (size_t)rank * sizeof *d));
}

static int axes_of(const char *text) { // of "(a, b)"
  int n = text[1] != ')';
  for (; *text != ')'; text++)
    n += *text == ',';
  return n;
}

static bool match_shape(names *k, const char *text, const shape *s) {
  int patterns = axes_of(text), axis = 0;
  for (int p = 0; p < patterns; p++) {
    text += strspn(text + 1, " ") + 1;
    size_t n = strcspn(text, ",)");
    if (!strncmp(text, "...", 3)) {
      char name[NAME_SIZE];
      snprintf(name, sizeof name, "%.*s", (int)n, text);
      int rank = s->rank - patterns + 1;
      if (rank < 0 || !match_axes(k, name, &s->d[axis], rank))
        return false;
      axis += rank;
    } else if (axis >= s->rank || !match_extent(k, text, s->d[axis++])) {
      return false;
    }
    text += n;
  }
  return axis == s->rank;
}

// The shapes of `text` up to `end` against the tensors; the last shape serves for all that follow.
static bool match_list(names *k, const char *text, const char *end, tensor *const *tensors, int n) {
  const char *last = NULL;
  int i = 0;
  for (const char *at = text; at < end && *at == '('; at = strchr(at, ')') + 1, at += strspn(at, ", ")) {
    last = at;
    if (i >= n || !match_shape(k, at, &tensors[i++]->shape))
      return false;
  }
  for (; last && i < n; i++)
    if (!match_shape(k, last, &tensors[i]->shape))
      return false;
  return last != NULL;
}

static bool match_application(names *k, const char *line, const application *app) {
  const char *arrow = strstr(line, " -> ");
  return arrow && match_list(k, line, arrow, app->inputs, app->n_inputs) &&
         match_list(k, arrow + 4, arrow + strcspn(arrow, "\n"), app->outputs, app->n_outputs);
}

static const char *next_line(const char *line) {
  line += strcspn(line, "\n");
  return *line ? line + 1 : NULL;
}

static bool weight_is_told(const names *known, const weight *w) {
  for (const char *line = w->owner->def->weights; line; line = next_line(line)) {
    size_t n = strcspn(line, " ");
    names trial = *known;
    if (strlen(w->local) == n && !strncmp(line, w->local, n) && match_shape(&trial, line + n + 1, &w->shape))
      return true;
  }
  return false;
}

static void put_shape(const char *before, const shape *s, strbuf *out) {
  strbuf_puts(out, before);
  shape_print(s, out);
}

static void check_application(dim_table *dims, const layer *l, const application *app) {
  for (const char *line = l->def->shapes; line; line = next_line(line)) {
    names known = {.dims = dims, .layer = l};
    if (!match_application(&known, line, app))
      continue;
    bool told = true;
    for (size_t i = 0; i < l->weights.len; i++)
      told = told && weight_is_told(&known, l->weights.data[i]);
    if (told) {
      checked++;
      return;
    }
  }
  strbuf found = {0};
  for (int i = 0; i < app->n_inputs; i++)
    put_shape(i ? ", " : "", &app->inputs[i]->shape, &found);
  for (int i = 0; i < app->n_outputs; i++)
    put_shape(i ? ", " : " -> ", &app->outputs[i]->shape, &found);
  for (size_t i = 0; i < l->weights.len; i++) {
    put_shape("; ", &l->weights.data[i]->shape, &found);
    strbuf_printf(&found, " of %s", l->weights.data[i]->local);
  }
  print_error("%s does not tell of %s\nshapes:\n%s\nweights:\n%s\n", l->def->name, strbuf_text(&found),
              l->def->shapes, l->def->weights ? l->def->weights : "none");
  strbuf_free(&found);
  failures++;
}

// A model of layers alone holds them twice over: as made, and inside their wrappers.
static void check_example(const layer_def *def, const char *text) {
  static char path[] = "reference_XXXXXX.nlm";
  memcpy(path + 10, "XXXXXX", 6);
  int fd = mkstemps(path, 4);
  assert_true(fd >= 0);
  close(fd);
  assert_int_equal(file_write_atomic(path, text, strlen(text)), 0);
  diags *d = diags_new();
  unit *u = unit_new(d);
  assert_true(load_models(u, path, &(load_options){0}));
  remove(path);
  const model *m = u->models.data[0];
  for (size_t i = 0; i < m->made.len; i++)
    for (size_t k = 0; m->made.data[i]->def == def && k < m->made.data[i]->applications.len; k++)
      check_application(u->dims, m->made.data[i], m->made.data[i]->applications.data[k]);
  unit_free(u);
  diags_free(d);
}

static void examples_are_as_told(void **unused) {
  (void)unused;
  for (size_t i = 0; layer_table[i]; i++) {
    const layer_def *def = layer_table[i];
    if (!def->shapes)
      fail_msg("%s: say what shapes it takes and gives (layer_def.shapes)", def->name);
    if (def->masks == MASKS_CUSTOM && !def->mask_doc)
      fail_msg("%s: say what it does with masks (layer_def.mask_doc)", def->name);
    if (def->traits & (LAYER_CELL | LAYER_INTERNAL))
      continue;
    int before = checked + failures;
    for (size_t k = 0; def->examples[k]; k++)
      check_example(def, def->examples[k]);
    if (checked + failures == before)
      fail_msg("%s: no example applies it", def->name);
  }
  assert_int_equal(failures, 0);
}

// The comparison can fail: what it says of shapes that do not fit.
static void other_shapes_do_not_fit(void **unused) {
  (void)unused;
  diags *d = diags_new();
  unit *u = unit_new(d);
  layer l = {.def = layer_find("Flatten")};
  const dim *two = dim_const(u->dims, 2), *three = dim_const(u->dims, 3), *six = dim_const(u->dims, 6);
  const struct {
    const char *text;
    shape s;
    bool fits;
  } cases[] = {{"(a, b)", shape_of(2, two, three), true},
               {"(a, a)", shape_of(2, two, three), false},
               {"(a, 3 a)", shape_of(2, two, six), true},
               {"(a, 4 a)", shape_of(2, two, six), false},
               {"(a)", shape_of(2, two, six), false},
               {"(a, b, c)", shape_of(2, two, six), false},
               {"(..., 6)", shape_of(2, two, six), true},
               {"(6, ...)", shape_of(2, two, six), false},
               {"(a, ...)", shape_of(1, two), true},
               {"()", shape_of(0), true},
               {"(a, b, a b)", shape_of(3, two, three, six), true},
               {"(a, b, b / a)", shape_of(3, two, six, three), true},
               {"(a, b, b / a)", shape_of(3, two, six, six), false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    names known = {.dims = u->dims, .layer = &l};
    if (match_shape(&known, cases[i].text, &cases[i].s) != cases[i].fits)
      fail_msg("%s", cases[i].text);
  }
  unit_free(u);
  diags_free(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(examples_are_as_told),
                                     cmocka_unit_test(other_shapes_do_not_fit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
