#ifndef NLM_FRONTEND_RESOLVE_H
#define NLM_FRONTEND_RESOLVE_H
// From source files to L1 models: reads a file and what it includes, evaluates constants, resolves names by
// kind, instantiates blocks and cells, makes and applies layers, attaches train blocks. Everything the user
// did wrong goes to unit->diags with its place; one mistake is reported once, and what depends on it stays
// silent.
#include "ir/model.h"

typedef struct definition {
  const char *name, *text; // -D NAME=VALUE; the value is a literal as in a `const`
} definition;

typedef struct load_options {
  const definition *definitions;
  size_t definitions_count;
  // Train blocks are bound against these (model.training); NULL: they stay as they are written.
  const struct registries *registries;
} load_options;

// Fills unit->models in order of the source. "-" reads standard input. False when an error was reported (an
// unreadable file and an unknown -D name are errors too); only models without an error, their train blocks
// included, are there then. An included file gives its constants, blocks and cells; its models and train
// blocks are left out.
bool load_models(unit *u, const char *path, const load_options *options);
// Paths read, the given one first (for --depfile); owned by the unit.
size_t load_dependencies(const unit *u, const char *const **paths);
// Hash (hex SHA-256 or FNV-1a 64 over the texts read, in order), for weights files and `info`.
const char *load_source_hash(const unit *u);

#endif
