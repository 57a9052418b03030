#!/usr/bin/python3
"""Measures nlm and its peers, taking turns; started by run.sh, which README.md describes.

WORK gets: data/ (inputs, weights, expected values), nlm/ (what was built), profiles/ (time by kernel), results.json,
report.txt and report.md. The exit code is 1 when predictions or gradients differ from PyTorch's beyond tolerance.
"""
import argparse
import json
import pathlib
import statistics
import sys

import numpy as np

import programs
import report
from programs import Missing
from workloads import PHASES, WORKLOADS, make_inputs

# Largest differences from PyTorch that are rounding: of probabilities; of gradients relative to the largest element.
PREDICTION_TOLERANCE, GRADIENT_TOLERANCE = 2e-5, 1e-3


def say(text):
    print(text, file=sys.stderr, flush=True)


def parse():
    p = argparse.ArgumentParser(prog="run.sh", usage="run.sh BUILD WORK [options]")
    p.add_argument("build", type=pathlib.Path, help=argparse.SUPPRESS)
    p.add_argument("work", type=pathlib.Path, help=argparse.SUPPRESS)
    p.add_argument("--threads", default="1,2", help="numbers of threads, e.g. 1,2")
    p.add_argument("--only", default=",".join(WORKLOADS), help="workloads, e.g. w1,w5")
    p.add_argument("--phases", default=",".join(PHASES), help="some of train,predict32,predict1")
    p.add_argument("--peers", default="torch,onnxruntime,fasttext,onednn", help="or none")
    p.add_argument("--rounds", type=int, default=5, help="every program is measured once a round (5)")
    p.add_argument("--seconds", type=float, default=0.5, help="least time of one measurement (0.5)")
    p.add_argument("--no-profiles", action="store_true", help="leave the tables of kernels out")
    p.add_argument("--no-check", action="store_true", help="do not compare results with PyTorch's")
    o = p.parse_args()
    o.threads = [int(t) for t in o.threads.split(",")]
    o.only = [w.strip().lower() for w in o.only.split(",")]
    o.phases, o.peers = o.phases.split(","), o.peers.split(",")
    unknown = set(o.only) - set(WORKLOADS) | set(o.phases) - set(PHASES)
    if unknown:
        p.error(f"unknown: {', '.join(sorted(unknown))}")
    return o


# ---- the same results?

def worst(found, expected):
    return float(np.abs(found - expected).max())


def check_predictions(nlm, name, phase):
    file = "singles" if phase == "predict1" else "x"
    expected = np.load(nlm.data(name, f"expected_{file}.npy"))
    found = nlm.predictions(name, phase)[:expected.size].reshape(expected.shape)
    if WORKLOADS[name].per_token:  # what stands behind the end of a sentence is of no meaning
        real = np.load(nlm.data(name, f"{file}.npy"))[:len(expected)] != 0
        found, expected = found[real], expected[real]
    return worst(found, expected)


def check_gradients(nlm, name):
    """The largest difference, relative to the largest element of its parameter's gradient, and that parameter."""
    expected = np.load(nlm.data(name, "gradients.npz"))
    found = nlm.gradients(name)
    if set(found) != set(expected.files):
        raise RuntimeError(f"{name}: gradients of {sorted(set(found) ^ set(expected.files))} on one side only")
    scale = max(float(np.abs(expected[k]).max()) for k in found)
    # a bias in front of a softmax over keys has no gradient but rounding: compared with the model's largest
    return max((worst(found[k], expected[k].reshape(-1)) / max(float(np.abs(expected[k]).max()), 1e-3 * scale), k)
               for k in found)


def check(nlm, names, phases):
    """Rows of what was compared; the last field tells whether it agrees."""
    rows = []
    for name in names:
        for phase in phases:
            if phase == "train":
                difference, where = check_gradients(nlm, name)
                rows.append((name, "gradients", difference, where, difference <= GRADIENT_TOLERANCE))
            else:
                difference = check_predictions(nlm, name, phase)
                rows.append((name, phase, difference, "", difference <= PREDICTION_TOLERANCE))
    for row in rows:
        say(f"  {row[0]} {row[1]:10} differs by {row[2]:.1e} {row[3]}{'' if row[4] else '   TOO MUCH'}")
    return rows


# ---- measuring

