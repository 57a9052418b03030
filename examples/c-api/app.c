// Labels lines of text with a compiled model that is linked in.
//
//   app [WEIGHTS.safetensors] < lines      without a file: the weights inside the object
//
// prints "label TAB probability TAB text" for each line.
#include "imdb.h"
#include <stdio.h>
#include <string.h>

static int fail(const char *what, nlm_status status, const char *details) {
  fprintf(stderr, "app: %s: %s%s%s\n", what, nlm_error_text(status), *details ? ": " : "", details);
  return 1;
}

static int label_lines(nlm_context *context) {
  static char line[65536];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\r\n")] = 0;
    nlm_prediction p;
    nlm_status status = nlm_predict_text(context, line, SIZE_MAX, &p);
    if (status)
      return fail("predicting", status, nlm_context_error(context));
    printf("%s\t%.4f\t%s\n", p.label ? p.label : "?", p.probability, line);
  }
  return 0;
}

int main(int argc, char **argv) {
  nlm_model *model;
  nlm_status status = nlm_open(&nlm_model_imdb, argc > 1 ? argv[1] : NULL, &model);
  if (status)
    return fail("opening the model", status, nlm_open_error());
  nlm_limits limits = {.batch = 1, .text_bytes = 65536};
  nlm_context *context;
  status = nlm_context_create(model, &limits, &context);
  int code = status ? fail("making a context", status, "") : label_lines(context);
  if (!status)
    nlm_context_destroy(context);
  nlm_close(model);
  return code;
}
