"""Cases without recurrences at their heart: pooling, Dense, merging, operators, sharing, losses, row updates."""
import numpy as np
import torch

from cases import ROWS, case, ids_of, table_shape, recurrence_shapes, dense_shapes
from keras_rules import average_pool, dense, recur, softmax

WORDS, TIME, WIDTH = 12, 7, 5
SPARSE = "sparse_categorical_crossentropy"


def floats_of(*shape):
    return lambda rng: rng.uniform(-1, 1, (ROWS, *shape)).astype(np.float32).astype(np.float64)


def table(p, ids, masked, name="embedding"):
    return p[name + "/embeddings"][ids], (ids != 0 if masked else None)


def embedding_call(masked, words=WORDS, width=WIDTH):
    return f"Embedding({words}, {width}{', mask_zero = true' if masked else ''})"


def pooling_cases():
    pools = {"average": ("GlobalAveragePooling1D()", average_pool, WIDTH),
             "max": ("GlobalMaxPooling1D()", lambda x, mask: x.amax(dim=1), WIDTH),
             "flatten": ("Flatten()", lambda x, mask: x.reshape(x.shape[0], -1), WIDTH * TIME)}
    for name, (pool_call, pool, features) in pools.items():
        for masked in (False, True):
            def forward(p, x, masked=masked, pool=pool):
                e, mask = table(p, x["words"], masked)
                return {"label": (dense(p, "dense", pool(e, mask), softmax), None)}

            length = TIME if name == "flatten" else "time"
            case(f"embedding_{name}" + ("_masked" if masked else ""),
                 source=f"""
  input words: int[{length}]
  output label = words
    -> {embedding_call(masked)}
    -> {pool_call}
    -> Dense(3, activation = softmax)""",
                 shapes={**table_shape("embedding", WORDS, WIDTH), **dense_shapes("dense", features, 3)},
                 inputs={"words": lambda rng, masked=masked: ids_of(rng, TIME, WORDS, masked)},
                 forward=forward, losses={"label": SPARSE})

    def both(p, x):
        e, mask = table(p, x["words"], True)
        # the larger of a valid step and padding: GlobalMaxPooling1D does not see the mask
        return {"label": (dense(p, "dense", torch.cat([average_pool(e, mask), e.amax(dim=1)], dim=1), softmax), None)}

    case("embedding_average_and_max_masked",
         source=f"""
  input words: int[time]
  x = {embedding_call(True)}(words)
  output label = Concatenate()(GlobalAveragePooling1D()(x), GlobalMaxPooling1D()(x)) -> Dense(3, activation = softmax)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **dense_shapes("dense", 2 * WIDTH, 3)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)},
         forward=both, losses={"label": SPARSE})


def dense_cases():
    activations = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "softmax": softmax,
                   "linear": None}
    for name, activation in activations.items():
        def forward(p, x, activation=activation):
            return {"y": (dense(p, "dense_1", dense(p, "dense", x["x"], activation)), None)}

        case(f"dense_{name}",
             source=f"""
  input x: float[6]
  output y = x -> Dense(9, activation = {name}) -> Dense(2)""",
             shapes={**dense_shapes("dense", 6, 9), **dense_shapes("dense_1", 9, 2)},
             inputs={"x": floats_of(6)}, forward=forward, losses={"y": "mse"})

    def steps(p, x):
        return {"y": (dense(p, "dense", torch.tanh(x["x"] @ p["head/kernel"])), None)}

    case("dense_time_no_bias",
         source="""
  input x: float[time, 4]
  output y = x -> Dense(5, use_bias = false, name = "head") -> Activation(tanh) -> Dense(3)""",
         shapes={"head/kernel": (4, 5), **dense_shapes("dense", 5, 3)},
         inputs={"x": floats_of(6, 4)}, forward=steps, losses={"y": "mse"})


def merging_cases():
    def two_tables(name, expression, merge, features, masks=(True, True), tail="LSTM(4)", second="b"):
        """Two tables over inputs a and b (or a twice), merged, then an LSTM that shows the mask."""
        inputs = ["a"] if second == "a" else ["a", "b"]

        def forward(p, x):
            u, mask_u = table(p, x["a"], masks[0])
            v, mask_v = table(p, x[second], masks[1], "embedding_1")
            value, mask = merge(u, v, mask_u, mask_v)
            return {"state": (recur("LSTM", p, "lstm", value, mask), None)}

        declared = "\n".join(f"  input {i}: int[time]" for i in inputs)
        case(name,
             source=f"""
{declared}
  u = {embedding_call(masks[0])}(a)
  v = {embedding_call(masks[1])}({second})
  output state = {expression} -> {tail}""",
             shapes={**table_shape("embedding", WORDS, WIDTH), **table_shape("embedding_1", WORDS, WIDTH),
                     **recurrence_shapes("LSTM", "lstm", features, 4, {})},
             inputs={i: (lambda rng: ids_of(rng, TIME, WORDS, True)) for i in inputs},
             forward=forward, losses={"state": "mse"})

    def either(function):
        def merge(u, v, mask_u, mask_v):
            return function(u, v), (mask_u | mask_v if mask_u is not None and mask_v is not None else None)
        return merge

    def joined(u, v, mask_u, mask_v):
        if mask_u is None and mask_v is None:
            return torch.cat([u, v], dim=-1), None
        present = [torch.ones(u.shape[:2], dtype=torch.bool) if m is None else m for m in (mask_u, mask_v)]
        return torch.cat([u, v], dim=-1), present[0] | present[1]

    two_tables("add_layer_masked", "Add()([u, v])", either(lambda u, v: u + v), WIDTH)
    two_tables("add_same_mask", "(u + v)", either(lambda u, v: u + v), WIDTH, second="a")
    two_tables("add_mask_lost", "(u + v)", either(lambda u, v: u + v), WIDTH, masks=(True, False))
    two_tables("subtract_masked", "(u - v)", either(lambda u, v: u - v), WIDTH)
    two_tables("multiply_masked", "(u * v)", either(lambda u, v: u * v), WIDTH)
    two_tables("concatenate_masked", "Concatenate()(u, v)", joined, 2 * WIDTH)
    two_tables("concatenate_same_mask", "Concatenate()(u, v)", joined, 2 * WIDTH, second="a")
    two_tables("concatenate_one_mask", "Concatenate()(u, v)", joined, 2 * WIDTH, masks=(False, True))

    def numbers(p, x):
        y = (2 * x["x"] - x["z"]) / (3 + x["x"] * x["z"]) + 0.5
        return {"y": (dense(p, "dense", -y), None)}

    case("operators",
         source="""

  input x: float[6]
  input z: float[6]
  mixed = (2 * x - z) / (3 + x * z) + 0.5
  output y = Dense(2)(-mixed)""",
         shapes=dense_shapes("dense", 6, 2),
         inputs={"x": floats_of(6), "z": floats_of(6)}, forward=numbers, losses={"y": "mse"})


def sharing_cases():
    def encoded(p, ids):
        e, mask = table(p, ids, True)
        return recur("LSTM", p, "lstm", e, mask)

    def pairs(p, x):
        u, v = encoded(p, x["a"]), encoded(p, x["b"])
        return {"same": (dense(p, "dense", torch.cat([u, v, u * v, u - v], dim=1), torch.sigmoid), None)}

    case("shared_encoder",
         source=f"""
  input a: int[time_a]
  input b: int[time_b]
  embed  = {embedding_call(True)}
  encode = LSTM(4)
  u = a -> embed -> encode
  v = b -> embed -> encode
  output same = Concatenate()(u, v, u * v, u - v) -> Dense(1, activation = sigmoid)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **recurrence_shapes("LSTM", "lstm", WIDTH, 4, {}),
                 **dense_shapes("dense", 16, 1)},
         inputs={"a": lambda rng: ids_of(rng, TIME, WORDS, True), "b": lambda rng: ids_of(rng, 5, WORDS, True)},
         forward=pairs, losses={"same": "binary_crossentropy"})

    def tied(p, x):
        hidden = dense(p, "dense", dense(p, "dense", x["x"], torch.tanh), torch.tanh)
        return {"y": (dense(p, "dense_1", hidden), None)}

    case("shared_dense",
         source="""
  input x: float[5]
  layer = Dense(5, activation = tanh)
  output y = layer(layer(x)) -> Dense(2)""",
         shapes={**dense_shapes("dense", 5, 5), **dense_shapes("dense_1", 5, 2)},
         inputs={"x": floats_of(5)}, forward=tied, losses={"y": "mse"})


