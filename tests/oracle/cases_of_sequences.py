"""Cases around recurrences. See make_references.py for what a case is."""
import numpy as np

from cases import case, ids_of, table_shape, recurrence_shapes, dense_shapes
from keras_rules import average_pool, bidirectional, dense, one_hot, recur, softmax

WORDS, TIME, WIDTH = 12, 7, 5

# (case's name, layer in the source, kind, options, weight prefix)
RECURRENCES = [
    ("simple_rnn", "SimpleRNN", {}),
    ("lstm", "LSTM", {}),
    ("gru", "GRU", {}),
    ("gru_reset_before", "GRU", {"reset_after": False}),
]


def call(kind, units, sequences=False, **options):
    """The layer as the user writes it."""
    words = [str(units)]
    if sequences:
        words.append("return_sequences = true")
    words += [f"{name} = {str(value).lower()}" for name, value in options.items()]
    return f"{kind}({', '.join(words)})"


def prefix_of(kind):
    return {"SimpleRNN": "simple_rnn", "LSTM": "lstm", "GRU": "gru"}[kind]


def embedding_call(masked):
    return f"Embedding({WORDS}, {WIDTH}{', mask_zero = true' if masked else ''})"


def embed(p, words, masked):
    return p["embedding/embeddings"][words], (words != 0 if masked else None)


def recurrent_cases():
    for name, kind, options in RECURRENCES:
        for masked in (False, True):
            suffix = "_masked" if masked else ""
            last_state_case(name + suffix, kind, options, masked)
            sequence_case(name + "_sequences" + suffix, kind, options, masked)
            if name != "gru_reset_before":
                both_directions_case(f"bidirectional_{name}{suffix}", kind, options, masked)
                both_directions_sequence_case(f"bidirectional_{name}_sequences{suffix}", kind, options, masked)


def last_state_case(name, kind, options, masked):
    units, prefix = 6, prefix_of(kind)

    def forward(p, x):
        e, mask = embed(p, x["words"], masked)
        h = recur(kind, p, prefix, e, mask, **options)
        return {"label": (dense(p, "dense", h, softmax), None)}

    case(name,
         source=f"""
  input words: int[time]
  output label = words
    -> {embedding_call(masked)}
    -> {call(kind, units, **options)}
    -> Dense(3, activation = softmax)""",
         shapes={**table_shape("embedding", WORDS, WIDTH),
                 **recurrence_shapes(kind, prefix, WIDTH, units, options), **dense_shapes("dense", units, 3)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, masked)},
         forward=forward, losses={"label": "sparse_categorical_crossentropy"})


def sequence_case(name, kind, options, masked):
    units, prefix = 9, prefix_of(kind)

    def forward(p, x):
        e, mask = embed(p, x["words"], masked)
        return {"states": (recur(kind, p, prefix, e, mask, sequences=True, **options), mask)}

    case(name,
         source=f"""
  input words: int[time]
  x = {embedding_call(masked)}(words)
  output states = {call(kind, units, True, **options)}(x)""",
         shapes={**table_shape("embedding", WORDS, WIDTH),
                 **recurrence_shapes(kind, prefix, WIDTH, units, options)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, masked)},
         forward=forward, losses={"states": "mse"})


def both_directions_case(name, kind, options, masked):
    units = 4

    def forward(p, x):
        e, mask = embed(p, x["words"], masked)
        h = bidirectional(kind, p, "bidirectional", e, mask, **options)
        return {"label": (dense(p, "dense", h, sigmoid), None)}

    from torch import sigmoid
    case(name,
         source=f"""
  input words: int[time]
  output label = words
    -> {embedding_call(masked)}
    -> Bidirectional({call(kind, units, **options)})
    -> Dense(1, activation = sigmoid)""",
         shapes={**table_shape("embedding", WORDS, WIDTH),
                 **recurrence_shapes(kind, "bidirectional/forward", WIDTH, units, options),
                 **recurrence_shapes(kind, "bidirectional/backward", WIDTH, units, options),
                 **dense_shapes("dense", 2 * units, 1)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, masked)},
         forward=forward, losses={"label": "binary_crossentropy"})


