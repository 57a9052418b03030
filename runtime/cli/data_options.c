#include "runtime/cli/data_options.h"

static bool pairs(const struct nlm_abi_model *model, const char *option, const cli_words *words,
                  data_tensors *out) {
  for (size_t k = 0; k < words->len; k++) {
    data_tensor t;
    char *word = xstrdup(words->data[k]); // the parts live in it
    if (!cli_split_pair(model, option, word, &t.name, &t.path)) {
      free(word);
      return false;
    }
    vec_push(out, t);
  }
  return true;
}

bool data_words_request(const struct nlm_abi_model *model, data_words *w, data_request *out) {
  out->paths = w->paths.data;
  out->paths_count = w->paths.len;
  if (!pairs(model, "--input", &w->inputs, &out->inputs) ||
      !pairs(model, "--target", &w->targets, &out->targets))
    return false;
  bool tensors = out->inputs.len || out->targets.len;
  if (tensors == (w->paths.len > 0)) {
    cli_say(model, tensors ? "either DATA or --input and --target, not both"
                           : "name the data: DATA, or --input and --target");
    return false;
  }
  return true;
}

static void free_pairs(data_tensors *list) {
  for (size_t k = 0; k < list->len; k++)
    free((char *)list->data[k].name);
  vec_free(list);
}

void data_words_free(data_words *w, data_request *r) {
  free_pairs(&r->inputs);
  free_pairs(&r->targets);
  vec_free(&w->paths);
  vec_free(&w->inputs);
  vec_free(&w->targets);
}
