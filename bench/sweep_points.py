"""The nets of the sweep: one `.nlm` text, one PyTorch module (sweep_worker.py) and one count of FLOP for each family.

A point is a family with its sizes. Around a base point one size is varied at a time, odd values among them, so that a
cliff shows between neighbours. Legend: B batch, T steps, F features, U units, V words of the vocabulary.
"""
from dataclasses import asdict, dataclass, replace

import numpy as np

from workloads import zipf_ids


@dataclass(frozen=True)
class Point:
    family: str
    batch: int = 32
    steps: int = 64
    features: int = 64
    units: int = 64
    vocabulary: int = 20_000

    @property
    def name(self):
        return f"{self.family}_b{self.batch}_t{self.steps}_f{self.features}_u{self.units}_v{self.vocabulary}"

    @property
    def sizes(self):
        return {k: v for k, v in asdict(self).items() if k != "family"}


WORDS = "words -> Embedding({vocabulary}, {features}{mask})"
BODIES = {
    "dense": "x -> Dense({units}, activation = relu) -> Dense({units}, activation = relu)",
    "mean": WORDS + " -> GlobalAveragePooling1D() -> Dense({units}, activation = relu)",
    "lstm": WORDS + " -> LSTM({units})",
    "gru": WORDS + " -> GRU({units})",
    "stack": WORDS + " -> Bidirectional(LSTM({units}, return_sequences = true)) -> LSTM({units})",
    "conv": WORDS + " -> Conv1D({units}, 3, activation = relu) -> GlobalMaxPooling1D()",
    "attention": WORDS + " -> Dense({units}) -> attend -> GlobalAveragePooling1D()",
}
MASKED = ("mean",)
# What is varied, around the base of each family. Reviews of `mean` hold twice the words.
VARIED = {
    "units": (8, 12, 17, 32, 64, 100, 128, 200, 256, 384, 512),
    "features": (16, 31, 64, 128, 300, 512),
    "batch": (1, 2, 3, 8, 17, 32, 64, 128, 256),
    "steps": (1, 7, 33, 64, 101, 256, 400),
    "vocabulary": (1_000, 20_000, 200_000, 1_000_000),
}
FAMILIES = tuple(BODIES)


def takes(family, size):
    return family != "dense" or size in ("units", "features", "batch")


def points(families, sizes):
    """{(family, size): points in ascending order of that size}."""
    return {(f, s): [replace(Point(f), **{s: value}) for value in VARIED[s]]
            for f in families for s in sizes if takes(f, s)}


def source(p):
    body = BODIES[p.family].format(**p.sizes, mask=", mask_zero = true" if p.family in MASKED else "")
    heads = 2 if p.units % 2 == 0 else 1
    if p.family == "attention":
        before, after = body.split(" -> attend -> ")
        body = f"attended -> {after}"
        attended = f"MultiHeadAttention({heads}, key_dim = {p.units // heads})(given, given)"
        first = f"  given = {before}\n  attended = {attended}\n"
    else:
        first = ""
    tensor = f"x: float[{p.features}]" if p.family == "dense" else "words: int[time]"
    return (f"model net {{\n  input {tensor}\n{first}  output y = {body} -> Dense(1, activation = sigmoid)\n}}\n"
            f"train net {{\n  optimizer = Adam(learning_rate = 1e-3)\n  loss = binary_crossentropy\n"
            f"  batch_size = {p.batch}\n}}\n")


def forward_flop(p):
    """Of the sums and products of one batch as Keras states them, without elementary functions."""
    rows, f, u = p.batch * p.steps, p.features, p.units
    return 2.0 * {
        "dense": p.batch * (f * u + u * u + u),
        "mean": rows * f / 2 + p.batch * f * u,
        "lstm": rows * 4 * u * (f + u),
        "gru": rows * 3 * u * (f + u),
        "stack": rows * 4 * u * (2 * (f + u) + 2 * u + u),
        "conv": p.batch * max(p.steps - 2, 1) * 3 * f * u,
        "attention": rows * (f * u + 4 * u * u) + 2.0 * p.batch * p.steps ** 2 * u,
    }[p.family]


def valid(p):
    return p.family != "conv" or p.steps >= 3


def batches_of(p):
    """Batches a pass: enough that one differs from the next, few enough to be quick."""
    return 8 if p.batch <= 32 else 4


def make_inputs(p, folder):
    """x.npy and y.npy: words by Zipf's law, no padding; for `dense`, numbers."""
    rng, rows = np.random.default_rng(7), p.batch * batches_of(p)
    if p.family == "dense":
        np.save(folder / "x.npy", rng.standard_normal((rows, p.features)).astype(np.float32))
    else:
        np.save(folder / "x.npy", zipf_ids(rng, rows * p.steps, p.vocabulary).reshape(rows, p.steps))
    np.save(folder / "y.npy", rng.integers(0, 2, rows).astype(np.float32))
