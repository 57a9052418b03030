#!/bin/sh
# Words, options and exit codes of every command.
. "$2/tests/cli/checks.inc"
rm -rf ./* && mkdir sub
cp "$root/tests/lang/imdb.nlm" imdb.nlm
cp "$root/tests/lang/glove.nlm" glove.nlm
cat >small.nlm <<'END'
include "sub/parts.nlm"
const units = 3
model small {
  input x: float[time, 4]
  output y = x -> LSTM(units) -> Half(2)
}
train { loss = mse }
END
echo 'block Half(units)(x) { return x -> Dense(units // 2) }' >sub/parts.nlm

# Wrong words on the command line: 2, on standard error, nothing on standard output.
for words in '' hlep build 'build a.nlm b.nlm' shapes emit 'emit obj' 'emit obk small.nlm' check fmt 'help a b' \
  'help Dens' 'build small.nlm --oputput x' 'shapes small.nlm --format xml' 'shapes small.nlm --dim time' \
  'shapes small.nlm --dim time=0' 'shapes small.nlm --dim time=x' 'check small.nlm --diagnostics xml' \
  'build small.nlm -O4' 'build small.nlm -o' 'build small.nlm -D units' 'build small.nlm --dtype f16' \
  'build small.nlm --disable-pass nothing' 'build small.nlm --disable-pass schedule' \
  'build small.nlm --dump-after nothing' 'emit obj small.nlm --prefix 1x' 'emit asm small.nlm --cpu nothing' \
  'emit asm small.nlm --target nothing' 'fmt small.nlm -o x'; do
  # shellcheck disable=SC2086
  expect 2 $words
  is_empty out
  says err nlmc:
done
expect 2 hlep
says err "did you mean 'help'?"
expect 2 emit obk small.nlm
says err "did you mean 'obj'?"
expect 2 shapes small.nlm --fromat json
says err "did you mean '--format'?"

# What the model or the files are to blame for: 1.
for words in 'check nothing.nlm' 'build nothing.nlm' 'shapes nothing.nlm' 'emit ast nothing.nlm' \
  'emit kernels nothing.nlm' 'fmt nothing.nlm' 'check sub' 'shapes glove.nlm' 'shapes glove.nlm --model glov' \
  'check small.nlm -D unit=4' 'check small.nlm -D units=0' 'build small.nlm -D units=x' \
  'build small.nlm -o nothing/small' 'emit obj small.nlm -o nothing/small.o' \
  'build small.nlm --weights nothing.safetensors' 'shapes small.nlm --expect nothing.json'; do
  # shellcheck disable=SC2086
  expect 1 $words
  [ -s err ] || fail "$words should say why"
done
expect 1 check nothing.nlm
says err 'nothing.nlm cannot be read: No such file or directory'
expect 1 check small.nlm -D unit=4
says err "-D unit: there is no constant 'unit'; did you mean 'units'?"
expect 1 shapes glove.nlm --model glov
says err "did you mean 'glove'?"
expect 1 shapes glove.nlm
says err 'choose one with --model NAME'

# check: silent when all is well; options of compilation are taken; several files in one array.
expect 0 check small.nlm imdb.nlm glove.nlm -O3 --cpu native --dtype f64 --time-passes
is_empty out
is_empty err
expect 1 check imdb.nlm nothing.nlm sub/parts.nlm --diagnostics json
is_empty err
[ "$(grep -c '^\[' out)" -eq 1 ] || fail "one array for all files"
says out '"file": "sub/parts.nlm", "line": 1, "column": 1'
expect 0 check imdb.nlm --diagnostics json
[ "$(cat out)" = '[]' ] || fail "no diagnostics: an empty array"

# shapes: standard input, constants, dimensions, comparison.
"$nlmc" shapes - --format json <imdb.nlm >stdin.json || fail "shapes of standard input"
expect 0 shapes imdb.nlm --format json
cmp -s out stdin.json || fail "standard input gives the same report"
expect 0 shapes imdb.nlm -D max_tokens=5000
says out 'Total params: 1,354,049'
expect 0 shapes small.nlm --dim batch=2 --dim time=10 --training
says out '(2, 10, 4)'
says out 'FLOP of a training step'
says out 'Workspace for prediction: '
says out 'Workspace for training: '
says out 'Kept for the backward pass: '
expect 0 shapes small.nlm --dim batch=2
says err 'also need --dim time=N'
expect 0 shapes imdb.nlm --dim batch=32 --dim time=600
says err "no dimension 'time'"
says out '(32, 600, 256)'
expect 0 shapes small.nlm --dim batch=2 --dim time=10 --format json
says out '"concrete_shape": [2, 10, 4], "output_bytes": 320'
says out '"workspace_bytes": {"prediction": '
expect 0 shapes imdb.nlm --format json
mv out stored.json
expect 0 shapes imdb.nlm --expect stored.json
is_empty out
expect 1 shapes imdb.nlm --expect stored.json -D max_tokens=5000
says err params
for format in dot svg; do
  expect 0 shapes imdb.nlm --format $format
  says out bidirectional
done

# Diagnostics stand apart from results.
cat >warned.nlm <<'END'
model warned {
  input words: int[8]
  output y = words -> Embedding(9, 2, mask_zero = true) -> Flatten()
}
END
expect 0 shapes warned.nlm --format json --diagnostics json
says err '"severity": "warning"'
says out '{"model": "warned"'
expect 0 shapes warned.nlm
says err 'warned.nlm:3:60: warning: Flatten cannot use the mask'
[ "$(tr -d '\033' <err | wc -c)" -eq "$(wc -c <err)" ] || fail "colours go to terminals only"

# emit: where results go.
expect 0 emit obj small.nlm
exists small.o
exists small.h
is_empty out
says small.h 'extern const struct nlm_abi_model nlm_model_small;'
expect 0 emit obj small.nlm -o sub/other.o --prefix my_ --depfile sub/other.d
exists sub/other.o
says sub/other.h 'my_nlm_model_small'
[ "$(cat sub/other.d)" = 'sub/other.o: small.nlm sub/parts.nlm' ] || fail "the dependencies of an object file"
expect 0 emit obj small.nlm -o -
cmp -s out small.o || fail "the same object on standard output"
absent -- -.h
"$nlmc" emit obj - -o - <imdb.nlm >stream.o || fail "from standard input to standard output"
exists stream.o
for kind in header llvm asm; do
  expect 0 emit $kind small.nlm -o -
  says out nlm_model_small
done
expect 0 emit header small.nlm -o named.h
exists named.h
expect 0 emit bitcode small.nlm
exists small.bc
expect 0 emit lib small.nlm
exists small.a
expect 0 emit shared small.nlm
exists small.so
for kind in ast graph ops kernels; do
  expect 0 emit $kind imdb.nlm
  exists out
  is_empty err
done
expect 0 emit ast imdb.nlm -o tree.ast --depfile tree.d
[ "$(cat tree.d)" = 'tree.ast: imdb.nlm' ] || fail "the dependencies of a tree"
expect 0 emit ops small.nlm --training
says out 'program infer'
says out 'program grad'

# build: a program of its own; nothing half-written, no source overwritten, no temporary file left behind.
expect 0 build imdb.nlm --depfile imdb.d
exists imdb
[ -x imdb ] || fail "an executable can be started"
[ "$(cat imdb.d)" = 'imdb: imdb.nlm' ] || fail "the dependencies of an executable"
expect 0 build small.nlm -o sub/prog -D units=5 -O0
exists sub/prog
cp imdb.nlm plain
expect 2 build plain
says err 'would replace plain'
cp imdb.nlm plain.nlm
expect 2 build plain.nlm -o other --depfile ./plain.nlm
says err 'would replace plain.nlm'
expect 2 emit ast plain.nlm -o plain.nlm
says err 'would replace plain.nlm'
expect 2 emit obj plain.nlm -o same.h
says err 'same.h would be two results'
expect 2 build plain.nlm -o other --depfile other
says err 'other would be two results'
absent other
for file in plain plain.nlm; do
  cmp -s $file imdb.nlm || fail "the source stays as it was"
done
mkdir temporary
TMPDIR=$PWD/temporary
export TMPDIR
CC=/nonexistent
export CC
expect 1 build small.nlm -o unlinked
says err "cannot start '/nonexistent'"
says err 'nlmc emit obj'
absent unlinked
CC=false
expect 1 build small.nlm -o unlinked
says err "'false' ended with 1"
absent unlinked
unset CC
PATH_KEPT=$PATH
# shellcheck disable=SC2123 # a machine without tools
PATH=/nonexistent
"$nlmc" build small.nlm -o unlinked >out 2>err
[ $? -eq 1 ] || fail "without a linker: 1"
PATH=$PATH_KEPT
says err "cannot start 'cc'"
absent unlinked
expect 0 build small.nlm -o linked
exists linked
[ -z "$(ls temporary)" ] || fail "temporary files are removed"
[ -z "$(find . -name '*.tmp')" ] || fail "no temporary file stays beside a result"
expect 1 build small.nlm -o absent/linked
says err 'nlmc: cannot write absent/linked: absent does not exist'
expect 1 emit asm small.nlm -o small.nlm/code.s
says err 'nlmc: cannot write small.nlm/code.s: small.nlm is no folder'
TMPDIR=$PWD/absent
expect 1 build small.nlm -o unlinked
says err 'cannot make a temporary file in'
unset TMPDIR

expect 0 --version
says out 'nlmc '
finish
