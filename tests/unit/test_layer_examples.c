// Every example that a layer or a function carries compiles from source to a sound graph.
#include "frontend/resolve.h"
#include "ir/functions.h"
#include "support/strbuf.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *write_source(const char *text) {
  static char path[] = "example_XXXXXX.nlm";
  memcpy(path + 8, "XXXXXX", 6);
  int fd = mkstemps(path, 4);
  assert_true(fd >= 0);
  close(fd);
  assert_int_equal(file_write_atomic(path, text, strlen(text)), 0);
  return path;
}

static bool uses_layer(const model *m, const layer_def *def) {
  for (size_t i = 0; i < m->made.len; i++)
    if (m->made.data[i]->def == def)
      return true;
  return false;
}

static void check_example(const layer_def *def, const char *text) {
  diags *d = diags_new();
  unit *u = unit_new(d);
  const char *path = write_source(text);
  bool loaded = load_models(u, path, &(load_options){0});
  remove(path);
  strbuf messages = {0};
  diags_print_text(d, &messages, false);
  if (!loaded || u->models.len != 1)
    fail_msg("%s: %s%s", def->name, text, strbuf_text(&messages));
  strbuf_free(&messages);
  const model *m = u->models.data[0];
  if (!uses_layer(m, def))
    fail_msg("%s is not in its example %s", def->name, text);
  program_inputs *inputs = program_inputs_of(m);
  program *p = lower_program(m, inputs, PROGRAM_INFER, NULL);
  assert_true(p->roots.len > 0);
  for (size_t i = 0; i < p->roots.len; i++) {
    const char *fault = graph_verify(p->g, &p->roots.data[i].value, 1);
    if (fault)
      fail_msg("%s: %s\n%s", def->name, fault, text);
  }
  program_free(p);
  program_inputs_free(inputs);
  unit_free(u);
  diags_free(d);
}

static void check_table(const layer_def *const *table) {
  for (size_t i = 0; table[i]; i++) {
    if (!table[i]->examples || !table[i]->examples[0])
      fail_msg("%s has no example", table[i]->name);
    for (size_t k = 0; table[i]->examples[k]; k++)
      check_example(table[i], table[i]->examples[k]);
  }
}

static void examples_of_layers_compile(void **state) {
  (void)state;
  check_table(layer_table);
}

static void examples_of_functions_compile(void **state) {
  (void)state;
  check_table(function_table);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(examples_of_layers_compile),
                                     cmocka_unit_test(examples_of_functions_compile)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
