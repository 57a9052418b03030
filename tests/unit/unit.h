#ifndef NLM_TESTS_UNIT_H
#define NLM_TESTS_UNIT_H
// What every unit test includes: cmocka with the headers it needs, in its order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka.h wants the four above first
#include <cmocka.h>

#endif
