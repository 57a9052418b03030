#!/bin/sh
# One case of tests/tfjs: what a compiled model predicts, the loss of each epoch of its training and the weights that come
# of it are those of TensorFlow.js.
#
# usage: run_case.sh NLMC COMPARE CASE_FOLDER WORK_FOLDER
#
# TensorFlow.js computes in single precision, too; tolerances are relative to the expected tensor's largest value.
set -u
nlmc=$1 compare=$2 case=$3 work=$4 failed=0
give_up() {
  echo "run_case.sh: $1" >&2
  exit 1
}
must_fit() { "$compare" "$@" || failed=1; }

rm -rf "$work"
mkdir -p "$work" || give_up "cannot make $work"
"$nlmc" build "$case/model.nlm" -o "$work/model" || give_up "the model does not build"
"$work/model" predict --input "x=$case/input_x.npy" --weights "$case/weights.safetensors" --format npy \
  --output "$work/outputs" || give_up "prediction failed"
must_fit arrays "$work/outputs/y.npy" "$case/expect_y.npy" 2e-5

"$work/model" train --input "x=$case/input_x.npy" --target "y=$case/target_y.npy" --weights "$case/weights.safetensors" \
  --no-shuffle --quiet --log "$work/log.csv" --save "$work/after.safetensors" || give_up "training failed"
must_fit tensors "$work/after.safetensors" "$case/after.safetensors" 2e-4
# the column `loss` of the log as JSON
awk -F , 'NR == 1 { for (k = 1; k <= NF; k++) if ($k == "loss") column = k; printf "{"; next }
  { printf "%s\"loss_%d\": %s", (NR > 2 ? ", " : ""), $1, $column } END { print "}" }' "$work/log.csv" >"$work/curve.json"
must_fit metrics "$work/curve.json" "$case/curve.tsv" 2e-5
exit $failed
