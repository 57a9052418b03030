"""Models trained with every optimizer beside SGD, RMSprop and Adam, and with the arguments that all of them share.

The rules are those of optimizer_steps.py, one for each weight."""
import math

import torch

import optimizer_steps
from cases import case, dense_shapes, ids_of, recurrence_shapes, table_shape
from keras_rules import average_pool, bidirectional, dense, softmax
from optimizer_steps import COMMON

WORDS, TIME, WIDTH = 12, 7, 5
RATE = 0.005
ADAM = dict(beta_1=0.8, beta_2=0.99, epsilon=1e-4, amsgrad=0)
FTRL = dict(learning_rate_power=-0.5, initial_accumulator_value=0.1, l1_regularization_strength=0.01,
            l2_regularization_strength=0.02, l2_shrinkage_regularization_strength=0.03, beta=0.5)
MUON = dict(muon_a=3.4445, muon_b=-4.775, muon_c=2.0315, momentum=0.95, ns_steps=5, nesterov=1, rms_rate=0.2)


class Trainer:
    """What Keras's base class does around the rules: decay, clipping, averages, sums over batches, schedules."""

    def __init__(self, rule_of, rate=RATE, decay_of=None, schedule=None, **common):
        self.rule_of, self.rate, self.schedule = rule_of, rate, schedule
        self.common = dict.fromkeys(COMMON, 0)
        self.common.update(common)
        self.decay_of = decay_of or (lambda name, shape: self.common["weight_decay"])
        self.rules, self.sums, self.averages, self.calls = {}, {}, {}, 0

    def rule(self, name, w):
        if name not in self.rules:
            self.rules[name] = self.rule_of(name, w.shape)
            self.rules[name].build(w)
        return self.rules[name]

    def clipped(self, gradients):
        c = self.common
        if not c["global_clipnorm"]:
            return {n: optimizer_steps.clip(g, c) for n, g in gradients.items()}
        norm = math.sqrt(sum(float(g.square().sum()) for g in gradients.values()))
        return {n: g * (c["global_clipnorm"] * min(1 / norm, 1 / c["global_clipnorm"])) for n, g in gradients.items()}

    def __call__(self, weights, gradients):
        c, every = self.common, self.common["gradient_accumulation_steps"] or 1
        iterations = self.calls // every
        rate = self.schedule(self.calls) if self.schedule else self.rate
        self.calls += 1
        for n, g in gradients.items():
            self.sums[n] = self.sums.get(n, 0) + g
        if self.calls % every == 0:
            for n, g in self.clipped({n: g / every for n, g in self.sums.items()}).items():
                w = weights[n] - weights[n] * self.decay_of(n, g.shape) * rate
                weights[n] = self.rule(n, w).step(w, g, iterations + 1, rate)
            self.sums = {}
        kept = c["ema_momentum"] if iterations else 0.0
        for n in gradients if c["use_ema"] else ():
            self.averages[n] = kept * self.averages.get(n, 0) + (1 - kept) * weights[n]
            if c["ema_overwrite_frequency"] and (iterations + 1) % c["ema_overwrite_frequency"] == 0:
                weights[n] = self.averages[n]

    def finish(self, weights):
        weights.update(self.averages)


def plain(rule, own, **options):
    return lambda: Trainer(lambda name, shape: rule(**own), **options)


def written(name, args):
    text = ", ".join(f"{k} = {str(bool(v)).lower() if k in FLAGS else f'{v:g}'}" for k, v in args.items())
    return f"{name}({text})"


FLAGS = ("amsgrad", "nesterov", "centered", "use_ema", "relative_step", "exclude_embeddings")


def given(name, rule, own, rate=RATE, **common):
    return written(name, {"learning_rate": rate, **own, **common}), plain(rule, own, rate=rate, **common)


def muon(own, words, rate=RATE, weight_decay=0.2, adam_weight_decay=0.3, adam_lr_ratio=0.5, embeddings=True, **common):
    """Matrices take Muon's rule, but for embeddings and weights with one of the words in their names."""
    def is_matrix(name, shape):
        return len(shape) == 2 and not (embeddings and "embedding" in name) and not any(w in name for w in words)

    class OfAdam(optimizer_steps.Adam):
        def step(self, w, g, t, lr):
            return super().step(w, g, t, lr * adam_lr_ratio)

    def rule_of(name, shape):
        return optimizer_steps.Muon(**own) if is_matrix(name, shape) else OfAdam(**ADAM)

    args = {"learning_rate": rate, "adam_beta_1": ADAM["beta_1"], "adam_beta_2": ADAM["beta_2"],
            "adam_weight_decay": adam_weight_decay, "epsilon": ADAM["epsilon"], "weight_decay": weight_decay,
            "adam_lr_ratio": adam_lr_ratio, "exclude_embeddings": embeddings, **own, **common}
    text = written("Muon", args)
    if words:
        text = text[:-1] + ", exclude_layers = [%s])" % ", ".join(f'"{w}"' for w in words)
    return text, lambda: Trainer(rule_of, rate, lambda n, s: weight_decay if is_matrix(n, s) else adam_weight_decay, **common)


def cosine(step):
    """CosineDecay(0.002, decay_steps = 15, alpha = 0.1, warmup_target = 0.01, warmup_steps = 8)"""
    if step < 8:
        return 0.002 + (0.01 - 0.002) * step / 8
    share = min(step - 8, 15) / 15
    return 0.01 * (0.9 * 0.5 * (1 + math.cos(math.pi * share)) + 0.1)


