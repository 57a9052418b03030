"""The workloads W1 to W8: their inputs, made from seeds; what they cost at least; what they are measured against.

Legend: B batch (32), T steps of a padded batch, V its real tokens, D its distinct ids. Reviews have lognormal lengths
(mean about 233 words, 5 % over 600 and cut there) and ids by Zipf's law (0 padding, 1 unknown).
"""
from dataclasses import dataclass, field

import numpy as np

BATCH, BATCHES, SINGLES = 32, 16, 64
LOG_MEAN, LOG_DEVIATION = 5.175, 0.743


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    vocabulary: int = 20_000
    steps: int = 600  # T
    single_steps: int = 233  # length of the inputs that are predicted one at a time
    log_mean: float = LOG_MEAN
    log_deviation: float = LOG_DEVIATION
    classes: int = 2
    per_token: bool = False  # a class for each token
    masked: bool = False
    has_dropout: bool = False
    seed: int = 1
    input: str = "words"
    # What PyTorch is run with. The best of a peer's variants counts; `_dense` and `_sparse` say how the gradient of
    # the embedding is kept.
    train_variants: tuple = ("dense", "sparse")
    predict_variants: tuple = ("plain",)
    padded_widths: tuple = ()  # nlm alone: the same reviews cut at 300 words, padded to these widths


WORKLOADS = {w.name: w for w in (
    Workload("w1", "Embedding, Bidirectional(LSTM(32)), masked", masked=True, has_dropout=True,
             train_variants=("packed_dense", "packed_sparse", "bucketed_dense", "bucketed_sparse"),
             predict_variants=("packed",), padded_widths=(300, 600, 1200)),
    Workload("w2", "OneHot, Bidirectional(LSTM(32)), unmasked", has_dropout=True, train_variants=("dense",)),
    Workload("w3", "Embedding, mean, two Dense, masked", masked=True, train_variants=("bag_dense", "bag_sparse"),
             predict_variants=("bag",)),
    Workload("w4", "tagger: Embedding, Bidirectional(LSTM(64)), masked", steps=50, single_steps=20, log_mean=3.0,
             log_deviation=0.5, classes=17, per_token=True, masked=True, seed=2, predict_variants=("packed",),
             train_variants=("packed_dense", "packed_sparse")),
    Workload("w5", "Embedding, Conv1D(128, 5), max", steps=200, single_steps=200,
             train_variants=("conv_dense", "conv_sparse", "unfold_dense", "unfold_sparse"),
             predict_variants=("conv", "unfold")),
    Workload("w6", "two Conv2D(64, 3) on 28 x 28", steps=28, single_steps=28, classes=10, seed=3, input="image",
             train_variants=("plain", "channels_last"), predict_variants=("plain", "channels_last")),
    Workload("w7", "Embedding, GRU(128), GRU(128)", vocabulary=5_000, steps=100, single_steps=100, log_mean=4.2,
             log_deviation=0.6, classes=4, seed=4, train_variants=("dense",)),
    Workload("w8", "Transformer encoder, width 256, two heads", steps=200, single_steps=200, has_dropout=True,
             train_variants=("dense",)),
)}

# What nlm is meant to reach on two threads: (workload, phase) -> {peer: times as fast}. Peers as in results.
GOALS = {
    ("w1", "train"): {"torch packed": 20, "torch bucketed": 7},
    ("w1", "predict1"): {"onnxruntime": 4, "torch": 40},
    ("w1", "predict32"): {"onnxruntime": 7, "torch": 7},
    ("w2", "train"): {"torch": 200},
    ("w2", "predict1"): {"onnxruntime": 200, "torch": 200},
    ("w3", "train"): {"torch": 6, "fasttext": 2},
    ("w3", "predict1"): {"torch": 3, "onnxruntime": 3},
    ("w3", "predict32"): {"torch": 2, "onnxruntime": 2},
    ("w4", "train"): {"torch": 6},
    ("w4", "predict32"): {"onnxruntime": 2.3},
    ("w4", "predict1"): {"onnxruntime": 2.5},
    ("w5", "train"): {"torch": 6},
    ("w5", "predict32"): {"onnxruntime": 2.5, "torch": 2.5},
    ("w6", "train"): {"torch": 1.6},
    ("w6", "predict32"): {"onnxruntime": 1},
    ("w6", "predict1"): {"onnxruntime": 1.2},
    ("w7", "train"): {"torch": 2.8},
    ("w7", "predict32"): {"onnxruntime": 1.7},
    ("w7", "predict1"): {"onnxruntime": 2},
    ("w8", "train"): {"torch": 1.8},
    ("w8", "predict32"): {"onnxruntime": 1.8, "torch": 1.8},
    ("w8", "predict1"): {"onnxruntime": 1.3},
}
PHASES = ("train", "predict32", "predict1")


# ---- inputs

def zipf_ids(rng, count, vocabulary):
    """Ids 2 .. vocabulary - 1; the r-th of them has a share proportional to 1 / r."""
    cumulative = np.cumsum(1.0 / np.arange(1, vocabulary - 1))
    ranks = np.searchsorted(cumulative / cumulative[-1], rng.random(count))
    return (2 + np.minimum(ranks, vocabulary - 3)).astype(np.int32)


