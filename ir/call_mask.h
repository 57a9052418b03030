#ifndef NLM_IR_CALL_MASK_H
#define NLM_IR_CALL_MASK_H
// The call argument `mask`: LSTM(4)(x, mask = keep) or, for layers of several tensors, a list with one mask
// or none for each. Steps where the number is not 0 count; the mask stands in place of one that the tensor
// has.
#include "ir/layer.h"

// Takes `mask` out of the call's arguments and puts the masked tensors in place of the inputs. Leaves the
// argument where the layer takes one of its own or has no use for masks. False after reporting an error.
bool take_call_mask(application *app);

#endif
