"""Attention layers and tables of positions, written out after Keras's documentation with plain tensor operations."""
import math

import numpy as np
import torch

from cases import ROWS, case, dense_shapes, ids_of, recurrence_shapes, table_shape
from keras_rules import average_pool, dense, recur, softmax

WORDS, TIME, STEPS, WIDTH = 12, 7, 5, 6
SPARSE = "sparse_categorical_crossentropy"

# A bias of all keys moves every score of a query alike, so that its gradient is rounding noise, which Adam scales up.
# A small loss keeps that noise under Adam's epsilon.
SMALL = 0.02


def floats_of(*shape):
    return lambda rng: rng.uniform(-1, 1, (ROWS, *shape)).astype(np.float32).astype(np.float64)


def table(p, ids, masked, name="embedding"):
    return p[name + "/embeddings"][ids], (ids != 0 if masked else None)


# ---- rules ----

def attend(scores, value, allowed):
    """softmax(scores) value over the allowed keys; a query that may see none gets zeros. -> result, weights"""
    if allowed is None:
        weights = torch.softmax(scores, dim=-1)
    else:
        allowed = allowed.expand_as(scores)
        weights = torch.softmax(torch.where(allowed, scores, scores - 1e9), dim=-1)
        weights = torch.where(allowed.any(dim=-1, keepdim=True), weights, torch.zeros_like(weights))
    return weights @ value, weights


def causal(queries, keys):
    return torch.ones(queries, keys, dtype=torch.bool).tril()[None]


def zero_masked(y, mask):
    return y if mask is None else y * mask[:, :, None].to(y.dtype)


def multi_head(p, prefix, query, value, key, allowed):
    """allowed: (B, T, S), (1, T, S) or None"""
    def project(x, name):
        y = torch.einsum("btd,dhk->bhtk", x, p[f"{prefix}/{name}/kernel"])
        bias = p.get(f"{prefix}/{name}/bias")
        return y if bias is None else y + bias[None, :, None, :]

    q, k, v = project(query, "query"), project(key, "key"), project(value, "value")
    heads, weights = attend(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), v,
                            None if allowed is None else allowed[:, None])
    y = torch.einsum("bhtv,hvo->bto", heads, p[f"{prefix}/attention_output/kernel"])
    bias = p.get(f"{prefix}/attention_output/bias")
    return (y if bias is None else y + bias), weights


def head_shapes(prefix, query, value, key, heads, key_dim, value_dim, out, use_bias=True):
    sizes = {"query": (query, key_dim), "key": (key, key_dim), "value": (value, value_dim)}
    shapes = {f"{prefix}/{n}/kernel": (features, heads, width) for n, (features, width) in sizes.items()}
    shapes[f"{prefix}/attention_output/kernel"] = (heads, value_dim, out)
    if use_bias:
        shapes.update({f"{prefix}/{n}/bias": (heads, width) for n, (_, width) in sizes.items()})
        shapes[f"{prefix}/attention_output/bias"] = (out,)
    return shapes


