#!/bin/sh
# Trains pos.nlm on UD English EWT and evaluates it on its test part.
#
# usage: run.sh DATA_FOLDER [BUILD [SEED]]
#
# DATA_FOLDER holds en_ewt-ud-train.conllu, en_ewt-ud-dev.conllu and en_ewt-ud-test.conllu, packed with gzip or not.
# BUILD is the build folder of nlm, build/ by default; everything is written to BUILD/examples/pos. The development
# part chooses the epoch; the test part is looked at once, at the end.
set -eu

if [ $# -lt 1 ]; then
  echo "usage: run.sh DATA_FOLDER [BUILD [SEED]]" >&2
  exit 2
fi
data=$1
here=$(cd "$(dirname "$0")" && pwd)
build=${2:-$here/../../build}
seed=${3:-1}
work=$build/examples/pos
mkdir -p "$work"

part() { # NAME: the file of this part
  if [ -f "$data/en_ewt-ud-$1.conllu" ]; then
    echo "$data/en_ewt-ud-$1.conllu"
  else
    echo "$data/en_ewt-ud-$1.conllu.gz"
  fi
}

"$build/driver/nlmc" build "$here/pos.nlm" -o "$work/pos"
"$work/pos" train "$(part train)" --validation "$(part dev)" --seed "$seed" --save "$work/pos.safetensors"
"$work/pos" evaluate "$(part test)" --weights "$work/pos.safetensors"
