#!/bin/sh
# Compares nlm with PyTorch (Debian's python3-torch, packed sequences, its strongest settings) on the review
# classifier, alternately in one run, and nlm with itself on longer padding and on one-hot input.
#
# usage: bilstm.sh BUILD_FOLDER [WORK_FOLDER [THREADS [ROUNDS]]]
#
# BUILD_FOLDER holds driver/nlmc and tests/oracle/oracle_compare; default threads: all; 5 rounds.
# A compiled model is timed as a user runs it; what a process costs once (loading, reading) falls out as the difference
# of a long and a short run. Prints medians in milliseconds and the ratios. Needs python3-torch, python3-numpy,
# libopenblas0-openmp; run it on a machine that does nothing else.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
work=${2:-$build/bench}
threads=${3:-$(nproc)}
rounds=${4:-5}
steps_per_epoch=16 # 512 reviews in batches of 32
mkdir -p "$work"
results=$work/results.tsv
: >"$results"

# PyTorch's defaults on Debian are many times slower: reference BLAS, one thread, memory returned at every step.
capability=default
! grep -qsw avx2 /proc/cpuinfo || capability=avx2
! grep -qsw avx512f /proc/cpuinfo || capability=avx512
torch() {
  env MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456 \
    OMP_NUM_THREADS="$threads" OPENBLAS_NUM_THREADS="$threads" ATEN_CPU_CAPABILITY=$capability \
    LD_LIBRARY_PATH="/usr/lib/$(uname -m)-linux-gnu/openblas-openmp" \
    /usr/bin/python3 -B "$here/torch_bilstm.py" "$1" "$work" "$threads"
}
now() { date +%s%N; }

train_nanoseconds() { # MODEL INPUT EPOCHS
  start=$(now)
  "$work/$1" train --input "words=$work/$2" --target "label=$work/train_label.npy" --epochs "$3" --batch-size 32 \
    --threads "$threads" --save "$work/trained.safetensors" --quiet >/dev/null
  echo $(($(now) - start))
}
time_training() { # NAME MODEL INPUT: milliseconds a step
  short=$(train_nanoseconds "$2" "$3" 1)
  long=$(train_nanoseconds "$2" "$3" 6)
  awk "BEGIN { printf \"$1\\t%.4f\\n\", ($long - $short) / 1e6 / (5 * $steps_per_epoch) }" >>"$results"
}
predict_nanoseconds() { # INPUT
  start=$(now)
  "$work/bilstm" predict --input "words=$work/$1" --weights "$work/bilstm.safetensors" --batch-size 1 --threads 1 \
    --format npy --output "$work/predicted" >/dev/null
  echo $(($(now) - start))
}
time_prediction() { # milliseconds a review: 2200 against 200 of them
  few=$(predict_nanoseconds few_words.npy)
  many=$(predict_nanoseconds single_words.npy)
  awk "BEGIN { printf \"nlm_predict_single\\t%.4f\\n\", ($many - $few) / 1e6 / 2000 }" >>"$results"
}

[ -f "$work/single_words.npy" ] || /usr/bin/python3 -B "$here/review_data.py" "$work"
for model in bilstm onehot; do "$build/driver/nlmc" build "$here/$model.nlm" -o "$work/$model"; done

# the same model? predictions with PyTorch's weights must agree before anything is timed
torch export
"$work/bilstm" predict --input "words=$work/train_words.npy" --weights "$work/bilstm.safetensors" --format npy \
  --output "$work/check"
"$build/tests/oracle/oracle_compare" arrays "$work/check/label.npy" "$work/expect_label.npy" 2e-5

round=0
while [ $round -lt "$rounds" ]; do
  round=$((round + 1))
  torch train | sed 's/^/torch_/' >>"$results"
  time_training nlm_train bilstm train_words.npy
  time_training nlm_train_onehot onehot train_words.npy
  for width in 300 600 1200; do time_training "nlm_train_padded_to_$width" bilstm "short_words_$width.npy"; done
  torch predict | sed 's/^/torch_/' >>"$results"
  time_prediction
done

sort -k 1,1 -k 2,2g "$results" | awk -F '\t' -v threads="$threads" '
  function close_group() { if (name != "") { median[name] = (n % 2) ? value[(n + 1) / 2] : (value[n / 2] + value[n / 2 + 1]) / 2
    printf "%-28s %10.4f ms   (%.4f to %.4f, %d rounds)\n", name, median[name], value[1], value[n], n } n = 0 }
  $1 != name { close_group(); name = $1 }
  { value[++n] = $2 }
  END {
    close_group()
    best = median["torch_train_packed_dense"]
    if (median["torch_train_packed_sparse"] < best) best = median["torch_train_packed_sparse"]
    printf "\nwith %d threads\n", threads
    printf "training step: PyTorch / nlm = %.1f\n", best / median["nlm_train"]
    printf "one text:      PyTorch / nlm = %.1f\n", median["torch_predict_single"] / median["nlm_predict_single"]
    printf "one-hot / embedding = %.2f\n", median["nlm_train_onehot"] / median["nlm_train"]
    printf "padded to 600 / 300 = %.3f, to 1200 / 300 = %.3f\n", median["nlm_train_padded_to_600"] / median["nlm_train_padded_to_300"],
      median["nlm_train_padded_to_1200"] / median["nlm_train_padded_to_300"]
  }'
