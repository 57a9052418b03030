#ifndef NLM_RUNTIME_CLI_DATA_OPTIONS_H
#define NLM_RUNTIME_CLI_DATA_OPTIONS_H
// The words that name data, shared by commands: DATA... or --input and --target.
#include "runtime/cli/cli.h"
#include "runtime/cli/files.h"
#include "runtime/train/prepare.h"

typedef struct data_words {
  cli_words paths, inputs, targets, weights;
} data_words;

// Turns words into a request; false after a message. The request borrows the words.
bool data_words_request(const struct nlm_abi_model *model, data_words *w, data_request *out);
// Names all that is read for the request.
void data_request_files(const data_request *r, command_files *files);
void data_words_free(data_words *w, data_request *r);

// A .npz file holds a tensor for each of the model's inputs and targets, by name. The lists own their words.
bool data_is_archive(const char *path);
void data_archive_tensors(const struct nlm_abi_model *model, const char *path, data_tensors *inputs,
                          data_tensors *targets); // targets NULL: inputs alone
// From words NAME=FILE; false after a message.
bool data_tensors_of_words(const struct nlm_abi_model *model, const char *option, const cli_words *words,
                           data_tensors *out);
void data_tensors_files(const data_tensors *list, command_files *files); // names them as read
void data_tensors_free(data_tensors *list);

#define DATA_WORD_OPTIONS(words)                                                                             \
  {.name = "",                                                                                               \
   .kind = OPTION_TEXTS,                                                                                     \
   .to = &(words).paths,                                                                                     \
   .placeholder = "DATA...",                                                                                 \
   .help = "folder per class, TSV, CSV, JSON lines, fastText, CoNLL, CoNLL-U, IDX, .npz"},                   \
      {.name = "--input",                                                                                    \
       .kind = OPTION_TEXTS,                                                                                 \
       .to = &(words).inputs,                                                                                \
       .placeholder = "NAME=FILE.npy",                                                                       \
       .help = "tensor of one input, a row per example (repeatable)"},                                       \
      {.name = "--target",                                                                                   \
       .kind = OPTION_TEXTS,                                                                                 \
       .to = &(words).targets,                                                                               \
       .placeholder = "NAME=FILE.npy",                                                                       \
       .help = "tensor of one output's targets (repeatable)"},                                               \
  {                                                                                                          \
    .name = "--sample-weight", .kind = OPTION_TEXTS, .to = &(words).weights, .placeholder = "FILE.npy",      \
    .help = "how much each row or step counts in the loss; OUTPUT=FILE.npy for one of several outputs"       \
  }

#endif
