#include "codegen/module.h"
#include "codegen/jit.h"
#include "support/diag.h"

struct codegen_module {
  arena *mem;
  target *target;
  emitter *e;
  jit *jit;
  const char *symbol;
  bool optimized;
};

static codegen_module *module_new(const codegen_options *o, strbuf *error) {
  target_options choice = {.triple = o->triple, .cpu = o->cpu, .opt_level = o->opt_level};
  target *t = target_new(&choice, error);
  if (!t)
    return NULL;
  codegen_module *m = xcalloc(1, sizeof *m);
  m->mem = arena_new();
  m->target = t;
  m->e = emitter_new(t, o->f64 ? REAL_F64 : REAL_F32, o->name);
  m->symbol = arena_printf(m->mem, "%snlm_model_%s", o->prefix ? o->prefix : "", o->name);
  return m;
}

codegen_module *codegen_model(const model *described, const program_inputs *inputs,
                              const schedule *const *schedules, int n_schedules, dim_table *dims,
                              const codegen_options *options, strbuf *error) {
  INVARIANT(n_schedules > 0 && n_schedules <= PROGRAM_KINDS);
  codegen_module *m = module_new(options, error);
  if (!m)
    return NULL;
  entry_code programs[PROGRAM_KINDS];
  body_store *store = body_store_new();
  for (int k = 0; k < n_schedules; k++)
    programs[k] = emit_program(m->e, store, schedules[k], dims, m->mem, options->name);
  body_store_free(store);
  descriptor_source from = {.model = described,
                            .inputs = inputs,
                            .programs = programs,
                            .n_programs = n_schedules,
                            .dims = dims,
                            .options = options,
                            .symbol = m->symbol};
  emit_descriptor(m->e, m->mem, &from);
  return m;
}

void codegen_free(codegen_module *m) {
  if (!m)
    return;
  jit_free(m->jit);
  emitter_free(m->e);
  target_free(m->target);
  arena_free(m->mem);
  free(m);
}

static void optimize(codegen_module *m) {
  if (!m->optimized)
    target_optimize(m->target, m->e->module);
  m->optimized = true;
}

static emission emission_of(codegen_output kind) {
  static const emission kinds[] = {[CODEGEN_OBJECT] = EMISSION_OBJECT,
                                   [CODEGEN_ASSEMBLY] = EMISSION_ASSEMBLY,
                                   [CODEGEN_LLVM] = EMISSION_LLVM,
                                   [CODEGEN_BITCODE] = EMISSION_BITCODE};
  return kinds[kind];
}

int codegen_write(codegen_module *m, codegen_output kind, const char *path) {
  optimize(m);
  return target_emit_file(m->target, m->e->module, emission_of(kind), path);
}

void codegen_print(codegen_module *m, codegen_output kind, strbuf *out) {
  optimize(m);
  target_emit(m->target, m->e->module, emission_of(kind), out);
}

void codegen_print_unoptimized(codegen_module *m, strbuf *out) {
  INVARIANT(!m->optimized);
  target_verify(m->e->module);
  target_emit(m->target, m->e->module, EMISSION_LLVM, out);
}

const char *codegen_symbol(const codegen_module *m) {
  return m->symbol;
}

const void *codegen_load(codegen_module *m) {
  INVARIANT(!m->optimized && !m->jit);
  m->jit = jit_new();
  jit_add(m->jit, m->target, m->e->module);
  m->optimized = true;
  return jit_lookup(m->jit, m->symbol);
}
