#!/usr/bin/python3
"""PyTorch for sweep.py: reads lines of JSON {"point", "folder", "phase", "threads", "seconds"}, answers each with
{"ms": the quickest variant's median, "variant"}."""
import json
import pathlib
import statistics
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sweep_points import Point
from torch_models import RATE, EPSILON, RowOptimizer, embedding


class Net(nn.Module):
    def __init__(self, p, sparse):
        super().__init__()
        self.family, f, u = p.family, p.features, p.units
        self.heads, last = 2 if u % 2 == 0 else 1, u
        if p.family == "mean":
            self.table = nn.EmbeddingBag(p.vocabulary, f, mode="mean", sparse=sparse)
        elif p.family != "dense":
            self.table = embedding(p.vocabulary, f, sparse)
        if p.family == "dense":
            self.body = nn.Sequential(nn.Linear(f, u), nn.ReLU(), nn.Linear(u, u), nn.ReLU())
        elif p.family == "mean":
            self.body = nn.Sequential(nn.Linear(f, u), nn.ReLU())
        elif p.family == "conv":
            self.body = nn.Conv1d(f, u, 3)
        elif p.family == "attention":
            self.body, self.qkv, self.joined = nn.Linear(f, u), nn.Linear(u, 3 * u), nn.Linear(u, u)
        else:
            self.body = nn.GRU(f, u) if p.family == "gru" else nn.LSTM(f, u, bidirectional=p.family == "stack")
            self.second = nn.LSTM(2 * u, u) if p.family == "stack" else None
        self.unit = nn.Linear(last, 1)

    def attend(self, z):
        batch, steps, width = z.shape
        q, k, v = self.qkv(z).view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = torch.softmax((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2), -1)
        return self.joined((scores @ v).transpose(1, 2).reshape(batch, steps, width))

    def features(self, x):
        if self.family == "dense":
            return self.body(x)
        if self.family == "mean":
            return self.body(self.table(x))
        if self.family == "conv":
            return F.relu(self.body(self.table(x).transpose(1, 2))).amax(2)
        if self.family == "attention":
            return self.attend(self.body(self.table(x))).mean(1)
        steps, state = self.body(self.table(x.t().contiguous()))
        if self.second:
            steps, state = self.second(steps)
        return (state[0] if isinstance(state, tuple) else state)[-1]

    def forward(self, x):
        return self.unit(self.features(x)).squeeze(1)


def make_step(net):
    rows = net.table.weight if getattr(net, "table", None) is not None and net.table.sparse else None
    optimizers = [torch.optim.Adam([w for w in net.parameters() if w is not rows], lr=RATE, eps=EPSILON, foreach=True)]
    optimizers += [RowOptimizer(rows, True)] if rows is not None else []

    def step(x, y):
        net.zero_grad(set_to_none=True)
        F.binary_cross_entropy_with_logits(net(x), y).backward()
        for optimizer in optimizers:
            optimizer.step()
    return step


def time_variant(p, phase, sparse, batches, seconds):
    torch.manual_seed(0)
    net = Net(p, sparse)
    run = make_step(net.train()) if phase == "train" else lambda x, _: torch.sigmoid(net(x))
    net.train(phase == "train")
    times, began = [], None
    with torch.inference_mode(mode=phase != "train"):
        for x, y in batches[:2]:
            run(x, y)
        while began is None or time.perf_counter() - began < seconds:
            started = time.perf_counter()
            began = began or started
            for x, y in batches:
                run(x, y)
            times.append((time.perf_counter() - started) / len(batches) * 1e3)
    return statistics.median(times)


def measure(point, folder, phase, threads, seconds):
    torch.set_num_threads(threads)
    p, folder = Point(**point), pathlib.Path(folder)
    x, y = torch.from_numpy(np.load(folder / "x.npy")), torch.from_numpy(np.load(folder / "y.npy"))
    x = x if p.family == "dense" else x.long()
    batches = [(x[i:i + p.batch], y[i:i + p.batch]) for i in range(0, len(x), p.batch)]
    variants = ["dense"] if p.family == "dense" or phase != "train" else ["dense", "sparse"]
    if p.vocabulary > 200_000 and phase == "train":
        variants.remove("dense")  # a pass over the whole table each step: far slower
    found = {v: time_variant(p, phase, v == "sparse", batches, seconds) for v in variants}
    best = min(found, key=found.get)
    return {"ms": found[best], "variant": best}


def main():
    torch.set_flush_denormal(True)
    for line in sys.stdin:
        try:
            answer = measure(**json.loads(line))
        except Exception as error:  # whatever it is, the sweep goes on
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
