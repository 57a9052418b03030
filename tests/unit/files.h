#ifndef NLM_TESTS_UNIT_FILES_H
#define NLM_TESTS_UNIT_FILES_H
// A folder of its own for a test that needs files. Include after unit.h.
#include "runtime/data/problems.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_folder[512];

static inline int files_setup(void **state) {
  (void)state;
  const char *base = getenv("TMPDIR");
  snprintf(test_folder, sizeof test_folder, "%s/nlm-test-XXXXXX", base ? base : P_tmpdir);
  return mkdtemp(test_folder) ? 0 : 1;
}

static inline int files_remove(const char *path) {
  DIR *folder = opendir(path);
  if (!folder)
    return remove(path);
  int status = 0;
  for (struct dirent *e; (e = readdir(folder)) != NULL;) {
    char below[2048];
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
      continue;
    int length = snprintf(below, sizeof below, "%s/%s", path, e->d_name);
    status |= length >= (int)sizeof below || files_remove(below);
  }
  closedir(folder);
  return status | rmdir(path);
}

static inline int files_teardown(void **state) {
  (void)state;
  return files_remove(test_folder);
}

// The path of a file in the folder; valid until the eighth next call.
static inline const char *file_path(const char *name) {
  static char paths[8][1024];
  static unsigned next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", test_folder, name);
  return path;
}

// Writes a file, making the folders on its way.
static inline const char *file_put(const char *name, const void *bytes, size_t n) {
  const char *path = file_path(name);
  char folder[1024];
  for (const char *slash = strchr(path + strlen(test_folder) + 1, '/'); slash;
       slash = strchr(slash + 1, '/')) {
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    assert_true(mkdir(folder, 0777) == 0 || errno == EEXIST);
  }
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
  return path;
}

static inline const char *file_puts(const char *name, const char *text) {
  return file_put(name, text, strlen(text));
}

// The problems printed, with the test's folder cut from the names of files.
static inline void expect_problems(data_problems *p, const char *expected) {
  strbuf printed = {0}, cut = {0};
  data_problems_print(p, NULL, &printed);
  size_t n = strlen(test_folder);
  for (const char *at = strbuf_text(&printed); *at;) {
    if (!strncmp(at, test_folder, n))
      at += n + (at[n] == '/');
    else
      strbuf_putc(&cut, *at++);
  }
  assert_string_equal(strbuf_text(&cut), expected);
  strbuf_free(&printed);
  strbuf_free(&cut);
  data_problems_free(p);
}

// A small generator for mutations; every run sees the same ones.
static inline uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

// Overwrites, inserts, deletes or cuts at random places; `room` is the buffer's size.
static inline size_t mutate(unsigned char *bytes, size_t n, size_t room, uint32_t *random) {
  for (uint32_t k = 1 + next_random(random) % 4; k-- && n > 0;) {
    size_t at = next_random(random) % n;
    switch (next_random(random) % 5) {
    case 0:
      bytes[at] = (unsigned char)next_random(random);
      break;
    case 1: // a byte that parsers look at
      bytes[at] = (unsigned char)"\"\t\n,{}[]()':0919-\\\x80\xFF"[next_random(random) % 21];
      break;
    case 2:
      n = at;
      break;
    case 3:
      memmove(bytes + at, bytes + at + 1, n - at - 1);
      n--;
      break;
    default:
      if (n < room) {
        memmove(bytes + at + 1, bytes + at, n - at);
        n++;
      }
    }
  }
  return n;
}

#endif
