#!/usr/bin/env python3
"""Steps of every optimizer by Keras's formulas, with PyTorch tensors in double, as a C table.

usage: optimizer_steps.py > tests/runtime/optimizer_steps.inc

A parameter of three numbers takes eight steps (the third number has a zero gradient at some of them). Rules that take a
parameter as a whole see the table that the test puts the numbers into, zeros around them. The rules below
are transcribed from Keras's documentation, one tensor operation after the other, and share nothing with the runtime.
"""
import math

import torch

START = [0.3, -0.7, 1.1]
GRADIENTS = [[0.5, -0.02, 0.0], [-0.2, 0.4, 0.1], [0.1, 0.03, 0.0], [0.0, -0.6, 0.0],
             [0.7, 0.05, -0.3], [-0.1, 0.0, 0.0], [0.02, 0.9, 0.0], [0.3, -0.4, 0.25]]
TABLE, PLACES = (37, 70), [(0, 69), (1, 0), (1, 1)]  # of tests/runtime/test_optimizers.c
COMMON = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum",
          "ema_overwrite_frequency", "gradient_accumulation_steps")


class Rule:
    whole = False

    def __init__(self, **args):
        self.__dict__.update(args)

    def build(self, w):
        for name in self.slots:
            setattr(self, name, torch.full_like(w, self.start(name)))

    def start(self, name):
        return 0.0


class SGD(Rule):
    slots = ["m"]

    def step(self, w, g, t, lr):
        if self.momentum == 0:
            return w - lr * g
        self.m = self.momentum * self.m - lr * g
        return w + (self.momentum * self.m - lr * g if self.nesterov else self.m)


class RMSprop(Rule):
    slots = ["v", "mean", "m"]

    def step(self, w, g, t, lr):
        self.v = self.rho * self.v + (1 - self.rho) * torch.square(g)
        below = self.v + self.epsilon
        if self.centered:
            self.mean = self.rho * self.mean + (1 - self.rho) * g
            below = self.v - torch.square(self.mean) + self.epsilon
        increment = lr * g * torch.rsqrt(below)
        if self.momentum > 0:
            self.m = self.momentum * self.m + increment
            return w - self.m
        return w - increment


class Adam(Rule):
    slots = ["m", "v", "v_hat"]

    def step(self, w, g, t, lr):
        alpha = lr * math.sqrt(1 - self.beta_2 ** t) / (1 - self.beta_1 ** t)
        self.m = self.m + (g - self.m) * (1 - self.beta_1)
        self.v = self.v + (torch.square(g) - self.v) * (1 - self.beta_2)
        v = self.v
        if self.amsgrad:
            self.v_hat = v = torch.maximum(self.v_hat, self.v)
        return w - self.m * alpha / (torch.sqrt(v) + self.epsilon)


class Adagrad(Rule):
    slots = ["a"]

    def start(self, name):
        return self.initial_accumulator_value

    def step(self, w, g, t, lr):
        self.a = self.a + torch.square(g)
        return w - lr * g / torch.sqrt(self.a + self.epsilon)


class Adadelta(Rule):
    slots = ["a", "d"]

    def step(self, w, g, t, lr):
        rms = lambda x: torch.sqrt(x + self.epsilon)
        self.a = self.rho * self.a + (1 - self.rho) * torch.square(g)
        delta = -rms(self.d) * g / rms(self.a)
        self.d = self.rho * self.d + (1 - self.rho) * torch.square(delta)
        return w + lr * delta


class Adamax(Rule):
    slots = ["m", "u"]

    def step(self, w, g, t, lr):
        self.m = self.m + (g - self.m) * (1 - self.beta_1)
        self.u = torch.maximum(self.beta_2 * self.u, torch.abs(g))
        return w - lr * self.m / ((1 - self.beta_1 ** t) * (self.u + self.epsilon))


class Nadam(Rule):
    slots = ["m", "v"]
    product = 1.0

    def step(self, w, g, t, lr):
        u = lambda k: self.beta_1 * (1 - 0.5 * 0.96 ** k)
        self.product *= u(t)
        self.m = self.m + (g - self.m) * (1 - self.beta_1)
        self.v = self.v + (torch.square(g) - self.v) * (1 - self.beta_2)
        m_hat = u(t + 1) * self.m / (1 - self.product * u(t + 1)) + (1 - u(t)) * g / (1 - self.product)
        return w - m_hat * lr / (torch.sqrt(self.v / (1 - self.beta_2 ** t)) + self.epsilon)


class Lion(Rule):
    slots = ["m"]

    def step(self, w, g, t, lr):
        w = w - lr * torch.sign(self.m * self.beta_1 + g * (1 - self.beta_1))
        self.m = self.m * self.beta_2 + g * (1 - self.beta_2)
        return w


