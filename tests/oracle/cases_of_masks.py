"""Layers that cannot use a mask, or carry it on, behind recurrences: what stands at masked steps, the last output again,
enters their windows and statistics as in Keras."""
import numpy as np
import torch
import torch.nn.functional as F

from cases import ROWS, case, dense_shapes, ids_of, recurrence_shapes, table_shape
from cases_of_convolution import (convolve, depthwise, kernel_shapes, largest, mean_inside, normal, pair, scaled, separable,
                                  transpose_same)
from cases_of_layers import SPARSE
from keras_rules import dense, recur, softmax

WORDS, TIME, WIDTH, UNITS = 12, 7, 3, 4
EMBEDDED = f"words -> Embedding({WORDS}, {WIDTH}, mask_zero = true)"
STATES = {**table_shape("embedding", WORDS, WIDTH), **recurrence_shapes("GRU", "gru", WIDTH, UNITS, {})}


def states_of(p, x):
    mask = x["words"] != 0
    return recur("GRU", p, "gru", p["embedding/embeddings"][x["words"]], mask, sequences=True), mask


def words_of(rng):
    return ids_of(rng, TIME, WORDS, True)


def branches_case(name, branches, shapes, length="time"):
    """(layers as written, the same on states, features that they leave): their results side by side."""
    def forward(p, x):
        h, _ = states_of(p, x)
        return {"label": (dense(p, "dense", torch.cat([run(p, h) for _, run, _ in branches], dim=1), softmax), None)}

    written = ", ".join(f"h -> {layers}" for layers, _, _ in branches)
    case(name,
         source=f"""
  input words: int[{length}]
  h = {EMBEDDED} -> GRU({UNITS}, return_sequences = true)
  output label = Concatenate()({written}) -> Dense(3, activation = softmax)""",
         shapes={**STATES, **shapes, **dense_shapes("dense", sum(n for _, _, n in branches), 3)},
         inputs={"words": words_of}, forward=forward, losses={"label": SPARSE})


def flat(x):
    return x.reshape(x.shape[0], -1)


def window_cases():
    pooled = " -> GlobalMaxPooling1D()"
    branches_case(
        "masked_convolutions",
        [("SeparableConv1D(3, 2, padding = same)" + pooled,
          lambda p, h: separable(p, "separable_conv1d", h, padding="same").amax(dim=1), 3),
         ("DepthwiseConv1D(2, padding = same)" + pooled,
          lambda p, h: depthwise(p, "depthwise_conv1d", h, padding="same").amax(dim=1), UNITS),
         ("Conv1DTranspose(2, 3, strides = 2, padding = same)" + pooled,
          lambda p, h: transpose_same(p, "conv1d_transpose", h, 2).amax(dim=1), 2),
         ("Conv1D(3, 2, padding = causal, dilation_rate = 2)" + pooled,
          lambda p, h: convolve(p, "conv1d", h, "causal", dilations=[2]).amax(dim=1), 3)],
        {"separable_conv1d/depthwise_kernel": (2, UNITS, 1), "separable_conv1d/pointwise_kernel": (1, UNITS, 3),
         "separable_conv1d/bias": (3,), **kernel_shapes("depthwise_conv1d", 2, UNITS, 1, bias=UNITS),
         **kernel_shapes("conv1d_transpose", 3, 2, UNITS, bias=2), **kernel_shapes("conv1d", 2, UNITS, 3, bias=3)})

    def average(function):
        return lambda p, h: function(h).mean(dim=1)

    pooled = " -> GlobalAveragePooling1D()"
    branches_case(
        "masked_windows",
        [("MaxPooling1D(2, strides = 1)" + pooled, average(lambda h: largest(h, [2], [1])), UNITS),
         ("AveragePooling1D(3, strides = 2, padding = same)" + pooled,
          average(lambda h: mean_inside(h, [3], [2], "same")), UNITS),
         ("Cropping1D((1, 2))" + pooled, average(lambda h: h[:, 1:-2]), UNITS),
         ("ZeroPadding1D((2, 1))" + pooled, average(lambda h: F.pad(h, (0, 0, 2, 1))), UNITS),
         ("UpSampling1D(2) -> Conv1D(2, 2)" + pooled,
          lambda p, h: convolve(p, "conv1d", h.repeat_interleave(2, dim=1)).mean(dim=1), 2)],
        kernel_shapes("conv1d", 2, UNITS, 2, bias=2))
    branches_case(
        "masked_shapes",
        [("Reshape([-1, 2]) -> GlobalMaxPooling1D()", lambda p, h: h.reshape(h.shape[0], -1, 2).amax(dim=1), 2),
         ("Permute([2, 1]) -> LSTM(3)", lambda p, h: recur("LSTM", p, "lstm", h.transpose(1, 2), None), 3),
         ("Flatten()", lambda p, h: flat(h), TIME * UNITS)],
        recurrence_shapes("LSTM", "lstm", TIME, 3, {}), length=TIME)

    def reductions(p, x):
        h, mask = states_of(p, x)
        scale = 1 + h.square().sum(dim=-1, keepdim=True)
        least = h.amin(dim=-1, keepdim=True)
        out = recur("SimpleRNN", p, "simple_rnn", (h - least) / scale, mask)
        return {"y": (torch.cat([out, 0.1 * h.sum(dim=1), h.amin(dim=1)], dim=1), None)}

    case("masked_reductions",
         source=f"""
  input words: int[time]
  h = {EMBEDDED} -> GRU({UNITS}, return_sequences = true)
  scale = 1 + sum(square(h), axis = -1, keepdims = true)
  out = (h - min(h, axis = -1, keepdims = true)) / scale -> SimpleRNN(2)
  output y = Concatenate()(out, 0.1 * sum(h, axis = time), min(h, axis = time))""",
         shapes={**STATES, **recurrence_shapes("SimpleRNN", "simple_rnn", UNITS, 2, {})},
         inputs={"words": words_of}, forward=reductions, losses={"y": "mse"})


