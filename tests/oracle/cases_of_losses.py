"""Losses beyond cross-entropy and mse, by PyTorch's own functions where it has them, else written out."""
import numpy as np
import torch
import torch.nn.functional as F

from cases import ROWS, case, dense_shapes, ids_of, recurrence_shapes, table_shape
from keras_rules import dense, recur, softmax

WORDS, TIME, WIDTH = 12, 7, 5


def floats_of(*shape):
    return lambda rng: rng.uniform(-1, 1, (ROWS, *shape)).astype(np.float32).astype(np.float64)


# ---- targets: functions of a generator and the output's shape ----

def numbers(rng, shape):
    return rng.uniform(-2, 2, shape).astype(np.float32).astype(np.float64)


def positive(rng, shape):
    return rng.uniform(0.25, 3, shape).astype(np.float32).astype(np.float64)


def small_counts(rng, shape):
    return rng.integers(0, 5, shape).astype(np.float64)


def flags(rng, shape):
    return rng.integers(0, 2, shape).astype(np.float64)


def signs(rng, shape):
    return 2 * flags(rng, shape) - 1


def one_hot(rng, shape):
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


def shares(rng, shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def classes(rng, shape):
    return rng.integers(0, shape[-1], shape[:-1], dtype=np.int64)


def classes_and_gaps(rng, shape):
    drawn = classes(rng, shape)
    return np.where(rng.random(drawn.shape) < 0.3, -1, drawn)


# ---- one number a row ----

def rowwise(function, **options):
    return lambda p, y: function(p, y, reduction="none", **options).mean(dim=-1)


def binary_focal(p, y):
    y = y * 0.9 + 0.05
    right = y * p + (1 - y) * (1 - p)
    weight = 0.3 * y + 0.7 * (1 - y)
    return (weight * (1 - right) ** 2 * F.binary_cross_entropy(p, y, reduction="none")).mean(dim=-1)


def categorical_focal(p, y):
    y = y * 0.8 + 0.2 / y.shape[-1]
    return -(0.25 * (1 - p) ** 1.5 * y * p.log()).sum(dim=-1)


def categorical_focal_of_logits(z, y):
    log_p = F.log_softmax(z, dim=-1)
    return -(0.25 * (1 - log_p.exp()) ** 2 * y * log_p).sum(dim=-1)


def categorical_hinge(p, y):
    return (((1 - y) * p).amax(dim=-1) - (y * p).sum(dim=-1) + 1).clamp(min=0)


def dice(p, y):
    return 1 - 2 * (p * y).sum() / (p.sum() + y.sum() + 1e-7)


def tversky(p, y):
    both, found, missed = (p * y).sum(), (p * (1 - y)).sum(), ((1 - p) * y).sum()
    return 1 - both / (both + 0.3 * found + 0.8 * missed + 1e-7)


def generalized(p, y):
    return (1 - p.gather(-1, y.unsqueeze(-1)).squeeze(-1) ** 0.7) / 0.7


def smoothed_binary(p, y):
    return F.binary_cross_entropy(p, y * 0.8 + 0.1, reduction="none").mean(dim=-1)


def smoothed_categorical_of_logits(z, y):
    rows = F.cross_entropy(z.flatten(0, -2), y.flatten(0, -2), reduction="none", label_smoothing=0.1)
    return rows.reshape(z.shape[:-1])


LOSSES = {
    # case: (loss as written, activation as written, activation, targets, function)
    "mae": ("mae", "linear", None, numbers, rowwise(F.l1_loss)),
    "mape": ("mean_absolute_percentage_error", "linear", None, positive, lambda p, y: 100 * ((p - y) / y).abs().mean(-1)),
    "msle": ("msle", "softplus", F.softplus, positive, lambda p, y: (p.log1p() - y.log1p()).square().mean(-1)),
    "huber": ("Huber(delta = 0.5)", "linear", None, numbers, rowwise(F.huber_loss, delta=0.5)),
    "log_cosh": ("log_cosh", "linear", None, numbers, lambda p, y: (p - y).cosh().log().mean(-1)),
    "hinge": ("hinge", "tanh", torch.tanh, signs, lambda p, y: (1 - y * p).clamp(min=0).mean(-1)),
    "hinge_of_flags": ("Hinge()", "tanh", torch.tanh, flags, lambda p, y: (1 - (2 * y - 1) * p).clamp(min=0).mean(-1)),
    "squared_hinge": ("squared_hinge", "tanh", torch.tanh, signs,
                      lambda p, y: (1 - y * p).clamp(min=0).square().mean(-1)),
    "categorical_hinge": ("categorical_hinge", "linear", None, one_hot, categorical_hinge),
    "kl_divergence": ("kl_divergence", "softmax", softmax, shares,
                      lambda p, y: F.kl_div(p.log(), y, reduction="none").sum(-1)),
    "poisson": ("poisson", "softplus", F.softplus, small_counts,
                rowwise(F.poisson_nll_loss, log_input=False, eps=1e-7)),
    "cosine_similarity": ("cosine_similarity", "linear", None, numbers,
                          lambda p, y: -F.cosine_similarity(p, y, dim=-1)),
    "binary_focal": ("BinaryFocalCrossentropy(apply_class_balancing = true, alpha = 0.3, label_smoothing = 0.1)",
                     "sigmoid", torch.sigmoid, flags, binary_focal),
    "categorical_focal": ("CategoricalFocalCrossentropy(gamma = 1.5, label_smoothing = 0.2)", "softmax", softmax,
                          one_hot, categorical_focal),
    "categorical_focal_logits": ("CategoricalFocalCrossentropy(from_logits = true)", "linear", None, one_hot,
                                 categorical_focal_of_logits),
    "generalized": ("CategoricalGeneralizedCrossEntropy(q = 0.7)", "softmax", softmax, classes, generalized),
    "binary_smoothed": ("BinaryCrossentropy(label_smoothing = 0.2)", "sigmoid", torch.sigmoid, flags, smoothed_binary),
    "binary_of_softmax": ("BCE", "softmax", softmax, flags, rowwise(F.binary_cross_entropy)),
    "binary_logits": ("BinaryCrossentropy(from_logits = true)", "linear", None, flags,
                      rowwise(F.binary_cross_entropy_with_logits)),
    "categorical_smoothed_logits": ("CategoricalCrossentropy(from_logits = true, label_smoothing = 0.1)", "linear",
                                    None, one_hot, smoothed_categorical_of_logits),
    "dice": ("dice", "sigmoid", torch.sigmoid, flags, dice),
    "tversky": ("Tversky(alpha = 0.3, beta = 0.8)", "sigmoid", torch.sigmoid, flags, tversky),
}


def plain_cases():
    for name, (loss, spelled, activation, targets, function) in LOSSES.items():
        def forward(p, x, activation=activation):
            return {"y": (dense(p, "dense", x["x"], activation), None)}

        case("loss_" + name,
             source=f"""
  input x: float[6]
  output y = x -> Dense(4, activation = {spelled})""",
             shapes=dense_shapes("dense", 6, 4), inputs={"x": floats_of(6)}, forward=forward,
             losses={"y": loss}, targets={"y": targets}, loss_functions={"y": function})


def masked_cases():
    def masked(name, loss, spelled, activation, targets, function, loss_mask=None):
        def forward(p, x):
            ids = x["words"]
            return {"tags": (dense(p, "dense", p["embedding/embeddings"][ids], activation), ids != 0)}

        case("loss_" + name,
             source=f"""
  input words: int[time]
  output tags = words -> Embedding({WORDS}, {WIDTH}, mask_zero = true) -> Dense(4, activation = {spelled})""",
             shapes={**table_shape("embedding", WORDS, WIDTH), **dense_shapes("dense", WIDTH, 4)},
             inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)}, forward=forward,
             losses={"tags": loss}, targets={"tags": targets}, loss_functions={"tags": function},
             loss_masks={"tags": loss_mask} if loss_mask else {})

    masked("huber_masked", "huber", "linear", None, numbers, rowwise(F.huber_loss))
    masked("cosine_masked", "CosineSimilarity()", "linear", None, numbers, lambda p, y: -F.cosine_similarity(p, y, dim=-1))

    def sparse(p, y):
        return F.nll_loss(p.log().transpose(1, 2), y, ignore_index=-1, reduction="none")

    masked("ignored_class_masked", "SparseCategoricalCrossentropy(ignore_class = -1)", "softmax", softmax,
           classes_and_gaps, sparse, lambda y: y != -1)


