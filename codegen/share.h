#ifndef NLM_CODEGEN_SHARE_H
#define NLM_CODEGEN_SHARE_H
// Equal kernels share one body, within a program and between the programs of a model. Two kernels are equal
// when their keys are: the op trees that they evaluate, with types, extents, attributes and constants, where
// memory, run-time dimensions, random streams and the like ("externals") are numbered by first use. What the
// externals are is no part of the key: a body reads it from the table of the kernel that runs, so extents
// that are known stay constants of the code. The key is a superset of what emission looks at; an external
// that it did not meet is a defect that emission reports (exit code 70). Thread-safety: as the emitter.
// Ownership: a store owns its bodies and their keys.
#include "codegen/emitter.h"
#include "ir/kernel.h"
#include "support/vec.h"

typedef enum {
  EXTERNAL_MEMORY,  // frame field << 32 | slot: an array of pointers, or the offsets of the workspace
  EXTERNAL_RESULT,  // slot in the frame's results
  EXTERNAL_DIM,     // symbol
  EXTERNAL_STREAM,  // of random numbers
  EXTERNAL_BOUND,   // of ids that are checked
  EXTERNAL_INPUT,   // program input that a message names
  EXTERNAL_WEIGHT,  // number of a weight
  EXTERNAL_REVERSE, // 1: a scan goes from the last step to the first, else 0
} external_kind;

typedef struct external {
  external_kind kind;
  int64_t value;
} external;

typedef struct kernel_key {
  strbuf bytes;
  VEC(external) externals;
  // Two equal scans that run together (the directions of a bidirectional layer) share one body, which reads
  // its own half of the table: the externals and scratch of one scan, then those of the other. 0: no such
  // pair, else the externals of one.
  size_t half;
} kernel_key;

typedef struct body_scratch {
  const dim *bytes; // in dimensions of the kernel that the body was emitted for
  bool of_partner;  // of the second of two scans that run together
  bool kept;        // what it holds serves later runs too, while the weights stay
} body_scratch;

typedef struct shared_body {
  LLVMValueRef function; // NULL until it is emitted
  kernel_key key;
  VEC(body_scratch) scratch;
} shared_body;

typedef struct body_store body_store;
body_store *body_store_new(void);
void body_store_free(body_store *s); // NULL is allowed
// The body of kernels with this key, at first without a function. Takes the key's contents only then.
shared_body *body_store_get(body_store *s, kernel_key *key);

struct program_code;
typedef struct key_maker key_maker;
key_maker *key_maker_new(const struct program_code *pc);
void key_maker_free(key_maker *m);
// The key of kernel `position` (with its partner), into an empty `key`; kernel_key_free releases it.
void key_make(key_maker *m, int position, kernel_key *key);
void kernel_key_free(kernel_key *key);

// Position of an external in the kernel's table, or in half `half` of it; ICE when the key has not met it.
int64_t key_external(const kernel_key *key, int half, external_kind kind, int64_t value);
size_t key_table_externals(const kernel_key *key);                // of the table, or of one half
int64_t external_of_buffer(const buffer *b, external_kind *kind); // not of PLACE_ROWS, PLACE_BAND

#endif