class Ftrl(Rule):
    slots = ["n", "z"]

    def start(self, name):
        return self.initial_accumulator_value if name == "n" else 0.0

    def step(self, w, g, t, lr):
        p = -self.learning_rate_power
        l2 = self.l2_regularization_strength + self.beta / (2 * lr)
        shrunk = g + 2 * self.l2_shrinkage_regularization_strength * w
        n = self.n + torch.square(g)
        self.z = self.z + shrunk - (torch.pow(n, p) - torch.pow(self.n, p)) / lr * w
        self.n = n
        l1 = self.l1_regularization_strength
        return (torch.clamp(self.z, -l1, l1) - self.z) / (torch.pow(n, p) / lr + 2 * l2)


class Lamb(Rule):
    slots = ["m", "v"]
    whole = True

    def step(self, w, g, t, lr):
        self.m = self.m + (g - self.m) * (1 - self.beta_1)
        self.v = self.v + (torch.square(g) - self.v) * (1 - self.beta_2)
        update = self.m / (1 - self.beta_1 ** t) / (torch.sqrt(self.v / (1 - self.beta_2 ** t)) + self.epsilon)
        w_norm, u_norm = torch.linalg.norm(w), torch.linalg.norm(update)
        ratio = w_norm / u_norm if w_norm > 0 and u_norm > 0 else 1.0
        return w - ratio * lr * update


class Adafactor(Rule):
    slots = []
    whole = True
    r = c = v = 0.0

    def step(self, w, g, t, lr):
        rms = lambda x: torch.sqrt(torch.mean(torch.square(x)))
        rate = min(lr, 1 / math.sqrt(t)) * max(self.epsilon_2, rms(w))
        kept = 1 - t ** self.beta_2_decay
        squares = torch.square(g) + self.epsilon_1
        if w.dim() >= 2:
            self.r = kept * self.r + (1 - kept) * squares.mean(dim=-1)
            self.c = kept * self.c + (1 - kept) * squares.mean(dim=-2)
            self.v = (self.r / self.r.mean(dim=-1, keepdim=True)).unsqueeze(-1) * self.c.unsqueeze(-2)
        else:
            self.v = kept * self.v + (1 - kept) * squares
        u = g / torch.sqrt(self.v)
        return w - rate * u / max(1.0, rms(u) / self.clip_threshold)


class Muon(Rule):
    """A matrix; other parameters take Adam's steps."""
    slots = ["m"]
    whole = True

    def step(self, w, g, t, lr):
        self.m = g + self.momentum * self.m
        x = g + self.momentum * self.m if self.nesterov else self.m
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (torch.linalg.norm(x) + 1e-7)
        for _ in range(self.ns_steps):
            a = x @ x.T
            x = self.muon_a * x + (self.muon_b * a + self.muon_c * a @ a) @ x
        x = x.T if tall else x
        return w - lr * x * (math.sqrt(max(x.shape)) * self.rms_rate if self.rms_rate else 1)


def clip(g, c):
    if c["clipnorm"]:
        norm = torch.sqrt(torch.sum(torch.square(g)))
        return g * c["clipnorm"] / torch.clamp(norm, min=c["clipnorm"])
    if c["global_clipnorm"]:  # one parameter: its norm is the global one
        norm = torch.sqrt(torch.sum(torch.square(g)))
        return g * (c["global_clipnorm"] * min(1 / norm, 1 / c["global_clipnorm"]))
    if c["clipvalue"]:
        return torch.clamp(g, -c["clipvalue"], c["clipvalue"])
    return g


def train(rule, lr, common):
    c = dict.fromkeys(COMMON, 0)
    c.update(common)
    gradients = torch.tensor(GRADIENTS)
    w = torch.tensor(START)
    if rule.whole:
        w, gradients = table_of(w), torch.stack([table_of(g) for g in gradients])
    rule.build(w)
    average, total, every = torch.zeros_like(w), torch.zeros_like(w), c["gradient_accumulation_steps"] or 1
    for calls, g in enumerate(gradients):
        iterations = calls // every
        total = total + g
        if (calls + 1) % every == 0:
            g = clip(total / every, c)
            total = torch.zeros_like(w)
            w = w - w * c["weight_decay"] * lr
            w = rule.step(w, g, iterations + 1, lr)
        if c["use_ema"]:
            momentum = c["ema_momentum"] if iterations else 0.0
            average = momentum * average + (1 - momentum) * w
            if c["ema_overwrite_frequency"] and (iterations + 1) % c["ema_overwrite_frequency"] == 0:
                w = average
    result = average if c["use_ema"] else w
    return torch.stack([result[place] for place in PLACES]) if rule.whole else result


def table_of(numbers):
    table = torch.zeros(TABLE)
    for place, number in zip(PLACES, numbers):
        table[place] = number
    return table


