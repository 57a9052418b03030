"""The workloads in PyTorch, with their weights and gradients under nlm's names and in Keras's layouts."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

RATE, DECAY, EPSILON = 1e-3, 0.9, 1e-7


def embedding(vocabulary, width, sparse):
    table = nn.Embedding(vocabulary, width, sparse=sparse)
    nn.init.uniform_(table.weight, -0.05, 0.05)
    return table


# ---- from PyTorch's parameters to nlm's; `of` gives a parameter's values or its gradient

def lstm_names(prefix, lstm, of, bias):
    """Gates i f c o in both."""
    result = {}
    for direction, suffix in (("forward", ""), ("backward", "_reverse")):
        part = {n: getattr(lstm, f"{n}_l0{suffix}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        result[f"{prefix}/{direction}/kernel"] = of(part["weight_ih"]).t()
        result[f"{prefix}/{direction}/recurrent_kernel"] = of(part["weight_hh"]).t()
        result[f"{prefix}/{direction}/bias"] = bias(part["bias_ih"], part["bias_hh"])
    return result


def gru_names(prefix, gru, layer, of):
    """Gates r z n in PyTorch, z r h here; two biases."""
    def swap(t):
        r, z, n = t.chunk(3, dim=0)
        return torch.cat([z, r, n], dim=0)
    part = {n: swap(of(getattr(gru, f"{n}_l{layer}"))) for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    return {f"{prefix}/kernel": part["weight_ih"].t(), f"{prefix}/recurrent_kernel": part["weight_hh"].t(),
            f"{prefix}/bias": torch.stack([part["bias_ih"], part["bias_hh"]])}


def dense_names(prefix, linear, of):
    return {f"{prefix}/kernel": of(linear.weight).t(), f"{prefix}/bias": of(linear.bias)}


# ---- the models: forward(x, lengths) gives logits

def one_hot(words, depth):
    if torch.onnx.is_in_onnx_export():
        return F.one_hot(words, depth).float()
    return torch.zeros(*words.shape, depth).scatter_(2, words.unsqueeze(2), 1.0)  # without a table of integers


class Reviews(nn.Module):
    """W1 and W2. Packed where lengths are given."""

    def __init__(self, one_hot=False, sparse=False):
        super().__init__()
        self.table = None if one_hot else embedding(20_000, 256, sparse)
        self.lstm = nn.LSTM(20_000 if one_hot else 256, 32, bidirectional=True)
        self.dropout, self.unit = nn.Dropout(0.5), nn.Linear(64, 1)

    def forward(self, x, lengths=None):
        words = x.t().contiguous()
        steps = self.table(words) if self.table is not None else one_hot(words, 20_000)
        if lengths is not None:
            steps = pack_padded_sequence(steps, lengths, enforce_sorted=False)
        _, (last, _) = self.lstm(steps)
        return self.unit(self.dropout(torch.cat([last[0], last[1]], dim=1))).squeeze(1)

    def named(self, of, bias):
        table = {} if self.table is None else {"embedding/embeddings": of(self.table.weight)}
        return {**table, **lstm_names("bidirectional", self.lstm, of, bias), **dense_names("dense", self.unit, of)}


class MeanOfWords(nn.Module):
    """W3. x: the real words of all rows behind each other; lengths: where each row starts."""

    def __init__(self, sparse=False):
        super().__init__()
        self.table = nn.EmbeddingBag(20_000, 256, mode="mean", sparse=sparse)
        nn.init.uniform_(self.table.weight, -0.05, 0.05)
        self.hidden, self.unit = nn.Linear(256, 16), nn.Linear(16, 1)

    def forward(self, x, starts):
        return self.unit(F.relu(self.hidden(self.table(x, starts)))).squeeze(1)

    def named(self, of, _):
        return {"embedding/embeddings": of(self.table.weight), **dense_names("dense", self.hidden, of),
                **dense_names("dense_1", self.unit, of)}


class PaddedMeanOfWords(nn.Module):
    """W3 for ONNX: padded rows of words, id 0 a row of zeros."""

    def __init__(self, trained):
        super().__init__()
        table = trained.table.weight.detach().clone()
        table[0] = 0
        self.table = nn.Embedding.from_pretrained(table)
        self.hidden, self.unit = trained.hidden, trained.unit

    def forward(self, x, lengths):
        mean = self.table(x).sum(1) / lengths.unsqueeze(1).float()
        return self.unit(F.relu(self.hidden(mean))).squeeze(1)


class Tagger(nn.Module):
    """W4. Gives (B, T, 17)."""

    def __init__(self, sparse=False):
        super().__init__()
        self.table, self.lstm = embedding(20_000, 128, sparse), nn.LSTM(128, 64, bidirectional=True)
        self.tags = nn.Linear(128, 17)

    def forward(self, x, lengths=None):
        steps = self.table(x.t().contiguous())
        if lengths is None:
            return self.tags(self.lstm(steps)[0]).transpose(0, 1)
        steps, _ = self.lstm(pack_padded_sequence(steps, lengths, enforce_sorted=False))
        return self.tags(pad_packed_sequence(steps, total_length=x.shape[1])[0]).transpose(0, 1)

    def named(self, of, bias):
        return {"embedding/embeddings": of(self.table.weight), **lstm_names("bidirectional", self.lstm, of, bias),
                **dense_names("time_distributed", self.tags, of)}


class Patterns(nn.Module):
    """W5. `unfold`: the convolution as one product over windows, and the activation behind the maximum."""

    def __init__(self, sparse=False, unfold=False):
        super().__init__()
        self.unfold = unfold
        self.table, self.conv, self.unit = embedding(20_000, 128, sparse), nn.Conv1d(128, 128, 5), nn.Linear(128, 1)

    def forward(self, x, _=None):
        steps = self.table(x)
        if not self.unfold:
            return self.unit(F.relu(self.conv(steps.transpose(1, 2))).amax(2)).squeeze(1)
        windows = steps.unfold(1, 5, 1).reshape(-1, 640)
        rows = windows @ self.conv.weight.reshape(128, 640).t() + self.conv.bias
        return self.unit(F.relu(rows.view(len(x), -1, 128).amax(1))).squeeze(1)

    def named(self, of, _):
        return {"embedding/embeddings": of(self.table.weight), "conv1d/kernel": of(self.conv.weight).permute(2, 1, 0),
                "conv1d/bias": of(self.conv.bias), **dense_names("dense", self.unit, of)}


class Digits(nn.Module):
    """W6. x (B, 1, 28, 28)."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 64, 3), nn.Conv2d(64, 64, 3)
        self.hidden, self.classes = nn.Linear(1600, 64), nn.Linear(64, 10)

    def forward(self, x, _=None):
        x = F.max_pool2d(F.relu(self.first(x)), 2)
        x = F.max_pool2d(F.relu(self.second(x)), 2)
        return self.classes(F.relu(self.hidden(torch.flatten(x, 1))))

    def named(self, of, _):
        hidden = of(self.hidden.weight).reshape(64, 64, 5, 5).permute(2, 3, 1, 0).reshape(1600, 64)
        return {"conv2d/kernel": of(self.first.weight).permute(2, 3, 1, 0), "conv2d/bias": of(self.first.bias),
                "conv2d_1/kernel": of(self.second.weight).permute(2, 3, 1, 0), "conv2d_1/bias": of(self.second.bias),
                "dense/kernel": hidden, "dense/bias": of(self.hidden.bias), **dense_names("dense_1", self.classes, of)}


