// A host application with functions of its own that bear names of what libnlm is made of.
#include "imdb.h"
#include <stdio.h>

int json_loads(int x);
int inflate(int x);
int arena_new(int x);
int weights_open(int x);
int json_loads(int x) {
  return x;
}
int inflate(int x) {
  return x;
}
int arena_new(int x) {
  return x;
}
int weights_open(int x) {
  return x;
}

int main(void) {
  nlm_model *model;
  nlm_status status = nlm_open(&nlm_model_imdb, NULL, &model);
  printf("%s %d\n", nlm_error_text(status), json_loads(0) + inflate(0) + arena_new(0) + weights_open(0));
  nlm_close(model);
  return status != NLM_OK;
}
