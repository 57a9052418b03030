#ifndef NLM_TESTS_QUIET_COUNTERS_H
#define NLM_TESTS_QUIET_COUNTERS_H
// Counts every use of the heap and every lock taken in this process, those inside libc included: the
// program's own malloc family and pthread_mutex_lock stand before libc's. Under sanitizers that do the
// same, nothing is counted and quiet_counting() is 0.
int quiet_counting(void);
long quiet_heap_calls(void);
long quiet_locks(void);
#endif
