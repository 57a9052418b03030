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


def all_training_cases():
    weight_cases()