def sines(steps, features, wavelength, dtype):
    """Row t: sin(t w_i) at 2i, cos(t w_i) at 2i + 1, w_i = wavelength^(-2i / features)."""
    rows = [[(math.cos if f % 2 else math.sin)(t * wavelength ** (-2 * (f // 2) / features)) for f in range(features)]
            for t in range(steps)]
    return torch.tensor(rows, dtype=dtype)


# ---- cases ----

TABLES = {**table_shape("embedding", WORDS, WIDTH), **table_shape("embedding_1", WORDS, WIDTH)}
HEAD = dense_shapes("dense", WIDTH, 3)


def two_sides(name, call, scores_of, shapes, masks=(True, True), is_causal=False):
    """Words a ask words b; the mean over a's valid steps is classified."""
    def forward(p, x):
        q, q_mask = table(p, x["a"], masks[0])
        v, v_mask = table(p, x["b"], masks[1], "embedding_1")
        allowed = None if v_mask is None else v_mask[:, None, :]
        if is_causal:
            tril = causal(q.shape[1], v.shape[1])
            allowed = tril if allowed is None else allowed & tril
        y, _ = attend(scores_of(p, q, v), v, allowed)
        return {"label": (dense(p, "dense", average_pool(zero_masked(y, q_mask), q_mask), softmax), None)}

    def embedding(masked):
        return f"Embedding({WORDS}, {WIDTH}{', mask_zero = true' if masked else ''})"

    case(name,
         source=f"""
  input a: int[time_a]
  input b: int[time_b]
  q = {embedding(masks[0])}(a)
  v = {embedding(masks[1])}(b)
  output label = {call} -> GlobalAveragePooling1D() -> Dense(3, activation = softmax)""",
         shapes={**TABLES, **HEAD, **shapes},
         inputs={"a": lambda rng: ids_of(rng, TIME, WORDS, masks[0]),
                 "b": lambda rng: ids_of(rng, STEPS, WORDS, masks[1])},
         forward=forward, losses={"label": SPARSE})


def products(p, q, k):
    return q @ k.transpose(1, 2)


def scaled_products(p, q, k):
    return products(p, q, k) * p["attention/scale"]


def sums_of_tanh(p, q, k):
    pairs = q[:, :, None, :] + k[:, None, :, :]
    return p["attention/concat_score_weight"] * torch.tanh(p["attention/scale"] * pairs).sum(dim=-1)


def additive(p, q, k):
    return (p["additive_attention/scale"] * torch.tanh(q[:, :, None, :] + k[:, None, :, :])).sum(dim=-1)


def plain_attention_cases():
    two_sides("attention", "Attention()(q, v)", products, {}, masks=(False, False))
    two_sides("attention_masked", "Attention()(q, v)", products, {})
    two_sides("attention_masked_query", "Attention()([q, v])", products, {}, masks=(True, False))
    two_sides("attention_masked_value", "Attention(use_scale = true)(query = q, value = v)", scaled_products,
              {"attention/scale": ()}, masks=(False, True))
    two_sides("attention_concat_masked", "Attention(use_scale = true, score_mode = concat)(q, v)", sums_of_tanh,
              {"attention/scale": (), "attention/concat_score_weight": ()})
    two_sides("attention_causal_masked", "Attention()(q, v, use_causal_mask = true)", products, {}, is_causal=True)
    two_sides("additive_attention_masked", "AdditiveAttention()(q, v)", additive,
              {"additive_attention/scale": (WIDTH,)})

    def keyed(p, x):
        y, weights = attend(x["q"] @ x["k"].transpose(1, 2), x["v"], None)
        return {"y": (dense(p, "dense", y), None), "scores": (weights, None)}

    case("attention_key_and_scores",
         source=f"""
  input q: float[time, 4]
  input v: float[{STEPS}, {WIDTH}]
  input k: float[{STEPS}, 4]
  found, weights = Attention()(q, v, k, return_attention_scores = true)
  output y = Dense(3)(found)
  output scores = weights""",
         shapes=HEAD, inputs={"q": floats_of(TIME, 4), "v": floats_of(STEPS, WIDTH), "k": floats_of(STEPS, 4)},
         forward=keyed, losses={"y": "mse", "scores": "mse"})


def self_attention(name, call, p_call, shapes, inputs=None, declared=""):
    """Words that ask each other; every step is an output, masked ones having no key either."""
    def forward(p, x):
        e, mask = table(p, x["words"], True)
        y, _ = p_call(p, x, e, mask)
        return {"tags": (dense(p, "dense", y), mask)}

    case(name,
         source=f"""
  input words: int[time]{declared}
  x = Embedding({WORDS}, {WIDTH}, mask_zero = true)(words)
  output tags = {call} -> Dense(3)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **HEAD, **shapes},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True), **(inputs or {})},
         forward=forward, losses={"tags": "mse"}, loss_weights={"tags": SMALL})


def pooled_self_attention(name, call, p_call, shapes, tail="GlobalAveragePooling1D()"):
    def forward(p, x):
        e, mask = table(p, x["words"], True)
        y, _ = p_call(p, x, e, mask)
        return {"label": (dense(p, "dense", average_pool(y, mask), softmax), None)}

    case(name,
         source=f"""
  input words: int[time]
  x = Embedding({WORDS}, {WIDTH}, mask_zero = true)(words)
  output label = {call} -> {tail} -> Dense(3, activation = softmax)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **HEAD, **shapes},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)},
         forward=forward, losses={"label": SPARSE}, loss_weights={"label": SMALL})


MHA = "multi_head_attention"


def multi_head_cases():
    own = head_shapes(MHA, WIDTH, WIDTH, WIDTH, 2, 4, 4, WIDTH)

    def plain(p, x, e, mask):
        return multi_head(p, MHA, e, e, e, mask[:, None, :] & mask[:, :, None])

    def looking_back(p, x, e, mask):
        return multi_head(p, MHA, e, e, e, mask[:, None, :] & mask[:, :, None] & causal(e.shape[1], e.shape[1]))

    def with_given_mask(p, x, e, mask):
        return multi_head(p, MHA, e, e, e, mask[:, None, :] & mask[:, :, None] & (x["allowed"] != 0))

    pooled_self_attention("multi_head_attention_masked", "MultiHeadAttention(2, key_dim = 4)(x, x)", plain, own)
    pooled_self_attention("multi_head_attention_causal_masked",
                          "MultiHeadAttention(2, key_dim = 4)(x, x, use_causal_mask = true)", looking_back, own)
    self_attention("multi_head_attention_given_mask", "MultiHeadAttention(2, 4)(x, x, attention_mask = allowed)",
                   with_given_mask, own, {"allowed": lambda rng: rng.integers(0, 2, (ROWS, TIME, TIME), dtype=np.int32)},
                   declared="\n  input allowed: int[time, time]")

    def crossed(p, x):
        v, mask = table(p, x["words"], True)
        y, weights = multi_head(p, MHA, x["x"], v, v, mask[:, None, :])
        return {"y": (dense(p, "dense", y), None), "scores": (weights, None)}

    case("multi_head_attention_crossed",
         source=f"""
  input x: float[{TIME}, 3]
  input words: int[{STEPS}]
  memory = Embedding({WORDS}, {WIDTH}, mask_zero = true)(words)
  found, weights = MultiHeadAttention(3, 2, value_dim = 4, output_shape = 5)(
      x, value = memory, return_attention_scores = true)
  output y = Dense(2)(found)
  output scores = weights""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **head_shapes(MHA, 3, WIDTH, WIDTH, 3, 2, 4, 5),
                 **dense_shapes("dense", 5, 2)},
         inputs={"x": floats_of(TIME, 3), "words": lambda rng: ids_of(rng, STEPS, WORDS, True)},
         forward=crossed, losses={"y": "mse", "scores": "mse"}, loss_weights={"y": SMALL, "scores": SMALL})

    def keyed(p, x):
        y, _ = multi_head(p, MHA, x["q"], x["v"], x["k"], None)
        return {"y": (y, None)}

    case("multi_head_attention_key_no_bias",
         source="""
  input q: float[time, 3]
  input v: float[steps, 5]
  input k: float[steps, 4]
  output y = MultiHeadAttention(2, 3, use_bias = false)(q, v, k)""",
         shapes=head_shapes(MHA, 3, 5, 4, 2, 3, 3, 3, use_bias=False),
         inputs={"q": floats_of(TIME, 3), "v": floats_of(STEPS, 5), "k": floats_of(STEPS, 4)},
         forward=keyed, losses={"y": "mse"})


def encoder_case():
    """The encoder of a text classifier as tutorials build it, over a table of positions."""
    places = {"positional_embedding/token_embeddings": (WORDS, WIDTH),
              "positional_embedding/position_embeddings": (TIME + 2, WIDTH)}

    def normalized(p, name, x):
        mean = x.mean(dim=-1, keepdim=True)
        variance = (x - mean).square().mean(dim=-1, keepdim=True)
        return (x - mean) / (variance + 1e-3).sqrt() * p[name + "/gamma"] + p[name + "/beta"]

    def forward(p, x):
        ids = x["words"]
        e = p["positional_embedding/token_embeddings"][ids] + p["positional_embedding/position_embeddings"][:TIME]
        y, _ = multi_head(p, "encoder/" + MHA, e, e, e, None)
        e = normalized(p, "encoder/layer_normalization", e + y)
        hidden = dense(p, "encoder/dense_1", dense(p, "encoder/dense", e, torch.relu))
        e = normalized(p, "encoder/layer_normalization_1", e + hidden)
        return {"label": (dense(p, "dense", e.amax(dim=1), softmax), None)}

    norms = {f"encoder/layer_normalization{s}/{w}": (WIDTH,) for s in ("", "_1") for w in ("gamma", "beta")}
    case("transformer_encoder",
         definitions="""
block Encoder(embed_dim, dense_dim, num_heads)(x) {
  attended = MultiHeadAttention(num_heads, key_dim = embed_dim)(x, x)
  x = LayerNormalization()(x + attended)
  hidden = x -> Dense(dense_dim, activation = relu) -> Dense(embed_dim)
  return LayerNormalization()(x + hidden)
}""",
         source=f"""
  input words: int[time]
  output label = words
    -> PositionalEmbedding({TIME + 2}, {WORDS}, {WIDTH})
    -> Encoder({WIDTH}, 8, 2)
    -> GlobalMaxPooling1D()
    -> Dense(3, activation = softmax)""",
         shapes={**places, **head_shapes("encoder/" + MHA, WIDTH, WIDTH, WIDTH, 2, WIDTH, WIDTH, WIDTH), **norms,
                 **dense_shapes("encoder/dense", WIDTH, 8), **dense_shapes("encoder/dense_1", 8, WIDTH), **HEAD},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, False)},
         forward=forward, losses={"label": SPARSE}, loss_weights={"label": SMALL})


def position_cases():
    for name, length in (("positional_embedding_masked", "time"), ("positional_embedding_fixed_masked", TIME)):
        def forward(p, x):
            ids = x["words"]
            e = p["positional_embedding/token_embeddings"][ids] + p["positional_embedding/position_embeddings"][:TIME]
            mask = ids != 0
            pooled = torch.cat([average_pool(e, mask), e.amax(dim=1)], dim=1)  # the maximum sees padding
            return {"label": (dense(p, "dense", pooled, softmax), None)}

        case(name,
             source=f"""
  input words: int[{length}]
  x = PositionalEmbedding(9, {WORDS}, {WIDTH}, mask_zero = true)(words)
  output label = Concatenate()(GlobalAveragePooling1D()(x), GlobalMaxPooling1D()(x)) -> Dense(3, activation = softmax)""",
             shapes={"positional_embedding/token_embeddings": (WORDS, WIDTH),
                     "positional_embedding/position_embeddings": (9, WIDTH), **dense_shapes("dense", 2 * WIDTH, 3)},
             inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)},
             forward=forward, losses={"label": SPARSE})

    def waves(p, x):
        e, mask = table(p, x["words"], True)
        e = e + sines(TIME, WIDTH, 50, e.dtype)
        return {"state": (recur("LSTM", p, "lstm", e, mask), None), "largest": (dense(p, "dense", e.amax(dim=1)), None)}

    case("sine_position_encoding_masked",
         source=f"""
  input words: int[time]
  e = Embedding({WORDS}, {WIDTH}, mask_zero = true)(words)
  x = e + SinePositionEncoding(max_wavelength = 50)(e)
  output state = x -> LSTM(4)
  output largest = x -> GlobalMaxPooling1D() -> Dense(3)""",
         shapes={**table_shape("embedding", WORDS, WIDTH), **recurrence_shapes("LSTM", "lstm", WIDTH, 4, {}), **HEAD},
         inputs={"words": lambda rng: ids_of(rng, TIME, WORDS, True)},
         forward=waves, losses={"state": "mse", "largest": "mse"})


def check_multi_head():
    """multi_head against PyTorch's own function."""
    rng = torch.Generator().manual_seed(3)
    heads, size, steps, batch = 2, 6, 5, 4

    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=rng)

    x, wide = draw(batch, steps, size), size // heads
    p = {f"m/{n}/kernel": draw(size, heads, wide) for n in ("query", "key", "value")}
    p.update({f"m/{n}/bias": draw(heads, wide) for n in ("query", "key", "value")})
    p.update({"m/attention_output/kernel": draw(heads, wide, size), "m/attention_output/bias": draw(size)})
    valid = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 1, 0, 1], [1, 0, 0, 0, 0]], dtype=torch.bool)
    found, weights = multi_head(p, "m", x, x, x, valid[:, None, :])
    inputs = torch.cat([p[f"m/{n}/kernel"].reshape(size, size).T for n in ("query", "key", "value")])
    biases = torch.cat([p[f"m/{n}/bias"].reshape(-1) for n in ("query", "key", "value")])
    theirs, their_weights = torch.nn.functional.multi_head_attention_forward(
        x.transpose(0, 1), x.transpose(0, 1), x.transpose(0, 1), size, heads, inputs, biases, None, None, False, 0.0,
        p["m/attention_output/kernel"].reshape(size, size).T, p["m/attention_output/bias"],
        key_padding_mask=~valid, average_attn_weights=False)
    assert torch.allclose(found, theirs.transpose(0, 1), rtol=0, atol=1e-12)
    assert torch.allclose(weights, their_weights, rtol=0, atol=1e-12)


def all_attention_cases():
    check_multi_head()
    plain_attention_cases()
    multi_head_cases()
    encoder_case()
    position_cases()