def both_directions_sequence_case(name, kind, options, masked):
    units = 3

    def forward(p, x):
        e, mask = embed(p, x["words"], masked)
        h = bidirectional(kind, p, "bidirectional", e, mask, sequences=True, **options)
        return {"states": (h, mask)}

    case(name,
         source=f"""
  input words: int[time]
  x = {embedding_call(masked)}(words)
  output states = Bidirectional({call(kind, units, True, **options)})(x)""",
         shapes={**table_shape("embedding", WORDS, WIDTH),
                 **recurrence_shapes(kind, "bidirectional/forward", WIDTH, units, options),
                 **recurrence_shapes(kind, "bidirectional/backward", WIDTH, units, options)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, masked)},
         forward=forward, losses={"states": "mse"})


def mask_corner_cases():
    """The LSTM under masks that one corner makes: no padding at all, a whole batch without a valid step."""
    for name, kinds in (("no_padding", ("full",)), ("right_padded", ("right", "full"))):
        lstm_under(f"lstm_{name}", lambda rng, kinds=kinds: ids_of(rng, TIME, WORDS, True, kinds))

    def second_batch_empty(rng):
        ids = ids_of(rng, TIME, WORDS, True)
        ids[8:16] = 0
        return ids
    lstm_under("lstm_empty_batch", second_batch_empty)


def lstm_under(name, make_ids):
    units = 5

    def forward(p, x):
        e, mask = embed(p, x["words"], True)
        h = recur("LSTM", p, "lstm", e, mask, sequences=True)
        return {"tags": (dense(p, "dense", h, softmax), mask)}

    case(name,
         source=f"""
  input words: int[time]
  output tags = words
    -> {embedding_call(True)}
    -> {call("LSTM", units, True)}
    -> Dense(4, activation = softmax)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **recurrence_shapes("LSTM", "lstm", WIDTH, units, {}),
                 **dense_shapes("dense", units, 4)},
         inputs={"words": make_ids}, forward=forward, losses={"tags": "sparse_categorical_crossentropy"})


def tagger_cases():
    for masked in (False, True):
        units, tags = 4, 5

        def forward(p, x, masked=masked):
            e, mask = embed(p, x["words"], masked)
            h = bidirectional("LSTM", p, "bidirectional", e, mask, sequences=True)
            return {"tags": (dense(p, "time_distributed", h, softmax), mask)}

        case("tagger" + ("_masked" if masked else ""),
             source=f"""
  input words: int[time]
  x = {embedding_call(masked)}(words)
  x = Bidirectional(LSTM({units}, return_sequences = true))(x)
  output tags = TimeDistributed(Dense({tags}, activation = softmax))(x)""",
             shapes={**table_shape("embedding", WORDS, WIDTH),
                     **recurrence_shapes("LSTM", "bidirectional/forward", WIDTH, units, {}),
                     **recurrence_shapes("LSTM", "bidirectional/backward", WIDTH, units, {}),
                     **dense_shapes("time_distributed", 2 * units, tags)},
             inputs={"words": lambda rng, masked=masked: ids_of(rng, TIME, WORDS, masked)},
             forward=forward, losses={"tags": "sparse_categorical_crossentropy"})

    def binary(p, x):
        e, mask = embed(p, x["words"], True)
        h = recur("GRU", p, "gru", e, mask, sequences=True)
        import torch
        return {"flags": (dense(p, "time_distributed", h, torch.sigmoid), mask)}

    case("tagger_binary_masked",
         source=f"""
  input words: int[time]
  x = {embedding_call(True)}(words)
  x = GRU(6, return_sequences = true)(x)
  output flags = TimeDistributed(Dense(1, activation = sigmoid))(x)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **recurrence_shapes("GRU", "gru", WIDTH, 6, {}),
                 **dense_shapes("time_distributed", 6, 1)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)},
         forward=binary, losses={"flags": "binary_crossentropy"})


