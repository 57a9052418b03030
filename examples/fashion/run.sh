#!/bin/sh
# Trains fashion.nlm on Fashion-MNIST and evaluates it on the test images.
#
# usage: run.sh DATA_FOLDER [BUILD [SEED]]
#
# DATA_FOLDER holds train-images-idx3-ubyte, t10k-images-idx3-ubyte and the labels of both, packed with gzip or not.
# BUILD is the build folder of nlm, build/ by default; everything is written to BUILD/examples/fashion. The last tenth
# of the training images chooses the epoch; the test images are looked at once, at the end.
set -eu

if [ $# -lt 1 ]; then
  echo "usage: run.sh DATA_FOLDER [BUILD [SEED]]" >&2
  exit 2
fi
data=$1
here=$(cd "$(dirname "$0")" && pwd)
build=${2:-$here/../../build}
seed=${3:-1}
work=$build/examples/fashion
mkdir -p "$work"

images() { # NAME: the file of these images
  if [ -f "$data/$1-images-idx3-ubyte" ]; then
    echo "$data/$1-images-idx3-ubyte"
  else
    echo "$data/$1-images-idx3-ubyte.gz"
  fi
}

"$build/driver/nlmc" build "$here/fashion.nlm" -o "$work/fashion"
"$work/fashion" train "$(images train)" --seed "$seed" --save "$work/fashion.safetensors"
"$work/fashion" evaluate "$(images t10k)" --weights "$work/fashion.safetensors"
