#include "runtime/npz.h"
#include "support/arena.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// The central directory stands at the archive's end; only what it says of a member is used.
typedef struct archive {
  unsigned char *bytes;
  size_t n;
  size_t at, left; // the next entry of the directory, and how many are to come
} archive;

typedef struct member {
  const char *name; // not NUL-terminated
  size_t name_bytes;
  unsigned flags, method;
  uint32_t crc;
  size_t packed, unpacked, header; // bytes; place of the local header
} member;

enum { END_BYTES = 22, ENTRY_BYTES = 46, LOCAL_BYTES = 30, STORED = 0, DEFLATED = 8, ENCRYPTED = 1 };

static unsigned get16(const unsigned char *at) {
  return (unsigned)at[0] | (unsigned)at[1] << 8;
}

static uint32_t get32(const unsigned char *at) {
  return get16(at) | (uint32_t)get16(at + 2) << 16;
}

static uint64_t get64(const unsigned char *at) {
  return get32(at) | (uint64_t)get32(at + 4) << 32;
}

// The end record: the last place where its signature stands and its comment fills the rest of the file.
static const unsigned char *end_record(const archive *z) {
  for (size_t back = END_BYTES; back <= z->n && back <= END_BYTES + UINT16_MAX; back++) {
    const unsigned char *at = z->bytes + z->n - back;
    if (get32(at) == 0x06054B50 && get16(at + 20) == back - END_BYTES)
      return at;
  }
  return NULL;
}

static bool archive_open(archive *z, const char *path, strbuf *error) {
  char *bytes;
  *z = (archive){0};
  int status = file_read_all(path, &bytes, &z->n);
  if (status < 0) {
    strbuf_puts(error, strerror(-status));
    return false;
  }
  z->bytes = (unsigned char *)bytes;
  const unsigned char *end = end_record(z);
  if (end) {
    z->left = get16(end + 10);
    z->at = get32(end + 16);
  }
  if (end && z->at <= (size_t)(end - z->bytes) && z->left != UINT16_MAX && !get16(end + 4))
    return true;
  strbuf_puts(error, end ? "a ZIP archive of a form that is not read (several disks, or 64-bit)"
                         : "no .npz file (a ZIP archive), or its end is missing");
  free(bytes);
  return false;
}

// Sizes that do not fit 32 bits, or that a writer reserved room for, stand in an extra field of their own.
static void take_long_sizes(const unsigned char *extra, size_t n, member *m) {
  while (n >= 4) {
    size_t bytes = get16(extra + 2);
    if (bytes > n - 4)
      return;
    if (get16(extra) == 1) {
      const unsigned char *at = extra + 4, *end = at + bytes;
      size_t *fields[] = {&m->unpacked, &m->packed, &m->header};
      for (size_t i = 0; i < 3 && end - at >= 8; i++)
        if (*fields[i] == UINT32_MAX) {
          *fields[i] = get64(at);
          at += 8;
        }
    }
    extra += 4 + bytes;
    n -= 4 + bytes;
  }
}

// The directory's next member. False at its end, or after an error.
static bool next_member(archive *z, member *m, strbuf *error) {
  if (!z->left)
    return false;
  z->left--;
  const unsigned char *at = z->bytes + z->at;
  size_t room = z->n - z->at, variable = 0;
  if (room >= ENTRY_BYTES)
    variable = (size_t)get16(at + 28) + get16(at + 30) + get16(at + 32);
  if (room < ENTRY_BYTES || get32(at) != 0x02014B50 || variable > room - ENTRY_BYTES) {
    strbuf_puts(error, "the archive's directory is damaged");
    z->left = 0;
    return false;
  }
  *m = (member){.name = (const char *)at + ENTRY_BYTES,
                .name_bytes = get16(at + 28),
                .flags = get16(at + 8),
                .method = get16(at + 10),
                .crc = get32(at + 16),
                .packed = get32(at + 20),
                .unpacked = get32(at + 24),
                .header = get32(at + 42)};
  take_long_sizes(at + ENTRY_BYTES + m->name_bytes, get16(at + 30), m);
  z->at += ENTRY_BYTES + variable;
  return true;
}

