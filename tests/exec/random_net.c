#include "tests/exec/random_net.h"
#include "support/diag.h"
#include "support/random.h"
#include <string.h>

// Forms of tensors: S (batch, time, F), C (batch, 3, F), V (batch, F).
typedef struct rule {
  char in, out; // 'S' serves C alike, 'T' is S alone; out '=': the form of x
  char width; // of the result: 'x' that of x, 'm' thrice that of x, 'n' of $n, '2' twice $n, '+' of x and $z
              // together, '9' nine
  const char *text; // $x the argument, $y one of its form and width, $z one of its form, $v a vector, $n a
                    // number of units, $(a|b) a choice; ^ in front: one more result, a vector of $n
} rule;

#define ACTIVATION "$(relu|tanh|sigmoid|linear|gelu|softplus|elu|softmax|hard_sigmoid)"
#define RECURRENT "$(LSTM|GRU|SimpleRNN)"

static const rule rules[] = {
    {'S', '=', 'n', "Dense($n, activation = " ACTIVATION ")($x)"},
    {'S', '=', 'n', "Dense($n, use_bias = $(true|false))($x)"},
    {'S', '=', 'n', "TimeDistributed(Dense($n, activation = " ACTIVATION "))($x)"},
    {'S', '=', 'n', RECURRENT "($n, return_sequences = true, go_backwards = $(true|false))($x)"},
    {'S', '=', 'n', "GRU($n, return_sequences = true, reset_after = $(true|false), dropout = $(0|0.5))($x)"},
    {'S', '=', 'n', "LSTM($n, return_sequences = true, recurrent_dropout = $(0|0.5))($x)"},
    {'S', '=', 'n',
     "Bidirectional(" RECURRENT "($n, return_sequences = true), merge_mode = $(sum|mul|ave))($x)"},
    {'S', '=', '2', "Bidirectional(" RECURRENT "($n, return_sequences = true))($x)"},
    {'S', '=', 'n', "RNN(Own($n), return_sequences = true)($x)"},
    {'S', '=', 'n', "RNN([GRUCell(3), Own(2), LSTMCell($n)], return_sequences = true)($x)"},
    {'S', '=', 'n', "GRU($n, return_sequences = true)($x, initial_state = Dense($n)($v))"},
    {'S', '=', 'n',
     "LSTM($n, return_sequences = true)($x, initial_state = [Dense($n)($v), tanh(Dense($n)($v))])"},
    {'S', '=', 'n', "^^LSTM($n, return_sequences = true, return_state = true)($x)"},
    {'S', '=', 'n',
     "^GRU($n, return_sequences = true, return_state = true, go_backwards = $(true|false))($x)"},
    {'S', 'V', 'n', "^$(SimpleRNN|GRU)($n, return_state = true)($x)"},
    {'S', 'V', 'n', "^^RNN(Pair($n), return_state = true)($x)"},
    {'S', '=', 'n',
     "LSTM($n, return_sequences = true, activation = $(relu|softsign), recurrent_activation = "
     "hard_sigmoid)($x)"},
    {'S', '=', 'n', "RNN($(GRUCell|Pair|Own)($n), return_sequences = true, zero_output_for_mask = true)($x)"},
    {'S', '=', '2', "Bidirectional(RNN($(Own|Pair|LSTMCell)($n), return_sequences = true))($x)"},
    {'S', '=', 'n',
     "Bidirectional(RNN([Own(3), GRUCell(2), Pair($n)], return_sequences = true), merge_mode = "
     "$(sum|ave))($x)"},
    {'S', 'V', '2', "Bidirectional(RNN([Pair(2), SimpleRNNCell($n)]))($x)"},
    {'S', '=', 'n',
     "Bidirectional(GRU($n, return_sequences = true), backward_layer = LSTM($n, return_sequences = "
     "true, go_backwards = true), merge_mode = sum)($x)"},
    {'S', '=', 'n', "TimeDistributed($(LSTM|GRU)($n))(TimeDistributed(RepeatVector(2))($x))"},
    {'S', '=', '2', "TimeDistributed(Bidirectional(GRU($n)))(TimeDistributed(RepeatVector(3))($x))"},
    {'S', '=', 'n',
     "TimeDistributed(GlobalMaxPooling1D())(TimeDistributed(Conv1D($n, "
     "2))(TimeDistributed(RepeatVector(3))($x)))"},
    {'S', '=', 'x', "TimeDistributed($(BatchNormalization|LayerNormalization)())($x)"},
    {'S', '=', 'n', "Residual($n, $(relu|tanh))($x)"},
    {'S', '=', 'n', "Residual($n)($x)"},
    {'V', '=', 'n', "Residual($n)($x)"},
    {'S', '=', 'n',
     "Conv1D($n, $(1|2|3|5), padding = $(same|causal), dilation_rate = $(1|2), activation = " ACTIVATION
     ")($x)"},
    {'S', '=', 'n', "SeparableConv1D($n, 3, padding = same)($x)"},
    {'S', '=', 'x', "DepthwiseConv1D(3, padding = same)($x)"},
    {'S', 'V', 'n',
     "GlobalMaxPooling1D()(Conv1D($n, $(2|3|5), strides = $(2|3), padding = $(same|causal))($x))"},
    {'S', 'V', 'n',
     "GlobalAveragePooling1D()(Conv1D($n, $(2|3), use_bias = $(true|false))(ZeroPadding1D(2)($x)))"},
    {'S', 'V', 'n',
     "GlobalAveragePooling1D()(Conv1DTranspose($n, $(2|3), strides = $(1|2), padding = "
     "$(same|valid))($x))"},
    {'S', 'V', 'n',
     "GlobalMaxPooling1D()(SeparableConv1D($n, 2, strides = 2, padding = same, depth_multiplier = "
     "2)($x))"},
    {'S', 'V', 'x', "GlobalAveragePooling1D()(DepthwiseConv1D(2, strides = 2, padding = same)($x))"},
    {'S', 'V', 'x', "GlobalAveragePooling1D()($(MaxPooling1D|AveragePooling1D)($(2|3), padding = same)($x))"},
    {'S', 'V', 'x', "$(GlobalMaxPooling1D|GlobalAveragePooling1D)()(UpSampling1D($(2|3))($x))"},
    {'S', 'V', 'x', "GlobalMaxPooling1D()(Cropping1D((1, 0))(ZeroPadding1D((2, 1))($x)))"},
    {'S', '=', 'x', "$(LayerNormalization|RMSNormalization|BatchNormalization|UnitNormalization)()($x)"},
    {'S', '=', 'x', "GroupNormalization(groups = 1)($x)"},
    {'S', '=', 'x', "BatchNormalization(center = $(true|false), scale = $(true|false))($x)"},
    {'S', '=', 'x', "PReLU(shared_axes = [1])($x)"},
    {'S', '=', 'x', "$(LeakyReLU|ELU|ReLU|Softmax|SinePositionEncoding|Identity)()($x)"},
    {'S', '=', 'x', "Softmax(axis = 1)($x)"},
    {'S', '=', 'x', "$x - GlobalAveragePooling1D(keepdims = true)($x)"},
    {'S', '=', 'x', "$x / (1 + max(abs($x), axis = -1, keepdims = true))"},
    {'S', '=', 'x', "Activation(" ACTIVATION ")($x)"},
    {'S', '=', 'x', "$(Dropout|SpatialDropout1D|GaussianNoise|GaussianDropout)(0.4)($x)"},
    {'S', '=', 'x', "$x $(+|-|*) $y"},
    {'S', '=', 'x', "$(Maximum|Minimum|Average|Add|Multiply)()($x, $y)"},
    {'S', '=', 'x', "$x $(+|-|*) $(0.5|2|-1)"},
    {'S', '=', 'x', "$(abs|tanh|relu|sigmoid|square)($x)"},
    {'S', '=', 'x', "exp(-abs($x))"},
    {'S', '=', 'x', "$x / (abs($y) + 1)"},
    {'S', '=', 'x', "Where($x > $y, $x * 2, $y)"},
    {'S', '=', '+', "Concatenate()($x, $z)"},
    {'S', '=', 'x', "$(MaxPooling1D|AveragePooling1D)($(2|3), strides = 1, padding = same)($x)"},
    {'S', '=', 'x', "MultiHeadAttention(2, key_dim = $(1|3))($x, $z)"},
    {'S', '=', 'x', "MultiHeadAttention(1, key_dim = 4)($x, $x, use_causal_mask = true)"},
    {'S', '=', 'x',
     "MultiHeadAttention($(1|3), key_dim = 2, value_dim = $(1|5), use_bias = $(true|false))($x, $y, "
     "use_causal_mask = $(true|false))"},
    {'S', '=', 'n', "MultiHeadAttention(2, key_dim = 3, output_shape = $n)($x, $z, $z)"},
    {'S', '=', 'x', "$(Attention|AdditiveAttention)()($x, $y)"},
    {'S', '=', 'x', "Attention(use_scale = true, score_mode = $(dot|concat))($x, $y)"},
    {'S', '=', 'x', "$(Attention|AdditiveAttention)()($x, $y, $y, use_causal_mask = $(true|false))"},
    {'S', '=', 'x', "Masking()($x)"},
    {'T', '=', 'n', RECURRENT "($n, return_sequences = true)($x, mask = $(a|b))"},
    {'T', '=', 'n', "Dense($n)($x, mask = $(a > 1|b))"},
    {'S', 'V', 'n', RECURRENT "($n)($x)"},
    {'S', 'V', '2', "Bidirectional(" RECURRENT "($n))($x)"},
    {'S', 'V', 'n', "RNN(Own($n))($x)"},
    {'S', 'V', 'x', "$(GlobalMaxPooling1D|GlobalAveragePooling1D)()($x)"},
    {'S', 'V', 'x', "$(mean|max|sum)($x, axis = 1)"},
    {'V', '=', 'n', "Dense($n, activation = " ACTIVATION ")($x)"},
    {'V', '=', 'x', "$(LayerNormalization|BatchNormalization)()($x)"},
    {'V', '=', 'x', "$x $(+|-|*) $y"},
    {'V', '=', 'x', "$(abs|tanh|relu)($x - 0.1)"},
    {'V', '=', '+', "Concatenate()($x, $z)"},
    {'V', '=', 'x', "Dropout(0.4)($x)"},
    {'V', 'C', 'x', "RepeatVector(3)($x)"},
    {'V', '=', '1', "Dot(axes = -1, normalize = $(true|false))($x, $y)"},
    {'V', '=', 'x', "$(PReLU|UnitNormalization|RMSNormalization|Softmax)()($x)"},
    {'C', 'V', 'm', "Flatten()($x)"},
    {'C', 'V', 'n', RECURRENT "($n)(Permute([2, 1])($x))"},
    {'C', 'V', 'n', "LSTM($n, unroll = true)($x)"},
    {'C', 'V', 'n', "GlobalMaxPooling1D()(Conv1D($n, $(1|2|3), strides = $(1|2))($x))"},
    {'C', 'V', 'n',
     "GlobalAveragePooling2D()(Conv2D($n, $(1|2|3), padding = same, strides = $(1|2))"
     "(Reshape([3, -1, 1])($x)))"},
    {'C', 'V', '2',
     "GlobalMaxPooling2D()(MaxPooling2D(2, padding = same)(DepthwiseConv2D(2, padding = same, "
     "depth_multiplier = 2)(Reshape([3, -1, 1])($x)))) -> Dense(2 * $n)"},
    {'C', 'V', 'x', "Dot(axes = (1, 1))(Dense(1)($x), $y) -> Flatten()"},
};

