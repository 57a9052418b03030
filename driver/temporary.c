#include "driver/temporary.h"
#include "support/strbuf.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *temporary_file(const char *name) {
  const char *variable = getenv("TMPDIR"), *folder = variable && *variable ? variable : P_tmpdir;
  strbuf path = {0};
  strbuf_printf(&path, "%s/nlmc-XXXXXX", folder);
  bool made = mkdtemp(path.data) != NULL;
  size_t inside = path.len;
  strbuf_printf(&path, "/%s", name);
  int fd = made ? open(path.data, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600) : -1;
  if (fd < 0) {
    fprintf(stderr, "nlmc: cannot make a temporary file in %s: %s\n", folder, strerror(errno));
    path.data[inside] = 0;
    if (made)
      rmdir(path.data);
    strbuf_free(&path);
    return NULL;
  }
  close(fd);
  return path.data;
}

void temporary_remove(char *path) {
  if (!path)
    return;
  unlink(path);
  *strrchr(path, '/') = 0;
  rmdir(path);
  free(path);
}
