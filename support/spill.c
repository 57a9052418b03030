#define _GNU_SOURCE // O_TMPFILE
#include "support/spill.h"
#include "support/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FULL_DISK_EXIT = 1, ASK_EVERY = 64 };

typedef struct piece {
  char *data;
  size_t bytes;
  int file; // -1: in memory
} piece;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t limit = (size_t)1 << 30;
static size_t held; // bytes of pieces in memory
static piece *pieces;
static size_t pieces_count, pieces_cap;
static atomic_size_t touched;
atomic_bool spill_is_mapped;

bool spill_set_limit(const char *text) {
  char *end;
  errno = 0;
  unsigned long long number = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
  if (!number || errno)
    return false;
  static const char units[] = "KMGT";
  const char *unit = *end ? strchr(units, *end) : NULL;
  unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
  if ((*end && !unit) || (unit && end[1]) || number > SIZE_MAX >> shift)
    return false;
  limit = (size_t)number << shift;
  return true;
}

size_t spill_limit(void) {
  return limit;
}

// ---- files

static const char *folder(void) {
  const char *named = getenv("TMPDIR");
  return named && *named ? named : "/var/tmp";
}

static void fail(const char *what) {
  fprintf(
      stderr,
      "error: %s in %s: %s; data beyond %zu bytes of memory (NLM_DATA_MEMORY) goes there, or to the folder "
      "that TMPDIR names\n",
      what, folder(), strerror(errno), limit);
  exit(FULL_DISK_EXIT);
}

static int open_named(void) {
  char name[4096];
  if (snprintf(name, sizeof name, "%s/nlm-XXXXXX", folder()) >= (int)sizeof name) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int file = mkstemp(name);
  if (file >= 0)
    unlink(name);
  return file;
}

int spill_file(void) {
  int file = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0)
    file = open_named();
  if (file < 0)
    fail("no temporary file can be made");
  return file;
}

void spill_write(int file, const void *bytes, size_t n) {
  for (const char *at = bytes; n > 0;) {
    ssize_t put = write(file, at, n);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      fail("a temporary file cannot be written");
    at += put;
    n -= (size_t)put;
  }
}

// ---- pieces; all below with the lock held

static size_t counted_from(void) {
  size_t part = limit / 16;
  return part > 1u << 20 ? 1u << 20 : part < 4096 ? 4096 : part;
}

static piece *find(const void *data) {
  for (size_t k = pieces_count; k-- > 0;) // recent ones first
    if (pieces[k].data == data)
      return &pieces[k];
  return NULL;
}

static piece *add_piece(void) {
  if (pieces_count == pieces_cap) {
    pieces_cap = pieces_cap ? pieces_cap * 2 : 32;
    pieces = xrealloc(pieces, pieces_cap * sizeof *pieces);
  }
  pieces[pieces_count] = (piece){NULL, 0, -1};
  return &pieces[pieces_count++];
}

// Blocks of the disk are taken before they are mapped: a full disk is an error here and no signal later.
static void map(piece *p, size_t bytes) {
  if (p->data)
    munmap(p->data, p->bytes);
  errno = bytes > p->bytes ? posix_fallocate(p->file, (off_t)p->bytes, (off_t)(bytes - p->bytes)) : 0;
  if (errno || (bytes < p->bytes && ftruncate(p->file, (off_t)bytes)))
    fail("a temporary file cannot grow");
  p->data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, p->file, 0);
  p->bytes = bytes;
  if (p->data == MAP_FAILED)
    fail("a temporary file cannot be mapped");
}

static void *move_to_file(piece *p, void *old, size_t old_bytes, size_t bytes) {
  piece fresh = {NULL, 0, spill_file()};
  map(&fresh, bytes);
  if (old)
    memcpy(fresh.data, old, old_bytes < bytes ? old_bytes : bytes);
  xfree(old);
  held -= p ? p->bytes : 0;
  *(p ? p : add_piece()) = fresh;
  atomic_store(&spill_is_mapped, true);
  return fresh.data;
}

