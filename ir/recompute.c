#include "ir/recompute.h"
#include <stdlib.h>
#include <string.h>

typedef struct prefix {
  const char *text;
  size_t length;
} prefix;

static int compare(const void *key, const void *item) {
  const prefix *p = key;
  const char *name = *(const char *const *)item;
  int order = strncmp(p->text, name, p->length);
  return order ? order : name[p->length] ? -1 : 0;
}

// The number of the listed layer or block that a layer is or belongs to.
static int group_of_layer(const recompute *r, const char *name) {
  for (const char *end = name; end; end = *end ? end + 1 : NULL) {
    end += strcspn(end, "/");
    prefix p = {name, (size_t)(end - name)};
    const char *const *found = bsearch(&p, r->names, r->n, sizeof *r->names, compare);
    if (found)
      return (int)(found - (const char *const *)r->names) + 1;
  }
  return 0;
}

int recompute_group(const recompute *r, const node *n) {
  if (!r || !r->n || !n->n_labels || n->n_labels >= MOST_LABELS)
    return 0;
  int group = group_of_layer(r, n->labels[0]);
  for (int k = 1; k < n->n_labels && group; k++)
    if (group_of_layer(r, n->labels[k]) != group)
      group = 0;
  return group;
}
