#include "driver/link.h"
#include "driver/options.h"
#include "driver/temporary.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Archives that belong behind libnlm.a; all of them lie in its folder.
static const char *const archive_names[] = {"libnlm.a", NULL};

static bool is_file(const char *path) {
  struct stat s;
  return !stat(path, &s) && S_ISREG(s.st_mode);
}

static bool find_archive(char *path, size_t n, const char *folder) {
  snprintf(path, n, "%s/%s", folder, archive_names[0]);
  return is_file(path);
}

const char *runtime_archive(void) {
  static char path[4096];
  char self[3000], folder[4000];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (n > 0) {
    self[n] = 0;
    char *slash = strrchr(self, '/');
    *slash = 0;
    // The build tree keeps nlmc in driver/ and the library in runtime/; an installation in bin/ and lib/.
    snprintf(folder, sizeof folder, "%s/../runtime", self);
    if (find_archive(path, sizeof path, folder))
      return path;
    snprintf(folder, sizeof folder, "%s/../lib", self);
    if (find_archive(path, sizeof path, folder))
      return path;
  }
  if (find_archive(path, sizeof path, NLM_LIBRARY_FOLDER))
    return path;
  fprintf(stderr, "nlmc: libnlm.a is neither beside nlmc nor in %s; install nlm as a whole\n",
          NLM_LIBRARY_FOLDER);
  return NULL;
}

