// Attention over padded sequences in plain loops, its masks and corners; tensors by name; positions.
#include "tests/unit/run_model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 3, QUERIES = 4, KEYS = 5, WIDTH = 3 };

// Zeros in the middle; a row without a valid step; a full row.
static const double asked[BATCH][QUERIES] = {{3, 0, 5, 0}, {1, 2, 0, 0}, {1, 2, 6, 4}};
static const double seen[BATCH][KEYS] = {{1, 0, 2, 3, 0}, {0, 0, 0, 0, 0}, {6, 5, 4, 3, 2}};

typedef struct net {
  small_model s;
  model_run r;
  tensor *query, *value;
} net;

static void begin(net *n) {
  small_model_begin(&n->s, "net");
  n->query = small_chain(&n->s, small_input(&n->s, "asked", TENSOR_INT, "time"),
                         "Embedding(7, 3, mask_zero = true)", NULL);
  n->value = small_chain(&n->s, small_input(&n->s, "seen", TENSOR_INT, "steps"),
                         "Embedding(7, 3, mask_zero = true)", NULL);
}

static value *object(net *n, tensor *t) {
  value *v = ARENA_NEW(n->s.u->mem, value);
  *v = (value){.kind = VALUE_OBJECT, .object = t, .text = "a tensor"};
  return v;
}

static value *flag(net *n) {
  value *v = ARENA_NEW(n->s.u->mem, value);
  *v = (value){.kind = VALUE_BOOL, .boolean = true};
  return v;
}

static void run(net *n) {
  assert_string_equal(small_diagnostics(&n->s), "");
  run_begin(&n->r, &n->s, PROGRAM_INFER);
  run_extent(&n->r, "batch", BATCH);
  run_extent(&n->r, "time", QUERIES);
  run_extent(&n->r, "steps", KEYS);
  run_feed(&n->r, "asked", &asked[0][0]);
  run_feed(&n->r, "seen", &seen[0][0]);
}

static void end(net *n) {
  run_end(&n->r);
  small_model_end(&n->s);
}

static const double *vector(net *n, const char *table, double id) {
  return run_weight(&n->r, table, NULL) + (size_t)id * WIDTH;
}

static double product(const double *a, const double *b) {
  double sum = 0;
  for (int k = 0; k < WIDTH; k++)
    sum += a[k] * b[k];
  return sum;
}

// Keras's arithmetic for one query: e^score over the keys it may see, zeros where there is none.
static void attend(net *n, int b, int t, bool causal, double *y) {
  double total = 0;
  const double *q = vector(n, "embedding/embeddings", asked[b][t]);
  memset(y, 0, WIDTH * sizeof *y);
  if (asked[b][t] == 0)
    return;
  for (int s = 0; s < KEYS; s++) {
    if (seen[b][s] == 0 || (causal && s > t))
      continue;
    const double *v = vector(n, "embedding_1/embeddings", seen[b][s]);
    double e = exp(product(q, v));
    total += e;
    for (int k = 0; k < WIDTH; k++)
      y[k] += e * v[k];
  }
  for (int k = 0; k < WIDTH && total > 0; k++)
    y[k] /= total;
}

static void expect_attention(net *n, bool causal) {
  double *found = run_root(&n->r, ROOT_OUTPUT, 0, NULL), y[WIDTH];
  for (int b = 0; b < BATCH; b++)
    for (int t = 0; t < QUERIES; t++) {
      attend(n, b, t, causal, y);
      for (int k = 0; k < WIDTH; k++)
        if (!(fabs(found[(b * QUERIES + t) * WIDTH + k] - y[k]) <= 1e-12))
          fail_msg("row %d, query %d, feature %d: %.17g, expected %.17g", b, t, k,
                   found[(b * QUERIES + t) * WIDTH + k], y[k]);
    }
  free(found);
}

static void masked_keys_do_not_count(void **state) {
  (void)state;
  for (int causal = 0; causal < 2; causal++) {
    net n;
    begin(&n);
    const char *name = "use_causal_mask";
    value *yes = flag(&n);
    tensor *inputs[] = {n.query, n.value};
    const application *app =
        layer_apply(small_layer(&n.s, "Attention()"), inputs, 2, &name, &yes, causal, (span){0});
    assert_ptr_equal(app->outputs[0]->mask_source, n.query);
    small_output(&n.s, "y", app->outputs[0]);
    run(&n);
    expect_attention(&n, causal);
    end(&n);
  }
}

