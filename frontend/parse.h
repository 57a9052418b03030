#ifndef NLM_FRONTEND_PARSE_H
#define NLM_FRONTEND_PARSE_H
// From text to syntax tree and back to canonical text. Thread-safe as long as arena and diagnostics are not
// shared.
#include "frontend/ast.h"
#include "support/diag.h"

// Parses a whole file. Mistakes are reported into `d` (several in one run, at most PARSE_MAX_ERRORS) and what
// could be read is in the tree; use it only if no error was added. Any bytes are safe. Never NULL. The source
// must outlive the tree.
ast_file *parse_source(arena *a, diags *d, const source *s);

enum { PARSE_MAX_ERRORS = 50 };

// The canonical layout of a file that was parsed without errors: two spaces a level, one statement a line,
// LF, the user's line breaks kept inside brackets and before `->`, comments kept, at most one empty line in a
// row. The tree of the result is the same, and formatting it again changes nothing.
void format_file(const ast_file *file, strbuf *out);

#endif
