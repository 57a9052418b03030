"""TimeDistributed around other layers than Dense: every step by itself, after Keras's documentation. A mask of the
steps stays; a mask of what a step is made of goes inside."""
import numpy as np
import torch

from cases import ROWS, case, dense_shapes, ids_of, recurrence_shapes, table_shape
from cases_of_convolution import convolve, kernel_shapes, largest, mean_inside, normal, pair, scaled
from cases_of_layers import SPARSE, floats_of
from cases_of_sequences import LETTERS, LETTER_WIDTH, WORD_LENGTH, letters_of
from keras_rules import bidirectional, dense, recur, softmax

WORDS, TIME, WIDTH = 12, 4, 3


def by_step(function, x):
    """What the function makes of every step x[:, t], side by side."""
    return torch.stack([function(x[:, t]) for t in range(x.shape[1])], dim=1)


def name_of(k):
    return "time_distributed" if k == 0 else f"time_distributed_{k}"


def flat(x):
    return x.reshape(x.shape[0], -1)


def sequence_cases():
    def convolved(p, x):
        def step(s):
            s = torch.tanh(convolve(p, name_of(0), s, "same"))
            return flat(mean_inside(largest(s, [2], [2]), [2], [1], "same"))
        return {"y": (dense(p, "dense", by_step(step, x["x"])), None)}

    case("steps_of_convolution",
         source="""
  input x: float[time, 6, 3]
  output y = x -> TimeDistributed(Conv1D(4, 3, padding = same, activation = tanh)) -> TimeDistributed(MaxPooling1D(2))
    -> TimeDistributed(AveragePooling1D(2, strides = 1, padding = same)) -> TimeDistributed(Flatten()) -> Dense(2)""",
         shapes={**kernel_shapes(name_of(0), 3, 3, 4, bias=4), **dense_shapes("dense", 12, 2)},
         inputs={"x": floats_of(TIME, 6, 3)}, forward=convolved, losses={"y": "mse"})

    def masked(p, x):
        mask = x["words"] != 0
        e = p["embedding/embeddings"][x["words"]]
        h = by_step(lambda s: flat(convolve(p, name_of(1), s[:, None].expand(-1, 3, -1), "causal")), e)
        return {"state": (recur("GRU", p, "gru", h, mask), None)}

    case("steps_of_convolution_masked",
         source=f"""
  input words: int[time]
  output state = words -> Embedding({WORDS}, {WIDTH}, mask_zero = true) -> TimeDistributed(RepeatVector(3))
    -> TimeDistributed(Conv1D(2, 2, padding = causal)) -> TimeDistributed(Flatten()) -> GRU(3)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **kernel_shapes(name_of(1), 2, WIDTH, 2, bias=2),
                 **recurrence_shapes("GRU", "gru", 6, 3, {})},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)}, forward=masked, losses={"state": "mse"})

    def images(p, x):
        h = by_step(lambda s: flat(largest(torch.tanh(convolve(p, name_of(0), s)), [2, 2], [2, 2], "same")), x["frames"])
        return {"state": (recur("LSTM", p, "lstm", h, None), None)}

    case("steps_of_images",
         source="""
  input frames: float[time, 5, 4, 2]
  output state = frames -> TimeDistributed(Conv2D(3, 2, activation = tanh)) -> TimeDistributed(MaxPooling2D(padding = same))
    -> TimeDistributed(Flatten()) -> LSTM(3)""",
         shapes={**kernel_shapes(name_of(0), 2, 2, 2, 3, bias=3), **recurrence_shapes("LSTM", "lstm", 12, 3, {})},
         inputs={"frames": floats_of(3, 5, 4, 2)}, forward=images, losses={"state": "mse"})

    def tables(p, x):
        h = by_step(lambda s: flat(p[name_of(0) + "/embeddings"][s]), x["words"])
        return {"y": (recur("SimpleRNN", p, "simple_rnn", h, None), None)}

    case("steps_of_embedding",
         source=f"""
  input words: int[time, 3]
  output y = words -> TimeDistributed(Embedding({WORDS}, {WIDTH})) -> TimeDistributed(Reshape([-1])) -> SimpleRNN(4)""",
         shapes={**table_shape(name_of(0), WORDS, WIDTH), **recurrence_shapes("SimpleRNN", "simple_rnn", 9, 4, {})},
         inputs={"words": lambda rng: rng.integers(0, WORDS, (ROWS, TIME, 3), dtype=np.int32)},
         forward=tables, losses={"y": "mse"})


def recurrence_cases():
    """Without masks over given numbers; with the letters' own masks, where a word without letters is masked after."""
    forms = {"gru": ("GRU(3)", 3, lambda n: recurrence_shapes("GRU", n, LETTER_WIDTH, 3, {}),
                     lambda p, n, e, m: recur("GRU", p, n, e, m)),
             "bidirectional": ("Bidirectional(LSTM(2))", 4,
                               lambda n: {**recurrence_shapes("LSTM", n + "/forward", LETTER_WIDTH, 2, {}),
                                          **recurrence_shapes("LSTM", n + "/backward", LETTER_WIDTH, 2, {})},
                               lambda p, n, e, m: bidirectional("LSTM", p, n, e, m))}
    for name, (layer, width, shapes, run) in forms.items():
        def plain(p, x, run=run):
            h = by_step(lambda s: run(p, name_of(0), s, None), x["x"])
            return {"y": (dense(p, "dense", h), None)}

        case("steps_of_" + name,
             source=f"""
  input x: float[time, 5, {LETTER_WIDTH}]
  output y = x -> TimeDistributed({layer}) -> Dense(2)""",
             shapes={**shapes(name_of(0)), **dense_shapes("dense", width, 2)},
             inputs={"x": floats_of(TIME, 5, LETTER_WIDTH)}, forward=plain, losses={"y": "mse"})

        def masked(p, x, run=run):
            letters = x["letters"]
            e = p["embedding/embeddings"][letters]
            h = torch.stack([run(p, name_of(0), e[:, t], letters[:, t] != 0) for t in range(letters.shape[1])], dim=1)
            return {"state": (recur("GRU", p, "words", h, (letters != 0).any(dim=2)), None)}

        case(f"steps_of_{name}_masked",
             source=f"""
  input letters: int[time, {WORD_LENGTH}]
  output state = letters -> Embedding({LETTERS}, {LETTER_WIDTH}, mask_zero = true) -> TimeDistributed({layer}) -> GRU(3, name = "words")""",
             shapes={**table_shape("embedding", LETTERS, LETTER_WIDTH), **shapes(name_of(0)),
                     **recurrence_shapes("GRU", "words", width, 3, {})},
             inputs={"letters": letters_of}, forward=masked, losses={"state": "mse"})

    def nested(p, x):
        words = by_step(lambda s: by_step(lambda w: recur("GRU", p, name_of(0) + "_1", w, None), s), x["x"])
        lines = by_step(lambda s: recur("LSTM", p, name_of(2), s, None), words)
        return {"y": (dense(p, "dense", lines.mean(dim=1)), None)}

    case("steps_of_steps",
         source="""
  input x: float[time, 3, 4, 2]
  output y = x -> TimeDistributed(TimeDistributed(GRU(3))) -> TimeDistributed(LSTM(2)) -> GlobalAveragePooling1D() -> Dense(2)""",
         shapes={**recurrence_shapes("GRU", name_of(0) + "_1", 2, 3, {}), **recurrence_shapes("LSTM", name_of(2), 3, 2, {}),
                 **dense_shapes("dense", 2, 2)},
         inputs={"x": floats_of(2, 3, 4, 2)}, forward=nested, losses={"y": "mse"})


def normalization_cases():
    def by_axes(p, x):
        def normalized(s):
            return normal(s, (1,), 0.001) * p[name_of(0) + "/gamma"][:, None] + p[name_of(0) + "/beta"][:, None]
        h = by_step(normalized, x["x"])
        h = torch.where(h > 0, h, p[name_of(1) + "/alpha"] * h)
        return {"y": (dense(p, "dense", torch.softmax(h, dim=2).reshape(*h.shape[:2], -1)), None)}

    case("steps_of_axes",
         source="""
  input x: float[time, 5, 3]
  output y = x -> TimeDistributed(LayerNormalization(axis = 1)) -> TimeDistributed(PReLU())
    -> TimeDistributed(Softmax(axis = 1)) -> TimeDistributed(Dropout(0.0)) -> TimeDistributed(Flatten()) -> Dense(2)""",
         shapes={**pair(name_of(0), 5), name_of(1) + "/alpha": (5, 3), **dense_shapes("dense", 15, 2)},
         inputs={"x": floats_of(TIME, 5, 3)}, forward=by_axes, losses={"y": "mse"})

    momentum, prefix = 0.75, name_of(0)

    def apply(p, x, training):
        def step(s):
            mean, variance = p[prefix + "/moving_mean"], p[prefix + "/moving_variance"]
            if training:
                mean, variance = s.mean(dim=(0, 1)), s.var(dim=(0, 1), unbiased=False)
            return scaled(p, prefix, (s - mean) / (variance + 0.001).sqrt())
        return {"y": (dense(p, "dense", flat(torch.tanh(by_step(step, x["x"])).amax(dim=2))), None)}

    def moves(p, x):
        mean, variance = p[prefix + "/moving_mean"], p[prefix + "/moving_variance"]
        for t in range(TIME):
            s = x["x"][:, t]
            mean = momentum * mean + (1 - momentum) * s.mean(dim=(0, 1))
            variance = momentum * variance + (1 - momentum) * s.var(dim=(0, 1), unbiased=False)
        return {prefix + "/moving_mean": mean, prefix + "/moving_variance": variance}

    case("steps_of_batch_normalization",
         source=f"""
  input x: float[{TIME}, 5, 3]
  output y = x -> TimeDistributed(BatchNormalization(momentum = {momentum})) -> TimeDistributed(Activation(tanh))
    -> TimeDistributed(GlobalMaxPooling1D()) -> Flatten() -> Dense(2)""",
         shapes={**{f"{prefix}/{n}": (3,) for n in ("gamma", "beta", "moving_mean", "moving_variance")},
                 **dense_shapes("dense", 3 * TIME, 2)},
         inputs={"x": floats_of(TIME, 5, 3)}, forward=lambda p, x: apply(p, x, False),
         training=lambda p, x: apply(p, x, True), moves=moves,
         frozen=(prefix + "/moving_mean", prefix + "/moving_variance"), losses={"y": "mse"})


SENTENCE = """
block Sentence(units, act = tanh)(x) {
  states = Bidirectional(GRU(units, return_sequences = true))(x)
  weights = states -> Dense(units, activation = act) -> Dense(1, use_bias = false) -> Softmax(axis = 1)
  return Dot(axes = (1, 1))(states, weights) -> Reshape([-1])
}
"""


def attended(p, prefix, e, mask):
    """Attention over the words of a sentence; e (B, T, F)."""
    states = bidirectional("GRU", p, prefix + "/bidirectional", e, mask, sequences=True)
    scores = torch.tanh(dense(p, prefix + "/dense", states)) @ p[prefix + "/dense_1/kernel"]
    if mask is None:
        weights = torch.softmax(scores, dim=1)
    else:
        weights = torch.softmax(scores.masked_fill(~mask[:, :, None], -1e9), dim=1)
        weights = torch.where(mask[:, :, None], weights, torch.zeros_like(weights))
    return (states * weights).sum(dim=1)


def sentence_shapes(prefix, features, units):
    return {**recurrence_shapes("GRU", prefix + "/bidirectional/forward", features, units, {}),
            **recurrence_shapes("GRU", prefix + "/bidirectional/backward", features, units, {}),
            **dense_shapes(prefix + "/dense", 2 * units, units), prefix + "/dense_1/kernel": (units, 1)}


def block_cases():
    """A hierarchical attention network: words of a sentence, then sentences of a text, by one block."""
    for masked in (False, True):
        def forward(p, x, masked=masked):
            letters = x["letters"]
            e = p["embedding/embeddings"][letters]
            masks = letters != 0
            h = torch.stack([attended(p, name_of(0), e[:, t], masks[:, t] if masked else None)
                             for t in range(letters.shape[1])], dim=1)
            text = attended(p, "sentence_1", h, masks.any(dim=2) if masked else None)
            return {"label": (dense(p, "dense", text, softmax), None)}

        case("steps_of_block" + ("_masked" if masked else ""), definitions=SENTENCE,
             source=f"""
  input letters: int[time, {WORD_LENGTH}]
  output label = letters -> Embedding({LETTERS}, {LETTER_WIDTH}{", mask_zero = true" if masked else ""})
    -> TimeDistributed(Sentence(2)) -> Sentence(3) -> Dense(3, activation = softmax)""",
             shapes={**table_shape("embedding", LETTERS, LETTER_WIDTH), **sentence_shapes(name_of(0), LETTER_WIDTH, 2),
                     **sentence_shapes("sentence_1", 4, 3), **dense_shapes("dense", 6, 3)},
             inputs={"letters": letters_of}, forward=forward, losses={"label": SPARSE})

    def shared(p, x):
        def inside(s):
            return torch.tanh(dense(p, name_of(0) + "/dense", flat(s)))
        a, b = by_step(inside, x["a"]), by_step(inside, x["b"])
        return {"y": (dense(p, "dense", a.mean(dim=1) * b.amax(dim=1)), None)}

    case("steps_of_block_shared",
         definitions="block Flat(units)(x) {\n  return x -> Flatten() -> Dense(units, activation = tanh)\n}",
         source="""
  input a: float[time_a, 2, 3]
  input b: float[time_b, 2, 3]
  encode = TimeDistributed(Flat(4))
  u = a -> encode -> GlobalAveragePooling1D()
  v = b -> encode -> GlobalMaxPooling1D()
  output y = Dense(2)(u * v)""",
         shapes={**dense_shapes(name_of(0) + "/dense", 6, 4), **dense_shapes("dense", 4, 2)},
         inputs={"a": floats_of(4, 2, 3), "b": floats_of(3, 2, 3)}, forward=shared, losses={"y": "mse"})


def all_step_cases():
    sequence_cases()
    recurrence_cases()
    normalization_cases()
    block_cases()
