#include "driver/link.h"
#include "driver/options.h"
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
    *slash =
        0; // the build tree keeps nlmc in driver/ and the library in runtime/; an installation bin/ and lib/
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
  pid_t child = fork();
  if (child < 0)
    return -1;
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
  ssize_t got = read(report[0], &error, sizeof error);
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

static const char *c_compiler(void) {
  const char *cc = getenv("CC");
  return cc && *cc && !strchr(cc, ' ') ? cc : "cc";
}

// Runs the tool, which writes to `temporary`, and moves the result into place.
static int run_to(const char *const *argv, const char *package, const char *temporary,
                  const char *destination) {
  int code = run_program(argv);
  if (code < 0) {
    unlink(temporary);
    return fail_to_start(argv[0], package);
  }
  if (code) {
    unlink(temporary);
    fprintf(stderr, "nlmc: '%s' ended with %d while making %s\n", argv[0], code, destination);
    return EXIT_WRONG_INPUT;
  }
  if (rename(temporary, destination)) {
    fprintf(stderr, "nlmc: cannot write %s: %s\n", destination, strerror(errno));
    unlink(temporary);
    return EXIT_WRONG_INPUT;
  }
  return EXIT_DONE;
}

static char *temporary_beside(const char *path) {
  size_t n = strlen(path) + 32;
  char *name = xmalloc(n);
  snprintf(name, n, "%s.%ld.tmp", path, (long)getpid());
  return name;
}

static char *write_main(const char *symbol) {
  char *path = xstrdup("/tmp/nlmc-XXXXXX.c");
  int fd = mkstemps(path, 2);
  FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
  if (!f) {
    perror("nlmc: cannot make a temporary file");
    free(path);
    return NULL;
  }
  fprintf(f,
          "struct nlm_abi_model;\n"
          "extern const struct nlm_abi_model %s;\n"
          "int nlm_main(const struct nlm_abi_model *, int, char **);\n"
          "int main(int argc, char **argv) { return nlm_main(&%s, argc, argv); }\n",
          symbol, symbol);
  fclose(f);
  return path;
}

int link_executable(const char *object, const char *symbol, const char *executable) {
  const char *archive = runtime_archive();
  char *main_file = archive ? write_main(symbol) : NULL;
  if (!main_file)
    return EXIT_WRONG_INPUT;
  char *temporary = temporary_beside(executable);
  const char *argv[] = {c_compiler(),        "-O1",      main_file, object, archive, "-o", temporary,
                        "-Wl,--gc-sections", "-pthread", "-ldl",    "-lm",  NULL};
  int code = run_to(argv, "gcc", temporary, executable);
  unlink(main_file);
  free(main_file);
  free(temporary);
  return code;
}

int link_archive(const char *object, const char *archive) {
  char *temporary = temporary_beside(archive);
  const char *argv[] = {"ar", "rcs", temporary, object, NULL};
  int code = run_to(argv, "binutils", temporary, archive);
  free(temporary);
  return code;
}

int link_shared(const char *object, const char *library) {
  const char *archive = runtime_archive();
  if (!archive)
    return EXIT_WRONG_INPUT;
  char *temporary = temporary_beside(library);
  const char *argv[] = {c_compiler(), "-shared",
                        object,       "-Wl,--whole-archive",
                        archive,      "-Wl,--no-whole-archive",
                        "-o",         temporary,
                        "-pthread",   "-ldl",
                        "-lm",        NULL};
  int code = run_to(argv, "gcc", temporary, library);
  free(temporary);
  return code;
}
