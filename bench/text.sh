#!/bin/sh
# How quickly text becomes batches, beside the model that takes them.
#
# usage: text.sh BUILD WORK [MEGABYTES [MODEL...]]
#
# For each form of file and number of threads: MB/s of opening it, counting its words and encoding them. For each model and
# number of threads: seconds from text to ids, once for a training; seconds of an epoch; and of these the part that puts
# batches together. BUILD is a release build of this tree.
# The text (default 50 MB of 200,000 distinct words) is made in WORK.
set -eu
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
megabytes=${3:-50}
shift $(($# < 3 ? $# : 3))
models=${*:-mean conv lstm}
cmake --build "$build" --target text_lines text_ids nlmc nlm_libraries >build.log || { cat build.log >&2; exit 1; }
for form in tsv csv jsonl; do "$build/bench/text_lines" "$megabytes" 200000 1 $form >text.$form; done

model() { # NAME LAYERS: a text model in NAME.nlm, built
  cat >"$1.nlm" <<END
model $1 {
  input review: text
  output label = review -> TextVectorization(20_000, output_sequence_length = 600) -> Embedding(20_000, 256, mask_zero = true)
    -> $2 -> Dense(1, activation = sigmoid)
}
train $1 { loss = binary_crossentropy }
END
  "$build/driver/nlmc" build "$1.nlm" -o "$1"
}
for name in $models; do
  case $name in
  mean) model mean 'GlobalAveragePooling1D() -> Dense(16, activation = relu)' ;;
  conv) model conv 'Conv1D(128, 5, activation = relu) -> GlobalMaxPooling1D()' ;;
  lstm) model lstm 'Bidirectional(LSTM(32))' ;;
  *) echo "text.sh: there is no model '$name': mean, conv, lstm" >&2; exit 2 ;;
  esac
done

seconds() { # WORDS...: wall time of a command
  started=$(date +%s.%N)
  "$@" >/dev/null 2>profile.txt
  echo "$started $(date +%s.%N)" | awk '{ print $2 - $1 }'
}
printf '%s MB of text\n\n' "$megabytes"
echo '| file | threads | opened (MB/s) | counted | encoded | in all |'
echo '|---|---|---|---|---|---|'
for form in tsv csv jsonl; do
  for threads in 1 2; do "$build/bench/text_ids" text.$form $threads; done
done
echo
echo '| model | threads | text to ids, once (MB/s) | an epoch (MB/s) | of it putting batches together |'
echo '|---|---|---|---|---|'
for model in $models; do
  for threads in 1 2; do
    one=$(seconds "./$model" train text.tsv --epochs 1 --threads "$threads" --quiet --save w.safetensors)
    two=$(seconds "./$model" train text.tsv --epochs 2 --threads "$threads" --quiet --save w.safetensors --profile)
    batches=$(awk '$1 == "train" && $2 == "batches" { print $4 / 1000 / 2 }' profile.txt)
    echo "$model $threads $megabytes $one $two $batches" | awk '{ epoch = $5 - $4; once = $4 - epoch
      printf "| %s | %d | %.1f s (%.0f) | %.1f s (%.1f) | %.2f s (%.1f %%) |\n", $1, $2, once, $3 / once, epoch, $3 / epoch, $6, 100 * $6 / epoch }'
  done
done
