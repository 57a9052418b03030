#include "ir/layers/lookup.h"
#include "support/utf8.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct vocabulary_check {
  layer *l;
  const char *what, *mask, *unknown;
  int64_t masks, unknown_ids; // entries before the words
  VEC(const char *) words;
} vocabulary_check;

typedef struct lookup_data {
  lookup_words words;
  bool given;
  int64_t depth;
} lookup_data;

const lookup_words *lookup_words_of(const layer *l) {
  const lookup_data *d = l->data;
  return d && d->given ? &d->words : NULL;
}

int64_t lookup_depth(const layer *l) {
  const lookup_data *d = l->data;
  return d->depth;
}

bool lookup_refuse(const layer *l, const char *arg, const char *accepted, const char *why) {
  strbuf found = {0};
  value_print(layer_arg(l, arg), &found);
  diag *d = layer_error(l, arg, "%s: %s = %s is not supported; accepted: %s", l->def->name, arg,
                        strbuf_text(&found), accepted);
  strbuf_free(&found);
  if (why)
    diag_help(d, "%s", why);
  return false;
}

static const char *kind_name(tensor_type t) {
  return t == TENSOR_TEXT ? "text" : t == TENSOR_INT ? "integers" : "fractions";
}

bool lookup_expect_input(layer_call *call, tensor_type type, const char *needs, const char *advice) {
  const tensor *x = call->inputs[0];
  const char *name = call->layer->def->name;
  if (x->type != type) {
    diag *d = call_error(call, "%s got %s; it needs %s", name, kind_name(x->type), needs);
    diag_help(d, "%s", advice);
    return false;
  }
  if (x->source && strcmp(x->source->layer->def->name, "Input") == 0)
    return true;
  diag *d =
      call_error(call, "%s looks values up before the model runs; it needs an input of the model", name);
  diag_note(d, x->at, "this was computed by the model");
  return false;
}

// ---- reading

static bool is_integers(const layer *l) {
  return args_index(l->def->args, "oov_method") >= 0;
}

static const char *digits_of(const vocabulary_check *c, const char *text) {
  char *end;
  errno = 0;
  long long n = strtoll(text, &end, 10);
  if (end == text || *end || errno)
    return NULL;
  return arena_printf(c->l->model->unit->mem, "%lld", n);
}

static void take_list(vocabulary_check *c, const value *list) {
  arena *mem = c->l->model->unit->mem;
  for (size_t k = 0; k < list->count; k++) {
    const value *item = list->items[k];
    const char *word =
        item->kind == VALUE_INT ? arena_printf(mem, "%lld", (long long)item->integer) : item->text;
    vec_push(&c->words, word);
  }
}

// A path is relative to the source file that names it.
static const char *beside_source(const layer *l, const char *path) {
  const unit *u = l->model->unit;
  const source *file = layer_arg(l, "vocabulary")->at.file;
  const char *named_in = file ? file->path : u->source_path;
  const char *slash = named_in ? strrchr(named_in, '/') : NULL;
  if (path[0] == '/' || !slash)
    return path;
  return arena_printf(u->mem, "%.*s/%s", (int)(slash - named_in), named_in, path);
}

static bool take_line(vocabulary_check *c, const char *path, char *line, size_t n, size_t number) {
  if (n && line[n - 1] == '\r')
    n--;
  char *word = arena_strndup(c->l->model->unit->mem, line, n);
  const char *kept = is_integers(c->l) ? digits_of(c, word) : word;
  if (strlen(word) != n || utf8_valid_prefix(line, n) != n)
    layer_error(c->l, "vocabulary", "%s: %s:%zu is not UTF-8 text", c->what, path, number);
  else if (!kept)
    layer_error(c->l, "vocabulary", "%s: %s:%zu: '%s' is no integer", c->what, path, number, word);
  else
    vec_push(&c->words, kept);
  return strlen(word) == n && kept;
}

