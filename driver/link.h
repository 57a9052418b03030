#ifndef NLM_DRIVER_LINK_H
#define NLM_DRIVER_LINK_H
// The last step, done by the system's C compiler and archiver. All return EXIT_DONE or EXIT_WRONG_INPUT after
// a message; results appear whole or not at all.

// An executable around a compiled model: its main is the runtime's.
int link_executable(const char *object, const char *symbol, const char *executable);
int link_archive(const char *object, const char *archive); // a static library of the object alone
int link_shared(const char *object, const char *library);  // a shared library with the runtime inside
// The folder with libnlm.a: beside the compiler (build tree or installed), or NULL after a message.
const char *runtime_archive(void);

#endif
