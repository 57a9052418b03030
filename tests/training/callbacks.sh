#!/bin/sh
# LearningRateScheduler sets each epoch's rate; BackupAndRestore lets the same command go on after an interruption.
# The model adds its bias to nothing: with the loss (b - y)^2 and y = 1 a step of SGD is b += 2 rate (1 - b).
nlmc=$1
. "$(dirname "$0")/shared.sh"

write() { # NAME SETTINGS [MODEL]
  cat >"$1.nlm" <<END
model ${3-line} {
  input x: float[1]
  output y = x -> Dense(1, kernel_initializer = zeros)
}
train ${3-line} {
  loss      = mse
  $2
}
END
  expect 0 "$nlmc" build "$1.nlm" -o "$1"
}
printf '{"x": [0], "y": 1}\n' >row.jsonl
# The files tell of their sources, too: the weights are their last bytes.
same_weights() { [ "$(tail -c 8 "$1" | od -An -tx1)" = "$(tail -c 8 "$2" | od -An -tx1)" ]; }
rates() { # LOSSES of the epochs, from 0
  epoch=0
  for expected; do
    near "$(logged log.csv $epoch loss)" "$expected"
    epoch=$((epoch + 1))
  done
}

write list "optimizer = SGD()
  epochs = 4
  callbacks = [LearningRateScheduler([0.25, 0.0, 0.5])]"
expect 0 ./list train row.jsonl --log log.csv --save w.safetensors
rates 1 0.25 0.25 0
write halves "optimizer = SGD()
  epochs = 3
  callbacks = [LearningRateScheduler(ExponentialDecay(0.25, decay_steps = 1, decay_rate = 0.5), verbose = 1)]"
expect 0 ./halves train row.jsonl --log log.csv --save w.safetensors
says "Epoch 2: LearningRateScheduler setting learning rate to 0.125."
rates 1 0.25 0.140625
expect 1 ./halves train row.jsonl --learning-rate 0.5
says "LearningRateScheduler: it sets the rate of each epoch; leave --learning-rate out"