def loss_cases():
    for name, loss, activation, spelled, soft in (
            ("loss_binary", "binary_crossentropy", torch.sigmoid, "sigmoid", False),
            ("loss_categorical", "categorical_crossentropy", softmax, "softmax", False),
            ("loss_categorical_soft", "categorical_crossentropy", softmax, "softmax", True),
            ("loss_sparse", SPARSE, softmax, "softmax", False), ("loss_mse", "mse", None, "linear", False)):
        def forward(p, x, activation=activation):
            return {"y": (dense(p, "dense", x["x"], activation), None)}

        case(name,
             source=f"""
  input x: float[6]
  output y = x -> Dense(4, activation = {spelled})""",
             shapes=dense_shapes("dense", 6, 4), inputs={"x": floats_of(6)}, forward=forward,
             losses={"y": loss}, soft_targets=soft)

    def categorical_steps(p, x):
        e, mask = table(p, x["words"], True)
        return {"tags": (dense(p, "dense", e, softmax), mask)}

    case("loss_categorical_masked",
         source=f"""
  input words: int[time]
  output tags = words -> {embedding_call(True)} -> Dense(4, activation = softmax)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **dense_shapes("dense", WIDTH, 4)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)},
         forward=categorical_steps, losses={"tags": "categorical_crossentropy"})

    def two(p, x):
        hidden = dense(p, "dense", x["x"], torch.relu)
        return {"kind": (dense(p, "dense_1", hidden, softmax), None), "size": (dense(p, "dense_2", hidden), None)}

    case("two_outputs",
         source="""
  input x: float[6]
  hidden = Dense(7, activation = relu)(x)
  output kind = Dense(3, activation = softmax)(hidden)
  output size = Dense(1)(hidden)""",
         shapes={**dense_shapes("dense", 6, 7), **dense_shapes("dense_1", 7, 3), **dense_shapes("dense_2", 7, 1)},
         inputs={"x": floats_of(6)}, forward=two, losses={"kind": SPARSE, "size": "mse"},
         loss_weights={"kind": 1.0, "size": 0.5})


def row_update_cases():
    """Tables of which a step reads few rows: the dense rule moves the rows that were skipped too."""
    words = 60

    def distinct_thirds(rng):
        """Each batch of eight reads a range of ids of its own and one common id; ids over 50 are never read."""
        ids = np.zeros((ROWS, TIME), np.int32)
        for row in range(ROWS):
            low = 2 + 16 * (row // 8)
            ids[row] = rng.integers(low, low + 16, TIME)
            ids[row, rng.integers(2, TIME + 1):] = 0
            ids[row, 0] = 1
        return ids

    def average(p, x):
        e, mask = table(p, x["words"], True)
        return {"label": (dense(p, "dense", average_pool(e, mask), softmax), None)}

    def pooled(name, extra, frozen=(), rows=ROWS):
        case(name,
             source=f"""
  input words: int[time]
  output label = words
    -> Embedding({words}, {WIDTH}, mask_zero = true{extra})
    -> GlobalAveragePooling1D()
    -> Dense(3, activation = softmax)""",
             shapes={**table_shape("embedding", words, WIDTH), **dense_shapes("dense", WIDTH, 3)},
             inputs={"words": distinct_thirds}, forward=average, losses={"label": SPARSE}, frozen=frozen, rows=rows)

    pooled("rows_skipped_average", "")
    pooled("rows_frozen", ", trainable = false", frozen=("embedding/embeddings",))
    pooled("partial_batch", "", rows=20)

    def lstm(p, x):
        e, mask = table(p, x["words"], True)
        h = recur("LSTM", p, "lstm", e, mask)
        return {"label": (dense(p, "dense", h, softmax), None)}

    case("rows_skipped_lstm",
         source=f"""
  input words: int[time]
  output label = words -> Embedding({words}, {WIDTH}, mask_zero = true) -> LSTM(4) -> Dense(3, activation = softmax)""",
         shapes={**table_shape("embedding", words, WIDTH), **recurrence_shapes("LSTM", "lstm", WIDTH, 4, {}),
                 **dense_shapes("dense", 4, 3)},
         inputs={"words": distinct_thirds}, forward=lstm, losses={"label": SPARSE})

    def one_hot_gru(p, x):
        e = torch.nn.functional.one_hot(x["words"], words).to(p["dense/kernel"].dtype)
        h = recur("GRU", p, "gru", e, x["words"] != 0)
        return {"label": (dense(p, "dense", h, softmax), None)}

    case("rows_skipped_one_hot",
         source=f"""
  input words: int[time]
  output label = words -> OneHot({words}, mask_zero = true) -> GRU(4) -> Dense(3, activation = softmax)""",
         shapes={**recurrence_shapes("GRU", "gru", words, 4, {}), **dense_shapes("dense", 4, 3)},
         inputs={"words": distinct_thirds}, forward=one_hot_gru, losses={"label": SPARSE})


def all_layer_cases():
    pooling_cases()
    dense_cases()
    merging_cases()
    sharing_cases()
    loss_cases()
    row_update_cases()
