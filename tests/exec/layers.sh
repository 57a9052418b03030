#!/bin/bash
# layers.sh KIND COUNT: a model of COUNT layers of one kind, with a train block, on standard output. Kinds: dense (a chain),
# lstm (a chain over words), residual (blocks with a normalisation and a sum), elementwise (a chain of activations),
# branches (side by side, joined by Concatenate), encoder (attention and two Dense, each with a normalisation and a sum).
set -eu
kind=$1 count=$2

chain() { # FIRST LAYER...: h0 from FIRST, then the layers in turn
  echo "  h0 = $1"
  shift
  local layers=("$@")
  for ((k = 1; k <= count; k++)); do
    echo "  h$k = h$((k - 1)) -> ${layers[$((k % ${#layers[@]}))]}"
  done
}

echo "model layers {"
case $kind in
lstm) echo "  input x: int[time]" ;;
encoder) echo "  input x: int[64]" ;;
*) echo "  input x: float[32]" ;;
esac
case $kind in
dense) chain "x -> Dense(32)" "Dense(32, activation = relu)" ;;
elementwise) chain "x -> Dense(32)" "Activation(tanh)" "Activation(sigmoid)" "Activation(relu)" ;;
lstm) chain "x -> Embedding(50, 8, mask_zero = true)" "LSTM(8, return_sequences = true)" ;;
residual)
  echo "  h0 = x -> Dense(32)"
  for ((k = 1; k <= count; k++)); do
    echo "  h$k = [h$((k - 1)), h$((k - 1)) -> LayerNormalization() -> Dense(32, activation = relu)] -> Add()"
  done
  ;;
encoder)
  echo "  h0 = x -> Embedding(50, 32)"
  for ((k = 1; k <= count; k++)); do
    echo "  n$k = h$((k - 1)) -> LayerNormalization()"
    echo "  a$k = [h$((k - 1)), MultiHeadAttention(4, 8)(n$k, n$k)] -> Add()"
    echo "  h$k = [a$k, a$k -> LayerNormalization() -> Dense(64, activation = gelu) -> Dense(32)] -> Add()"
  done
  ;;
branches)
  names=b1
  for ((k = 1; k <= count; k++)); do
    echo "  b$k = x -> Dense(4, activation = tanh)"
    [ $k = 1 ] || names="$names, b$k"
  done
  echo "  h$count = [$names] -> Concatenate()"
  ;;
*)
  echo "layers.sh: no kind $kind" >&2
  exit 2
  ;;
esac
case $kind in
lstm | encoder) echo "  output y = h$count -> GlobalAveragePooling1D() -> Dense(1)" ;;
*) echo "  output y = h$count -> Dense(1)" ;;
esac
printf '}\n\ntrain layers {\n  loss = mse\n  optimizer = Adam(learning_rate = 0.001)\n}\n'
