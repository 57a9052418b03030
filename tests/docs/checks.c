// The table of docs/checks.md: by what each layer, function, loss, optimizer and metric is checked, from the
// definitions of the tests themselves. A layer, loss or optimizer that nothing independent checks is an
// error. usage: checks ROOT        prints the page
#include "frontend/resolve.h"
#include "ir/functions.h"
#include "ir/loss.h"
#include "runtime/registry.h"
#include "support/strbuf.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_THINGS = 256 };

// Cases of tests/oracle that hold a thing, and those of them where a mask reaches it.
typedef struct count {
  const void *thing;
  int cases, masked, last;
} count;
static count counts[MAX_THINGS];
static int failures;

// Layers that no case can hold, and what checks them instead.
static const struct {
  const char *name, *why;
} elsewhere[] = {{"TextVectorization", "unit/test_text and tests/text, by Keras's documentation"},
                 {"StringLookup", "tests/text, by Keras's documentation"},
                 {"IntegerLookup", "tests/text, by Keras's documentation"},
                 {"Hashing", "tests/text and unit/test_hash, by published hashes"},
                 {"CategoryEncoding", "tests/text, by Keras's documentation"}};

static count *count_of(const void *thing) {
  count *c = counts;
  while (c->thing && c->thing != thing)
    c++;
  if (c == counts + MAX_THINGS - 1)
    exit(2);
  c->thing = thing;
  return c;
}

static void note(const void *thing, int number, bool masked) {
  count *c = count_of(thing);
  if (c->last != number) {
    c->cases++;
    c->last = number;
    c->masked += masked;
  }
}

static bool has_mask(const application *app) {
  for (int i = 0; i < app->n_inputs; i++)
    if (app->inputs[i]->mask == MASK_VALID)
      return true;
  for (int i = 0; i < app->n_outputs; i++)
    if (app->outputs[i]->mask == MASK_VALID)
      return true;
  return false;
}

// Inner layers see the mask that their wrapper got.
static bool reached_by_mask(const layer *l) {
  for (; l; l = l->parent)
    for (size_t i = 0; i < l->applications.len; i++)
      if (has_mask(l->applications.data[i]))
        return true;
  return false;
}

static void note_layer(const layer *l, int number) {
  bool used = l->applications.len > 0 || l->parent;
  if (used)
    note(l->def, number, reached_by_mask(l));
  for (int i = 0; i < l->n_children; i++)
    note_layer(l->children[i], number);
}

// An activation may be an argument, too.
static void note_arguments(const layer *l, int number) {
  for (size_t k = 0; l->def->args && l->def->args[k].name; k++)
    if ((l->def->args[k].kinds & ARG_ACTIVATION) && l->args && l->args[k] && l->args[k]->text)
      note(function_find(l->args[k]->text), number, reached_by_mask(l));
}

static void note_losses(const value *v, int number, bool masked) {
  if (v->kind == VALUE_DICT)
    for (size_t k = 0; k < v->count; k++)
      note_losses(v->items[k], number, masked);
  else if (v->text && loss_find(v->text))
    note(loss_find(v->text), number, masked);
}

static void note_model(const model *m, int number) {
  bool masked = false;
  for (size_t i = 0; i < m->made.len; i++) {
    note_layer(m->made.data[i], number);
    note_arguments(m->made.data[i], number);
  }
  for (size_t i = 0; i < m->outputs.len; i++)
    masked = masked || m->outputs.data[i].value->mask == MASK_VALID;
  for (size_t k = 0; m->train && k < m->train->count; k++)
    if (!strcmp(m->train->names[k], "loss"))
      note_losses(m->train->values[k], number, masked);
}

static json_t *further; // list of optimizers as written, of all further trainings of cases

// In how many models an optimizer takes 30 steps, each time with other arguments.
static int trainings_of(const registry_item *item, int n_cases) {
  static const char *const everywhere[] = {"SGD", "RMSprop", "Adam"}; // run_case.sh
  size_t k, n = strlen(item->class_name);
  json_t *one;
  int trained = 0;
  for (int j = 0; j < 3; j++)
    trained += strcmp(everywhere[j], item->class_name) ? 0 : n_cases;
  json_array_foreach(further, k, one) {
    const char *text = json_string_value(one);
    trained += !strncmp(text, item->class_name, n) && text[n] == '(';
  }
  return trained;
}

