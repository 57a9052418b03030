#!/bin/sh
# A tagger of words and their letters: the same sentences as CoNLL columns, CoNLL-U and JSON lines; words that
# training never saw, told by their last letter; prediction from raw text; rows whose labels are too few.
#
# usage: taggers.sh NLMC        (in an empty folder)
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
  ./tagger "$@" >out 2>&1
  found=$?
  [ "$found" -eq "$wanted" ] || fail "'$*' ended with $found, not $wanted"
}
prints() { [ "$(cat out)" = "$1" ] || fail "not: $1"; }

cat >tagger.nlm <<'MODEL'
model tagger {
  input words: text[time]
  word = words -> TextVectorization(20, standardize = lower, split = none) -> Embedding(20, 4, mask_zero = true)
  spelled = words
    -> TextVectorization(40, standardize = none, split = "character")
    -> Embedding(40, 8, mask_zero = true)
    -> TimeDistributed(LSTM(12))
  output tags = Concatenate()(word, spelled)
    -> Bidirectional(LSTM(8, return_sequences = true))
    -> TimeDistributed(Dense(2, activation = softmax))
}
train tagger {
  optimizer = Adam(learning_rate = 0.02)
  loss = sparse_categorical_crossentropy
  metrics = [accuracy]
  epochs = 12
  batch_size = 8
}
MODEL
"$nlmc" build tagger.nlm -o tagger >out 2>&1 || fail "nlmc build"

# Sentences of one to seven words of two to nine letters; a word is A if it ends with a, else B.
sentences() { # SEED COUNT FORM
  awk -v seed="$1" -v count="$2" -v form="$3" 'BEGIN {
    srand(seed)
    for (s = 0; s < count; s++) {
      n = 1 + int(rand() * 7)
      words = tags = ""
      if (form == "conllu") print "# sentence " s
      for (w = 1; w <= n; w++) {
        word = ""
        for (k = 1 + int(rand() * 8); k > 0; k--) word = word substr("bdfgklmnpr", 1 + int(rand() * 10), 1)
        tag = rand() < 0.5 ? "A" : "B"
        word = word (tag == "A" ? "a" : "o")
        if (form == "conll") print word "\t" tag
        if (form == "conllu") print w "\t" word "\t_\t" tag "\t_\t_\t_\t_\t_\t_"
        words = words (w > 1 ? ", " : "") "\"" word "\""
        tags = tags (w > 1 ? ", " : "") "\"" tag "\""
      }
      if (form == "jsonl") print "{\"words\": [" words "], \"tags\": [" tags "]}"
      else print ""
    }
  }'
}
for form in conll conllu jsonl; do
  sentences 1 150 $form >train.$form
  sentences 2 40 $form >test.$form
done

run 0 train train.conll --seed 1 --threads 1 --quiet
for form in conll conllu jsonl; do
  run 0 evaluate test.$form --format json
  cp out result.$form
done
cmp -s result.conll result.conllu || fail "CoNLL and CoNLL-U of the same sentences differ"
cmp -s result.conll result.jsonl || fail "CoNLL and JSON lines of the same sentences differ"
cp result.conll out
grep -q '"accuracy": 1\b' out || fail "unseen words are not told by their last letter"

run 0 predict "zeka   mulo	blo
da"
prints "A B B A"
printf '{"words": ["two wordsa", "no"]}\n{"words": ["do"]}\n' >words.jsonl
run 0 predict --input words.jsonl
prints "A B
B"

# Files of columns go by their names; labels are not looked at.
printf 'zeka\tx\nmulo\ty\n\nda\tz\n' >columns.conll
run 0 predict --input columns.conll
prints "A B
A"
run 0 predict --input test.conllu --format json
cp out columns
run 0 predict --input test.jsonl --format json
cmp -s columns out || fail "prediction from CoNLL-U differs from that of JSON lines"

# Other sentences of a batch change nothing.
sed 's/, "tags.*/}/' test.jsonl >inputs.jsonl
run 0 predict --input inputs.jsonl --format json --batch-size 1
cp out one
run 0 predict --input inputs.jsonl --format json --batch-size 40
cmp -s one out || fail "results depend on the batch"

# What check-data says of words and of their characters: 5 words of 2, of which one sentence stands there twice.
printf 'no\tB\nda\tA\n\nno\tB\n\nno\tB\nda\tA\n' >twice.conll
printf 'da\tA\nno\tB\n\nno\tB\ndamola\tA\n\nno\tB\n' >other.conll
run 0 check-data twice.conll --validation other.conll
for line in "twice.conll: 3 rows, 0 problems" "twice.conll: 1 rows repeat an earlier row of it" \
  "other.conll: 1 of its rows are in twice.conll too" \
  "  tokens of text_vectorization: mean 1.7, shortest 1, 50% up to 2, 90% up to 2, 95% up to 2, 99% up to 2, longest 2" \
  "  characters of text_vectorization_1: mean 2.0 a word, shortest 2, 50% up to 2, 90% up to 2, 95% up to 2, 99% up to 2, longest 2" \
  "  vocabulary of text_vectorization: 100.00% of 5 tokens are among its 4 (from twice.conll)" \
  "  vocabulary of text_vectorization: 80.00% of 5 tokens are among its 4 (from twice.conll)" \
  "  vocabulary of text_vectorization_1: 100.00% of 10 characters are among its 6 (from twice.conll)" \
  "  vocabulary of text_vectorization_1: 85.71% of 14 characters are among its 6 (from twice.conll)"; do
  grep -qxF "$line" out || fail "check-data does not say: $line"
done
[ "$(grep -c ' repeat \| too$' out)" -eq 2 ] || fail "check-data finds duplicates that are none"
printf 'no\tB\nda\tA\nda\tC\n' >three.conll
run 1 check-data three.conll
grep -qF "three.conll:1: error: output 'tags' tells 2 classes apart (units: 2), the data has 3: A, B, C; 'C' is one too many" out ||
  fail "check-data does not tell of too many classes"
run 1 train three.conll
grep -qF "'C' is one too many" out || fail "train does not tell of too many classes"
sed 's/"character")/"character", output_sequence_length = 4)/' tagger.nlm >cut.nlm
"$nlmc" build cut.nlm -o cut >out 2>&1 || fail "nlmc build cut.nlm"
./cut check-data other.conll >out 2>&1
grep -qF "longest 6; 1 words (20.0%) are cut to 4" out || fail "check-data does not tell that words are cut"

printf '{"words": ["a", "b", "c"], "tags": ["A", "B", "B"]}\n{"words": ["a", "b", "c"], "tags": ["A", "B"]}\n' >few.jsonl
run 1 evaluate few.jsonl
grep -qF "few.jsonl:2: error: 'words' has 3 steps, 'tags' has 2" out || fail "no message about too few labels"
run 1 evaluate tagger.nlm
