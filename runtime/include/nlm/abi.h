#ifndef NLM_ABI_H
#define NLM_ABI_H
// The contract between compiled models and the runtime. A compiled model exports one symbol,
// nlm_model_<name>, an nlm_abi_model; everything else hangs from it. Every field of these structs is an
// 8-byte slot, so field i is at 8*i; the field lists below give both the C structs here and the LLVM types in
// the compiler. Targets have 64-bit pointers. Applications use nlm/nlm.h instead.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NLM_ABI_VERSION 11
#define NLM_ABI_MAGIC INT64_C(0x314c444d4d4c4e) // "NLMMDL1"

#define NLM_UNIQUE_SCRATCH(n) (16 * (n) + 16384)
#define NLM_PACK_SCRATCH(batch, time) (16 * (batch) + 8 * (time) + 64)

// Expressions over dimensions, operands before users.
enum nlm_abi_expr_op {
  NLM_EXPR_CONST,
  NLM_EXPR_SYMBOL,
  NLM_EXPR_ADD,
  NLM_EXPR_MUL,
  NLM_EXPR_FLOORDIV,
  NLM_EXPR_MIN,
  NLM_EXPR_MAX
};
#define NLM_ABI_EXPR_FIELDS(F)                                                                               \
  F(I64, int64_t, op)                                                                                        \
  F(I64, int64_t, a) /* CONST: value; SYMBOL: dimension; else expression */                                  \
  F(I64, int64_t, b)

#define NLM_ABI_DIM_FIELDS(F)                                                                                \
  F(PTR, const char *, name)                                                                                 \
  F(I64, int64_t, bound) /* expression that bounds a run-time count; -1: the caller gives this dimension */

// An extent that a layer makes of the caller's dimensions (a convolution's time - 4) and that may come out
// below 1: then the sequences are too short for the model.
#define NLM_ABI_EXTENT_FIELDS(F)                                                                             \
  F(PTR, const char *, layer)                                                                                \
  F(I64, int64_t, extent) /* expression */

enum nlm_abi_elem { NLM_REAL, NLM_INT32 };
// WEIGHT: reals, one for each row of an output or each of its steps, that its loss is multiplied by.
enum nlm_abi_role {
  NLM_ROLE_IDS,
  NLM_ROLE_REAL,
  NLM_ROLE_TARGET_INT,
  NLM_ROLE_TARGET_REAL,
  NLM_ROLE_OUTPUT,
  NLM_ROLE_WEIGHT,
  NLM_ROLE_STATE
};
#define NLM_ABI_TENSOR_FIELDS(F)                                                                             \
  F(PTR, const char *, name)                                                                                 \
  F(I64, int64_t, role)                                                                                      \
  F(I64, int64_t, elem)                                                                                      \
  F(I64, int64_t, rank)                                                                                      \
  F(PTR, const int64_t *, dims) /* [rank] expressions */                                                     \
  F(I64, int64_t, masked)       /* outputs: programs also give its mask, int32 [B, T] */                     \
  F(I64, int64_t, output)       /* targets, weights: which output; probes: the output that it is; else -1 */

#define NLM_ABI_PARAM_FIELDS(F)                                                                              \
  F(PTR, const char *, name)                                                                                 \
  F(I64, int64_t, rank)                                                                                      \
  F(PTR, const int64_t *, dims) /* [rank] extents */                                                         \
  F(I64, int64_t, elements)                                                                                  \
  F(I64, int64_t, trainable)                                                                                 \
  F(I64, int64_t, init) /* nlm_abi_init */                                                                   \
  F(F64, double, init_a)                                                                                     \
  F(F64, double, init_b)                                                                                     \
  F(I64, int64_t, init_mode)         /* 0 fan_in 1 fan_out 2 fan_avg */                                      \
  F(I64, int64_t, init_distribution) /* 0 uniform 1 truncated normal 2 normal */                             \
  F(PTR, const char *, pretrained)   /* path: nlmc makes it absolute; or NULL */                             \
  F(PTR, const char *, vocabulary)   /* text pipeline whose words number its rows, or NULL */                \
  F(I64, int64_t, init_seeded)       /* 1: init_seed alone decides what is drawn, not the run's seed */      \
  F(I64, int64_t, init_seed)
enum nlm_abi_init {
  NLM_INIT_ZEROS,
  NLM_INIT_ONES,
  NLM_INIT_CONSTANT,
  NLM_INIT_UNIFORM,
  NLM_INIT_NORMAL,
  NLM_INIT_TRUNCATED_NORMAL,
  NLM_INIT_VARIANCE_SCALING,
  NLM_INIT_ORTHOGONAL,
  NLM_INIT_IDENTITY,
  NLM_INIT_LSTM_BIAS
};