def padded(rows, width):
    table = np.zeros((len(rows), width), np.int32)
    for i, row in enumerate(rows):
        table[i, :min(len(row), width)] = row[:width]
    return table


def review_rows(rng, w, count):
    lengths = np.exp(w.log_mean + w.log_deviation * rng.standard_normal(count)).astype(int)
    return [zipf_ids(rng, n, w.vocabulary) for n in lengths.clip(10, w.steps)]


def make_inputs(w, folder):
    """Writes x.npy and y.npy (BATCHES batches), singles.npy (SINGLES inputs, one a call), padded_<T>.npy."""
    rng = np.random.default_rng(w.seed)
    rows = BATCH * BATCHES
    if w.input == "image":
        np.save(folder / "x.npy", rng.random((rows, 28, 28, 1), dtype=np.float32))
        np.save(folder / "singles.npy", rng.random((SINGLES, 28, 28, 1), dtype=np.float32))
        np.save(folder / "y.npy", rng.integers(0, w.classes, rows).astype(np.int32))
        return
    texts = review_rows(rng, w, rows)
    np.save(folder / "x.npy", padded(texts, w.steps))
    if w.per_token:
        tags = [rng.integers(0, w.classes, len(t)).astype(np.int32) for t in texts]
        np.save(folder / "y.npy", padded(tags, w.steps))
    else:
        y = rng.integers(0, w.classes, rows)
        np.save(folder / "y.npy", y.astype(np.float32 if w.classes == 2 else np.int32))
    singles = zipf_ids(rng, SINGLES * w.single_steps, w.vocabulary).reshape(SINGLES, w.single_steps)
    np.save(folder / "singles.npy", singles)
    for width in w.padded_widths:
        np.save(folder / f"padded_{width}.npy", padded([t[:300] for t in texts], width))


def fasttext_corpus(w, path, reviews):
    """The same kind of reviews as lines of words for fastText; returns the number of words."""
    rng = np.random.default_rng(w.seed + 100)
    texts = review_rows(rng, w, reviews)
    with open(path, "w", encoding="ascii") as out:
        for text in texts:
            out.write(f"__label__{rng.integers(0, 2)} " + " ".join(f"w{i}" for i in text) + "\n")
    return sum(len(text) for text in texts)


# ---- what a step costs at least

@dataclass(frozen=True)
class Shape:
    """Means over the calls of a phase."""
    batch: int
    rows: float  # padded tokens
    tokens: float  # real ones
    distinct: float
    squares: float = field(default=0.0)  # batch * T^2


def shape_of(w, x, batch):
    calls = [x[i:i + batch] for i in range(0, len(x), batch)]
    if w.input == "image":
        return Shape(batch, 0, 0, 0)
    return Shape(batch, batch * x.shape[1], float(np.mean([(c != 0).sum() for c in calls])),
                 float(np.mean([len(np.unique(c)) for c in calls])), batch * x.shape[1] ** 2)


def product(rows, inner, columns):
    return 2.0 * rows * inner * columns


def least_cost(w, phase, s):
    """(FLOP, bytes of memory) of the cheapest algorithm known, without elementary functions. Training: a product with
    embedded words is taken once for each distinct id, forward and twice backward; the optimizer reads and writes the
    rows that the batch touched. Prediction: a table times a kernel is folded into one table beforehand."""
    train = phase == "train"
    times = 3 if train else 1
    real, d, v, b = 4, s.distinct, s.tokens, s.batch
    if w.name in ("w1", "w2"):
        tokens = v if w.masked else s.rows
        flop = 2 * product(tokens, 32, 128) + product(b, 64, 1)
        flop += product(d, 256, 256) if train and w.name == "w1" else 0
        return times * flop, d * 256 * real * (5 if train else 1)
    if w.name == "w3":
        return times * (v * 256 + product(b, 256, 16)), d * 256 * real * (5 if train else 1)
    if w.name == "w4":
        flop = 2 * product(v, 64, 256) + product(v, 128, 17)
        flop += product(d, 128, 512) if train else 0
        return times * flop, d * real * (128 * 7 if train else 512)
    if w.name == "w5":  # the largest of each channel alone has a gradient
        flop = product(d, 128, 640) + (2 * product(b * 128, 640, 1) if train else 0)
        return flop, d * 128 * real * (7 if train else 1)
    if w.name == "w6":
        first, rest = product(b * 26 * 26, 9, 64), product(b * 121, 576, 64) + product(b, 1600, 64)
        return (2 * first + 3 * rest if train else first + rest), b * 784 * real
    if w.name == "w7":
        flop = product(s.rows, 128, 384) * 3 + (product(d, 64, 384) if train else 0)
        return times * flop, d * real * (64 * 7 if train else 384)
    flop = product(d + w.steps, 256, 1536) + 4.0 * s.squares * 512 + product(s.rows, 512, 256)
    flop += 2 * product(s.rows, 256, 32)
    return times * flop, d * 256 * real * (7 if train else 1)
