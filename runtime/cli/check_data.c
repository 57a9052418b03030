// check-data: what data holds, before anybody trains on it. Each DATA is a split of its own.
#include "runtime/cli/data_options.h"
#include "runtime/train/facts.h"
#include "runtime/train/prepare.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct split {
  const char *path;
  model_schema schema;
  dataset *data;
  size_t problems;
} split;

typedef struct check {
  loaded_model *m;
  split *splits;
  size_t count;
  thread_pool *pool;
  strbuf out;
} check;

static const cli_command about = {
    "check-data", "DATA...",
    "Label counts, lengths, vocabulary coverage, duplicates within and between the "
    "DATA given, and problems with their lines. Exits with 1 if there are problems."};

// ---- labels

typedef struct label_count {
  text_view name;
  size_t rows;
} label_count;

static int by_rows(const void *a, const void *b) {
  const label_count *x = a, *y = b;
  return (x->rows < y->rows) - (x->rows > y->rows);
}

static int by_name(const void *a, const void *b) {
  const text_view *x = a, *y = b;
  size_t n = x->bytes < y->bytes ? x->bytes : y->bytes;
  int order = n ? memcmp(x->data, y->data, n) : 0;
  return order ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static size_t items_of(const data_column *c) {
  return c->row_start ? (size_t)c->row_start[c->rows] : c->rows * c->items_per_row;
}

enum { DIGITS = 12 };

// Labels as texts: of class numbers, their digits, which are put into `room` of DIGITS each.
static void copy_labels(const data_column *c, text_view *labels, char *room) {
  for (size_t j = 0; j < items_of(c); j++) {
    char *digits = room + (c->texts ? 0 : DIGITS * j);
    labels[j] =
        c->texts ? c->texts[j] : (text_view){digits, (size_t)snprintf(digits, DIGITS, "%d", (int)c->ints[j])};
  }
}

static void put_labels(check *k, const data_column *c) {
  enum { SHOWN = 50 };
  if (!c->present || (!c->texts && !c->ints))
    return;
  size_t n = items_of(c), distinct = 0;
  text_view *sorted = xmalloc((n + 1) * sizeof *sorted);
  label_count *counts = xcalloc(n + 1, sizeof *counts);
  char *room = xmalloc(c->texts ? 1 : DIGITS * (n + 1));
  copy_labels(c, sorted, room);
  qsort(sorted, n, sizeof *sorted, by_name);
  for (size_t j = 0; j < n; j++) {
    if (j == 0 || by_name(&sorted[j], &sorted[j - 1]))
      counts[distinct++].name = sorted[j];
    counts[distinct - 1].rows++;
  }
  qsort(counts, distinct, sizeof *counts, by_rows);
  strbuf_printf(&k->out, "  labels of %s: %zu\n", c->name, distinct);
  for (size_t j = 0; j < distinct && j < SHOWN; j++)
    strbuf_printf(&k->out, "    %8zu  %5.1f%%  %.*s\n", counts[j].rows,
                  100.0 * (double)counts[j].rows / (double)n, (int)counts[j].name.bytes, counts[j].name.data);
  if (distinct > SHOWN)
    strbuf_printf(&k->out, "    and %zu more\n", distinct - SHOWN);
  free(sorted);
  free(counts);
  free(room);
}

// ---- lengths

static void put_lengths(check *k, const model_pipeline *p, const data_column *ids) {
  int64_t most = p->pipeline.output_sequence_length;
  length_facts f = facts_lengths(ids, 0, ids->rows, most);
  strbuf_printf(&k->out, "  %s of %s: mean %.1f%s, shortest %zu", text_split_units(p->pipeline.split),
                p->layer, f.mean, ids->step_start ? " a word" : "", f.shortest);
  for (int j = 0; f.rows && j < LENGTH_PERCENTS; j++)
    strbuf_printf(&k->out, ", %d%% up to %zu", length_percents[j], f.up_to[j]);
  strbuf_printf(&k->out, ", longest %zu", f.longest);
  if (f.empty)
    strbuf_printf(&k->out, "; %zu empty", f.empty);
  if (most)
    strbuf_printf(&k->out, "; %zu %s (%.1f%%) are cut to %lld", f.cut, ids->step_start ? "words" : "rows",
                  f.rows ? 100.0 * (double)f.cut / (double)f.rows : 0, (long long)most);
  strbuf_puts(&k->out, "\n");
}

static void put_coverage(check *k, const model_pipeline *p, const data_column *ids, const char *of) {
  coverage_facts f = facts_coverage(p->words, ids, 0, ids->rows);
  strbuf_printf(&k->out, "  vocabulary of %s: %.2f%% of %zu %s are among its %zu (from %s)\n", p->layer,
                f.tokens ? 100.0 * (double)f.known / (double)f.tokens : 0, f.tokens,
                text_split_units(p->pipeline.split), vocabulary_size(p->words), of);
}

static void put_bins(check *k, const model_pipeline *p, const data_column *c) {
  text_encoder e = {&p->pipeline, NULL};
  data_column *ids = data_column_encode(c, &e, NULL, k->pool, NULL);
  size_t bins = (size_t)p->pipeline.num_bins, used = 0, n = items_of(ids);
  bool *seen = xcalloc(bins + 1, sizeof *seen);
  for (size_t j = 0; j < n; j++) {
    used += !seen[ids->ints[j]];
    seen[ids->ints[j]] = true;
  }
  strbuf_printf(&k->out, "  bins of %s: %zu values fall into %zu of %zu\n", p->layer, n, used, bins);
  free(seen);
  data_column_free(ids);
}

static void put_text(check *k, size_t index, model_pipeline *p) {
  const data_column *c = &k->splits[index].data->inputs[p->model_input];
  strbuf refused = {0};
  if (!text_has_vocabulary(&p->pipeline)) {
    put_bins(k, p, c);
    return;
  }
  if (!p->words)
    p->words = dataset_adapt(c, &p->pipeline, 0, c->rows, k->pool);
  data_column *ids = facts_encode(c, p, k->pool, &refused);
  if (!ids)
    strbuf_printf(&k->out, "  %s: %s\n", p->layer, strbuf_text(&refused));
  if (ids) {
    if (p->pipeline.layer == TEXT_VECTORIZATION)
      put_lengths(k, p, ids);
    put_coverage(k, p, ids, p->given ? "the model's source" : k->splits[0].path);
  }
  strbuf_free(&refused);
  data_column_free(ids);
}

// ---- duplicates: rows whose texts, or whose words, are the same bytes

typedef struct text_row {
  const text_view *texts; // a text, or the words of one
  size_t count, split, row;
} text_row;

static int compare_texts(const text_row *x, const text_row *y) {
  int order = 0;
  for (size_t j = 0; !order && j < x->count && j < y->count; j++)
    order = by_name(&x->texts[j], &y->texts[j]);
  return order ? order : (x->count > y->count) - (x->count < y->count);
}

static int by_text(const void *a, const void *b) {
  const text_row *x = a, *y = b;
  int order = compare_texts(x, y);
  if (order)
    return order;
  if (x->split != y->split)
    return x->split < y->split ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

static void put_pairs(check *k, const size_t *pairs) {
  for (size_t a = 0; a < k->count; a++)
    for (size_t b = a; b < k->count; b++) {
      size_t n = pairs[a * k->count + b];
      if (a == b && n)
        strbuf_printf(&k->out, "%s: %zu rows repeat an earlier row of it\n", k->splits[a].path, n);
      else if (n)
        strbuf_printf(&k->out, "%s: %zu of its rows are in %s too\n", k->splits[b].path, n,
                      k->splits[a].path);
    }
}

static void put_duplicates(check *k, size_t input) {
  VEC(text_row) rows = {0};
  size_t *pairs = xcalloc(k->count * k->count + 1, sizeof *pairs);
  for (size_t s = 0; s < k->count; s++) {
    const data_column *c = k->splits[s].data ? &k->splits[s].data->inputs[input] : NULL;
    for (size_t r = 0; c && c->texts && r < c->rows; r++) {
      size_t first = c->row_start ? (size_t)c->row_start[r] : r * c->items_per_row;
      size_t end = c->row_start ? (size_t)c->row_start[r + 1] : first + c->items_per_row;
      text_row row = {c->texts + first, end - first, s, r};
      vec_push(&rows, row);
    }
  }
  if (rows.len)
    qsort(rows.data, rows.len, sizeof *rows.data, by_text);
  bool *seen = xcalloc(k->count + 1, sizeof *seen);
  for (size_t j = 0; j < rows.len; j++) {
    size_t b = rows.data[j].split;
    if (j == 0 || compare_texts(&rows.data[j], &rows.data[j - 1]))
      memset(seen, 0, k->count * sizeof *seen);
    for (size_t a = 0; a <= b; a++)
      pairs[a * k->count + b] += seen[a];
    seen[b] = true;
  }
  put_pairs(k, pairs);
  free(seen);
  free(pairs);
  vec_free(&rows);
}

// ---- the whole

static void open_split(check *k, split *s) {
  data_problems problems = {0};
  data_tensors inputs = {0}, targets = {0};
  const char *path = s->path;
  bool archive = data_is_archive(path);
  s->schema = schema_new(k->m, archive ? SCHEMA_TENSORS : SCHEMA_FILES);
  if (archive) {
    data_archive_tensors(k->m->abi, path, &inputs, &targets);
    s->data = dataset_from_tensors(inputs.data, inputs.len, targets.data, targets.len, &s->schema.data, NULL,
                                   &problems);
  } else {
    s->data = dataset_open(&path, 1, &s->schema.data, NULL, &problems);
  }
  if (s->data) {
    const prepared_data opened = {s->schema, s->data};
    data_check_labels(k->m, &opened, &targets, &problems);
    data_check_ids(k->m, &opened, &inputs, &problems);
  }
  data_tensors_free(&inputs);
  data_tensors_free(&targets);
  for (size_t j = 0; s->data && j < s->data->outputs_count; j++)
    data_check_classes(&k->m->outputs[s->schema.outputs[j]], s->data, &s->data->outputs[j], &problems);
  s->problems = problems.count;
  strbuf text = {0};
  data_problems_print(&problems, k->m->abi->name, &text);
  fputs(strbuf_text(&text), stderr);
  strbuf_free(&text);
  data_problems_free(&problems);
}

static void put_split(check *k, size_t index) {
  const split *s = &k->splits[index];
  strbuf_printf(&k->out, "%s: %zu rows, %zu problems\n", s->path, s->data ? s->data->rows : 0, s->problems);
  if (!s->data)
    return;
  for (size_t j = 0; j < s->data->outputs_count; j++)
    put_labels(k, &s->data->outputs[j]);
  for (size_t j = 0; j < k->m->pipelines_count; j++)
    put_text(k, index, &k->m->pipelines[j]);
}

static int run(loaded_model *m, const cli_words *paths) {
  check k = {.m = m, .count = paths->len, .pool = pool_new(cli_default_threads())};
  size_t problems = 0;
  k.splits = xcalloc(k.count + 1, sizeof *k.splits);
  for (size_t s = 0; s < k.count; s++) {
    k.splits[s].path = paths->data[s];
    open_split(&k, &k.splits[s]);
    put_split(&k, s);
    problems += k.splits[s].problems;
  }
  for (size_t j = 0; j < m->inputs_count; j++)
    put_duplicates(&k, j);
  fputs(strbuf_text(&k.out), stdout);
  for (size_t s = 0; s < k.count; s++) {
    dataset_free(k.splits[s].data);
    schema_free(&k.splits[s].schema);
  }
  free(k.splits);
  pool_free(k.pool);
  strbuf_free(&k.out);
  return problems ? EXIT_WRONG_INPUT : EXIT_DONE;
}

int command_check_data(int argc, char **argv, const struct nlm_abi_model *abi) {
  cli_words paths = {0};
  const cli_option options[] = {
      {.name = "",
       .kind = OPTION_TEXTS,
       .to = &paths,
       .placeholder = "DATA...",
       .help = "folder per class, TSV, CSV, JSON lines, fastText, CoNLL, CoNLL-U, IDX, .npz"},
      {.name = "--validation",
       .kind = OPTION_TEXTS,
       .to = &paths,
       .placeholder = "DATA",
       .help = "a further split, as `train` takes it"},
      {0}};
  loaded_model m = {0};
  strbuf error = {0};
  int code = EXIT_WRONG_USAGE;
  if (cli_parse(abi, &about, options, argc, argv)) {
    if (!paths.len)
      cli_say(abi, "name the data to look at");
    else
      code = model_open(&m, abi, &error) ? cli_fail(abi, "%s", strbuf_text(&error)) : run(&m, &paths);
  }
  if (m.abi)
    model_close(&m);
  vec_free(&paths);
  strbuf_free(&error);
  return code;
}
