#!/bin/sh
# Makes ten folds out of the sentence polarity data (Pang and Lee 2005): fold k tests on the lines whose number,
# counted from 0 in either file, leaves the remainder k when divided by ten, and trains on all others.
#
# usage: prepare.sh DATA_FOLDER [FOLDER]
#
# DATA_FOLDER holds rt-polarity.pos and rt-polarity.neg, one sentence a line (UTF-8, or Latin-1 as first published).
# Writes FOLDER/<k>/train.tsv and FOLDER/<k>/test.tsv, label<TAB>text with a header; positive and negative
# sentences take turns, so that a validation split of the last rows holds both.
set -eu

if [ $# -lt 1 ]; then
  echo "usage: prepare.sh DATA_FOLDER [FOLDER]" >&2
  exit 2
fi
data=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=${2:-$here/data}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
export LC_ALL=C

for opinion in pos neg; do
  file=$data/rt-polarity.$opinion
  [ -f "$file" ] || {
    echo "prepare.sh: no $file" >&2
    exit 1
  }
  encoding=UTF-8
  iconv -f UTF-8 -t UTF-8 "$file" >/dev/null 2>&1 || encoding=ISO-8859-1
  iconv -f "$encoding" -t UTF-8 "$file" | tr '\t\r' '  ' |
    awk -v label="$opinion" '{ sub(/^ +/, ""); sub(/ +$/, ""); printf "%d\t%s\t%s\n", NR - 1, label, $0 }'
done | sort -t "$(printf '\t')" -k 1,1n -k 2,2r >"$scratch/rows"

for fold in 0 1 2 3 4 5 6 7 8 9; do
  mkdir -p "$folder/$fold"
  for part in train test; do
    awk -F '\t' -v fold=$fold -v part=$part '
      BEGIN { print "label\ttext" }
      ($1 % 10 == fold) == (part == "test") { print $2 "\t" $3 }' "$scratch/rows" >"$scratch/$part.tsv"
    mv "$scratch/$part.tsv" "$folder/$fold/$part.tsv"
  done
done
echo "$folder: ten folds of $(wc -l <"$scratch/rows") sentences"
