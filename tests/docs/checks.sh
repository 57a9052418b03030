#!/bin/sh
# docs/checks.md is what the program `checks` makes of the tests' definitions, and nothing is left without a reference.
# usage: checks.sh CHECKS ROOT [--write], in an empty folder
"$1" "$2" >checks.md || exit 1
[ "${3:-}" != --write ] || cp checks.md "$2/docs/checks.md"
cmp -s checks.md "$2/docs/checks.md" && exit 0
echo "docs/checks.md is out of date (checks.sh CHECKS ROOT --write)"
diff "$2/docs/checks.md" checks.md
exit 1