LETTERS, LETTER_WIDTH, WORD_LENGTH = 9, 3, 4


def letters_of(rng):
    """(rows, TIME, WORD_LENGTH): letters from the left, some words with a gap, some without any letter."""
    rows = ids_of(rng, TIME, LETTERS, False).shape[0]
    letters = rng.integers(1, LETTERS, (rows, TIME, WORD_LENGTH), dtype=np.int32)
    lengths = rng.integers(0, WORD_LENGTH + 1, (rows, TIME))
    letters[np.arange(WORD_LENGTH)[None, None, :] >= lengths[:, :, None]] = 0
    letters[:, 2, 1] = 0
    letters[::3, -2:] = 0
    return letters


def character_cases():
    """Words beside their letters: each word's letters are a sequence with a mask of its own, and a word is
    valid when either branch says so."""
    branches = {
        "lstm": ("TimeDistributed(LSTM(3))", 3, recurrence_shapes("LSTM", "time_distributed", LETTER_WIDTH, 3, {}),
                 lambda p, e, mask: recur("LSTM", p, "time_distributed", e, mask)),
        "mean": ("TimeDistributed(GlobalAveragePooling1D())", LETTER_WIDTH, {},
                 lambda p, e, mask: average_pool(e, mask)),
    }
    for name, (layer, width, shapes, encode) in branches.items():
        def forward(p, x, encode=encode):
            import torch
            e, mask = embed(p, x["words"], True)
            letters = x["letters"]
            flat = letters.reshape(-1, WORD_LENGTH)
            spelled = encode(p, p["embedding_1/embeddings"][flat], flat != 0).reshape(*letters.shape[:2], -1)
            mask = mask | (letters != 0).any(dim=2)
            h = recur("GRU", p, "gru", torch.cat([e, spelled], dim=-1), mask, sequences=True)
            return {"tags": (dense(p, "time_distributed_1", h, softmax), mask)}

        case("letters_" + name,
             source=f"""
  input words: int[time]
  input letters: int[time, {WORD_LENGTH}]
  word = words -> {embedding_call(True)}
  spelled = letters -> Embedding({LETTERS}, {LETTER_WIDTH}, mask_zero = true) -> {layer}
  output tags = Concatenate()(word, spelled)
    -> GRU(4, return_sequences = true)
    -> TimeDistributed(Dense(5, activation = softmax))""",
             shapes={**table_shape("embedding", WORDS, WIDTH), **table_shape("embedding_1", LETTERS, LETTER_WIDTH),
                     **shapes, **recurrence_shapes("GRU", "gru", WIDTH + width, 4, {}),
                     **dense_shapes("time_distributed_1", 4, 5)},
             inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True), "letters": letters_of},
             forward=forward, losses={"tags": "sparse_categorical_crossentropy"})


