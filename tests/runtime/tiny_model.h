#ifndef NLM_TESTS_RUNTIME_TINY_MODEL_H
#define NLM_TESTS_RUNTIME_TINY_MODEL_H
// A compiled model written by hand: text -> ids -> mean of embedding rows -> one sigmoid unit, binary
// cross-entropy. What `nlmc build` makes of
//   TextVectorization(max_tokens = 40) -> Embedding(40, 3, mask_zero = true) -> GlobalAveragePooling1D() ->
//   Dense(1)
#include "nlm/abi.h"
#include "nlm/nlm.h"

extern const struct nlm_abi_model nlm_model_tiny;

#endif
