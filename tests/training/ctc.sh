#!/bin/sh
# loss = ctc from the command line: rows of labels of any length up to the loss's; what cannot be is said. The output
# is the input, so that losses are counted by hand: zeros give both classes 1/2 at each step.
nlmc=$1
. "$(dirname "$0")/shared.sh"

write() { # LOSS [SETTING]
  cat >reads.nlm <<END
model reads {
  input x: float[time, 2]
  output y = x -> Dense(2, kernel_initializer = identity)
}
train reads {
  loss      = $1
  optimizer = SGD(learning_rate = 0.0)
  ${2:-}
}
END
}
of() { # LABELS: the loss of two steps
  printf '{"x": [[0, 0], [0, 0]], "y": %s}\n' "$1" >row.jsonl
  expect 0 ./reads train row.jsonl --log log.csv --save w.safetensors
  near "$(logged log.csv 0 loss)" "$2"
}
write "CTC(max_labels = 2)"
expect 0 "$nlmc" build reads.nlm -o reads
of '[1]' 0.287682072 # 1 1, 1 blank, blank 1: 3/4
of '[]' 1.386294361  # blank blank: 1/4
of '[1, 1]' 0        # a blank has to stand between
printf '{"x": [[0, 0], [0, 0]], "y": %s}\n' '[1]' '[]' '[1, 1]' >rows.jsonl
expect 0 ./reads evaluate rows.jsonl --weights w.safetensors --format json
says '"loss": 0.557992'
of '[1]' 0.287682072
of '[1, 0, 0, 0, 0]' 0.287682072 # zeros at the end are no labels
# refused LABELS REASON: by train and by check-data, at the row's line
refused() {
  printf '{"x": [[0, 0], [0, 0]], "y": %s}\n' '[1]' "$1" >bad.jsonl
  expect 1 ./reads train bad.jsonl
  says "bad.jsonl:2: error: 'y' $2"
  expect 1 ./reads check-data bad.jsonl
  says "bad.jsonl:2: error: 'y' $2"
  says "bad.jsonl: 2 rows, 1 problems"
}
refused '[1, 1, 1]' "has 3 labels, and the loss was compiled for at most 2 (loss = CTC(max_labels = 3))"
refused '[2]' "has the label 2 (place 0): there is no such class; labels run from 1 to 1"
refused '[1, -1]' "has the label -1 (place 1)"
refused '[0, 1]' "has a 0 before a label (place 0)"
refused '[1, 0, 1, 0]' "has a 0 before a label (place 1)"
expect 0 ./reads check-data rows.jsonl

# Only a row without any alignment counts 0: not one whose scores are too large to be told from none, or no numbers.
printf '{"x": [[1e30, 0], [0, 0]], "y": [1, 1]}\n' >none.jsonl
expect 0 ./reads train none.jsonl --log log.csv --save w.safetensors
near "$(logged log.csv 0 loss)" 0
printf '{"x": [[1e30, 0], [1e30, 0]], "y": [1]}\n' >huge.jsonl
expect 0 ./reads train huge.jsonl --log log.csv --save w.safetensors
says "the loss is no number from step 1 of epoch 1 on"
[ "$(logged log.csv 0 loss)" = inf ] || fail "a loss of $(logged log.csv 0 loss), not inf"

write ctc "metrics = [accuracy]"
expect 0 "$nlmc" build reads.nlm -o reads
expect 1 ./reads train rows.jsonl
says "its targets are rows of labels, which belong to no steps"
write ctc "class_weight = [1, 2]"
expect 1 "$nlmc" build reads.nlm -o reads
says "whose loss ctc is one of whole paths, not of classes"
write "[ctc]" "sample_weight = true"
expect 0 "$nlmc" build reads.nlm -o reads
printf '{"x": [[0, 0], [0, 0]], "y": [1], "sample_weight": 2}\n' >row.jsonl
expect 0 ./reads train row.jsonl --log log.csv --save w.safetensors
near "$(logged log.csv 0 loss)" 0.575364144


# Ids outside the table of an Embedding.
cat >ids.nlm <<'END'
model ids {
  input x: int[time]
  output y = x -> Embedding(10, 3) -> GlobalAveragePooling1D() -> Dense(1, activation = sigmoid)
}
train ids { loss = binary_crossentropy }
END
expect 0 "$nlmc" build ids.nlm -o ids
printf '{"x": %s, "y": "%s"}\n' '[1, 9]' a '[3, 10]' b '[-1]' a >ids.jsonl
expect 1 ./ids check-data ids.jsonl
says "ids.jsonl:2: error: 'x' has the id 10 (place 1), which is outside its table of 10 rows"
says "ids.jsonl:3: error: 'x' has the id -1 (place 0)"
says "ids.jsonl: 3 rows, 2 problems"
sed -n 1p ids.jsonl >fine.jsonl
expect 0 ./ids check-data fine.jsonl
