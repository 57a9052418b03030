#!/bin/sh
# The lists of layers, functions and losses in docs/language.md are those of nlmc, and docs/layers.md is what `nlmc help`
# says of everything that has a name.
# usage: lists.sh NLMC ROOT [--write]: with --write the pages are brought up to date, and docs/checks.md with them
. "$2/tests/cli/checks.inc"
page=$root/docs/language.md
wrap() { # one line of words to lines of the page
  tr -s ' \n' '  ' | sed 's/^ //; s/ $//; s/ /, /g; s/$/./' | fold -s -w 118 | sed 's/ $//'
}
expect 0 help
sed -n '/^Layers:/,$p' out | sed 's/^Layers://' | wrap >layers.list
expect 0 help functions
sed 's/ .*//' out | wrap >functions.list
expect 0 help losses
sed -n 's/^\([a-z_0-9]*\),.*/\1/p' out | wrap >losses.list
cp "$page" page.md
for list in layers functions losses; do
  awk -v list="$list" '
    index($0, "<!-- " list " -->") { print; while ((getline line < (list ".list")) > 0) print line; skip = 1; next }
    skip && /<!-- end -->/ { skip = 0 }
    !skip { print }' page.md >new.md && mv new.md page.md
done

markdown() { # MODE, of the last command's output
  awk -v MODE="$1" -f "$root/tests/docs/reference.awk" out
}
{
  cat "$root/tests/docs/reference_head.md"
  printf '\n## Layers\n'
  for layer in $(tr -d ',.' <layers.list); do
    expect 0 help "$layer"
    markdown layer
  done
  for list in losses metrics optimizers schedules callbacks initializers regularizers constraints; do
    printf '\n## %s\n' "$(echo $list | sed 's/^./\U&/')"
    expect 0 help $list
    markdown entries
  done
  for list in activations functions; do
    printf '\n## %s\n\n| | |\n|---|---|\n' "$(echo $list | sed 's/^./\U&/')"
    expect 0 help $list
    markdown words
  done
} >reference.md
if [ "${3:-}" = --write ]; then
  cp page.md "$page"
  cp reference.md "$root/docs/layers.md"
  checks=$(dirname "$nlmc")/../tests/docs/checks # of the same build, if it is built
  [ ! -x "$checks" ] || sh "$root/tests/docs/checks.sh" "$checks" "$root" --write || fail "docs/checks.md is not written"
  finish
fi
cmp -s page.md "$page" || { fail "docs/language.md: lists are out of date (lists.sh NLMC ROOT --write)" && diff "$page" page.md; }
cmp -s reference.md "$root/docs/layers.md" ||
  { fail "docs/layers.md is out of date (lists.sh NLMC ROOT --write)" && diff "$root/docs/layers.md" reference.md | head -40; }
# docs/abi.md says which version of the contract is current.
version=$(sed -n 's/^#define NLM_ABI_VERSION //p' "$root/runtime/include/nlm/abi.h")
grep -qF "\`NLM_ABI_VERSION\` $version." "$root/docs/abi.md" || fail "docs/abi.md: NLM_ABI_VERSION is $version"
finish
