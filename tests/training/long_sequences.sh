#!/bin/sh
# Sequences of 100,000 steps train and predict. These recurrences forget: what they make of the whole sequence is
# what they make of its last 2,000 steps.
nlmc=$1
. "$(dirname "$0")/shared.sh"

cat >long.nlm <<'END'
model long {
  input x: float[time, 2]
  c = x -> Conv1D(4, 5, activation = relu) -> MaxPooling1D(2)
  output y = Concatenate()(c -> LSTM(5, return_sequences = true) -> GRU(4), c -> GRU(3)) -> Dense(1)
}
train long { optimizer = Adam()  loss = mse  epochs = 2  batch_size = 4 }
END
expect 0 "$nlmc" build long.nlm -o long
rows() { # STEPS: the last ones of four sequences
  awk -v steps="$1" 'BEGIN { total = 100000
    for (r = 1; r <= 4; r++) { seed = r; line = ""
      for (t = 0; t < total; t++) { seed = (seed * 16807) % 2147483647
        if (t >= total - steps) { printf "%s[%.3f, %.3f]", t == total - steps ? "{\"x\": [" : ", ", seed % 2000 / 1000 - 1, seed % 7 / 7 } }
      printf "], \"y\": [%d]}\n", r % 2 } }'
}
rows 100000 >whole.jsonl
rows 2000 >end.jsonl
expect 0 ./long train whole.jsonl --quiet --log log.csv
[ "$(logged log.csv 1 loss)" != "$(logged log.csv 0 loss)" ] || fail "nothing was learnt"
for batch in 1 4; do
  expect 0 ./long predict --input whole.jsonl --batch-size $batch --format json
  sed 's/[^-0-9.]*//g' out >whole.out
  expect 0 ./long predict --input end.jsonl --batch-size $batch --format json
  sed 's/[^-0-9.]*//g' out >end.out
  [ "$(wc -l <whole.out)" -eq 4 ] || fail "not four predictions"
  paste whole.out end.out | while read -r whole end; do
    near "$whole" "$end"
  done || exit 1
done

# what training holds is told before
expect 0 "$nlmc" shapes long.nlm --training --dim batch=4 --dim time=100000 --format json
figure() { sed -n 's/.*"'"$1"'": \([0-9]*\).*/\1/p' out; }
[ "$(figure saved_bytes)" -gt 0 ] || fail "nothing is kept for the backward pass"
[ "$(figure saved_bytes)" -le "$(figure training)" ] || fail "what is kept is no part of the workspace"
