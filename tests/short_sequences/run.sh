#!/bin/sh
# usage: run.sh NLMC WORK_FOLDER
set -u
nlmc=$1 work=$2
rm -rf "$work" && mkdir -p "$work" && cd "$work" || exit 1

fail() {
  echo "short_sequences: $1" >&2
  exit 1
}

cat >short.nlm <<'END'
model short {
  input words: int[time]
  output y = words -> Embedding(9, 4) -> Conv1D(3, 5) -> GlobalMaxPooling1D() -> Dense(1)
}

train short {
  loss = mse
}
END
"$nlmc" build short.nlm -o short || fail "the model does not build"

# an int32 array (1, N) of ones as .npy
npy() { # FILE N
  header="{'descr': '<i4', 'fortran_order': False, 'shape': (1, $2), }"
  printf "\223NUMPY\001\000\166\000%-117s\n" "$header" >"$1"
  n=$2
  while [ "$n" -gt 0 ]; do
    printf '\001\000\000\000' >>"$1"
    n=$((n - 1))
  done
}
npy four.npy 4
npy five.npy 5
printf "\223NUMPY\001\000\166\000%-117s\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }" >y.npy
printf '\000\000\000\000' >>y.npy

./short train --input words=five.npy --target y=y.npy --epochs 1 --save weights.safetensors --quiet ||
  fail "five steps are enough for training"
./short predict --input words=five.npy --weights weights.safetensors >/dev/null || fail "five steps are enough"
./short train --input words=four.npy --target y=y.npy --epochs 1 --save other.safetensors --quiet 2>training &&
  fail "training took four steps"
grep -q "too short: layer 'conv1d' would make 0 steps" training || fail "training says: $(cat training)"
[ ! -e other.safetensors ] || fail "training saved weights"
./short predict --input words=four.npy --weights weights.safetensors >/dev/null 2>prediction &&
  fail "prediction took four steps"
grep -q "too short: layer 'conv1d' would make 0 steps" prediction || fail "prediction says: $(cat prediction)"