def staircase(step):
    """ExponentialDecay(0.01, decay_steps = 7, decay_rate = 0.5, staircase = true)"""
    return 0.01 * 0.5 ** (step // 7)


def beyond():
    o = optimizer_steps
    return {
        "adamw": given("AdamW", o.Adam, ADAM, weight_decay=0.2),
        "amsgrad": given("Adam", o.Adam, dict(ADAM, amsgrad=1)),
        "adagrad": given("Adagrad", o.Adagrad, dict(initial_accumulator_value=0.05, epsilon=1e-4)),
        "adadelta": given("Adadelta", o.Adadelta, dict(rho=0.9, epsilon=1e-3), rate=0.5),
        "adamax": given("Adamax", o.Adamax, dict(beta_1=0.8, beta_2=0.99, epsilon=1e-4)),
        "nadam": given("Nadam", o.Nadam, dict(beta_1=0.8, beta_2=0.99, epsilon=1e-4)),
        "lion": given("Lion", o.Lion, dict(beta_1=0.8, beta_2=0.9), rate=0.001),
        "ftrl": given("Ftrl", o.Ftrl, FTRL, rate=0.05),
        "lamb": given("Lamb", o.Lamb, dict(beta_1=0.8, beta_2=0.99, epsilon=1e-4), weight_decay=0.1),
        "adafactor": given("Adafactor", o.Adafactor, dict(beta_2_decay=-0.6, epsilon_1=1e-5, epsilon_2=1e-2,
                                                          clip_threshold=0.7, relative_step=1), rate=0.02),
        "muon": muon(MUON, ["recurrent"]),
        "sgd_nesterov": given("SGD", o.SGD, dict(momentum=0.9, nesterov=1), clipnorm=0.05),
        "rmsprop_centered": given("RMSprop", o.RMSprop, dict(rho=0.8, momentum=0.5, epsilon=1e-3, centered=1),
                                  clipvalue=0.01),
        "nadam_global": given("Nadam", o.Nadam, dict(beta_1=0.8, beta_2=0.99, epsilon=1e-4), global_clipnorm=0.05,
                              gradient_accumulation_steps=2),
        "adam_average": given("Adam", o.Adam, ADAM, use_ema=1, ema_momentum=0.8, ema_overwrite_frequency=4),
        "adam_cosine": ("Adam(CosineDecay(0.002, decay_steps = 15, alpha = 0.1, warmup_target = 0.01, warmup_steps = 8), "
                        + written("", ADAM)[1:], plain(o.Adam, ADAM, schedule=cosine)),
        "sgd_staircase": ("SGD(ExponentialDecay(0.01, decay_steps = 7, decay_rate = 0.5, staircase = true))",
                          plain(o.SGD, dict(momentum=0, nesterov=0), schedule=staircase)),
    }


def text_case():
    shapes = {**table_shape("embedding", WORDS, WIDTH), **dense_shapes("dense", 6, 3)}
    for side in ("forward", "backward"):
        shapes.update(recurrence_shapes("GRU", "bidirectional/" + side, WIDTH, 3, {}))

    def forward(p, x):
        ids = x["words"]
        h = bidirectional("GRU", p, "bidirectional", p["embedding/embeddings"][ids], ids != 0)
        return {"label": (dense(p, "dense", h, softmax), None)}

    case("optimizers_masked", source=f"""
  input words: int[time]
  output label = words -> Embedding({WORDS}, {WIDTH}, mask_zero = true)
    -> Bidirectional(GRU(3)) -> Dense(3, activation = softmax)""", shapes=shapes,
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)}, forward=forward,
         losses={"label": "sparse_categorical_crossentropy"}, optimizers=beyond())


def convolution_case():
    """A kernel of three axes, matrices wider than tall and taller than wide, a table that is a matrix like others."""
    o = optimizer_steps

    def forward(p, x):
        e = p["embedding/embeddings"][x["words"]]
        h = torch.nn.functional.conv1d(e.transpose(1, 2), p["conv1d/kernel"].permute(2, 1, 0), p["conv1d/bias"])
        h = average_pool(torch.tanh(h.transpose(1, 2)), None)
        return {"y": (dense(p, "dense_1", dense(p, "dense", h, torch.tanh)), None)}

    case("optimizers_of_convolution", source=f"""
  input words: int[{TIME}]
  output y = words -> Embedding({WORDS}, {WIDTH}) -> Conv1D(4, 3, activation = tanh)
    -> GlobalAveragePooling1D() -> Dense(9, activation = tanh) -> Dense(2)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), "conv1d/kernel": (3, WIDTH, 4), "conv1d/bias": (4,),
                 **dense_shapes("dense", 4, 9), **dense_shapes("dense_1", 9, 2)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, False)}, forward=forward, losses={"y": "mse"},
         optimizers={
             "adafactor": given("Adafactor", o.Adafactor, dict(beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3,
                                                               clip_threshold=1, relative_step=0), use_ema=1,
                                ema_momentum=0.8, gradient_accumulation_steps=3),
             "muon": muon(dict(MUON, muon_a=3, muon_b=-4, muon_c=2, momentum=0.8, ns_steps=3, nesterov=0), [],
                          embeddings=False, clipnorm=0.2)})


def all_optimizer_cases():
    text_case()
    convolution_case()
