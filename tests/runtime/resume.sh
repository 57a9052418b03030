#!/bin/sh
# An interrupted training goes on to the same bits; so does --weights where nothing but weights matters.
. "$(dirname "$0")/data.sh"

expect 0 train train.tsv --validation test.tsv --save whole.safetensors --log whole.csv --epochs 6
expect 0 train train.tsv --validation test.tsv --save parts.safetensors --log parts.csv --epochs 2
expect 0 train train.tsv --validation test.tsv --save parts.safetensors --log parts.csv --epochs 6 --resume
says "Epoch 3/6"
same whole.safetensors parts.safetensors
same whole.safetensors.checkpoint parts.safetensors.checkpoint
same whole.csv parts.csv
expect 0 train train.tsv --validation test.tsv --save parts.safetensors --epochs 6 --resume
says "6 epochs are done already"
same whole.safetensors parts.safetensors
expect 0 train train.tsv --validation test.tsv --save fresh.safetensors --epochs 1 --resume
says "training begins at the beginning"
expect 1 train train.tsv --save parts.safetensors --resume --seed 9
says "was made with --seed 0"

# --weights keeps vocabulary and classes
expect 0 train train.tsv --weights whole.safetensors --save more.safetensors --epochs 1
says "Epoch 1/1"
head -c 20 whole.safetensors >cut.safetensors
expect 1 train train.tsv --weights cut.safetensors --save more.safetensors
says "cut.safetensors"

# --init-from takes what fits and says so
expect 0 train test.tsv --init-from whole.safetensors --save init.safetensors --epochs 1
says "took dense/kernel"
says "rows, by word)"
says "took 3 of 3 tensors"
expect 0 train test.tsv --init-from whole.safetensors --only dense --save init.safetensors --epochs 1
says "left embedding/embeddings: not asked for"
expect 1 train test.tsv --init-from whole.safetensors --only dens --save init.safetensors
says "no layer 'dens'"
