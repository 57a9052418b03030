#!/bin/sh
# Trains snips.nlm on the SNIPS requests and evaluates it on their test part.
#
# usage: run.sh DATA_FOLDER [BUILD [SEED]]
#
# DATA_FOLDER is that of prepare.sh. BUILD is the build folder of nlm, build/ by default; everything is written to
# BUILD/examples/snips. A twentieth of the training requests chooses the epoch; the test part is looked at once, at
# the end.
set -eu

if [ $# -lt 1 ]; then
  echo "usage: run.sh DATA_FOLDER [BUILD [SEED]]" >&2
  exit 2
fi
data=$1
here=$(cd "$(dirname "$0")" && pwd)
build=${2:-$here/../../build}
seed=${3:-1}
work=$build/examples/snips

"$here/prepare.sh" "$data" "$work"
"$build/driver/nlmc" build "$here/snips.nlm" -o "$work/snips"
"$work/snips" train "$work/train.jsonl" --validation "$work/dev.jsonl" --seed "$seed" \
  --save "$work/snips.safetensors"
"$work/snips" evaluate "$work/test.jsonl" --weights "$work/snips.safetensors"
