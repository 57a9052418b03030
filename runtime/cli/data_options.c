#include "runtime/cli/data_options.h"
#include <string.h>

bool data_tensors_of_words(const struct nlm_abi_model *model, const char *option, const cli_words *words,
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

static void add_pair(data_tensors *out, const char *name, const char *path) {
  size_t n = strlen(name) + 1;
  char *word = xmalloc(n + strlen(path) + 1); // the parts live in it
  memcpy(word, name, n);
  strcpy(word + n, path);
  data_tensor t = {word, word + n};
  vec_push(out, t);
}

bool data_is_archive(const char *path) {
  size_t n = strlen(path);
  return n > 4 && !strcmp(path + n - 4, ".npz");
}

void data_archive_tensors(const struct nlm_abi_model *model, const char *path, data_tensors *inputs,
                          data_tensors *targets) {
  for (int64_t k = 0; k < model->n_inputs; k++) {
    int64_t role = model->inputs[k].role; // weights and states of layers do not come from the archive
    if (role == NLM_ROLE_IDS || role == NLM_ROLE_REAL)
      add_pair(inputs, model->inputs[k].name, path);
    else if (targets && (role == NLM_ROLE_TARGET_INT || role == NLM_ROLE_TARGET_REAL))
      add_pair(targets, model->inputs[k].name, path);
  }
}

// FILE.npy for all outputs, or OUTPUT=FILE.npy.
static bool weights_of_words(const struct nlm_abi_model *model, const cli_words *words, data_tensors *out) {
  for (size_t k = 0; k < words->len; k++) {
    data_tensor t = {NULL, xstrdup(words->data[k])};
    char *word = (char *)t.path;
    if (strchr(word, '=') && !cli_split_pair(model, "--sample-weight", word, &t.name, &t.path)) {
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
  if (!data_tensors_of_words(model, "--input", &w->inputs, &out->inputs) ||
      !data_tensors_of_words(model, "--target", &w->targets, &out->targets) ||
      !weights_of_words(model, &w->weights, &out->weights))
    return false;
  if (w->paths.len == 1 && data_is_archive(w->paths.data[0]) && !w->inputs.len && !w->targets.len) {
    data_archive_tensors(model, w->paths.data[0], &out->inputs, &out->targets);
    out->paths_count = 0;
    return true;
  }
  bool tensors = out->inputs.len || out->targets.len;
  if (tensors == (w->paths.len > 0)) {
    cli_say(model, tensors ? "either DATA or --input and --target, not both"
                           : "name the data: DATA, or --input and --target");
    return false;
  }
  return true;
}

void data_tensors_files(const data_tensors *list, command_files *files) {
  for (size_t k = 0; k < list->len; k++)
    command_files_read(files, list->data[k].path, false);
}

void data_request_files(const data_request *r, command_files *files) {
  for (size_t k = 0; k < r->paths_count; k++)
    command_files_read(files, r->paths[k], false);
  data_tensors_files(&r->inputs, files);
  data_tensors_files(&r->targets, files);
  data_tensors_files(&r->weights, files);
}

void data_tensors_free(data_tensors *list) {
  for (size_t k = 0; k < list->len; k++)
    free(
        (char *)(list->data[k].name ? list->data[k].name : list->data[k].path)); // the parts live in one word
  vec_free(list);
}

void data_words_free(data_words *w, data_request *r) {
  data_tensors_free(&r->inputs);
  data_tensors_free(&r->targets);
  data_tensors_free(&r->weights);
  vec_free(&w->weights);
  vec_free(&w->paths);
  vec_free(&w->inputs);
  vec_free(&w->targets);
}
