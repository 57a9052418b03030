#!/bin/sh
# train --report: one well-formed page without anything from elsewhere, with the numbers of --log.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/data.sh"

# page FILE: what every page must be
page() {
  [ -f "$1" ] || fail "there is no $1"
  LC_ALL=C awk -f "$here/well_formed.awk" "$1" >out || fail "$1 is not well-formed"
  if command -v xmllint >/dev/null; then
    xmllint --noout "$1" 2>out || fail "xmllint refuses $1"
  fi
  grep -qi '<script\|<link\|<iframe\|src=\|href=\|@import\|url(' "$1" && fail "$1 wants something from elsewhere"
  cp "$1" out
}
# The table of epochs as the lines of --log: epochs from 0, then the values.
epochs() {
  sed -n '/id="epochs"/,/<\/table>/p' "$1" | grep '<data' |
    sed 's/^<tr[^>]*><th scope="row">\([0-9]*\)[^<]*<\/th>/\1/; s/<td><data value="\([^"]*\)">[^<]*<\/data><\/td>/,\1/g
         s/<td>.*//' | awk -F, -v OFS=, '{ $1 = $1 - 1; print }'
}

expect 0 train train.tsv --validation test.tsv --report report.html --log log.csv --seed 3 --batch-size 7
page report.html
epochs report.html >table
tail -n +2 log.csv >logged
same table logged
[ "$(wc -l <table)" -eq 6 ] || fail "not six epochs in the table"
says "Training is done: 6 epochs."
[ "$(grep -c '^<tr class="best">' report.html)" -eq 1 ] || fail "the best epoch is not marked"
best=$(awk -F, 'NR > 1 && (NR == 2 || $5 < least) { least = $5; at = $1 + 1 } END { print at }' log.csv)
says "The best epoch is $best by val_loss."
says "<th scope=\"row\">$best (best)</th>"
[ "$(grep -c '<svg ' report.html)" -eq 2 ] || fail "not two charts"
[ "$(grep -c '<path class="line"' report.html)" -eq 4 ] || fail "not four curves"
[ "$(grep -c '>best epoch</text>' report.html)" -eq 2 ] || fail "no legend"
says '<th scope="row">training data</th><td><data value="60">60</data> rows: train.tsv</td>'
says '<th scope="row">validation data</th><td><data value="20">20</data> rows: test.tsv</td>'
says '<th scope="row">seed</th><td>3</td>'
says '<th scope="row">batch size</th><td>7</td>'
says '<th scope="row">pos</th><td>30</td><td>50.0%</td><td>10</td><td>50.0%</td>'
# rows 61 to 80: every label twice ten times; accuracy is 1 there (tests/runtime/commands.sh)
says '<th scope="row">neg</th><td class="right">10</td><td>0</td>'
says '<th scope="row">pos</th><td>0</td><td class="right">10</td>'
says '<th scope="row">mean of labels</th><td><data value="1">1</data></td>'
for left in *report.html.* .*report.html.*; do
  [ -e "$left" ] && fail "a temporary file was left"
done

# the page changes nothing
expect 0 train train.tsv --validation test.tsv --seed 3 --batch-size 7 --save without.safetensors
same tiny.safetensors without.safetensors

# without validation data; a part of the training data
expect 0 train train.tsv --report none.html --epochs 2 --save none.safetensors
page none.html
says 'by loss.'
grep -q "Validation of" out && fail "there was no validation"
expect 0 train train.tsv --validation-split 0.25 --report part.html --epochs 1 --save part.safetensors
page part.html
says '<data value="15">15</data> rows: the last rows of the training data'

# what users write stays text
odd=$(printf 'a<b>&"\377.tsv')
sed 's/^pos/<script>alert("1")<\/script>/; s/^neg/R\&D '"'"'x'"'"'/' train.tsv >"$odd"
expect 0 train "$odd" --validation "$odd" --report odd.html --epochs 2 --save odd.safetensors
page odd.html
says '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;'
says 'R&amp;D &#39;x&#39;'
says "rows: a&lt;b&gt;&amp;&quot;$(printf '\357\277\275').tsv"

# stopped early, gone on with
expect 0 train train.tsv --epochs 2 --report first.html --save again.safetensors
expect 0 train train.tsv --epochs 4 --report second.html --save again.safetensors --resume
page second.html
says "Training is done: 4 epochs. The first 2 are of an earlier run."
epochs second.html | cut -d, -f1 | tr '\n' ' ' >out
says "2 3 "
if [ -w /dev/full ] && [ -w /dev ]; then
  expect 1 train train.tsv --report failed.html --log /dev/full --save failed.safetensors
  page failed.html
  says "Training was stopped early, after 0 of 6 epochs."
  says '<p class="failure">/dev/full: '
fi

expect 1 train train.tsv --report none/report.html --save mistake.safetensors
says "the folder 'none' does not exist"
grep -q "Epoch" out && fail "training began"
exit 0
