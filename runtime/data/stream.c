#include "runtime/data/stream.h"
#include "support/arena.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 1 << 16 };

struct line_stream {
  int fd;
  bool started, ended, failed;
  bool gzip, inside_member;
  z_stream z;
  unsigned char input[BLOCK];  // as read, for gzip
  unsigned char output[BLOCK]; // unpacked
  char *text;                  // [at, end) is not yet given out
  size_t at, end, cap;
};

line_stream *line_stream_open(const char *path, strbuf *error) {
  int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
  if (fd < 0) {
    strbuf_puts(error, strerror(errno));
    return NULL;
  }
  line_stream *s = xcalloc(1, sizeof *s);
  s->fd = fd;
  s->cap = BLOCK;
  s->text = xmalloc(s->cap);
  return s;
}

void line_stream_close(line_stream *s) {
  if (!s)
    return;
  if (s->gzip)
    inflateEnd(&s->z);
  if (s->fd != STDIN_FILENO)
    close(s->fd);
  free(s->text);
  free(s);
}

static bool fail(line_stream *s, strbuf *error, const char *reason) {
  strbuf_puts(error, reason);
  s->failed = s->ended = true;
  return false;
}

static void keep(line_stream *s, const unsigned char *bytes, size_t n) {
  if (s->at) { // what was given out makes room
    memmove(s->text, s->text + s->at, s->end - s->at);
    s->end -= s->at;
    s->at = 0;
  }
  if (s->end + n > s->cap) {
    s->cap = (s->end + n) * 2;
    s->text = xrealloc(s->text, s->cap);
  }
  memcpy(s->text + s->end, bytes, n);
  s->end += n;
}

// Unpacks what was read; a new member may begin anywhere.
static bool unpack(line_stream *s, size_t n, strbuf *error) {
  s->z.next_in = s->input;
  s->z.avail_in = (unsigned)n;
  do {
    s->z.next_out = s->output;
    s->z.avail_out = BLOCK;
    int status = inflate(&s->z, Z_NO_FLUSH);
    keep(s, s->output, BLOCK - s->z.avail_out);
    s->inside_member = status != Z_STREAM_END;
    if (status == Z_STREAM_END && s->z.avail_in)
      status = inflateReset(&s->z);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
      return fail(s, error, "the gzip file is damaged");
  } while (s->z.avail_in || s->z.avail_out == 0);
  if (!s->inside_member)
    inflateReset(&s->z);
  return true;
}

static ssize_t read_some(line_stream *s, size_t from) {
  ssize_t n;
  do
    n = read(s->fd, s->input + from, BLOCK - from);
  while (n < 0 && errno == EINTR);
  return n;
}

// The first bytes say whether it is gzip.
static bool begin(line_stream *s, size_t *n, strbuf *error) {
  while (*n < 3 && s->input[0] == 0x1F) {
    ssize_t more = read_some(s, *n);
    if (more < 0)
      return fail(s, error, strerror(errno));
    if (more == 0)
      break;
    *n += (size_t)more;
  }
  s->gzip = *n >= 3 && s->input[0] == 0x1F && s->input[1] == 0x8B;
  if (s->gzip && inflateInit2(&s->z, 15 + 16) != Z_OK) {
    s->gzip = false;
    return fail(s, error, "zlib does not start");
  }
  return true;
}

// Reads one more block; sets `ended` at the end. False after an error.
static bool fill(line_stream *s, strbuf *error) {
  ssize_t got = read_some(s, 0);
  if (got < 0)
    return fail(s, error, strerror(errno));
  size_t n = (size_t)got;
  if (n == 0) {
    s->ended = true;
    return s->gzip && s->inside_member ? fail(s, error, "the gzip file ends too early") : true;
  }
  if (!s->started && !begin(s, &n, error))
    return false;
  s->started = true;
  if (s->gzip)
    return unpack(s, n, error);
  keep(s, s->input, n);
  return true;
}

// Finds the line that begins `skip` bytes on, reading on as needed. Filling moves the text, so places are
// counted from `at`: the line's text ends before *end, the next line begins at *next.
static bool find_line(line_stream *s, size_t skip, size_t *end, size_t *next, strbuf *error) {
  for (size_t searched = skip;;) {
    size_t there = s->end - s->at;
    const char *text = s->text + s->at;
    const char *newline = searched < there ? memchr(text + searched, '\n', there - searched) : NULL;
    if (newline || s->ended) {
      *end = newline ? (size_t)(newline - text) : there;
      *next = newline ? *end + 1 : there;
      bool found = newline || there > skip;
      if (newline && *end > skip && text[*end - 1] == '\r')
        --*end;
      return found && !s->failed;
    }
    searched = there;
    if (!fill(s, error))
      return false;
  }
}

bool line_stream_next(line_stream *s, char **line, size_t *bytes, strbuf *error) {
  size_t end, next;
  if (!find_line(s, 0, &end, &next, error))
    return false;
  *line = s->text + s->at;
  *bytes = end;
  s->at += next;
  return true;
}

bool line_stream_peek(line_stream *s, char **line, size_t *bytes, strbuf *error) {
  size_t skip = 0, end, next;
  while (find_line(s, skip, &end, &next, error)) {
    const char *text = s->text + s->at;
    size_t k = skip;
    while (k < end && (text[k] == ' ' || (text[k] >= '\t' && text[k] <= '\r')))
      k++;
    if (k < end) {
      *line = s->text + s->at + k;
      *bytes = end - k;
      return true;
    }
    skip = next;
  }
  return false;
}

bool line_stream_ready(line_stream *s) {
  if (s->ended || (s->at < s->end && memchr(s->text + s->at, '\n', s->end - s->at)))
    return true;
  struct pollfd wait = {.fd = s->fd, .events = POLLIN};
  return poll(&wait, 1, 0) > 0;
}