def normalization_cases():
    """GroupNormalization carries the mask on, RMSNormalization does not; the statistics are those of all steps."""
    def forward(p, x):
        h, mask = states_of(p, x)
        groups = normal(h.reshape(*h.shape[:2], 2, UNITS // 2), (1, 3), 0.01).reshape(h.shape)
        state = recur("SimpleRNN", p, "simple_rnn", scaled(p, "group_normalization", groups), mask)
        rms = h / (h.square().mean(dim=-1, keepdim=True) + 1e-3).sqrt() * p["rms_normalization/scale"]
        return {"state": (torch.cat([state, rms.amax(dim=1)], dim=1), None)}

    case("masked_normalizations",
         source=f"""
  input words: int[time]
  h = {EMBEDDED} -> GRU({UNITS}, return_sequences = true)
  grouped = h -> GroupNormalization(groups = 2, epsilon = 0.01) -> SimpleRNN(3)
  output state = Concatenate()(grouped, h -> RMSNormalization(epsilon = 1e-3) -> GlobalMaxPooling1D())""",
         shapes={**STATES, "rms_normalization/scale": (UNITS,), **pair("group_normalization", UNITS),
                 **recurrence_shapes("SimpleRNN", "simple_rnn", UNITS, 3, {})},
         inputs={"words": words_of}, forward=forward, losses={"state": "mse"})


def image_cases():
    """Ids in two dimensions: the mask of their embedding reaches the layers of images, which cannot use it."""
    def grid(rng):
        return (rng.integers(0, WORDS, (ROWS, 5, 4)) * rng.integers(0, 2, (ROWS, 5, 4))).astype(np.int32)

    def forward(p, x):
        e = p["embedding/embeddings"][x["cells"]]
        parts = [torch.tanh(convolve(p, "conv2d", e)), depthwise(p, "depthwise_conv2d", e, padding="same"),
                 separable(p, "separable_conv2d", e), largest(e, [2, 2], [2, 2]), mean_inside(e, [2, 2], [1, 1], "same")]
        parts = [h.amax(dim=(1, 2)) for h in parts] + [e.mean(dim=(1, 2)), e.amax(dim=(1, 2))]
        return {"label": (dense(p, "dense", torch.cat(parts, dim=1), softmax), None)}

    case("masked_images",
         source=f"""
  input cells: int[5, 4]
  e = cells -> Embedding({WORDS}, {WIDTH}, mask_zero = true)
  output label = Concatenate()(e -> Conv2D(2, 2, activation = tanh) -> GlobalMaxPooling2D(),
      e -> DepthwiseConv2D(2, padding = same) -> GlobalMaxPooling2D(), e -> SeparableConv2D(2, 2) -> GlobalMaxPooling2D(),
      e -> MaxPooling2D() -> GlobalMaxPooling2D(),
      e -> AveragePooling2D(2, strides = 1, padding = same) -> GlobalMaxPooling2D(),
      GlobalAveragePooling2D()(e), GlobalMaxPooling2D()(e))
    -> Dense(3, activation = softmax)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **kernel_shapes("conv2d", 2, 2, WIDTH, 2, bias=2),
                 **kernel_shapes("depthwise_conv2d", 2, 2, WIDTH, 1, bias=WIDTH),
                 "separable_conv2d/depthwise_kernel": (2, 2, WIDTH, 1), "separable_conv2d/pointwise_kernel": (1, 1, WIDTH, 2),
                 "separable_conv2d/bias": (2,), **dense_shapes("dense", 4 + 5 * WIDTH, 3)},
         inputs={"cells": grid}, forward=forward, losses={"label": SPARSE})


def all_mask_cases():
    window_cases()
    normalization_cases()
    image_cases()
