"""Arguments that no other case sets, several layers in a model: each is an output of its own."""
import torch
import torch.nn.functional as F

from cases import case, ids_of, table_shape, recurrence_shapes
from cases_of_convolution import convolve, depthwise, padded
from cases_of_layers import floats_of


WORDS, TIME, WIDTH = 12, 7, 5


def hard_sigmoid(x):
    return (x / 6 + 0.5).clamp(0, 1)


def lstm_step(p, prefix, x, states, act, gate):
    h, c = states
    z = x @ p[prefix + "/kernel"] + h @ p[prefix + "/recurrent_kernel"] + p.get(prefix + "/bias", 0.0)
    i, f, g, o = z.chunk(4, dim=1)
    c = gate(f) * c + gate(i) * act(g)
    return [gate(o) * act(c), c]


def gru_step(p, prefix, x, states, act, gate):
    """reset_after."""
    h = states[0]
    bias = p.get(prefix + "/bias", torch.zeros(2, 1, dtype=x.dtype))
    a = (x @ p[prefix + "/kernel"] + bias[0]).expand(x.shape[0], p[prefix + "/kernel"].shape[1]).chunk(3, dim=1)
    b = (h @ p[prefix + "/recurrent_kernel"] + bias[1]).chunk(3, dim=1)
    z, r = gate(a[0] + b[0]), gate(a[1] + b[1])
    return [z * h + (1 - z) * act(a[2] + r * b[2])]


def simple_step(p, prefix, x, states, act, gate):
    z = x @ p[prefix + "/kernel"] + states[0] @ p[prefix + "/recurrent_kernel"]
    return [act(z + p.get(prefix + "/bias", 0.0))]


def last(step, count, p, prefix, x, mask, act, gate):
    units = p[prefix + "/recurrent_kernel"].shape[0]
    states = [x.new_zeros(x.shape[0], units) for _ in range(count)]
    for t in range(x.shape[1]):
        new = step(p, prefix, x[:, t], states, act, gate)
        states = [torch.where(mask[:, t:t + 1], n, s) for n, s in zip(new, states)]
    return states[0]


def recurrent_case():
    both = "activation = softsign, recurrent_activation = hard_sigmoid"
    layers = {
        "a": ("SimpleRNN(3, use_bias = false)", "SimpleRNN", "simple_rnn", False, simple_step, 1, torch.tanh, None),
        "b": (f"LSTM(3, {both})", "LSTM", "lstm", True, lstm_step, 2, F.softsign, hard_sigmoid),
        "c": (f"GRU(3, {both})", "GRU", "gru", True, gru_step, 1, F.softsign, hard_sigmoid),
        "d": ("RNN(SimpleRNNCell(3, activation = softsign, use_bias = false))", "SimpleRNN", "rnn",
              False, simple_step, 1, F.softsign, None),
        "e": (f"RNN(LSTMCell(3, {both}, use_bias = false))", "LSTM", "rnn_1", False, lstm_step, 2,
              F.softsign, hard_sigmoid),
        "f": (f"RNN(GRUCell(3, {both}, use_bias = false))", "GRU", "rnn_2", False, gru_step, 1, F.softsign,
              hard_sigmoid),
    }
    shapes = table_shape("embedding", WORDS, WIDTH)
    for _, kind, prefix, bias, *_ in layers.values():
        shapes.update(recurrence_shapes(kind, prefix, WIDTH, 3, {"use_bias": bias}))

    def forward(p, x):
        ids = x["words"]
        e = p["embedding/embeddings"][ids]
        return {n: (last(step, count, p, prefix, e, ids != 0, act, gate), None)
                for n, (_, _, prefix, _, step, count, act, gate) in layers.items()}

    outputs = "\n".join(f"  output {n} = words_in -> {text}" for n, (text, *_) in layers.items())
    case("arguments_of_recurrences_masked", source=f"""
  input words: int[time]
  words_in = words -> Embedding({WORDS}, {WIDTH}, mask_zero = true)
{outputs}""", shapes=shapes, inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)}, forward=forward,
         losses={n: "mse" for n in layers})


