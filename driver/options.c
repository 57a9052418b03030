#include "driver/options.h"
#include "passes/pass.h"
#include "support/intern.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Options that every command takes that reads files, so that one set of them serves all.
enum { COMMON = 1 << 8 };

typedef struct option_spec {
  const char *name;  // "--cpu", "-D"
  const char *value; // what stands for the value in help; NULL: a flag
  unsigned commands; // that it means something to, whose help lists it
  const char *doc;
  bool (*set)(options *o, const char *text);
} option_spec;

static bool complain(const char *format, const char *word) {
  fprintf(stderr, "nlmc: ");
  fprintf(stderr, format, word);
  fprintf(stderr, "\n");
  return false;
}

#define SETTER(field)                                                                                        \
  static bool set_##field(options *o, const char *text) {                                                    \
    o->field = text;                                                                                         \
    return true;                                                                                             \
  }
SETTER(output)
SETTER(weights)
SETTER(depfile)
SETTER(expect)
SETTER(cpu)
SETTER(target)
SETTER(model)

#define FLAG(field)                                                                                          \
  static bool set_##field(options *o, const char *text) {                                                    \
    (void)text;                                                                                              \
    o->field = true;                                                                                         \
    return true;                                                                                             \
  }
FLAG(training)
FLAG(time_passes)
FLAG(check)

static bool one_of(const char *text, const char *const *allowed, size_t n, const char *what) {
  for (size_t k = 0; k < n; k++)
    if (!strcmp(text, allowed[k]))
      return true;
  fprintf(stderr, "nlmc: '%s' is no %s; it is one of:", text, what);
  for (size_t k = 0; k < n; k++)
    fprintf(stderr, "%s %s", k ? "," : "", allowed[k]);
  const char *near = suggest(text, allowed, n);
  fprintf(stderr, near ? "; did you mean '%s'?\n" : "\n", near);
  return false;
}

static bool set_format(options *o, const char *text) {
  static const char *const formats[] = {"table", "json", "dot", "svg"};
  o->format = text;
  return one_of(text, formats, 4, "format of shapes");
}

static bool set_diagnostics(options *o, const char *text) {
  static const char *const formats[] = {"text", "json"};
  o->diagnostics = text;
  return one_of(text, formats, 2, "format of diagnostics");
}

static bool set_dtype(options *o, const char *text) {
  static const char *const types[] = {"f32", "f64"};
  o->f64 = !strcmp(text, "f64");
  return one_of(text, types, 2, "dtype");
}

static bool known_pass(const char *name) {
  if (pass_find(name))
    return true;
  const char *near = pass_suggest(name);
  fprintf(stderr, "nlmc: there is no pass '%s'", name);
  fprintf(stderr, near ? "; did you mean '%s'?\n" : "; see 'nlmc help passes'\n", near);
  return false;
}

#define PASS_SETTER(field)                                                                                   \
  static bool set_##field(options *o, const char *text) {                                                    \
    o->field = text;                                                                                         \
    return known_pass(text);                                                                                 \
  }
PASS_SETTER(dump_before)
PASS_SETTER(dump_after)
PASS_SETTER(stop_after)

static bool set_disable_pass(options *o, const char *text) {
  if (!known_pass(text))
    return false;
  if (pass_find(text)->required)
    return complain("the pass '%s' is needed and cannot be disabled", text);
  vec_push(&o->disabled_passes, text);
  return true;
}

