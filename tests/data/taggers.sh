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

# Other sentences of a batch change nothing.
sed 's/, "tags.*/}/' test.jsonl >inputs.jsonl
run 0 predict --input inputs.jsonl --format json --batch-size 1
cp out one
run 0 predict --input inputs.jsonl --format json --batch-size 40
cmp -s one out || fail "results depend on the batch"

printf '{"words": ["a", "b", "c"], "tags": ["A", "B", "B"]}\n{"words": ["a", "b", "c"], "tags": ["A", "B"]}\n' >few.jsonl
run 1 evaluate few.jsonl
grep -qF "few.jsonl:2: error: 'words' has 3 steps, 'tags' has 2" out || fail "no message about too few labels"
run 1 evaluate tagger.nlm
