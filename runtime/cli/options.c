#include "runtime/cli/cli.h"
#include "support/intern.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- messages

static void say(const struct nlm_abi_model *model, const char *kind, const char *format, va_list args) {
  strbuf text = {0};
  strbuf_vprintf(&text, format, args);
  while (text.len && text.data[text.len - 1] == '\n')
    text.data[--text.len] = 0;
  fprintf(stderr, "%s: %s%s\n", model->name, kind, strbuf_text(&text));
  strbuf_free(&text);
}

int cli_fail(const struct nlm_abi_model *model, const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(model, "error: ", format, args);
  va_end(args);
  return EXIT_WRONG_INPUT;
}

void cli_say(const struct nlm_abi_model *model, const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(model, "", format, args);
  va_end(args);
}

// ---- values

typedef struct reader {
  const struct nlm_abi_model *model;
  const cli_command *command;
  const cli_option *options;
} reader;

static bool misused(const reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool misused(const reader *r, const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(r->model, "", format, args);
  va_end(args);
  fprintf(stderr, "see '%s help %s'\n", r->model->name, r->command->name);
  return false;
}

static bool in_range(const reader *r, const cli_option *o, double number) {
  if (o->min >= o->max || (number >= o->min && number <= o->max))
    return true;
  if (isinf(o->max))
    return misused(r, "%s must be at least %g", o->name, o->min);
  return misused(r, "%s must be from %g to %g", o->name, o->min, o->max);
}

static bool is_choice(const cli_option *o, const char *word) {
  for (size_t k = 0; o->choices[k]; k++)
    if (!strcmp(o->choices[k], word))
      return true;
  return false;
}

static bool take_text(const reader *r, const cli_option *o, const char *word) {
  if (o->choices && !is_choice(o, word)) {
    strbuf all = {0};
    size_t n = 0;
    for (; o->choices[n]; n++)
      strbuf_printf(&all, "%s%s", n ? ", " : "", o->choices[n]);
    const char *near = suggest(word, o->choices, n);
    misused(r, "%s cannot be '%s'%s%s%s; it is one of %s", o->name, word, near ? "; did you mean '" : "",
            near ? near : "", near ? "'?" : "", strbuf_text(&all));
    strbuf_free(&all);
    return false;
  }
  *(const char **)o->to = word;
  return true;
}

static bool take_number(const reader *r, const cli_option *o, const char *word) {
  char *end;
  errno = 0;
  if (o->kind == OPTION_INT) {
    long long number = strtoll(word, &end, 10);
    if (end == word || *end || errno)
      return misused(r, "%s needs a whole number, not '%s'", o->name, word);
    *(int64_t *)o->to = number;
    return in_range(r, o, (double)number);
  }
  double number = strtod(word, &end);
  if (end == word || *end || !isfinite(number))
    return misused(r, "%s needs a number, not '%s'", o->name, word);
  *(double *)o->to = number;
  return in_range(r, o, number);
}

static bool take(const reader *r, const cli_option *o, const char *word) {
  if (o->given)
    *o->given = true;
  switch (o->kind) {
  case OPTION_FLAG:
  case OPTION_NO_FLAG:
    *(bool *)o->to = o->kind == OPTION_FLAG;
    return true;
  case OPTION_TEXT:
    return take_text(r, o, word);
  case OPTION_INT:
  case OPTION_NUMBER:
    return take_number(r, o, word);
  case OPTION_TEXTS:
    break;
  }
  cli_words *list = o->to;
  vec_push(list, word);
  return true;
}

// ---- words

static const cli_option *find(const reader *r, const char *name, size_t n) {
  for (const cli_option *o = r->options; o->name; o++)
    if (strlen(o->name) == n && !memcmp(o->name, name, n))
      return o;
  return NULL;
}

static bool unknown_option(const reader *r, const char *word, size_t n) {
  const char *names[64];
  size_t count = 0;
  for (const cli_option *o = r->options; o->name && count < 64; o++)
    if (*o->name)
      names[count++] = o->name;
  char *name = xstrdup(word);
  name[n] = 0;
  const char *near = suggest(name, names, count);
  if (near)
    misused(r, "%s has no option '%s'; did you mean '%s'?", r->command->name, name, near);
  else
    misused(r, "%s has no option '%s'", r->command->name, name);
  free(name);
  return false;
}

// Reads the option at argv[at]; the number of words it took, or 0 after a message.
static int take_option(const reader *r, int argc, char **argv, int at) {
  const char *word = argv[at];
  size_t n = strcspn(word, "=");
  const cli_option *o = find(r, word, n);
  if (!o) {
    unknown_option(r, word, n);
    return 0;
  }
  bool flag = o->kind == OPTION_FLAG || o->kind == OPTION_NO_FLAG;
  if (flag && word[n]) {
    misused(r, "%s takes no value", o->name);
    return 0;
  }
  if (flag || word[n])
    return take(r, o, flag ? NULL : word + n + 1);
  if (at + 1 >= argc) {
    misused(r, "%s needs a value (%s)", o->name, o->placeholder);
    return 0;
  }
  return take(r, o, argv[at + 1]) ? 2 : 0;
}

static bool take_word(const reader *r, const char *word) {
  const cli_option *o = find(r, "", 0);
  if (!o)
    return misused(r, "%s takes no argument, found '%s'", r->command->name, word);
  return take(r, o, word);
}

bool cli_parse(const struct nlm_abi_model *model, const cli_command *command, const cli_option *options,
               int argc, char **argv) {
  reader r = {model, command, options};
  for (int at = 0; at < argc;) {
    const char *word = argv[at];
    if (!strcmp(word, "--help")) {
      cli_print_help(model, command, options);
      exit(EXIT_DONE);
    }
    if (!strcmp(word, "--")) {
      for (at++; at < argc; at++)
        if (!take_word(&r, argv[at]))
          return false;
      return true;
    }
    int taken = word[0] == '-' && word[1] ? take_option(&r, argc, argv, at) : take_word(&r, word);
    if (!taken)
      return false;
    at += taken;
  }
  return true;
}

void cli_print_help(const struct nlm_abi_model *model, const cli_command *command,
                    const cli_option *options) {
  printf("usage: %s %s %s\n\n%s\n", model->name, command->name, command->arguments, command->summary);
  bool any = false;
  for (const cli_option *o = options; o->name; o++) {
    char left[80];
    snprintf(left, sizeof left, "%s%s%s", o->name, *o->name && o->placeholder ? " " : "",
             o->placeholder ? o->placeholder : "");
    printf("%s  %-28s %s\n", any ? "" : "\n", left, o->help);
    any = true;
  }
}

// ---- shared by commands

bool cli_split_pair(const struct nlm_abi_model *model, const char *option, char *word, const char **name,
                    const char **value) {
  char *equals = strchr(word, '=');
  if (!equals || equals == word || !equals[1]) {
    cli_say(model, "%s needs NAME=FILE, not '%s'", option, word);
    return false;
  }
  *equals = 0;
  *name = word;
  *value = equals + 1;
  return true;
}

int cli_default_threads(void) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : cores > 8 ? 8 : (int)cores;
}