static const rule sources[] = {
    {0, 'S', 'n', "Embedding(9, $n, mask_zero = $(true|false))($(a|b))"},
    {0, 'S', '9', "OneHot(9, mask_zero = $(true|false))($(a|b))"},
    {0, 'S', '4', "shared($(a|b))"},
    {0, 'S', 'n', "PositionalEmbedding(60, 9, $n, mask_zero = $(true|false))($(a|b))"},
    {0, 'S', '3', "Masking()(f)"},
    {0, 'S', '3', "f"},
    {0, 'C', '4', "c"},
    {0, 'V', '4', "v"},
};

enum { MOST_STATEMENTS = 64 };

typedef struct net {
  uint64_t state;
  int n;
  char form[MOST_STATEMENTS];
  int width[MOST_STATEMENTS];
  bool used[MOST_STATEMENTS];
  strbuf *out;
} net;

static int below(net *w, int bound) {
  return (int)(random_mix(w->state++) % (uint64_t)bound);
}

// A tensor of the form (and width, if > 0), late ones more likely; -1 without any.
static int pick(net *w, char form, int width) {
  int found = -1;
  for (int k = 0; k < w->n; k++)
    if (w->form[k] == form && (width <= 0 || w->width[k] == width) && (found < 0 || below(w, 5) < 3))
      found = k;
  return found;
}

