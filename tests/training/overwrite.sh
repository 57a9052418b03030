#!/bin/sh
# Files that callbacks of the source and tensors by name bring: no result replaces one that is read.
nlmc=$1
. "$(dirname "$0")/shared.sh"

build() { # NAME CALLBACK
  printf 'model %s { input x: float[1] output y = x -> Dense(1) } train { loss = mse epochs = 1 callbacks = [%s] }\n' \
    "$1" "$2" >"$1.nlm"
  expect 0 "$nlmc" build "$1.nlm" -O0
}
refused() { # RESULT OPTION COMMAND...
  result=$1 remedy=$2
  cp "$result" kept
  shift 2
  expect 2 "$@"
  says "the result $result would replace "
  says ", which is read; name another file $remedy"
  cmp -s "$result" kept || fail "$result was replaced"
}
printf '{"x": [0], "y": 1}\n' >d.jsonl
printf "\223NUMPY\001\000v\000%-117s\n\001\002" "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1), }" >x.npy
mkdir results backup
cp x.npy results/y.npy
cp d.jsonl backup/training.checkpoint
build logger 'CSVLogger("d.jsonl")'
refused d.jsonl "in CSVLogger" ./logger train d.jsonl
build checkpoint 'ModelCheckpoint("./d.jsonl")'
refused ./d.jsonl "in ModelCheckpoint" ./checkpoint train d.jsonl
build backup_model 'BackupAndRestore("backup")'
refused backup/training.checkpoint "in BackupAndRestore" ./backup_model train d.jsonl --validation backup/training.checkpoint

build plain ''
refused x.npy "with --save" ./plain train --input x=x.npy --target y=results/y.npy --save x.npy
refused results/y.npy "with --log" ./plain train --input x=x.npy --target y=results/y.npy --log results/y.npy
expect 0 ./plain train --input x=x.npy --target y=results/y.npy
refused results/y.npy "with --output" ./plain predict --input x=results/y.npy --format npy --output results
expect 0 ./plain predict --input x=x.npy --format npy --output results
expect 2 ./plain train d.jsonl --save ./plain
says "the result ./plain would replace this program; name another file with --save"

# labels are read beside images
printf '\000\000\010\002\000\000\000\002\000\000\000\001\001\002' >a-images-idx3-ubyte
printf '\000\000\010\001\000\000\000\002\000\001' >a-labels-idx1-ubyte
refused a-labels-idx1-ubyte "with --log" ./plain train a-images-idx3-ubyte --log a-labels-idx1-ubyte
