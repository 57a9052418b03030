#ifndef NLM_SUPPORT_INTERN_H
#define NLM_SUPPORT_INTERN_H
// Interned strings and "did you mean".
#include <stdbool.h>
#include <stddef.h>

typedef struct strtab strtab;
strtab *strtab_new(void);
void strtab_free(strtab *t);
const char *strtab_intern(strtab *t, const char *text, size_t bytes); // equal texts give equal pointers

// The candidate nearest to `word` by edit distance (case-insensitive, transpositions count once), or NULL if
// none is near enough to be a likely slip. Ties go to the earlier candidate.
const char *suggest(const char *word, const char *const *candidates, size_t count);

// Whether `word` is `name`, or a short name (at most 4 letters) in capitals: "MSE" for "mse". NULL names
// nothing.
bool names_it(const char *name, const char *word);

#endif