static int rule_width(const rule *r, const net *w, int x, int n, int z) {
  switch (r->width) {
  case 'x':
    return w->width[x];
  case 'n':
    return n;
  case '2':
    return 2 * n;
  case 'm':
    return 3 * w->width[x];
  case '+':
    return w->width[x] + w->width[z];
  default:
    return r->width - '0';
  }
}

// `text` begins behind "$("; returns what follows the choice.
static const char *write_choice(net *w, const char *text) {
  const char *end = strchr(text, ')');
  int options = 1;
  for (const char *c = text; c < end; c++)
    options += *c == '|';
  for (int skip = below(w, options); skip; skip--)
    text = strchr(text, '|') + 1;
  strbuf_printf(w->out, "%.*s", (int)strcspn(text, "|)"), text);
  return end + 1;
}

static void write_tensor(net *w, int k) {
  w->used[k] = true;
  strbuf_printf(w->out, "t%d", k);
}

static bool write_rule(net *w, const rule *r, int x) {
  static const int units[] = {1, 2, 3, 4, 5, 8, 9, 16, 17};
  int n = units[below(w, (int)(sizeof units / sizeof *units))];
  int y = x < 0 ? -1 : pick(w, w->form[x], w->width[x]), z = x < 0 ? -1 : pick(w, w->form[x], 0),
      v = pick(w, 'V', 0);
  if (v < 0 && strstr(r->text, "$v"))
    return false;
  strbuf_printf(w->out, "  t%d", w->n);
  int states = (int)strspn(r->text, "^");
  for (int k = 1; k <= states; k++)
    strbuf_printf(w->out, ", t%d", w->n + k);
  strbuf_printf(w->out, " = ");
  for (const char *c = r->text + states; *c;) {
    if (*c != '$') {
      strbuf_printf(w->out, "%c", *c++);
      continue;
    }
    c += 2;
    if (c[-1] == '(')
      c = write_choice(w, c);
    else if (c[-1] == 'n')
      strbuf_printf(w->out, "%d", n);
    else
      write_tensor(w, c[-1] == 'x' ? x : c[-1] == 'y' ? y : c[-1] == 'z' ? z : v);
  }
  strbuf_printf(w->out, "\n");
  w->form[w->n] = r->out == '=' ? w->form[x] : r->out;
  w->width[w->n] = rule_width(r, w, x, n, z);
  w->n++;
  for (int k = 0; k < states; k++) {
    w->form[w->n] = 'V';
    w->width[w->n++] = n;
  }
  return true;
}

