#ifndef NLM_SUPPORT_DIAG_H
#define NLM_SUPPORT_DIAG_H
// Collected diagnostics: errors and warnings with a place, notes and a likely fix, printed as text with
// carets or as JSON (the format of docs/interface: severity, file, line, column, end_line, end_column,
// message, help, notes). Several errors are reported in one run, sorted by place, duplicates dropped.
#include "support/source.h"
#include "support/strbuf.h"
#include <stdbool.h>

typedef enum { DIAG_ERROR, DIAG_WARNING } diag_severity;
typedef struct diags diags;
typedef struct diag diag; // one diagnostic, owned by its collection

diags *diags_new(void);
void diags_free(diags *d);

diag *diag_error(diags *d, span at, const char *format, ...) __attribute__((format(printf, 3, 4)));
diag *diag_warning(diags *d, span at, const char *format, ...) __attribute__((format(printf, 3, 4)));
// Adds "note: …" at another place, or the likely fix ("help: …"). `on` may be NULL (nothing happens).
void diag_note(diag *on, span at, const char *format, ...) __attribute__((format(printf, 3, 4)));
void diag_help(diag *on, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t diags_errors(const diags *d);
size_t diags_warnings(const diags *d);
void diags_print_text(diags *d, strbuf *out, bool color);
void diags_print_json(diags *d, strbuf *out);

// A defect of ours: prints "internal error: …" with file and line of the compiler and exits with 70.
_Noreturn void internal_error(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define ICE(...) internal_error(__FILE__, __LINE__, __VA_ARGS__)
#define INVARIANT(cond)                                                                                      \
  do {                                                                                                       \
    if (!(cond))                                                                                             \
      ICE("violated: %s", #cond);                                                                            \
  } while (0)

#endif
