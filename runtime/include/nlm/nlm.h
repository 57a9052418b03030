#ifndef NLM_NLM_H
#define NLM_NLM_H
// Predicting with a compiled model from C.
//
//   #include "imdb.h"                       // generated: nlm_model_imdb and the names of inputs and outputs
//   nlm_model *model;
//   nlm_open(&nlm_model_imdb, "imdb.safetensors", &model);       // or NULL: weights inside the object
//   nlm_limits limits = {.batch = 1, .text_bytes = 20000};
//   nlm_context *context;
//   nlm_context_create(model, &limits, &context);                // one per thread; all memory is taken here
//   nlm_prediction p;
//   nlm_predict_text(context, "A fine film.", 12, &p);           // allocates nothing, locks nothing
//   printf("%s %.3f\n", p.label, p.probability);
//
// Legend: B batch, T time. Errors: every function that can fail returns a status; nlm_error_text explains it,
// and nlm_context_error / nlm_open_error give the details of the last failure. The library never prints or
// exits. A missing pointer where one is needed is NLM_ERROR_USAGE, or 0 or NULL from what counts and names.
// Threads: an nlm_model is immutable after nlm_open and may serve any number of threads, each with a
// context of its own. No thread is created unless nlm_set_threads asks for it.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define NLM_API __attribute__((visibility("default")))
#else
#define NLM_API
#endif

struct nlm_abi_model;
typedef struct nlm_model nlm_model;
typedef struct nlm_context nlm_context;

typedef enum nlm_status {
  NLM_OK = 0,
  NLM_ERROR_VERSION,    // compiled for another version of the library
  NLM_ERROR_CPU,        // compiled for a CPU with features that this one lacks
  NLM_ERROR_FILE,       // a weights file that cannot be read or is no safetensors file
  NLM_ERROR_WEIGHTS,    // a weights file that does not fit the model; nothing was loaded
  NLM_ERROR_VOCABULARY, // a text to predict, but the weights hold no vocabulary
  NLM_ERROR_MEMORY,
  NLM_ERROR_LIMITS, // larger than the context was made for
  NLM_ERROR_INPUT,  // an id outside its table, or a missing input or output
  NLM_ERROR_USAGE,  // a call that does not fit this model (text for a model without text input)
} nlm_status;
NLM_API const char *nlm_error_text(nlm_status status); // static; never NULL

// Opens a compiled model with weights from a file (NULL: those inside the object). On failure *model is NULL
// and nlm_open_error() tells more, for the calling thread, until its next nlm_open.
NLM_API nlm_status nlm_open(const struct nlm_abi_model *compiled, const char *weights_path,
                            nlm_model **model);
NLM_API const char *nlm_open_error(void);
NLM_API void nlm_close(nlm_model *model); // after its contexts; NULL is allowed

// What the largest call will be. Zero means: batch 1; text_bytes 65536; time: as long as the text can be, or,
// for a model without text or with characters of words, 512. A text beyond text_bytes still serves where its
// layer cuts texts (output_sequence_length) and the part within the limit gives all the tokens that are kept.
typedef struct nlm_limits {
  int64_t batch;      // rows of one call
  int64_t text_bytes; // bytes of one text
  int64_t time;       // every symbolic dimension but the batch
} nlm_limits;

// Bytes of memory that a context for these limits needs; 0 when they are out of range, or when there is no
// memory to count it.
NLM_API size_t nlm_workspace_bytes(const nlm_model *model, const nlm_limits *limits);
// A context in memory of its own, or in the caller's (64-byte aligned, nlm_workspace_bytes large, not to be
// freed before the context was destroyed).
NLM_API nlm_status nlm_context_create(const nlm_model *model, const nlm_limits *limits,
                                      nlm_context **context);
NLM_API nlm_status nlm_context_create_in(const nlm_model *model, const nlm_limits *limits, void *memory,
                                         size_t bytes, nlm_context **context);