// Runs a program and waits; its exit code, or -1 with errno when it cannot be started.
static int run_program(const char *const *argv) {
  int report[2];
  if (pipe(report))
    return -1;
  fflush(stdout);
  pid_t child = fork();
  if (child < 0) {
    close(report[0]);
    close(report[1]);
    return -1;
  }
  if (!child) {
    close(report[0]);
    // The pipe closes by itself when the program starts.
    if (fcntl(report[1], F_SETFD, FD_CLOEXEC) == 0)
      execvp(argv[0], (char *const *)argv);
    int error = errno;
    ssize_t ignored = write(report[1], &error, sizeof error);
    (void)ignored;
    _exit(127);
  }
  close(report[1]);
  int error = 0, status;
  ssize_t got;
  while ((got = read(report[0], &error, sizeof error)) < 0 && errno == EINTR) {
  }
  close(report[0]);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (got == (ssize_t)sizeof error) {
    errno = error;
    return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int fail_to_start(const char *program, const char *package) {
  fprintf(stderr,
          "nlmc: cannot start '%s' (%s), which this step needs; install it (Debian and Ubuntu: the package "
          "%s), or\n"
          "      use 'nlmc emit obj' and link on another machine\n",
          program, strerror(errno), package);
  return EXIT_WRONG_INPUT;
}

enum { MAX_WORDS = 32 };

typedef struct command_line {
  const char *words[MAX_WORDS];
  int n;
  char *split; // the words of CC
} command_line;

static void add_words(command_line *line, const char *const *words) {
  for (; *words && line->n + 1 < MAX_WORDS; words++)
    line->words[line->n++] = *words;
}

// CC may hold words of its own: "ccache gcc".
static void add_c_compiler(command_line *line) {
  const char *cc = getenv("CC");
  line->split = xstrdup(cc ? cc : "");
  char *rest = line->split;
  for (char *word; (word = strtok_r(rest, " \t", &rest)) && line->n < 8;)
    line->words[line->n++] = word;
  if (line->n == 0)
    line->words[line->n++] = "cc";
#ifdef NLM_LINK_FLAGS
  line->words[line->n++] = NLM_LINK_FLAGS; // what the runtime's own objects were built with
#endif
}

static int fail_to_write(const char *path) {
  fprintf(stderr, "nlmc: cannot write %s: %s\n", path, strerror(errno));
  return EXIT_WRONG_INPUT;
}

static int copy_to_stdout(const char *path) {
  char *bytes;
  size_t n;
  int failed = file_read_all(path, &bytes, &n);
  if (!failed) {
    failed = file_write_atomic("-", bytes, n);
    free(bytes);
  }
  errno = -failed;
  return failed ? fail_to_write("the result") : EXIT_DONE;
}

static int move_into_place(const char *temporary, const char *destination) {
  if (!strcmp(destination, "-"))
    return copy_to_stdout(temporary);
  int fd = open(temporary, O_RDONLY | O_CLOEXEC);
  bool stored = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0)
    close(fd);
  return stored && rename(temporary, destination) == 0 ? EXIT_DONE : fail_to_write(destination);
}

// Where the tool writes before its result is moved into place: beside it. forget_temporary releases it.
static char *temporary_for(const char *destination) {
  if (!strcmp(destination, "-"))
    return temporary_file("result");
  strbuf name = {0};
  strbuf_printf(&name, "%s.%ld.tmp", destination, (long)getpid());
  return name.data;
}

static void forget_temporary(char *temporary, const char *destination) {
  if (!strcmp(destination, "-"))
    temporary_remove(temporary);
  else
    free(temporary);
}

// Runs the tool, which writes to `temporary`, and moves the result into place.
static int run_to(command_line *line, const char *package, const char *temporary, const char *destination) {
  line->words[line->n] = NULL;
  int code = run_program(line->words);
  if (code < 0) {
    code = fail_to_start(line->words[0], package);
  } else if (code) {
    fprintf(stderr, "nlmc: '%s' ended with %d while making %s\n", line->words[0], code, destination);
    code = EXIT_WRONG_INPUT;
  } else {
    code = move_into_place(temporary, destination);
  }
  unlink(temporary);
  free(line->split);
  return code;
}

static char *write_main(const char *symbol) {
  char *path = temporary_file("main.c");
  if (!path)
    return NULL;
  FILE *f = fopen(path, "w");
  if (f)
    fprintf(f,
            "struct nlm_abi_model;\n"
            "extern const struct nlm_abi_model %s;\n"
            "int nlm_main(const struct nlm_abi_model *, int, char **);\n"
            "int main(int argc, char **argv) { return nlm_main(&%s, argc, argv); }\n",
            symbol, symbol);
  if (f && fclose(f) == 0)
    return path;
  fail_to_write(path);
  temporary_remove(path);
  return NULL;
}

int link_executable(const char *object, const char *symbol, const char *executable) {
  const char *archive = runtime_archive();
  char *main_file = archive ? write_main(symbol) : NULL;
  char *temporary = main_file ? temporary_for(executable) : NULL;
  int code = EXIT_WRONG_INPUT;
  if (temporary) {
    command_line line = {0};
    add_c_compiler(&line);
    add_words(&line, (const char *const[]){"-O1", main_file, object, archive, "-o", temporary,
                                           "-Wl,--gc-sections", "-pthread", "-ldl", "-lm", NULL});
    code = run_to(&line, "gcc", temporary, executable);
  }
  temporary_remove(main_file);
  if (temporary)
    forget_temporary(temporary, executable);
  return code;
}

int link_archive(const char *object, const char *archive) {
  char *temporary = temporary_for(archive);
  if (!temporary)
    return EXIT_WRONG_INPUT;
  unlink(temporary); // ar adds to what is there
  command_line line = {0};
  add_words(&line, (const char *const[]){"ar", "rcsD", temporary, object, NULL});
  int code = run_to(&line, "binutils", temporary, archive);
  forget_temporary(temporary, archive);
  return code;
}

int link_shared(const char *object, const char *library) {
  const char *archive = runtime_archive();
  char *temporary = archive ? temporary_for(library) : NULL;
  if (!temporary)
    return EXIT_WRONG_INPUT;
  command_line line = {0};
  add_c_compiler(&line);
  add_words(&line,
            (const char *const[]){"-shared", object, "-Wl,--whole-archive", archive, "-Wl,--no-whole-archive",
                                  "-o", temporary, "-pthread", "-ldl", "-lm", NULL});
  int code = run_to(&line, "gcc", temporary, library);
  forget_temporary(temporary, library);
  return code;
}