# a backup that the end of training leaves: the same command goes on
settings="optimizer = Lamb(0.05)"
write kept "$settings
  callbacks = [BackupAndRestore(\"kept_backup\", delete_checkpoint = false)]"
expect 0 ./kept train row.jsonl --epochs 2 --save part.safetensors --log part.csv
[ -f kept_backup/training.checkpoint ] || fail "there is no backup"
expect 0 ./kept train row.jsonl --epochs 5 --save part.safetensors --log part.csv
says "an interrupted training goes on from kept_backup/training.checkpoint"
says "Epoch 3/5"
write plain "$settings"
expect 0 ./plain train row.jsonl --epochs 5 --save whole.safetensors --log whole.csv
same_weights part.safetensors whole.safetensors || fail "the resumed training made other weights"
cmp part.csv whole.csv || fail "the resumed training has other logs"

# a backup of anything else is refused, and the message says what to do
backup=kept_backup/training.checkpoint
refused() { # SAYS COMMAND...
  text=$1
  shift
  cp $backup before
  expect 1 "$@"
  says "$text"
  says "remove $backup to begin anew"
  ! grep -q "goes on from" out || fail "it goes on from a backup that it refuses"
  cmp $backup before || fail "a backup that was refused is another now"
}
keeping="callbacks = [BackupAndRestore(\"kept_backup\", delete_checkpoint = false)]"
write other "$settings $keeping" other
refused "$backup: it is of model 'line', not of 'other'" ./other train row.jsonl --epochs 6
write wider "$settings batch_size = 16 $keeping"
refused "$backup: it was made by another source of model 'line'" ./wider train row.jsonl --epochs 6
cat row.jsonl row.jsonl row.jsonl >rows.jsonl
refused "(rows to train on: 1 then, 3 now)" ./kept train rows.jsonl --epochs 6
refused "(rows to validate on: 0 then, 2 now)" \
  ./kept train rows.jsonl --epochs 6 --validation-split 0.4
refused "(batch size: 32 then, 4 now)" ./kept train row.jsonl --epochs 6 --batch-size 4
refused "(shuffling: on then, off now)" ./kept train row.jsonl --epochs 6 --no-shuffle
refused "(--learning-rate: none then, 0.5 now)" ./kept train row.jsonl --epochs 6 --learning-rate 0.5
refused "was made with --seed 0" ./kept train row.jsonl --epochs 6 --seed 3
head -c 200 "$backup" >head.part && mv head.part "$backup"
refused "$backup: the file ends inside its header" ./kept train row.jsonl --epochs 6
rm "$backup"

# --resume wants the same model, and warns of another source or command whose parameters fit
expect 1 ./other train row.jsonl --epochs 6 --save whole.safetensors --resume
says "whole.safetensors.checkpoint: it is of model 'line', not of 'other'; leave --resume out to begin anew"
write again "$settings # of other text"
expect 0 ./again train rows.jsonl --epochs 6 --save whole.safetensors --resume
says "warning: whole.safetensors.checkpoint was made by another source of model 'line'; its parameters fit"
says "warning: whole.safetensors.checkpoint was made by another command (rows to train on: 1 then, 3 now)"

# whoever is killed behind the lines of an epoch and before its checkpoint has written them once in the end
write logged "$settings
  callbacks = [BackupAndRestore(\"log_backup\", delete_checkpoint = false), CSVLogger(\"rows.csv\", separator = \";\"),
    CSVLogger(\"all.csv\", append = true)]"
grep -v '^[12],' whole.csv >all.csv # of an earlier training, to which the next is appended
cp all.csv earlier.csv
expect 0 ./logged train row.jsonl --epochs 2 --save part.safetensors --log part.csv
cp log_backup/training.checkpoint two
expect 0 ./logged train row.jsonl --epochs 4 --save part.safetensors --log part.csv
cp two log_backup/training.checkpoint
printf '4,0.' >>part.csv # cut off
expect 0 ./logged train row.jsonl --epochs 5 --save part.safetensors --log part.csv
cmp part.csv whole.csv || fail "the log has lines of epochs that were trained again"
tr ';' , <rows.csv | cmp - whole.csv || fail "CSVLogger's file has lines of epochs that were trained again"
tail -n +2 whole.csv | cat earlier.csv - | cmp - all.csv || fail "lines of an earlier training are gone"
cp two log_backup/training.checkpoint
cp part.csv before
expect 1 ./logged train rows.jsonl --epochs 5 --save part.safetensors --log part.csv
cmp part.csv before || fail "a training that was refused has cut the log"
# folders of the backup are made, all of them
write deep "$settings
  callbacks = [BackupAndRestore(\"folders/of/backup\", delete_checkpoint = false)]"
expect 0 ./deep train row.jsonl --epochs 1 --save deep.safetensors
[ -f folders/of/backup/training.checkpoint ] || fail "there is no backup in deep folders"
write blocked "$settings
  callbacks = [BackupAndRestore(\"row.jsonl/backup\")]"
expect 1 ./blocked train row.jsonl --epochs 1 --save deep.safetensors
says "BackupAndRestore: row.jsonl/backup: Not a directory"

# killed in the middle
write killed "$settings
  epochs = 80
  callbacks = [BackupAndRestore(\"killed_backup\")]"
expect 0 ./plain train row.jsonl --epochs 80 --save whole.safetensors --quiet
./killed train row.jsonl --save part.safetensors --quiet &
until [ -f killed_backup/training.checkpoint ] || ! kill -0 $! 2>/dev/null; do :; done
kill -9 $! 2>/dev/null
wait $! 2>/dev/null
expect 0 ./killed train row.jsonl --save part.safetensors --quiet
same_weights part.safetensors whole.safetensors || fail "the training that was killed made other weights"
[ ! -e killed_backup/training.checkpoint ] || fail "the backup stays behind the end"
exit 0