NLM_API void nlm_context_destroy(nlm_context *context);            // NULL is allowed
NLM_API const char *nlm_context_error(const nlm_context *context); // "" when the last call succeeded
// Threads of this context's calls, this one included (default 1). Results are the same bits for any number.
NLM_API nlm_status nlm_set_threads(nlm_context *context, int threads);

typedef struct nlm_prediction {
  const float *values; // output 0 of this text, `count` numbers (rounded where the model computes in double);
                       // the context's, until its next call
  size_t count; // 1 for a sigmoid unit; the number of classes; tokens of the text x classes for a tagger;
                // tokens of the text for one that gives class numbers (CRF), which are the values then
  int64_t label_index; // the likeliest class (of the first token, for a tagger); one sigmoid unit: 1 if it is
                       // above 0.5, else 0; -1 for a number that is no class, and without any token
  const char *label;   // its name, or NULL when the weights hold no class names
  double probability;  // of that class (0 from a CRF); the value itself where label_index is -1
} nlm_prediction;

// Predicts one text with a model whose only input is text. Text is UTF-8, `bytes` long (SIZE_MAX:
// NUL-terminated).
NLM_API nlm_status nlm_predict_text(nlm_context *context, const char *text, size_t bytes,
                                    nlm_prediction *result);
// The same for several texts at once: results[count].
NLM_API nlm_status nlm_predict_texts(nlm_context *context, const char *const *texts, const size_t *bytes,
                                     size_t count, nlm_prediction *results);

// ---- tensors
typedef struct nlm_tensor_info {
  const char *name;
  int is_int;         // int32, else float (or double for a model built with --dtype f64)
  int is_text;        // inputs only: ids of a text pipeline
  int rank;           // with the batch
  int64_t extents[8]; // -1: symbolic
} nlm_tensor_info;
NLM_API size_t nlm_input_count(const nlm_model *model);
NLM_API size_t nlm_output_count(const nlm_model *model);
NLM_API nlm_status nlm_input_info(const nlm_model *model, size_t index, nlm_tensor_info *info);
NLM_API nlm_status nlm_output_info(const nlm_model *model, size_t index, nlm_tensor_info *info);
// What input `input` of nlm_run (its is_text is set) takes for one text, or for one value of a category (an
// integer in digits): `count` ids, at most `capacity` of them. Where the next input is a float of the same
// shape (output modes multi_hot, count and tf_idf), `weights` takes the number of each id, float or double as
// nlm_input_info says; NULL: not wanted. Rows of a batch are padded with 0, ids and weights.
NLM_API nlm_status nlm_encode(nlm_context *context, size_t input, const char *text, size_t bytes,
                              int32_t *ids, void *weights, size_t capacity, size_t *count);
// Runs the model on tensors in the caller's memory: inputs [B, ...] in the order of nlm_input_info, outputs
// [B, ...] dense. `dims` gives the symbolic dimensions in the order of nlm_dimension_name (the batch is
// dimension "batch").
NLM_API size_t nlm_dimension_count(const nlm_model *model);
NLM_API const char *nlm_dimension_name(const nlm_model *model, size_t index);
NLM_API nlm_status nlm_run(nlm_context *context, const int64_t *dims, const void *const *inputs,
                           void *const *outputs);
// A model with stateful layers goes on where the context's last run ended, row by row, so the runs must be of
// one batch size; each context has states of its own. After a reset the next run begins with zeros, as the
// first one does.
NLM_API void nlm_reset_states(nlm_context *context);
NLM_API size_t nlm_class_count(const nlm_model *model, size_t output); // 0: no class names
NLM_API const char *nlm_class_name(const nlm_model *model, size_t output, size_t index);

// The whole command line of a compiled model (train, evaluate, predict, ...): `main` of what `nlmc build`
// makes.
NLM_API int nlm_main(const struct nlm_abi_model *compiled, int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
