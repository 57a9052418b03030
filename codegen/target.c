#include "codegen/target.h"
#include "codegen/target_cpus.h"
#include "support/diag.h"
#include "support/intern.h"
#include <errno.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/BitWriter.h>
#include <llvm-c/Error.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

static void initialize_llvm(void) {
  static bool done;
  if (done)
    return;
  LLVMInitializeAllTargetInfos();
  LLVMInitializeAllTargets();
  LLVMInitializeAllTargetMCs();
  LLVMInitializeAllAsmPrinters();
  LLVMInitializeAllAsmParsers();
  done = true;
}

// LLVM's strings are freed with its own function; ours with free.
static char *take_message(char *message) {
  char *copy = xstrdup(message);
  LLVMDisposeMessage(message);
  return copy;
}

static bool is_x86_64(const char *triple) {
  return strncmp(triple, "x86_64", 6) == 0;
}

static LLVMTargetMachineRef create_machine(LLVMTargetRef llvm_target, const target *t) {
  static const LLVMCodeGenOptLevel levels[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess,
                                               LLVMCodeGenLevelDefault, LLVMCodeGenLevelAggressive};
  INVARIANT(t->opt_level >= 0 && t->opt_level <= 3);
  return LLVMCreateTargetMachine(llvm_target, t->triple, t->cpu, t->features, levels[t->opt_level],
                                 LLVMRelocPIC, LLVMCodeModelDefault);
}

// An x86-64 CPU's abilities are read off what LLVM makes of one wide multiply-add: its C interface does not
// tell the features behind a CPU's name.
static void probe_x86(target *t) {
  LLVMContextRef context = LLVMContextCreate();
  LLVMModuleRef module = LLVMModuleCreateWithNameInContext("probe", context);
  target_prepare(t, module);
  LLVMTypeRef vector = LLVMVectorType(LLVMFloatTypeInContext(context), 16);
  LLVMTypeRef pointer = LLVMPointerTypeInContext(context, 0);
  LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(context), &pointer, 1, 0);
  LLVMValueRef function = LLVMAddFunction(module, "probe", type);
  static const char *const attributes[][2] = {{"prefer-vector-width", "512"},
                                              {"min-legal-vector-width", "512"}};
  for (size_t i = 0; i < 2; i++) {
    LLVMAttributeRef attribute =
        LLVMCreateStringAttribute(context, attributes[i][0], (unsigned)strlen(attributes[i][0]),
                                  attributes[i][1], (unsigned)strlen(attributes[i][1]));
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, attribute);
  }
  LLVMBuilderRef builder = LLVMCreateBuilderInContext(context);
  LLVMPositionBuilderAtEnd(builder, LLVMAppendBasicBlockInContext(context, function, ""));
  LLVMValueRef x = LLVMBuildLoad2(builder, vector, LLVMGetParam(function, 0), "x");
  unsigned fma = LLVMLookupIntrinsicID("llvm.fma", strlen("llvm.fma"));
  LLVMValueRef arguments[] = {x, x, x};
  LLVMValueRef y = LLVMBuildCall2(builder, LLVMIntrinsicGetType(context, fma, &vector, 1),
                                  LLVMGetIntrinsicDeclaration(module, fma, &vector, 1), arguments, 3, "y");
  LLVMBuildStore(builder, y, LLVMGetParam(function, 0));
  LLVMBuildRetVoid(builder);
  LLVMDisposeBuilder(builder);
  strbuf text = {0};
  target_emit(t, module, EMISSION_ASSEMBLY, &text);
  t->has_fma = strstr(strbuf_text(&text), "vfmadd") != NULL;
  bool zmm = strstr(strbuf_text(&text), "%zmm") != NULL, ymm = strstr(strbuf_text(&text), "%ymm") != NULL;
  t->vector_bytes = zmm ? 64 : ymm && t->has_fma ? 32 : 16;
  t->vector_registers = zmm ? 32 : 16;
  strbuf_free(&text);
  LLVMDisposeModule(module);
  LLVMContextDispose(context);
}

static void find_abilities(target *t) {
  if (is_x86_64(t->triple)) {
    probe_x86(t);
    return;
  }
  t->vector_bytes = 16;
  t->vector_registers = strncmp(t->triple, "aarch64", 7) == 0 ? 32 : 16;
  t->has_fma = true;
}

