#!/bin/sh
# One command that sets a fresh machine up, builds nlm and runs its tests.
#
# usage: test.sh [CTEST_OPTION...]        e.g. test.sh -L fast
set -eu

cd "$(dirname "$0")/.."
scripts/install-packages.sh
[ -f build/build.ninja ] || cmake --preset release
cmake --build --preset release
exec ctest --preset release -j "$(nproc)" "$@"
