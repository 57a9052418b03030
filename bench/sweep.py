#!/usr/bin/python3
"""Measures nets of many sizes beside PyTorch; started by sweep.sh, which README.md describes.

WORK gets sweep.json (every figure) and sweep.md (a table for each size that is varied). The exit code is 1 when PyTorch
was the quicker somewhere.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import sys

import programs
import sweep_points as nets
from programs import Missing, numbers, run

CLIFF = 2.0  # times as slow a FLOP as both neighbours


def parse():
    p = argparse.ArgumentParser(prog="sweep.sh", usage="sweep.sh BUILD WORK [options]")
    p.add_argument("build", type=pathlib.Path, help=argparse.SUPPRESS)
    p.add_argument("work", type=pathlib.Path, help=argparse.SUPPRESS)
    p.add_argument("--threads", default="1,2", help="numbers of threads, e.g. 1,2")
    p.add_argument("--families", default=",".join(nets.FAMILIES))
    p.add_argument("--sizes", default=",".join(nets.VARIED), help="what is varied")
    p.add_argument("--phases", default="train,predict")
    p.add_argument("--seconds", type=float, default=0.15, help="least time of one measurement (0.15)")
    p.add_argument("--no-torch", action="store_true", help="nlm alone")
    o = p.parse_args()
    o.threads = [int(t) for t in o.threads.split(",")]
    o.families, o.sizes, o.phases = o.families.split(","), o.sizes.split(","), o.phases.split(",")
    unknown = set(o.families) - set(nets.FAMILIES) | set(o.sizes) - set(nets.VARIED)
    unknown |= set(o.phases) - {"train", "predict"}
    if unknown:
        p.error(f"unknown: {', '.join(sorted(unknown))}")
    return o


class Sweep:
    def __init__(self, options):
        self.o, self.torch, self.found = options, None, {}  # (point, phase, threads) -> figures
        if not options.no_torch:
            try:
                self.torch = programs.start_torch(options.work, max(options.threads), "sweep_worker.py")
            except Missing as reason:
                print(f"left out: {reason}", file=sys.stderr)

    def prepare(self, p, folder):
        folder.mkdir(parents=True)
        nets.make_inputs(p, folder)
        source = folder / "net.nlm"
        source.write_text(nets.source(p))
        if "train" in self.o.phases:
            programs.link(self.o.build, source, "net", "train_steps", folder / "train", "--training")
        if "predict" in self.o.phases:
            whole, weights = folder / "whole", folder / "net.safetensors"
            run(self.o.build / "driver/nlmc", "build", source, "-o", whole)
            x, y = self.tensors(p, folder)
            run(whole, "train", "--input", x, "--target", y, "--epochs", 1, "--save", weights, "--quiet")
            programs.link(self.o.build, source, "net", "predict_calls", folder / "predict", "--weights", weights)

    @staticmethod
    def tensors(p, folder):
        return f"{'x' if p.family == 'dense' else 'words'}={folder / 'x.npy'}", f"y={folder / 'y.npy'}"

    def nlm(self, p, folder, phase, threads):
        if phase == "predict":
            return numbers(run(folder / "predict", threads, self.o.seconds, p.batch, folder / "x.npy"))
        return numbers(run(folder / "train", "time", threads, self.o.seconds, p.batch, *self.tensors(p, folder)))

    def measure(self, p):
        folder = self.o.work / "sweep" / p.name
        shutil.rmtree(folder, ignore_errors=True)
        self.prepare(p, folder)
        for phase in self.o.phases:
            for threads in self.o.threads:
                ms = statistics.median(self.nlm(p, folder, phase, threads))
                row = {"ms": ms, "gflops": nets.forward_flop(p) * (3 if phase == "train" else 1) / ms * 1e-6}
                if self.torch:
                    answer = self.torch.ask(point={"family": p.family, **p.sizes}, folder=str(folder), phase=phase,
                                            threads=threads, seconds=self.o.seconds)
                    row |= {"torch_ms": answer["ms"], "variant": answer["variant"], "ratio": answer["ms"] / ms}
                self.found[p, phase, threads] = row
        shutil.rmtree(folder)

    def run(self):
        lines = nets.points(self.o.families, self.o.sizes)
        todo = sorted({p for line in lines.values() for p in line if nets.valid(p)}, key=lambda p: p.name)
        for k, p in enumerate(todo):
            print(f"{k + 1} of {len(todo)}: {p.name}", file=sys.stderr, flush=True)
            try:
                self.measure(p)
            except RuntimeError as error:
                print(error, file=sys.stderr)
        if self.torch:
            self.torch.close()
        return lines


def remark(rates, k, ratio):
    """What a reader should see: PyTorch ahead, or a FLOP twice as dear as at both neighbours."""
    words = ["PyTorch is quicker"] if ratio is not None and ratio < 1 else []
    near = [rates[i] for i in (k - 1, k + 1) if 0 <= i < len(rates)]
    if len(near) == 2 and CLIFF * rates[k] < min(near):
        words.append("a cliff")
    return ", ".join(words)


def table(sweep, family, size, line, phase, threads):
    rows = [(p, sweep.found[p, phase, threads]) for p in line if (p, phase, threads) in sweep.found]
    rates = [row["gflops"] for _, row in rows]
    done = "training" if phase == "train" else "prediction"
    title = f"{family}: {size}, {done}, {threads} thread{'s' * (threads > 1)}"
    text = [f"### {title}", "", f"| {size} | ms | GFLOP/s | PyTorch / nlm | |", "|---|---|---|---|---|"]
    for k, (p, row) in enumerate(rows):
        ratio = row.get("ratio")
        text.append(f"| {getattr(p, size)} | {row['ms']:.3g} | {row['gflops']:.3g} | "
                    f"{'-' if ratio is None else f'{ratio:.1f}'} | {remark(rates, k, ratio)} |")
    return "\n".join(text)


def summary(sweep):
    ratios = [(row["ratio"], p, phase, threads) for (p, phase, threads), row in sweep.found.items() if "ratio" in row]
    if not ratios:
        return "", 0
    behind = sorted((r for r in ratios if r[0] < 1), key=lambda r: r[0])
    text = [f"{len(ratios)} measurements; PyTorch / nlm from {min(ratios, key=lambda r: r[0])[0]:.2f} to "
            f"{max(ratios, key=lambda r: r[0])[0]:.1f}, median {statistics.median(r[0] for r in ratios):.1f}; "
            f"PyTorch quicker in {len(behind)}.", ""]
    text += [f"- {p.name}, {phase}, {threads} threads: {ratio:.2f}" for ratio, p, phase, threads in behind]
    return "\n".join(text) + "\n", len(behind)


def main():
    o = parse()
    o.work.mkdir(parents=True, exist_ok=True)
    sweep = Sweep(o)
    lines = sweep.run()
    told, behind = summary(sweep)
    tables = [table(sweep, f, s, line, phase, t)
              for (f, s), line in lines.items() for phase in o.phases for t in o.threads]
    (o.work / "sweep.md").write_text(told + "\n" + "\n\n".join(tables) + "\n")
    (o.work / "sweep.json").write_text(json.dumps(
        [{"family": p.family, **p.sizes, "phase": phase, "threads": t, **row}
         for (p, phase, t), row in sweep.found.items()], indent=1))
    print(told)
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
