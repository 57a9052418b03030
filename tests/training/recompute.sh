#!/bin/sh
# The setting recompute: training is the same to the last bit, for any number of threads, and holds less.
nlmc=$1
. "$(dirname "$0")/shared.sh"

model() { # NAME SETTING
  cat >"$1.nlm" <<END
block Encoder(width)(x) {
  a = MultiHeadAttention(2, key_dim = 8)(x, x)
  x = LayerNormalization()(x + Dropout(0.1)(a))
  f = x -> Dense(4 * width, activation = gelu) -> Dense(width) -> Dropout(0.2)
  return LayerNormalization()(x + f)
}
model net {
  input x: float[time, 3]
  e = x -> Conv1D(16, 3, padding = same) -> BatchNormalization() -> Encoder(16) -> Encoder(16) -> Encoder(16)
  r = e -> Bidirectional(LSTM(6, return_sequences = true, dropout = 0.2, recurrent_dropout = 0.1)) -> GRU(5)
  output y = Concatenate()(r, GlobalMaxPooling1D()(e)) -> Dense(1)
}
train net { optimizer = Adam()  loss = mse  epochs = 2  batch_size = 4  $2 }
END
  expect 0 "$nlmc" build "$1.nlm" -o "$1"
}
awk 'BEGIN { seed = 7
  for (r = 1; r <= 10; r++) {
    for (t = 1; t <= 30 + r; t++) { seed = (seed * 16807) % 2147483647
      printf "%s[%.3f, %.3f, %d]", t == 1 ? "{\"x\": [" : ", ", seed % 2000 / 1000 - 1, seed % 7 / 7, t % 2 }
    printf "], \"y\": [%.2f]}\n", r / 5 - 1 } }' >rows.jsonl
run() { # NAME THREADS
  expect 0 "./$1" train rows.jsonl --quiet --threads "$2" --save "$1.safetensors" --log "$1.csv"
  expect 0 "./$1" predict --weights "$1.safetensors" --input rows.jsonl --format json
  cp out "$1.out"
  cut -d, -f1-2 "$1.csv" >"$1.log"
}

model stored ""
model full "recompute = full"
model some "recompute = [encoder, encoder_1, encoder_2, \"bidirectional\", gru]"
model light "recompute = activations"
run stored 2
same() { # NAME THREADS
  run "$1" "$2"
  cmp -s stored.log "$1.log" || fail "$1, $2 threads: another loss"
  cmp -s stored.out "$1.out" || fail "$1, $2 threads: other predictions"
}
same full 1
same full 3
same some 2
same light 2
[ "$(wc -l <stored.log)" -eq 3 ] || fail "not two epochs"

figures() { # FILE: bytes for all of a training step, and those kept between its two halves
  expect 0 "$nlmc" shapes "$1" --training --dim batch=4 --dim time=2000 --format json
  training=$(sed -n 's/.*"training": \([0-9]*\).*/\1/p' out)
  saved=$(sed -n 's/.*"saved_bytes": \([0-9]*\).*/\1/p' out)
}
figures stored.nlm
all=$training
kept=$saved
figures light.nlm
[ "$training" -lt "$all" ] || fail "activations: a step needs $training bytes, $all with everything stored"
[ $((4 * saved)) -lt $((3 * kept)) ] || fail "activations: $saved bytes are kept, $kept with everything stored"
for name in full some; do
  figures $name.nlm
  [ $((2 * training)) -lt "$all" ] || fail "$name: a step needs $training bytes, $all with everything stored"
  [ $((4 * saved)) -lt "$kept" ] || fail "$name: $saved bytes are kept, $kept with everything stored"
done

# a repetition that another one reads, which is wanted sooner
waits() { # NAME SETTING
  cat >"$1.nlm" <<END
cell Slow(units)(x, h: [units]) { return relu(Dense(units)(x)) - Dense(units)(h) }
model net {
  input x: float[time, 3]
  output y = x -> RNN(Slow(8), return_sequences = true) -> SpatialDropout1D(0.2) -> Dense(3) -> GlobalMaxPooling1D() -> Dense(1)
}
train net { optimizer = Adam()  loss = mse  epochs = 2  batch_size = 4  $2 }
END
  expect 0 "$nlmc" build "$1.nlm" -o "$1"
}
waits stored ""
waits full "recompute = full"
waits some "recompute = [rnn, spatial_dropout1d]"
run stored 2
same full 2
same some 2
