#!/bin/sh
# Shows that check_layering.sh and check_text.sh catch what they are for: each planted breach must be reported, and a tree that
# keeps the rules must pass.
#
# usage: test_layering.sh SCRATCH_FOLDER
set -eu

here=$(cd "$(dirname "$0")" && pwd)
scratch=$1
failed=0

fresh_tree() {
  rm -rf "$scratch/tree"
  for folder in support ir ir/layers frontend passes codegen runtime/include/nlm runtime/kernels driver tests; do
    mkdir -p "$scratch/tree/$folder"
  done
  plant support/arena.c '#include "support/arena.h"'
  plant ir/layers/dense.c '#include "ir/layer.h"'
  plant frontend/parse.c '#include "ir/model.h"'
  plant frontend/nlm.y '#include "frontend/nlm.tab.h"'
  plant frontend/lex.c 'static YYSTYPE value;'
  plant passes/fuse.c '#include "ir/graph.h"'
  plant codegen/module.c '#include <llvm-c/Core.h>'
  plant codegen/abi.c '#include "runtime/include/nlm/abi.h"'
  plant codegen/rows.c '#include "nlm/abi.def"'
  plant runtime/kernels/gemm.c '#include <cblas.h>'
  plant runtime/session.c '#include "nlm/abi.h"'
  plant driver/main.c '#include "runtime/train.h"'
  plant tests/test_gemm.c '#include "helper.h"'
}
plant() { printf '%s\n' "$2" >"$scratch/tree/$1"; }

expect() { # CHECK FILE LINE: the check must name exactly this file
  fresh_tree
  plant "$2" "$3"
  if found=$("$here/$1" "$scratch/tree"); then
    echo "$1 let pass: $3 in $2"
    failed=1
  elif [ "$(printf '%s\n' "$found" | cut -d: -f1 | sort -u)" != "$2" ]; then
    echo "$1 named something else than $2: $found"
    failed=1
  fi
}

fresh_tree
for check in check_layering.sh check_text.sh; do
  "$here/$check" "$scratch/tree" || {
    echo "$check refuses a tree that keeps the rules"
    failed=1
  }
done

expect check_layering.sh support/arena.h '#include "ir/layer.h"'
expect check_layering.sh ir/layer.h '#include "frontend/ast.h"'
expect check_layering.sh ir/layers/gru.c '#  include "runtime/train.h"'
expect check_layering.sh ir/op.c '#include "nlm/abi.h"'
expect check_layering.sh passes/fuse.h '#include "codegen/codegen.h"'
expect check_layering.sh passes/plan.c '#include "frontend/ast.h"'
expect check_layering.sh codegen/emit.c '#include "runtime/weights.h"'
expect check_layering.sh codegen/emit.c '#include "nlm/nlm.h"'
expect check_layering.sh codegen/emit.c '#include "passes/pass.h"'
expect check_layering.sh runtime/session.h '#include "ir/graph.h"'
expect check_layering.sh runtime/session.h '#include "codegen/codegen.h"'
expect check_layering.sh driver/build.c '#include <llvm-c/Core.h>'
expect check_layering.sh ir/graph.c '#include <llvm-c/Core.h>'
expect check_layering.sh runtime/blas.c '#include <cblas.h>'
expect check_layering.sh ir/names.c '#include "names.h"'
expect check_layering.sh ir/names.c '#include "../support/arena.h"'
expect check_layering.sh driver/check.c '#include "frontend/nlm.tab.h"'
expect check_layering.sh driver/check.c 'extern YYLTYPE where;'

expect check_text.sh ir/op.c '// T''ODO: later'
expect check_text.sh support/arena.c '// F''IXME'
expect check_text.sh passes/fuse.c 'fail("not yet im''plemented");'
expect check_text.sh driver/main.c 'open("/ho''me/somebody/model.nlm");'
expect check_text.sh tests/run.sh 'cd /t''mp/somewhere'
expect check_text.sh ir/long.c "$(awk 'BEGIN { for (i = 0; i < 601; i++) print "// line" }')"
exit $failed
