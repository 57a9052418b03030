#!/bin/sh
# Shared by the tests of this folder: $tiny is the program, the working directory is made anew.
set -u
tiny=$1
rm -rf "$2"
mkdir -p "$2" && cd "$2" || exit 1

fail() {
  echo "failed: $1" >&2
  [ -f out ] && cat out >&2
  exit 1
}
# expect CODE WORDS...: runs the program; both streams go to `out`.
expect() {
  wanted=$1
  shift
  "$tiny" "$@" >out 2>&1
  found=$?
  [ "$found" -eq "$wanted" ] || fail "'$*' ended with $found, not $wanted"
}
says() { grep -qF -- "$1" out || fail "no \"$1\" in what it said"; }
same() { cmp -s "$1" "$2" || fail "$1 and $2 differ"; }

# 60 rows whose label follows from one word; every third also has a rare word.
rows() { # FIRST LAST
  i=$1
  while [ "$i" -le "$2" ]; do
    if [ $((i % 2)) -eq 0 ]; then
      label=pos word=fine
    else
      label=neg word=dull
    fi
    rare=
    [ $((i % 3)) -eq 0 ] && rare=" rare$((i % 11))"
    printf '%s\tA %s film number %s%s.\n' "$label" "$word" "$((i % 7))" "$rare"
    i=$((i + 1))
  done
}
rows 1 60 >train.tsv
rows 61 80 >test.tsv
