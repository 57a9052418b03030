#!/bin/sh
# The same bits for any number of threads, and for the same command twice; another seed gives others.
. "$(dirname "$0")/data.sh"

for threads in 1 2 7; do
  expect 0 train train.tsv --validation test.tsv --save "t$threads.safetensors" --threads "$threads" --seed 5
done
same t1.safetensors t2.safetensors
same t1.safetensors t7.safetensors
expect 0 train train.tsv --validation test.tsv --save again.safetensors --threads 2 --seed 5
same t1.safetensors again.safetensors
expect 0 train train.tsv --validation test.tsv --save other.safetensors --threads 2 --seed 6
cmp -s t1.safetensors other.safetensors && fail "the seed changes nothing"
exit 0
