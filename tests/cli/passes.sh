#!/bin/sh
# Every pass can be dumped before and after, stopped at and timed; optional ones can be left out.
. "$2/tests/cli/checks.inc"
rm -rf ./*
cat >small.nlm <<'END'
model small {
  input words: int[time]
  output y = words -> Embedding(9, 4, mask_zero = true) -> Bidirectional(LSTM(3)) -> Dense(1, activation = sigmoid)
}
train { loss = binary_crossentropy }
END
expect 0 help passes
passes=$(sed 's/ .*//' out)
required=$(sed -n 's/^\([a-z_-]*\) .*(always runs)$/\1/p' out)
[ "$(echo "$passes" | wc -l)" -ge 8 ] || fail "nlmc help passes lists the passes"
[ -n "$required" ] || fail "some passes always run"
expect 0 emit kernels small.nlm --training
mv out plain
for pass in $passes; do
  for when in before after; do
    expect 0 emit kernels small.nlm --training --dump-$when "$pass"
    [ "$(grep -c "^# $when $pass\$" out)" -eq 3 ] || fail "--dump-$when $pass shows all three programs"
    sed -n '/^program /q;p' out >/dev/null
    tail -n "$(wc -l <plain)" out | cmp -s - plain || fail "--dump-$when $pass changes the kernels"
  done
  expect 0 build small.nlm -o unwritten --stop-after "$pass"
  says err "stopped after the pass '$pass'"
  absent unwritten
  expect 0 emit ops small.nlm --stop-after "$pass"
  says out 'program infer'
  case " $(echo $required) " in
    *" $pass "*)
      expect 2 emit kernels small.nlm --disable-pass "$pass"
      says err "the pass '$pass' is needed"
      ;;
    *)
      expect 0 emit kernels small.nlm --training --disable-pass "$pass"
      exists out
      expect 0 emit obj small.nlm -o without.o --disable-pass "$pass"
      ;;
  esac
done
expect 0 emit obj small.nlm -o timed.o --time-passes
for pass in $passes; do
  grep -qE "ms  $pass\$" err || fail "--time-passes shows $pass"
done
finish
