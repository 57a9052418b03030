#ifndef NLM_RUNTIME_DATA_PROBLEMS_H
#define NLM_RUNTIME_DATA_PROBLEMS_H
// What is wrong with data: every problem is counted, the first ten are kept with file, line and reason. Notes
// are things worth saying that stop nobody (a skipped folder). One thread at a time.
#include "support/strbuf.h"
#include <stddef.h>

enum { DATA_PROBLEMS_KEPT = 10 };

typedef struct data_problem {
  char *file;   // as the user named it
  size_t line;  // from 1; 0: the file as a whole
  char *reason; // "invalid UTF-8 (byte 0xE9 at byte 17 of the line)"
} data_problem;

typedef struct data_problems { // all zero is empty
  data_problem kept[DATA_PROBLEMS_KEPT];
  size_t count; // all of them, kept or not
  char **notes;
  size_t notes_count;
} data_problems;

void data_problem_add(data_problems *p, const char *file, size_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void data_note_add(data_problems *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
// "file:line: error: reason" a line, then "… and N more"; notes as "note: …". What is of no file begins with
// the program's name (NULL: with nothing).
void data_problems_print(const data_problems *p, const char *program, strbuf *out);
void data_problems_free(data_problems *p);

#endif
