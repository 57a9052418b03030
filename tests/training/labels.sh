#!/bin/sh
# Labels by name: which name is which number shows in what is predicted.
nlmc=$1
. "$(dirname "$0")/shared.sh"

model() { # NAME UNITS ACTIVATION LOSS
  cat >"$1.nlm" <<END
model $1 {
  input review: text
  output label = review -> TextVectorization(50) -> Embedding(50, 4, mask_zero = true) -> GlobalAveragePooling1D()
    -> Dense($2, activation = $3)
}
train $1 {
  loss = $4
  optimizer = Adam(learning_rate = 0.1)
  metrics = [accuracy]
  epochs = 60
}
END
  expect 0 "$nlmc" build "$1.nlm" -o "$1"
}
predicts() { # PROGRAM TEXT LABEL
  expect 0 "./$1" predict "$2" --format json
  says "\"label\": \"$3\""
}

printf 'label\ttext\nneg\tgray\npos\tgreen\nneg\tblack\nneg\tbrown\npos\twhite\n' >two.tsv
for form in "binary 1 sigmoid binary_crossentropy" "sparse 2 softmax sparse_categorical_crossentropy" \
  "one_hot 2 softmax categorical_crossentropy"; do
  model $form
  program=${form%% *}
  expect 0 "./$program" train two.tsv --quiet
  expect 0 "./$program" evaluate two.tsv --format json
  says '"accuracy": 1'
  predicts "$program" gray neg
  predicts "$program" green pos
  predicts "$program" white pos
done
# the first class in the order of names is 0, the output of a sigmoid the probability of the other
expect 0 ./binary predict green --format json
awk -F'"probability": ' '{ exit !($2 + 0 > 0.5) }' out || fail "the likelier class is under a half"
# a label for each word
cat >words.nlm <<'END'
model words {
  input words: text[time]
  output tags = words -> TextVectorization(50) -> Embedding(50, 4, mask_zero = true)
    -> Dense(1, activation = sigmoid)
}
train words {
  loss = binary_crossentropy
  optimizer = Adam(learning_rate = 0.1)
  epochs = 60
}
END
expect 0 "$nlmc" build words.nlm -o words
printf '{"words": ["a", "b"], "tags": ["no", "yes"]}\n{"words": ["b", "b", "a"], "tags": ["yes", "yes", "no"]}\n' >words.jsonl
expect 0 ./words train words.jsonl --quiet
printf '{"words": ["a", "b", "a"]}\n' >ask.jsonl
expect 0 ./words predict --input ask.jsonl
tr '\n' ' ' <out | grep -q 'no.*yes.*no' || fail "tags are mixed up"
# What is wrong with the data as a whole: the program's name, the file, what to do.
printf 'label\ttext\nneg\tgray\nneg\tgreen\n' >one.tsv
expect 1 ./binary train one.tsv
says "binary: error: one.tsv: every row has the same label for output 'label', 'neg': there is nothing to tell apart"
says "add rows of another label"
