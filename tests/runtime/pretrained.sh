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

# row WORD NUMBER NUMBER NUMBER: of the table in out.vec, to the digits that fastText prints
row() {
  awk -v word="$1" -v a="$2" -v b="$3" -v c="$4" 'function far(x, y) { return x - y > 2e-4 || y - x > 2e-4 }
    $1 == word { found = 1; bad = far($2, a) || far($3, b) || far($4, c) } END { exit !found || bad }' out.vec ||
    fail "the row of '$1' should be $2 $3 $4"
}
# takes FILE: the table from a file
takes() {
  expect 0 train train.tsv --pretrained "embedding=$1" --learning-rate 0 --epochs 1
  cp out said
  expect 0 info --export embedding=out.vec
  cp said out
}
refuses() { # FILE REASON
  expect 1 train train.tsv --pretrained "embedding=$1" --epochs 1
  says "$1: $2"
}
# floats NUMBER...: of 32 bits, little-endian
floats() {
  for number in "$@"; do
    case $number in
      0) printf '\000\000\000\000' ;;
      1) printf '\000\000\200\077' ;;
      2) printf '\000\000\000\100' ;;
      3) printf '\000\000\100\100' ;;
      -1) printf '\000\000\200\277' ;;
      nan) printf '\000\000\300\177' ;;
      *) fail "no bytes for $number" ;;
    esac
  done
}
vectors=$(dirname "$0")/vectors

# Models that fastText wrote (dim 3, 5 buckets, n-grams of 2 and 3 characters; without n-grams), and what its
# print-word-vectors says, of words that it did not see too.
takes "$vectors/ngrams.bin"
says "words (100.0%) from"
awk '/embeddings: / { fine = $3 == $5 && $10 == $3 - 3 } END { exit !fine }' said ||
  fail "three words are the file's, the others have n-grams: $(cat said)"
row fine -1.0038 0.8741 -0.69263
row film -1.0238 0.85494 -0.67745
row dull -1.0388 0.91452 -0.72465
takes "$vectors/words.bin"
row fine -0.89934 0.84872 0
row dull 0 0 0
size=$(wc -c <"$vectors/ngrams.bin")
for bytes in 3 8 40 75 100 200 $((size / 2)); do
  head -c "$bytes" "$vectors/ngrams.bin" >cut.bin
  expect 1 train train.tsv --pretrained embedding=cut.bin --epochs 1
  says "cut.bin"
done
{ head -c 4 "$vectors/ngrams.bin" && printf '\015' && tail -c +6 "$vectors/ngrams.bin"; } >newer.bin
refuses newer.bin "a fastText model of version 13; 11 and 12 are known"
{ head -c 8 "$vectors/ngrams.bin" && printf '\004' && tail -c +10 "$vectors/ngrams.bin"; } >wider.bin
refuses wider.bin "its vectors have 4 numbers, those of the table 3"
{ head -c 64 "$vectors/ngrams.bin" && printf '\377\377\377\377' && tail -c +69 "$vectors/ngrams.bin"; } >negative.bin
refuses negative.bin "its dictionary says how many words it has in numbers that cannot be"
{ head -c 64 "$vectors/ngrams.bin" && printf '\377\377\377\177' && tail -c +69 "$vectors/ngrams.bin"; } >many.bin
refuses many.bin "it ends in entry"

# word2vec's binary form: with and without line ends, a word twice, words with bytes that are no UTF-8.
{ printf '5 3\nfine ' && floats 1 2 3 && printf '\nfilm ' && floats -1 0 1 && printf 'fine ' && floats 3 3 3 &&
  printf '\377\200 ' && floats 1 1 1 && printf '\nunheard ' && floats nan 0 0; } >word2vec.bin
takes word2vec.bin
says "embedding/embeddings: 2 of "
row fine 1 2 3
row film -1 0 1
row dull 0 0 0
{ cat word2vec.bin && printf '\nleft over'; } >longer.bin
refuses longer.bin "9 bytes stand behind the 5 vectors that its first line promises"
{ cat word2vec.bin && printf '\n'; } >ended.bin
takes ended.bin
head -c 30 word2vec.bin >short.bin
refuses short.bin "it ends in vector 2 of the 5 that its first line promises"
sed '1s/.*/5000000000 3/' word2vec.bin >promises.bin
refuses promises.bin "it ends in vector 6 of the 5000000000 that its first line promises"
sed '1s/.*/5 4000000000000000000/' word2vec.bin >huge.bin
refuses huge.bin "its vectors have 4000000000000000000 numbers, those of the table 3"
{ printf '1 3\nfine ' && floats 1 nan 3; } >nan.bin
refuses nan.bin "number 2 of the word 'fine' is not finite"
printf '\001\002 no heading' >noise.bin
refuses noise.bin "it is no word vectors that are known"

# Text: a word twice, no UTF-8, NaN, fewer vectors than the first line says.
printf 'fine 1 2 3\nfine 4 5 6\n\377\200 1 1 1\nunheard nan 0 0\n' >twice.vec
takes twice.vec
row fine 1 2 3
printf 'fine 1 nan 3\n' >nan.vec
expect 1 train train.tsv --pretrained embedding=nan.vec --epochs 1
says "nan.vec:1: 'nan' is no number"
printf '3 3\nfine 1 2 3\nfilm 1 2 3\n' >fewer.vec
refuses fewer.vec "its first line promises 3 vectors, it holds 2"
: >empty.vec
refuses empty.vec "it holds no word vectors"
