"""Cases of what a train block says about the loss: weights of rows, of steps and of classes."""
import numpy as np
import torch

from cases import ROWS, case, ids_of, table_shape, recurrence_shapes, dense_shapes
from keras_rules import dense, recur, softmax

WORDS, TIME, WIDTH = 12, 7, 5
SPARSE = "sparse_categorical_crossentropy"


def row_weights(rng):
    """Some are 0: those rows count in the number that the sum is divided by."""
    weights = rng.uniform(0, 3, ROWS).astype(np.float32)
    weights[::5] = 0
    return weights


def step_weights(rng):
    return rng.uniform(0, 3, (ROWS, TIME)).astype(np.float32)


def tagger(masked, **fields):
    def forward(p, x):
        mask = x["words"] != 0 if masked else None
        h = recur("LSTM", p, "lstm", p["embedding/embeddings"][x["words"]], mask, sequences=True)
        return {"tags": (dense(p, "dense", h, softmax), mask)}

    return dict(source=f"""
  input words: int[time]
  output tags = words -> Embedding({WORDS}, {WIDTH}{", mask_zero = true" if masked else ""})
    -> LSTM(4, return_sequences = true) -> Dense(3, activation = softmax)""",
                shapes={**table_shape("embedding", WORDS, WIDTH), **recurrence_shapes("LSTM", "lstm", WIDTH, 4, {}),
                        **dense_shapes("dense", 4, 3)},
                inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, masked)}, forward=forward,
                losses={"tags": SPARSE}, **fields)


def weight_cases():
    case("sample_weight_steps_masked", **tagger(True, sample_weights={"": step_weights}))
    case("sample_weight_rows_masked", **tagger(True, sample_weights={"": row_weights}))
    case("class_weight_steps", **tagger(False, class_weights={"tags": [1, 0.25, 4]}))
    case("class_weight_balanced_masked", **tagger(True, class_weights={"tags": "balanced"}))

    def two(p, x):
        hidden = dense(p, "dense", x["x"], torch.tanh)
        return {"kind": (dense(p, "dense_1", hidden, softmax), None),
                "good": (dense(p, "dense_2", hidden, torch.sigmoid), None),
                "size": (dense(p, "dense_3", hidden), None)}

    case("weights_of_three_outputs",
         source="""
  input x: float[6]
  hidden = Dense(7, activation = tanh)(x)
  output kind = Dense(3, activation = softmax)(hidden)
  output good = Dense(1, activation = sigmoid)(hidden)
  output size = Dense(2)(hidden)""",
         shapes={**dense_shapes("dense", 6, 7), **dense_shapes("dense_1", 7, 3), **dense_shapes("dense_2", 7, 1),
                 **dense_shapes("dense_3", 7, 2)},
         inputs={"x": lambda rng: rng.uniform(-1, 1, (ROWS, 6)).astype(np.float32).astype(np.float64)}, forward=two,
         losses={"kind": "categorical_crossentropy", "good": "binary_crossentropy", "size": "mse"},
         loss_weights={"kind": 1.0, "good": 2.0, "size": 0.5},
         sample_weights={"kind": row_weights, "size": row_weights},
         class_weights={"kind": [2, 1, 0.5], "good": "balanced"})


