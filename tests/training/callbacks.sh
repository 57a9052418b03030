#!/bin/sh
# LearningRateScheduler sets each epoch's rate; BackupAndRestore lets the same command go on after an interruption.
# The model adds its bias to nothing: with the loss (b - y)^2 and y = 1 a step of SGD is b += 2 rate (1 - b).
nlmc=$1
. "$(dirname "$0")/shared.sh"

write() { # NAME SETTINGS
  cat >"$1.nlm" <<END
model line {
  input x: float[1]
  output y = x -> Dense(1, kernel_initializer = zeros)
}
train line {
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
write both "optimizer = SGD(CosineDecay(0.1, decay_steps = 5))
  callbacks = [LearningRateScheduler([0.1])]"
expect 1 ./both train row.jsonl
says "LearningRateScheduler: the learning rate follows a schedule of the optimizer already"
write none "callbacks = [LearningRateScheduler([])]"
expect 1 ./none train row.jsonl
says "LearningRateScheduler: it has no rates"

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
