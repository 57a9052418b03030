#!/bin/sh
# The stages of every model of tests/lang and of the shape tests that uses layers of this compiler; `fmt` changes a
# file at most once.
. "$2/tests/cli/checks.inc"
rm -rf ./*
compiled=0
for file in "$root"/tests/lang/*.nlm "$root"/tests/cli/shapes/*.nlm "$root"/examples/*/*.nlm; do
  expect 0 emit ast "$file"
  exists out
  cp "$file" once.nlm
  expect 0 fmt once.nlm
  cp once.nlm twice.nlm
  expect 0 fmt twice.nlm
  cmp -s once.nlm twice.nlm || fail "formatting $file twice is formatting it once"
  expect 0 fmt --check once.nlm
  "$nlmc" fmt - <"$file" >streamed.nlm || fail "formatting $file from standard input"
  cmp -s once.nlm streamed.nlm || fail "formatting $file in place and through pipes is the same"
  "$nlmc" check "$file" >out 2>err || continue
  for model in $(sed -n 's/^model \([a-z_0-9]*\).*/\1/p' "$file"); do
    for kind in graph ops kernels; do
      expect 0 emit $kind "$file" --model "$model" --training
      exists out
      is_empty err
    done
    compiled=$((compiled + 1))
  done
done
[ "$compiled" -ge 8 ] || fail "only $compiled models were compiled"
printf 'model   m{input x:float[3] output y=x}' >wide.nlm
expect 1 fmt --check wide.nlm
says out wide.nlm
expect 0 fmt wide.nlm
cat >expected <<'END'
model m {
  input x: float[3]
  output y = x
}
END
cmp -s wide.nlm expected || { fail "the canonical layout of a small model" && cat wide.nlm; }
finish
