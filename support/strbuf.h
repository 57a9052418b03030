#ifndef NLM_SUPPORT_STRBUF_H
#define NLM_SUPPORT_STRBUF_H
// A growable byte string; `data` is always NUL-terminated once anything was added (and "" from strbuf_text).
#include <stdarg.h>
#include <stddef.h>

typedef struct strbuf {
  char *data;
  size_t len, cap;
} strbuf;

void strbuf_add(strbuf *b, const char *bytes, size_t n);
void strbuf_puts(strbuf *b, const char *text);
void strbuf_putc(strbuf *b, char c);
void strbuf_printf(strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(strbuf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
const char *strbuf_text(const strbuf *b); // never NULL
void strbuf_free(strbuf *b);

// Reads a whole file ("-" is standard input) or returns a negative errno; *out is malloc'ed, NUL-terminated.
int file_read_all(const char *path, char **out, size_t *out_bytes);
// Writes through a temporary file in the same folder, syncs, renames: the old file stays whole on any error.
// "-" writes to standard output. Returns 0 or a negative errno.
int file_write_atomic(const char *path, const void *bytes, size_t n);
// The same of several pieces, one behind another.
typedef struct file_part {
  const void *bytes;
  size_t n;
} file_part;
int file_write_parts(const char *path, const file_part *parts, size_t count);

#endif
