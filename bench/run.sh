#!/bin/sh
# Measures nlm beside PyTorch, ONNX Runtime, fastText and oneDNN on the workloads W1 to W8; README.md says what and how.
#
# usage: run.sh BUILD WORK [--threads 1,2] [--only w1,w5] [--rounds N] [--seconds S] ...    (run.sh BUILD WORK --help)
#
# BUILD is a release build of this tree; WORK takes inputs, models, results and profiles, and ONNX Runtime from npm.
# Needs python3-numpy; peers that are not installed are left out.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
mkdir -p "$2"
work=$(cd "$2" && pwd)
shift 2
cmake --build "$build" --target bench >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
exec /usr/bin/python3 -B "$here/run.py" "$build" "$work" "$@"
