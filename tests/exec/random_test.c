// Random nets: compiled code beside the interpreter. random_test FIRST COUNT [f32]: seeds FIRST, FIRST + 1,
// ...
#include "tests/exec/random_net.h"
#include "tests/exec/trial.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_seed(uint64_t seed, const trial_setting *how, bool show) {
  char title[40];
  strbuf text = {0};
  subject s;
  snprintf(title, sizeof title, "net %d", (int)seed);
  random_net(seed, 2 + (int)(seed % 19), &text);
  if (show)
    puts(strbuf_text(&text));
  trial_setting setting = *how;
  int failed = subject_open(&s, title, strbuf_text(&text), "loss = mse") ? trial_check(&s, &setting) : 1;
  if (failed)
    printf("---- %s\n%s", title, strbuf_text(&text));
  fflush(stdout);
  subject_close(&s);
  strbuf_free(&text);
  return failed != 0;
}

int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  bool f64 = argc < 4 || strcmp(argv[3], "f32") != 0;
  // Chains of saturated recurrences make roundings grow: f64 shows the meaning, f32 that it stays near.
  trial_setting how = {.f64 = f64,
                       .weigh_outputs = true,
                       .kinds = KIND_INFER | KIND_GRAD,
                       .opt_level = f64 ? 0 : 2,
                       .tolerance = f64 ? 1e-9 : 5e-3,
                       .two = pool_new(2),
                       .seven = pool_new(7)};
  int failed = 0;
  for (long seed = atol(argv[1]), end = seed + atol(argv[2]); seed < end; seed++)
    failed += check_seed((uint64_t)seed, &how, atol(argv[2]) == 1);
  pool_free(how.two);
  pool_free(how.seven);
  printf("%d failed\n", failed);
  return failed != 0;
}
