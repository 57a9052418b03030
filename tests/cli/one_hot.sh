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
  if stored; then
    fail "OneHot($2) of words[$1] is stored for $3"
  fi
}
# A buffer of this width for each step; 740407 is that of 37 steps.
stored() {
  grep -v ': weight\|gradient' out | grep -E '^ +b[0-9]+ .*[[* ](20011|740407)[] *]'
}
# Without the pass that sees them, the rows are stored, and that is seen here.
for width in time 37; do
  cat >wide.nlm <<END
model wide {
  input words: int[$width]
  output y = words -> OneHot(20011) -> Bidirectional(LSTM(4)) -> Dense(1, activation = sigmoid)
}
train { loss = binary_crossentropy }
END
  expect 0 emit kernels wide.nlm --training --disable-pass one_hot
  stored >seen || fail "stored rows of words[$width] are seen"
done
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
