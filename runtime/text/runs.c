#include "runtime/text/runs.h"
#include "support/diag.h"
#include "support/spill.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

// A record of a run: length of the text, occurrences, documents, then the text.
typedef struct record_head {
  uint64_t all, documents;
  uint32_t bytes, unused;
} record_head;

enum { BUFFER = 1 << 16, MOST_OF_A_LEVEL = 16 };

static int by_bytes(const void *left, const void *right) {
  const counted_token *a = left, *b = right;
  size_t common = a->bytes < b->bytes ? a->bytes : b->bytes;
  int order = common ? memcmp(a->text, b->text, common) : 0;
  return order ? order : (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

// ---- writing

typedef struct run_writer {
  int file;
  size_t used;
  uint64_t written;
  char buffer[BUFFER];
} run_writer;

static void flush(run_writer *w) {
  spill_write(w->file, w->buffer, w->used);
  w->written += w->used;
  w->used = 0;
}

static void put(run_writer *w, const void *bytes, size_t n) {
  if (w->used + n > BUFFER)
    flush(w);
  if (n > BUFFER) {
    spill_write(w->file, bytes, n);
    w->written += n;
    return;
  }
  if (n)
    memcpy(w->buffer + w->used, bytes, n);
  w->used += n;
}

static void put_token(void *self, const counted_token *t) {
  record_head head = {t->all, t->documents, t->bytes, 0};
  put(self, &head, sizeof head);
  put(self, t->text, t->bytes);
}

static run_writer *begin_run(const token_runs *r) {
  run_writer *w = xmalloc(sizeof *w);
  w->file = r->file;
  w->used = 0;
  w->written = 0;
  return w;
}

static void end_run(token_runs *r, run_writer *w, unsigned level) {
  flush(w);
  token_run run = {r->bytes, r->bytes + w->written, level};
  vec_push(&r->runs, run);
  r->bytes = run.end;
  xfree(w);
}

// ---- merging

typedef struct run_reader {
  int file;
  uint64_t at, end; // what is not yet in the buffer
  char *buffer;
  size_t from, to, cap; // what of the buffer is not yet taken
  counted_token token;  // the next one
} run_reader;

// At least n bytes of what is left of the run into the buffer.
static void need(run_reader *r, size_t n) {
  if (r->to - r->from >= n)
    return;
  memmove(r->buffer, r->buffer + r->from, r->to - r->from);
  r->to -= r->from;
  r->from = 0;
  if (n > r->cap) {
    r->cap = n;
    r->buffer = xrealloc(r->buffer, r->cap);
  }
  while (r->to < n) {
    uint64_t left = r->end - r->at;
    size_t room = r->cap - r->to;
    ssize_t got = pread(r->file, r->buffer + r->to, left < room ? (size_t)left : room, (off_t)r->at);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      ICE("a run of tokens cannot be read: %s", got ? strerror(errno) : "it is too short");
    r->to += (size_t)got;
    r->at += (uint64_t)got;
  }
}

// False at the end of the run.
static bool next_token(run_reader *r) {
  record_head head;
  if (r->from == r->to && r->at == r->end)
    return false;
  need(r, sizeof head);
  memcpy(&head, r->buffer + r->from, sizeof head);
  r->from += sizeof head;
  need(r, head.bytes);
  r->token = (counted_token){r->buffer + r->from, head.bytes, head.all, head.documents};
  r->from += head.bytes;
  return true;
}

// Puts the reader at `root` where it belongs in a heap with the least token on top.
static void sift(run_reader **heap, size_t count, size_t root) {
  for (;;) {
    size_t least = root, child = 2 * root + 1;
    for (size_t k = child; k < child + 2 && k < count; k++)
      if (by_bytes(&heap[k]->token, &heap[least]->token) < 0)
        least = k;
    if (least == root)
      return;
    run_reader *held = heap[root];
    heap[root] = heap[least];
    heap[least] = held;
    root = least;
  }
}

static void merge(run_reader **heap, size_t count, token_sink *each, void *self) {
  counted_token sum = {0};
  VEC(char) text = {0};
  while (count) {
    counted_token next = heap[0]->token;
    if (sum.text && by_bytes(&sum, &next) == 0) {
      sum.all += next.all;
      sum.documents += next.documents;
    } else {
      if (sum.text)
        each(self, &sum);
      vec_reserve(&text, next.bytes + 1);
      if (next.bytes)
        memcpy(text.data, next.text, next.bytes);
      sum = next;
      sum.text = text.data;
    }
    if (!next_token(heap[0]))
      heap[0] = heap[--count];
    sift(heap, count, 0);
  }
  if (sum.text)
    each(self, &sum);
  vec_free(&text);
}

static void merge_runs(int file, const token_run *runs, size_t n, token_sink *each, void *self) {
  size_t count = 0;
  run_reader *readers = xcalloc(n + 1, sizeof *readers), **heap = xcalloc(n + 1, sizeof *heap);
  for (size_t k = 0; k < n; k++) {
    readers[k] = (run_reader){
        .file = file, .at = runs[k].start, .end = runs[k].end, .buffer = xmalloc(BUFFER), .cap = BUFFER};
    if (next_token(&readers[k]))
      heap[count++] = &readers[k];
  }
  for (size_t k = count; k-- > 0;)
    sift(heap, count, k);
  merge(heap, count, each, self);
  for (size_t k = 0; k < n; k++)
    xfree(readers[k].buffer);
  xfree(readers);
  xfree(heap);
}

// ---- the whole

void token_runs_merge(const token_runs *r, token_sink *each, void *self) {
  merge_runs(r->file, r->runs.data, r->runs.len, each, self);
}

// Merges the last runs while they are MOST_OF_A_LEVEL of one level.
static void merge_levels(token_runs *r) {
  for (;;) {
    size_t n = r->runs.len;
    unsigned level = r->runs.data[n - 1].level;
    if (n < MOST_OF_A_LEVEL || r->runs.data[n - MOST_OF_A_LEVEL].level != level)
      return;
    run_writer *w = begin_run(r);
    merge_runs(r->file, r->runs.data + n - MOST_OF_A_LEVEL, MOST_OF_A_LEVEL, put_token, w);
    r->runs.len -= MOST_OF_A_LEVEL;
    end_run(r, w, level + 1);
  }
}

void token_runs_sort(counted_token *tokens, size_t count) {
  if (count)
    qsort(tokens, count, sizeof *tokens, by_bytes);
}

void token_runs_add(token_runs *r, const counted_token *tokens, size_t count) {
  if (!r->runs.len)
    r->file = spill_file();
  run_writer *w = begin_run(r);
  for (size_t k = 0; k < count; k++)
    put_token(w, &tokens[k]);
  end_run(r, w, 0);
  merge_levels(r);
}

void token_runs_free(token_runs *r) {
  if (r->runs.len)
    close(r->file);
  vec_free(&r->runs);
}
