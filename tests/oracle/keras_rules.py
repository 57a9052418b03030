"""Keras's rules for recurrences, masks, losses and optimizers, transcribed into plain PyTorch operations.

Shapes: B batch, T time, F features, U units. A mask is a bool tensor (B, T), True = valid, or None.
Parameters live in a dict by their nlm name ("lstm/kernel"). Nothing here uses torch.nn layers or
torch.optim: cross_check.py compares some of it with them.
"""
import torch

import chain_rules


# ---- recurrences: one step maps (x_t (B, F), states) to new states; the first state is the output ----

def simple_rnn_step(p, prefix, x, states, options):
    act = options.get("activation", torch.tanh)
    z = x @ p[prefix + "/kernel"] + states[0] @ p[prefix + "/recurrent_kernel"]
    return [act(z + p.get(prefix + "/bias", 0.0))]


def lstm_step(p, prefix, x, states, options):
    """Gates in the order i, f, c, o."""
    h, c = states
    z = x @ p[prefix + "/kernel"] + h @ p[prefix + "/recurrent_kernel"] + p.get(prefix + "/bias", 0.0)
    i, f, g, o = z.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return [torch.sigmoid(o) * torch.tanh(c), c]


def gru_step(p, prefix, x, states, options):
    """Gates in the order z, r, h; bias (2, 3U) with reset_after (input row, recurrent row), else (3U)."""
    h = states[0]
    units = h.shape[1]
    recurrent = p[prefix + "/recurrent_kernel"]
    bias = p.get(prefix + "/bias")
    xz = x @ p[prefix + "/kernel"]
    if options.get("reset_after", True):
        hz = h @ recurrent
        if bias is not None:
            xz, hz = xz + bias[0], hz + bias[1]
        z = torch.sigmoid(xz[:, :units] + hz[:, :units])
        r = torch.sigmoid(xz[:, units:2 * units] + hz[:, units:2 * units])
        candidate = torch.tanh(xz[:, 2 * units:] + r * hz[:, 2 * units:])
    else:
        if bias is not None:
            xz = xz + bias
        z = torch.sigmoid(xz[:, :units] + h @ recurrent[:, :units])
        r = torch.sigmoid(xz[:, units:2 * units] + h @ recurrent[:, units:2 * units])
        candidate = torch.tanh(xz[:, 2 * units:] + (r * h) @ recurrent[:, 2 * units:])
    return [z * h + (1 - z) * candidate]


STEPS = {"SimpleRNN": (simple_rnn_step, 1), "LSTM": (lstm_step, 2), "GRU": (gru_step, 1)}


def recur(kind, p, prefix, x, mask, sequences=False, backwards=False, zero_output=False, memory=None, **options):
    """(B, T, F) -> (B, U), the last valid output, or (B, T, U) in the order of processing.

    A masked step carries the states; its output repeats the last output (zeros before the first valid
    step), or is zero with zero_output. `memory` (a dict) holds the states between batches, without their gradients."""
    step, state_count = STEPS[kind]
    rows, steps = x.shape[0], x.shape[1]
    units = p[prefix + "/recurrent_kernel"].shape[0]
    states = [x.new_zeros(rows, units) for _ in range(state_count)]
    if memory is not None:
        states = memory.get(prefix, states)
    last = x.new_zeros(rows, units)
    outputs = []
    for t in (reversed(range(steps)) if backwards else range(steps)):
        new = step(p, prefix, x[:, t], states, options)
        if mask is None:
            states, last = new, new[0]
            outputs.append(last)
            continue
        valid = mask[:, t:t + 1]
        states = [torch.where(valid, n, s) for n, s in zip(new, states)]
        last = torch.where(valid, new[0], last)
        outputs.append(torch.where(valid, new[0], torch.zeros_like(last)) if zero_output else last)
    if memory is not None:
        memory[prefix] = [s.detach() for s in states]
    return torch.stack(outputs, dim=1) if sequences else last


def bidirectional(kind, p, prefix, x, mask, sequences=False, **options):
    """merge_mode concat; both directions give zeros at masked steps when they return sequences."""
    forward = recur(kind, p, prefix + "/forward", x, mask, sequences, zero_output=sequences, **options)
    backward = recur(kind, p, prefix + "/backward", x, mask, sequences, backwards=True,
                     zero_output=sequences, **options)
    return torch.cat([forward, backward.flip(1) if sequences else backward], dim=-1)


# ---- other layers ----

def dense(p, prefix, x, activation=None):
    y = x @ p[prefix + "/kernel"]
    if prefix + "/bias" in p:
        y = y + p[prefix + "/bias"]
    return activation(y) if activation else y


