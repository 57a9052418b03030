#!/bin/sh
# Trains ner.nlm on the emerging entities of WNUT 2017 and evaluates it on their test part.
#
# usage: run.sh DATA_FOLDER [BUILD [SEED [VECTORS]]]
#
# DATA_FOLDER holds wnut17train.conll, emerging.dev.conll and emerging.test.annotated. BUILD is the build folder of
# nlm, build/ by default; everything is written to BUILD/examples/ner. VECTORS is a text file of word vectors with 50
# numbers each, which training begins with. The development part chooses the epoch; the test part is looked at once,
# at the end.
set -eu

if [ $# -lt 1 ]; then
  echo "usage: run.sh DATA_FOLDER [BUILD [SEED [VECTORS]]]" >&2
  exit 2
fi
data=$1
here=$(cd "$(dirname "$0")" && pwd)
build=${2:-$here/../../build}
seed=${3:-1}
vectors=${4:-}
work=$build/examples/ner
mkdir -p "$work"

"$build/driver/nlmc" build "$here/ner.nlm" -o "$work/ner"
"$work/ner" train "$data/wnut17train.conll" --validation "$data/emerging.dev.conll" --seed "$seed" \
  ${vectors:+--pretrained "vectors=$vectors"} --save "$work/ner.safetensors"
"$work/ner" evaluate "$data/emerging.test.annotated" --weights "$work/ner.safetensors"
