#!/bin/sh
# What nlmc builds: the same bytes each time, predictions with several axes as .npy, ids that no table has.
. "$2/tests/cli/checks.inc"
rm -rf ./*
# runs STATUS WORDS...: a program of this folder; output in the files out and err.
runs() {
  wanted=$1
  shift
  "$@" >out 2>err </dev/null
  status=$?
  [ "$status" -eq "$wanted" ] || { fail "$* ended with $status, not $wanted" && cat out err; }
}
# holds FILE.npy SHAPE NUMBERS: float32
holds() {
  head -c 128 "$1" | grep -aq "'descr': '<f4'.*'shape': ($2)" || { fail "$1 has not the shape ($2)" && head -c 120 "$1"; }
  found=$(od -An -v -tfF -w4 -j128 "$1" | awk '{ printf "%s%s", (NR > 1 ? " " : ""), $1 + 0 }')
  [ "$found" = "$3" ] || fail "$1 should hold $3, holds $found"
}

cat >axes.nlm <<'END'
model axes {
  input a: float[time_a, 2]
  input b: float[time_b, 2]
  input id: int
  scores = Dot(axes = 2)(a, b)
  output table = scores
  output row = Flatten()(Embedding(7, 1, embeddings_initializer = "ones")(id))
}
train { loss = {row: mse} }
END
expect 0 build axes.nlm -O0 -o axes
expect 0 build axes.nlm -O0 -o again
cmp -s axes again || fail "two builds of a model differ"
for kind in lib shared; do
  expect 0 emit $kind axes.nlm -O0 -o "1.$kind"
  (TMPDIR=. && export TMPDIR && expect 0 emit $kind axes.nlm -O0 -o "2.$kind")
  cmp -s "1.$kind" "2.$kind" || fail "emit $kind twice gives two results"
done
[ "$(ar t 1.lib)" = nlm_model_axes.o ] || fail "the member of the archive is $(ar t 1.lib)"
for left in nlmc-*; do
  [ -e "$left" ] && fail "a temporary folder was left"
done

# Every row has lengths of its own on both axes; a result is as large as the longest of all batches.
cat >axes.jsonl <<'END'
{"a": [[1, 2]], "b": [[1, 0], [0, 1], [1, 1]], "id": 1, "row": 1}
{"a": [[1, 1], [2, 3]], "b": [[5, 7]], "id": 6, "row": 1}
{"a": [[1, 0], [0, 1], [4, 5]], "b": [[2, 3]], "id": 0, "row": 1}
END
runs 0 ./axes train axes.jsonl --epochs 1 --learning-rate 0
for batch in 1 2 3; do
  runs 0 ./axes predict --input axes.jsonl --format npy --output "by$batch" --batch-size $batch
  holds "by$batch/table.npy" '3, 3, 3' '1 2 3 0 0 0 0 0 0 12 0 0 31 0 0 0 0 0 2 0 0 3 0 0 23 0 0'
  holds "by$batch/row.npy" '3, 1' '1 1 1'
done

# Words of unequal length: [rows, words, characters, 1]; the ids of a row are counted from the vocabulary.
cat >letters.nlm <<'END'
model letters {
  input words: text[time]
  ids = TextVectorization(20, split = "character")(words)
  output marks = Embedding(20, 1, embeddings_initializer = "ones", mask_zero = true, trainable = false)(ids)
  output label = marks -> mean(axis = 1) -> GlobalMaxPooling1D() -> Dense(1, activation = sigmoid)
}
train { loss = {label: binary_crossentropy} }
END
if "$nlmc" build letters.nlm -O0 -o letters 2>err; then
  printf '{"words": ["ab", "abc"], "label": "x"}\n{"words": ["a"], "label": "y"}\n' >letters.jsonl
  runs 0 ./letters train letters.jsonl --epochs 1 --learning-rate 0
  runs 0 ./letters predict --input letters.jsonl --format npy --output letters1 --batch-size 1
  holds letters1/marks.npy '2, 2, 3, 1' '1 1 1 1 1 1 1 0 0 0 0 0'
else
  fail "letters.nlm" && cat err
fi

# An id that the table lacks: input, row and its place in the data, id, size; by all commands.
sed 's/"id": 6/"id": 7/' axes.jsonl >wrong.jsonl
for words in 'train wrong.jsonl --save wrong.safetensors' 'evaluate wrong.jsonl' 'predict --input wrong.jsonl'; do
  # shellcheck disable=SC2086
  runs 1 ./axes $words
  says err "input 'id', row 1 (wrong.jsonl:2): id 7 is outside its table of 7 rows"
done
cat >steps.nlm <<'END'
model steps {
  input words: int[time]
  output y = words -> Embedding(50, 2, mask_zero = true) -> GlobalAveragePooling1D() -> Dense(1)
}
train { loss = mse }
END
expect 0 build steps.nlm -O0 -o steps
printf '{"words": [1, 49], "y": 1}\n{"words": [3], "y": 0}\n{"words": [5, 4, 50, 3], "y": 0}\n' >steps.jsonl
runs 1 ./steps train steps.jsonl --no-shuffle
says err "input 'words', row 2 (steps.jsonl:3), step 2: id 50 is outside its table of 50 rows"
sed 's/50/-1/' steps.jsonl >negative.jsonl
runs 1 ./steps train negative.jsonl --no-shuffle
says err "step 2: id -1 is outside its table of 50 rows"
finish
