#ifndef NLM_RUNTIME_DATA_STREAM_H
#define NLM_RUNTIME_DATA_STREAM_H
// Lines of a file or pipe as they come, gzip unpacked on the way. Private to runtime/data.
#include "support/strbuf.h"
#include <stdbool.h>

typedef struct line_stream line_stream;

line_stream *line_stream_open(const char *path, strbuf *error); // "-": standard input; NULL after an error
void line_stream_close(line_stream *s);

// The next line without its end (LF or CRLF); the text is valid until the next call. False at the end, or
// after an error, which then is in `error`.
bool line_stream_next(line_stream *s, char **line, size_t *bytes, strbuf *error);
// The first line that is not blank, without taking it. False if there is none.
bool line_stream_peek(line_stream *s, char **line, size_t *bytes, strbuf *error);
// Whether the next line can be had without waiting.
bool line_stream_ready(line_stream *s);

#endif
