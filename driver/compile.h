#ifndef NLM_DRIVER_COMPILE_H
#define NLM_DRIVER_COMPILE_H
// From a model to programs, schedules and code.
#include "codegen/codegen.h"
#include "driver/load.h"
#include "passes/pass.h"

// How long the parts of one compilation took, in seconds.
typedef struct timings {
  double load, lower, passes[32], codegen, write;
} timings;

typedef struct compiled {
  program_inputs *inputs;
  program *programs[PROGRAM_KINDS];
  schedule *schedules[PROGRAM_KINDS];
  int n_programs;
  codegen_module *module; // NULL until compile_code, or when --stop-after ended the pipeline
  timings times;
} compiled;

// Lowers the programs a command needs (prediction; with `training` and a train block also evaluation and
// gradients, with `probes` one of what layers give) and runs the passes. Dumps go to standard output. False
// when --stop-after ended it: the programs are there as they were then.
bool compile_programs(compiled *c, const loaded *l, const options *o, bool training, bool probes);
// Generates code; `weights`: image to embed or NULL. EXIT_DONE, or EXIT_WRONG_USAGE after a message about an
// unknown CPU or target.
int compile_code(compiled *c, const loaded *l, const options *o, const strbuf *weights);
void compile_print_times(const compiled *c);
void compile_free(compiled *c);

// The model's config string (docs/abi.md).
void config_print(const model *m, const program_inputs *inputs, strbuf *out);
// The C header that goes with an object file.
void header_print(const model *m, const program_inputs *inputs, const options *o, strbuf *out);
// Writes make's rule "output: files read" when --depfile asks for it.
int write_depfile(const loaded *l, const options *o, const char *output);
int write_depfile_of(const char *const *paths, size_t n, const options *o, const char *output);
// Exit code 2 after a message when one of the results (NULL: none), or what --depfile names, would replace a
// file that was read, or two of them are one file.
int refuse_overwriting(const loaded *l, const options *o, const char *const *results, size_t n_results);
int refuse_overwriting_of(const char *const *paths, size_t n, const options *o, const char *const *results,
                          size_t n_results);
// Says on standard error that --stop-after left nothing to write. EXIT_DONE.
int say_stopped(const options *o);
// The module as a file, or a message.
int write_code(const compiled *c, codegen_output kind, const char *path);
// Reads --weights into `image` after checking that it is a safetensors file that fits the model.
int read_weights_image(const loaded *l, const options *o, strbuf *image);
// "imdb.nlm" and ".o" -> "imdb.o"
char *output_beside(arena *a, const char *source, const char *extension);
// Writes a file as a whole, or prints the reason. "-": standard output.
int write_output(const char *path, const strbuf *bytes);
double seconds_now(void);

#endif
