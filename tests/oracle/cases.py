"""The registry of cases and what they are made of: shapes of weights, ids under every kind of mask."""
import dataclasses
import typing

import numpy as np

ROWS = 24


@dataclasses.dataclass
class Case:
    name: str            # also the folder and the model in the source
    source: str          # the body of the model
    shapes: dict         # weight name -> shape
    inputs: dict         # input name -> function of a generator giving the rows
    forward: typing.Callable  # (weights, inputs) -> {output name: (value, mask or None)}
    losses: dict         # output name -> loss
    training: typing.Callable = None  # as forward, where training computes something else
    moves: typing.Callable = None  # (weights, inputs) -> new values of weights that training moves by rules of their own
    frozen: tuple = ()   # weights that training leaves alone
    loss_weights: dict = dataclasses.field(default_factory=dict)
    sample_weights: dict = dataclasses.field(default_factory=dict)  # output name, or "" for all -> function of a generator
    class_weights: dict = dataclasses.field(default_factory=dict)  # output name -> list by class number, or "balanced"
    stateful: bool = False  # forward takes a dict that holds states between batches, empty at the start of each epoch
    rows: int = ROWS
    batch_size: int = 8
    definitions: str = ""       # blocks and cells in front of the model
    soft_targets: bool = False  # categorical targets that are distributions instead of one-hot rows
    # by output, where the loss is none of keras_rules: targets of (generator, shape), the loss of each row of
    # (prediction, target), which targets count of (target)
    targets: dict = dataclasses.field(default_factory=dict)
    loss_functions: dict = dataclasses.field(default_factory=dict)
    loss_masks: dict = dataclasses.field(default_factory=dict)
    # further trainings: name -> (optimizer as written, function that makes one of cases_of_optimizers.Trainer)
    optimizers: dict = dataclasses.field(default_factory=dict)


CASES: dict = {}


def case(name, **fields):
    assert name not in CASES, name
    CASES[name] = Case(name, **fields)


def table_shape(name, words, width):
    return {name + "/embeddings": (words, width)}


def dense_shapes(name, features, units):
    return {name + "/kernel": (features, units), name + "/bias": (units,)}


def recurrence_shapes(kind, prefix, features, units, options):
    gates = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[kind]
    two_biases = kind == "GRU" and options.get("reset_after", True)
    shapes = {prefix + "/kernel": (features, gates * units),
              prefix + "/recurrent_kernel": (units, gates * units)}
    if options.get("use_bias", True):
        shapes[prefix + "/bias"] = (2, gates * units) if two_biases else (gates * units,)
    return shapes


ROW_KINDS = ("full", "right", "middle", "leading", "empty", "scattered")


def ids_of(rng, time, words, masked, kinds=ROW_KINDS):
    """(ROWS, time) ids. Unmasked: any id, 0 among them. Masked: rows of every kind in turn, where 0 is padding."""
    if not masked:
        return rng.integers(0, words, (ROWS, time), dtype=np.int32)
    ids = rng.integers(1, words, (ROWS, time), dtype=np.int32)
    for row in range(ROWS):
        kind = kinds[row % len(kinds)]
        if kind == "right":
            ids[row, rng.integers(1, time):] = 0
        elif kind == "middle":
            start = rng.integers(1, time - 2)
            ids[row, start:start + rng.integers(1, time - start)] = 0
            ids[row, -1] = rng.integers(1, words)
        elif kind == "leading":
            ids[row, :rng.integers(1, time)] = 0
        elif kind == "empty":
            ids[row] = 0
        elif kind == "scattered":
            ids[row, rng.random(time) < 0.5] = 0
    return ids
