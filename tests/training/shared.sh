# shellcheck shell=sh disable=SC2034
# Shared by the tests of this folder: $nlmc, an empty working directory.
set -u
nlmc=$1
rm -rf "$2"
mkdir -p "$2" && cd "$2" || exit 1

fail() {
  echo "failed: $1" >&2
  [ -f out ] && cat out >&2
  exit 1
}
# expect CODE COMMAND...: both streams go to `out`.
expect() {
  wanted=$1
  shift
  "$@" >out 2>&1
  found=$?
  [ "$found" -eq "$wanted" ] || fail "'$*' ended with $found, not $wanted"
}
says() { grep -qF -- "$1" out || fail "no \"$1\" in what it said"; }
# near FOUND EXPECTED: to 1e-5 of the expected number
near() {
  awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; m = b < 0 ? -b : b; if (d < 0) d = -d; exit !(a != "" && d <= 1e-5 * (m + 1e-9)) }' ||
    fail "found '$1', expected $2"
}
# logged FILE EPOCH NAME: a number of a log; epochs from 0
logged() {
  awk -F, -v e="$2" -v n="$3" 'NR == 1 { for (k = 1; k <= NF; k++) if ($k == n) c = k } $1 == e && c { print $c }' "$1"
}
