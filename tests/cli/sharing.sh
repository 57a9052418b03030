#!/bin/sh
# Values that are used again and again: a chain in which each value is used twice has 2^48 paths, and is compiled in
# time that grows with its length; one value may be any number of outputs, and their mask too.
. "$2/tests/cli/checks.inc"
rm -rf ./*
{
  printf 'model shared {\n  input x: float[3]\n  input ids: int[time]\n  a0 = x + 0\n'
  k=0
  while [ $k -lt 48 ]; do
    printf '  a%d = a%d * 0.5 + abs(a%d) * 0.5\n' $((k + 1)) $k $k
    k=$((k + 1))
  done
  printf '  e = ids -> Embedding(4, 1, mask_zero = true, embeddings_initializer = "ones")\n'
  k=0
  while [ $k -lt 20 ]; do
    printf '  output y%d = a48\n  output z%d = e + %d\n' $k $k $k
    k=$((k + 1))
  done
  printf '  output top = maximum(a0, a1, a2, a3, a4, a5, a6, a7, a8 + 1, a9, a10, a11)\n'
  printf '}\ntrain { loss = {y0: mse} }\n'
} >shared.nlm
expect 0 emit kernels shared.nlm --training
expect 0 build shared.nlm -O0 -o shared
printf '{"x": [1, 2, 4], "ids": [3, 0], "y0": [1, 2, 4]}\n' >rows.jsonl
./shared train rows.jsonl --learning-rate 0 --quiet || fail 'training'
./shared evaluate rows.jsonl --format json >out || fail 'evaluation'
says out '"loss": 0'
./shared predict --input rows.jsonl --format json >out || fail 'prediction'
says out '"top": {"values": [2, 3, 5]}'
for k in 0 9 19; do
  says out "\"y$k\": {\"values\": [1, 2, 4]}"
  says out "\"z$k\": {\"values\": [[$((k + 1))], [$((k + 1))]]}"
done
finish
