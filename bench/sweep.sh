#!/bin/sh
# Measures nets of many sizes beside PyTorch and looks for cliffs; README.md says how.
#
# usage: sweep.sh BUILD WORK [--families lstm,gru] [--sizes units,batch] [--threads 1,2] ...    (sweep.sh BUILD WORK --help)
#
# BUILD is a release build of this tree; WORK takes what is built, sweep.md and sweep.json.
# Needs python3-numpy; PyTorch is left out where it is not installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
mkdir -p "$2"
work=$(cd "$2" && pwd)
shift 2
cmake --build "$build" --target bench >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
exec /usr/bin/python3 -B "$here/sweep.py" "$build" "$work" "$@"
