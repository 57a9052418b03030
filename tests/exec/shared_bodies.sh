#!/bin/bash
# shared_bodies.sh NLMC: equal kernels share one body: a model of 60 layers has no more functions than one of 20, names of
# kernels stay those of the layers, and layers that differ do not share.
set -eu
nlmc=$1
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

functions() { # FILE: functions before optimisation count too: -O0
  "$nlmc" emit llvm -O0 --training "$1" -o - | grep -c '^define'
}

for kind in dense lstm residual elementwise; do
  bash "$here/layers.sh" $kind 20 >"$work/20.nlm"
  bash "$here/layers.sh" $kind 60 >"$work/60.nlm"
  few=$(functions "$work/20.nlm") many=$(functions "$work/60.nlm")
  echo "$kind: $few functions for 20 layers, $many for 60"
  # What does not repeat with period 1 (the 16 roots of a stage, three activations in turn) may add a few.
  [ "$many" -le $((few + few / 4)) ] || exit 1
done

printf 'model m {\n  input x: float[32]\n  output y = x -> Dense(32) -> Dense(32) -> Dense(32)\n}\n' >"$work/equal.nlm"
printf 'model m {\n  input x: float[32]\n  output y = x -> Dense(33) -> Dense(34) -> Dense(35)\n}\n' >"$work/other.nlm"
equal=$("$nlmc" emit llvm -O0 "$work/equal.nlm" -o - | grep -c '^define.*matmul"*(')
other=$("$nlmc" emit llvm -O0 "$work/other.nlm" -o - | grep -c '^define.*matmul"*(')
echo "products: $equal for equal layers, $other for others"
[ "$equal" -lt "$other" ] || exit 1
for layer in dense dense_1 dense_2; do
  "$nlmc" emit llvm "$work/equal.nlm" -o - | grep -q "c\"$layer.matmul" || {
    echo "no kernel is called $layer.matmul"
    exit 1
  }
done
