#!/bin/sh
# One command from a fresh machine to a trained model: installs packages, builds nlm, compiles
# examples/sections, makes its data out of the distribution's package descriptions, trains, evaluates, predicts.
#
# usage: demo.sh        everything is written to build/
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
step() { printf '\n== %s\n' "$*"; }

step "packages"
scripts/install-packages.sh
step "build nlmc (preset release)"
[ -f build/build.ninja ] || cmake --preset release
cmake --build --preset release

work=build/demo
mkdir -p "$work"
step "data: package descriptions with their sections"
examples/sections/prepare.sh "$work"
step "nlmc build examples/sections/sections.nlm"
classes=$(awk -F '\t' 'NR > 1 && !($1 in seen) { seen[$1]; n++ } END { print n }' "$work/train.tsv")
build/driver/nlmc build examples/sections/sections.nlm -D classes="$classes" -o "$work/sections"
step "sections train"
"$work/sections" train "$work/train.tsv" --validation-split 0.1 --save "$work/sections.safetensors"
step "sections evaluate (packages whose sources were not seen in training)"
"$work/sections" evaluate "$work/test.tsv" --weights "$work/sections.safetensors"
step "sections predict"
"$work/sections" predict --weights "$work/sections.safetensors" \
  "A fast-paced arcade shooter with retro graphics and several levels" \
  "Bindings for reading and writing compressed archives; this package contains the development headers" \
  "Scalable typeface with Greek and Cyrillic letters, in TrueType format"
