// The fusion and epilogue passes: they allow the schedule pass to inline, which it must not do unasked.
#include "passes/pass.h"

static void run_fusion(compilation *c) {
  c->fuse = true;
}

static void run_epilogue(compilation *c) {
  c->fuse_epilogue = true;
}

const pass pass_fusion = {
    .name = "fusion",
    .doc = "element-wise chains, views, gathers and reductions share one kernel",
    .run = run_fusion,
};

const pass pass_epilogue = {
    .name = "epilogue",
    .doc = "element-wise work behind a product happens in the product's kernel",
    .run = run_epilogue,
};
