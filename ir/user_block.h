#ifndef NLM_IR_USER_BLOCK_H
#define NLM_IR_USER_BLOCK_H
// A block that a user gave to a layer that wraps layers (TimeDistributed): a layer of one tensor whose inside
// is a graph of layers. Name resolution makes it with a recipe, which is carried out at each application.
#include "ir/model.h"

typedef struct block_recipe {
  const char *name, *snake; // "Encoder", "encoder"
  // Applies the block's layers to x, in scope `block->path`; sets the tensors that the block returns, in the
  // model's arena. False after an error was reported.
  bool (*apply)(void *context, const layer *block, tensor *x, tensor ***results, int *count);
  void *context; // lives as long as models are being built
} block_recipe;

// `recipe` is copied.
layer *user_block_make(model *m, const block_recipe *recipe, span at, const char *scope);

#endif
