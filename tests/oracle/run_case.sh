#!/bin/sh
# One case of tests/oracle: builds its model, predicts, evaluates and trains with it, compares with the references.
#
# usage: run_case.sh NLMC COMPARE CASE_FOLDER WORK_FOLDER DTYPE BATCH_SIZE EPOCHS FORWARD GRADIENT TRAINED
#
# DTYPE is f32 or f64; the last three are tolerances, relative to the expected tensor's largest absolute value.
# WORK_FOLDER is made anew. All comparisons are made before the case fails, so that one run shows all of them.
set -u

nlmc=$1 compare=$2 case_folder=$3 work=$4 dtype=$5 batch_size=$6 epochs=$7 forward=$8 gradient=$9
shift 9
trained=$1
weights=$case_folder/weights_$dtype.safetensors
failed=0

give_up() {
  echo "run_case.sh: $1" >&2
  exit 1
}
must_fit() { "$compare" "$@" || failed=1; }

[ -f "$case_folder/model.nlm" ] || give_up "no model in $case_folder"
rm -rf "$work"
mkdir -p "$work" || give_up "cannot make $work"

# The optimizer is the one line that differs between the models of a case. The first is compiled as users do, the others
# without optimization, which is quicker and must give the same numbers.
build() { # NAME [OPTIMIZER]
  level=2
  if [ $# -gt 1 ]; then
    sed "s/^  optimizer .*/  optimizer  = $2/" "$case_folder/model.nlm" >"$work/$1.nlm"
    grep -qF "$2" "$work/$1.nlm" || give_up "the model has no optimizer line"
    level=0
  else
    cp "$case_folder/model.nlm" "$work/$1.nlm"
  fi
  "$nlmc" build "$work/$1.nlm" -O$level --dtype "$dtype" -o "$work/$1" || give_up "$1.nlm does not build"
}

# --input NAME=FILE and --target NAME=FILE for every file of the case
set --
for file in "$case_folder"/input_*.npy; do
  name=${file##*/input_}
  set -- "$@" --input "${name%.npy}=$file"
done
inputs_only=$#
for file in "$case_folder"/target_*.npy; do
  name=${file##*/target_}
  set -- "$@" --target "${name%.npy}=$file"
done

# weights of rows or steps, which prediction does not take
weigh=
[ ! -f "$case_folder/weight.npy" ] || weigh="--sample-weight $case_folder/weight.npy"
for file in "$case_folder"/weight_*.npy; do
  name=${file##*/weight_}
  [ ! -f "$file" ] || weigh="$weigh --sample-weight ${name%.npy}=$file"
done

train() { # NAME EPOCHS BATCH_SIZE DATA...
  name=$1 rounds=$2 rows=$3
  shift 3
  "$work/$name" train "$@" $weigh --weights "$weights" --no-shuffle --epochs "$rounds" --batch-size "$rows" \
    --save "$work/$name.safetensors" --quiet || give_up "$name: training failed"
}
predict() { # the first words of the list are the inputs; targets are dropped
  wanted=$inputs_only total=$#
  while [ "$total" -gt 0 ]; do
    word=$1
    shift
    total=$((total - 1))
    [ "$wanted" -le 0 ] || set -- "$@" "$word"
    wanted=$((wanted - 1))
  done
  "$work/rmsprop" predict "$@" --weights "$weights" --format npy --output "$work/outputs" ||
    give_up "prediction failed"
}

build rmsprop
predict "$@"
for file in "$case_folder"/expect_*.npy; do
  name=${file##*/expect_}
  must_fit arrays "$work/outputs/$name" "$file" "$forward"
done
"$work/rmsprop" evaluate "$@" $weigh --weights "$weights" --format json >"$work/metrics.json" ||
  give_up "evaluation failed"
must_fit metrics "$work/metrics.json" "$case_folder/metrics.tsv" "$forward"

# One step of SGD over all rows: what the weights lose is the gradient times the rate. The rate is a large power of
# two, so that small gradients are not rounded away beside their weights.
build sgd "SGD(learning_rate = 1024.0)"
train sgd 1 100000 "$@"
must_fit differences "$weights" "$work/sgd.safetensors" "$case_folder/gradients.safetensors" "$gradient" 1024

train rmsprop "$epochs" "$batch_size" "$@"
must_fit tensors "$work/rmsprop.safetensors" "$case_folder/after_rmsprop.safetensors" "$trained"

rate=$(sed -n 's/^  optimizer.*learning_rate = \([0-9.e-]*\)).*/\1/p' "$case_folder/model.nlm")
build adam "Adam(learning_rate = $rate)"
train adam "$epochs" "$batch_size" "$@"
must_fit tensors "$work/adam.safetensors" "$case_folder/after_adam.safetensors" "$trained"

# further optimizers, one a line: name, tab, as written
if [ -f "$case_folder/optimizers.tsv" ]; then
  while IFS="$(printf '\t')" read -r name written; do
    build "$name" "$written"
    train "$name" "$epochs" "$batch_size" "$@"
    must_fit tensors "$work/$name.safetensors" "$case_folder/after_$name.safetensors" "$trained"
  done <"$case_folder/optimizers.tsv"
fi
exit $failed