#define NLM_ABI_BUFFER_FIELDS(F)                                                                             \
  F(I64, int64_t, bytes) /* expression; run-time counts at their bounds */                                   \
  F(I64, int64_t, first) /* kernels between which it is live, inclusive */                                   \
  F(I64, int64_t, last)

#define NLM_ABI_KERNEL_FIELDS(F)                                                                             \
  F(PTR, const char *, name)                                                                                 \
  F(PTR, const char *, work) /* what it makes, for people: "(batch, 128) of 64 terms" */                     \
  F(I64, int64_t, flops)     /* expressions */                                                               \
  F(I64, int64_t, bytes)

#define NLM_ABI_GRADIENT_FIELDS(F)                                                                           \
  F(I64, int64_t, param)                                                                                     \
  F(I64, int64_t, buffer)     /* workspace slot of the gradient, or of its rows [D, ...] */                  \
  F(I64, int64_t, ids_buffer) /* workspace slot of int32 ids [D], distinct; -1: dense */                     \
  F(I64, int64_t, count)      /* expression for D; -1: dense */

// A parameter that a NLM_GRAD program computes anew (moving averages): the runtime copies it when the program
// is done.
#define NLM_ABI_ASSIGNMENT_FIELDS(F)                                                                         \
  F(I64, int64_t, param)                                                                                     \
  F(I64, int64_t, buffer) /* workspace slot of its new value */

// A state that a program leaves for the next run of any program: the runtime copies it when the program is
// done.
#define NLM_ABI_STATE_FIELDS(F)                                                                              \
  F(I64, int64_t, input)  /* of role STATE, which reads it */                                                \
  F(I64, int64_t, buffer) /* workspace slot of its new value */

enum nlm_abi_program_kind { NLM_INFER, NLM_EVALUATE, NLM_GRAD, NLM_PROBE, NLM_PROGRAMS };
struct nlm_frame;
typedef int64_t nlm_entry(struct nlm_frame *frame); // returns a status code, 0 when done
#define NLM_ABI_PROGRAM_FIELDS(F)                                                                            \
  F(I64, int64_t, kind)                                                                                      \
  F(PTR, nlm_entry *, entry)                                                                                 \
  F(I64, int64_t, n_buffers)                                                                                 \
  F(PTR, const struct nlm_abi_buffer *, buffers)                                                             \
  F(I64, int64_t, n_kernels)                                                                                 \
  F(PTR, const struct nlm_abi_kernel *, kernels)                                                             \
  F(I64, int64_t, n_gradients)                                                                               \
  F(PTR, const struct nlm_abi_gradient *, gradients)                                                         \
  F(I64, int64_t, n_assignments)                                                                             \
  F(PTR, const struct nlm_abi_assignment *, assignments)                                                     \
  F(I64, int64_t, n_states)                                                                                  \
  F(PTR, const struct nlm_abi_state *, states)

#define NLM_ABI_MODEL_FIELDS(F)                                                                              \
  F(I64, int64_t, magic)                                                                                     \
  F(I64, int64_t, version)                                                                                   \
  F(PTR, const char *, name)                                                                                 \
  F(PTR, const char *, compiler) /* version of nlmc */                                                       \
  F(PTR, const char *, cpu)      /* LLVM name of the target CPU */                                           \
  F(PTR, const char *, features) /* comma-separated features that must be there: "+avx512f,+avx2" */         \
  F(PTR, const char *, source_hash)                                                                          \
  F(I64, int64_t, real_bytes) /* 4 or 8 */                                                                   \
  F(I64, int64_t, n_exprs)                                                                                   \
  F(PTR, const struct nlm_abi_expr *, exprs)                                                                 \
  F(I64, int64_t, n_dims)                                                                                    \
  F(PTR, const struct nlm_abi_dim *, dims)                                                                   \
  F(I64, int64_t, n_extents)                                                                                 \
  F(PTR, const struct nlm_abi_extent *, extents)                                                             \
  F(I64, int64_t, n_inputs) /* targets, weights and states included, in this order after the inputs */       \
  F(PTR, const struct nlm_abi_tensor *, inputs)                                                              \
  F(I64, int64_t, n_outputs)                                                                                 \
  F(PTR, const struct nlm_abi_tensor *, outputs)                                                             \
  F(I64, int64_t, n_probes) /* what layers make, by layer; those that are outputs stand last */              \
  F(PTR, const struct nlm_abi_tensor *, probes)                                                              \
  F(I64, int64_t, n_params)                                                                                  \
  F(PTR, const struct nlm_abi_param *, params)                                                               \
  F(I64, int64_t, n_programs)                                                                                \
  F(PTR, const struct nlm_abi_program *, programs)                                                           \
  F(PTR, const char *, config)   /* JSON: text pipelines, layers, train block; see docs/abi.md */            \
  F(I64, int64_t, weights_bytes) /* weights inside the object (a safetensors image), or 0 */                 \
  F(PTR, const void *, weights)

