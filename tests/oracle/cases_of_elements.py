"""Layers and functions that work on each element, merging layers by name, and Masking."""
import math

import numpy as np
import torch

from cases import ROWS, case, dense_shapes, ids_of, recurrence_shapes, table_shape
from keras_rules import average_pool, dense, recur

WORDS, TIME, WIDTH = 12, 7, 4


def floats_of(*shape):
    return lambda rng: rng.uniform(-1, 1, (ROWS, *shape)).astype(np.float32).astype(np.float64)


def merges(u, v):
    return {"Add": u + v, "Subtract": u - v, "Multiply": u * v, "Average": (u + v) / 2,
            "Maximum": torch.maximum(u, v), "Minimum": torch.minimum(u, v)}


def merging_cases():
    names = list(merges(torch.zeros(1), torch.zeros(1)))
    calls = ", ".join(f"{n}()(u, v)" for n in names)

    def plain(p, x):
        u, v = dense(p, "dense", x["x"]), dense(p, "dense_1", x["y"])
        return {"z": (dense(p, "dense_2", torch.cat(list(merges(u, v).values()), dim=1)), None)}

    case("merging_layers",
         source=f"""
  input x: float[3]
  input y: float[5]
  u = Dense({WIDTH})(x)
  v = Dense({WIDTH})(y)
  output z = Concatenate()({calls}) -> Dense(2)""",
         shapes={**dense_shapes("dense", 3, WIDTH), **dense_shapes("dense_1", 5, WIDTH),
                 **dense_shapes("dense_2", 6 * WIDTH, 2)},
         inputs={"x": floats_of(3), "y": floats_of(5)}, forward=plain, losses={"z": "mse"})

    # a step counts where one of the two texts has a word
    def masked(p, x):
        u, v = p["embedding/embeddings"][x["a"]], p["embedding_1/embeddings"][x["b"]]
        mask = (x["a"] != 0) | (x["b"] != 0)
        pooled = [average_pool(m, mask) for m in merges(u, v).values()]
        return {"z": (dense(p, "dense", torch.cat(pooled, dim=1)), None)}

    pooled = ", ".join(f"GlobalAveragePooling1D()({n}()(u, v))" for n in names)
    case("merging_layers_masked",
         source=f"""
  input a: int[time]
  input b: int[time]
  u = Embedding({WORDS}, {WIDTH}, mask_zero = true)(a)
  v = Embedding({WORDS}, {WIDTH}, mask_zero = true)(b)
  output z = Concatenate()({pooled}) -> Dense(2)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **table_shape("embedding_1", WORDS, WIDTH),
                 **dense_shapes("dense", 6 * WIDTH, 2)},
         inputs={i: (lambda rng: ids_of(rng, TIME, WORDS, True)) for i in "ab"},
         forward=masked, losses={"z": "mse"})


def masking_cases():
    def steps(value):
        def rows(rng):
            x = floats_of(TIME, 3)(rng)
            x[ids_of(rng, TIME, 5, True) == 0] = value
            x[:, :, 1][rng.random((ROWS, TIME)) < 0.2] = value  # one feature alone masks nothing
            return x
        return rows

    for name, value, argument in (("masking", 0.0, ""), ("masking_of_a_value", 0.25, "mask_value = 0.25")):
        def forward(p, x, value=value):
            mask = (x["x"] != value).any(dim=2)
            seen = x["x"] * mask[:, :, None].to(x["x"].dtype)
            return {"state": (recur("LSTM", p, "lstm", seen, mask), None),
                    "largest": (dense(p, "dense", seen.amax(dim=1)), None)}

        case(name,
             source=f"""
  input x: float[time, 3]
  seen = x -> Masking({argument})
  output state = seen -> LSTM({WIDTH})
  output largest = seen -> GlobalMaxPooling1D() -> Dense(2)""",
             shapes={**recurrence_shapes("LSTM", "lstm", 3, WIDTH, {}), **dense_shapes("dense", 3, 2)},
             inputs={"x": steps(value)}, forward=forward, losses={"state": "mse", "largest": "mse"})


def quiet_cases():
    """Random layers that draw nothing: training is the same with any random numbers."""
    def forward(p, x):
        y = torch.tanh(dense(p, "dense", x["x"] * 1.5 - 0.25))
        return {"state": (recur("GRU", p, "gru", y, None), None)}

    case("noise_of_nothing",
         source=f"""
  input x: float[time, 3]
  output state = x -> Rescaling(1.5, offset = -0.25) -> GaussianNoise(0.0) -> Dense({WIDTH}) -> Dropout(0.0)
    -> Identity() -> Activation(tanh) -> SpatialDropout1D(0.0) -> GaussianDropout(0.0) -> AlphaDropout(0.0)
    -> GRU(3)""",
         shapes={**dense_shapes("dense", 3, WIDTH), **recurrence_shapes("GRU", "gru", WIDTH, 3, {})},
         inputs={"x": floats_of(6, 3)}, forward=forward, losses={"state": "mse"})


def passing_cases():
    """Layers that hand the mask on, down to one that shows it."""
    def forward(p, x):
        mask = x["words"] != 0
        y = torch.tanh(p["embedding/embeddings"][x["words"]]) * 2 + 0.25
        y = torch.where(y < 0, p["p_re_lu/alpha"] * y, y)
        y = torch.nn.functional.elu(y - 0.5, 0.7)
        y = y / y.square().sum(dim=2, keepdim=True).sqrt()
        return {"state": (recur("LSTM", p, "lstm", y, mask), None),
                "mean": (dense(p, "dense", average_pool(torch.relu(y), mask)), None)}

    case("passing_masks",
         source=f"""
  input words: int[{TIME}]
  y = words -> Embedding({WORDS}, {WIDTH}, mask_zero = true) -> Activation(tanh) -> Rescaling(2.0, offset = 0.25)
    -> Dropout(0.0) -> SpatialDropout1D(0.0) -> GaussianNoise(0.0) -> GaussianDropout(0.0) -> AlphaDropout(0.0)
    -> PReLU(name = "p_re_lu") -> Identity() -> Rescaling(1.0, offset = -0.5) -> ELU(alpha = 0.7)
    -> UnitNormalization()
  output state = y -> LSTM(3)
  output mean = y -> ReLU() -> GlobalAveragePooling1D() -> Dense(2)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), "p_re_lu/alpha": (TIME, WIDTH),
                 **recurrence_shapes("LSTM", "lstm", WIDTH, 3, {}), **dense_shapes("dense", WIDTH, 2)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)}, forward=forward,
         losses={"state": "mse", "mean": "mse"})


