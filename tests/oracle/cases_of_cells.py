"""Cases around cells: the user's own and the built-in ones in RNN, stacks and both directions.

A cell here is (sizes of its states, step(p, prefix, x, states) -> new states, number of the output's state)."""
import torch

from cases import case, dense_shapes, ids_of, recurrence_shapes, table_shape
from keras_rules import STEPS, dense, softmax

WORDS, TIME, WIDTH = 12, 7, 5


def run(cell, p, prefix, x, mask, sequences=False, backwards=False, zero_output=False, initial=None):
    """(B, T, F) -> output and states. Masked steps are skipped; backwards, outputs stand in the order of processing."""
    sizes, step, output = cell
    states = initial or [x.new_zeros(x.shape[0], size) for size in sizes]
    last = x.new_zeros(x.shape[0], sizes[output])
    outputs = []
    for t in (reversed(range(x.shape[1])) if backwards else range(x.shape[1])):
        valid = torch.ones(x.shape[0], 1, dtype=torch.bool) if mask is None else mask[:, t:t + 1]
        new = step(p, prefix, x[:, t], states)
        states = [torch.where(valid, n, s) for n, s in zip(new, states)]
        last = torch.where(valid, new[output], last)
        outputs.append(torch.where(valid, new[output], torch.zeros_like(last)) if zero_output else last)
    return (torch.stack(outputs, dim=1) if sequences else last), states


def both(cell, p, prefix, x, mask, sequences=False):
    forward, _ = run(cell, p, prefix + "/forward", x, mask, sequences, zero_output=sequences)
    backward, _ = run(cell, p, prefix + "/backward", x, mask, sequences, True, zero_output=sequences)
    return torch.cat([forward, backward.flip(1) if sequences else backward], dim=-1)


def built_in(kind, units):
    step, count = STEPS[kind]
    return [units] * count, lambda p, prefix, x, states: step(p, prefix, x, states, {}), 0


def stack(*layers):
    """Of (name, cell): each reads the output of the one below."""
    sizes = [size for _, cell in layers for size in cell[0]]

    def step(p, prefix, x, states):
        new = []
        for name, (own, inner, output) in layers:
            mine = inner(p, f"{prefix}/{name}", x, states[len(new):len(new) + len(own)])
            x = mine[output]
            new += mine
        return new
    top = layers[-1][1]
    return sizes, step, len(sizes) - len(top[0]) + top[2]


# ---- the user's cells

LIGHT_GRU = """
cell LightGRU(units)(x, h: [units]) {
  z = sigmoid(Dense(units)(x) + Dense(units, use_bias = false)(h))
  c = relu(Dense(units)(x) + Dense(units, use_bias = false)(h))
  return z * h + (1 - z) * c
}
"""

PLAIN_LSTM = """
cell PlainLSTM(units, act = tanh)(x, h: [units], c: [units]) {
  i = sigmoid(Dense(units)(x) + Dense(units, use_bias = false)(h))
  f = sigmoid(Dense(units, bias_initializer = "ones")(x) + Dense(units, use_bias = false)(h))
  o = sigmoid(Dense(units)(x) + Dense(units, use_bias = false)(h))
  n = f * c + i * act(Dense(units)(x) + Dense(units, use_bias = false)(h))
  return o * act(n), n
}
"""

# a block inside, a layer used twice, reductions, comparisons, a number of features that changes
ODD = """
block Squash(units)(a, b) {
  hidden = Dense(units, activation = tanh)
  return hidden(a) * hidden(b)
}

cell Odd(units)(x, h: [units], energy: [1]) {
  squashed = Squash(units)(Dense(units)(x), h)
  size = sqrt(mean(h * h, axis = -1, keepdims = true) + 1)
  both = Concatenate()(squashed / size, softmax(h), x)
  way = Dense(units)(both)
  next = Where(way > 0, squashed, 0.5 * h + 0.1 * way)
  return next, maximum(energy * 0.5, max(abs(next), axis = -1, keepdims = true))
}
"""

NORMALIZED = """
cell Normalized(units)(x, h: [units]) {
  z = Dense(units)(x) + LayerNormalization()(Dense(units, use_bias = false)(h))
  return 0.5 * h + LeakyReLU()(z)
}
"""


def name_of(k):
    return "dense" if k == 0 else f"dense_{k}"


def gate(p, prefix, k, x, h):
    """Layers in the order of their application: Dense of x, then Dense of h without a bias."""
    return dense(p, f"{prefix}/{name_of(2 * k)}", x) + dense(p, f"{prefix}/{name_of(2 * k + 1)}", h)


def gate_shapes(prefix, gates, features, units):
    shapes = {}
    for k in range(gates):
        shapes.update(dense_shapes(f"{prefix}/{name_of(2 * k)}", features, units))
        shapes[f"{prefix}/{name_of(2 * k + 1)}/kernel"] = (units, units)
    return shapes


