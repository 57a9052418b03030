#!/bin/sh
# Embedding(weights = "FILE"): the file is looked for beside the source file that names it, wherever nlmc and the
# program run; --pretrained goes by the working directory.
. "$2/tests/cli/checks.inc"
rm -rf ./* && mkdir -p models/parts elsewhere
# train NAME STATUS WORDS...: runs ../NAME in the folder elsewhere; all it says in `said`
train() {
  program=$1 wanted=$2
  shift 2
  (cd elsewhere && "../$program" train ../data.tsv --epochs 1 --learning-rate 0 "$@") >said 2>&1
  status=$?
  [ "$status" -eq "$wanted" ] || { fail "$program ended with $status, not $wanted" && cat said; }
}
cat >models/words.nlm <<'END'
include "parts/blocks.nlm"
model words {
  input text: text
  ids = text -> TextVectorization(20)
  own = ids -> Embedding(20, 2, weights = "own.vec") -> GlobalAveragePooling1D()
  output y = Concatenate()(own, ids -> Theirs()) -> Dense(1, activation = sigmoid)
}
train { loss = binary_crossentropy }
END
echo 'block Theirs()(x) { return x -> Embedding(20, 2, weights = "vectors/theirs.vec") -> GlobalAveragePooling1D() }' \
  >models/parts/blocks.nlm
mkdir models/parts/vectors
printf 'good 1 2\n' >models/own.vec
printf 'good 3 4\nbad 5 6\n' >models/parts/vectors/theirs.vec
printf 'a\tgood film\nb\tbad film\n' >data.tsv

(cd models/parts && "$nlmc" build ../words.nlm -O0 -o ../../words) || fail "nlmc in another folder"
train words 0
says said '1 of 3 words'
says said "own.vec"
says said '2 of 3 words'
says said "parts/vectors/theirs.vec"

# A program that was moved away from its files names the path that it tried.
mv models moved
train words 1
says said "$PWD/models/own.vec: No such file or directory"
says said '--pretrained LAYER=FILE names another file'
train words 0 --pretrained embedding=../moved/own.vec \
  --pretrained theirs/embedding=../moved/parts/vectors/theirs.vec
says said '2 of 3 words'

# An absolute path stays as it is, and a source from standard input counts as one in the working directory.
sed "s|weights = \"own.vec\"|weights = \"$PWD/moved/own.vec\"|" moved/words.nlm >moved/absolute.nlm
expect 0 build moved/absolute.nlm -O0 -o absolute
train absolute 0
says said "from $PWD/moved/own.vec"
cd moved || exit 1
"$nlmc" build - -O0 -o ../piped <words.nlm || fail "a source from standard input"
cd ..
train piped 0
says said "from $PWD/moved/own.vec"
finish
