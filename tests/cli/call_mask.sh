#!/bin/sh
# The call argument `mask`: the numbers of a mask made by Masking, and mistakes.
. "$2/tests/cli/checks.inc"
rm -rf ./*
cat >layer.nlm <<'END'
model m {
  input x: float[time, 2]
  input k: int[time]
  s = x -> Masking()
  h = s -> LSTM(4, return_sequences = true)
  output y = Concatenate()(h -> GRU(3), h -> GlobalAveragePooling1D(), Bidirectional(SimpleRNN(2))(s),
    Attention()(s, s) -> GRU(2)) -> Dense(1)
}
train { loss = mse }
END
cat >argument.nlm <<'END'
model m {
  input x: float[time, 2]
  input k: int[time]
  h = LSTM(4, return_sequences = true)(x, mask = k != 0)
  output y = Concatenate()(GRU(3)(h, mask = k), GlobalAveragePooling1D()(h), Bidirectional(SimpleRNN(2))(x, mask = k > 0),
    Attention()(x, x, mask = [k, k]) -> GRU(2)) -> Dense(1)
}
train { loss = mse }
END
cat >rows.jsonl <<'END'
{"x": [[1, 2], [0, 0], [3, -1], [0, 0]], "k": [1, 0, 1, 0], "y": 1}
{"x": [[0, 0], [0, 0], [0.5, 0]], "k": [0, 0, 1], "y": -1}
{"x": [[0, 0]], "k": [0], "y": 0.5}
{"x": [[1, 1], [2, 2], [-3, 0.25], [1, 4], [1, 0]], "k": [1, 1, 1, 1, 1], "y": 2}
END
for form in layer argument; do
  expect 0 build $form.nlm -o $form
  ./$form train rows.jsonl --epochs 3 --seed 5 --quiet --save $form.safetensors 2>err || fail "$form trains"
  ./$form predict --input rows.jsonl --weights layer.safetensors --format json >$form.out 2>err || fail "$form predicts"
  ./$form predict --input rows.jsonl --weights $form.safetensors --format json >$form.own 2>err || fail "$form predicts"
done
[ "$(wc -l <layer.out)" -eq 4 ] || fail "four predictions"
cmp -s layer.out argument.out || fail "a mask by argument predicts as Masking's"
cmp -s layer.own argument.own || fail "a mask by argument trains as Masking's"
# What stands at a masked step is the layer's value there, for whoever looks without a mask.
for call in '(x)' '(x, mask = k)'; do
  cat >seen.nlm <<END
model seen {
  input x: float[3, 2]
  input k: int[3]
  output y = Dense(2, activation = tanh)$call -> Flatten() -> Dense(1)
}
train { loss = mse }
END
  expect 0 build seen.nlm -o seen
  echo '{"x": [[1, 2], [0.5, -1], [3, -1]], "k": [1, 0, 1], "y": 1}' >seen.jsonl
  [ -e seen.safetensors ] || ./seen train seen.jsonl --epochs 2 --seed 5 --quiet --save seen.safetensors 2>err
  ./seen predict --input seen.jsonl --weights seen.safetensors --format json >>seen.out 2>err || fail "seen$call predicts"
done
[ "$(wc -l <seen.out)" -eq 2 ] && [ "$(sort -u seen.out | wc -l)" -eq 1 ] || fail "a masked step shows its value"
cat >wrong.nlm <<'END'
model m {
  input x: float[time, 3]
  input k: int[4]
  output y = LSTM(2)(x, mask = k)
  output z = LSTM(2)(x, mask = 3)
  output w = Flatten()(x, mask = k)
  output v = LSTM(2)(x, masc = k)
}
END
expect 1 check wrong.nlm
says err "a mask of shape (batch, 4) does not fit a tensor of shape (batch, time, 3)"
says err "'mask' must be a tensor (batch, time) of numbers"
says err "Flatten has no call argument 'mask'"
says err "did you mean 'mask'?"
finish
