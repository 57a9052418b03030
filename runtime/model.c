#include "runtime/model.h"
#include "runtime/session.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

// ---- version and CPU

// Features by LLVM's name that this CPU can be asked for; all others belong to every CPU that has these.
#define CPU_FEATURES(F)                                                                                      \
  F("sse3", "sse3")                                                                                          \
  F("ssse3", "ssse3")                                                                                        \
  F("sse4.1", "sse4.1")                                                                                      \
  F("sse4.2", "sse4.2")                                                                                      \
  F("popcnt", "popcnt")                                                                                      \
  F("avx", "avx")                                                                                            \
  F("avx2", "avx2")                                                                                          \
  F("fma", "fma")                                                                                            \
  F("bmi", "bmi")                                                                                            \
  F("bmi2", "bmi2")                                                                                          \
  F("avx512f", "avx512f")                                                                                    \
  F("avx512cd", "avx512cd")                                                                                  \
  F("avx512bw", "avx512bw")                                                                                  \
  F("avx512dq", "avx512dq")                                                                                  \
  F("avx512vl", "avx512vl")                                                                                  \
  F("avx512ifma", "avx512ifma")                                                                              \
  F("avx512vbmi", "avx512vbmi")                                                                              \
  F("avx512vbmi2", "avx512vbmi2")                                                                            \
  F("avx512bitalg", "avx512bitalg")                                                                          \
  F("avx512vpopcntdq", "avx512vpopcntdq")                                                                    \
  F("avx512vnni", "avx512vnni")

static bool cpu_has(const char *feature, size_t n) {
#if defined(__x86_64__)
#define ROW(llvm, gcc)                                                                                       \
  if (n == sizeof llvm - 1 && !memcmp(feature, llvm, n))                                                     \
    return __builtin_cpu_supports(gcc);
  CPU_FEATURES(ROW)
#undef ROW
#else
  (void)feature;
  (void)n;
#endif
  return true;
}

static nlm_status check_cpu(const struct nlm_abi_model *abi, strbuf *error) {
  strbuf missing = {0};
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
  for (const char *at = abi->features ? abi->features : ""; *at;) {
    size_t n = strcspn(at, ",");
    if (*at == '+' && !cpu_has(at + 1, n - 1))
      strbuf_printf(&missing, "%s%.*s", missing.len ? ", " : "", (int)(n - 1), at + 1);
    at += n + (at[n] == ',');
  }
  bool fine = missing.len == 0;
  if (!fine)
    strbuf_printf(
        error,
        "model '%s' was compiled for the CPU '%s'; this CPU lacks %s (compile with --cpu x86-64-v3, "
        "or on this machine)",
        abi->name, abi->cpu, strbuf_text(&missing));
  strbuf_free(&missing);
  return fine ? NLM_OK : NLM_ERROR_CPU;
}

nlm_status model_check_version(const struct nlm_abi_model *abi, strbuf *error) {
  if (abi->magic != NLM_ABI_MAGIC) {
    strbuf_puts(error, "this is no compiled model");
    return NLM_ERROR_VERSION;
  }
  if (abi->version != NLM_ABI_VERSION) {
    strbuf_printf(error, "the model was compiled for version %lld of the runtime; this library is version %d",
                  (long long)abi->version, NLM_ABI_VERSION);
    return NLM_ERROR_VERSION;
  }
  return check_cpu(abi, error);
}

// ---- life

void model_release_params(loaded_model *m) {
  xfree(m->params);
  xfree(m->block);
  xfree(m->aligned);
  weights_close(m->image);
  m->params = NULL;
  m->block = m->aligned = NULL;
  m->image = NULL;
}

void model_close(loaded_model *m) {
  for (size_t k = 0; k < m->pipelines_count; k++)
    vocabulary_free(m->pipelines[k].words);
  for (size_t k = 0; k < m->outputs_count; k++)
    xfree(m->outputs[k].classes);
  model_release_params(m);
  json_decref(m->config);
  arena_free(m->memory);
  *m = (loaded_model){0};
}

void model_set_classes(model_output *o, const text_view *names, size_t count) {
  size_t bytes = count * sizeof(char *) + 1;
  for (size_t k = 0; k < count; k++)
    bytes += names[k].bytes + 1;
  char **list = xmalloc(bytes), *text = (char *)(list + count);
  for (size_t k = 0; k < count; k++) {
    list[k] = text;
    memcpy(text, names[k].data, names[k].bytes);
    text[names[k].bytes] = 0;
    text += names[k].bytes + 1;
  }
  xfree(o->classes);
  o->classes = list;
  o->classes_count = count;
}

// ---- parameters

size_t model_param_bytes(const loaded_model *m, int64_t param) {
  return (size_t)(m->abi->params[param].elements * m->abi->real_bytes);
}

int64_t model_param_row(const loaded_model *m, int64_t param) {
  const struct nlm_abi_param *p = &m->abi->params[param];
  return p->rank && p->dims[0] ? p->elements / p->dims[0] : 1;
}

int64_t model_param_find(const loaded_model *m, const char *name) {
  for (int64_t k = 0; k < m->abi->n_params; k++)
    if (!strcmp(m->abi->params[k].name, name))
      return k;
  return -1;
}

static size_t aligned(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

nlm_status model_allocate_params(loaded_model *m) {
  size_t n = (size_t)m->abi->n_params, bytes = 64;
  for (size_t k = 0; k < n; k++)
    bytes += aligned(model_param_bytes(m, (int64_t)k));
  char *block = aligned_alloc(64, bytes);
  void **params = calloc(n + 1, sizeof *params);
  if (!block || !params) {
    xfree(block);
    xfree(params);
    return NLM_ERROR_MEMORY;
  }
  memory_prefer_large_pages(block, bytes);
  memset(block, 0, bytes);
  char *next = block;
  for (size_t k = 0; k < n; k++) {
    params[k] = next;
    next += aligned(model_param_bytes(m, (int64_t)k));
  }
  model_release_params(m);
  m->block = block;
  m->params = params;
  return NLM_OK;
}

int64_t model_batch_size(const loaded_model *m, int64_t usual) {
  return m->training && session_is_stateful(m->abi) ? m->training->batch_size : usual;
}
