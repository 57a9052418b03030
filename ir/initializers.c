// Initializers by Keras's names, with Keras's defaults.
#include "ir/initializers.h"
#include "support/intern.h"
#include "support/vec.h"
#include <math.h>
#include <string.h>

enum { MODE_FAN_IN, MODE_FAN_OUT, MODE_FAN_AVG };
enum { DRAW_UNIFORM, DRAW_TRUNCATED_NORMAL, DRAW_NORMAL };

typedef struct initializer_def {
  const char *name;       // as a bare word: "glorot_uniform"
  const char *class_name; // as a call: "GlorotUniform"
  const char *alias;      // a further bare word, or NULL
  const char *doc;
  initializer standard;
  const arg_spec *args;
} initializer_def;

#define SEED_ARG                                                                                             \
  {                                                                                                          \
    .name = "seed", .kinds = ARG_INT | ARG_NONE, .default_text = "none",                                     \
    .doc = "initializers with one seed give the same numbers, whatever the run's seed"                       \
  }
static const arg_spec no_args[] = {{0}};
static const arg_spec seed_args[] = {SEED_ARG, {0}};
static const arg_spec constant_args[] = {
    {.name = "value", .kinds = ARG_FLOAT, .default_text = "0.0", .doc = "the number"}, {0}};
static const arg_spec uniform_args[] = {
    {.name = "minval", .kinds = ARG_FLOAT, .default_text = "-0.05", .doc = "the least"},
    {.name = "maxval", .kinds = ARG_FLOAT, .default_text = "0.05", .doc = "the largest"},
    SEED_ARG,
    {0}};
static const arg_spec normal_args[] = {
    {.name = "mean", .kinds = ARG_FLOAT, .default_text = "0.0", .doc = "of the distribution"},
    {.name = "stddev",
     .kinds = ARG_FLOAT,
     .default_text = "0.05",
     .min = 0,
     .max = INFINITY,
     .doc = "deviation"},
    SEED_ARG,
    {0}};
static const arg_spec gain_args[] = {
    {.name = "gain", .kinds = ARG_FLOAT, .default_text = "1.0", .doc = "factor"}, {0}};
static const arg_spec orthogonal_args[] = {
    {.name = "gain", .kinds = ARG_FLOAT, .default_text = "1.0", .doc = "factor"}, SEED_ARG, {0}};
static const char *const fan_modes[] = {"fan_in", "fan_out", "fan_avg", NULL};
static const char *const distributions[] = {"uniform", "truncated_normal", "untruncated_normal", "normal",
                                            NULL};
static const arg_spec scaling_args[] = {
    {.name = "scale",
     .kinds = ARG_FLOAT,
     .default_text = "1.0",
     .min = 0,
     .max = INFINITY,
     .open_min = true,
     .doc = "of the variance"},
    {.name = "mode", .kinds = ARG_MODE, .modes = fan_modes, .default_text = "fan_in", .doc = "what n is"},
    {.name = "distribution",
     .kinds = ARG_MODE,
     .modes = distributions,
     .default_text = "truncated_normal",
     .doc = "how numbers are drawn"},
    SEED_ARG,
    {0}};

#define PLAIN(of, first, second)                                                                             \
  { .kind = of, .a = first, .b = second }
#define SCALING(scale, fan, draw)                                                                            \
  { .kind = INIT_VARIANCE_SCALING, .a = scale, .mode = fan, .distribution = draw }

