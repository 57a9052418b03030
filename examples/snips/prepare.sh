#!/bin/sh
# Makes train.jsonl, dev.jsonl and test.jsonl (words, tags, intent) out of the SNIPS benchmark's JSON files.
#
# usage: prepare.sh SNIPS_FOLDER FOLDER
#
# SNIPS_FOLDER holds train_INTENT_full.json and validate_INTENT.json. The `validate` files are the test set, as in
# the literature; every twentieth request of each intent's training file goes to dev.jsonl. Words are runs of
# letters and digits, with ' . - inside; any other ASCII mark is a word of its own. A word takes the slot of the first
# labelled part of the request that it overlaps: B-SLOT where the slot begins, else I-SLOT; O outside.
set -eu

if [ $# -ne 2 ]; then
  echo "usage: prepare.sh SNIPS_FOLDER FOLDER" >&2
  exit 2
fi
source=$1
folder=$2
mkdir -p "$folder"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
export LC_ALL=C

# One request for each "data", one part for each "text" with, perhaps, the "entity" behind it. Reads a record up to
# each quotation mark, so that strings of any length on lines of any length are found alike.
requests() { # FILE INTENT EVERY: JSON lines to $scratch/rest, every EVERY-th to $scratch/chosen
  encoding=UTF-8 # one of the files is in another encoding
  iconv -f UTF-8 -t UTF-8 "$1" >/dev/null 2>&1 || encoding=ISO-8859-1
  iconv -f "$encoding" -t UTF-8 "$1" | awk -v intent="$2" -v every="$3" -v folder="$scratch" '
    BEGIN {
      RS = "\""
      word = "[A-Za-z0-9_\200-\377]+([\047.-][A-Za-z0-9_\200-\377]+)*"
      for (k = 0; k < 16; k++) digit[substr("0123456789abcdef", k + 1, 1)] = k
    }
    function code(hex, k, n) {
      for (k = 1; k <= 4; k++) n = 16 * n + digit[tolower(substr(hex, k, 1))]
      return n
    }
    function character(n) { # of the BMP, in UTF-8
      if (n < 128) return sprintf("%c", n)
      if (n < 2048) return sprintf("%c%c", 192 + int(n / 64), 128 + n % 64)
      return sprintf("%c%c%c", 224 + int(n / 4096), 128 + int(n / 64) % 64, 128 + n % 64)
    }
    function plain(s, out, at, next_one) { # without escapes
      while (at = index(s, "\\")) {
        out = out substr(s, 1, at - 1)
        next_one = substr(s, at + 1, 1)
        if (next_one == "u") out = out character(code(substr(s, at + 2, 4)))
        else out = out (next_one ~ /[nrt]/ ? " " : next_one)
        s = substr(s, at + (next_one == "u" ? 6 : 2))
      }
      return out s
    }
    function quoted(s) {
      gsub(/\\/, "\\\\", s)
      gsub(/"/, "\\\"", s)
      return "\"" s "\""
    }
    function slot_of(from, to, k) { # number of the slot that [from, to) overlaps; 0: none
      for (k = 1; k <= slots; k++) if (begin[k] < to && from < end[k]) return k
      return 0
    }
    function request(words, tags, at, from, to, slot, last, row) {
      if (!open) return
      for (at = 1; at <= length(text); at = to) {
        rest = substr(text, at)
        if (match(rest, /^[ \t]+/)) { to = at + RLENGTH; continue }
        to = at + (match(rest, "^" word) ? RLENGTH : 1)
        slot = slot_of(at, to)
        words = words (words == "" ? "" : ", ") quoted(substr(text, at, to - at))
        tags = tags (tags == "" ? "" : ", ") quoted(slot ? (slot == last ? "I-" : "B-") name[slot] : "O")
        last = slot
      }
      row = "{\"words\": [" words "], \"tags\": [" tags "], \"intent\": \"" intent "\"}"
      if (words != "") print row >(folder "/" (++count % every ? "rest" : "chosen"))
      open = 0
    }
    function string(s) {
      if (key == "" && (s == "text" || s == "entity")) key = s
      else if (key == "" && s == "data") { request(); open = 1; text = ""; slots = 0 }
      else if (key == "text") { start = length(text) + 1; text = text plain(s); key = "" }
      else if (key == "entity") { begin[++slots] = start; end[slots] = length(text) + 1; name[slots] = s; key = "" }
    }
    {
      if (!inside) { inside = 1; held = ""; next } # up to a string
      held = held $0
      backslashes = match(held, /\\+$/) ? RLENGTH : 0
      if (backslashes % 2) { held = held "\""; next }
      string(held)
      inside = 0
    }
    END { request() }'
}

for part in train dev test; do
  : >"$scratch/$part"
done
for file in "$source"/train_*_full.json; do
  intent=${file##*/train_}
  requests "$file" "${intent%_full.json}" 20
  cat "$scratch/rest" >>"$scratch/train"
  cat "$scratch/chosen" >>"$scratch/dev"
done
for file in "$source"/validate_*.json; do
  intent=${file##*/validate_}
  requests "$file" "${intent%.json}" 1
  cat "$scratch/chosen" >>"$scratch/test"
done
for part in train dev test; do
  mv "$scratch/$part" "$folder/$part.jsonl"
  echo "$folder/$part.jsonl: $(wc -l <"$folder/$part.jsonl") requests"
done
