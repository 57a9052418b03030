// nlmc help: commands, layers, optimizers, losses, metrics, callbacks, passes, all from their tables.
#include "driver/commands.h"
#include "driver/load.h"
#include "ir/layer.h"
#include "ir/loss.h"
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

static int help_layer(const layer_def *def) {
  strbuf out = {0};
  strbuf_printf(&out, "%s (%s)\n%s\n\nArguments\n", def->name, def->group, def->doc);
  put_args(def->args, &out);
  for (size_t k = 0; def->call_args && def->call_args[k]; k++)
    strbuf_printf(&out, "%s  %s\n", k ? "" : "When applied\n", def->call_args[k]);
  strbuf_puts(&out, "\nExample\n");
  for (size_t k = 0; def->examples && def->examples[k] && !k; k++)
    strbuf_puts(&out, def->examples[k]);
  return show(&out);
}

static int help_registry(const registry_entry *entries) {
  strbuf out = {0};
  for (; entries->name; entries++) {
    strbuf_printf(&out, "%s\n  %s\n", entries->class_name ? entries->class_name : entries->name,
                  entries->doc);
    put_args(entries->args, &out);
  }
  return show(&out);
}

static int help_losses(void) {
  strbuf out = {0};
  for (size_t k = 0; loss_table[k]; k++) {
    strbuf_printf(&out, "%s, %s\n  %s\n", loss_table[k]->name, loss_table[k]->class_name, loss_table[k]->doc);
    put_args(loss_table[k]->args, &out);
  }
  return show(&out);
}

static int help_passes(void) {
  strbuf out = {0};
  for (size_t k = 0; pass_table[k]; k++)
    strbuf_printf(&out, "%-10s %s%s\n", pass_table[k]->name, pass_table[k]->doc,
                  pass_table[k]->required ? " (always runs)" : "");
  return show(&out);
}

static int help_command(const command *c) {
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
      "\nMore: nlmc help COMMAND | LAYER | optimizers | losses | metrics | callbacks | passes\nLayers:");
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

static int unknown_topic(const char *word) {
  VEC(const char *) names = {0};
  static const char *const topics[] = {"optimizers", "losses", "metrics", "callbacks", "passes"};
  for (size_t k = 0; k < 5; k++)
    vec_push(&names, topics[k]);
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
  const registries *r = runtime_registries();
  if (!strcmp(word, "optimizers"))
    return help_registry(r->optimizers);
  if (!strcmp(word, "metrics"))
    return help_registry(r->metrics);
  if (!strcmp(word, "callbacks"))
    return help_registry(r->callbacks);
  if (!strcmp(word, "losses"))
    return help_losses();
  if (!strcmp(word, "passes"))
    return help_passes();
  if (command_find(word))
    return help_command(command_find(word));
  if (layer_find(word))
    return help_layer(layer_find(word));
  return unknown_topic(word);
}

const command command_help = {
    "help", COMMAND_HELP, "nlmc help [TOPIC]", "help on a command, a layer, a list", 0, 1, run};