def softmax(x):
    return torch.softmax(x, dim=-1)


def average_pool(x, mask):
    """Mean over the valid steps; a row without any gives zeros."""
    if mask is None:
        return x.mean(dim=1)
    weight = mask.to(x.dtype)
    return (x * weight[:, :, None]).sum(dim=1) / weight.sum(dim=1, keepdim=True).clamp(min=1)


def one_hot(ids, depth, dtype):
    return torch.nn.functional.one_hot(ids, depth).to(dtype)


# ---- losses: per element (without the last axis), then the mean over elements or over valid steps ----

SMALLEST = 1e-7


def elementwise_loss(name, prediction, target):
    if name == "mse":
        return (prediction - target).square().mean(dim=-1)
    if name == "binary_crossentropy":
        q = prediction.clamp(SMALLEST, 1 - SMALLEST)
        return -(target * q.log() + (1 - target) * (1 - q).log()).mean(dim=-1)
    q = prediction / prediction.sum(dim=-1, keepdim=True)
    logs = q.clamp(SMALLEST, 1 - SMALLEST).log()
    if name == "categorical_crossentropy":
        return -(target * logs).sum(dim=-1)
    if name == "sparse_categorical_crossentropy":
        return -logs.gather(-1, target.unsqueeze(-1)).squeeze(-1)
    raise ValueError(name)


def masked_mean(values, mask):
    if mask is None:
        return values.mean()
    weight = mask.to(values.dtype)
    return (values * weight).sum() / weight.sum().clamp(min=1)


def ctc(logits, labels, mask):
    """Of each row (B,), by PyTorch's own function: valid steps close up; labels are filled up with 0, the blank. A row
    that has no alignment counts 0."""
    steps = torch.full((logits.shape[0],), logits.shape[1])
    if mask is not None:
        steps = mask.sum(dim=1)
        order = torch.argsort((~mask).to(torch.int64), dim=1, stable=True)
        logits = logits.gather(1, order.unsqueeze(-1).expand_as(logits))
    log_p = torch.log_softmax(logits, dim=-1).transpose(0, 1)
    values = torch.nn.functional.ctc_loss(log_p, labels, steps, (labels != 0).sum(dim=1), blank=0, reduction="none",
                                          zero_infinity=True)
    return torch.where(steps > 0, values, torch.zeros_like(values))  # PyTorch 1.13 takes a step that is not there


def loss_value(name, prediction, target, mask, weights=None):
    """Weights multiply the terms; the number that the sum is divided by stays as it is."""
    if name.lower().startswith("ctc"):
        values = ctc(prediction, target, mask)
        return (values if weights is None else values * weights.flatten()).mean()
    if name == "crf_nll":
        assert weights is None
        return chain_rules.nll(prediction, target, mask)
    if target.dim() < prediction.dim() and name not in ("sparse_categorical_crossentropy",):
        target = target.unsqueeze(-1)
    values = elementwise_loss(name, prediction, target)
    return masked_mean(values if weights is None else values * weights, mask)


def accuracy_value(loss, prediction, target, mask):
    """Keras's "accuracy": binary, sparse categorical or categorical by the shape of the output."""
    if loss == "crf_nll":  # the prediction is decided
        return masked_mean((prediction["tags"] == target).to(torch.float64), mask)
    if prediction.shape[-1] == 1:
        right = (prediction[..., 0] > 0.5) == (target.reshape(prediction.shape[:-1]) > 0.5)
    elif loss == "sparse_categorical_crossentropy":
        right = prediction.argmax(dim=-1) == target
    else:
        right = prediction.argmax(dim=-1) == target.argmax(dim=-1)
    return masked_mean(right.to(prediction.dtype), mask)


# ---- optimizers: epsilon inside the root for RMSprop, outside and unscaled for Adam ----

EPSILON = 1e-7


def rmsprop(weights, gradients, state, rate, step, rho=0.9):
    for name, g in gradients.items():
        v = state.get(name, torch.zeros_like(g))
        state[name] = v = rho * v + (1 - rho) * g * g
        weights[name] = weights[name] - rate * g / (v + EPSILON).sqrt()


def adam(weights, gradients, state, rate, step, beta_1=0.9, beta_2=0.999):
    scaled_rate = rate * (1 - beta_2 ** step) ** 0.5 / (1 - beta_1 ** step)
    for name, g in gradients.items():
        m, v = state.get(name, (torch.zeros_like(g), torch.zeros_like(g)))
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        state[name] = (m, v)
        weights[name] = weights[name] - scaled_rate * m / (v.sqrt() + EPSILON)