// A query may be given by name, a key is the value where none is given.
static void tensors_may_be_given_by_name(void **state) {
  (void)state;
  net n;
  begin(&n);
  const char *names[] = {"value", "query"};
  value *values[] = {object(&n, n.value), object(&n, n.query)};
  const application *app =
      layer_apply(small_layer(&n.s, "Attention()"), NULL, 0, names, values, 2, (span){0});
  assert_int_equal(app->n_inputs, 2);
  assert_int_equal(app->n_call, 0);
  small_output(&n.s, "y", app->outputs[0]);
  run(&n);
  expect_attention(&n, false);
  end(&n);
}

static void expect_message(net *n, const char *literal, tensor **inputs, int count, const char *name,
                           value *given, const char *message) {
  layer_apply(small_layer(&n->s, literal), inputs, count, &name, &given, name != NULL, (span){0});
  if (!strstr(small_diagnostics(&n->s), message))
    fail_msg("%s: no '%s' in '%s'", literal, message, small_diagnostics(&n->s));
}

static void mistakes_are_named(void **state) {
  (void)state;
  static const struct {
    const char *literal, *name, *message;
    bool one;
  } mistakes[] = {
      {"Attention()", "key", "Attention needs 'value'", true},
      {"Attention()", "query", "'query' is given twice", true},
      {"Attention()", "values", "no call argument 'values'; did you mean 'value'?", true},
      {"MultiHeadAttention(2, 3)", "attention_mask", "attention_mask must be a tensor (batch, query steps",
       false},
      {"MultiHeadAttention(2, 3)", "use_causal_mask", "use_causal_mask must be true or false", false},
  };
  for (size_t k = 0; k < sizeof mistakes / sizeof *mistakes; k++) {
    net n;
    begin(&n);
    tensor *inputs[] = {n.query, n.value};
    expect_message(&n, mistakes[k].literal, inputs, mistakes[k].one ? 1 : 2, mistakes[k].name,
                   object(&n, n.value), mistakes[k].message);
    small_model_end(&n.s);
  }
}

static void projections_have_keras_sizes(void **state) {
  (void)state;
  net n;
  begin(&n);
  tensor *y =
      small_apply(&n.s, small_layer(&n.s, "MultiHeadAttention(4, 8, value_dim = 5)"), 2, n.query, n.value);
  const layer *l = y->source->layer;
  assert_int_equal(l->weights.len, 8);
  assert_string_equal(l->weights.data[0]->name, "multi_head_attention/query/kernel");
  assert_string_equal(l->weights.data[7]->name, "multi_head_attention/attention_output/bias");
  assert_int_equal(layer_param_count(l, false), 2 * (3 * 32 + 32) + 3 * 20 + 20 + 20 * 3 + 3);
  small_model_end(&n.s);
}

static void long_sequences_have_no_place(void **state) {
  (void)state;
  small_model s;
  model_run r;
  small_model_begin(&s, "net");
  tensor *words = small_input(&s, "words", TENSOR_INT, "time");
  small_output(&s, "y", small_chain(&s, words, "PositionalEmbedding(4, 7, 3)", NULL));
  run_begin(&r, &s, PROGRAM_INFER);
  run_extent(&r, "batch", BATCH);
  run_extent(&r, "time", 4);
  run_feed(&r, "words", &asked[0][0]);
  assert_null(run_failure(&r));
  run_extent(&r, "time", 5);
  run_feed(&r, "words", &seen[0][0]);
  assert_non_null(run_failure(&r));
  run_end(&r);
  tensor *fixed = small_input(&s, "fixed", TENSOR_INT, "5");
  layer_apply(small_layer(&s, "PositionalEmbedding(4, 7, 3)"), &fixed, 1, NULL, NULL, 0, (span){0});
  assert_non_null(strstr(small_diagnostics(&s), "has positions for 4 steps; its input has 5"));
  small_model_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(masked_keys_do_not_count),     cmocka_unit_test(tensors_may_be_given_by_name),
      cmocka_unit_test(mistakes_are_named),           cmocka_unit_test(projections_have_keras_sizes),
      cmocka_unit_test(long_sequences_have_no_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
