#include "driver/temporary.h"
#include "support/strbuf.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *temporary_file(const char *suffix) {
  const char *folder = getenv("TMPDIR");
  strbuf path = {0};
  strbuf_printf(&path, "%s/nlmc-XXXXXX%s", folder && *folder ? folder : P_tmpdir, suffix);
  int fd = mkstemps(path.data, (int)strlen(suffix));
  if (fd < 0) {
    fprintf(stderr, "nlmc: cannot make a temporary file in %s: %s\n", folder && *folder ? folder : P_tmpdir,
            strerror(errno));
    strbuf_free(&path);
    return NULL;
  }
  close(fd);
  return path.data;
}