def normalized(x, epsilon):
    mean = x.mean(dim=-1, keepdim=True)
    return (x - mean) / ((x - mean).square().mean(dim=-1, keepdim=True) + epsilon).sqrt()


def along_steps(p, s):
    """Axis 1 of (B, 3, 4)."""
    over = lambda n: p[n].reshape(1, 3, 1)
    return {"u": (s / (s.square().sum(dim=1, keepdim=True)).clamp(min=1e-12).sqrt(), None),
            "r": (s / (s.square().mean(dim=1, keepdim=True) + 1e-6).sqrt() * over("rms_normalization_1/scale"), None),
            "g": (normalized(s, 0.001) * over("group_normalization_2/gamma") + over("group_normalization_2/beta"), None)}


def normalization_case():
    def forward(p, q):
        x = q["x"] + 0
        h = torch.tanh(x @ p["dense/kernel"] + p["dense/bias"])
        g = normalized(h.reshape(-1, 2, 3), 0.01).reshape(-1, 6)
        return {"a": (normalized(h, 0.001) * p["layer_normalization/gamma"], None),
                "b": (normalized(h, 0.02) + p["layer_normalization_1/beta"], None),
                "c": (g * p["group_normalization/gamma"], None),
                "d": (normalized(h.reshape(-1, 3, 2), 0.001).reshape(-1, 6) + p["group_normalization_1/beta"], None),
                "e": (h / (h.square().mean(dim=-1, keepdim=True) + 0.01).sqrt() * p["rms_normalization/scale"], None),
                "f": (torch.where(h > 0, h, 0.1 * h), None), **along_steps(p, q["s"])}

    case("arguments_of_normalizations", source="""
  input x: float[4]
  h = x -> Dense(6, activation = tanh)
  output a = h -> LayerNormalization(center = false)
  output b = h -> LayerNormalization(epsilon = 0.02, scale = false)
  output c = h -> GroupNormalization(2, epsilon = 0.01, center = false)
  output d = h -> GroupNormalization(3, scale = false)
  output e = h -> RMSNormalization(epsilon = 0.01)
  output f = h -> LeakyReLU(negative_slope = 0.1)
  input s: float[3, 4]
  output u = s -> UnitNormalization(axis = 1)
  output r = s -> RMSNormalization(axis = 1)
  output g = s -> GroupNormalization(3, axis = 1)""",
         shapes={"dense/kernel": (4, 6), "dense/bias": (6,), "layer_normalization/gamma": (6,),
                 "layer_normalization_1/beta": (6,), "group_normalization/gamma": (6,),
                 "group_normalization_1/beta": (6,), "rms_normalization/scale": (6,),
                 "rms_normalization_1/scale": (3,), "group_normalization_2/gamma": (3,),
                 "group_normalization_2/beta": (3,)},
         inputs={"x": floats_of(4), "s": floats_of(3, 4)}, forward=forward, losses={n: "mse" for n in "abcdefurg"})


