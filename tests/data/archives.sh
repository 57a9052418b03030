#!/bin/sh
# Tensors in a .npz file as DATA: of training, of validation, of evaluation, and looked at by check-data.
set -u
nlmc=$1 failures=0
rm -rf ./*
fail() {
  echo "FAILED: $1"
  cat out 2>/dev/null
  failures=$((failures + 1))
}
run() {
  wanted=$1
  shift
  ./steps "$@" >out 2>&1
  status=$?
  [ "$status" -eq "$wanted" ] || fail "steps $* ended with $status, not $wanted"
}
# little COUNT NUMBER: a number of COUNT bytes, the least first.
little() {
  count=$1 number=$2
  while [ "$count" -gt 0 ]; do
    printf "\\$(printf %03o $((number & 255)))"
    count=$((count - 1)) number=$((number >> 8))
  done
}
# npy FILE TYPE SHAPE NUMBERS...: of one byte each
npy() {
  file=$1 header="{'descr': '|$2', 'fortran_order': False, 'shape': ($3), }"
  shift 3
  {
    printf '\223NUMPY\001\000'
    little 2 118
    printf '%-117s\n' "$header"
    for number in "$@"; do little 1 "$number"; done
  } >"$file"
}
# member NAME LOCAL: what a ZIP file says of a stored member, in the local header (1) or in the directory (0).
member() {
  size=$(($(wc -c <"$1")))
  [ "$2" -eq 1 ] && printf 'PK\003\004' || { printf 'PK\001\002' && little 2 20; }
  little 2 20 && little 4 0 && little 4 0
  gzip -c "$1" | tail -c 8 | head -c 4 # the same checksum
  little 4 $size && little 4 $size && little 2 ${#1} && little 2 0
  [ "$2" -eq 1 ] || { little 4 0 && little 4 0 && little 2 0 && little 4 "$3"; }
  printf %s "$1"
}
# archive FILE.npz MEMBERS...
archive() {
  result=$1
  shift
  : >"$result"
  : >directory
  for name in "$@"; do
    member "$name" 0 $(($(wc -c <"$result"))) >>directory
    { member "$name" 1 && cat "$name"; } >>"$result"
  done
  {
    printf 'PK\005\006' && little 4 0 && little 2 $# && little 2 $#
    little 4 $(($(wc -c <directory))) && little 4 $(($(wc -c <"$result"))) && little 2 0
  } >end
  cat directory end >>"$result"
}

cat >steps.nlm <<'END2'
model steps {
  input ids: int[time]
  output tag = ids -> Embedding(5, 2, mask_zero = true) -> Dense(3, activation = softmax)
}
train {
  loss       = sparse_categorical_crossentropy
  epochs     = 2
  batch_size = 2
}
END2
"$nlmc" build steps.nlm -O0 || fail 'building'
npy ids.npy u1 '3, 2' 1 0 2 3 4 1
npy tag.npy u1 '3, 2' 0 0 1 2 1 1
archive rows.npz ids.npy tag.npy
run 0 train rows.npz --validation rows.npz --learning-rate 0 --no-shuffle --log log.csv
awk -F, 'NR == 1 { for (k = 1; k <= NF; k++) at[$k] = k }
  NR == 2 && $at["loss"] == $at["val_loss"] && $at["loss"] > 0 { same = 1 } END { exit !same }' log.csv ||
  fail "the loss of the same rows differs: $(cat log.csv)"
run 0 evaluate rows.npz
run 0 check-data rows.npz --validation rows.npz
grep -qF 'rows.npz: 3 rows, 0 problems' out || fail 'rows'
for line in 'labels of tag: 3' '3   50.0%  1' '2   33.3%  0' '1   16.7%  2'; do
  [ "$(grep -cF "$line" out)" -eq 2 ] || fail "check-data should say twice: $line"
done
npy tag.npy u1 '2, 2' 0 0 1 2
archive short.npz ids.npy tag.npy
archive inputs.npz ids.npy
run 1 train rows.npz --validation short.npz
grep -qF short.npz out || fail 'a problem of validation data names its file'
run 1 check-data short.npz
run 1 check-data inputs.npz
grep -qF 'inputs.npz: 0 rows, 1 problems' out || fail 'a tensor is missing'
npy ids.npy u1 '2, 2' 1 0 2 9
archive high.npz ids.npy tag.npy
run 1 train rows.npz --validation high.npz
grep -qF high.npz out || fail 'an id that is out of range names the file'
run 1 train ids.npy
grep -qF 'a NumPy file is given by name: --input NAME=ids.npy' out || fail 'a single tensor is no DATA'
mv rows.npz rows.zip
run 1 train rows.zip
grep -qF 'rows.zip: error: a ZIP archive' out || fail 'an archive of another name'

# What 32 bits cannot hold would be infinite.
printf 'model big { input x: float[1] output y = x -> Dense(1) } train { loss = mse }\n' >big.nlm
"$nlmc" build big.nlm -O0 || fail 'building'
printf '{"x": [2], "y": 1}\n{"x": [1e300], "y": 1}\n{"x": [2], "y": -1e39}\n' >big.jsonl
./big train big.jsonl >out 2>&1 && fail 'numbers that are too large'
grep -qF "big.jsonl:2: error: 'x' is 1.0000000000000001e+300, too large for a 32-bit float" out || fail 'a large input'
grep -qF "big.jsonl:3: error: 'y' is -9.9999999999999994e+38, too large" out || fail 'a large target'
npy y.npy u1 2, 0 1
{ head -c 128 y.npy | sed 's/|u1/<f8/' && little 8 0 && printf '\234\165\000\210\074\344\067\176'; } >x.npy # 1e300
./big train --input x=x.npy --target y=y.npy >out 2>&1 && fail 'a tensor of numbers that are too large'
grep -qF "x.npy: error: 'x': row 1 holds 1.0000000000000001e+300, which is too large for a 32-bit float" out ||
  fail 'a large number of a tensor'

# Weights in the loss come beside the archive, or from the train block alone.
npy x.npy u1 '2, 1' 1 2
npy y.npy u1 '2, 1' 0 1
npy w.npy u1 2, 1 3
archive xy.npz x.npy y.npy
for setting in 'weighted_metrics = [mae]' 'sample_weight = true' 'class_weight = {0: 1, 1: 2}'; do
  loss=mse activation=
  case $setting in class*) loss=binary_crossentropy activation=', activation = sigmoid' ;; esac
  printf 'model weighed { input x: float[1] output y = x -> Dense(1%s) } train { loss = %s %s epochs = 1 }\n' \
    "$activation" "$loss" "$setting" >weighed.nlm
  "$nlmc" build weighed.nlm -O0 || fail "building with $setting"
  ./weighed train xy.npz >out 2>&1 || fail "an archive with $setting"
  ./weighed evaluate xy.npz >out 2>&1 || fail "evaluating an archive with $setting"
  ./weighed check-data xy.npz >out 2>&1 || fail "looking at an archive with $setting"
  case $setting in
  sample*) ./weighed train xy.npz --sample-weight w.npy >out 2>&1 || fail 'weights beside an archive' ;;
  esac
done
[ "$failures" -eq 0 ]