class StackedGRU(nn.Module):
    """W7."""

    def __init__(self):
        super().__init__()
        self.table, self.gru = embedding(5_000, 64, False), nn.GRU(64, 128, num_layers=2)
        self.classes = nn.Linear(128, 4)

    def forward(self, x, _=None):
        return self.classes(self.gru(self.table(x.t().contiguous()))[1][-1])

    def named(self, of, _):
        return {"embedding/embeddings": of(self.table.weight), **gru_names("gru", self.gru, 0, of),
                **gru_names("gru_1", self.gru, 1, of), **dense_names("dense", self.classes, of)}


class Encoder(nn.Module):
    """W8. Queries, keys and values in one product."""

    def __init__(self, width=256, heads=2, hidden=32, steps=200):
        super().__init__()
        self.heads, self.width = heads, width
        self.table, self.places = embedding(20_000, width, False), embedding(steps, width, False)
        self.qkv, self.joined = nn.Linear(width, 3 * heads * width), nn.Linear(heads * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-3), nn.LayerNorm(width, eps=1e-3)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.dropout, self.unit = nn.Dropout(0.5), nn.Linear(width, 1)

    def forward(self, x, _=None):
        z = self.table(x) + self.places.weight
        batch, steps, _ = z.shape
        q, k, v = self.qkv(z).view(batch, steps, 3, self.heads, self.width).permute(2, 0, 3, 1, 4)
        scores = torch.softmax((q * self.width ** -0.5) @ k.transpose(-1, -2), -1)
        z = self.norm1(z + self.joined((scores @ v).transpose(1, 2).reshape(batch, steps, -1)))
        z = self.norm2(z + self.down(F.relu(self.up(z))))
        return self.unit(self.dropout(z.amax(1))).squeeze(1)

    def named(self, of, _):
        prefix, h, w = "encoder/multi_head_attention", self.heads, self.width
        result = {"positional_embedding/token_embeddings": of(self.table.weight),
                  "positional_embedding/position_embeddings": of(self.places.weight)}
        kernels, biases = of(self.qkv.weight).reshape(3, h, w, w), of(self.qkv.bias).reshape(3, h, w)
        for k, part in enumerate(("query", "key", "value")):
            result[f"{prefix}/{part}/kernel"] = kernels[k].permute(2, 0, 1)
            result[f"{prefix}/{part}/bias"] = biases[k]
        result[f"{prefix}/attention_output/kernel"] = of(self.joined.weight).t().reshape(h, w, w)
        result[f"{prefix}/attention_output/bias"] = of(self.joined.bias)
        for name, norm in (("layer_normalization", self.norm1), ("layer_normalization_1", self.norm2)):
            result[f"encoder/{name}/gamma"], result[f"encoder/{name}/beta"] = of(norm.weight), of(norm.bias)
        return {**result, **dense_names("encoder/dense", self.up, of), **dense_names("encoder/dense_1", self.down, of),
                **dense_names("dense", self.unit, of)}


