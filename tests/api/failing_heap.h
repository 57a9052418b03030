#ifndef NLM_TESTS_FAILING_HEAP_H
#define NLM_TESTS_FAILING_HEAP_H
// A heap that runs out: the program's own malloc family stands before libc's. Under sanitizers that do the
// same nothing fails and heap_can_fail() is 0.
int heap_can_fail(void);
// From now on the n-th call that takes memory fails (from 1), with `lasting` all behind it too; 0: none.
void heap_fail(long n, int lasting);
long heap_failures(void); // since heap_fail
long heap_live(void);     // pieces of memory that are in use
#endif
