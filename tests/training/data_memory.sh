#!/bin/sh
# Data beyond NLM_DATA_MEMORY lies in temporary files: the same vocabulary, the same weights to the last bit, and
# memory that does not follow the number of lines.
nlmc=$1
. "$(dirname "$0")/shared.sh"

cat >lines.nlm <<'END'
model lines {
  input review: text
  output label = review -> TextVectorization(3_000, output_mode = tf_idf, ngrams = 2) -> Dense(1, activation = sigmoid)
}
train lines { loss = binary_crossentropy  epochs = 2  class_weight = balanced  validation_split = 0.1  seed = 3 }
END
cat >tags.nlm <<'END'
model tags {
  input words: text[time]
  output tag = words -> TextVectorization(500, split = none) -> Embedding(500, 4, mask_zero = true)
    -> TimeDistributed(Dense(3, activation = softmax))
}
train tags { loss = categorical_crossentropy  epochs = 2  seed = 3 }
END
expect 0 "$nlmc" build lines.nlm -o lines
expect 0 "$nlmc" build tags.nlm -o tags

# text COUNT SEED: "label<TAB>words" lines; the words that come rarely are many
text() {
  awk -v count="$1" -v seed="$2" 'function draw(n) { seed = (seed * 16807) % 2147483647; return seed % n }
    BEGIN { for (i = 0; i < count; i++) { line = draw(2) ? "pos" : "neg"
      line = line "\t" draw(9); n = draw(60)
      for (k = 0; k < n; k++) line = line " w" (draw(3) ? draw(40) : draw(5000))
      print line } }'
}
text 1200 7 >data.tsv
awk -F'\t' '{ gsub(/w1 /, "\"\"w1\"\", ", $2); print "\"" $2 "\"," $1 }' data.tsv | sed '1i review,label' >data.csv
awk -F'\t' '{ print "{\"label\": \"" $1 "\", \"review\": \"" $2 "\"}" }' data.tsv >data.jsonl
awk -F'\t' '{ print "__label__" $1 " " $2 }' data.tsv >data.txt
gzip -c data.tsv >data.tsv.gz
mkdir -p folder/neg folder/pos
awk -F'\t' 'NR <= 100 { name = "folder/" $1 "/" NR ".txt"; print $2 >name; close(name) }' data.tsv
awk -F'\t' '{ n = split($2, w, " "); for (k = 1; k <= n; k++) print w[k], "t" length(w[k]) % 3; print "" }' data.tsv |
  head -n 8000 >data.conll

# both MODEL DATA...: trains without and with a limit that everything exceeds
mkdir -p temporary
both() {
  model=$1
  shift
  expect 0 "./$model" train "$@" --save whole.safetensors --log whole.csv --quiet
  TMPDIR=$PWD/temporary NLM_DATA_MEMORY=64K
  export TMPDIR NLM_DATA_MEMORY
  expect 0 "./$model" train "$@" --save spilled.safetensors --log spilled.csv --quiet
  expect 0 "./$model" evaluate "$@" --weights spilled.safetensors
  cp out spilled.out
  unset TMPDIR NLM_DATA_MEMORY
  expect 0 "./$model" evaluate "$@" --weights spilled.safetensors
  cmp -s out spilled.out || fail "$*: another evaluation"
  cmp -s whole.safetensors spilled.safetensors || fail "$*: other weights"
  cmp -s whole.csv spilled.csv || fail "$*: another log"
}
both lines data.tsv
cp whole.safetensors tsv.safetensors
both lines data.tsv.gz
cmp -s whole.safetensors tsv.safetensors || fail "packed data make other weights"
both lines data.jsonl
both lines data.txt
both lines data.csv
both lines folder
both lines data.tsv data.csv
NLM_DATA_MEMORY=64K expect 0 ./lines train data.tsv --report page.html --quiet
both tags data.conll --threads 2
[ -z "$(ls temporary)" ] || fail "temporary files are left"

# Twenty times the lines: less memory than the file alone has, where all in memory takes several times as much.
for _ in 1 2 3 4 5 6 7 8 9 10; do cat data.tsv data.tsv data.tsv data.tsv; done >long.tsv
cat data.tsv data.tsv >twice.tsv
peak() { # DATA: the most kilobytes that training held
  NLM_DATA_MEMORY=1M ./lines train "$1" --epochs 1 --quiet --threads 1 --save long.safetensors &
  most=0
  while now=$(awk '/^VmHWM/ { print $2 }' /proc/$!/status 2>/dev/null) && [ -n "$now" ]; do
    most=$now
    sleep 0.05
  done
  wait $! && echo "$most"
}
if [ -r /proc/self/status ]; then
  small=$(peak twice.tsv) || fail "training ended with an error"
  large=$(peak long.tsv) || fail "training ended with an error"
  size=$(($(wc -c <long.tsv) / 1024))
  [ "$((large - small))" -lt "$size" ] || fail "$size KB of lines took $((large - small)) KB more memory"
fi

# mistakes
TMPDIR=$PWD/nowhere NLM_DATA_MEMORY=64K
export TMPDIR NLM_DATA_MEMORY
expect 1 ./lines train data.tsv --quiet
says "nowhere: No such file or directory; data beyond 65536 bytes of memory (NLM_DATA_MEMORY) goes there"
NLM_DATA_MEMORY=lots
expect 2 ./lines train data.tsv --quiet
says "NLM_DATA_MEMORY is 'lots'; a size is needed, as 512M or 2G"
