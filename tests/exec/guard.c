#include "tests/exec/guard.h"
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char doing[300];

static void on_fault(int signal_number) {
  static const char intro[] = "out of bounds: ";
  (void)!write(STDOUT_FILENO, intro, sizeof intro - 1);
  (void)!write(STDOUT_FILENO, doing, strlen(doing));
  (void)!write(STDOUT_FILENO, "\n", 1);
  (void)signal_number;
  _exit(70);
}

void guard_doing(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(doing, sizeof doing, format, args);
  va_end(args);
  fflush(stdout);
  signal(SIGSEGV, on_fault);
  signal(SIGBUS, on_fault);
}

guarded guard_new(size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), middle = (bytes + page - 1) / page * page;
  guarded g = {.bytes = bytes, .mapped = middle + 2 * page};
  g.mapping = mmap(NULL, g.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (g.mapping == MAP_FAILED || (middle && mprotect(g.mapping + page, middle, PROT_READ | PROT_WRITE))) {
    perror("guarded memory");
    exit(1);
  }
  memset(g.mapping + page, 0xff, middle);
  g.data = g.mapping + page + middle - bytes;
  return g;
}

void guard_read_only(guarded *g) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  mprotect(g->mapping + page, g->mapped - 2 * page, PROT_READ);
}

bool guard_front_is_whole(const guarded *g) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (const char *c = g->mapping + page; c < g->data; c++)
    if ((unsigned char)*c != 0xff)
      return false;
  return true;
}

void guard_free(guarded *g) {
  munmap(g->mapping, g->mapped);
  *g = (guarded){0};
}