def stacked_cases():
    for masked in (False, True):
        suffix = "_masked" if masked else ""

        def two(p, x, masked=masked):
            e, mask = embed(p, x["words"], masked)
            h = recur("LSTM", p, "lstm", e, mask, sequences=True)
            h = recur("GRU", p, "gru", h, mask)
            return {"label": (dense(p, "dense", h, softmax), None)}

        case("stacked" + suffix,
             source=f"""
  input words: int[time]
  output label = words
    -> {embedding_call(masked)}
    -> LSTM(5, return_sequences = true) -> GRU(4)
    -> Dense(3, activation = softmax)""",
             shapes={**table_shape("embedding", WORDS, WIDTH), **recurrence_shapes("LSTM", "lstm", WIDTH, 5, {}),
                     **recurrence_shapes("GRU", "gru", 5, 4, {}), **dense_shapes("dense", 4, 3)},
             inputs={"words": lambda rng, masked=masked: ids_of(rng, TIME, WORDS, masked)},
             forward=two, losses={"label": "sparse_categorical_crossentropy"})

        def both_ways(p, x, masked=masked):
            e, mask = embed(p, x["words"], masked)
            h = bidirectional("GRU", p, "bidirectional", e, mask, sequences=True)
            h = recur("GRU", p, "gru_1", h, mask)
            return {"label": (dense(p, "head", h, softmax), None)}

        case("stacked_bidirectional" + suffix,
             source=f"""
  input words: int[time]
  output label = words
    -> {embedding_call(masked)}
    -> Bidirectional(GRU(3, return_sequences = true)) -> GRU(4)
    -> Dense(3, activation = softmax, name = "head")""",
             shapes={**table_shape("embedding", WORDS, WIDTH),
                     **recurrence_shapes("GRU", "bidirectional/forward", WIDTH, 3, {}),
                     **recurrence_shapes("GRU", "bidirectional/backward", WIDTH, 3, {}),
                     **recurrence_shapes("GRU", "gru_1", 6, 4, {}), **dense_shapes("head", 4, 3)},
             inputs={"words": lambda rng, masked=masked: ids_of(rng, TIME, WORDS, masked)},
             forward=both_ways, losses={"label": "sparse_categorical_crossentropy"})


def consumer_cases():
    """What stands at masked steps, seen by layers that look there; pooling over valid steps."""
    def over_states(name, layer, run, width, pool_call, pool, extra_shapes):
        def forward(p, x):
            e, mask = embed(p, x["words"], True)
            return {"label": (dense(p, "dense", pool(run(p, e, mask), mask), softmax), None)}

        case(name,
             source=f"""
  input words: int[{TIME}]
  output label = words
    -> {embedding_call(True)}
    -> {layer} -> {pool_call}
    -> Dense(3, activation = softmax)""",
             shapes={**table_shape("embedding", WORDS, WIDTH), **extra_shapes, **dense_shapes("dense", width, 3)},
             inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)},
             forward=forward, losses={"label": "sparse_categorical_crossentropy"})

    one_way = ("LSTM(4, return_sequences = true)",
               lambda p, e, mask: recur("LSTM", p, "lstm", e, mask, sequences=True))
    one_way_shapes = recurrence_shapes("LSTM", "lstm", WIDTH, 4, {})
    both_ways = ("Bidirectional(GRU(3, return_sequences = true))",
                 lambda p, e, mask: bidirectional("GRU", p, "bidirectional", e, mask, sequences=True))
    both_shapes = {**recurrence_shapes("GRU", "bidirectional/forward", WIDTH, 3, {}),
                   **recurrence_shapes("GRU", "bidirectional/backward", WIDTH, 3, {})}
    average = ("GlobalAveragePooling1D()", average_pool)
    largest = ("GlobalMaxPooling1D()", lambda x, mask: x.amax(dim=1))
    flat = ("Flatten()", lambda x, mask: x.reshape(x.shape[0], -1))
    over_states("lstm_average_masked", *one_way, 4, *average, one_way_shapes)
    over_states("lstm_max_masked", *one_way, 4, *largest, one_way_shapes)
    over_states("lstm_flatten_masked", *one_way, 4 * TIME, *flat, one_way_shapes)
    over_states("bidirectional_average_masked", *both_ways, 6, *average, both_shapes)
    over_states("bidirectional_max_masked", *both_ways, 6, *largest, both_shapes)
    over_states("bidirectional_flatten_masked", *both_ways, 6 * TIME, *flat, both_shapes)


