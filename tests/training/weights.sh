#!/bin/sh
# Weights of rows and classes. The model says 0.5 to everything and learns nothing, so that a row's loss is ln 2.
nlmc=$1
. "$(dirname "$0")/shared.sh"

model() { # NAME SETTINGS...
  name=$1
  shift
  cat >"$name.nlm" <<END
model $name {
  input review: text
  output label = review -> TextVectorization(50) -> Embedding(50, 2, mask_zero = true) -> GlobalAveragePooling1D()
    -> Dense(1, activation = sigmoid, kernel_initializer = zeros)
}
train $name {
  loss = binary_crossentropy
  optimizer = SGD(learning_rate = 0.0)
  $*
}
END
  expect 0 "$nlmc" build "$name.nlm" -o "$name"
}
loss() { # PROGRAM EXPECTED DATA...: of an epoch, in units of ln 2
  program=$1 expected=$2
  shift 2
  expect 0 "./$program" train "$@" --log "$program.log" --save w.safetensors
  near "$(logged "$program.log" 0 loss)" "$(awk -v x="$expected" 'BEGIN { print x * log(2) }')"
}

printf 'label\ttext\nneg\ta\npos\tb\nneg\tc\nneg\td\npos\te\n' >plain.tsv
printf 'label\ttext\tsample_weight\nneg\ta\t2\npos\tb\t0\nneg\tc\t0.5\nneg\td\t1\npos\te\t4\n' >rows.tsv
printf 'text,Sample_Weight,label\na,2,neg\nb,0,pos\nc,0.5,neg\nd,1,neg\ne,4,pos\n' >rows.csv
printf '{"text": "%s", "label": "%s", "sample_weight": %s}\n' a neg 2 b pos 0 c neg 0.5 d neg 1 e pos 4 >rows.jsonl

# the sum of the weights over the number of rows
model rows "sample_weight = true"
loss rows 1 plain.tsv
loss rows 1.5 rows.tsv
loss rows 1.5 rows.csv
loss rows 1.5 rows.jsonl
expect 0 ./rows evaluate rows.tsv --weights w.safetensors --format json
near "$(sed 's/.*"loss": \([0-9.e-]*\).*/\1/' out)" 1.0397207708

# classes, by name, by number, in balance (5 / (2 * 3) and 5 / (2 * 2)), and both kinds of weights
model classes "class_weight = {neg: 0.5, pos: 3}"
loss classes 1.5 plain.tsv
loss classes 2.75 rows.tsv
model numbers "class_weight = {0: 0.5, 1: 3}"
loss numbers 1.5 plain.tsv
model list "class_weight = [0.5, 3]"
loss list 1.5 plain.tsv
model balanced "class_weight = balanced metrics = [accuracy] weighted_metrics = [accuracy]"
loss balanced 1 plain.tsv
# 0.5 is a no: three of five are right, which is half of it in balance
near "$(logged balanced.log 0 accuracy)" 0.6
near "$(logged balanced.log 0 weighted_accuracy)" 0.5
# only the training part is counted, and validation knows no weights of classes: 1 no, 2 yes, 2 no
printf 'label\ttext\nneg\ta\npos\tb\npos\tc\nneg\td\nneg\te\n' >split.tsv
loss balanced 1 split.tsv --validation-split 0.4
near "$(logged balanced.log 0 val_loss)" 0.6931471806
near "$(logged balanced.log 0 val_weighted_accuracy)" 1
# validation data bring weights of their own
loss classes 1.5 plain.tsv --validation rows.tsv
near "$(logged classes.log 0 val_loss)" 1.0397207708

# mistakes
expect 1 ./rows train plain.tsv --sample-weight none.npy
says "none.npy"
# numbers beyond the model's own: 1e300 in double
rows=$(($(wc -l <plain.tsv) - 1))
{
  printf '\223NUMPY\001\000\166\000'
  printf '%-117s\n' "{'descr': '<f8', 'fortran_order': False, 'shape': ($rows,), }"
  for _ in $(seq "$rows"); do printf '\234\165\000\210\074\344\067\176'; done
} >huge.npy
expect 1 ./rows train plain.tsv --sample-weight huge.npy
says "huge.npy: error: row 0 holds 1.0000000000000001e+300, which is too large for a 32-bit float"
sed 's/0.5/-0.5/' rows.tsv >bad.tsv
expect 1 ./rows train bad.tsv
says "bad.tsv:4: error: 'sample_weight' is -0.5; weights must be 0 or more"
sed 's/0.5/nan/' rows.tsv >bad.tsv
expect 1 ./rows train bad.tsv
says "bad.tsv:4: error: "
sed '2s/, "sample_weight": 0//' rows.jsonl >bad.jsonl
expect 1 ./rows train bad.jsonl
says "bad.jsonl:2: error: 'sample_weight' is missing"
model unweighted "epochs = 1"
expect 1 ./unweighted train rows.tsv
says "write sample_weight = true into the train block"
expect 0 ./unweighted predict a --weights w.safetensors
model unknown "class_weight = {nge: 1}"
expect 1 ./unknown train plain.tsv
says "output 'label' has no class 'nge'; did you mean 'neg'?"
exit 0
