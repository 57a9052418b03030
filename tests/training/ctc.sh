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
printf '{"x": [[0, 0], [0, 0]], "y": [1, 1, 1]}\n' >long.jsonl
expect 1 ./reads train long.jsonl
says "row 1 has 3 labels, and the loss was compiled for at most 2 (loss = CTC(max_labels = 3))"
printf '{"x": [[0, 0], [0, 0]], "y": [2]}\n' >wide.jsonl
expect 1 ./reads train wide.jsonl
says "2"

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
