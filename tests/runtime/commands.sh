#!/bin/sh
# train, evaluate, predict, check-data and their messages.
. "$(dirname "$0")/data.sh"

expect 0 train train.tsv --validation test.tsv --log log.csv --seed 3
says "Epoch 1/6 - "
says "val_loss improved from None to "
[ -f tiny.safetensors ] || fail "no weights were written"
head -1 log.csv >out
says "epoch,accuracy,loss,val_accuracy,val_loss"
[ "$(wc -l <log.csv)" -eq 7 ] || fail "the log has not a line per epoch"

expect 0 evaluate test.tsv --format json
says '"accuracy": 1'
says '"loss": 0.'
expect 0 evaluate test.tsv
says "20 rows - accuracy: 1.0000 - loss: "
expect 0 predict "a fine film" "a dull film"
says pos
says neg

# without validation data the monitor is `loss`, said aloud
expect 0 train train.tsv --save plain.safetensors --epochs 2
says "ModelCheckpoint: there is no validation data, so it watches 'loss' instead of 'val_loss'"
says "loss improved from None to "
expect 0 train train.tsv --validation-split 0.25 --save split.safetensors --epochs 2
says "training on 45 rows, validating on 15"
expect 0 train train.tsv --save quiet.safetensors --epochs 2 --quiet
[ -s out ] && fail "--quiet said something"
expect 0 train train.tsv --save profile.safetensors --epochs 2 --profile
says "everything"
says "optimizer"

# mistakes
expect 2 train train.tsv --epoch 3
says "did you mean '--epochs'?"
expect 2 train
says "name the data"
expect 2 train train.tsv --epochs 0
says "--epochs must be"
expect 2 trian train.tsv
says "did you mean 'train'?"
expect 1 train train.tsv --save none/tiny.safetensors
says "the folder 'none' does not exist"
grep -q "Epoch" out && fail "training began"
expect 1 train missing.tsv
says "missing.tsv"
printf 'pos\tgood\n\377neg\tbad\n' >bad.tsv
expect 1 train bad.tsv
says "bad.tsv:2: error: "
printf 'a\tx\nb\ty\nc\tz\n' >three.tsv
expect 1 train three.tsv
says "tells 2 classes apart"
printf 'pos\tgood\nodd\tbad\n' >odd.tsv
expect 1 train train.tsv --validation odd.tsv
says "odd.tsv:2: error: "
expect 1 evaluate odd.tsv
says "odd.tsv:2: error: "
expect 1 evaluate test.tsv --weights none.safetensors
says "none.safetensors"

expect 0 check-data train.tsv test.tsv
says "train.tsv: 60 rows, 0 problems"
says "50.0%  pos"
says "test.tsv: "
says "of its rows are in train.tsv too"
expect 1 check-data bad.tsv
says "bad.tsv:2"

expect 0 help train
says "--validation-split F"
expect 0 --version
says "tiny"
