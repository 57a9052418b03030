#!/bin/sh
# Does what CONTRIBUTING.md shows, on a copy of the tree: writes its `file=` blocks, puts its `in=` blocks where they say,
# builds, and runs its `run` blocks in order. Fails, naming the block's line, when anything no longer works.
#
# usage: run.sh SOURCE_FOLDER WORK_FOLDER [GENERATOR]        WORK_FOLDER is made anew
set -eu

source=$(cd "$1" && pwd)
rm -rf "$2"
mkdir -p "$2/tree/tests" "$2/blocks"
work=$(cd "$2" && pwd)
generator=${3:-Ninja}
tree=$work/tree

fail() {
  echo "CONTRIBUTING.md:$1" >&2
  [ ! -s "$work/log" ] || tail -n 60 "$work/log" >&2
  exit 1
}

# blocks/list: one row a block, `LINE<TAB>KIND<TAB>PATH<TAB>WHERE<TAB>TEXT`; the body of the block at line N: blocks/N.
# A block inside a list is indented as the list is; so is its body.
extract() {
  awk -v folder="$work/blocks" '
    function complain(why) { printf "%d: %s: %s\n", NR, why, $0; failed = 1 }
    function attribute(info, name,   at) {
      at = index(info, " " name "=")
      if (!at) return ""
      info = substr(info, at + length(name) + 2)
      if (info !~ /^"/) { sub(/ .*/, "", info); return info }
      info = substr(info, 2)
      sub(/".*/, "", info)
      return info
    }
    !inside && /^ *```/ {
      inside = 1
      match($0, /^ */)
      indent = RLENGTH
      info = substr($0, indent + 4)
      file = attribute(info, "file")
      into = attribute(info, "in")
      before = attribute(info, "before")
      after = attribute(info, "after")
      kind = file != "" ? "file" : into != "" ? "in" : info ~ /^sh run$/ ? "run" : ""
      if (kind == "" && info != "" && info != "sh") complain("a block that nobody tests")
      where = before != "" ? "before" : after != "" ? "after" : "end"
      body = folder "/" NR
      if (kind != "") {
        printf "%d\t%s\t%s\t%s\t%s\n", NR, kind, file into, where, before after >(folder "/list")
        printf "" >body
      }
      next
    }
    inside && /^ *```$/ { inside = 0; close(body); next }
    inside && kind != "" { print substr($0, indent + 1) >body }
    END { if (inside) complain("a block without an end"); exit failed }
  ' "$source/CONTRIBUTING.md" || exit 1
}

insert() { # BODY FILE WHERE TEXT
  awk -v body="$1" -v where="$3" -v text="$4" '
    function put(  line) {
      while ((getline line <body) > 0) print line
      found++
    }
    text != "" && where == "before" && index($0, text) { put() }
    { print }
    text != "" && where == "after" && index($0, text) { put() }
    END {
      if (where == "end") put()
      exit found != 1
    }' "$2" >"$2.new" && mv "$2.new" "$2"
}

apply() { # LINE KIND PATH WHERE TEXT
  case $2 in
  file)
    [ ! -e "$tree/$3" ] || fail "$1: $3 exists already"
    mkdir -p "$(dirname "$tree/$3")"
    cp "$work/blocks/$1" "$tree/$3"
    ;;
  in)
    [ -f "$tree/$3" ] || fail "$1: there is no $3"
    insert "$work/blocks/$1" "$tree/$3" "$4" "$5" || fail "$1: not exactly one line of $3 holds: $5"
    ;;
  esac
}

laid_out() { # new sources have the layout and the includes that the project asks for
  command -v clang-format >/dev/null || return 0
  while IFS="$tab" read -r line kind path _; do
    case $kind,$path in
    file,*.c) (cd "$tree" && clang-format --dry-run -Werror "$path") >"$work/log" 2>&1 ||
      fail "$line: $path is not laid out as .clang-format says" ;;
    esac
  done <"$work/blocks/list"
}

tab=$(printf '\t')
extract
for thing in CMakeLists.txt README.md .clang-format cmake docs support ir frontend passes codegen runtime driver; do
  cp -r "$source/$thing" "$tree"
done
for folder in unit exec exec-unit gradcheck reference runtime layering oracle tfjs cli docs; do
  cp -r "$source/tests/$folder" "$tree/tests"
done
while IFS="$tab" read -r line kind path where text; do
  apply "$line" "$kind" "$path" "$where" "$text"
done <"$work/blocks/list"
laid_out
"$tree/tests/layering/check_layering.sh" "$tree" >"$work/log" 2>&1 || fail "1: an example breaks the include rules"

set --
if command -v ccache >/dev/null; then # objects are shared between runs, wherever the copy stands
  CCACHE_BASEDIR=$tree CCACHE_NOHASHDIR=1
  export CCACHE_BASEDIR CCACHE_NOHASHDIR
  set -- -DCMAKE_C_COMPILER_LAUNCHER=ccache
fi
cmake -G "$generator" -S "$tree" -B "$tree/build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O0 "$@" \
  >"$work/log" 2>&1 || fail "1: the tree with all examples does not configure"
CMAKE_BUILD_PARALLEL_LEVEL=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL
runs=0
while IFS="$tab" read -r line kind _; do
  [ "$kind" = run ] || continue
  echo "== CONTRIBUTING.md:$line"
  (cd "$tree" && sh -eux "$work/blocks/$line") >"$work/log" 2>&1 </dev/null || fail "$line: these commands fail"
  runs=$((runs + 1))
done <"$work/blocks/list"
[ $runs -ge 6 ] || fail "1: only $runs blocks of commands were found"
rm -rf "$tree"
echo "run.sh: $(wc -l <"$work/blocks/list") blocks of CONTRIBUTING.md work"
