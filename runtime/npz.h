#ifndef NLM_RUNTIME_NPZ_H
#define NLM_RUNTIME_NPZ_H
// NumPy's .npz files (numpy.savez, numpy.savez_compressed): a ZIP archive of .npy files, stored or deflated.
// Reading trusts nothing. Not read: archives of several disks, of more than 65,535 members, encrypted ones,
// and the 64-bit form of ZIP where a file is 4 GiB or more. Errors: false and a reason without the file's
// name. Thread-safety: no shared state.
#include "runtime/npy.h"

// The array called `name` (the member NAME.npy). npy_close frees it.
bool npz_read(const char *path, const char *name, npy_array *out, strbuf *error);

#endif