static int read_cases(const char *root) {
  char path[4096];
  json_t *manifest, *cases, *one;
  size_t k;
  snprintf(path, sizeof path, "%s/tests/oracle/cases.json", root);
  manifest = json_load_file(path, 0, NULL);
  cases = json_object_get(manifest, "cases");
  further = json_array();
  json_array_foreach(cases, k, one) {
    json_array_extend(further, json_object_get(one, "optimizers"));
    diags *d = diags_new();
    unit *u = unit_new(d);
    snprintf(path, sizeof path, "%s/tests/oracle/cases/%s/model.nlm", root,
             json_string_value(json_object_get(one, "name")));
    if (!load_models(u, path, &(load_options){0})) {
      fprintf(stderr, "%s cannot be read\n", path);
      failures++;
    } else {
      note_model(u->models.data[0], (int)k + 1);
    }
    unit_free(u);
    diags_free(d);
  }
  int n = (int)json_array_size(cases);
  json_decref(manifest);
  return n;
}

// How often `word` stands in a file.
static int occurrences(const char *root, const char *file, const char *word) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", root, file);
  FILE *f = fopen(path, "r");
  if (!f) {
    fprintf(stderr, "%s cannot be read\n", path);
    exit(2);
  }
  int n = 0;
  static char line[1 << 16];
  while (fgets(line, sizeof line, f))
    for (const char *at = line; (at = strstr(at, word)); at++)
      n++;
  fclose(f);
  return n;
}

static int examples_of(const layer_def *def) {
  int n = 0;
  while (def->examples && def->examples[n])
    n++;
  return n;
}

// What PyTorch has not is checked by hand: a layer in a unit test of its own, tests/unit/test_NAME.c.
static bool has_unit_test(const char *root, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/tests/unit/test_%s.c", root, name);
  return access(path, R_OK) == 0;
}

// A function of numbers is checked by the definition that the interpreter has of its op.
static bool has_definition(const char *root, const char *name) {
  char row[80];
  snprintf(row, sizeof row, "UNARY(%s, ", name);
  return occurrences(root, "tests/reference/eval_elementwise.c", row) > 0;
}

static void missing(const char *kind, const char *name) {
  fprintf(stderr,
          "%s %s has no reference: add a case to tests/oracle (tests/oracle/README.md), or values by "
          "hand (CONTRIBUTING.md)\n",
          kind, name);
  failures++;
}

static void put_layers(const char *root, const layer_def *const *table, bool functions) {
  for (size_t i = 0; table[i]; i++) {
    const layer_def *def = table[i];
    if (def->traits & LAYER_INTERNAL)
      continue;
    const count *c = count_of(def);
    const char *why = NULL;
    for (size_t k = 0; k < sizeof elsewhere / sizeof *elsewhere; k++)
      if (!strcmp(elsewhere[k].name, def->name))
        why = elsewhere[k].why;
    if (!c->cases && !why && has_unit_test(root, def->snake))
      why = "by hand";
    if (!c->cases && !why && functions && has_definition(root, def->snake))
      why = "definition";
    if (!c->cases && !why)
      missing(functions ? "the function" : "the layer", functions ? def->snake : def->name);
    printf("| %s | ", functions && strcmp(def->name, "Where") ? def->snake : def->name);
    if (c->cases)
      printf("%d | ", c->cases);
    else
      printf("%s | ", why ? why : "none");
    printf(c->masked ? "%d | " : "- | ", c->masked);
    printf("%d | %d |\n", examples_of(def), examples_of(def));
  }
}

static void put_losses(const char *root) {
  for (size_t i = 0; loss_table[i]; i++) {
    const count *c = count_of(loss_table[i]);
    char word[80];
    snprintf(word, sizeof word, "\"%s\"", loss_table[i]->name);
    bool by_hand = !c->cases && occurrences(root, "tests/unit/test_losses.c", word);
    if (!c->cases && !by_hand)
      missing("the loss", loss_table[i]->name);
    if (by_hand)
      printf("| %s | by hand | ", loss_table[i]->name);
    else
      printf("| %s | %d | ", loss_table[i]->name, c->cases);
    printf(c->masked ? "%d | yes | yes |\n" : "- | yes | yes |\n", c->masked);
  }
}

