#!/bin/sh
# One-hot rows never become a matrix in memory, whatever reads them: no buffer but a weight has their width.
. "$2/tests/cli/checks.inc"
rm -rf ./*
try() { # INPUT OPTIONS LAYERS
  cat >wide.nlm <<END
model wide {
  input words: int[$1]
  output y = words -> OneHot(20011$2) -> $3 -> Dense(1, activation = sigmoid)
}
train { loss = binary_crossentropy }
END
  expect 0 emit kernels wide.nlm --training
  if grep -v ': weight\|gradient' out | grep -qE '^ +b[0-9]+ .*[[* ]20011[] *]'; then
    grep 20011 out
    fail "OneHot($2) of words[$1] is stored for $3"
  fi
}
for width in time 37; do
  for mask in '' ', mask_zero = true'; do
    for layers in 'LSTM(4)' 'Bidirectional(LSTM(4))' 'Bidirectional(GRU(4, return_sequences = true)) -> GRU(3)' \
      'SimpleRNN(4, go_backwards = true)' 'Dense(3, activation = relu) -> GlobalAveragePooling1D()' 'Dense(3) -> GlobalMaxPooling1D()' \
      'TimeDistributed(Dense(3)) -> LSTM(2)' 'Conv1D(4, 3, padding = same) -> GlobalMaxPooling1D()' \
      'Dense(4) -> GRU(2)'; do
      try $width "$mask" "$layers"
    done
  done
done
finish
