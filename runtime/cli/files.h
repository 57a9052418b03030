#ifndef NLM_RUNTIME_CLI_FILES_H
#define NLM_RUNTIME_CLI_FILES_H
// What a command reads and what it is to write. A result never replaces a file that was read, nor this
// program, nor another result: commands name all their files here and ask before anything is read. Files are
// compared by device and inode; one that does not exist yet by those of its folder, and its name. What is no
// regular file (a terminal, /dev/null) may serve any number of times. One thread.
#include "nlm/abi.h"
#include "support/vec.h"
#include <stdbool.h>

typedef struct command_file {
  const char *path;
  const char *remedy; // of a result: "with --save", which ends the sentence "name another file ..."
  bool is_weights;    // of this training: what it goes on from and what it saves may be one file
} command_file;

typedef struct command_files { // zero: none; owns the paths, borrows the remedies
  VEC(command_file) read, written;
} command_files;

// A file or a folder of classes; "-" is standard input, NULL nothing. Beside images of an IDX file the labels
// are read too.
void command_files_read(command_files *f, const char *path, bool is_weights);
// A result; NULL and "-" are nothing.
void command_files_write(command_files *f, const char *path, const char *remedy, bool is_weights);
// False after a message on stderr: the command returns EXIT_WRONG_USAGE.
bool command_files_apart(const command_files *f, const struct nlm_abi_model *model);
void command_files_free(command_files *f);

#endif