def one_hot_cases():
    for masked in (False, True):
        suffix = "_masked" if masked else ""
        layer = f"OneHot({WORDS}{', mask_zero = true' if masked else ''})"

        def encode(p, words, masked):
            x = one_hot(words, WORDS, p["dense/kernel"].dtype)
            return x, (words != 0 if masked else None)

        def lstm(p, x, masked=masked):
            e, mask = encode(p, x["words"], masked)
            return {"label": (dense(p, "dense", bidirectional("LSTM", p, "bidirectional", e, mask), softmax), None)}

        case("one_hot_lstm" + suffix,
             source=f"""
  input words: int[time]
  output label = words -> {layer} -> Bidirectional(LSTM(4)) -> Dense(3, activation = softmax)""",
             shapes={**recurrence_shapes("LSTM", "bidirectional/forward", WORDS, 4, {}),
                     **recurrence_shapes("LSTM", "bidirectional/backward", WORDS, 4, {}),
                     **dense_shapes("dense", 8, 3)},
             inputs={"words": lambda rng, masked=masked: ids_of(rng, TIME, WORDS, masked)},
             forward=lstm, losses={"label": "sparse_categorical_crossentropy"})

        def bag(p, x, masked=masked):
            e, mask = encode(p, x["words"], masked)
            return {"label": (dense(p, "dense", average_pool(e, mask), softmax), None)}

        case("one_hot_average" + suffix,
             source=f"""
  input words: int[time]
  output label = words -> {layer} -> GlobalAveragePooling1D() -> Dense(3, activation = softmax)""",
             shapes=dense_shapes("dense", WORDS, 3),
             inputs={"words": lambda rng, masked=masked: ids_of(rng, TIME, WORDS, masked)},
             forward=bag, losses={"label": "sparse_categorical_crossentropy"})


def option_cases():
    """Arguments of recurrences: no bias, another activation, from the end to the start, float inputs."""
    import torch

    def last_of(kind, prefix, **options):
        def forward(p, x):
            e, mask = embed(p, x["words"], True)
            return {"state": (recur(kind, p, prefix, e, mask, **options), None)}
        return forward

    for name, layer, kind, shape_options, run_options in (
            ("lstm_no_bias_masked", "LSTM(5, use_bias = false)", "LSTM", {"use_bias": False}, {}),
            ("gru_no_bias_masked", "GRU(5, use_bias = false)", "GRU", {"use_bias": False}, {}),
            ("simple_rnn_relu_masked", "SimpleRNN(5, activation = relu)", "SimpleRNN", {}, {"activation": torch.relu}),
            ("lstm_backwards_masked", "LSTM(5, go_backwards = true)", "LSTM", {}, {"backwards": True})):
        prefix = prefix_of(kind)
        case(name,
             source=f"""
  input words: int[time]
  output state = words -> {embedding_call(True)} -> {layer}""",
             shapes={**table_shape("embedding", WORDS, WIDTH),
                     **recurrence_shapes(kind, prefix, WIDTH, 5, shape_options)},
             inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)},
             forward=last_of(kind, prefix, **run_options), losses={"state": "mse"})

    def floats(p, x):
        h = recur("SimpleRNN", p, "simple_rnn", x["words"], None, sequences=True)
        return {"sentence": (recur("SimpleRNN", p, "simple_rnn_1", h, None), None),
                "entities": (dense(p, "time_distributed", h, softmax), None)}

    case("groot",
         source="""
  input words: float[3, 2]
  h = SimpleRNN(4, return_sequences = true)(words)
  output sentence = SimpleRNN(4)(h)
  output entities = TimeDistributed(Dense(4, activation = softmax))(h)""",
         shapes={**recurrence_shapes("SimpleRNN", "simple_rnn", 2, 4, {}),
                 **recurrence_shapes("SimpleRNN", "simple_rnn_1", 4, 4, {}),
                 **dense_shapes("time_distributed", 4, 4)},
         inputs={"words": lambda rng: rng.uniform(-1, 1, (24, 3, 2)).astype(np.float32).astype(np.float64)},
         forward=floats, losses={"sentence": "mse", "entities": "sparse_categorical_crossentropy"})


def all_sequence_cases():
    recurrent_cases()
    mask_corner_cases()
    tagger_cases()
    character_cases()
    stacked_cases()
    consumer_cases()
    one_hot_cases()
    option_cases()
