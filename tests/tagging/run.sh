#!/bin/sh
# A tagger that ends in a CRF, from CoNLL columns to names of tags. The data: "st" begins an entity, "k1" to "k3"
# go on with it, but outside of one they are O like any other word; so what a tag is depends on the tag before.
. "$2/tests/cli/checks.inc"
rm -rf ./*
cat >names.nlm <<'END'
model names {
  input words: text[time]
  output tags = words
    -> TextVectorization(20)
    -> Embedding(20, 8, mask_zero = true)
    -> Bidirectional(LSTM(4, return_sequences = true))
    -> CRF(3)
}
train names {
  optimizer  = Adam(learning_rate = 0.02)
  loss       = crf_nll
  metrics    = [accuracy, entity_f1]
  epochs     = 8
  batch_size = 8
}
END
sed 's/Bidirectional(.*$/Dense(6)/; s/model names/model plain/; s/train names/train plain/' names.nlm >plain.nlm

# sentences SEED COUNT: lines "word tag", a blank line behind each sentence.
sentences() {
  awk -v seed="$1" -v count="$2" 'function draw(n) { seed = (seed * 16807) % 2147483647; return seed % n }
    BEGIN { for (s = 0; s < count; s++) { tag = "O"; n = 1 + draw(9)
      for (t = 0; t < n; t++) {
        r = draw(8); word = r == 0 ? "st" : r < 4 ? "k" r : "o" draw(5)
        tag = word == "st" ? "B-N" : word ~ /^k/ && tag != "O" ? "I-N" : "O"
        print word, tag }
      print "" } }'
}
# no_rule_is_broken FILE: tags of one sentence a line.
no_rule_is_broken() {
  awk '{ before = "O"; for (k = 1; k <= NF; k++) { if ($k == "I-N" && before == "O") bad = 1; before = $k } }
    END { exit bad || NR < 50 }' "$1" || fail "$1: I-N must not follow O or begin a sentence"
}
run() { # STATUS MODEL WORDS...
  wanted=$1 program=$2
  shift 2
  "./$program" "$@" >out 2>err </dev/null
  status=$?
  [ "$status" -eq "$wanted" ] || fail "$program $* should exit with $wanted, exited with $status: $(cat err)"
}

sentences 11 400 >train.conll
sentences 99 60 >test.conll
# texts without any order, and what the rule makes of them
awk 'BEGIN { seed = 5; for (s = 0; s < 60; s++) { line = ""
  for (t = 0; t < 12; t++) { seed = (seed * 16807) % 2147483647; r = seed % 9
    line = line (t ? " " : "") (r < 2 ? "st" : r < 6 ? "k" (r % 3 + 1) : "o" r - 6) }
  print line } }' >texts
awk '{ tag = "O"; for (k = 1; k <= NF; k++) { tag = $k == "st" ? "B-N" : $k ~ /^k/ && tag != "O" ? "I-N" : "O"
  printf "%s%s", tag, k < NF ? " " : "\n" } }' texts >truth

for model in names plain; do
  expect 0 build $model.nlm -o $model
  run 0 $model train train.conll --quiet
  run 0 $model predict --input texts
  mv out $model.tags
  no_rule_is_broken $model.tags
done
# Dense sees one word at a time: that it is right is the work of the chain.
awk 'NR == FNR { truth[NR] = $0; next } { n = split(truth[FNR], t, " "); if (n != NF) bad = 1
  for (k = 1; k <= NF; k++) { right += $k == t[k]; all++ } } END { exit bad || right < 0.99 * all }' truth plain.tags ||
  fail "the chain should find the tags"
run 0 plain predict --input texts --layer crf --format json
awk -F'[][]+' '{ before = -1; for (k = 2; k < NF; k++) { if (split($k, s, ", ") < 3 || s[1] == "") continue
    best = 1; for (j = 2; j <= 3; j++) if (s[j] + 0 > s[best] + 0) best = j
    if (best == 2 && before != 1 && before != 2) broken++
    before = best; all++ } } END { exit !(all == 60 * 12 && broken > 0) }' out ||
  fail "the scores alone, class by class (B-N, I-N, O), should break the rule"

# Metrics take the decided tags, which have no probabilities.
run 0 names evaluate test.conll --format json
tr -d '{",}' <out | awk '{ for (k = 1; k < NF; k++) if ($k == "accuracy:" || $k == "entity_f1:") good += $(k + 1) > 0.97 }
  END { exit good != 2 }' || { fail "accuracy and entity_f1 of decided tags" && cat out; }
run 0 names predict "st k1 o1" --format json
says out '{"labels": ["B-N", "I-N", "O"]}'
run 0 names predict "o1 k1 k2" "k3"
[ "$(cat out)" = "O O O
O" ] || { fail "tags of two texts" && cat out; }

# A sentence has the same tags alone and beside longer ones.
run 0 names predict --input texts --batch-size 1
cmp out names.tags || fail "tags depend on the batch"
head -n 7 texts >few && cut -d ' ' -f 1-3 texts | sed -n 8,9p >>few
run 0 names predict --input few
mv out together
run 0 names predict --input few --batch-size 1
cmp out together || fail "tags depend on padding"
run 0 names predict --input few --format npy --output arrays
dd if=arrays/tags.npy bs=1 skip=10 count=60 2>/dev/null | grep -q "'<i4'.*(9, 12)" || fail "tags are int32 [rows, time]"

finish
