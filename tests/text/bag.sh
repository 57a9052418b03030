#!/bin/sh
# Products with bags of words: no vector as wide as the vocabulary is made, and training and predictions are what they
# are with such vectors (without the pass).
#
# usage: bag.sh NLMC COMPARE WORK_FOLDER
set -u
nlmc=$1 compare=$2 work=$3
give_up() {
  echo "bag.sh: $1" >&2
  exit 1
}
rm -rf "$work" && mkdir -p "$work" && cd "$work" || exit 1
cat >bag.nlm <<'END'
model bag {
  input review: text
  input tags: int[4]
  a = review -> TextVectorization(300, output_mode = tf_idf, ngrams = 2) -> Dense(3, activation = tanh)
  b = tags -> CategoryEncoding(200) -> Dense(3)
  c = tags -> CategoryEncoding(200, output_mode = count) -> Dense(3)
  output label = a + b + c -> Dense(1, activation = sigmoid)
}
train bag {
  loss       = binary_crossentropy
  optimizer  = Adam(learning_rate = 0.02)
  epochs     = 7
  batch_size = 3
  seed       = 5
}
END
cat >rows.jsonl <<'END'
{"review": "a fine film, a fine cast", "tags": [3, 3, 7, 199], "label": "pos"}
{"review": "dull dull dull", "tags": [0, 1, 2, 3], "label": "neg"}
{"review": "the cast is fine", "tags": [7, 7, 7, 7], "label": "pos"}
{"review": "", "tags": [5, 6, 5, 6], "label": "neg"}
{"review": "fine? no. dull plot", "tags": [198, 0, 198, 1], "label": "neg"}
END
"$nlmc" build bag.nlm -o with --dtype f64 && "$nlmc" build bag.nlm -o without --dtype f64 --disable-pass bag || give_up "no build"
for which in with without; do
  ./$which train rows.jsonl --save $which.safetensors --quiet || give_up "$which: no training"
  ./$which predict --input rows.jsonl --weights $which.safetensors --format npy --output $which.out || give_up "no prediction"
done
"$compare" tensors with.safetensors without.safetensors 1e-10 || give_up "training differs"
"$compare" arrays with.out/label.npy without.out/label.npy 1e-10 || give_up "predictions differ"
"$nlmc" emit kernels bag.nlm --training >with.txt && "$nlmc" emit kernels bag.nlm --training --disable-pass bag >without.txt ||
  give_up "no kernels"
grep -q 'one_hot' with.txt && give_up "a bag of words is made into vectors"
grep -q 'one_hot' without.txt || give_up "without the pass there are no vectors either: the test shows nothing"
exit 0
