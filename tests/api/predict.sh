#!/bin/sh
# predict, info and summary of hand-written models (hand_model.h). Values: a text of "good fine" has the mean row
# (0.75, 1.375), so 0.75 + 2 * 1.375 + 0.5 = 4 and 1 / (1 + exp(-4)) = 0.98201; without words the bias alone, 0.62246.
#
# usage: predict.sh HAND_MAIN NPY_TOOL
set -u

hand=$1
npy=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

expect() { # CODE EXPECTED COMMAND...: standard output and exit code, compared as a whole
  code=$1 expected=$2
  shift 2
  found=$("$@" 2>err)
  status=$?
  if [ "$found" != "$expected" ] || [ $status -ne "$code" ]; then
    printf '%s\n  expected (%s): %s\n  found (%s): %s\n  messages: %s\n' "$*" "$code" "$expected" $status "$found" "$(cat err)"
    failed=1
  fi
}
expect_message() { # TEXT: part of the last command's messages
  grep -qF -- "$1" err || {
    printf 'no "%s" in: %s\n' "$1" "$(cat err)"
    failed=1
  }
}
tab=$(printf '\t')

expect 0 "pos${tab}0.9820
pos${tab}0.6225" "$hand" mood predict "Good, fine!" ""
expect 0 "neg${tab}0.9707" "$hand" mood predict --threads 3 bad
printf 'good fine\n\nbad\n' >lines
expect 0 "pos${tab}0.9820
pos${tab}0.6225
neg${tab}0.9707" "$hand" mood predict --input lines --batch-size 2
expect 0 "pos${tab}0.9820
pos${tab}0.6225
neg${tab}0.9707" sh -c "'$hand' mood predict - <lines"
expect 0 "" "$hand" mood predict --input lines --output answers
expect 0 "pos${tab}0.9820
pos${tab}0.6225
neg${tab}0.9707" cat answers
expect 0 '{"label": "pos", "probability": 0.982013762, "probabilities": {"neg": 0.0179862380, "pos": 0.982013762}}' \
  sh -c "'$hand' mood predict --format json 'good fine' | sed 's/0.01798623[0-9]*/0.0179862380/'"
expect 0 '{"label": "pos", "probability": 0.98201379003790845, "probabilities": {"neg": 0.017986209962091548, "pos": 0.98201379003790845}}' \
  "$hand" mood_f64 predict --format json 'good fine'
printf '{"review": "bad", "mood": "neg"}\n{"text": "fine"}\n' >rows.jsonl
expect 0 "neg${tab}0.9707
pos${tab}0.9241" "$hand" mood predict --input rows.jsonl

# A label for each token; unknown words have id 1, whose middle number is the largest.
expect 0 "B A
C" "$hand" tagger predict "bad good" fine
expect 0 '{"labels": ["C", "B"], "probabilities": [{"A": 0.125, "B": 0.125, "C": 0.75}, {"A": 0.25, "B": 0.5, "C": 0.25}]}' \
  "$hand" tagger predict --format json "fine unheard"

expect 0 "4 1" "$hand" speller predict "ab a?"

# Tensors out: batches of unequal length are padded.
expect 0 "" "$hand" tagger predict "bad good" fine --batch-size 1 --format npy --output out/
expect 0 "[2, 2, 3] 0.125 0.75 0.125 0.75 0.125 0.125 0.125 0.125 0.75 0 0 0" "$npy" show out/tags.npy
expect 0 "" "$hand" mood_f64 predict "good fine" --format npy --output out
expect 0 "[1, 1] 0.98201379003790845" "$npy" show out/mood.npy

# Mistakes.
printf 'good\nb\377d\nbad\n' >invalid
expect 1 "pos${tab}0.9959
neg${tab}0.9707" "$hand" mood predict --input invalid
expect_message "invalid:2: error: invalid UTF-8"
expect 1 "" "$hand" mood predict --input absent
expect_message "absent: error: No such file"
expect 1 "" "$hand" mood predict good --weights absent.safetensors
expect_message "absent.safetensors"
expect 1 "" "$hand" mood predict good --layer embeddin
expect_message "no layer 'embeddin'"
expect 0 "pos${tab}0.9959" "$hand" mood predict good --layer mood
expect 2 "" "$hand" mood predict
expect_message "nothing to predict"
expect 2 "" "$hand" mood predict good --format npy
expect_message "--output"
expect 2 "" "$hand" mood predict good --format xml

# What the model is.
expect 0 "a table" "$hand" mood summary
"$hand" mood info >info.out || failed=1
for line in "model         mood" "dtype         f32" "parameters    15, of which 0 trainable" \
  "vocabulary    text_vectorization: 6 words" "classes       neg, pos" "training      not compiled in"; do
  grep -qxF "$line" info.out || {
    printf 'info has no line "%s": %s\n' "$line" "$(cat info.out)"
    failed=1
  }
done
expect 0 "" "$hand" mood info --export embedding=words.vec
expect 0 "5 2
[UNK] 0.25 -0.5
good 1 2
bad -1 -1.5
fine 0.5 0.75
dull -2 0.125" cat words.vec
expect 1 "" "$hand" mood info --export dense=words.vec
expect_message "'dense' is no embedding of this model; it has embedding"
exit $failed
