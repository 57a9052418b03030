#!/bin/sh
# Trains and tests polarity.nlm on ten folds and prints each test accuracy and their mean.
#
# usage: run.sh NLMC DATA_FOLDER [WORK_FOLDER]        DATA_FOLDER as for prepare.sh
#
# A tenth of each fold's training part chooses the epoch; the test part is looked at once.
set -eu

if [ $# -lt 2 ]; then
  echo "usage: run.sh NLMC DATA_FOLDER [WORK_FOLDER]" >&2
  exit 2
fi
nlmc=$1
data=$2
here=$(cd "$(dirname "$0")" && pwd)
work=${3:-$here/data}
"$here/prepare.sh" "$data" "$work"
"$nlmc" build "$here/polarity.nlm" -o "$work/polarity"

for fold in 0 1 2 3 4 5 6 7 8 9; do
  weights=$work/$fold/polarity.safetensors
  "$work/polarity" train "$work/$fold/train.tsv" --validation-split 0.1 --seed $fold --save "$weights" --quiet
  "$work/polarity" evaluate "$work/$fold/test.tsv" --weights "$weights" --format json >"$work/$fold/result.json"
  accuracy=$(sed -n 's/.*"accuracy": *\([0-9.eE+-]*\).*/\1/p' "$work/$fold/result.json")
  echo "fold $fold: $accuracy"
done | awk '
  { print; sum += $3; n++ }
  END { if (n != 10) exit 1; printf "mean of %d folds: %.4f\n", n, sum / n }'
