#!/bin/sh
# predict --layer NAME: what each layer makes, computed anew from the table that `info --export` writes.
. "$2/tests/cli/checks.inc"
rm -rf ./*
cat >words.nlm <<'END'
model words {
  input review: text
  vectors = review -> TextVectorization(10) -> Embedding(10, 3)
  output mood = vectors -> Dropout(0.5) -> GlobalAveragePooling1D() -> Dense(1, activation = sigmoid)
}
train words {
  optimizer  = SGD(learning_rate = 0.1)
  loss       = binary_crossentropy
  epochs     = 2
  batch_size = 4
}
END
printf 'label\ttext\npos\tgood fine good\nneg\tbad dull\npos\tfine\nneg\tbad bad good\n' >train.tsv

# run STATUS WORDS...: the executable; output in the files out and err.
run() {
  wanted=$1
  shift
  ./words "$@" >out 2>err </dev/null
  status=$?
  [ "$status" -eq "$wanted" ] || fail "words $* should exit with $wanted, exited with $status: $(cat err)"
}
# close_to FILE: the numbers of `out` and of FILE, line by line, within rounding.
close_to() {
  paste -d ' ' out "$1" | awk '{ if (NF % 2 || NF == 0) bad = 1
    for (k = 1; k <= NF / 2; k++) { d = $k - $(k + NF / 2); if (d < -1e-6 || d > 1e-6) bad = 1 } }
    END { exit bad || NR != 2 }' || { fail "layer values should be those of $1" && cat out "$1"; }
}

expect 0 build words.nlm -o words
run 0 train train.tsv --quiet
run 0 info --export embedding=words.vec
row() { sed -n "s/^$1 //p" words.vec; }

# Ids are the lines of the table, where line 1 holds its size and id 0 is padding.
awk '$1 == "good" { good = NR - 1 } $1 == "bad" { bad = NR - 1 } $1 == "fine" { fine = NR - 1 }
  END { print good, bad; print fine, 0 }' words.vec >ids
run 0 predict "good bad" fine --layer text_vectorization
cmp out ids || fail "the ids of words"

{ echo "$(row good) $(row bad)"; row fine; } >rows
for layer in embedding dropout; do
  run 0 predict "good bad" fine --layer $layer --batch-size 1
  close_to rows
done
awk 'NR == 1 { print ($1 + $4) / 2, ($2 + $5) / 2, ($3 + $6) / 2 } NR == 2' rows >means
run 0 predict "good bad" fine --layer global_average_pooling1d --batch-size 1
close_to means

# The last layer is the output, labels included; the output's own name serves as well.
run 0 predict "good bad" fine
mv out plain
for layer in dense mood; do
  run 0 predict "good bad" fine --layer $layer
  cmp out plain || fail "layer $layer makes the output"
done

# Other formats. More rows than are computed at once give as many results.
run 0 predict fine --layer embedding --format json
printf '{"values": [[%s]]}\n' "$(row fine | sed 's/ /, /g')" >wanted
cmp out wanted || fail "a sequence of rows as JSON"
run 0 predict "good bad" fine --layer embedding --format npy --output folder --batch-size 1
says folder/embedding.npy "'shape': (2, 2, 3)"
run 0 predict a b c d e f g h i j k l --layer embedding
[ "$(wc -l <out)" -eq 12 ] || fail "a line for each text"

run 1 predict good --layer embeding
says err "the model has no layer 'embeding'; did you mean 'embedding'?"
says err "'global_average_pooling1d'"

finish
