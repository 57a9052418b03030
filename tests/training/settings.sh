#!/bin/sh
# What optimizer, regularizer and callbacks do to one weight: y = w x with x = 1 and target 0, so that the loss is w^2, its
# gradient 2 w, and each epoch one step. Expected numbers are those of Keras's documentation, followed step by step by awk.
nlmc=$1
. "$(dirname "$0")/shared.sh"

echo '{"x": [1], "y": 0}' >row.jsonl
echo '{"x": [1]}' >ask.jsonl

model() { # DENSE_ARGUMENTS SETTINGS...
  dense=$1
  shift
  cat >m.nlm <<END
model m {
  input x: float[1]
  output y = x -> Dense(1, use_bias = false, kernel_initializer = ones$dense)
}
train m {
  loss = mse
  $*
}
END
  expect 0 "$nlmc" build m.nlm --dtype f64 -o m
}
train() { # leaves out and log.csv
  rm -f ./*.safetensors* log.csv
  expect 0 ./m train row.jsonl --log log.csv
}
# weight STATEMENTS: the weight is what the statements leave in w, which begins at 1
weight() {
  cp out said
  expect 0 ./m predict --input ask.jsonl
  found=$(cut -f1 out)
  near "$found" "$(awk "BEGIN { w = 1; $1; printf \"%.12g\", w }")"
  cp said out
}
rows() { [ "$(wc -l <log.csv)" -eq $(($1 + 1)) ] || fail "the log has not $1 epochs"; }
each() { echo "for (t = 0; t < $1; t++) { $2 }"; }

# regularizers enter the gradient and the loss
model ", kernel_regularizer = L2(0.1)" "optimizer = SGD(learning_rate = 0.1) epochs = 4"
train
weight "$(each 4 'w -= 0.1 * (2 * w + 0.2 * w)')"
near "$(logged log.csv 0 loss)" 1.1
model ", kernel_regularizer = L1L2(l1 = 0.3, l2 = 0.05)" "optimizer = SGD(learning_rate = 0.1) epochs = 4"
train
weight "$(each 4 'w -= 0.1 * (2 * w + 0.3 + 0.1 * w)')"
near "$(logged log.csv 0 loss)" 1.35
model ", activity_regularizer = L2(0.25)" "optimizer = SGD(learning_rate = 0.1) epochs = 4"
train
weight "$(each 4 'w -= 0.1 * (2 * w + 0.5 * w)')"
# constraints are for after the step
model ", kernel_constraint = MinMaxNorm(0.9, 2.0)" "optimizer = SGD(learning_rate = 0.1) epochs = 3"
train
weight "w = 0.9"

# schedules count steps from 0
model "" "optimizer = SGD(learning_rate = ExponentialDecay(0.1, decay_steps = 2, decay_rate = 0.5)) epochs = 5"
train
weight "$(each 5 'w -= 0.1 * 0.5 ^ (t / 2) * 2 * w')"
model "" "optimizer = SGD(learning_rate = ExponentialDecay(0.1, 2, 0.5, staircase = true)) epochs = 5"
train
weight "$(each 5 'w -= 0.1 * 0.5 ^ int(t / 2) * 2 * w')"
model "" "optimizer = SGD(learning_rate = PiecewiseConstantDecay([1, 3], [0.1, 0.2, 0.05])) epochs = 6"
train
weight "$(each 6 'w -= (t <= 1 ? 0.1 : t <= 3 ? 0.2 : 0.05) * 2 * w')"

# the first average is the weight itself; training ends with the average
model "" "optimizer = SGD(learning_rate = 0.1, use_ema = true, ema_momentum = 0.8) epochs = 5"
train
weight "$(each 5 'w -= 0.2 * w; a = t ? 0.8 * a + 0.2 * w : w'); w = a"
model "" "optimizer = SGD(learning_rate = 0.1, use_ema = true, ema_momentum = 0.8, ema_overwrite_frequency = 2) epochs = 4"
train
weight "$(each 4 'w -= 0.2 * w; a = t ? 0.8 * a + 0.2 * w : w; if ((t + 1) % 2 == 0) w = a')"

# the mean gradient of two batches makes a step; a batch that is left over at the end of an epoch waits for the next one
model "" "optimizer = SGD(learning_rate = 0.1, gradient_accumulation_steps = 2) epochs = 5"
train
weight "$(each 2 'w -= 0.2 * w')"
model "" "optimizer = SGD(learning_rate = 0.1, weight_decay = 0.5) epochs = 3"
train
weight "$(each 3 'g = 2 * w; w -= 0.5 * 0.1 * w; w -= 0.1 * g')"
model "" "optimizer = SGD(learning_rate = 0.1, clipvalue = 0.5) epochs = 3"
train
weight "$(each 3 'g = 2 * w; w -= 0.1 * (g > 0.5 ? 0.5 : g)')"

# Rates that first help and then harm: w is 0.8, 0.64, 0.512, then three times as large, with the other sign, each epoch.
# Epoch 4 begins with the least weight, so its loss is the least.
fall="optimizer = SGD(learning_rate = PiecewiseConstantDecay([2], [0.1, 2.0]))"
model "" "$fall epochs = 20 callbacks = [EarlyStopping(monitor = \"loss\", patience = 3)]"
train
rows 7
says "Epoch 7: early stopping"
weight "w = 0.512 * 3 ^ 4"
model "" "$fall epochs = 20 callbacks = [EarlyStopping(monitor = \"loss\", patience = 3, restore_best_weights = true)]"
train
says "Restoring model weights from the end of the best epoch: 4."
weight "w = -0.512 * 3"
# an epoch before start_from_epoch is no best one
model "" "$fall epochs = 20 callbacks = [EarlyStopping(monitor = \"loss\", start_from_epoch = 5, restore_best_weights = true)]"
train
rows 7
says "end of the best epoch: 6."
weight "w = -0.512 * 3 ^ 3"
# 1, 0.64, 0.4096, 0.262: the last two steps are no improvements by 0.2 of the one before
model "" "optimizer = SGD(learning_rate = 0.1) epochs = 9 callbacks = [EarlyStopping(monitor = \"loss\", min_delta = 0.24)]"
train
rows 3
model "" "optimizer = SGD(learning_rate = 0.1) epochs = 9 callbacks = [EarlyStopping(monitor = \"loss\", baseline = 0.3, patience = 2)]"
train
rows 9
model "" "optimizer = SGD(learning_rate = 0.001) epochs = 9 callbacks = [EarlyStopping(monitor = \"loss\", baseline = 0.3, patience = 2)]"
train
rows 9 # it gets better all the time: only an epoch that does not may end it

# the loss stays: every second epoch without improvement divides the rate
model ", trainable = true" "optimizer = SGD(learning_rate = 1.0) epochs = 6 callbacks = [ReduceLROnPlateau(monitor = \"loss\", factor = 0.5, patience = 2, min_lr = 0.2), CSVLogger(\"table.csv\", separator = \";\")]"
train
# rate 1 turns w into -w and leaves the loss at 1, so epochs 2 and 3 improve nothing; rate 0.5 then makes w 0
says "Epoch 3: ReduceLROnPlateau reducing learning rate to 0.5."
[ "$(head -1 table.csv)" = "epoch;learning_rate;loss" ] || fail "the header of CSVLogger"
[ "$(cut -d';' -f2 table.csv | tail -n +2 | tr '\n' ' ')" = "1 1 1 0.5 0.5 0.5 " ] ||
  [ "$(cut -d';' -f2 table.csv | tail -n +2 | tr '\n' ' ')" = "1.0 1.0 1.0 0.5 0.5 0.5 " ] || {
  cp table.csv out
  fail "the rates of CSVLogger"
}
[ "$(wc -l <table.csv)" -eq 7 ] || fail "CSVLogger has not a line per epoch"

# w grows by 1e200 - 1 times each epoch until its square is no number
model "" "optimizer = SGD(learning_rate = 1e200) epochs = 9 callbacks = [TerminateOnNaN()]"
train
says "Invalid loss, terminating training"
[ "$(wc -l <log.csv)" -lt 6 ] || fail "training went on"
exit 0
