// nlmc help: commands, layers, settings of train blocks, optimizers, schedules, losses, metrics, callbacks,
// passes, all from their tables.
#include "driver/commands.h"
#include "driver/load.h"
#include "ir/functions.h"
#include "ir/initializers.h"
#include "ir/loss.h"
#include "ir/regularization.h"
#include "passes/pass.h"
#include "support/intern.h"
#include <stdio.h>
#include <string.h>

static void put_kinds(unsigned kinds, const char *const *modes, strbuf *out) {
  static const struct {
    unsigned bit;
    const char *name;
  } names[] = {{ARG_BOOL, "true or false"},
               {ARG_INT, "integer"},
               {ARG_FLOAT, "number"},
               {ARG_STRING, "text"},
               {ARG_INTS, "integers"},
               {ARG_FLOATS, "numbers"},
               {ARG_STRINGS, "texts"},
               {ARG_ACTIVATION, "activation"},
               {ARG_INITIALIZER, "initializer"},
               {ARG_REGULARIZER, "regularizer"},
               {ARG_CONSTRAINT, "constraint"},
               {ARG_SCHEDULE, "schedule"},
               {ARG_LAYER, "layer"},
               {ARG_CELL, "cell"},
               {ARG_NONE, "none"}};
  const char *separator = "";
  for (size_t k = 0; (kinds & ARG_MODE) && modes && modes[k]; k++) {
    strbuf_printf(out, "%s%s", separator, modes[k]);
    separator = " | ";
  }
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    if (!(kinds & names[k].bit))
      continue;
    strbuf_printf(out, "%s%s", separator, names[k].name);
    separator = " | ";
  }
}

static void put_args(const arg_spec *args, strbuf *out) {
  for (size_t k = 0; args && args[k].name; k++) {
    strbuf_printf(out, "  %s", args[k].name);
    if (args[k].default_text)
      strbuf_printf(out, " = %s", args[k].default_text);
    strbuf_puts(out, "    (");
    put_kinds(args[k].kinds, args[k].modes, out);
    strbuf_printf(out, ")\n      %s\n", args[k].doc ? args[k].doc : "");
  }
}

static int show(strbuf *out) {
  fputs(strbuf_text(out), stdout);
  strbuf_free(out);
  return EXIT_DONE;
}

static void put_mask(const layer_def *def, strbuf *out) {
  if (def->traits & LAYER_CELL)
    return;
  strbuf_puts(out, "\nMask\n  ");
  bool several = def->max_inputs != 1;
  if (def->mask_doc)
    strbuf_puts(out, def->mask_doc);
  else if (def->masks == MASKS_PASS)
    strbuf_puts(out, several
                         ? "A step of the result counts where any input's does; without a mask on one input "
                           "there is none."
                         : "The result has the input's mask.");
  else if (def->masks == MASKS_MERGE)
    strbuf_puts(out,
                "A step of the result counts where any input's does. If only some inputs have a mask, it is "
                "lost, and nlmc warns.");
  else if (def->masks == MASKS_CONSUME)
    strbuf_puts(out, "It is used, and the result has none.");
  else
    strbuf_printf(out, "It cannot be used: padding enters the result, and nlmc warns. Instead: %s.",
                  def->mask_advice ? def->mask_advice : "leave mask_zero out");
  strbuf_putc(out, '\n');
}

// A text of several lines under a heading; nothing without a text.
static void put_part(const char *heading, const char *text, strbuf *out) {
  if (!text)
    return;
  strbuf_printf(out, "\n%s\n", heading);
  for (size_t n; *text; text += n + (text[n] == '\n')) {
    n = strcspn(text, "\n");
    strbuf_printf(out, "  %.*s\n", (int)n, text);
  }
}

