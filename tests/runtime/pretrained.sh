#!/bin/sh
# Word vectors from a text file, by word.
. "$(dirname "$0")/data.sh"

printf '3 3\nfine 1 2 3\nfilm 0.5 -0.5 1e-1\nunheard 9 9 9\n' >words.vec
expect 0 train train.tsv --pretrained embedding=words.vec --learning-rate 0 --epochs 1
says "embedding/embeddings: 2 of "
says "words ("
expect 0 info --export embedding=out.vec
grep -q '^fine 1 2 3 *$' out.vec || fail "the row of 'fine' is not the file's"
grep -q '^dull 0 0 0 *$' out.vec || fail "a word that is not in the file has no zeros"
printf 'fine 1 2\n' >short.vec
expect 1 train train.tsv --pretrained embedding=short.vec
says "short.vec:1: a word and 3 numbers are needed"
printf 'fine 1 x 3\n' >letters.vec
expect 1 train train.tsv --pretrained embedding=letters.vec
says "letters.vec:1: 'x' is no number"
expect 1 train train.tsv --pretrained embeding=words.vec
says "no layer 'embeding'"
# A file of wider vectors is not one of words with spaces.
printf 'fine 1 2 3 4 5\nfilm 1 2 3 4 5\n' >wide.vec
expect 1 train train.tsv --pretrained embedding=wide.vec
says "wide.vec:1: its vectors have 5 numbers, those of the table 3"
printf '2 4\nfine 1 2 3 4\nfilm 1 2 3 4\n' >heading.vec
expect 1 train train.tsv --pretrained embedding=heading.vec
says "heading.vec:1: its vectors have 4 numbers, those of the table 3"
printf 'at home 1 2 3\nfine 4 5 6\n' >spaced.vec
expect 0 train train.tsv --pretrained embedding=spaced.vec --epochs 1
