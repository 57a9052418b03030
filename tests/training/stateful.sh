#!/bin/sh
# stateful = true from the command line: what goes on, what begins anew, what is refused. SimpleRNN with an identity for
# recurrent kernel, a kernel of ones and no bias adds up what it reads.
nlmc=$1
. "$(dirname "$0")/shared.sh"

cat >adds.nlm <<'END'
model adds {
  input x: float[time, 1]
  output y = x -> SimpleRNN(1, activation = linear, kernel_initializer = ones, recurrent_initializer = ones,
    stateful = true)
}
train adds {
  loss       = mse
  optimizer  = SGD(learning_rate = 0.0)
  batch_size = 2
  shuffle    = false
  epochs     = 2
}
END
expect 0 "$nlmc" build adds.nlm -o adds
# rows 0, 2 and 4 are one series, rows 1, 3 and 5 another
printf '{"x": [[%s], [%s]], "y": %s}\n' 1 1 2 5 5 10 1 2 5 0 1 11 3 3 11 1 1 13 >rows.jsonl
expect 0 ./adds train rows.jsonl --log log.csv --save w.safetensors
near "$(logged log.csv 0 loss)" 0
near "$(logged log.csv 1 loss)" 0
expect 0 ./adds evaluate rows.jsonl --weights w.safetensors --format json
says '"loss": 0'
expect 0 ./adds predict --input rows.jsonl --weights w.safetensors
[ "$(cut -f1 out | tr '\n' ' ')" = "2 10 5 11 11 13 " ] || fail "the states of prediction"
# validation begins with zeros and leaves nothing behind
expect 0 ./adds train rows.jsonl --validation rows.jsonl --log log.csv --save w.safetensors
near "$(logged log.csv 1 val_loss)" 0
near "$(logged log.csv 1 loss)" 0

# batches of unequal size
head -5 rows.jsonl >five.jsonl
expect 1 ./adds train five.jsonl
says "5 rows are no whole batches of 2"
expect 1 ./adds evaluate five.jsonl --weights w.safetensors
says "5 rows are no whole batches of 2"
expect 1 ./adds predict --input five.jsonl --weights w.safetensors
says "a batch of 1 rows after batches of 2"
expect 0 ./adds predict --input five.jsonl --weights w.safetensors --batch-size 1

# mistakes of the model
wrong() { # MESSAGE STATEMENTS
  printf 'model net {\n  input x: float[time, 3]\n  input z: float[5, time, 3]\n%s\n}\n' "$2" >wrong.nlm
  expect 1 "$nlmc" check wrong.nlm
  says "$1"
}
wrong "must be applied once" '  l = LSTM(2, stateful = true)
  output a = Add()(l(x), l(x))'
wrong "must be applied once, and to the rows of the batch" '  output a = z -> TimeDistributed(LSTM(2, stateful = true))'
wrong "either initial_state or stateful = true" '  h = Dense(2)(GlobalAveragePooling1D()(x))
  output a = x -> GRU(2, stateful = true)(initial_state = h)'
sed 's/shuffle    = false//' adds.nlm >shuffled.nlm
expect 0 "$nlmc" check shuffled.nlm
says "write shuffle = false"
exit 0