static void put_optimizers(const char *root, int n_cases) {
  for (const registry_item *item = registry_optimizers(); item->name; item++) {
    char row[64], call[64], by_value[64];
    snprintf(row, sizeof row, "{\"%s\",", item->name);
    snprintf(call, sizeof call, "check_all(\"%s\"", item->name);
    int steps = occurrences(root, "tests/runtime/optimizer_steps.inc", row);
    snprintf(by_value, sizeof by_value, "run_dense(\"%s\"", item->name);
    bool by_hand = !steps && occurrences(root, "tests/runtime/test_optimizers.c", by_value);
    if (!steps && !by_hand)
      missing("the optimizer", item->name);
    int trained = trainings_of(item, n_cases);
    if (!trained && !by_hand)
      missing("in whole models, the optimizer", item->name);
    if (by_hand)
      printf("| %s | by hand | ", item->name);
    else
      printf("| %s | %d | ", item->name, steps);
    printf(trained ? "%d | " : "- | ", trained);
    printf("%d |\n", occurrences(root, "tests/runtime/test_optimizers.c", call));
  }
}

static void put_metrics(const char *root) {
  for (const registry_item *item = registry_metrics(); item->name; item++) {
    char word[80];
    snprintf(word, sizeof word, "\"%s\"", item->name);
    int n = occurrences(root, "tests/runtime/test_metrics.c", word);
    if (!n)
      missing("the metric", item->name);
    printf("| %s | %d |\n", item->name, n);
  }
}

static const char head[] =
    "# What is checked, and by what\n\n"
    "Written from the definitions of the tests by `sh tests/docs/checks.sh CHECKS ROOT --write` (CHECKS: the "
    "program\n"
    "tests/docs/checks of a build); a test fails when it is out of date, or when a layer, function, loss, "
    "optimizer or\n"
    "metric has no independent reference.\n\n"
    "- **PyTorch**: how many of the %d models of tests/oracle hold it. Each is compared with PyTorch in "
    "double (and PyTorch\n"
    "  with Keras's documented rules): outputs, loss and accuracy, the gradient of every weight, and the "
    "weights after 30\n"
    "  steps of RMSprop and of Adam; compiled for f64 (outputs within 1e-10, gradients 1e-9, training 1e-8) "
    "and for f32\n"
    "  (2e-5, 2e-4, 2e-4).\n"
    "- **with masks**: in how many of them a mask reaches it (of a loss: its output), with padding behind, "
    "in front,\n"
    "  scattered and in rows without a valid step.\n"
    "- **gradients**: its example models, whose gradients are compared with central differences "
    "(exec/gradients).\n"
    "- **interpreter**: its example models, of which compiled code, at all levels and for f32 and f64, is "
    "compared with the\n"
    "  reference interpreter (exec/values, exec/variants).\n"
    "- **steps by PyTorch**: argument sets that take eight steps as PyTorch does (runtime/test_optimizers).\n"
    "- **sparse is dense**: argument sets for which steps on the rows that occur give the bits of steps on "
    "all rows.\n"
    "- **models trained**: models of tests/oracle that take 30 steps of it, once for each set of arguments; "
    "weights as above.\n"
    "- **values by hand**: hand-computed values in tests/runtime/test_metrics.c.\n";
static const char layer_columns[] =
    "\n| | PyTorch | with masks | gradients | interpreter |\n|---|---|---|---|---|\n";

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  int n = read_cases(argv[1]);
  printf(head, n);
  printf("\n## Layers\n%s", layer_columns);
  put_layers(argv[1], layer_table, false);
  printf("\n## Functions and activations\n%s", layer_columns);
  put_layers(argv[1], function_table, true);
  puts("\n## Losses\n\n| loss | PyTorch | with masks | gradients | interpreter |\n|---|---|---|---|---|");
  put_losses(argv[1]);
  puts("\n## Optimizers\n\n| optimizer | steps by PyTorch | models trained | sparse is dense "
       "|\n|---|---|---|---|");
  put_optimizers(argv[1], n);
  puts("\n## Metrics\n\n| metric | values by hand |\n|---|---|");
  put_metrics(argv[1]);
  json_decref(further);
  return failures > 0;
}