static int help_layer(const layer_def *def) {
  strbuf out = {0};
  strbuf_printf(&out, "%s (%s)\n%s\n", def->name, def->group, def->doc);
  put_part("Shapes", def->shapes, &out);
  put_part("Weights", def->weights, &out);
  put_mask(def, &out);
  put_part("Differs from Keras", def->differs, &out);
  strbuf_puts(&out, "\nArguments\n");
  arena *mem = arena_new();
  put_args(layer_find(def->name) ? layer_all_args(mem, def) : def->args, &out);
  arena_free(mem);
  const char *heading = "When applied\n";
  for (size_t k = 0; def->input_names && def->input_names[k]; k++, heading = "")
    strbuf_printf(&out, "%s  %s\n", heading, def->input_names[k]);
  for (size_t k = 0; def->call_args && def->call_args[k]; k++, heading = "")
    strbuf_printf(&out, "%s  %s\n", heading, def->call_args[k]);
  strbuf_puts(&out, "\nExample\n");
  for (size_t k = 0; def->examples && def->examples[k] && !k; k++)
    strbuf_puts(&out, def->examples[k]);
  return show(&out);
}

static void put_entry(const char *name, const char *class_name, const char *doc, const arg_spec *args,
                      strbuf *out) {
  bool both = class_name && strcmp(name, class_name);
  strbuf_printf(out, "%s%s%s\n  %s\n", name, both ? ", " : "", both ? class_name : "", doc);
  put_args(args, out);
}

// All entries, or the one of this name. Nothing is printed and false returned if there is none.
static bool help_registry(const registry_entry *entries, const char *name) {
  strbuf out = {0};
  for (; entries->name; entries++)
    if (!name || names_it(entries->name, name) || (entries->class_name && !strcmp(entries->class_name, name)))
      put_entry(entries->name, entries->class_name, entries->doc, entries->args, &out);
  bool found = out.len > 0;
  show(&out);
  return found;
}

static bool help_entries(bool (*entry)(size_t k, registry_entry *out), const char *name) {
  strbuf out = {0};
  registry_entry e;
  for (size_t k = 0; entry(k, &e); k++)
    if (!name || !strcmp(e.name, name) || !strcmp(e.class_name, name))
      put_entry(e.name, e.class_name, e.doc, e.args, &out);
  bool found = out.len > 0;
  show(&out);
  return found;
}

static bool help_losses(const char *name) {
  strbuf out = {0};
  if (name && loss_is_general(name))
    strbuf_puts(
        &out,
        "crossentropy, ce\n  the cross-entropy that fits the output: binary_crossentropy for one unit and "
        "for sigmoids,\n  else sparse_categorical_crossentropy (targets are class numbers)\n");
  for (size_t k = 0; loss_table[k]; k++)
    if (!name || loss_find(name) == loss_table[k]) {
      const loss_def *l = loss_table[k];
      strbuf_printf(&out, "%s, %s%s%s\n  %s\n", l->name, l->alias ? l->alias : "", l->alias ? ", " : "",
                    l->class_name, l->doc);
      put_args(l->args, &out);
    }
  bool found = out.len > 0;
  show(&out);
  return found;
}

static bool help_passes(const char *name) {
  strbuf out = {0};
  for (size_t k = 0; pass_table[k]; k++)
    if (!name || !strcmp(name, pass_table[k]->name))
      strbuf_printf(&out, "%-10s %s%s\n", pass_table[k]->name, pass_table[k]->doc,
                    pass_table[k]->required ? " (always runs)" : "");
  bool found = out.len > 0;
  show(&out);
  return found;
}

static bool help_settings(const char *name) {
  strbuf out = {0};
  for (const arg_spec *s = train_settings(); s->name; s++)
    if (!name || !strcmp(name, s->name))
      strbuf_printf(&out, "%s = %s    (in a train block)\n  %s\n", s->name, s->default_text, s->doc);
  bool found = out.len > 0;
  show(&out);
  return found;
}

int help_command(const command *c) {
  strbuf out = {0};
  strbuf_printf(&out, "%s\n  %s\n", c->usage, c->doc);
  options_help(c, &out);
  return show(&out);
}

