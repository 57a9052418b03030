#!/bin/bash
# growth.sh NLMC KIND FEW MANY RATIO SECONDS: compiling a model of MANY layers takes at most RATIO times the user time of one
# of FEW layers, and less than SECONDS. The best of three runs counts, since a busy machine only ever adds to it.
set -eu
nlmc=$1 kind=$2 few=$3 many=$4 ratio=$5 limit=$6
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TIMEFORMAT=%U

user_time() { # COUNT
  local best='' seconds
  bash "$here/layers.sh" "$kind" "$1" >"$work/model.nlm"
  for _ in 1 2 3; do
    rm -f "$work/model.o"
    seconds=$({ time "$nlmc" emit obj --training "$work/model.nlm" -o "$work/model.o" >"$work/messages" 2>&1 || true; } 2>&1)
    if [ ! -s "$work/model.o" ]; then
      cat "$work/messages" >&2
      return 1
    fi
    if [ -z "$best" ] || awk -v a="$seconds" -v b="$best" 'BEGIN { exit !(a < b) }'; then
      best=$seconds
    fi
  done
  echo "$best"
}

short=$(user_time "$few")
long=$(user_time "$many")
echo "$kind: $few layers $short s, $many layers $long s"
awk -v a="$short" -v b="$long" -v r="$ratio" -v l="$limit" 'BEGIN { exit !(b <= r * a && b < l) }'
