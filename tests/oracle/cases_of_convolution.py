"""Cases of convolutions, poolings, normalizations and layers that move elements."""
import torch
import torch.nn.functional as F

from cases import case, ids_of, table_shape, dense_shapes, recurrence_shapes
from cases_of_layers import SPARSE, floats_of
from keras_rules import average_pool, dense, recur, softmax

WORDS, TIME, WIDTH = 12, 9, 5


# ---- windows, after TensorFlow's padding rules, by PyTorch's own convolutions ----

def around(padding, steps, size, stride, dilation):
    """Steps to add before and behind."""
    reach = (size - 1) * dilation + 1
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach - 1, 0
    total = max((-(-steps // stride) - 1) * stride + reach - steps, 0)
    return total // 2, total - total // 2


def padded(x, padding, sizes, strides, dilations, value=0.0):
    """x (B, steps..., C) as (B, C, steps...), padded."""
    x = x.movedim(-1, 1)
    amounts = []
    for axis in reversed(range(len(sizes))):
        amounts += around(padding, x.shape[2 + axis], sizes[axis], strides[axis], dilations[axis])
    return F.pad(x, amounts, value=value)


def convolve(p, prefix, x, padding="valid", strides=None, dilations=None, groups=1, kernel="kernel"):
    """The kernel is (sizes..., C / groups, F), as Keras has it."""
    w = p[f"{prefix}/{kernel}"]
    rank = w.dim() - 2
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    sizes = w.shape[:rank]
    weight = w.permute(rank + 1, rank, *range(rank))
    function = F.conv1d if rank == 1 else F.conv2d
    y = function(padded(x, padding, sizes, strides, dilations), weight, stride=strides, dilation=dilations,
                 groups=groups).movedim(1, -1)
    return y + p[prefix + "/bias"] if kernel == "kernel" and prefix + "/bias" in p else y


def depthwise(p, prefix, x, kernel="kernel", **window):
    """Feature c gives outputs c * multiplier and the next."""
    w = p[f"{prefix}/{kernel}"]
    channels, multiplier = w.shape[-2:]
    q = dict(p)
    q[f"{prefix}/{kernel}"] = w.reshape(*w.shape[:-2], 1, channels * multiplier)
    return convolve(q, prefix, x, groups=channels, kernel=kernel, **window)


def separable(p, prefix, x, **window):
    middle = depthwise(p, prefix, x, kernel="depthwise_kernel", **window)
    w = p[prefix + "/pointwise_kernel"]
    return middle @ w.reshape(w.shape[-2:]) + p[prefix + "/bias"]


def transpose_same(p, prefix, x, stride):
    """The gradient of a convolution over stride times as many steps."""
    w = p[prefix + "/kernel"]  # (size, F, C)
    full = F.conv_transpose1d(x.movedim(-1, 1), w.permute(2, 1, 0), stride=stride)
    crop, steps = max(w.shape[0] - stride, 0) // 2, x.shape[1] * stride
    full = F.pad(full, (0, max(0, crop + steps - full.shape[2])))
    return full[:, :, crop:crop + steps].movedim(1, -1) + p[prefix + "/bias"]


def largest(x, sizes, strides, padding="valid"):
    ones = [1] * len(sizes)
    function = F.max_pool1d if len(sizes) == 1 else F.max_pool2d
    return function(padded(x, padding, sizes, strides, ones, float("-inf")), tuple(sizes), tuple(strides)).movedim(1, -1)


def mean_inside(x, sizes, strides, padding):
    ones = [1] * len(sizes)
    function = F.avg_pool1d if len(sizes) == 1 else F.avg_pool2d
    total = function(padded(x, padding, sizes, strides, ones), tuple(sizes), tuple(strides))
    share = function(padded(torch.ones_like(x), padding, sizes, strides, ones), tuple(sizes), tuple(strides))
    return (total / share).movedim(1, -1)


def kernel_shapes(name, *kernel, bias=None, kernel_name="kernel"):
    return {f"{name}/{kernel_name}": kernel, **({name + "/bias": (bias,)} if bias else {})}


# ---- cases ----

def sequence_cases():
    """A layer over the vectors of words (a product per distinct word) or over given numbers, then a pooling and Dense."""
    def words_case(name, call, shapes, apply, width=4, masked=False):
        def forward(p, x):
            e = p["embedding/embeddings"][x["words"]]
            return {"label": (dense(p, "dense", apply(p, e).amax(dim=1), softmax), None)}

        case(name,
             source=f"""
  input words: int[time]
  output label = words -> Embedding({WORDS}, {WIDTH}{", mask_zero = true" if masked else ""})
    -> {call} -> GlobalMaxPooling1D() -> Dense(3, activation = softmax)""",
             shapes={**table_shape("embedding", WORDS, WIDTH), **shapes, **dense_shapes("dense", width, 3)},
             inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, masked)}, forward=forward, losses={"label": SPARSE})

    conv = kernel_shapes("conv1d", 3, WIDTH, 4, bias=4)
    words_case("conv1d_words", "Conv1D(4, 3, activation = relu)", conv,
               lambda p, x: torch.relu(convolve(p, "conv1d", x)))
    words_case("conv1d_words_masked", "Conv1D(4, 3, padding = same)", conv,
               lambda p, x: convolve(p, "conv1d", x, "same"), masked=True)
    words_case("conv1d_words_strided", "Conv1D(4, 3, strides = 2, padding = same)", conv,
               lambda p, x: convolve(p, "conv1d", x, "same", [2]))
    words_case("conv1d_causal", "Conv1D(4, 3, padding = causal, dilation_rate = 2, activation = tanh)", conv,
               lambda p, x: torch.tanh(convolve(p, "conv1d", x, "causal", dilations=[2])))
    words_case("separable_conv1d", "SeparableConv1D(4, 3, depth_multiplier = 2, activation = tanh)",
               {"separable_conv1d/depthwise_kernel": (3, WIDTH, 2),
                "separable_conv1d/pointwise_kernel": (1, 2 * WIDTH, 4), "separable_conv1d/bias": (4,)},
               lambda p, x: torch.tanh(separable(p, "separable_conv1d", x)))

    def floats_case(name, call, shapes, apply, features=6, units=5, time="time", steps=TIME):
        def forward(p, x):
            return {"y": (dense(p, "dense", apply(p, x["x"]).mean(dim=1)), None)}

        case(name,
             source=f"""
  input x: float[{time}, {features}]
  output y = x -> {call} -> GlobalAveragePooling1D() -> Dense(2)""",
             shapes={**shapes, **dense_shapes("dense", units, 2)}, inputs={"x": floats_of(steps, features)},
             forward=forward, losses={"y": "mse"})

    floats_case("conv1d_wide", "Conv1D(5, 4, padding = same, activation = tanh)", kernel_shapes("conv1d", 4, 20, 5, bias=5),
                lambda p, x: torch.tanh(convolve(p, "conv1d", x, "same")), features=20)
    floats_case("conv1d_strided", "Conv1D(5, 3, strides = 3, padding = same)", kernel_shapes("conv1d", 3, 6, 5, bias=5),
                lambda p, x: convolve(p, "conv1d", x, "same", [3]))
    floats_case("conv1d_groups", "Conv1D(6, 3, groups = 3, use_bias = false)", kernel_shapes("conv1d", 3, 2, 6),
                lambda p, x: convolve(p, "conv1d", x, groups=3), units=6)
    floats_case("depthwise_conv1d", "DepthwiseConv1D(3, strides = 2, padding = same, depth_multiplier = 2)",
                kernel_shapes("depthwise_conv1d", 3, 6, 2, bias=12),
                lambda p, x: depthwise(p, "depthwise_conv1d", x, padding="same", strides=[2]), units=12)
    floats_case("conv1d_transpose", "Conv1DTranspose(5, 4, strides = 3, padding = same, activation = tanh)",
                kernel_shapes("conv1d_transpose", 4, 5, 6, bias=5),
                lambda p, x: torch.tanh(transpose_same(p, "conv1d_transpose", x, 3)))
    floats_case("pooling1d", "Conv1D(5, 2) -> MaxPooling1D(3, strides = 2, padding = same) -> AveragePooling1D(2, padding = same)",
                kernel_shapes("conv1d", 2, 6, 5, bias=5),
                lambda p, x: mean_inside(largest(convolve(p, "conv1d", x), [3], [2], "same"), [2], [2], "same"))
    case("shaping1d",
         source="""
  input x: float[time, 6]
  output y = x -> Dense(4) -> Reshape([-1, 2]) -> UpSampling1D(2) -> ZeroPadding1D([1, 2]) -> Cropping1D([2, 0])
    -> Conv1D(5, 3, activation = tanh) -> GlobalAveragePooling1D() -> Dense(2)""",
         shapes={**dense_shapes("dense", 6, 4), **kernel_shapes("conv1d", 3, 2, 5, bias=5),
                 **dense_shapes("dense_1", 5, 2)},
         inputs={"x": floats_of(TIME, 6)}, forward=shaping, losses={"y": "mse"})


def shaping(p, x):
    h = dense(p, "dense", x["x"]).reshape(x["x"].shape[0], -1, 2).repeat_interleave(2, dim=1)
    h = F.pad(h, (0, 0, 1, 2))[:, 2:]
    return {"y": (dense(p, "dense_1", torch.tanh(convolve(p, "conv1d", h)).mean(dim=1)), None)}


def image_cases():
    def digits(p, x):
        h = largest(torch.relu(convolve(p, "conv2d", x["image"])), [2, 2], [2, 2])
        h = largest(torch.tanh(convolve(p, "conv2d_1", h, "same")), [2, 2], [2, 2])
        return {"digit": (dense(p, "dense", h.reshape(h.shape[0], -1), softmax), None)}

    case("conv2d_tutorial",
         source="""
  input image: float[10, 10, 1]
  output digit = image
    -> Conv2D(8, 3, activation = relu) -> MaxPooling2D()
    -> Conv2D(4, 3, padding = same, activation = tanh) -> MaxPooling2D()
    -> Flatten() -> Dense(3, activation = softmax)""",
         shapes={**kernel_shapes("conv2d", 3, 3, 1, 8, bias=8), **kernel_shapes("conv2d_1", 3, 3, 8, 4, bias=4),
                 **dense_shapes("dense", 16, 3)},
         inputs={"image": floats_of(10, 10, 1)}, forward=digits, losses={"digit": SPARSE})

    def decomposed(p, x):
        h = torch.relu(convolve(p, "conv2d", x["image"]))
        h = torch.relu(convolve(p, "conv2d_1", h))
        h = mean_inside(h, [2, 3], [2, 2], "same")
        return {"y": (dense(p, "dense", torch.cat([h.amax(dim=(1, 2)), h.mean(dim=(1, 2))], dim=1)), None)}

    case("conv2d_decomposed",
         source="""
  input image: float[6, 7, 2]
  h = image -> Conv2D(3, (3, 1), activation = relu) -> Conv2D(4, (1, 3), activation = relu)
    -> AveragePooling2D((2, 3), strides = 2, padding = same)
  output y = Concatenate()(GlobalMaxPooling2D()(h), GlobalAveragePooling2D()(h)) -> Dense(2)""",
         shapes={**kernel_shapes("conv2d", 3, 1, 2, 3, bias=3), **kernel_shapes("conv2d_1", 1, 3, 3, 4, bias=4),
                 **dense_shapes("dense", 8, 2)},
         inputs={"image": floats_of(6, 7, 2)}, forward=decomposed, losses={"y": "mse"})

    def mixed(p, x):
        h = torch.tanh(depthwise(p, "depthwise_conv2d", x["image"], padding="same", strides=[2, 2]))
        h = torch.tanh(separable(p, "separable_conv2d", h))
        return {"y": (dense(p, "dense", h.reshape(h.shape[0], -1)), None)}

    case("conv2d_depthwise",
         source="""
  input image: float[6, 7, 3]
  output y = image -> DepthwiseConv2D(3, strides = 2, padding = same, depth_multiplier = 2, activation = tanh)
    -> SeparableConv2D(4, 2, activation = tanh) -> Flatten() -> Dense(2)""",
         shapes={**kernel_shapes("depthwise_conv2d", 3, 3, 3, 2, bias=6),
                 "separable_conv2d/depthwise_kernel": (2, 2, 6, 1), "separable_conv2d/pointwise_kernel": (1, 1, 6, 4),
                 "separable_conv2d/bias": (4,), **dense_shapes("dense", 2 * 3 * 4, 2)},
         inputs={"image": floats_of(6, 7, 3)}, forward=mixed, losses={"y": "mse"})


# ---- normalizations ----

def normal(x, axes, epsilon):
    mean = x.mean(dim=axes, keepdim=True)
    return (x - mean) / (x.var(dim=axes, keepdim=True, unbiased=False) + epsilon).sqrt()


def scaled(p, prefix, x):
    return x * p[prefix + "/gamma"] + p[prefix + "/beta"]


def pair(name, *shape):
    return {name + "/gamma": shape, name + "/beta": shape}


def per_example_cases():
    def layer_norm(p, x):
        e, mask = p["embedding/embeddings"][x["words"]], x["words"] != 0
        h = scaled(p, "layer_normalization", normal(e, -1, 0.001))
        return {"state": (recur("GRU", p, "gru", h, mask), None)}

    case("layer_normalization_masked",
         source=f"""
  input words: int[time]
  output state = words -> Embedding({WORDS}, {WIDTH}, mask_zero = true) -> LayerNormalization() -> GRU(4)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **pair("layer_normalization", WIDTH),
                 **recurrence_shapes("GRU", "gru", WIDTH, 4, {})},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)}, forward=layer_norm, losses={"state": "mse"})

    def others(p, x):
        h = dense(p, "dense", x["x"])
        groups = normal(h.reshape(h.shape[0], h.shape[1], 2, 3), (1, 3), 0.001).reshape(h.shape)
        h = scaled(p, "group_normalization", groups)
        h = h / (h.square().mean(dim=-1, keepdim=True) + 1e-6).sqrt() * p["rms_normalization/scale"]
        both = normal(h, (1, 2), 0.01) * p["layer_normalization/gamma"] + p["layer_normalization/beta"]
        unit = both / both.square().sum(dim=-1, keepdim=True).sqrt()
        return {"y": (dense(p, "dense_1", unit.reshape(unit.shape[0], -1)), None)}

    case("normalizations_of_examples",
         source="""
  input x: float[4, 5]
  output y = x -> Dense(6) -> GroupNormalization(groups = 2) -> RMSNormalization()
    -> LayerNormalization(axis = [1, 2], epsilon = 0.01) -> UnitNormalization() -> Flatten() -> Dense(2)""",
         shapes={**dense_shapes("dense", 5, 6), **pair("group_normalization", 6), "rms_normalization/scale": (6,),
                 **pair("layer_normalization", 4, 6), **dense_shapes("dense_1", 24, 2)},
         inputs={"x": floats_of(4, 5)}, forward=others, losses={"y": "mse"})


def batch_cases():
    """Predictions by the moving statistics; training by the batch's, which move them. No bias in front: its gradient
    would be rounding alone."""
    def statistics(h, mask):
        """Over all axes but the last; of a masked sequence over its valid steps, Keras adding 1e-7 to their number."""
        if mask is None:
            axes = tuple(range(h.dim() - 1))
            return h.mean(dim=axes), h.var(dim=axes, unbiased=False)
        weight = mask.to(h.dtype)[:, :, None]
        count = weight.sum() + 1e-7
        mean = (h * weight).sum(dim=(0, 1)) / count
        return mean, ((h - mean).square() * weight).sum(dim=(0, 1)) / count

    def batch_case(name, source, shapes, inputs, before, after, losses, momentum, features):
        prefix = "batch_normalization"

        def apply(p, x, mean, variance):
            h, mask = before(p, x)
            y = scaled(p, prefix, (h - mean) / (variance + 0.001).sqrt())
            return after(p, y, mask)

        def forward(p, x):
            return apply(p, x, p[prefix + "/moving_mean"], p[prefix + "/moving_variance"])

        def training(p, x):
            return apply(p, x, *statistics(*before(p, x)))

        def moves(p, x):
            new = dict(zip(("moving_mean", "moving_variance"), statistics(*before(p, x))))
            return {f"{prefix}/{n}": momentum * p[f"{prefix}/{n}"] + (1 - momentum) * v for n, v in new.items()}

        case(name, source=source,
             shapes={**shapes, **pair(prefix, features), prefix + "/moving_mean": (features,),
                     prefix + "/moving_variance": (features,)},
             inputs=inputs, forward=forward, losses=losses, training=training, moves=moves,
             frozen=(prefix + "/moving_mean", prefix + "/moving_variance"))

    batch_case("batch_normalization_dense", """
  input x: float[4]
  output y = x -> Dense(5, use_bias = false) -> BatchNormalization() -> Activation(relu) -> Dense(2)""",
               {"dense/kernel": (4, 5), **dense_shapes("dense_1", 5, 2)}, {"x": floats_of(4)},
               lambda p, x: (dense(p, "dense", x["x"]), None),
               lambda p, h, mask: {"y": (dense(p, "dense_1", torch.relu(h)), None)}, {"y": "mse"}, 0.99, 5)

    batch_case("batch_normalization_masked", f"""
  input words: int[time]
  output label = words -> Embedding({WORDS}, {WIDTH}, mask_zero = true) -> BatchNormalization(momentum = 0.8)
    -> GlobalAveragePooling1D() -> Dense(3, activation = softmax)""",
               {**table_shape("embedding", WORDS, WIDTH), **dense_shapes("dense", WIDTH, 3)},
               {"words": lambda rng: ids_of(rng, TIME, WORDS, True)},
               lambda p, x: (p["embedding/embeddings"][x["words"]], x["words"] != 0),
               lambda p, h, mask: {"label": (dense(p, "dense", average_pool(h, mask), softmax), None)},
               {"label": SPARSE}, 0.8, WIDTH)

    batch_case("batch_normalization_image", """
  input image: float[6, 5, 2]
  output y = image -> Conv2D(4, 3, use_bias = false) -> BatchNormalization(momentum = 0.9) -> Activation(tanh) -> Flatten() -> Dense(2)""",
               {**kernel_shapes("conv2d", 3, 3, 2, 4), **dense_shapes("dense", 48, 2)},
               {"image": floats_of(6, 5, 2)}, lambda p, x: (convolve(p, "conv2d", x["image"]), None),
               lambda p, h, mask: {"y": (dense(p, "dense", torch.tanh(h).reshape(h.shape[0], -1)), None)},
               {"y": "mse"}, 0.9, 4)


# ---- activations, Dot and the rest ----

def activation_cases():
    def forward(p, x):
        h = dense(p, "dense", x["x"])
        a = torch.where(h > 0, h, p["prelu/alpha"] * h)
        b = torch.where(h > 0, h, 0.3 * h)
        c = torch.where(h > 0, h, 0.5 * (torch.exp(h.clamp(max=0)) - 1))
        d = torch.where(h > 0.25, h, torch.zeros_like(h)).clamp(max=0.75) - 0.1 * torch.relu(0.25 - h)
        return {"y": (dense(p, "dense_1", torch.softmax(a, dim=-1) * b + c * d), None)}

    case("activations_with_arguments",
         source="""
  input x: float[4]
  h = x -> Dense(6)
  a = h -> PReLU() -> Softmax()
  d = h -> ReLU(max_value = 0.75, negative_slope = 0.1, threshold = 0.25)
  output y = a * LeakyReLU()(h) + ELU(alpha = 0.5)(h) * d -> Dense(2)""",
         shapes={**dense_shapes("dense", 4, 6), "prelu/alpha": (6,), **dense_shapes("dense_1", 6, 2)},
         inputs={"x": floats_of(4)}, forward=forward, losses={"y": "mse"})

    def attend(p, x):
        e, mask = p["embedding/embeddings"][x["words"]], x["words"] != 0
        scores = dense(p, "dense", e).masked_fill(~mask[:, :, None], -1e9)
        weights = torch.where(mask[:, :, None], torch.softmax(scores, dim=1), torch.zeros_like(scores))
        return {"y": (dense(p, "dense_1", torch.einsum("bti,btj->bij", weights, e).reshape(e.shape[0], -1)), None)}

    case("softmax_over_steps_and_dot",
         source=f"""
  input words: int[time]
  e = words -> Embedding({WORDS}, {WIDTH}, mask_zero = true)
  weights = e -> Dense(2, use_bias = false) -> Softmax(axis = 1)
  output y = Dot(axes = (1, 1))(weights, e) -> Reshape([-1]) -> Dense(2)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), "dense/kernel": (WIDTH, 2),
                 **dense_shapes("dense_1", 2 * WIDTH, 2)},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)}, forward=attend, losses={"y": "mse"})

    def cosine(p, x):
        a, b = dense(p, "dense", x["x"]), torch.tanh(dense(p, "dense_1", x["x"]))
        lengths = a.square().sum(-1, keepdim=True).sqrt() * b.square().sum(-1, keepdim=True).sqrt()
        sequence = b[:, None].expand(-1, 3, -1).transpose(1, 2)
        h = recur("SimpleRNN", p, "simple_rnn", sequence, None)
        return {"y": (dense(p, "dense_2", torch.cat([(a * b).sum(-1, keepdim=True) / lengths, h], dim=1)), None)}

    case("dot_cosine_repeat_permute",
         source="""
  input x: float[4]
  a = x -> Dense(5)
  b = x -> Dense(5, activation = tanh)
  h = b -> RepeatVector(3) -> Permute([2, 1]) -> SimpleRNN(2)
  output y = Concatenate()(Dot(axes = 1, normalize = true)(a, b), h) -> Dense(2)""",
         shapes={**dense_shapes("dense", 4, 5), **dense_shapes("dense_1", 4, 5),
                 **recurrence_shapes("SimpleRNN", "simple_rnn", 3, 2, {}), **dense_shapes("dense_2", 3, 2)},
         inputs={"x": floats_of(4)}, forward=cosine, losses={"y": "mse"})


def all_convolution_cases():
    sequence_cases()
    image_cases()
    per_example_cases()
    batch_cases()
    activation_cases()
