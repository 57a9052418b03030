#!/bin/sh
# The worked examples of tutorials on embeddings, pooling and recurrences, with the numbers and shapes that they print.
. "$2/tests/cli/checks.inc"
rm -rf ./*

# f32 NUMBER...: little-endian bytes of single precision.
f32() {
  for number in "$@"; do
    case $number in
      0) printf '\000\000\000\000' ;;
      0.1) printf '\315\314\314\075' ;;
      0.2) printf '\315\314\114\076' ;;
      0.3) printf '\232\231\231\076' ;;
      0.4) printf '\315\314\314\076' ;;
      0.6) printf '\232\231\031\077' ;;
      0.7) printf '\063\063\063\077' ;;
      0.8) printf '\315\314\114\077' ;;
      0.9) printf '\146\146\146\077' ;;
      1) printf '\000\000\200\077' ;;
      2) printf '\000\000\000\100' ;;
      *) echo "no bytes for $number" >&2 && exit 1 ;;
    esac
  done
}
# weights FILE 'NAME|SHAPE|NUMBERS'...: a safetensors file of F32 tensors, in the order of their names.
weights() {
  file=$1 header='{' offset=0
  shift
  : >numbers.bin
  for tensor in "$@"; do
    name=${tensor%%|*} rest=${tensor#*|}
    # shellcheck disable=SC2086
    f32 ${rest#*|} >>numbers.bin
    end=$(wc -c <numbers.bin)
    header="$header\"$name\":{\"dtype\":\"F32\",\"shape\":[${rest%%|*}],\"data_offsets\":[$offset,$((end))]},"
    offset=$((end))
  done
  header="${header%,}}"
  while [ $((${#header} % 8)) -ne 0 ]; do header="$header "; done
  length=${#header}
  {
    # shellcheck disable=SC2059
    printf "\\$(printf %03o $((length % 256)))\\$(printf %03o $((length / 256)))\\000\\000\\000\\000\\000\\000"
    printf %s "$header"
    cat numbers.bin
  } >"$file"
}
# makes MODEL NUMBERS: what the last command wrote to `out`, within rounding.
makes() {
  tr -cs '0-9.eE+-' ' ' <out | awk -v wanted="$2" '{ for (k = 1; k <= NF; k++) found[++n] = $k }
    END { m = split(wanted, w, " "); bad = m != n
      for (k = 1; k <= m; k++) { d = found[k] - w[k]; if (d < -2e-6 || d > 2e-6) bad = 1 }
      exit bad }' || { fail "$1 should make $2" && cat out; }
}
# run MODEL WORDS...: the executable; output in the files out and err.
run() {
  model=$1
  shift
  "./$model" "$@" >out 2>err </dev/null || { fail "$model $*" && cat err; }
}
# shape LAYER SHAPE [PARAMETERS]: of the report of model.nlm
shape() {
  sed 's/{"name"/\n&/g' out | grep "^{\"name\": \"$1\"," >layer ||
    { fail "there should be a layer $1" && cat out && return; }
  says layer "\"output_shape\": $2"
  [ $# -lt 3 ] || says layer "\"params\": $3,"
}

# ---- two texts of two words: flattened, averaged, the largest
cat >pooled.nlm <<'END'
model pooled {
  input words: int[2]
  e = words -> Embedding(4, 2)
  output flat = e -> Flatten()
  output average = e -> GlobalAveragePooling1D()
  output largest = e -> GlobalMaxPooling1D()
}
END
weights pooled.safetensors 'embedding/embeddings|4,2|0.9 0.8 0.7 0.6 0.1 0.2 0.3 0.4'
printf '{"words": [0, 1]}\n{"words": [2, 3]}\n' >texts.jsonl
expect 0 build pooled.nlm -o pooled
run pooled predict --input texts.jsonl --layer flat
makes flat '0.9 0.8 0.7 0.6 0.1 0.2 0.3 0.4'
run pooled predict --input texts.jsonl --layer average
makes average '0.8 0.7 0.2 0.3'
run pooled predict --input texts.jsonl --layer largest
makes largest '0.9 0.8 0.3 0.4'

# ---- recurrences over three words of two features: one label a text, one a word, both, stacked
cat >words.nlm <<'END'
model words {
  input x: float[3, 2]
  h = SimpleRNN(4, return_sequences = true)(x)
  output last = SimpleRNN(4)(x)
  output each = TimeDistributed(Dense(4, activation = softmax))(h)
  output stacked = SimpleRNN(4)(h)
}
END
expect 0 shapes words.nlm --format json
shape simple_rnn '["batch", 3, 4]' 28
shape simple_rnn_1 '["batch", 4]' 28
shape time_distributed '["batch", 3, 4]' 20
shape simple_rnn_2 '["batch", 4]' 36

cat >digits.nlm <<'END'
model digits {
  input x: float[1, 100]
  output y = x -> LSTM(100) -> Dropout(0.5) -> Dense(10, activation = sigmoid)
}
END
expect 0 shapes digits.nlm --format json
shape lstm '["batch", 100]' 80400
shape dropout '["batch", 100]' 0
shape dense '["batch", 10]' 1010

# ---- ids of a matrix as one sequence
cat >pairs.nlm <<'END'
model pairs {
  input words: int[30, 2]
  output y = words -> Flatten() -> Embedding(500, 100) -> LSTM(8)
}
END
expect 0 shapes pairs.nlm --format json
shape flatten '["batch", 60]'
shape embedding '["batch", 60, 100]' 50000
shape lstm '["batch", 8]'

# ---- a convolution taken apart: (3, 1), then (1, 3), each with relu
cat >parts.nlm <<'END'
const d = 3
model parts {
  input image: float[d, d, 1]
  output y = image -> Conv2D(1, (d, 1), activation = relu) -> Conv2D(1, (1, d), activation = relu)
}
END
expect 0 shapes parts.nlm --format json
shape conv2d '["batch", 1, 3, 1]' 4
shape conv2d_1 '["batch", 1, 1, 1]' 4
weights parts.safetensors 'conv2d/bias|1|0' 'conv2d/kernel|3,1,1,1|1 1 1' 'conv2d_1/bias|1|0' 'conv2d_1/kernel|1,3,1,1|1 1 1'
echo '{"image": [[[1], [-2], [3]], [[4], [-5], [6]], [[7], [-8], [9]]]}' >image.jsonl
expect 0 build parts.nlm -o parts
run parts predict --input image.jsonl --layer conv2d
makes conv2d '12 0 18' # the sums of the columns, without the one below zero
run parts predict --input image.jsonl
makes parts 30
expect 0 shapes parts.nlm -D d=7 --format json
shape conv2d_1 '["batch", 1, 1, 1]' 8

# ---- a frozen table beside a trainable one, which knows the first two words alone
cat >tables.nlm <<'END'
model tables {
  input words: int[time]
  fixed   = Embedding(4, 2, trainable = false)(words)
  dynamic = Embedding(2, 2)(Where(words < 2, words, 0))
  output label = Concatenate()(fixed, dynamic) -> GlobalAveragePooling1D() -> Dense(1)
}
train tables {
  optimizer = SGD(learning_rate = 0.1)
  loss      = mse
}
END
expect 0 shapes tables.nlm --format json
shape concatenate '["batch", "time", 4]'
shape embedding '["batch", "time", 2]' 8
says layer '"trainable_params": 0'
shape embedding_1 '["batch", "time", 2]' 4
says layer '"trainable_params": 4'
weights tables.safetensors 'dense/bias|1|0' 'dense/kernel|4,1|1 1 1 1' \
  'embedding/embeddings|4,2|0.9 0.8 0.7 0.6 0.1 0.2 0.3 0.4' 'embedding_1/embeddings|2,2|1 2 0 1'
echo '{"words": [1, 3], "label": 1.5}' >words.jsonl
expect 0 build tables.nlm -o tables
run tables predict --input words.jsonl --layer concatenate
makes concatenate '0.7 0.6 0 1 0.3 0.4 1 2'
run tables predict --input words.jsonl
makes tables 3 # (0.7 + 0.6 + 0 + 1 + 0.3 + 0.4 + 1 + 2) / 2
# One step: the output is 1.5 too large, so each weight of Dense falls by 0.1 * 2 * 1.5 times its input, and the row of
# each word in the trainable table by 0.1 * 2 * 1.5 / 2.
run tables train words.jsonl --weights tables.safetensors --save trained.safetensors --no-shuffle --quiet
run tables predict --input words.jsonl --layer embedding --weights trained.safetensors
makes 'the frozen table' '0.7 0.6 0.3 0.4'
run tables predict --input words.jsonl --layer embedding_1 --weights trained.safetensors
makes 'the trainable table' '-0.15 0.85 0.85 1.85'
finish