class Measuring:
    def __init__(self, options):
        self.o = options
        self.nlm = programs.Nlm(options.build, options.work)
        self.torch, self.onnx, self.fasttext, self.onednn, self.notes = {}, {}, None, None, []
        self.samples = {}  # (workload, phase, threads, program) -> a value for each round

    def try_to_start(self, peer, start):
        if peer not in self.o.peers:
            return None
        try:
            return start()
        except Missing as reason:
            self.notes.append(f"left out: {reason}")
            say(self.notes[-1])
            return None

    def prepare(self):
        o = self.o
        for name in o.only:
            folder = o.work / "data" / name
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / "y.npy").exists():
                make_inputs(WORKLOADS[name], folder)
        self.torch = self.try_to_start("torch", lambda: {t: programs.start_torch(o.work, t) for t in o.threads}) or {}
        for name in o.only:
            if self.torch and not (o.work / "data" / name / "gradients.npz").exists():
                say(f"{name}: weights, expected values and ONNX models by PyTorch")
                self.torch[max(o.threads)].ask(export=name)
        self.fasttext = self.try_to_start("fasttext", lambda: programs.FastText(o.work)) if "w3" in o.only else None
        self.onednn = self.try_to_start("onednn", lambda: programs.OneDnn(o.work))
        if self.torch:
            self.onnx = self.try_to_start("onnxruntime",
                                          lambda: {t: programs.start_onnx_runtime(o.work, t) for t in o.threads}) or {}
        for name in o.only:
            say(f"{name}: building")
            self.nlm.prepare(name)

    def add(self, key, values):
        self.samples.setdefault(key, []).append(statistics.median(values))

    def measure_case(self, name, phase, threads):
        w, seconds = WORKLOADS[name], self.o.seconds
        self.add((name, phase, threads, "nlm"), self.nlm.measure(name, phase, threads, seconds))
        for width in w.padded_widths if phase == "train" else ():
            self.add((name, phase, threads, f"nlm padded to {width}"),
                     self.nlm.train(name, threads, seconds, f"padded_{width}.npy"))
        if self.torch:
            variants = w.train_variants if phase == "train" else w.predict_variants
            if phase == "predict1" and w.masked:
                variants = ("plain",)  # one input has no padding
            for variant in variants:
                answer = self.torch[threads].ask(workload=name, phase=phase, variant=variant, seconds=seconds)
                self.add((name, phase, threads, f"torch {variant}"), answer["ms"])
        if self.onnx and phase != "train" and (self.o.work / "data" / name / f"{phase}.onnx").exists():
            answer = self.onnx[threads].ask(workload=name, phase=phase, seconds=seconds)
            self.add((name, phase, threads, "onnxruntime"), answer["ms"])
            if answer["difference"] > PREDICTION_TOLERANCE:
                self.notes.append(f"ONNX Runtime differs from PyTorch by {answer['difference']:.1e} on {name} {phase}")
        if self.onednn and name in self.onednn.workloads:
            self.add((name, phase, threads, "onednn"), self.onednn.measure(name, phase, threads, seconds))
        if self.fasttext and (name, phase) == ("w3", "train"):
            self.add((name, phase, threads, "fasttext"), [self.fasttext.words_per_second(threads)])

    def measure_round(self):
        for threads in self.o.threads:
            for name in self.o.only:
                for phase in self.o.phases:
                    try:
                        self.measure_case(name, phase, threads)
                    except RuntimeError as error:
                        self.notes.append(f"{name} {phase}, {threads} threads: {error}")
                        say(self.notes[-1])

    def measure_starts(self):
        """{program: (milliseconds, MB)} from start to the end of one W1 prediction, and MB to train it."""
        if "w1" not in self.o.only:
            return {}, {}
        starts, memory = {"nlm": [self.nlm.start("w1") for _ in range(15)]}, {}
        memory["nlm"] = self.nlm.training_memory("w1", max(self.o.threads))
        if self.torch:
            starts["torch"] = [programs.start_of_peer(self.o.work, programs.start_torch, variant="packed_dense")
                               for _ in range(3)]
        if self.onnx:
            starts["onnxruntime"] = [programs.start_of_peer(self.o.work, programs.start_onnx_runtime)
                                     for _ in range(5)]
        medians = {k: (1e3 * statistics.median(s for s, _ in v), statistics.median(m for _, m in v))
                   for k, v in starts.items()}
        return medians, memory

    def close(self):
        for worker in [*self.torch.values(), *self.onnx.values()]:
            worker.close()


def measure(everything):
    """Everything that was found, as report.py takes it."""
    o = everything.o
    everything.prepare()
    found = {"machine": programs.machine(), "limits": programs.limits(o.build, o.threads), "rounds": o.rounds}
    found["checks"] = check(everything.nlm, o.only, o.phases) if everything.torch and not o.no_check else []
    for n in range(o.rounds):
        say(f"round {n + 1} of {o.rounds}")
        everything.measure_round()
    found["starts"], found["training_memory"] = everything.measure_starts()
    found["facts"] = everything.nlm.facts
    found["fasttext_words"] = everything.fasttext.words if everything.fasttext else 0
    found["samples"] = [[*key, values] for key, values in everything.samples.items()]
    found["notes"] = sorted(set(everything.notes))
    everything.close()
    if not o.no_profiles:
        for name in o.only:
            for threads in o.threads:
                everything.nlm.profile(name, threads)
    return found


def main():
    o = parse()
    found = measure(Measuring(o))
    (o.work / "results.json").write_text(json.dumps(found, indent=1))
    text, markdown = report.as_text(found, o.work), report.as_markdown(found, o.work)
    (o.work / "report.txt").write_text(text)
    (o.work / "report.md").write_text(markdown)
    print(text)
    return 0 if all(row[4] for row in found["checks"]) else 1


if __name__ == "__main__":
    sys.exit(main())
