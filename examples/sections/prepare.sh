#!/bin/sh
# Makes train.tsv and test.tsv (label<TAB>text, with a header) out of the package descriptions of the
# distribution this machine runs: the label is the package's section, the text its English description.
#
# usage: prepare.sh [FOLDER]        (default: the folder of this script, in data/)
#
# Package lists and their translations are fetched by apt into FOLDER/apt; the system's own lists, cache and
# settings are read (which sources, which keys) but never written, so no rights are needed. Rows whose
# *source* package hashes to the test share go to test.tsv: siblings (foo, foo-doc, libfoo1) stay on one
# side. Within a file rows stand in the order of that hash, so that a validation split of the last rows is
# a random choice of source packages too.
set -eu

minimum_per_section=200 # smaller sections are left out
test_share=5            # one source package in this many is for testing ...
test_remainder=3        # ... the one whose hash leaves this remainder

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/data}
mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
folder=$(cd "$folder" && pwd)
apt_folder=$folder/apt
scratch=$(mktemp -d "$folder/prepare.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

apt_options=-c=$apt_folder/apt.conf
cat >"$apt_folder/apt.conf" <<CONF
#clear Acquire::Languages;
Acquire::Languages "en";
Dir::State::lists "$apt_folder/lists";
Dir::Cache "$apt_folder/cache";
Dir::Log "$apt_folder";
// As root apt would download as the user _apt, who may not reach this folder: stay who we are.
APT::Sandbox::User "$(id -un)";
// What other programs hang onto an update (software centres' caches) is about the system's lists.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF

index_files() { # every index of kind $1, uncompressed, one after the other
  apt-get "$apt_options" indextargets --format "\$(CREATED_BY) \$(FILENAME)" |
    while read -r kind file; do
      if [ "$kind" = "$1" ] && [ -e "$file" ]; then
        /usr/lib/apt/apt-helper "$apt_options" cat-file "$file"
        echo # a blank line ends the last paragraph
      fi
    done
}

echo "fetching package lists into $apt_folder ..." >&2
apt-get "$apt_options" -q update >"$scratch/update.log" 2>&1 || {
  cat "$scratch/update.log" >&2
  echo "prepare.sh: apt-get could not fetch the package lists" >&2
  exit 1
}

export LC_ALL=C # bytes, in awk and in sort: the same result everywhere
index_files Translations >"$scratch/translations"
index_files Packages >"$scratch/packages"

# hash<TAB>source<TAB>section<TAB>text, one line a distinct text
awk '
  function hash(name,    i, h) {
    h = 7
    for (i = 1; i <= length(name); i++) h = (h * 131 + code[substr(name, i, 1)]) % 2147483629
    for (i = 0; i < 3; i++) h = (h * 48271 + 11) % 2147483629 # the last letters reach every digit
    return h
  }
  function field() { return substr($0, index($0, ":") + 2) }
  function end_translation() {
    if (digest != "" && !(digest in text)) text[digest] = description
    digest = description = ""
  }
  function end_package(    words) {
    sub(/^.*\//, "", section) # contrib/net, universe/net: the area is no part of the section
    sub(/ .*/, "", source)    # "Source: name (version)"
    if (source == "") source = package
    if (section != "" && digest in text) {
      words = text[digest]
      gsub(/[\t\r ]+/, " ", words)
      sub(/^ /, "", words)
      sub(/ $/, "", words)
      if (words != "" && !(words in seen)) {
        seen[words] = 1
        printf "%010d\t%s\t%s\t%s\n", hash(source), source, section, words
      }
    }
    package = source = section = digest = ""
  }
  BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i }
  FNR == 1 { file++ }
  file == 1 && /^$/ { end_translation(); next }
  file == 1 && /^Description-md5: / { digest = field(); next }
  file == 1 && /^Description-en: / { description = field(); next }
  file == 1 && /^ \.[ \t]*$/ { next } # an empty line between paragraphs
  file == 1 && /^ / { description = description " " $0; next }
  file == 2 && /^$/ { end_package(); next }
  file == 2 && /^Package: / { package = field(); next }
  file == 2 && /^Source: / { source = field(); next }
  file == 2 && /^Section: / { section = field(); next }
  file == 2 && /^Description-md5: / { digest = field(); next }
' "$scratch/translations" "$scratch/packages" | sort -t "$(printf '\t')" -k 1,1 -k 2,2 -k 3,3 -k 4 >"$scratch/rows"

awk -F '\t' -v minimum="$minimum_per_section" -v share="$test_share" -v remainder="$test_remainder" -v out="$scratch" '
  function row() { return $3 "\t" $4 }
  FNR == 1 { file++ }
  file == 1 { rows[$3]++; next }
  FNR == 1 { print "label\ttext" >(out "/train.tsv"); print "label\ttext" >(out "/test.tsv") }
  rows[$3] >= minimum {
    if ($1 % share == remainder) print row() >(out "/test.tsv")
    else print row() >(out "/train.tsv")
  }
' "$scratch/rows" "$scratch/rows"

if ! [ -s "$scratch/train.tsv" ]; then
  echo "prepare.sh: the package lists hold no English descriptions (Translation-en); see $apt_folder" >&2
  exit 1
fi
mv "$scratch/train.tsv" "$folder/train.tsv"
mv "$scratch/test.tsv" "$folder/test.tsv"

for part in train test; do
  awk -F '\t' -v name="$part.tsv" '
    NR > 1 { sections[$1]++; words += split($2, word, " ") }
    END {
      for (s in sections) n++
      printf "%s: %d texts, %d sections, %.1f words a text\n", name, NR - 1, n, words / (NR - 1)
    }' "$folder/$part.tsv"
done