static void *stay_in_memory(piece *p, void *old, size_t bytes) {
  void *data = xrealloc(old, bytes);
  bool counts = bytes >= counted_from();
  held -= p ? p->bytes : 0;
  if (!p && counts)
    p = add_piece();
  if (p) { // a counted one that shrinks stays counted
    *p = (piece){data, bytes, -1};
    held += bytes;
  }
  return data;
}

static void *resize(void *old, size_t old_bytes, size_t bytes) {
  piece *p = old ? find(old) : NULL;
  if (p && p->file >= 0) {
    if (bytes != p->bytes)
      map(p, bytes);
    return p->data;
  }
  size_t others = held - (p ? p->bytes : 0);
  bool spills = bytes >= counted_from() && others + bytes > limit / 2;
  return spills ? move_to_file(p, old, old_bytes, bytes) : stay_in_memory(p, old, bytes);
}

void *spill_realloc(void *old, size_t old_bytes, size_t bytes) {
  pthread_mutex_lock(&lock);
  void *data = resize(old, old_bytes, bytes ? bytes : 1);
  pthread_mutex_unlock(&lock);
  return data;
}

void *spill_alloc(size_t bytes) {
  return spill_realloc(NULL, 0, bytes);
}

void *spill_zeros(size_t bytes) {
  char *data = spill_alloc(bytes);
  enum { STEP = 1 << 20 };
  for (size_t at = 0; at < bytes; at += STEP) {
    memset(data + at, 0, bytes - at < STEP ? bytes - at : STEP);
    spill_touched(STEP);
  }
  return data;
}

void spill_free(void *memory) {
  if (!memory)
    return;
  pthread_mutex_lock(&lock);
  piece *p = find(memory);
  if (p && p->file >= 0) {
    munmap(p->data, p->bytes);
    close(p->file);
  } else {
    held -= p ? p->bytes : 0;
    xfree(memory);
  }
  if (p)
    *p = pieces[--pieces_count];
  if (!pieces_count) {
    xfree(pieces);
    pieces = NULL;
    pieces_cap = 0;
  }
  pthread_mutex_unlock(&lock);
}

bool spill_holds(const void *memory) {
  if (!atomic_load(&spill_is_mapped))
    return false;
  pthread_mutex_lock(&lock);
  const piece *p = find(memory);
  bool held_in_file = p && p->file >= 0;
  pthread_mutex_unlock(&lock);
  return held_in_file;
}

void spill_expect(const void *part, size_t bytes) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)part & ~(page - 1);
  if (bytes)
    madvise((void *)first, (uintptr_t)part + bytes - first, MADV_WILLNEED);
}

// Bytes of files that the process has resident, 0 where the system does not tell.
static size_t resident_of_files(void) {
  FILE *f = fopen("/proc/self/statm", "r");
  size_t all, resident, files = 0;
  if (f && fscanf(f, "%zu %zu %zu", &all, &resident, &files) != 3)
    files = 0;
  if (f)
    fclose(f);
  return files * (size_t)sysconf(_SC_PAGESIZE);
}

static void let_mapped_go(void) {
  for (size_t k = 0; k < pieces_count; k++)
    if (pieces[k].file >= 0)
      madvise(pieces[k].data, pieces[k].bytes, MADV_DONTNEED);
}

// A page that is touched brings its neighbours along, so what counts is what the system says is resident; the
// bytes that were told only say when to ask.
void spill_let_go(size_t bytes) {
  static size_t told, others; // under the lock: since the last time; resident files that are no pieces
  if (atomic_fetch_add(&touched, bytes) + bytes < limit / ASK_EVERY)
    return;
  pthread_mutex_lock(&lock);
  told += atomic_exchange(&touched, 0);
  size_t resident = resident_of_files();
  if (told >= limit / 4 || resident > others + limit / 4) {
    let_mapped_go();
    others = resident_of_files();
    told = 0;
  }
  pthread_mutex_unlock(&lock);
}
