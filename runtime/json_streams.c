// What the JSON parser inside libnlm has in place of standard input (CMakeLists.txt), from which it never
// reads.
#include <stdio.h>

extern FILE *json_no_stream;
FILE *json_no_stream;
