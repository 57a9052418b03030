// info: what a compiled model is, what its weights hold, what this machine lacks. --export writes an
// embedding.
#include "runtime/cli/cli.h"
#include "runtime/cli/export.h"
#include "runtime/kernels/calls.h"
#include "runtime/model.h"
#include "runtime/session.h"
#include <stdio.h>
#include <string.h>

static const char *with_commas(long long n, char *text, size_t size) {
  char digits[32];
  int length = snprintf(digits, sizeof digits, "%lld", n);
  size_t at = 0;
  for (int k = 0; k < length && at + 2 < size; k++) {
    if (k && (length - k) % 3 == 0)
      text[at++] = ',';
    text[at++] = digits[k];
  }
  text[at] = 0;
  return text;
}

static void print_parameters(const struct nlm_abi_model *abi) {
  long long all = 0, trainable = 0;
  char a[48], t[48];
  for (int64_t k = 0; k < abi->n_params; k++) {
    all += abi->params[k].elements;
    trainable += abi->params[k].trainable ? abi->params[k].elements : 0;
  }
  printf("parameters    %s, of which %s trainable\n", with_commas(all, a, sizeof a),
         with_commas(trainable, t, sizeof t));
}

static void print_inputs(const loaded_model *m) {
  static const char *const types[] = {"text", "int", "float"};
  for (size_t k = 0; k < m->inputs_count; k++)
    printf("input         %s: %s\n", m->inputs[k].name, types[m->inputs[k].type]);
  for (size_t k = 0; k < m->pipelines_count; k++) {
    const model_pipeline *p = &m->pipelines[k];
    char n[48];
    if (!text_has_vocabulary(&p->pipeline))
      printf("hashing       %s: %s bins\n", p->layer, with_commas(p->pipeline.num_bins, n, sizeof n));
    else if (p->words)
      printf("vocabulary    %s: %s words\n", p->layer,
             with_commas((long long)vocabulary_size(p->words), n, sizeof n));
    else
      printf("vocabulary    %s: none (comes with trained weights)\n", p->layer);
  }
}

static void print_outputs(const loaded_model *m) {
  for (size_t k = 0; k < m->outputs_count; k++) {
    const model_output *o = &m->outputs[k];
    printf("output        %s", o->name);
    if (o->units)
      printf(": %lld unit%s", (long long)o->units, o->units == 1 ? "" : "s");
    printf("%s%s\n", o->activation ? ", " : "", o->activation ? o->activation : "");
    for (size_t c = 0; c < o->classes_count; c++)
      printf("%s%s%s", c ? ", " : "classes       ", o->classes[c], c + 1 == o->classes_count ? "\n" : "");
  }
}

static void print_weights(const loaded_model *m, const char *path) {
  char n[48];
  if (m->abi->weights_bytes)
    printf("weights       inside the executable: %s bytes\n",
           with_commas((long long)m->abi->weights_bytes, n, sizeof n));
  if (!m->params)
    printf("weights       none loaded; trained ones go to %s\n", path);
  else if (path)
    printf("weights       %s\n", path);
  if (m->params && m->epoch)
    printf("epochs        %lld\n", (long long)m->epoch);
}

static void print_info(const loaded_model *m, const char *path) {
  const struct nlm_abi_model *abi = m->abi;
  printf("model         %s\n", abi->name);
  printf("source        %s\n", abi->source_hash ? abi->source_hash : "unknown");
  printf("compiler      nlmc %s\n", abi->compiler ? abi->compiler : "unknown");
  printf("runtime       %s, interface %d\n", NLM_VERSION, NLM_ABI_VERSION);
  printf("cpu           %s\n", abi->cpu);
  printf("dtype         %s\n", abi->real_bytes == 8 ? "f64" : "f32");
  print_parameters(abi);
  print_inputs(m);
  print_outputs(m);
  print_weights(m, path);
  printf("training      %s\n", session_program(abi, NLM_GRAD) ? "compiled in" : "not compiled in");
}

// Weights are loaded where there are some; only a named file must be there. Returns the exit code.
static int load_weights(loaded_model *m, const char **path, bool required) {
  strbuf error = {0};
  bool named = *path != NULL;
  if (!named)
    *path = model_default_weights(m);
  nlm_status status = model_load_weights(m, *path, WEIGHTS_READ_ONLY, &error);
  int code = EXIT_DONE;
  if (status && (named || required || status != NLM_ERROR_FILE))
    code = cli_fail(m->abi, "%s", strbuf_text(&error));
  strbuf_free(&error);
  return code;
}

int command_info(int argc, char **argv, const struct nlm_abi_model *model) {
  const char *weights = NULL, *export = NULL;
  const cli_command command = {"info", "[--export LAYER=FILE.vec]",
                               "what this model is and what its weights hold"};
  const cli_option options[] = {{.name = "--weights",
                                 .kind = OPTION_TEXT,
                                 .to = &weights,
                                 .placeholder = "FILE",
                                 .help = "weights file"},
                                {.name = "--export",
                                 .kind = OPTION_TEXT,
                                 .to = &export,
                                 .placeholder = "LAYER=FILE",
                                 .help = "writes the vectors of an Embedding as word2vec text"},
                                {0}};
  if (!cli_parse(model, &command, options, argc, argv))
    return EXIT_WRONG_USAGE;
  loaded_model m;
  strbuf error = {0};
  int code = model_open(&m, model, &error) ? cli_fail(model, "%s", strbuf_text(&error)) : EXIT_DONE;
  strbuf_free(&error);
  if (code != EXIT_DONE)
    return code;
  if (export && !export_is_apart(&m, export, weights ? weights : model_default_weights(&m)))
    code = EXIT_WRONG_USAGE;
  else
    code = load_weights(&m, &weights, export != NULL);
  if (code == EXIT_DONE && export)
    code = export_vectors(&m, export);
  else if (code == EXIT_DONE)
    print_info(&m, weights);
  model_close(&m);
  return code;
}