def make_model(name, variant=""):
    torch.manual_seed(0)
    sparse = variant.endswith("_sparse") or variant == "sparse"
    makers = {"w1": lambda: Reviews(sparse=sparse), "w2": lambda: Reviews(one_hot=True),
              "w3": lambda: MeanOfWords(sparse), "w4": lambda: Tagger(sparse),
              "w5": lambda: Patterns(sparse, "unfold" in variant), "w6": Digits, "w7": StackedGRU, "w8": Encoder}
    model = makers[name]()
    return model.to(memory_format=torch.channels_last) if variant == "channels_last" else model


# ---- losses and steps

def loss_of(name, logits, y):
    if name == "w4":  # y -100 where there is no token
        return F.cross_entropy(logits.reshape(-1, 17), y.reshape(-1), ignore_index=-100)
    if name in ("w6", "w7"):
        return F.cross_entropy(logits, y)
    return F.binary_cross_entropy_with_logits(logits, y)


def probabilities(name, logits):
    return torch.softmax(logits, -1) if name in ("w4", "w6", "w7") else torch.sigmoid(logits)


class RowOptimizer:
    """RMSprop or Adam over the rows that a sparse gradient names: quicker than the dense rule, and not the same."""

    def __init__(self, weight, adam):
        self.weight, self.adam, self.count = weight, adam, 0
        self.mean, self.square = torch.zeros_like(weight) if adam else None, torch.zeros_like(weight)

    @torch.no_grad()
    def step(self):
        gradient = self.weight.grad.coalesce()
        rows, values = gradient.indices()[0], gradient.values()
        decay = 0.999 if self.adam else DECAY
        self.count += 1
        square = self.square[rows].mul_(decay).addcmul_(values, values, value=1 - decay)
        self.square[rows] = square
        rate = RATE
        if self.adam:
            values = self.mean[rows].mul_(0.9).add_(values, alpha=0.1)
            self.mean[rows] = values
            rate *= (1 - decay ** self.count) ** 0.5 / (1 - 0.9 ** self.count)
        self.weight.index_add_(0, rows, values.div_(square.sqrt_().add_(EPSILON)), alpha=-rate)


def make_optimizers(name, model):
    adam = name in ("w4", "w5", "w6", "w7", "w8")
    table = getattr(model, "table", None)
    rows = table.weight if table is not None and table.sparse else None
    dense = [p for p in model.parameters() if p is not rows]
    if adam:
        result = [torch.optim.Adam(dense, lr=RATE, eps=EPSILON, foreach=True)]
    else:
        result = [torch.optim.RMSprop(dense, lr=RATE, alpha=DECAY, eps=EPSILON, foreach=True)]
    return result + ([RowOptimizer(rows, adam)] if rows is not None else [])


# ---- batches: (x, lengths, y) as each variant wants them

def as_torch(name, variant, x, y):
    """One batch of NumPy arrays; what a loader would have ready is not timed."""
    if name == "w6":
        image = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
        image = image.contiguous(memory_format=torch.channels_last) if variant == "channels_last" else image
        return image, None, None if y is None else torch.from_numpy(y.astype(np.int64))
    lengths = (x != 0).sum(1)
    words = torch.from_numpy(x.astype(np.int64))
    if name == "w4" and y is not None:
        y = np.where(x != 0, y, -100)
    target = None if y is None else torch.from_numpy(y if y.dtype == np.float32 else y.astype(np.int64))
    if name == "w3":
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        return torch.from_numpy(x[x != 0].astype(np.int64)), torch.from_numpy(starts), target
    if variant.startswith("bucketed"):
        return words[:, :int(lengths.max())].contiguous(), None, target
    packed = variant.startswith("packed")
    return words, torch.from_numpy(lengths) if packed else None, target
