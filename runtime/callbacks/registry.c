// The table of callbacks, made of callbacks.def, and what they share: logs and monitors.
#include "runtime/callbacks/callback.h"
#include "support/diag.h"
#include "support/intern.h"
#include <pthread.h>
#include <string.h>

#define CALLBACK(symbol) extern const callback_def symbol;
#include "runtime/callbacks/callbacks.def"
#undef CALLBACK

static const callback_def *const callbacks[] = {
#define CALLBACK(symbol) &symbol,
#include "runtime/callbacks/callbacks.def"
#undef CALLBACK
};
enum { COUNT = sizeof callbacks / sizeof *callbacks };

const callback_def *callback_find(const char *name) {
  for (int k = 0; k < COUNT; k++)
    if (!strcmp(callbacks[k]->item.name, name))
      return callbacks[k];
  return NULL;
}

static registry_item items[COUNT + 1];

static void copy_items(void) {
  for (int k = 0; k < COUNT; k++)
    items[k] = callbacks[k]->item;
}

const registry_item *registry_callbacks(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, copy_items);
  return items;
}

// ---- logs

void logs_set(train_logs *l, const char *name, double number) {
  size_t at = 0;
  while (at < l->count && strcmp(l->names[at], name) < 0)
    at++;
  if (at == l->count || strcmp(l->names[at], name)) {
    INVARIANT(l->count < LOGS_MAX);
    memmove(l->names + at + 1, l->names + at, (l->count - at) * sizeof *l->names);
    memmove(l->values + at + 1, l->values + at, (l->count - at) * sizeof *l->values);
    l->count++;
  }
  l->names[at] = name;
  l->values[at] = number;
}

const double *logs_get(const train_logs *l, const char *name) {
  for (size_t k = 0; k < l->count; k++)
    if (!strcmp(l->names[k], name))
      return &l->values[k];
  return NULL;
}

// ---- monitors

static bool is_expected(const callback_host *h, const char *name) {
  return logs_get(h->expected, name) != NULL;
}

static bool refuse_monitor(const callback *c, callback_host *h, const char *name) {
  const char *near = suggest(name, h->expected->names, h->expected->count);
  strbuf_printf(&h->messages, "%s: there is no '%s' to watch", c->def->item.class_name, name);
  if (near)
    strbuf_printf(&h->messages, "; did you mean '%s'?", near);
  strbuf_puts(&h->messages, near ? " There are" : "; there are");
  for (size_t k = 0; k < h->expected->count; k++)
    strbuf_printf(&h->messages, "%s %s", k ? "," : "", h->expected->names[k]);
  strbuf_puts(&h->messages, "\n");
  return false;
}

bool callback_choose_monitor(callback *c, callback_host *h) {
  const char *name = config_text(c->args, "monitor", "val_loss");
  const char *mode = config_text(c->args, "mode", "auto");
  c->monitor = name;
  if (!is_expected(h, name)) {
    if (h->has_validation || strncmp(name, "val_", 4) || !is_expected(h, name + 4))
      return refuse_monitor(c, h, name);
    c->monitor = name + 4;
    strbuf_printf(&h->messages, "%s: there is no validation data, so it watches '%s' instead of '%s'\n",
                  c->def->item.class_name, c->monitor, name);
  }
  c->direction = !strcmp(mode, "min") ? -1 : !strcmp(mode, "max") ? 1 : h->direction(h->self, c->monitor);
  if (c->direction)
    return true;
  strbuf_printf(&h->messages, "%s: whether '%s' should rise or fall is not known; say mode = min or max\n",
                c->def->item.class_name, c->monitor);
  return false;
}

bool callback_is_verbose(const callback *c) {
  return config_number(c->args, "verbose", 1) > 0;
}
