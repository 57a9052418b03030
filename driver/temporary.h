#ifndef NLM_DRIVER_TEMPORARY_H
#define NLM_DRIVER_TEMPORARY_H
// Files that live for one step of the compiler.

// Makes an empty file of this name ("imdb.o") in a new folder inside the folder TMPDIR, or the system's own;
// tools that write names of files into their results so write the same one each time. NULL after a message.
char *temporary_file(const char *name);
// Removes the file, if it is still there, and its folder, and frees the path. NULL is allowed.
void temporary_remove(char *path);

#endif