def light_gru(units):
    def step(p, prefix, x, states):
        z = torch.sigmoid(gate(p, prefix, 0, x, states[0]))
        return [z * states[0] + (1 - z) * torch.relu(gate(p, prefix, 1, x, states[0]))]
    return [units], step, 0


def plain_lstm(units, act=torch.tanh):
    def step(p, prefix, x, states):
        h, c = states
        i, f, o = (torch.sigmoid(gate(p, prefix, k, x, h)) for k in range(3))
        n = f * c + i * act(gate(p, prefix, 3, x, h))
        return [o * act(n), n]
    return [units, units], step, 0


def normalized(units):
    def step(p, prefix, x, states):
        y = dense(p, prefix + "/dense_1", states[0])
        centred = y - y.mean(dim=-1, keepdim=True)
        y = centred / (centred.square().mean(dim=-1, keepdim=True) + 0.001).sqrt()
        z = (dense(p, prefix + "/dense", x) + y * p[prefix + "/layer_normalization/gamma"]
             + p[prefix + "/layer_normalization/beta"])
        return [0.5 * states[0] + torch.where(z > 0, z, 0.3 * z)]
    return [units], step, 0


def odd(units):
    def step(p, prefix, x, states):
        h, energy = states
        inner = dense(p, prefix + "/dense", x)
        squashed = (dense(p, prefix + "/squash/dense", inner, torch.tanh)
                    * dense(p, prefix + "/squash/dense", h, torch.tanh))
        size = ((h * h).mean(dim=-1, keepdim=True) + 1).sqrt()
        merged = torch.cat([squashed / size, softmax(h), x], dim=-1)
        way = dense(p, prefix + "/dense_1", merged)
        following = torch.where(way > 0, squashed, 0.5 * h + 0.1 * way)
        return [following, torch.maximum(energy * 0.5, following.abs().amax(dim=-1, keepdim=True))]
    return [units, 1], step, 0


# ---- cases