// One call. Filled by the caller; dims, results and status are written by the call.
#define NLM_ABI_FRAME_FIELDS(F)                                                                              \
  F(PTR, const struct nlm_runtime_calls *, calls)                                                            \
  F(PTR, void *, context)          /* first argument of calls that need one */                               \
  F(PTR, int64_t *, dims)          /* [n_dims] values; run-time counts are written by the call */            \
  F(PTR, void *const *, inputs)    /* [n_inputs]; NULL where the program does not read one */                \
  F(PTR, void *const *, outputs)   /* [n_outputs], each dense [B, ...] */                                    \
  F(PTR, void *const *, masks)     /* [n_outputs] int32 [B, T]; read only where `masked` */                  \
  F(PTR, void *const *, probes)    /* [n_probes], each dense; NLM_PROBE; NULL where it is an output */       \
  F(PTR, void *const *, params)    /* [n_params] */                                                          \
  F(PTR, char *, workspace)        /* 64-byte aligned */                                                     \
  F(PTR, const int64_t *, offsets) /* [n_buffers] of this program */                                         \
  F(PTR, double *, results)        /* [1 + n_outputs]: total loss, loss of each output */                    \
  F(I64, uint64_t, seed)                                                                                     \
  F(I64, uint64_t, step)        /* micro-step, for random numbers */                                         \
  F(PTR, void *, profile)       /* NULL: no profiling */                                                     \
  F(I64, int64_t, status_input) /* on error: program input, element position in it, offending value */       \
  F(I64, int64_t, status_position)                                                                           \
  F(I64, int64_t, status_value)                                                                              \
  F(I64, int64_t, status_limit) /* what the value must be below */                                           \
  F(I64, int64_t, kept)         /* 1: kept buffers hold what the last run of this program left */            \
  F(I64, int64_t, threads)      /* that parallel_for has, or 0: as many as work is best cut up for */

// ID_RANGE with a negative status_position: the input's sequences are longer than status_value steps, the
// most that a table of positions has.
enum nlm_abi_status { NLM_STATUS_OK = 0, NLM_STATUS_ID_RANGE = 1 };

#define NLM_ABI_C_FIELD(kind, type, name) type name;
#define NLM_ABI_DEFINE(name, FIELDS)                                                                         \
  struct name {                                                                                              \
    FIELDS(NLM_ABI_C_FIELD)                                                                                  \
  };
NLM_ABI_DEFINE(nlm_abi_expr, NLM_ABI_EXPR_FIELDS)
NLM_ABI_DEFINE(nlm_abi_dim, NLM_ABI_DIM_FIELDS)
NLM_ABI_DEFINE(nlm_abi_extent, NLM_ABI_EXTENT_FIELDS)
NLM_ABI_DEFINE(nlm_abi_tensor, NLM_ABI_TENSOR_FIELDS)
NLM_ABI_DEFINE(nlm_abi_param, NLM_ABI_PARAM_FIELDS)
NLM_ABI_DEFINE(nlm_abi_buffer, NLM_ABI_BUFFER_FIELDS)
NLM_ABI_DEFINE(nlm_abi_kernel, NLM_ABI_KERNEL_FIELDS)
NLM_ABI_DEFINE(nlm_abi_gradient, NLM_ABI_GRADIENT_FIELDS)
NLM_ABI_DEFINE(nlm_abi_assignment, NLM_ABI_ASSIGNMENT_FIELDS)
NLM_ABI_DEFINE(nlm_abi_state, NLM_ABI_STATE_FIELDS)
NLM_ABI_DEFINE(nlm_abi_program, NLM_ABI_PROGRAM_FIELDS)
NLM_ABI_DEFINE(nlm_abi_model, NLM_ABI_MODEL_FIELDS)
NLM_ABI_DEFINE(nlm_frame, NLM_ABI_FRAME_FIELDS)

struct nlm_runtime_calls {
#define CALL(name, result, parameters) result(*name) parameters;
#include "nlm/abi.def"
#undef CALL
};

#ifdef __cplusplus
}
#endif
#endif
