#include "runtime/data/format.h"
#include <string.h>
#include <strings.h>
#include <zlib.h>

static bool is_gzip(const unsigned char *bytes, size_t n) {
  return n >= 3 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

// Unpacks all members of a gzip file; bytes that are no gzip member end it, as with gunzip.
static bool unpack(const unsigned char *packed, size_t n, char **out, size_t *bytes, strbuf *error) {
  enum { CHUNK = 1 << 18 };
  strbuf text = {0};
  char *chunk = xmalloc(CHUNK);
  z_stream z = {0};
  bool fine = inflateInit2(&z, 15 + 16) == Z_OK;
  size_t at = 0;
  bool done = false;
  while (fine && !done) {
    if (z.avail_in == 0 && at < n) {
      z.next_in = (unsigned char *)(uintptr_t)(packed + at);
      z.avail_in = n - at > 1u << 30 ? 1u << 30 : (unsigned)(n - at);
      at += z.avail_in;
    }
    z.next_out = (unsigned char *)chunk;
    z.avail_out = CHUNK;
    int status = inflate(&z, Z_NO_FLUSH);
    strbuf_add(&text, chunk, CHUNK - z.avail_out);
    if (status == Z_STREAM_END) {
      const unsigned char *rest = packed + at - z.avail_in;
      done = !is_gzip(rest, n - (size_t)(rest - packed)) || inflateReset(&z) != Z_OK;
    } else if (status != Z_OK) {
      strbuf_puts(error,
                  z.avail_in == 0 && at >= n ? "the gzip file ends too early" : "the gzip file is damaged");
      fine = false;
    }
  }
  inflateEnd(&z);
  free(chunk);
  if (!fine) {
    strbuf_free(&text);
    return false;
  }
  *bytes = text.len;
  *out = text.data ? text.data : xcalloc(1, 1);
  return true;
}

bool data_file_read(const char *path, char **out, size_t *bytes, strbuf *error) {
  int status = file_read_all(path, out, bytes);
  if (status < 0) {
    strbuf_puts(error, strerror(-status));
    return false;
  }
  if (!is_gzip((const unsigned char *)*out, *bytes))
    return true;
  char *packed = *out;
  bool fine = unpack((const unsigned char *)packed, *bytes, out, bytes, error);
  free(packed);
  return fine;
}

bool path_has_extension(const char *path, const char *extension) {
  size_t n = strlen(path), e = strlen(extension);
  if (n > 3 && !strcasecmp(path + n - 3, ".gz"))
    n -= 3;
  return n > e && !strncasecmp(path + n - e, extension, e);
}
