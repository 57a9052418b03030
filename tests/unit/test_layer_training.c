// Training programs of layers: every weight has a gradient, and dropout draws what Keras's would.
#include "tests/unit/small_model.h"
#include <string.h>

static const char *const nets[] = {
    "SimpleRNN(2, dropout = 0.5)",
    "SimpleRNN(2, recurrent_dropout = 0.5, return_sequences = true)",
    "LSTM(2, dropout = 0.5)",
    "LSTM(2, dropout = 0.5, recurrent_dropout = 0.25)",
    "GRU(2, dropout = 0.5, recurrent_dropout = 0.25, go_backwards = true)",
    "GRU(2, reset_after = false, recurrent_dropout = 0.25, return_sequences = true)",
    "LSTM(2, go_backwards = true, return_sequences = true)",
    "Bidirectional(LSTM(2, dropout = 0.5, return_sequences = true))",
    "Bidirectional(GRU(2), merge_mode = mul)",
    "TimeDistributed(Dense(2, activation = tanh))",
    "Dropout(0.5)",
    "GlobalAveragePooling1D()",
    "GlobalMaxPooling1D()",
};

static program *training_program(small_model *s, const char *embedding, const char *layers,
                                 program_inputs **inputs) {
  small_model_begin(s, "net");
  tensor *x =
      small_chain(s, small_input(s, "words", TENSOR_INT, "time"), embedding, layers, "Dense(1)", NULL);
  small_output(s, "y", x);
  assert_non_null(small_train(s, "loss = mse"));
  *inputs = program_inputs_of(s->m);
  program *p = lower_program(s->m, *inputs, PROGRAM_GRAD, NULL);
  return p;
}

static void end(small_model *s, program *p, program_inputs *inputs) {
  program_free(p);
  program_inputs_free(inputs);
  train_config_free(s->m->training);
  small_model_end(s);
}

static void every_weight_has_a_gradient(void **state) {
  (void)state;
  static const char *const embeddings[] = {"Embedding(7, 3)", "Embedding(7, 3, mask_zero = true)",
                                           "OneHot(7, mask_zero = true)"};
  for (int e = 0; e < 3; e++)
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
      small_model s;
      program_inputs *inputs;
      program *p = training_program(&s, embeddings[e], nets[i], &inputs);
      program_add_gradients(p);
      if (p->without_gradient.len)
        fail_msg("%s: no gradient for %s", nets[i], p->without_gradient.data[0]->name);
      for (size_t k = 0; k < p->roots.len; k++) {
        const char *fault = graph_verify(p->g, &p->roots.data[k].value, 1);
        if (fault)
          fail_msg("%s: %s", nets[i], fault);
      }
      end(&s, p, inputs);
    }
}

static size_t count_draws(const program *p) {
  size_t n = 0;
  for (size_t i = 0; i < p->g->n_nodes; i++)
    n += p->g->nodes[i]->op == OP_RANDOM;
  return n;
}

// One mask for the input, one for each gate once recurrent dropout is used; none where the rate is 0.
static void recurrences_draw_masks_by_gate(void **state) {
  (void)state;
  static const struct {
    const char *layers;
    size_t draws;
  } cases[] = {{"LSTM(2)", 0},
               {"LSTM(2, dropout = 0.5)", 1},
               {"LSTM(2, recurrent_dropout = 0.5)", 4},
               {"LSTM(2, dropout = 0.5, recurrent_dropout = 0.5)", 8},
               {"GRU(2, dropout = 0.5, recurrent_dropout = 0.5)", 6},
               {"SimpleRNN(2, dropout = 0.5, recurrent_dropout = 0.5)", 2},
               {"Bidirectional(LSTM(2, dropout = 0.5))", 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    small_model s;
    program_inputs *inputs;
    program *p = training_program(&s, "Embedding(7, 3, mask_zero = true)", cases[i].layers, &inputs);
    if (count_draws(p) != cases[i].draws)
      fail_msg("%s: %zu draws, expected %zu", cases[i].layers, count_draws(p), cases[i].draws);
    end(&s, p, inputs);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_weight_has_a_gradient),
                                     cmocka_unit_test(recurrences_draw_masks_by_gate)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