ADAM = dict(beta_1=0.8, beta_2=0.99, epsilon=1e-3)
CASES = [("sgd", SGD, dict(momentum=0.0, nesterov=0), {}),
         ("sgd", SGD, dict(momentum=0.9, nesterov=0), {}),
         ("sgd", SGD, dict(momentum=0.9, nesterov=1), {}),
         ("rmsprop", RMSprop, dict(rho=0.8, momentum=0.0, epsilon=1e-3, centered=0), {}),
         ("rmsprop", RMSprop, dict(rho=0.8, momentum=0.5, epsilon=1e-3, centered=1), {}),
         ("adam", Adam, dict(ADAM, amsgrad=0), {}),
         ("adam", Adam, dict(ADAM, amsgrad=1), {}),
         ("adamw", Adam, dict(weight_decay=0.2, **ADAM, amsgrad=0), {}),
         ("adagrad", Adagrad, dict(initial_accumulator_value=0.1, epsilon=1e-3), {}),
         ("adadelta", Adadelta, dict(rho=0.9, epsilon=1e-3), {}),
         ("adamax", Adamax, dict(ADAM), {}),
         ("nadam", Nadam, dict(ADAM), {}),
         ("lion", Lion, dict(beta_1=0.8, beta_2=0.9), {}),
         ("ftrl", Ftrl, dict(learning_rate_power=-0.5, initial_accumulator_value=0.1, l1_regularization_strength=0.0,
                             l2_regularization_strength=0.0, l2_shrinkage_regularization_strength=0.0, beta=0.0), {}),
         ("ftrl", Ftrl, dict(learning_rate_power=-0.4, initial_accumulator_value=0.2, l1_regularization_strength=0.05,
                             l2_regularization_strength=0.02, l2_shrinkage_regularization_strength=0.03, beta=0.5), {}),
         ("adam", Adam, dict(ADAM, amsgrad=0), dict(weight_decay=0.3, clipnorm=0.4)),
         ("adagrad", Adagrad, dict(initial_accumulator_value=0.1, epsilon=1e-3), dict(clipvalue=0.15)),
         ("sgd", SGD, dict(momentum=0.9, nesterov=0), dict(global_clipnorm=0.3)),
         ("adam", Adam, dict(ADAM, amsgrad=0), dict(use_ema=1, ema_momentum=0.7)),
         ("rmsprop", RMSprop, dict(rho=0.8, momentum=0.0, epsilon=1e-3, centered=0),
          dict(use_ema=1, ema_momentum=0.7, ema_overwrite_frequency=3)),
         ("adamax", Adamax, dict(ADAM), dict(gradient_accumulation_steps=4)),
         ("nadam", Nadam, dict(ADAM), dict(weight_decay=0.1, global_clipnorm=0.2, use_ema=1, ema_momentum=0.6,
                                           ema_overwrite_frequency=2, gradient_accumulation_steps=2)),
         ("lamb", Lamb, dict(ADAM), {}),
         ("lamb", Lamb, dict(ADAM), dict(weight_decay=0.3, clipnorm=0.4, use_ema=1, ema_momentum=0.7,
                                         gradient_accumulation_steps=2)),
         ("adafactor", Adafactor, dict(beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3, clip_threshold=1.0,
                                       relative_step=1), {}),
         ("adafactor", Adafactor, dict(beta_2_decay=-0.6, epsilon_1=1e-3, epsilon_2=0.1, clip_threshold=0.2,
                                       relative_step=0), dict(weight_decay=0.1, global_clipnorm=0.3))]
MUON = dict(muon_a=3.4445, muon_b=-4.775, muon_c=2.0315, momentum=0.95, ns_steps=5, nesterov=1, rms_rate=0.2)
# momentum and what follows it, weight decay, clipping
MUONS = [(MUON, {}), (dict(MUON, muon_a=3.0, muon_b=-4.0, muon_c=2.0, momentum=0.8, ns_steps=3, nesterov=0, rms_rate=0.0),
                      dict(weight_decay=0.3, clipvalue=0.15))]


def main():
    torch.set_default_dtype(torch.float64)
    print("// Written by tests/oracle/optimizer_steps.py: rule, arguments, the three numbers after eight steps.")
    for name, rule, args, common in CASES:
        lr = 0.05
        own = dict(args)
        common = dict(common)
        if name == "adamw":
            common["weight_decay"] = own.pop("weight_decay")
        w = train(rule(**own), lr, common)
        numbers = [lr] + list(args.values())
        numbers += [common.get(k, 0) for k in COMMON if not (name == "adamw" and k == "weight_decay")]
        print('{"%s", {%s}, {%s}},' % (name, ", ".join(repr(float(x)) for x in numbers),
                                       ", ".join(repr(float(x)) for x in w)))
    for args, common in MUONS:
        w = train(Muon(**args), lr, common)
        numbers = [lr, 0.9, 0.999, 0.5, 1e-7] + [common.get(k, 0) for k in COMMON] + [0, 1]
        numbers += [args["muon_a"], args["muon_b"], args["muon_c"], 1.0]
        numbers += [args["momentum"], args["ns_steps"], args["nesterov"], args["rms_rate"]]
        print('{"muon", {%s}, {%s}},' % (", ".join(repr(float(x)) for x in numbers),
                                         ", ".join(repr(float(x)) for x in w)))


if __name__ == "__main__":
    main()
