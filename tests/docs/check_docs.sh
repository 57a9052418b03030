#!/bin/sh
# Compiles what a page of the documentation shows.
# usage: check_docs.sh NLMC ROOT PAGE, in an empty folder
. "$2/tests/cli/checks.inc"
page=$root/docs/$3
here=$root/tests/docs
rm -rf ./* && mkdir blocks
awk -v DIR=blocks -f "$here/extract.awk" "$page"
[ -s blocks/list ] || fail "$3 shows nothing"
cd blocks || exit 1
while read -r number kind line; do
  name=$(printf '%03d' "$number")
  case $kind in
    good)
      expect 0 check "$name.nlm"
      [ ! -s err ] || { fail "$3:$line: this model should compile in silence" && cat err; }
      ;;
    error | warning)
      shown=$(sed -n '1s/:.*//p' "$name.expected")
      cp "$name.nlm" "${shown:-$name.nlm}"
      expect "$([ "$kind" = error ] && echo 1 || echo 0)" check "${shown:-$name.nlm}"
      cmp -s err "$name.expected" || { fail "$3:$line: the messages differ" && diff "$name.expected" err; }
      ;;
    console)
      # A command's output is what stands before the next command.
      awk '/^\$ /{print substr($0, 3)}' "$name.console" >commands
      : >transcript
      while read -r command; do
        echo "\$ $command" >>transcript
        # shellcheck disable=SC2086
        PATH=$(dirname "$nlmc"):$PATH sh -c "$command" >>transcript 2>&1 </dev/null
      done <commands
      cmp -s transcript "$name.console" || { fail "$3:$line: the output differs" && diff "$name.console" transcript; }
      ;;
  esac
done <list
cd ..
finish
