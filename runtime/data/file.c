#include "runtime/data/format.h"
#include "support/spill.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 1 << 18 };

// A file as it comes, and what became of it.
typedef struct file_reader {
  int fd;
  unsigned char *block;
  size_t bytes;   // in the block; 0: the file has ended
  VEC(char) text; // of support/spill.h
  strbuf *error;
} file_reader;

static bool is_gzip(const unsigned char *bytes, size_t n) {
  return n >= 3 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

static bool fail(file_reader *f, const char *reason) {
  strbuf_puts(f->error, reason);
  return false;
}

// Fills the block behind its first `kept` bytes.
static bool fill(file_reader *f, size_t kept) {
  f->bytes = kept;
  while (f->bytes < BLOCK) {
    ssize_t got = read(f->fd, f->block + f->bytes, BLOCK - f->bytes);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fail(f, strerror(errno));
    if (got == 0)
      break;
    f->bytes += (size_t)got;
  }
  return true;
}

static void keep(file_reader *f, const void *bytes, size_t n) {
  spill_reserve(&f->text, f->text.len + n + 1);
  if (n)
    memcpy(f->text.data + f->text.len, bytes, n);
  f->text.len += n;
  spill_touched(n);
}

// What is left of the file, behind the block that was read already.
static bool copy(file_reader *f) {
  struct stat st;
  bool more = f->bytes == BLOCK;
  if (more && fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
    spill_reserve(&f->text, (size_t)st.st_size + BLOCK + 1);
  keep(f, f->block, f->bytes);
  while (more) {
    spill_reserve(&f->text, f->text.len + BLOCK + 1);
    ssize_t got = read(f->fd, f->text.data + f->text.len, BLOCK);
    if (got < 0 && errno != EINTR)
      return fail(f, strerror(errno));
    more = got != 0;
    f->text.len += got < 0 ? 0 : (size_t)got;
    spill_touched(got < 0 ? 0 : (size_t)got);
  }
  return true;
}

// Behind the end of a member: whether another one begins there.
static bool next_member(file_reader *f, z_stream *z) {
  memmove(f->block, z->next_in, z->avail_in);
  if (!fill(f, z->avail_in))
    return false;
  z->next_in = f->block;
  z->avail_in = (unsigned)f->bytes;
  return is_gzip(f->block, f->bytes) && inflateReset(z) == Z_OK;
}

// Unpacks all members of a gzip file; bytes that are no gzip member end it, as with gunzip.
static bool unpack_into(file_reader *f, z_stream *z, unsigned char *chunk) {
  z->next_in = f->block;
  z->avail_in = (unsigned)f->bytes;
  for (;;) {
    if (z->avail_in == 0) {
      if (!fill(f, 0))
        return false;
      z->next_in = f->block;
      z->avail_in = (unsigned)f->bytes;
    }
    z->next_out = chunk;
    z->avail_out = BLOCK;
    int status = inflate(z, Z_NO_FLUSH);
    keep(f, chunk, BLOCK - z->avail_out);
    if (status == Z_STREAM_END && !next_member(f, z))
      return !f->error->len;
    if (status != Z_OK && status != Z_STREAM_END)
      return fail(f, f->bytes ? "the gzip file is damaged" : "the gzip file ends too early");
  }
}

static bool unpack(file_reader *f) {
  z_stream z = {0};
  if (inflateInit2(&z, 15 + 16) != Z_OK)
    return fail(f, "zlib does not start");
  unsigned char *chunk = xmalloc(BLOCK);
  bool fine = unpack_into(f, &z, chunk);
  xfree(chunk);
  inflateEnd(&z);
  return fine;
}

bool data_file_read(const char *path, char **out, size_t *bytes, strbuf *error) {
  int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
  file_reader f = {.fd = fd, .error = error};
  if (fd < 0)
    return fail(&f, strerror(errno));
  f.block = xmalloc(BLOCK);
  bool fine = fill(&f, 0) && (is_gzip(f.block, f.bytes) ? unpack(&f) : copy(&f));
  xfree(f.block);
  if (fd != STDIN_FILENO)
    close(fd);
  if (!fine) {
    spill_vec_free(&f.text);
    return false;
  }
  keep(&f, "", 1);
  *out = f.text.data;
  *bytes = f.text.len - 1;
  return true;
}

bool path_has_extension(const char *path, const char *extension) {
  size_t n = strlen(path), e = strlen(extension);
  if (n > 3 && !strcasecmp(path + n - 3, ".gz"))
    n -= 3;
  return n > e && !strncasecmp(path + n - e, extension, e);
}
