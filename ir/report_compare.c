// Comparison with a stored report.
#include "ir/report.h"
#include <jansson.h>
#include <string.h>

typedef struct comparison {
  strbuf *out;
  int differences;
} comparison;

static void put_value(const json_t *v, strbuf *out) {
  char *text = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  strbuf_puts(out, text ? text : "nothing");
  free(text);
}

static void differ(comparison *c, const char *path, const json_t *expected, const json_t *found) {
  c->differences++;
  strbuf_printf(c->out, "%s: expected ", path);
  put_value(expected, c->out);
  strbuf_puts(c->out, ", found ");
  put_value(found, c->out);
  strbuf_putc(c->out, '\n');
}

static void compare(comparison *c, const char *path, const json_t *expected, const json_t *found);

static const char *name_of(const json_t *item) {
  return json_string_value(json_object_get(item, "name"));
}

static const json_t *find_named(const json_t *list, const char *name) {
  size_t i;
  const json_t *item;
  json_array_foreach(list, i, item) if (name_of(item) && strcmp(name_of(item), name) == 0) return item;
  return NULL;
}

static bool all_named(const json_t *list) {
  size_t i;
  const json_t *item;
  json_array_foreach(list, i, item) if (!name_of(item)) return false;
  return json_array_size(list) > 0;
}

static void compare_named(comparison *c, const char *path, const json_t *expected, const json_t *found) {
  size_t i;
  const json_t *item;
  strbuf inner = {0};
  json_array_foreach(expected, i, item) {
    const json_t *other = find_named(found, name_of(item));
    inner.len = 0;
    strbuf_printf(&inner, "%s.%s", path, name_of(item));
    if (other)
      compare(c, strbuf_text(&inner), item, other);
    else {
      c->differences++;
      strbuf_printf(c->out, "%s: expected, but not found\n", strbuf_text(&inner));
    }
  }
  json_array_foreach(found, i, item) {
    if (name_of(item) && find_named(expected, name_of(item)))
      continue;
    c->differences++;
    strbuf_printf(c->out, "%s.%s: found, but not expected\n", path, name_of(item) ? name_of(item) : "?");
  }
  strbuf_free(&inner);
}

static bool same_order(const json_t *a, const json_t *b) {
  for (size_t i = 0; i < json_array_size(a); i++)
    if (!name_of(json_array_get(b, i)) ||
        strcmp(name_of(json_array_get(a, i)), name_of(json_array_get(b, i))) != 0)
      return false;
  return true;
}

static void compare_arrays(comparison *c, const char *path, const json_t *expected, const json_t *found) {
  if (all_named(expected) && (all_named(found) || json_array_size(found) == 0)) {
    int before = c->differences;
    compare_named(c, path, expected, found);
    if (c->differences == before && !same_order(expected, found)) {
      c->differences++;
      strbuf_printf(c->out, "%s: stands in another order\n", path);
    }
    return;
  }
  if (json_array_size(expected) != json_array_size(found) || json_array_size(expected) == 0 ||
      !json_is_object(json_array_get(expected, 0))) {
    if (!json_equal(expected, found))
      differ(c, path, expected, found);
    return;
  }
  strbuf inner = {0};
  for (size_t i = 0; i < json_array_size(expected); i++) {
    inner.len = 0;
    strbuf_printf(&inner, "%s[%zu]", path, i);
    compare(c, strbuf_text(&inner), json_array_get(expected, i), json_array_get(found, i));
  }
  strbuf_free(&inner);
}

static void compare_objects(comparison *c, const char *path, const json_t *expected, const json_t *found) {
  const char *key;
  json_t *v;
  strbuf inner = {0};
  json_object_foreach((json_t *)expected, key, v) {
    if (strcmp(key, "line") == 0 || strcmp(key, "column") == 0)
      continue;
    inner.len = 0;
    strbuf_printf(&inner, "%s%s%s", path, *path ? "." : "", key);
    compare(c, strbuf_text(&inner), v, json_object_get(found, key));
  }
  strbuf_free(&inner);
}

static void compare(comparison *c, const char *path, const json_t *expected, const json_t *found) {
  if (json_is_object(expected) && json_is_object(found))
    compare_objects(c, path, expected, found);
  else if (json_is_array(expected) && json_is_array(found))
    compare_arrays(c, path, expected, found);
  else if (!found || !json_equal(expected, found))
    differ(c, path, expected, found);
}

int report_compare(const model *m, const report_options *o, const char *expected_json, strbuf *differences) {
  strbuf text = {0};
  report_print(m, REPORT_JSON, o, &text);
  json_error_t error;
  json_t *expected = json_loads(expected_json, JSON_REJECT_DUPLICATES, &error);
  json_t *found = json_loads(strbuf_text(&text), 0, NULL);
  INVARIANT(found);
  comparison c = {.out = differences};
  if (json_is_object(expected) && json_is_array(json_object_get(expected, "layers"))) {
    compare(&c, "", expected, found);
  } else {
    c.differences = -1;
    if (expected)
      strbuf_puts(differences, "no report of shapes: an object with \"layers\" is needed\n");
    else
      strbuf_printf(differences, "line %d: %s\n", error.line, error.text);
  }
  json_decref(expected);
  json_decref(found);
  strbuf_free(&text);
  return c.differences;
}
