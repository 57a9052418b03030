#!/bin/sh
# Four models of one file, as objects in one program (several.c).
# usage: several.sh BUILD_FOLDER SOURCE_FOLDER WORK_FOLDER
set -eu
build=$1 source=$2/tests/package work=$3
rm -rf "$work"
mkdir -p "$work"
cd "$work"
for model in stream whole desk bag; do
  "$build/driver/nlmc" shapes "$source/several.nlm" --model $model --format json |
    "$build/tests/package/make_weights" $model.safetensors 50
  "$build/driver/nlmc" emit obj "$source/several.nlm" --model $model --weights $model.safetensors -o $model.o
done
cc -Wall -Werror -I. -I"$2/runtime/include" -I"$2/tests/api" "$source/several.c" "$2/tests/api/quiet_counters.c" ./*.o \
  "$build/runtime/libnlm.a" -lm -pthread -o several
./several