def masked_together_case():
    """Every loss that is taken row by row, one output for each. Their scales differ: those of mape are hundreds."""
    used = {n: rule for n, rule in LOSSES.items() if n not in ("dice", "tversky")}

    def forward(p, x):
        mask = x["words"] != 0
        e = p["embedding/embeddings"][x["words"]]
        return {n: (dense(p, "dense" + (f"_{k}" if k else ""), e, activation), mask)
                for k, (n, (_, _, activation, _, _)) in enumerate(used.items())}

    outputs = "\n".join(f"  output {n} = e -> Dense(4, activation = {rule[1]})" for n, rule in used.items())
    shapes = table_shape("embedding", WORDS, WIDTH)
    for k in range(len(used)):
        shapes.update(dense_shapes("dense" + (f"_{k}" if k else ""), WIDTH, 4))
    case("losses_masked",
         source=f"""
  input words: int[time]
  e = words -> Embedding({WORDS}, {WIDTH}, mask_zero = true)
{outputs}""",
         shapes=shapes, inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)}, forward=forward,
         losses={n: rule[0] for n, rule in used.items()}, targets={n: rule[3] for n, rule in used.items()},
         loss_functions={n: rule[4] for n, rule in used.items()}, loss_weights={"mape": 0.01})


LABELS = 3