static bool cpu_known(const char *triple, const char *cpu, strbuf *error) {
  if (!is_x86_64(triple))
    return true;
  for (size_t i = 0; i < sizeof x86_64_cpus / sizeof *x86_64_cpus; i++)
    if (strcmp(x86_64_cpus[i], cpu) == 0)
      return true;
  const char *nearest = suggest(cpu, x86_64_cpus, sizeof x86_64_cpus / sizeof *x86_64_cpus);
  strbuf_printf(error, "unknown CPU \"%s\" for %s", cpu, triple);
  if (nearest)
    strbuf_printf(error, "; did you mean \"%s\"?", nearest);
  return false;
}

target *target_new(const target_options *options, strbuf *error) {
  initialize_llvm();
  char *host = take_message(LLVMGetDefaultTargetTriple());
  char *triple = options->triple ? take_message(LLVMNormalizeTargetTriple(options->triple)) : xstrdup(host);
  bool named = options->cpu && strcmp(options->cpu, "native") != 0;
  bool at_home = strcmp(triple, host) == 0;
  free(host);
  LLVMTargetRef llvm_target;
  char *message = NULL;
  if (LLVMGetTargetFromTriple(triple, &llvm_target, &message)) {
    strbuf_printf(error, "unknown target \"%s\": %s", triple, message);
    LLVMDisposeMessage(message);
    free(triple);
    return NULL;
  }
  if (named && !cpu_known(triple, options->cpu, error)) {
    free(triple);
    return NULL;
  }
  target *t = xcalloc(1, sizeof *t);
  t->triple = triple;
  t->opt_level = options->opt_level;
  bool native = !named && at_home;
  t->cpu = native ? take_message(LLVMGetHostCPUName())
                  : xstrdup(named               ? options->cpu
                            : is_x86_64(triple) ? "x86-64"
                                                : "generic");
  t->features = native ? take_message(LLVMGetHostCPUFeatures()) : xstrdup("");
  t->machine = create_machine(llvm_target, t);
  t->layout = LLVMCreateTargetDataLayout(t->machine);
  find_abilities(t);
  return t;
}

void target_free(target *t) {
  if (!t)
    return;
  LLVMDisposeTargetData(t->layout);
  LLVMDisposeTargetMachine(t->machine);
  free(t->triple);
  free(t->cpu);
  free(t->features);
  free(t);
}

void target_prepare(const target *t, LLVMModuleRef module) {
  LLVMSetTarget(module, t->triple);
  LLVMSetModuleDataLayout(module, t->layout);
}

void target_verify(LLVMModuleRef module) {
  char *message = NULL;
  if (LLVMVerifyModule(module, LLVMReturnStatusAction, &message))
    ICE("malformed code for LLVM: %s", message);
  LLVMDisposeMessage(message);
}

void target_optimize(const target *t, LLVMModuleRef module) {
  // The code comes vectorised, unrolled and called where calls are meant: cleaning it up needs a part of
  // LLVM's default pipeline only and less than half its time. -O3 runs all of it.
  static const char lean[] =
      "always-inline,globaldce,function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,"
      "simplifycfg,loop-mssa(loop-rotate,licm),early-cse<memssa>,simplifycfg),globaldce";
  static const char *const pipelines[] = {"default<O0>", lean, lean, "default<O3>"};
  target_verify(module);
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef failed = LLVMRunPasses(module, pipelines[t->opt_level], t->machine, options);
  LLVMDisposePassBuilderOptions(options);
  if (failed)
    ICE("LLVM's optimiser: %s", LLVMGetErrorMessage(failed));
}

static void add_buffer(strbuf *out, LLVMMemoryBufferRef buffer) {
  strbuf_add(out, LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
  LLVMDisposeMemoryBuffer(buffer);
}

void target_emit(const target *t, LLVMModuleRef module, emission kind, strbuf *out) {
  if (kind == EMISSION_LLVM) {
    char *text = LLVMPrintModuleToString(module);
    strbuf_puts(out, text);
    LLVMDisposeMessage(text);
    return;
  }
  if (kind == EMISSION_BITCODE) {
    add_buffer(out, LLVMWriteBitcodeToMemoryBuffer(module));
    return;
  }
  LLVMMemoryBufferRef buffer;
  char *message = NULL;
  LLVMCodeGenFileType type = kind == EMISSION_OBJECT ? LLVMObjectFile : LLVMAssemblyFile;
  if (LLVMTargetMachineEmitToMemoryBuffer(t->machine, module, type, &message, &buffer))
    ICE("LLVM's code generator: %s", message);
  add_buffer(out, buffer);
}

int target_emit_file(const target *t, LLVMModuleRef module, emission kind, const char *path) {
  strbuf out = {0};
  target_emit(t, module, kind, &out);
  int status = file_write_atomic(path, out.data ? out.data : "", out.len);
  strbuf_free(&out);
  return status;
}
