#!/usr/bin/python3
"""Times PyTorch on the review classifier: Embedding(20000, 256), bidirectional LSTM(32), dropout, one sigmoid unit.

usage: torch_bilstm.py train|predict|export FOLDER THREADS        FOLDER holds what review_data.py writes

train     RMSprop steps on packed batches of 32; with a dense embedding gradient and with a sparse one,
          whose optimizer touches only the rows that occur (quicker, though not the same rule)
predict   one review of 233 words at a time, without gradients

export    writes FOLDER/bilstm.safetensors (Keras's layouts) and FOLDER/expect_label.npy, the predictions for
          train_words.npy with these weights: what is timed can be shown to be the same model

Prints one line a variant: NAME<TAB>MILLISECONDS, the median of three rounds. bilstm.sh starts it with the
libraries and settings that serve PyTorch best.
"""
import json
import pathlib
import statistics
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

VOCABULARY, WIDTH, UNITS, BATCH = 20_000, 256, 32, 32
RATE, DECAY, EPSILON = 1e-3, 0.9, 1e-7


class ReviewClassifier(nn.Module):
    def __init__(self, sparse):
        super().__init__()
        self.table = nn.Embedding(VOCABULARY, WIDTH, sparse=sparse)
        self.lstm = nn.LSTM(WIDTH, UNITS, bidirectional=True)
        self.dropout = nn.Dropout(0.5)
        self.unit = nn.Linear(2 * UNITS, 1)

    def forward(self, words, lengths=None):
        """words (time, batch) -> logits (batch)."""
        steps = self.table(words)
        if lengths is not None:
            steps = pack_padded_sequence(steps, lengths, enforce_sorted=False)
        _, (last, _) = self.lstm(steps)
        return self.unit(self.dropout(torch.cat([last[0], last[1]], dim=1))).squeeze(1)


class RowRMSprop:
    """RMSprop over the rows that a sparse gradient names."""

    def __init__(self, weight):
        self.weight, self.mean_square = weight, torch.zeros_like(weight)

    @torch.no_grad()
    def step(self):
        gradient = self.weight.grad.coalesce()
        rows, values = gradient.indices()[0], gradient.values()
        mean_square = self.mean_square[rows].mul_(DECAY).addcmul_(values, values, value=1 - DECAY)
        self.mean_square[rows] = mean_square
        self.weight.index_add_(0, rows, values / (mean_square + EPSILON).sqrt(), alpha=-RATE)


def load_batches(folder):
    words = np.load(folder / "train_words.npy").astype(np.int64)
    labels = np.load(folder / "train_label.npy")
    lengths = (words != 0).sum(axis=1)
    return [(torch.from_numpy(words[i:i + BATCH].T.copy()), torch.from_numpy(lengths[i:i + BATCH]),
             torch.from_numpy(labels[i:i + BATCH])) for i in range(0, len(words), BATCH)]


def median_ms(run, count, rounds=3):
    """Milliseconds per call of run(i), i < count; one round warms up."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        for i in range(count):
            run(i)
        times.append((time.perf_counter() - start) / count * 1e3)
    return statistics.median(times[1:])


def train(folder):
    batches = load_batches(folder)
    for sparse in (False, True):
        torch.manual_seed(0)
        model = ReviewClassifier(sparse).train()
        dense = [p for p in model.parameters() if not (sparse and p is model.table.weight)]
        optimizers = [torch.optim.RMSprop(dense, lr=RATE, alpha=DECAY, eps=EPSILON, foreach=True)]
        if sparse:
            optimizers.append(RowRMSprop(model.table.weight))

        def step(i):
            words, lengths, labels = batches[i]
            model.zero_grad(set_to_none=True)
            nn.functional.binary_cross_entropy_with_logits(model(words, lengths), labels).backward()
            for optimizer in optimizers:
                optimizer.step()

        ms = median_ms(step, len(batches))
        print(f"train_packed_{'sparse' if sparse else 'dense'}\t{ms:.4f}", flush=True)


def predict(folder):
    singles = torch.from_numpy(np.load(folder / "few_words.npy").astype(np.int64))
    model = ReviewClassifier(False).eval()
    with torch.inference_mode():
        ms = median_ms(lambda i: torch.sigmoid(model(singles[i].unsqueeze(1))), len(singles))
    print(f"predict_single\t{ms:.4f}", flush=True)


def write_safetensors(path, tensors):
    header, blobs, offset = {"__metadata__": {"nlm.model": "bilstm"}}, [], 0
    for name, tensor in sorted(tensors.items()):
        blob = tensor.detach().contiguous().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def export(folder):
    torch.manual_seed(0)
    model = ReviewClassifier(False).eval()
    tensors = {"embedding/embeddings": model.table.weight, "dense/kernel": model.unit.weight.t(),
               "dense/bias": model.unit.bias}
    for direction, suffix in (("forward", ""), ("backward", "_reverse")):
        part = {n: getattr(model.lstm, f"{n}_l0{suffix}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        prefix = f"bidirectional/{direction}/"
        tensors[prefix + "kernel"] = part["weight_ih"].t()  # gates i f c o in both frameworks
        tensors[prefix + "recurrent_kernel"] = part["weight_hh"].t()
        tensors[prefix + "bias"] = part["bias_ih"] + part["bias_hh"]
    write_safetensors(folder / "bilstm.safetensors", tensors)
    with torch.inference_mode():
        rows = [torch.sigmoid(model(words, lengths)) for words, lengths, _ in load_batches(folder)]
    np.save(folder / "expect_label.npy", torch.cat(rows).unsqueeze(1).numpy())


def main():
    mode, folder, threads = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    {"train": train, "predict": predict, "export": export}[mode](folder)


if __name__ == "__main__":
    main()
