#include "tests/runtime/tiny_model.h"

int main(int argc, char **argv) {
  return nlm_main(&nlm_model_tiny, argc, argv);
}