def stateful_cases():
    """States go on from batch to batch, row by row; gradients end at the border of a batch."""
    for kind, masked in (("SimpleRNN", False), ("LSTM", True), ("GRU", True)):
        prefix = {"SimpleRNN": "simple_rnn", "LSTM": "lstm", "GRU": "gru"}[kind]

        def forward(p, x, memory, kind=kind, prefix=prefix, masked=masked):
            mask = x["words"] != 0 if masked else None
            h = recur(kind, p, prefix, p["embedding/embeddings"][x["words"]], mask, memory=memory)
            return {"y": (dense(p, "dense", h), None)}

        case(f"stateful_{prefix}" + ("_masked" if masked else ""), source=f"""
  input words: int[time]
  output y = words -> Embedding({WORDS}, {WIDTH}{", mask_zero = true" if masked else ""})
    -> {kind}(4, stateful = true) -> Dense(2)""",
             shapes={**table_shape("embedding", WORDS, WIDTH), **recurrence_shapes(kind, prefix, WIDTH, 4, {}),
                     **dense_shapes("dense", 4, 2)},
             inputs={"words": lambda rng, masked=masked: ids_of(rng, TIME, WORDS, masked)}, forward=forward,
             losses={"y": "mse"}, stateful=True)

    def both(p, x, memory):
        f = recur("LSTM", p, "bidirectional/forward", x["x"], None, sequences=True, memory=memory)
        b = recur("LSTM", p, "bidirectional/backward", x["x"], None, sequences=True, backwards=True, memory=memory)
        h = torch.cat([f, b.flip(1)], dim=-1)
        h = recur("GRU", p, "gru", h, None, memory=memory)
        return {"y": (h, None)}

    case("stateful_stack", source="""
  input x: float[time, 3]
  output y = x -> Bidirectional(LSTM(3, return_sequences = true, stateful = true)) -> GRU(2, stateful = true)""",
         shapes={**recurrence_shapes("LSTM", "bidirectional/forward", 3, 3, {}),
                 **recurrence_shapes("LSTM", "bidirectional/backward", 3, 3, {}),
                 **recurrence_shapes("GRU", "gru", 6, 2, {})},
         inputs={"x": lambda rng: rng.uniform(-1, 1, (ROWS, TIME, 3)).astype(np.float32).astype(np.float64)},
         forward=both, losses={"y": "mse"}, stateful=True)


def step_statistics_cases():
    """TimeDistributed calls its layer once for each step: a BatchNormalization inside has the statistics of each step's
    rows, and the steps move its averages one after the other."""
    momentum, prefix = 0.75, "time_distributed"

    def of_step(p, x, t, masked):
        h = p["embedding/embeddings"][x["words"]][:, t] if masked else torch.tanh(x["x"][:, t] @ p["dense/kernel"])
        weight = (x["words"][:, t:t + 1] != 0).to(h.dtype) if masked else torch.ones_like(h[:, :1])
        count = weight.sum() + (1e-7 if masked else 0)
        mean = (h * weight).sum(dim=0) / count
        return h, mean, ((h - mean).square() * weight).sum(dim=0) / count

    def apply(p, x, masked, training):
        steps = []
        for t in range(TIME):
            h, mean, variance = of_step(p, x, t, masked)
            if not training:
                mean, variance = p[prefix + "/moving_mean"], p[prefix + "/moving_variance"]
            steps.append(p[prefix + "/gamma"] * (h - mean) / (variance + 0.001).sqrt() + p[prefix + "/beta"])
        h = torch.stack(steps, dim=1)
        h = recur("GRU", p, "gru", h, x["words"] != 0 if masked else None)
        return {"y": (h, None)}

    def moves(p, x, masked):
        mean, variance = p[prefix + "/moving_mean"], p[prefix + "/moving_variance"]
        for t in range(TIME):
            _, m, v = of_step(p, x, t, masked)
            mean, variance = momentum * mean + (1 - momentum) * m, momentum * variance + (1 - momentum) * v
        return {prefix + "/moving_mean": mean, prefix + "/moving_variance": variance}

    for masked in (False, True):
        first = (f"words -> Embedding({WORDS}, {WIDTH}, mask_zero = true)" if masked
                 else f"x -> Dense({WIDTH}, activation = tanh, use_bias = false)")
        declared = "words: int[time]" if masked else "x: float[time, 4]"
        before = table_shape("embedding", WORDS, WIDTH) if masked else {"dense/kernel": (4, WIDTH)}
        case("batch_normalization_by_step" + ("_masked" if masked else ""), source=f"""
  input {declared}
  output y = {first}
    -> TimeDistributed(BatchNormalization(momentum = {momentum})) -> GRU(3)""",
             shapes={**before, **{f"{prefix}/{n}": (WIDTH,) for n in ("gamma", "beta", "moving_mean", "moving_variance")},
                     **recurrence_shapes("GRU", "gru", WIDTH, 3, {})},
             inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)} if masked else
             {"x": lambda rng: rng.uniform(-1, 1, (ROWS, TIME, 4)).astype(np.float32).astype(np.float64)},
             forward=lambda p, x, masked=masked: apply(p, x, masked, False),
             training=lambda p, x, masked=masked: apply(p, x, masked, True),
             moves=lambda p, x, masked=masked: moves(p, x, masked),
             frozen=(prefix + "/moving_mean", prefix + "/moving_variance"), losses={"y": "mse"})


def all_training_cases():
    weight_cases()
    stateful_cases()
    step_statistics_cases()
