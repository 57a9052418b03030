// npy_tool show FILE: shape and values of a .npy file on one line.
#include "runtime/npy.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  npy_array a;
  strbuf error = {0};
  if (argc != 3 || !npy_open(argv[2], &a, &error)) {
    fprintf(stderr, "npy_tool: %s\n", strbuf_text(&error));
    return 1;
  }
  double *values = malloc((a.count + 1) * sizeof *values);
  if (!values || !npy_to_f64(&a, values, &error))
    return 1;
  for (size_t k = 0; k < a.rank; k++)
    printf("%s%lld", k ? ", " : "[", (long long)a.shape[k]);
  printf("]");
  for (size_t k = 0; k < a.count; k++)
    printf(" %.17g", values[k]);
  printf("\n");
  free(values);
  npy_close(&a);
  strbuf_free(&error);
  return 0;
}