def label_rows(rng, shape):
    """Rows of 0 to LABELS labels, repeats among them (which need a blank between)."""
    rows = np.zeros((shape[0], LABELS), dtype=np.int64)
    for row in rows:
        n = rng.integers(0, LABELS + 1)
        row[:n] = rng.integers(1, shape[-1], n)
    rows[1] = [2, 2, 1]
    return rows


def ctc_cases():
    """Without and with a mask (rows without a valid step, and with too few of them for their labels), from logits and
    from a softmax, with weights of rows."""
    def logits(p, x):
        return {"y": (dense(p, "dense", x["x"]), None)}

    case("loss_ctc", source="""
  input x: float[time, 4]
  output y = x -> Dense(4)""", shapes=dense_shapes("dense", 4, 4), inputs={"x": floats_of(6, 4)}, forward=logits,
         losses={"y": f"CTC(max_labels = {LABELS})"}, targets={"y": label_rows},
         sample_weights={"y": lambda rng: rng.uniform(0, 2, ROWS).astype(np.float32)})

    def masked(p, x):
        ids = x["words"]
        h = recur("GRU", p, "gru", p["embedding/embeddings"][ids], ids != 0, sequences=True)
        return {"tags": (dense(p, "dense", h), ids != 0)}

    case("loss_ctc_masked", source=f"""
  input words: int[time]
  output tags = words -> Embedding({WORDS}, {WIDTH}, mask_zero = true)
    -> GRU(4, return_sequences = true) -> Dense(5)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **recurrence_shapes("GRU", "gru", WIDTH, 4, {}),
                 **dense_shapes("dense", 4, 5)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)}, forward=masked, losses={"tags": f"CTC(max_labels = {LABELS})"},
         targets={"tags": label_rows})


def all_loss_cases():
    ctc_cases()
    plain_cases()
    masked_cases()
    masked_together_case()
