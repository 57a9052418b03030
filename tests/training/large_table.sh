#!/bin/sh
# A large table trains within one copy of it and the optimizer's state of the rows that occur, also when its weights are
# made, saved and read again.
nlmc=$1
. "$(dirname "$0")/shared.sh"

rows=200000 width=64
cat >table.nlm <<END
model table {
  input words: int[time]
  output label = words -> Embedding($rows, $width) -> GlobalAveragePooling1D() -> Dense(1, activation = sigmoid)
}
train table { optimizer = Adam()  loss = binary_crossentropy  epochs = 40  batch_size = 8 }
END
expect 0 "$nlmc" build table.nlm -o table
awk -v rows=$rows 'BEGIN { for (k = 0; k < 64; k++) { line = "{\"label\": " k % 2 ", \"words\": ["
  for (j = 0; j < 5; j++) line = line (j ? ", " : "") (k * 5 + j) * 601 % rows; print line "]}" } }' >rows.jsonl

peak() { # WORDS...: the most kilobytes that the command held
  "$@" &
  most=0
  while now=$(awk '/^VmHWM/ { print $2 }' /proc/$!/status 2>/dev/null) && [ -n "$now" ]; do
    most=$now
    sleep 0.01
  done
  wait $! && echo "$most"
}
[ -r /proc/self/status ] || exit 0
copy=$((rows * width * 4 / 1024))
# 320 rows in pages of 4 KB, twice for Adam's two means, and 12 MB for the program
found=$(peak ./table train rows.jsonl --quiet --threads 1) || fail "training ended with an error"
[ "$found" -gt "$copy" ] || fail "$found KB cannot be: the table alone has $copy"
[ "$found" -lt $((copy + 320 * 8 * 2 + 12000)) ] || fail "training took $found KB, the table has $copy"
# whoever goes on from the checkpoint has the file mapped besides (the table and two means)
found=$(peak ./table train rows.jsonl --quiet --threads 1 --resume --epochs 80) || fail "going on ended with an error"
[ "$found" -lt $((4 * copy + 320 * 8 * 2 + 12000)) ] || fail "going on took $found KB, the table has $copy"
cp table.safetensors resumed.safetensors
expect 0 ./table train rows.jsonl --quiet --epochs 80
cmp -s table.safetensors resumed.safetensors || fail "going on made other weights"