// One word a line; empty lines at the end are none.
static bool take_file(vocabulary_check *c, const char *name) {
  unit *u = c->l->model->unit;
  const char *path = beside_source(c->l, name);
  char *text;
  size_t bytes, number = 0;
  int failed = file_read_all(path, &text, &bytes);
  if (failed) {
    layer_error(c->l, "vocabulary", "%s: the vocabulary %s cannot be read: %s", c->what, path,
                strerror(-failed));
    return false;
  }
  vec_push(&u->files, path);
  while (bytes && (text[bytes - 1] == '\n' || text[bytes - 1] == '\r'))
    bytes--;
  bool fine = true;
  for (size_t at = 0; fine && at < bytes;) {
    const char *end = memchr(text + at, '\n', bytes - at);
    size_t n = end ? (size_t)(end - (text + at)) : bytes - at;
    fine = take_line(c, path, text + at, n, ++number);
    at += n + 1;
  }
  free(text);
  return fine;
}

// ---- checking

// Whether the list begins with the entries of mask and unknown values, as Keras's get_vocabulary gives it.
static size_t specials_of(const vocabulary_check *c) {
  size_t n = (size_t)(c->masks + c->unknown_ids);
  if (c->words.len < n)
    return 0;
  for (size_t k = 0; k < n; k++)
    if (strcmp(c->words.data[k], (int64_t)k < c->masks ? c->mask : c->unknown) != 0)
      return 0;
  return n;
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool check_distinct(const vocabulary_check *c, const char *const *words, size_t count) {
  const char **sorted = xcalloc(count + 1, sizeof *sorted);
  memcpy(sorted, words, count * sizeof *sorted);
  qsort(sorted, count, sizeof *sorted, by_text);
  size_t k = 1;
  while (k < count && strcmp(sorted[k - 1], sorted[k]) != 0)
    k++;
  if (k < count)
    layer_error(c->l, "vocabulary", "%s: the vocabulary holds \"%s\" twice", c->what, sorted[k]);
  free(sorted);
  return k >= count;
}

static bool check_reserved(const vocabulary_check *c, const char *const *words, size_t count) {
  bool reads_unknown = args_index(c->l->def->args, "split") >= 0;
  for (size_t k = 0; k < count; k++) {
    bool mask = c->mask && !strcmp(words[k], c->mask);
    if (!mask && !(reads_unknown && !strcmp(words[k], c->unknown)))
      continue;
    diag *d = layer_error(c->l, "vocabulary", "%s: the vocabulary holds \"%s\", which stands for %s", c->what,
                          words[k], mask ? "padding" : "unknown words");
    diag_help(d, "leave such entries out, or begin the list with all of them");
    return false;
  }
  return true;
}

static bool set_idf(const vocabulary_check *c, lookup_data *data, size_t specials) {
  const value *v = layer_arg(c->l, "idf_weights");
  bool wanted = encoding_of(c->l) == ENCODE_TF_IDF;
  if (!wanted || v->kind == VALUE_NONE) {
    if (!wanted)
      return true;
    diag *d = layer_error(c->l, "vocabulary", "%s: output_mode = tf_idf with a vocabulary needs idf_weights",
                          c->what);
    diag_help(d, "without a vocabulary words and weights are learned from the training data");
    return false;
  }
  size_t given = data->words.count + specials, columns = data->words.count + (size_t)c->unknown_ids;
  if (v->count != given) {
    layer_error(c->l, "idf_weights", "%s: %zu idf_weights for %zu words", c->what, v->count, given);
    return false;
  }
  double *idf = ARENA_ARRAY(c->l->model->unit->mem, double, columns + 1), sum = 0;
  for (size_t k = 0; k < given; k++)
    sum += v->items[k]->number;
  for (size_t k = 0; k < columns; k++)
    idf[k] = specials                     ? v->items[k]->number
             : k < (size_t)c->unknown_ids ? sum / (double)given
                                          : v->items[k - (size_t)c->unknown_ids]->number;
  data->words.idf = idf;
  data->words.columns = columns;
  return true;
}

static bool check_words(vocabulary_check *c, lookup_data *data) {
  const value *most = layer_arg(c->l, "max_tokens");
  size_t specials = specials_of(c), count = c->words.len - specials;
  const char **kept = ARENA_ARRAY(c->l->model->unit->mem, const char *, count + 1);
  for (size_t k = 0; k < count; k++)
    kept[k] = c->words.data[specials + k];
  data->words = (lookup_words){.words = kept, .count = count};
  data->given = true;
  int64_t size = c->masks + c->unknown_ids + (int64_t)count;
  if (count == 0) {
    layer_error(c->l, "vocabulary", "%s: the vocabulary holds no word", c->what);
    return false;
  }
  if (most->kind == VALUE_INT && size > most->integer) {
    layer_error(
        c->l, "max_tokens",
        "%s: the vocabulary has %lld entries (padding and unknown words included), and max_tokens is %lld",
        c->what, (long long)size, (long long)most->integer);
    return false;
  }
  return check_reserved(c, kept, count) && check_distinct(c, kept, count) && set_idf(c, data, specials);
}

static bool check_vocabulary(vocabulary_check *c, lookup_data *data) {
  const value *v = layer_arg(c->l, "vocabulary");
  if (v->kind == VALUE_NONE) {
    if (layer_arg_is_none(c->l, "idf_weights"))
      return true;
    diag *d =
        layer_error(c->l, "idf_weights", "%s: idf_weights belong to the words of a vocabulary", c->what);
    diag_help(d, "without a vocabulary both are learned from the training data");
    return false;
  }
  bool fine = true;
  if (v->kind == VALUE_LIST)
    take_list(c, v);
  else
    fine = take_file(c, v->text);
  fine = fine && check_words(c, data);
  vec_free(&c->words);
  return fine;
}

// ---- arguments against each other

static bool check_width(const vocabulary_check *c, lookup_data *data) {
  const value *most = layer_arg(c->l, "max_tokens");
  bool padded = layer_arg_bool(c->l, "pad_to_max_tokens");
  const char *mode = layer_arg_text(c->l, "output_mode");
  int64_t first = c->masks + c->unknown_ids;
  if (most->kind == VALUE_INT && most->integer <= first) {
    layer_error(c->l, "max_tokens",
                "%s: max_tokens = %lld leaves no room for words behind %lld special entries", c->what,
                (long long)most->integer, (long long)first);
    return false;
  }
  if (padded && most->kind == VALUE_NONE) {
    layer_error(c->l, "pad_to_max_tokens", "%s: pad_to_max_tokens = true needs max_tokens", c->what);
    return false;
  }
  data->depth = 1;
  if (encoding_of(c->l) == ENCODE_INT)
    return true;
  if (data->given && !padded) {
    data->depth = first + (int64_t)data->words.count;
    return true;
  }
  if (most->kind == VALUE_INT) {
    data->depth = most->integer;
    return true;
  }
  diag *d = layer_error(c->l, "output_mode", "%s: output_mode = %s needs max_tokens or a vocabulary", c->what,
                        mode);
  diag_help(d, "the width of its output is fixed when the model is compiled: give max_tokens = N");
  return false;
}

static bool check_modes(const vocabulary_check *c) {
  bool ids = encoding_of(c->l) == ENCODE_INT, good = true;
  if (ids && layer_arg_bool(c->l, "sparse"))
    good = lookup_refuse(c->l, "sparse", "false", "it has a meaning only in other output modes than int");
  if (encoding_of(c->l) != ENCODE_TF_IDF && !layer_arg_is_none(c->l, "idf_weights"))
    good = lookup_refuse(c->l, "idf_weights", "none", "they have a meaning only in output mode tf_idf");
  if (args_index(c->l->def->args, "encoding") >= 0 && strcmp(layer_arg_text(c->l, "encoding"), "utf-8") != 0)
    good = lookup_refuse(c->l, "encoding", "\"utf-8\"", NULL);
  return good;
}

bool lookup_check(layer *l, const char *mask, const char *unknown, int64_t unknown_ids) {
  vocabulary_check c = {.l = l,
                        .what = l->def->name,
                        .mask = mask,
                        .unknown = unknown,
                        .masks = mask && encoding_of(l) == ENCODE_INT,
                        .unknown_ids = unknown_ids};
  lookup_data *data = ARENA_NEW(l->model->unit->mem, lookup_data);
  l->data = data;
  return check_modes(&c) && check_vocabulary(&c, data) && check_width(&c, data);
}
