// The command line of a hand-written model with its weights inside: hand_main mood|mood_fixed|mood_f64|tagger
// COMMAND...
#include "hand_model.h"
#include "nlm/abi.h"
#include <string.h>

int main(int argc, char **argv) {
  strbuf image = {0};
  int code = 2;
  for (int k = 0; k < HAND_MODELS && argc > 1; k++) {
    if (strcmp(hand_model((hand_kind)k)->name, argv[1]))
      continue;
    hand_image((hand_kind)k, 0, &image);
    hand_embed((hand_kind)k, &image);
    code = nlm_main(hand_model((hand_kind)k), argc - 1, argv + 1);
  }
  strbuf_free(&image);
  return code;
}
