#ifndef NLM_RUNTIME_DATA_JSON_PLAIN_H
#define NLM_RUNTIME_DATA_JSON_PLAIN_H
// Flat JSON objects of strings and numbers, read in place. Private to runtime/data.
#include "runtime/text/vectorize.h"

enum { JSON_PLAIN_MEMBERS = 16 };

typedef struct json_plain_text {
  text_view view; // as it is written between the quotation marks
  bool escaped;   // holds backslashes
} json_plain_text;

typedef struct json_plain_value {
  text_view key;
  json_plain_text text; // of a number: its digits
  bool is_number, is_integer;
} json_plain_value;

typedef struct json_plain_object {
  json_plain_value members[JSON_PLAIN_MEMBERS];
  size_t count;
} json_plain_object;

// True if the text, which is UTF-8 without NUL, is one such object and nothing else, no key comes twice and
// no number has more digits than a double. False says nothing about it: it may be JSON all the same. Views
// are of the text.
bool json_plain_read(const char *text, size_t bytes, json_plain_object *out);
const json_plain_value *json_plain_find(const json_plain_object *o, const char *key); // NULL: there is none
// Puts characters for the escapes of such a string, in place; returns its length.
size_t json_plain_unescape(char *text, size_t bytes);

#endif