static int help_all(void) {
  strbuf out = {0};
  strbuf_puts(&out, "nlmc compiles neural networks for text, written in .nlm files, to native code.\n\n");
  for (size_t k = 0; command_table[k]; k++)
    strbuf_printf(&out, "  %-46s %s\n", command_table[k]->usage, command_table[k]->doc);
  strbuf_puts(
      &out,
      "\nMore: nlmc help COMMAND | LAYER | settings | optimizers | schedules | losses | metrics | "
      "callbacks |\n  functions | activations | initializers | regularizers | constraints | passes\nLayers:");
  size_t column = 7;
  for (size_t k = 0; layer_table[k]; k++) {
    size_t n = strlen(layer_table[k]->name) + 1;
    if (column + n > 100) {
      strbuf_puts(&out, "\n ");
      column = 1;
    }
    strbuf_printf(&out, " %s", layer_table[k]->name);
    column += n;
  }
  strbuf_putc(&out, '\n');
  return show(&out);
}

// As a user calls them; one by name is described like a layer.
static bool help_functions(bool activations) {
  strbuf out = {0};
  for (size_t k = 0; function_table[k]; k++) {
    const layer_def *def = function_table[k];
    if (activations && !activation_exists(def->snake))
      continue;
    bool by_type = !strcmp(def->name, "Where");
    strbuf_printf(&out, "%-14s %s\n", by_type ? def->name : def->snake, def->doc);
  }
  show(&out);
  return true;
}

// The lists, and whatever they hold by its own name.
static const char *const list_names[] = {"optimizers",   "schedules",    "losses",      "metrics",
                                         "callbacks",    "passes",       "functions",   "activations",
                                         "initializers", "regularizers", "constraints", "settings"};
enum { N_LISTS = sizeof list_names / sizeof *list_names };

static bool help_list(size_t list, const char *name) {
  const registries *r = runtime_registries();
  switch (list) {
  case 0:
    return help_registry(r->optimizers, name);
  case 1:
    return help_registry(r->schedules, name);
  case 2:
    return help_losses(name);
  case 3:
    return help_registry(r->metrics, name);
  case 4:
    return help_registry(r->callbacks, name);
  case 5:
    return help_passes(name);
  case 6:
  case 7:
    return !name && help_functions(list == 7);
  case 8:
    return help_entries(initializer_entry, name);
  case 9:
    return help_entries(regularizer_entry, name);
  case 10:
    return help_entries(constraint_entry, name);
  default:
    return help_settings(name);
  }
}

typedef VEC(const char *) word_list;

static void add_entries(word_list *names, const registry_entry *entries) {
  for (; entries->name; entries++) {
    vec_push(names, entries->name);
    if (entries->class_name)
      vec_push(names, entries->class_name);
  }
}

static int unknown_topic(const char *word) {
  word_list names = {0};
  const registries *r = runtime_registries();
  add_entries(&names, r->optimizers);
  add_entries(&names, r->schedules);
  add_entries(&names, r->metrics);
  add_entries(&names, r->callbacks);
  for (const arg_spec *s = train_settings(); s->name; s++)
    vec_push(&names, s->name);
  for (size_t k = 0; k < N_LISTS; k++)
    vec_push(&names, list_names[k]);
  for (size_t k = 0; command_table[k]; k++)
    vec_push(&names, command_table[k]->name);
  for (size_t k = 0; layer_table[k]; k++)
    vec_push(&names, layer_table[k]->name);
  const char *near = suggest(word, names.data, names.len);
  fprintf(stderr, "nlmc: no help on '%s'", word);
  fprintf(stderr, near ? "; did you mean '%s'?\n" : "; see 'nlmc help'\n", near);
  vec_free(&names);
  return EXIT_WRONG_USAGE;
}

static int run(const options *o) {
  if (!o->words.len)
    return help_all();
  const char *word = o->words.data[0];
  for (size_t k = 0; k < N_LISTS; k++)
    if (!strcmp(word, list_names[k])) {
      help_list(k, NULL);
      return EXIT_DONE;
    }
  if (command_find(word))
    return help_command(command_find(word));
  if (layer_find(word))
    return help_layer(layer_find(word));
  if (function_find(word))
    return help_layer(function_find(word));
  bool found = false;
  for (size_t k = 0; k < N_LISTS; k++)
    found = help_list(k, word) || found;
  return found ? EXIT_DONE : unknown_topic(word);
}

const command command_help = {
    "help", COMMAND_HELP, "nlmc help [TOPIC]", "help on a command, a layer, a list", 0, 1, run};