// What stands before the symbol must keep it a name of C.
static bool set_prefix(options *o, const char *text) {
  o->prefix = text;
  bool good = *text && !(*text >= '0' && *text <= '9');
  for (const char *c = text; *c; c++)
    good = good &&
           (*c == '_' || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'));
  return good || complain("--prefix needs letters, digits and '_', as names in C, found '%s'", text);
}

static bool split_assignment(const char *text, char **name, const char **assigned) {
  const char *equals = strchr(text, '=');
  if (!equals || equals == text)
    return false;
  *name = xmalloc((size_t)(equals - text) + 1);
  memcpy(*name, text, (size_t)(equals - text));
  (*name)[equals - text] = 0;
  *assigned = equals + 1;
  return true;
}

static bool set_definition(options *o, const char *text) {
  char *name;
  const char *assigned;
  if (!split_assignment(text, &name, &assigned))
    return complain("-D needs NAME=VALUE, found '%s'", text);
  vec_push(&o->definitions, ((definition){name, assigned}));
  return true;
}

static bool set_dim(options *o, const char *text) {
  char *name, *end;
  const char *assigned;
  if (!split_assignment(text, &name, &assigned))
    return complain("--dim needs NAME=N, found '%s'", text);
  errno = 0;
  long long n = strtoll(assigned, &end, 10);
  vec_push(&o->dims, ((dim_assignment){name, n}));
  if (errno || end == assigned || *end || n < 1 || n > ARG_LARGEST_SIZE)
    return complain("--dim needs a whole number from 1 to 500000000, found '%s'", text);
  return true;
}

static const option_spec specs[] = {
    {"-o", "FILE", COMMAND_COMPILES, "where the result goes; - is standard output", set_output},
    {"-D", "NAME=VALUE", COMMON | COMMAND_RESOLVES, "overrides a constant of the source", set_definition},
    {"--model", "NAME", COMMON | COMMAND_RESOLVES, "which model of a file that holds several", set_model},
    {"--weights", "FILE", COMMAND_COMPILES, "places these weights inside", set_weights},
    {"--training", NULL, COMMAND_SHAPES | COMMAND_EMIT, "training too, not prediction alone", set_training},
    {"--prefix", "P", COMMAND_EMIT, "put before the exported symbol", set_prefix},
    {"--depfile", "FILE", COMMAND_COMPILES, "lists the files that were read, for make and ninja",
     set_depfile},
    {"--format", "table|json|dot|svg", COMMAND_SHAPES, "how the report is written", set_format},
    {"--dim", "NAME=N", COMMAND_SHAPES, "gives a symbolic dimension a value: concrete shapes, bytes, FLOP",
     set_dim},
    {"--expect", "FILE.json", COMMAND_SHAPES, "compares with a stored report; a difference exits with 1",
     set_expect},
    {"--check", NULL, COMMAND_FMT, "only tells whether the layout is canonical", set_check},
    {"--cpu", "native|NAME", COMMON | COMMAND_COMPILES, "CPU to generate code for", set_cpu},
    {"--target", "TRIPLE", COMMON | COMMAND_COMPILES, "machine to generate code for", set_target},
    {"--dtype", "f32|f64", COMMON | COMMAND_COMPILES | COMMAND_SHAPES, "type of real numbers", set_dtype},
    {"--diagnostics", "text|json", COMMON | COMMAND_READS, "how errors are written", set_diagnostics},
    {"--dump-before", "PASS", COMMON | COMMAND_COMPILES, "prints the program before a pass", set_dump_before},
    {"--dump-after", "PASS", COMMON | COMMAND_COMPILES, "prints the program after a pass", set_dump_after},
    {"--stop-after", "PASS", COMMON | COMMAND_COMPILES, "compiles no further than this pass", set_stop_after},
    {"--disable-pass", "PASS", COMMON | COMMAND_COMPILES, "leaves an optional pass out", set_disable_pass},
    {"--time-passes", NULL, COMMON | COMMAND_COMPILES, "how long each part of the compilation took",
     set_time_passes},
};
enum { N_SPECS = sizeof specs / sizeof *specs };

void options_help(const command *c, strbuf *out) {
  for (size_t k = 0; k < N_SPECS; k++) {
    if (!(specs[k].commands & c->bit))
      continue;
    strbuf left = {0};
    strbuf_printf(&left, "%s%s%s", specs[k].name, specs[k].value ? " " : "",
                  specs[k].value ? specs[k].value : "");
    strbuf_printf(out, "  %-30s %s\n", strbuf_text(&left), specs[k].doc);
    strbuf_free(&left);
  }
  if (c->bit & COMMAND_COMPILES)
    strbuf_printf(out, "  %-30s %s\n", "-O0 .. -O3", "effort of optimisation (default 2)");
}

static const option_spec *find_spec(const char *word, unsigned commands, const char **given) {
  *given = NULL;
  for (size_t k = 0; k < N_SPECS; k++) {
    size_t n = strlen(specs[k].name);
    bool taken =
        (specs[k].commands & commands) || ((specs[k].commands & COMMON) && (commands & COMMAND_READS));
    if (!taken || strncmp(word, specs[k].name, n))
      continue;
    bool is_short = specs[k].name[1] != '-';
    if (word[n] == 0)
      return &specs[k];
    if (specs[k].value && (is_short || word[n] == '=')) {
      *given = word + n + (word[n] == '=' && !is_short);
      return &specs[k];
    }
  }
  return NULL;
}

static bool unknown_option(const options *o, const char *word) {
  const char *names[N_SPECS];
  size_t n = 0;
  for (size_t k = 0; k < N_SPECS; k++)
    if (specs[k].commands & o->command->bit)
      names[n++] = specs[k].name;
  const char *near = suggest(word, names, n);
  fprintf(stderr, "nlmc: '%s' takes no option '%s'", o->command->name, word);
  fprintf(stderr, near ? "; did you mean '%s'?\n" : "; see 'nlmc help'\n", near);
  return false;
}

static bool set_opt_level(options *o, const char *word) {
  if (strlen(word) != 3 || word[2] < '0' || word[2] > '3')
    return complain("'%s' is no level of optimisation; they are -O0 to -O3", word);
  o->opt_level = word[2] - '0';
  return true;
}

static bool count_words(const options *o) {
  const command *c = o->command;
  if (o->words.len >= c->min_words && o->words.len <= c->max_words)
    return true;
  fprintf(stderr, "nlmc: '%s' got %zu word%s; usage: %s\n", c->name, o->words.len,
          o->words.len == 1 ? "" : "s", c->usage);
  return false;
}

bool options_parse(options *o, int argc, char **argv) {
  o->opt_level = 2;
  bool only_words = false;
  for (int k = 0; k < argc; k++) {
    const char *word = argv[k], *given;
    if (only_words || word[0] != '-' || !word[1]) {
      vec_push(&o->words, word);
      continue;
    }
    if (!strcmp(word, "--")) {
      only_words = true;
      continue;
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
      o->help = true;
      return true;
    }
    if (!strncmp(word, "-O", 2) && (o->command->bit & COMMAND_READS)) {
      if (!set_opt_level(o, word))
        return false;
      continue;
    }
    const option_spec *spec = find_spec(word, o->command->bit, &given);
    if (!spec)
      return unknown_option(o, word);
    if (spec->value && !given) {
      if (k + 1 >= argc)
        return complain("%s needs a value", word);
      given = argv[++k];
    }
    if (!spec->set(o, given))
      return false;
  }
  return count_words(o);
}

void options_free(options *o) {
  for (size_t k = 0; k < o->definitions.len; k++)
    free((char *)o->definitions.data[k].name);
  for (size_t k = 0; k < o->dims.len; k++)
    free((char *)o->dims.data[k].name);
  vec_free(&o->words);
  vec_free(&o->disabled_passes);
  vec_free(&o->definitions);
  vec_free(&o->dims);
}
