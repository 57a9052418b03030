#!/bin/sh
# Reads the #include lines of a source tree and prints each that breaks the rules of docs/architecture.md, "Who may
# include whom". Exits with 1 if there is one. Files under tests/ and examples/ are free.
#
# usage: check_layering.sh ROOT
set -eu

cd "$1"
folders=
for folder in support ir frontend passes codegen runtime driver; do
  [ ! -d $folder ] || folders="$folders $folder"
done
[ -n "$folders" ] || {
  echo "check_layering.sh: no source folder in $1" >&2
  exit 2
}
# shellcheck disable=SC2086,SC2016 # a list of folders; awk reads $0
find $folders -type f \( -name '*.[chly]' -o -name '*.def' \) | LC_ALL=C sort | xargs awk '
  function breach(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0; breaches++ }
  function may_see(folder, other) { return index(" " seen_by[folder] " ", " " other " ") > 0 }
  BEGIN {
    seen_by["support"] = "support"
    seen_by["ir"] = "support ir"
    seen_by["frontend"] = "support ir frontend"
    seen_by["passes"] = "support ir passes"
    seen_by["codegen"] = "support ir codegen"
    seen_by["runtime"] = "support runtime"
    seen_by["driver"] = "support ir frontend passes codegen runtime driver"
    split("support ir frontend passes codegen runtime driver", names, " ")
    for (n in names) is_folder[names[n]] = 1
  }
  FNR == 1 { folder = FILENAME; sub(/\/.*/, "", folder) }
  !/^[ \t]*#[ \t]*include/ {
    # the types of bison and flex stay with the parser
    if (folder != "frontend" && /(^|[^A-Za-z0-9_])(YYSTYPE|YYLTYPE|yyscan_t|yytokentype)([^A-Za-z0-9_]|$)/)
      breach("a parser type outside frontend/")
    next
  }
  {
    quoted = ($0 ~ /include[ \t]*"/)
    path = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*[<"]/, "", path)
    sub(/[>"].*/, "", path)
    target = path
    sub(/\/.*/, "", target)
    if (path ~ /(^|\/)\.\.\//) { breach("a path with .."); next }
    if (path ~ /^llvm/) {
      if (folder != "codegen") breach("LLVM outside codegen/")
    } else if (path == "cblas.h") {
      if (FILENAME !~ /^runtime\/kernels\//) breach("BLAS outside runtime/kernels/")
    } else if (path ~ /^(nlm\.tab|parser|lexer)\.h$/ || (path ~ /\.tab\.h$|\.yy\.h$/ && folder != "frontend")) {
      breach("a parser header outside frontend/ or not named from the root")
    } else if (path ~ /^(runtime\/include\/)?nlm\//) {
      public = path
      sub(/^.*nlm\//, "", public)
      # abi.def holds the rows that abi.h is made of
      if (folder == "codegen" && public !~ /^abi\.(h|def)$/) breach("codegen/ sees the ABI and nothing else of the runtime")
      else if (folder != "runtime" && folder != "driver" && folder != "codegen") breach(folder "/ may not see the runtime")
    } else if (target in is_folder) {
      if (!may_see(folder, target)) breach(folder "/ may not see " target "/")
    } else if (quoted) {
      breach("an include that is not relative to the root")
    }
  }
  END { exit breaches > 0 }
'