def activation_rules():
    f = torch.nn.functional
    hard = lambda x: torch.clip(x / 6 + 0.5, 0, 1)
    softplus = lambda x: torch.log1p(torch.exp(-x.abs())) + torch.clip(x, min=0)
    return {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh,
            "softmax": lambda x: torch.softmax(x, dim=-1), "linear": lambda x: x, "elu": f.elu, "selu": f.selu,
            "softplus": softplus, "softsign": lambda x: x / (1 + x.abs()), "silu": lambda x: x * torch.sigmoid(x),
            "swish": lambda x: x * torch.sigmoid(x), "gelu": lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2,
            "hard_sigmoid": hard, "hard_silu": lambda x: x * hard(x), "exponential": torch.exp,
            "mish": lambda x: x * torch.tanh(softplus(x)), "leaky_relu": lambda x: f.leaky_relu(x, 0.2),
            "relu6": lambda x: torch.clip(x, 0, 6), "log_sigmoid": f.logsigmoid,
            "log_softmax": lambda x: torch.log_softmax(x, dim=-1)}


def function_cases():
    rules = activation_rules()

    def activations(p, x):
        u = 4 * dense(p, "dense", x["x"])
        return {"y": (dense(p, "dense_1", torch.cat([rule(u) for rule in rules.values()], dim=1)), None)}

    calls = ", ".join(f"{n}(u)" for n in rules)
    case("activation_functions",
         source=f"""
  input x: float[3]
  u = 4 * Dense({WIDTH})(x)
  output y = Concatenate()({calls}) -> Dense(2)""",
         shapes={**dense_shapes("dense", 3, WIDTH), **dense_shapes("dense_1", len(rules) * WIDTH, 2)},
         inputs={"x": floats_of(3)}, forward=activations, losses={"y": "mse"})

    functions = {"abs(u)": lambda u, v: u.abs(), "sign(u)": lambda u, v: torch.sign(u), "negative(u)": lambda u, v: -u,
                 "square(u)": lambda u, v: u * u, "exp(u)": lambda u, v: torch.exp(u),
                 "log(v)": lambda u, v: torch.log(v), "log1p(v)": lambda u, v: torch.log(1 + v),
                 "sqrt(v)": lambda u, v: torch.sqrt(v), "erf(u)": lambda u, v: torch.erf(u),
                 "sin(u)": lambda u, v: torch.sin(u), "cos(u)": lambda u, v: torch.cos(u),
                 "floor(3 * u)": lambda u, v: torch.floor(3 * u), "divide(u, v)": lambda u, v: u / v,
                 "power(v, u)": lambda u, v: torch.exp(u * torch.log(v)), "u + v": lambda u, v: u + v,
                 "u - 2 * v": lambda u, v: u - 2 * v, "u / v": lambda u, v: u / v,
                 "u * (u < v)": lambda u, v: u * (u < v), "u * less_equal(u, 0.5)": lambda u, v: u * (u <= 0.5),
                 "u * (v > 1)": lambda u, v: u * (v > 1), "u * greater_equal(u, v)": lambda u, v: u * (u >= v),
                 "u * equal(u, u)": lambda u, v: u, "v * not_equal(u, u)": lambda u, v: 0 * v,
                 "Where(u < 0, u, v)": lambda u, v: torch.where(u < 0, u, v)}
    reductions = {"mean": lambda x: x.mean(dim=1), "sum": lambda x: x.sum(dim=1), "max": lambda x: x.amax(dim=1),
                  "min": lambda x: x.amin(dim=1)}

    def elements(p, x):
        u = dense(p, "dense", x["x"])
        v = torch.exp(dense(p, "dense_1", x["x"]))
        steps = torch.cat([rule(u, v).to(u.dtype) for rule in functions.values()], dim=2)
        pooled = torch.cat([rule(steps) for rule in reductions.values()], dim=1)
        return {"y": (dense(p, "dense_2", pooled), None)}

    calls = ",\n    ".join(functions)
    pools = ", ".join(f"{n}(steps, axis = time)" for n in reductions)
    case("functions",
         source=f"""
  input x: float[time, 3]
  u = Dense(2)(x)
  v = exp(Dense(2)(x))
  steps = Concatenate()(
    {calls})
  output y = Concatenate()({pools}) -> Dense(2)""",
         shapes={**dense_shapes("dense", 3, 2), **dense_shapes("dense_1", 3, 2),
                 **dense_shapes("dense_2", len(reductions) * 2 * len(functions), 2)},
         inputs={"x": floats_of(5, 3)}, forward=elements, losses={"y": "mse"}, loss_weights={"y": 0.02})


    def masked(p, x):
        mask = x["words"] != 0
        u, v = 2 * p["embedding/embeddings"][x["words"]], torch.exp(p["embedding/embeddings"][x["words"]])
        steps = torch.cat([rule(u) for rule in rules.values()] +
                          [rule(u, v).to(u.dtype) for rule in functions.values()], dim=2)
        return {"y": (dense(p, "dense", average_pool(steps, mask)), None)}

    calls = ",\n    ".join([f"{n}(u)" for n in rules] + list(functions))
    case("functions_masked",
         source=f"""
  input words: int[time]
  e = Embedding({WORDS}, 3, mask_zero = true)(words)
  u = 2 * e
  v = exp(e)
  steps = Concatenate()(
    {calls})
  output y = steps -> GlobalAveragePooling1D() -> Dense(2)""",
         shapes={**table_shape("embedding", WORDS, 3), **dense_shapes("dense", 3 * (len(rules) + len(functions)), 2)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)}, forward=masked, losses={"y": "mse"},
         loss_weights={"y": 0.05})


def all_element_cases():
    merging_cases()
    masking_cases()
    quiet_cases()
    passing_cases()
    function_cases()