// Bytes of the name without ".npy"; 0 if it is another file.
static size_t array_name(const member *m) {
  bool npy = m->name_bytes > 4 && !memcmp(m->name + m->name_bytes - 4, ".npy", 4);
  return npy && !memchr(m->name, 0, m->name_bytes) ? m->name_bytes - 4 : 0;
}

// A deflated member is at most some thousand times as long as its packed form, so a small file claims no
// large memory.
static bool inflate_member(const unsigned char *packed, const member *m, unsigned char *out) {
  z_stream s = {0};
  if (m->packed > UINT32_MAX || m->unpacked > UINT32_MAX || m->unpacked / 1100 > m->packed + 1 ||
      inflateInit2(&s, -15) != Z_OK)
    return false;
  s.next_in = (unsigned char *)(uintptr_t)packed;
  s.avail_in = (unsigned)m->packed;
  s.next_out = out;
  s.avail_out = (unsigned)m->unpacked;
  int status = inflate(&s, Z_FINISH);
  bool whole = status == Z_STREAM_END && s.avail_out == 0;
  inflateEnd(&s);
  return whole;
}

static const char *unpack_member(const archive *z, const member *m, unsigned char **out) {
  *out = NULL;
  if (m->flags & ENCRYPTED)
    return "it is encrypted";
  if (m->method != STORED && m->method != DEFLATED)
    return "it is packed by another method than deflate";
  if (m->header > z->n || z->n - m->header < LOCAL_BYTES)
    return "the archive is damaged";
  const unsigned char *local = z->bytes + m->header;
  size_t start = LOCAL_BYTES + (size_t)get16(local + 26) + get16(local + 28), room = z->n - m->header;
  bool fits = get32(local) == 0x04034B50 && start <= room && m->packed <= room - start;
  if (!fits || (m->method == STORED ? m->packed != m->unpacked : m->unpacked / 1100 > m->packed + 1))
    return "the archive is damaged";
  *out = xmalloc(m->unpacked + 1);
  bool whole = true;
  if (m->method == STORED)
    memcpy(*out, local + start, m->unpacked);
  else
    whole = inflate_member(local + start, m, *out);
  if (!whole || crc32_z(0, *out, m->unpacked) != m->crc) {
    free(*out);
    *out = NULL;
    return "its bytes are damaged";
  }
  return NULL;
}

static bool find_member(archive *z, const char *name, member *m, strbuf *error) {
  strbuf others = {0};
  size_t n = strlen(name);
  bool found = false;
  while (!found && next_member(z, m, error)) {
    size_t bytes = array_name(m);
    found = bytes == n && !memcmp(m->name, name, n);
    if (bytes && bytes < 200)
      strbuf_printf(&others, "%s%.*s", others.len ? ", " : "", (int)bytes, m->name);
  }
  if (!found && !error->len)
    strbuf_printf(error, "there is no array '%s' in it; it holds %s", name,
                  others.len ? strbuf_text(&others) : "none");
  strbuf_free(&others);
  return found;
}

bool npz_read(const char *path, const char *name, npy_array *out, strbuf *error) {
  archive z;
  member m;
  *out = (npy_array){0};
  if (!archive_open(&z, path, error))
    return false;
  unsigned char *bytes = NULL;
  bool found = find_member(&z, name, &m, error);
  const char *reason = found ? unpack_member(&z, &m, &bytes) : NULL;
  free(z.bytes);
  if (reason)
    strbuf_printf(error, "array '%s': %s", name, reason);
  if (!found || reason)
    return false;
  if (!npy_parse(bytes, m.unpacked, out, error)) {
    free(bytes);
    *out = (npy_array){0};
    return false;
  }
  out->owned = bytes;
  return true;
}
