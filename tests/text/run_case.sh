#!/bin/sh
# One case of tests/text: builds its model, trains it so that vocabularies are learned, predicts from raw rows, compares.
#
# usage: run_case.sh NLMC COMPARE CASE_FOLDER WORK_FOLDER DTYPE TOLERANCE [NLMC_OPTION...]
set -u
nlmc=$1 compare=$2 case_folder=$3 work=$4 dtype=$5 tolerance=$6
shift 6
failed=0
give_up() {
  echo "run_case.sh: $1" >&2
  exit 1
}

[ -f "$case_folder/model.nlm" ] || give_up "no model in $case_folder"
rm -rf "$work"
mkdir -p "$work" || give_up "cannot make $work"
"$nlmc" build "$case_folder/model.nlm" --dtype "$dtype" "$@" -o "$work/model" || give_up "the model does not build"
read -r options <"$case_folder/options"
# shellcheck disable=SC2086 # the options are words
"$work/model" train "$case_folder/train.jsonl" $options --save "$work/w.safetensors" --quiet || give_up "training failed"
"$work/model" predict --input "$case_folder/rows.jsonl" --weights "$work/w.safetensors" --format npy \
  --output "$work/outputs" || give_up "prediction failed"
for file in "$case_folder"/expect_*.npy; do
  "$compare" arrays "$work/outputs/${file##*/expect_}" "$file" "$tolerance" || failed=1
done
exit $failed
