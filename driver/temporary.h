#ifndef NLM_DRIVER_TEMPORARY_H
#define NLM_DRIVER_TEMPORARY_H
// Files that live for one step of the compiler.

// Makes an empty file with this suffix (".o") in the folder TMPDIR, or the system's own. The caller unlinks
// it and frees the path. NULL after a message.
char *temporary_file(const char *suffix);

#endif