def window_case():
    """Over steps: dilated and strided windows without a bias."""
    def forward(p, x):
        e = p["embedding/embeddings"][x["words"]]
        middle = depthwise(p, "separable_conv1d", e, kernel="depthwise_kernel", strides=[2], padding="same")
        second = depthwise(p, "separable_conv1d_1", e, kernel="depthwise_kernel", dilations=[2])
        point = lambda n: p[n + "/pointwise_kernel"].reshape(p[n + "/pointwise_kernel"].shape[-2:])
        return {"a": (middle @ point("separable_conv1d") + p["separable_conv1d/bias"], None),
                "b": (second @ point("separable_conv1d_1"), None),
                "c": (torch.tanh(depthwise(p, "depthwise_conv1d", e, dilations=[2])), None),
                "d": (e.amax(dim=1, keepdim=True), None),
                "f": (torch.softmax(torch.tanh(e[:, :, None] + e[:, None]).sum(dim=-1), dim=-1) @ e, None),
                "t": (F.conv_transpose1d(e.transpose(1, 2), p["conv1d_transpose/kernel"].permute(2, 1, 0)).transpose(1, 2),
                      None),
                "e": (torch.cat([e, e * 2], dim=1), None)}

    case("arguments_of_windows", source=f"""
  input words: int[{TIME}]
  e = words -> Embedding({WORDS}, {WIDTH})
  output a = e -> SeparableConv1D(4, 3, strides = 2, padding = same)
  output b = e -> SeparableConv1D(4, 3, dilation_rate = 2, use_bias = false)
  output c = e -> DepthwiseConv1D(3, dilation_rate = 2, activation = tanh, use_bias = false)
  output d = e -> GlobalMaxPooling1D(keepdims = true)
  output f = AdditiveAttention(use_scale = false)(e, e)
  output t = e -> Conv1DTranspose(4, 3, use_bias = false)
  output e2 = Concatenate(axis = 1)(e, e * 2)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), "separable_conv1d/depthwise_kernel": (3, WIDTH, 1),
                 "separable_conv1d/pointwise_kernel": (1, WIDTH, 4), "separable_conv1d/bias": (4,),
                 "separable_conv1d_1/depthwise_kernel": (3, WIDTH, 1),
                 "separable_conv1d_1/pointwise_kernel": (1, WIDTH, 4),
                 "depthwise_conv1d/kernel": (3, WIDTH, 1), "conv1d_transpose/kernel": (3, 4, WIDTH)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, False)},
         forward=lambda p, x: {{"e": "e2"}.get(n, n): v for n, v in forward(p, x).items()},
         losses={n: "mse" for n in ("a", "b", "c", "d", "f", "t", "e2")})


def image_case():
    def forward(p, x):
        image = x["image"]
        h = convolve(p, "conv2d", image, dilations=[2, 2])
        middle = depthwise(p, "separable_conv2d", image, kernel="depthwise_kernel", strides=[2, 2], padding="same")
        second = depthwise(p, "separable_conv2d_1", image, kernel="depthwise_kernel", dilations=[2, 2])
        point = lambda n: p[n + "/pointwise_kernel"].reshape(p[n + "/pointwise_kernel"].shape[-2:])
        pooled = F.max_pool2d(padded(h, "same", [3, 3], [2, 2], [1, 1], value=float("-inf")), 3, 2).movedim(1, -1)
        return {"a": (pooled, None),
                "b": (middle @ point("separable_conv2d") + p["separable_conv2d/bias"], None),
                "c": (second @ point("separable_conv2d_1"), None),
                "d": (depthwise(p, "depthwise_conv2d", image, dilations=[2, 2]), None),
                "e": (h.amax(dim=(1, 2), keepdim=True), None)}

    case("arguments_of_images", source="""
  input image: float[8, 7, 2]
  h = image -> Conv2D(3, 3, dilation_rate = 2)
  output a = h -> MaxPooling2D(pool_size = 3, strides = 2, padding = same)
  output b = image -> SeparableConv2D(3, 3, strides = 2, padding = same)
  output c = image -> SeparableConv2D(3, 3, dilation_rate = 2, use_bias = false)
  output d = image -> DepthwiseConv2D(3, dilation_rate = 2, use_bias = false)
  output e = h -> GlobalMaxPooling2D(keepdims = true)""",
         shapes={"conv2d/kernel": (3, 3, 2, 3), "conv2d/bias": (3,),
                 "separable_conv2d/depthwise_kernel": (3, 3, 2, 1), "separable_conv2d/pointwise_kernel": (1, 1, 2, 3),
                 "separable_conv2d/bias": (3,), "separable_conv2d_1/depthwise_kernel": (3, 3, 2, 1),
                 "separable_conv2d_1/pointwise_kernel": (1, 1, 2, 3), "depthwise_conv2d/kernel": (3, 3, 2, 1)},
         inputs={"image": floats_of(8, 7, 2)}, forward=forward, losses={n: "mse" for n in "abcde"})


def all_argument_cases():
    recurrent_case()
    normalization_case()
    window_case()
    image_case()