def words_case(name, layers, forward, shapes, masked=True, definitions="", losses=None):
    """forward(p, e, mask) -> outputs; `layers` reads `e`."""
    def run_model(p, x):
        return forward(p, p["embedding/embeddings"][x["words"]], x["words"] != 0 if masked else None)

    case(name, definitions=definitions,
         source=f"""
  input words: int[time]
  e = Embedding({WORDS}, {WIDTH}{', mask_zero = true' if masked else ''})(words)
{layers}""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **shapes},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, masked)},
         forward=run_model, losses=losses or {"label": "sparse_categorical_crossentropy"})


HEAD = "Dense(3, activation = softmax)"


def label_of(p, h, mask=None):
    return {"label": (dense(p, "dense", h, softmax), mask)}


def user_cases():
    for masked in (False, True):
        suffix = "_masked" if masked else ""
        words_case("cell_light_gru" + suffix, f"  output label = e -> Bidirectional(RNN(LightGRU(4))) -> {HEAD}",
                   lambda p, e, mask: label_of(p, both(light_gru(4), p, "bidirectional", e, mask)),
                   {**gate_shapes("bidirectional/forward", 2, WIDTH, 4),
                    **gate_shapes("bidirectional/backward", 2, WIDTH, 4), **dense_shapes("dense", 8, 3)},
                   masked, LIGHT_GRU)
        words_case("cell_plain_lstm" + suffix, "  output states = e -> RNN(PlainLSTM(6), return_sequences = true)",
                   lambda p, e, mask: {"states": (run(plain_lstm(6), p, "rnn", e, mask, True)[0], mask)},
                   gate_shapes("rnn", 4, WIDTH, 6), masked, PLAIN_LSTM, {"states": "mse"})
        words_case("cell_odd" + suffix,
                   "  last, h, energy = e -> RNN(Odd(4), return_state = true)\n"
                   f"  output label = Concatenate()(h, energy) -> {HEAD}",
                   lambda p, e, mask: label_of(p, torch.cat(run(odd(4), p, "rnn", e, mask)[1], dim=-1)),
                   {**dense_shapes("rnn/dense", WIDTH, 4), **dense_shapes("rnn/squash/dense", 4, 4),
                    **dense_shapes("rnn/dense_1", 8 + WIDTH, 4), **dense_shapes("dense", 5, 3)}, masked, ODD)
    words_case("cell_activation_argument", f"  output label = e -> RNN(PlainLSTM(3, act = sigmoid)) -> {HEAD}",
               lambda p, e, mask: label_of(p, run(plain_lstm(3, torch.sigmoid), p, "rnn", e, mask)[0]),
               {**gate_shapes("rnn", 4, WIDTH, 3), **dense_shapes("dense", 3, 3)}, False, PLAIN_LSTM)
    words_case("cell_normalized_masked", f"  output label = e -> RNN(Normalized(6)) -> {HEAD}",
               lambda p, e, mask: label_of(p, run(normalized(6), p, "rnn", e, mask)[0]),
               {**gate_shapes("rnn", 1, WIDTH, 6), "rnn/layer_normalization/gamma": (6,),
                "rnn/layer_normalization/beta": (6,), **dense_shapes("dense", 6, 3)}, True, NORMALIZED)
    words_case("cell_both_sequences_masked",
               f"  output label = e -> Bidirectional(RNN(PlainLSTM(3), return_sequences = true)) -> {HEAD}",
               lambda p, e, mask: label_of(p, both(plain_lstm(3), p, "bidirectional", e, mask, True), mask),
               {**gate_shapes("bidirectional/forward", 4, WIDTH, 3),
                **gate_shapes("bidirectional/backward", 4, WIDTH, 3), **dense_shapes("dense", 6, 3)},
               True, PLAIN_LSTM)


def option_cases():
    def sequence(name, options, **run_options):
        words_case(name, f"  output states = e -> RNN(LightGRU(4), return_sequences = true, {options})",
                   lambda p, e, mask: {"states": (run(light_gru(4), p, "rnn", e, mask, True, **run_options)[0], mask)},
                   gate_shapes("rnn", 2, WIDTH, 4), True, LIGHT_GRU, {"states": "mse"})

    sequence("cell_backwards_masked", "go_backwards = true", backwards=True)
    sequence("cell_zero_output_masked", "zero_output_for_mask = true", zero_output=True)

    def handed_over(p, e, mask):
        first, states = run(plain_lstm(4), p, "rnn", e, mask)
        second, _ = run(plain_lstm(4), p, "rnn_1", e, mask, initial=states)
        empty = ~mask.any(dim=1, keepdim=True)
        return label_of(p, first + torch.where(empty, torch.zeros_like(second), second))

    words_case("cell_initial_state_masked",
               "  first, h, c = e -> RNN(PlainLSTM(4), return_state = true)\n"
               "  second = e -> RNN(PlainLSTM(4))(initial_state = [h, c])\n"
               f"  output label = first + second -> {HEAD}", handed_over,
               {**gate_shapes("rnn", 4, WIDTH, 4), **gate_shapes("rnn_1", 4, WIDTH, 4),
                **dense_shapes("dense", 4, 3)}, True, PLAIN_LSTM)

    words_case("cell_shared_masked",
               f"  shared = RNN(LightGRU({WIDTH}), return_sequences = true)\n"
               f"  output label = e -> shared -> shared -> {HEAD}",
               lambda p, e, mask: label_of(p, run(light_gru(WIDTH), p, "rnn", run(
                   light_gru(WIDTH), p, "rnn", e, mask, True)[0], mask, True)[0], mask),
               {**gate_shapes("rnn", 2, WIDTH, WIDTH), **dense_shapes("dense", WIDTH, 3)}, True, LIGHT_GRU)


def built_in_cases():
    for kind, snake in (("SimpleRNN", "simple_rnn"), ("LSTM", "lstm"), ("GRU", "gru")):
        words_case(f"cell_{snake}_masked", f"  output label = e -> RNN({kind}Cell(4)) -> {HEAD}",
                   lambda p, e, mask, kind=kind: label_of(p, run(built_in(kind, 4), p, "rnn", e, mask)[0]),
                   {**recurrence_shapes(kind, "rnn", WIDTH, 4, {}), **dense_shapes("dense", 4, 3)})
    tower = stack(("gru_cell", built_in("GRU", 4)), ("gru_cell_1", built_in("GRU", 3)),
                  ("light_gru", light_gru(6)), ("lstm_cell", built_in("LSTM", 5)))

    def tower_shapes(prefix):
        return {**recurrence_shapes("GRU", prefix + "/gru_cell", WIDTH, 4, {}),
                **recurrence_shapes("GRU", prefix + "/gru_cell_1", 4, 3, {}),
                **gate_shapes(prefix + "/light_gru", 2, 3, 6),
                **recurrence_shapes("LSTM", prefix + "/lstm_cell", 6, 5, {})}

    cells = "[GRUCell(4), GRUCell(3), LightGRU(6), LSTMCell(5)]"
    for masked in (False, True):
        words_case("cell_stack" + ("_masked" if masked else ""),
                   f"  output label = e -> RNN({cells}, return_sequences = true) -> {HEAD}",
                   lambda p, e, mask: label_of(p, run(tower, p, "rnn", e, mask, True)[0], mask),
                   {**tower_shapes("rnn"), **dense_shapes("dense", 5, 3)}, masked, LIGHT_GRU)
    words_case("cell_stack_both_masked",
               f"  output label = e -> Bidirectional(RNN(StackedRNNCells({cells}))) -> {HEAD}",
               lambda p, e, mask: label_of(p, both(tower, p, "bidirectional", e, mask)),
               {**tower_shapes("bidirectional/forward"), **tower_shapes("bidirectional/backward"),
                **dense_shapes("dense", 10, 3)}, True, LIGHT_GRU)


def all_cell_cases():
    user_cases()
    option_cases()
    built_in_cases()