static const initializer_def table[] = {
    {"zeros", "Zeros", "zero", "zeros", PLAIN(INIT_ZEROS, 0, 0), no_args},
    {"ones", "Ones", "one", "ones", PLAIN(INIT_ONES, 0, 0), no_args},
    {"constant", "Constant", NULL, "one number everywhere", PLAIN(INIT_CONSTANT, 0, 0), constant_args},
    {"random_uniform", "RandomUniform", "uniform", "drawn evenly between minval and maxval",
     PLAIN(INIT_UNIFORM, -0.05, 0.05), uniform_args},
    {"random_normal", "RandomNormal", "normal", "drawn from a normal distribution",
     PLAIN(INIT_NORMAL, 0, 0.05), normal_args},
    {"truncated_normal", "TruncatedNormal", NULL, "normal, what is farther than two deviations drawn again",
     PLAIN(INIT_TRUNCATED_NORMAL, 0, 0.05), normal_args},
    {"variance_scaling", "VarianceScaling", NULL,
     "of variance scale / n; n is the number of inputs (fan_in), of outputs (fan_out) or their mean "
     "(fan_avg)",
     SCALING(1, MODE_FAN_IN, DRAW_TRUNCATED_NORMAL), scaling_args},
    {"glorot_uniform", "GlorotUniform", "xavier_uniform", "even, within sqrt(6 / (inputs + outputs))",
     SCALING(1, MODE_FAN_AVG, DRAW_UNIFORM), seed_args},
    {"glorot_normal", "GlorotNormal", "xavier_normal", "truncated normal of variance 2 / (inputs + outputs)",
     SCALING(1, MODE_FAN_AVG, DRAW_TRUNCATED_NORMAL), seed_args},
    {"he_uniform", "HeUniform", NULL, "even, within sqrt(6 / inputs)", SCALING(2, MODE_FAN_IN, DRAW_UNIFORM),
     seed_args},
    {"he_normal", "HeNormal", NULL, "truncated normal of variance 2 / inputs",
     SCALING(2, MODE_FAN_IN, DRAW_TRUNCATED_NORMAL), seed_args},
    {"lecun_uniform", "LecunUniform", NULL, "even, within sqrt(3 / inputs)",
     SCALING(1, MODE_FAN_IN, DRAW_UNIFORM), seed_args},
    {"lecun_normal", "LecunNormal", NULL, "truncated normal of variance 1 / inputs",
     SCALING(1, MODE_FAN_IN, DRAW_TRUNCATED_NORMAL), seed_args},
    {"orthogonal", "Orthogonal", "OrthogonalInitializer",
     "a matrix with orthogonal rows or columns of length gain", PLAIN(INIT_ORTHOGONAL, 1, 0),
     orthogonal_args},
    {"identity", "Identity", "IdentityInitializer", "gain on the diagonal, zeros elsewhere",
     PLAIN(INIT_IDENTITY, 1, 0), gain_args},
};
enum { INITIALIZERS = sizeof table / sizeof *table };

static const initializer_def *find(const char *word) {
  for (size_t i = 0; i < INITIALIZERS; i++)
    if (strcmp(table[i].name, word) == 0 || strcmp(table[i].class_name, word) == 0 ||
        (table[i].alias && strcmp(table[i].alias, word) == 0))
      return &table[i];
  return NULL;
}

bool initializer_entry(size_t k, registry_entry *out) {
  if (k < INITIALIZERS)
    *out = (registry_entry){table[k].name, table[k].class_name, table[k].doc, table[k].args, NULL, false};
  return k < INITIALIZERS;
}

bool initializer_exists(const char *name) {
  return find(name) != NULL;
}

static void report_unknown(diags *d, const char *what, const value *v) {
  const char *words[3 * INITIALIZERS];
  size_t n = 0;
  for (size_t i = 0; i < INITIALIZERS; i++) {
    words[n++] = table[i].name;
    words[n++] = table[i].class_name;
    if (table[i].alias)
      words[n++] = table[i].alias;
  }
  const char *near = suggest(v->text, words, n);
  if (near) {
    diag_error(d, v->at, "%s: unknown initializer '%s'; did you mean '%s'?", what, v->text, near);
    return;
  }
  strbuf names = {0};
  for (size_t i = 0; i < INITIALIZERS; i++)
    strbuf_printf(&names, "%s%s", i ? ", " : "", table[i].name);
  diag_help(diag_error(d, v->at, "%s: unknown initializer '%s'", what, v->text), "initializers are %s",
            strbuf_text(&names));
  strbuf_free(&names);
}

static int position(const char *const *words, const char *word) {
  int k = 0;
  while (strcmp(words[k], word) != 0)
    k++;
  return k;
}

static void set_arguments(initializer *out, const initializer_def *def, value *const *bound) {
  int seed = args_index(def->args, "seed");
  out->seeded = seed >= 0 && bound[seed]->kind == VALUE_INT;
  out->seed = out->seeded ? bound[seed]->integer : 0;
  if (def->args == no_args || def->args == seed_args)
    return;
  out->a = bound[0]->number;
  if (def->args == uniform_args || def->args == normal_args)
    out->b = bound[1]->number;
  if (def->args == scaling_args) {
    out->mode = position(fan_modes, bound[1]->text);
    int draw = position(distributions, bound[2]->text);
    out->distribution = draw < DRAW_NORMAL ? draw : DRAW_NORMAL;
    if (strcmp(bound[2]->text, "normal") == 0) // Keras's older word for the truncated one
      out->distribution = DRAW_TRUNCATED_NORMAL;
  }
}

bool initializer_bind(arena *a, diags *d, const char *what, const value *v, initializer *out) {
  *out = (initializer){0};
  if (v->kind == VALUE_NONE)
    return true; // Keras: zeros
  INVARIANT(v->text);
  const initializer_def *def = find(v->text);
  if (!def) {
    report_unknown(d, what, v);
    return false;
  }
  *out = def->standard;
  if (v->kind != VALUE_CALL)
    return true;
  value **bound = args_bind(a, d, def->class_name, def->args, v);
  if (!bound)
    return false;
  set_arguments(out, def, bound);
  if (def->args != uniform_args || out->a <= out->b)
    return true;
  diag_error(d, v->at, "%s: minval must not be above maxval", def->class_name);
  return false;
}