static bool serves(const rule *r, char form) {
  return r->in == form || (r->in == 'S' && form == 'C') || (r->in == 'T' && form == 'S');
}

static void write_statement(net *w) {
  int x = below(w, 4) ? w->n - 1 - below(w, 2) % w->n : below(w, w->n);
  const rule *r;
  do
    r = &rules[below(w, (int)(sizeof rules / sizeof *rules))];
  while (!serves(r, w->form[x]) || (w->width[x] > 40 && strchr("+xm", r->width)));
  write_rule(w, r, x);
}

void random_net(uint64_t seed, int statements, strbuf *out) {
  INVARIANT(statements + 5 < MOST_STATEMENTS);
  net w = {.state = random_mix(seed) + (uint64_t)statements, .out = out};
  strbuf_printf(out,
                "cell Own(units, act = tanh)(x, h: [units]) {\n"
                "  g = sigmoid(Dense(units)(x) + Dense(units, use_bias = false)(h))\n"
                "  return g * h + (1 - g) * act(Dense(units)(x) * 0.5 + h)\n}\n"
                "cell Pair(units)(x, h: [units], m: [units]) {\n"
                "  n = 0.5 * m + sigmoid(Dense(units)(x)) * tanh(Dense(units)(h))\n"
                "  return tanh(n) * softmax(Dense(units, use_bias = false)(h)), n\n}\n"
                "block Residual(units, act = gelu)(x) {\n  y = x -> Dense(units, activation = act)\n"
                "  return LayerNormalization()(y + Dense(units)(y))\n}\n"
                "model tiny {\n  input a: int[time]\n  input b: int[time]\n  input f: float[time, 3]\n"
                "  input c: float[3, 4]\n  input v: float[4]\n"
                "  shared = Embedding(9, 4, mask_zero = %s)\n",
                below(&w, 2) ? "true" : "false");
  for (int k = 0; k < 1 + below(&w, 3); k++)
    write_rule(&w, &sources[below(&w, (int)(sizeof sources / sizeof *sources))], -1);
  while (w.n < statements)
    write_statement(&w);
  int outputs = 0;
  for (int k = w.n - 1; k >= 0 && outputs < 3; k--)
    if (!w.used[k])
      strbuf_printf(out, "  output y%d = t%d\n", outputs++, k);
  strbuf_printf(out, "}\n");
}
