#!/bin/sh
# Images of IDX files, packed or not, through a compiled model: numbers as they stand, labels from the file beside.
#
# usage: images.sh NLMC        (in an empty folder)
set -u
nlmc=$1

fail() {
  echo "failed: $1" >&2
  [ -f out ] && cat out >&2
  exit 1
}
run() { # WANTED_CODE WORDS...
  wanted=$1
  shift
  ./sides "$@" >out 2>&1
  found=$?
  [ "$found" -eq "$wanted" ] || fail "'$*' ended with $found, not $wanted"
}

cat >sides.nlm <<'MODEL'
model sides {
  input image: float[2, 2, 1]
  output side = image -> Rescaling(1 / 255) -> Conv2D(4, 2, activation = relu) -> Flatten()
    -> Dense(2, activation = softmax)
}
train sides {
  optimizer = Adam(learning_rate = 0.05)
  loss = sparse_categorical_crossentropy
  metrics = [accuracy]
  epochs = 60
  batch_size = 4
}
MODEL
"$nlmc" build sides.nlm -o sides >out 2>&1 || fail "nlmc build"

# Eight images of 2 x 2: the left column bright (label 4) or the right one (label 9).
printf '\000\000\010\003\000\000\000\010\000\000\000\002\000\000\000\002' >eight-images-idx3-ubyte
printf '\000\000\010\001\000\000\000\010' >eight-labels-idx1-ubyte
for level in 377 300 240 200; do
  printf "\\$level\\000\\$level\\010\\000\\$level\\020\\$level" >>eight-images-idx3-ubyte
  printf '\004\011' >>eight-labels-idx1-ubyte
done
run 0 train eight-images-idx3-ubyte --seed 1 --quiet
run 0 evaluate eight-images-idx3-ubyte --format json
grep -q '"accuracy": 1\b' out || fail "eight images are not learned"
cp out plain
mkdir -p packed
for file in eight-images-idx3-ubyte eight-labels-idx1-ubyte; do
  gzip -c $file >packed/$file.gz
done
run 0 evaluate packed/eight-images-idx3-ubyte.gz --format json
cmp -s plain out || fail "packed images differ"
run 0 check-data eight-images-idx3-ubyte
grep -qE ' 4 +50\.0%  9$' out || fail "no label 9 in half of the rows"
rm packed/eight-labels-idx1-ubyte.gz
run 1 evaluate packed/eight-images-idx3-ubyte.gz
grep -qF "the labels of packed/eight-images-idx3-ubyte.gz" out || fail "no message about missing labels"

# Prediction needs no labels.
for file in eight-images-idx3-ubyte packed/eight-images-idx3-ubyte.gz; do
  run 0 predict --input $file
  [ "$(cut -f 1 out | tr '\n' ' ')" = "4 9 4 9 4 9 4 9 " ] || fail "prediction from $file"
done
run 0 predict --input eight-images-idx3-ubyte --format npy --output arrays
[ -f arrays/side.npy ] || fail "no array of predictions"
head -c 30 eight-images-idx3-ubyte >short-images-idx3-ubyte
run 1 predict --input short-images-idx3-ubyte
grep -qF "short-images-idx3-ubyte: error: the file ends before the last row" out || fail "no message about a cut file"
run 1 predict --input eight-labels-idx1-ubyte
grep -qF "these are labels" out || fail "no message about labels in the place of images"

# A label that training did not know is told once.
printf '\000\000\010\001\000\000\000\010\004\011\007\007\007\011\004\005' >eight-labels-idx1-ubyte
run 1 evaluate eight-images-idx3-ubyte
[ "$(grep -c error: out)" -eq 2 ] || fail "two unknown labels are two messages"
grep -qF "label '7' is none of the 2 classes of 'side'" out || fail "no message about an unknown label"
