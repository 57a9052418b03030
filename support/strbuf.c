#include "support/strbuf.h"
#include "support/arena.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void reserve(strbuf *b, size_t more) {
  size_t needed = b->len + more + 1;
  if (needed <= b->cap)
    return;
  size_t cap = b->cap ? b->cap * 2 : 64;
  b->cap = cap < needed ? needed : cap;
  b->data = xrealloc(b->data, b->cap);
}

void strbuf_add(strbuf *b, const char *bytes, size_t n) {
  reserve(b, n);
  if (n)
    memcpy(b->data + b->len, bytes, n);
  b->len += n;
  b->data[b->len] = '\0';
}

void strbuf_puts(strbuf *b, const char *text) {
  strbuf_add(b, text, strlen(text));
}

void strbuf_putc(strbuf *b, char c) {
  strbuf_add(b, &c, 1);
}

void strbuf_vprintf(strbuf *b, const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length < 0)
    return;
  reserve(b, (size_t)length);
  vsnprintf(b->data + b->len, (size_t)length + 1, format, args);
  b->len += (size_t)length;
}

void strbuf_printf(strbuf *b, const char *format, ...) {
  va_list args;
  va_start(args, format);
  strbuf_vprintf(b, format, args);
  va_end(args);
}

const char *strbuf_text(const strbuf *b) {
  return b->data ? b->data : "";
}

void strbuf_free(strbuf *b) {
  xfree(b->data);
  *b = (strbuf){0};
}

static int read_fd(int fd, strbuf *content) {
  char part[65536];
  for (;;) {
    ssize_t got = read(fd, part, sizeof part);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -errno;
    if (got == 0)
      return 0;
    strbuf_add(content, part, (size_t)got);
  }
}

int file_read_all(const char *path, char **out, size_t *out_bytes) {
  int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  strbuf content = {0};
  strbuf_add(&content, "", 0);
  int status = read_fd(fd, &content);
  if (fd != STDIN_FILENO)
    close(fd);
  if (status < 0) {
    strbuf_free(&content);
    return status;
  }
  *out = content.data;
  *out_bytes = content.len;
  return 0;
}

static int write_fd(int fd, const char *bytes, size_t n) {
  while (n > 0) {
    ssize_t put = write(fd, bytes, n);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return -errno;
    bytes += put;
    n -= (size_t)put;
  }
  return 0;
}

static int write_parts(int fd, const file_part *parts, size_t count) {
  int status = 0;
  for (size_t k = 0; k < count && status == 0; k++)
    status = write_fd(fd, parts[k].bytes, parts[k].n);
  return status;
}

// The permissions of the file that is replaced, or those a new file gets.
static mode_t final_mode(const char *path) {
  struct stat info;
  if (stat(path, &info) == 0)
    return info.st_mode & 07777;
  mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

static void sync_folder_of(const char *path) {
  char *folder = xstrdup(path);
  char *slash = strrchr(folder, '/');
  if (slash)
    slash[slash == folder] = '\0';
  int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    (void)fsync(fd); // some file systems refuse this for folders; the file's content is safe already
    close(fd);
  }
  xfree(folder);
}

static int replace_file(const char *path, const file_part *parts, size_t count) {
  strbuf name = {0};
  strbuf_printf(&name, "%s.XXXXXX", path);
  int fd = mkstemp(name.data);
  if (fd < 0) {
    int error = errno;
    strbuf_free(&name);
    return -error;
  }
  int status = write_parts(fd, parts, count);
  if (status == 0 && (fchmod(fd, final_mode(path)) != 0 || fsync(fd) != 0))
    status = -errno;
  if (close(fd) != 0 && status == 0)
    status = -errno;
  if (status == 0 && rename(name.data, path) != 0)
    status = -errno;
  if (status < 0)
    unlink(name.data);
  else
    sync_folder_of(path);
  strbuf_free(&name);
  return status;
}

int file_write_atomic(const char *path, const void *bytes, size_t n) {
  return file_write_parts(path, &(file_part){bytes, n}, 1);
}

int file_write_parts(const char *path, const file_part *parts, size_t count) {
  if (strcmp(path, "-") == 0) {
    fflush(stdout);
    return write_parts(STDOUT_FILENO, parts, count);
  }
  struct stat info;
  if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
      return -errno;
    int status = write_parts(fd, parts, count);
    close(fd);
    return status;
  }
  char *target = realpath(path, NULL); // a symbolic link stays one: the file behind it is replaced
  int status = replace_file(target ? target : path, parts, count);
  free(target);
  return status;
}
