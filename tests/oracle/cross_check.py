"""keras_rules.py against PyTorch's own recurrent layers on packed sequences, and against hand-computed steps."""
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import keras_rules
from keras_rules import adam, bidirectional, recur, rmsprop

FEATURES, UNITS, STEPS = 5, 4, 6
LENGTHS = torch.tensor([6, 3, 1, 5])


def torch_order(kind, weights, units):
    """Keras's gate order to PyTorch's along the first axis: i f c o stays; z r h becomes r z n."""
    if kind != "GRU":
        return weights
    z, r, h = weights.split(units, dim=0)
    return torch.cat([r, z, h], dim=0)


def load(kind, module, p, prefix, suffix):
    kernel, recurrent, bias = (p[f"{prefix}/{n}"] for n in ("kernel", "recurrent_kernel", "bias"))
    input_bias, recurrent_bias = (bias[0], bias[1]) if kind == "GRU" else (bias, torch.zeros_like(bias))
    for name, value in (("weight_ih_l0", kernel.t()), ("weight_hh_l0", recurrent.t()),
                        ("bias_ih_l0", input_bias), ("bias_hh_l0", recurrent_bias)):
        getattr(module, name + suffix).data.copy_(torch_order(kind, value, UNITS))


def check_recurrence(kind, modules):
    torch.manual_seed(3)
    gates = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[kind]
    p = {}
    for direction in ("forward", "backward"):
        p[direction + "/kernel"] = torch.randn(FEATURES, gates * UNITS, dtype=torch.float64)
        p[direction + "/recurrent_kernel"] = torch.randn(UNITS, gates * UNITS, dtype=torch.float64)
        bias_shape = (2, gates * UNITS) if kind == "GRU" else (gates * UNITS,)
        p[direction + "/bias"] = torch.randn(bias_shape, dtype=torch.float64)
    x = torch.randn(len(LENGTHS), STEPS, FEATURES, dtype=torch.float64)
    mask = torch.arange(STEPS)[None, :] < LENGTHS[:, None]
    module = modules(FEATURES, UNITS, batch_first=True, bidirectional=True).double()
    load(kind, module, p, "forward", "")
    load(kind, module, p, "backward", "_reverse")
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    outputs, state = module(packed)
    outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=STEPS)
    last = state[0] if kind == "LSTM" else state
    both = {"both/" + n: w for n, w in p.items()}
    same(bidirectional(kind, both, "both", x, mask, sequences=True), outputs, kind + " sequences")
    same(bidirectional(kind, both, "both", x, mask), torch.cat([last[0], last[1]], dim=1), kind + " last")
    # the plain recurrence repeats its last output where packing leaves zeros
    plain = recur(kind, p, "forward", x, mask, sequences=True)
    for row, length in enumerate(LENGTHS):
        same(plain[row, :length], outputs[row, :length, :UNITS], kind + " plain")
        same(plain[row, length:], plain[row, length - 1].expand(STEPS - length, UNITS), kind + " repeated")
    # a hole in the middle is the same as the sequence without it
    holes = torch.ones(len(LENGTHS), STEPS, dtype=torch.bool)
    holes[:, 2:4] = False
    closed = torch.cat([x[:, :2], x[:, 4:]], dim=1)
    same(recur(kind, p, "forward", x, holes), recur(kind, p, "forward", closed, None), kind + " holes")
    empty = torch.zeros_like(holes)
    same(recur(kind, p, "forward", x, empty, sequences=True), torch.zeros(len(LENGTHS), STEPS, UNITS), "empty")


def check_optimizers():
    """Two steps with gradients 2 and then 1 from weight 1, worked out by hand for a rate of 0.1."""
    two = [torch.tensor([2.0], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)]
    weights, state = {"w": torch.tensor([1.0], dtype=torch.float64)}, {}
    for step, g in enumerate(two, 1):
        rmsprop(weights, {"w": g}, state, 0.1, step)
    # v: 0.4, then 0.46
    expected = 1 - 0.1 * 2 / (0.4 + 1e-7) ** 0.5 - 0.1 * 1 / (0.46 + 1e-7) ** 0.5
    same(weights["w"], torch.tensor([expected], dtype=torch.float64), "RMSprop")
    weights, state = {"w": torch.tensor([1.0], dtype=torch.float64)}, {}
    for step, g in enumerate(two, 1):
        adam(weights, {"w": g}, state, 0.1, step)
    # m: 0.2, then 0.28; v: 0.004, then 0.004996
    first = 0.1 * 0.001 ** 0.5 / 0.1 * 0.2 / (0.004 ** 0.5 + 1e-7)
    second = 0.1 * (1 - 0.999 ** 2) ** 0.5 / (1 - 0.81) * 0.28 / (0.004996 ** 0.5 + 1e-7)
    same(weights["w"], torch.tensor([1 - first - second], dtype=torch.float64), "Adam")


def check_losses():
    for name, ours, theirs in (
            ("binary_crossentropy", torch.tensor([[0.3], [0.8]]), torch.tensor([[1.0], [0.0]])),
            ("mse", torch.tensor([[0.3, 1.0], [0.8, 2.0]]), torch.tensor([[1.0, 0.0], [0.0, 5.0]]))):
        function = {"binary_crossentropy": torch.nn.functional.binary_cross_entropy,
                    "mse": torch.nn.functional.mse_loss}[name]
        same(keras_rules.loss_value(name, ours.double(), theirs.double(), None),
             function(ours.double(), theirs.double()), name)
    logits, classes = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    same(keras_rules.loss_value("sparse_categorical_crossentropy", torch.softmax(logits, 1), classes, None),
         torch.nn.functional.cross_entropy(logits, classes), "sparse")
    mask = torch.tensor([True, False, True, True, False, True])
    same(keras_rules.loss_value("sparse_categorical_crossentropy", torch.softmax(logits, 1), classes, mask),
         torch.nn.functional.cross_entropy(logits[mask], classes[mask]), "masked")


def same(found, expected, what):
    assert found.shape == expected.shape, (what, found.shape, expected.shape)
    difference = (found - expected).abs().max().item() if found.numel() else 0.0
    assert difference < 1e-13, (what, difference)


def run():
    check_recurrence("SimpleRNN", torch.nn.RNN)
    check_recurrence("LSTM", torch.nn.LSTM)
    check_recurrence("GRU", torch.nn.GRU)
    check_optimizers()
    check_losses()
