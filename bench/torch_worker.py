#!/usr/bin/python3
"""PyTorch as a process that is asked for one measurement after another, so that programs can take turns.

usage: torch_worker.py DATA THREADS        DATA/<workload>/ as workloads.make_inputs writes it

Reads lines of JSON {"workload", "phase", "variant", "seconds"} and answers each with one, {"ms": [..]}, the
milliseconds of a step or call in each pass over the inputs, or {"error"}; or {"export": workload}, after which
DATA/<workload>/ holds weights.safetensors (Keras's layouts), expected_x.npy, expected_singles.npy (predictions),
gradients.npz (of the first batch, without dropout) and the models for ONNX Runtime.
"""
import json
import pathlib
import sys
import time
import warnings

import numpy as np
import torch

import torch_models as models
from workloads import BATCH, WORKLOADS

# Where a step costs the same whatever the batch holds and takes seconds, a pass is shorter.
STEPS_OF_PASS = {"w2": 1, "w7": 8, "w8": 4}
LEAST_PASSES = 1


def batches_of(data, workload, phase, variant):
    folder = data / workload
    if phase == "predict1":
        kind = variant if workload == "w6" else "padded"  # one input has no padding
        return [models.as_torch(workload, kind, x[None], None) for x in np.load(folder / "singles.npy")]
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    if variant.startswith("bucketed"):  # batches of like length: the usual way round the cost of padding
        order = np.argsort((x != 0).sum(1), kind="stable")
        x, y = x[order], y[order]
    pairs = [(x[i:i + BATCH], y[i:i + BATCH]) for i in range(0, len(x), BATCH)]
    return [models.as_torch(workload, variant, *pair) for pair in pairs[:STEPS_OF_PASS.get(workload)]]


def make_step(workload, model):
    optimizers = models.make_optimizers(workload, model.train())

    def step(batch):
        x, lengths, y = batch
        model.zero_grad(set_to_none=True)
        models.loss_of(workload, model(x, lengths), y).backward()
        for optimizer in optimizers:
            optimizer.step()
    return step


def make_call(workload, model):
    model.eval()

    def call(batch):
        models.probabilities(workload, model(batch[0], batch[1]))
    return call


def passes(run, batches, seconds):
    times, began = [], time.perf_counter()
    while len(times) < LEAST_PASSES or time.perf_counter() - began < seconds:
        started = time.perf_counter()
        for batch in batches:
            run(batch)
        times.append((time.perf_counter() - started) / len(batches) * 1e3)
    return times


class Measurements:
    def __init__(self, data):
        self.data, self.ready = data, {}

    def measure(self, workload, phase, variant, seconds):
        if phase == "once":  # what a program pays that starts, predicts once and ends
            with torch.inference_mode():
                return passes(make_call(workload, models.make_model(workload, variant)),
                              batches_of(self.data, workload, "predict1", variant)[:1], 0)
        key = workload, phase, variant
        if key not in self.ready:
            model = models.make_model(workload, variant)
            make = make_step if phase == "train" else make_call
            self.ready[key] = make(workload, model), batches_of(self.data, workload, phase, variant)
            self.warm_up(phase, *self.ready[key])
        run, batches = self.ready[key]
        if phase == "train":
            return passes(run, batches, seconds)
        with torch.inference_mode():
            return passes(run, batches, seconds)

    @staticmethod
    def warm_up(phase, run, batches):
        with torch.inference_mode(mode=phase != "train"):
            for batch in batches[:2]:
                run(batch)


# ---- export

def write_safetensors(path, model_name, tensors):
    header, blobs, offset = {"__metadata__": {"nlm.model": model_name}}, [], 0
    for name, tensor in sorted(tensors.items()):
        blob = tensor.detach().contiguous().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))


class WithProbabilities(torch.nn.Module):
    def __init__(self, workload, model):
        super().__init__()
        self.workload, self.model = workload, model

    def forward(self, *inputs):
        return models.probabilities(self.workload, self.model(*inputs))


def export_onnx(folder, workload, model, phase, x):
    """FOLDER/<phase>.onnx for the shapes of one call, and <phase>.json: whether it takes lengths."""
    batch = 1 if phase == "predict1" else BATCH
    masked = WORKLOADS[workload].masked
    source = models.PaddedMeanOfWords(model) if workload == "w3" else model
    words, _, _ = models.as_torch("w6" if workload == "w6" else "w1", "padded", x[:batch], None)
    takes_lengths = masked and (batch > 1 or workload == "w3")
    inputs = [words] + ([(words != 0).sum(1)] if takes_lengths else [])
    names = ["x", "lengths"][:len(inputs)]
    warnings.filterwarnings("ignore")  # about batches of another size, which there are none of
    torch.onnx.export(WithProbabilities(workload, source.eval()), tuple(inputs), str(folder / f"{phase}.onnx"),
                      opset_version=14, input_names=names, output_names=["y"], do_constant_folding=True)
    (folder / f"{phase}.json").write_text(json.dumps({"lengths": takes_lengths}))


def export(data, workload):
    folder = data / workload
    variant = WORKLOADS[workload].train_variants[0]
    model = models.make_model(workload, variant).eval()
    write_safetensors(folder / "weights.safetensors", workload,
                      model.named(lambda p: p.detach(), lambda a, b: (a + b).detach()))
    first = batches_of(data, workload, "train", variant)
    if variant.startswith("bucketed"):
        raise ValueError("the first variant must keep the order of the rows")
    with torch.inference_mode():
        for phase, name, batches in (("predict32", "expected_x", first),
                                     ("predict1", "expected_singles", batches_of(data, workload, "predict1", ""))):
            rows = [models.probabilities(workload, model(b[0], b[1])) for b in batches]
            np.save(folder / f"{name}.npy", torch.cat(rows).numpy())
    x, lengths, y = first[0]
    models.loss_of(workload, model(x, lengths), y).backward()
    gradients = model.named(lambda p: p.grad, lambda a, b: a.grad)
    np.savez(folder / "gradients.npz", **{k.replace("/", "."): v.contiguous().numpy() for k, v in gradients.items()})
    for phase, file in (("predict32", "x.npy"), ("predict1", "singles.npy")):
        if not (workload == "w2" and phase == "predict32"):
            export_onnx(folder, workload, model, phase, np.load(folder / file))


def main():
    data, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    measurements = Measurements(data)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ms": export(data, request["export"]) if "export" in request else measurements.measure(**request)}
        except Exception as error:  # whatever it is, the other programs go on
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
