#!/bin/sh
# What Debian's fastText reaches on the same split: word bigrams, tuned on a validation part of train.tsv,
# then trained on all of it and tested once. Texts are lower-cased (ASCII) and stripped of ASCII punctuation,
# as TextVectorization does it.
#
# usage: fasttext_baseline.sh [FOLDER]     FOLDER holds train.tsv and test.tsv (default: data/ beside this)
#
# The last tenth of train.tsv validates: rows stand in the order of a hash of their source package.
# Prints a line a trial (validation accuracy), then the test accuracy of the best one for three seeds.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/data}
threads=$(nproc)
command -v fasttext >/dev/null || {
  echo "fasttext_baseline.sh: needs the package fasttext" >&2
  exit 1
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
export LC_ALL=C

labelled() { # label<TAB>text with a header -> __label__ lines
  awk -F '\t' 'NR > 1 {
    text = tolower($2)
    gsub(/[][!"#$%&()*+,.\/:;<=>?@\\^_`{|}~\047-]/, "", text)
    print "__label__" $1 " " text
  }' "$1"
}
labelled "$folder/train.tsv" >"$scratch/all"
labelled "$folder/test.tsv" >"$scratch/test"
rows=$(wc -l <"$scratch/all")
fitted=$((rows - rows / 10))
head -n "$fitted" "$scratch/all" >"$scratch/fit"
tail -n +"$((fitted + 1))" "$scratch/all" >"$scratch/validation"

accuracy() { # TRAIN TEST LR EPOCHS DIMENSION MIN_COUNT SEED: precision at 1
  fasttext supervised -input "$1" -output "$scratch/model" -wordNgrams 2 -lr "$3" -epoch "$4" -dim "$5" \
    -minCount "$6" -seed "$7" -thread "$threads" -verbose 0 >/dev/null 2>&1
  fasttext predict "$scratch/model.bin" "$2" | paste -d ' ' - "$2" |
    awk '{ right += ($1 == $2) } END { printf "%.4f\n", right / NR }'
}

best=0
best_lr=0.5 best_epochs=10 best_dimension=100 best_count=1
try() { # LR EPOCHS DIMENSION MIN_COUNT
  reached=$(accuracy "$scratch/fit" "$scratch/validation" "$1" "$2" "$3" "$4" 0)
  echo "lr $1  epochs $2  dim $3  minCount $4: validation accuracy $reached"
  if awk "BEGIN { exit !($reached > $best) }"; then
    best=$reached best_lr=$1 best_epochs=$2 best_dimension=$3 best_count=$4
  fi
}
for lr in 0.25 0.5 1.0 2.0; do
  for epochs in 5 10 25; do try $lr $epochs 100 1; done
done
for dimension in 50 200; do try "$best_lr" "$best_epochs" $dimension 1; done
for count in 2 5; do try "$best_lr" "$best_epochs" "$best_dimension" $count; done
for epochs in 15 40; do try "$best_lr" $epochs "$best_dimension" "$best_count"; done

echo "chosen: lr $best_lr  epochs $best_epochs  dim $best_dimension  minCount $best_count"
for seed in 0 1 2; do
  start=$(date +%s)
  reached=$(accuracy "$scratch/all" "$scratch/test" "$best_lr" "$best_epochs" "$best_dimension" "$best_count" $seed)
  echo "seed $seed: test accuracy $reached ($(($(date +%s) - start)) s)"
done
