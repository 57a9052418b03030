#!/usr/bin/python3
"""Makes the stored references of tests/oracle: run by hand when a case is added, never by the tests.

usage: make_references.py [CASE...]        needs Debian's python3-torch and python3-numpy

Everything is computed in double by keras_rules.py from weights that single precision can hold. For every case
the folder cases/<case>/ gets:

  model.nlm                 the model, with a train block for RMSprop
  input_<name>.npy, target_<name>.npy       one row an example
  weight_<output>.npy       of rows or steps; weight.npy: for all outputs
  weights_f32.safetensors, weights_f64.safetensors    the initial weights, the same numbers
  expect_<output>.npy       the outputs at the initial weights
  metrics.tsv               loss and accuracy at the initial weights, all rows as one batch
  gradients.safetensors     of the loss of all rows as one batch; zeros for frozen weights; of moving averages what
                            one step takes off them
  after_rmsprop.safetensors, after_adam.safetensors   after 10 epochs of batches in the order of the rows
  optimizers.tsv            of some cases: further trainings, their names and optimizers, with after_<name>.safetensors

cases.json lists the cases with the tolerances that run_case.sh is given.
"""
import json
import pathlib
import shutil
import sys
import zlib

import numpy as np
import torch

import cases_of_arguments
import cases_of_cells
import cases_of_chains
import cases_of_convolution
import cases_of_attention
import cases_of_elements
import cases_of_layers
import cases_of_losses
import cases_of_masks
import cases_of_optimizers
import cases_of_sequences
import cases_of_steps
import chain_rules
import cases_of_training
import cross_check
from cases import CASES
from keras_rules import accuracy_value, adam, loss_value, masked_mean, rmsprop

HERE = pathlib.Path(__file__).resolve().parent
EPOCHS, RATE = 10, 0.005
# relative to the largest absolute value of the expected tensor
TOLERANCES = {"f64": {"forward": "1e-10", "gradient": "1e-9", "trained": "1e-8"},
              "f32": {"forward": "2e-5", "gradient": "2e-4", "trained": "2e-4"}}
OPTIMIZERS = {"rmsprop": rmsprop, "adam": adam}


def write_safetensors(path, tensors, metadata=None):
    header, blobs, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name in sorted(tensors):
        array = np.asarray(tensors[name], order="C")  # a number keeps its rank of 0
        blob = array.astype(array.dtype.newbyteorder("<")).tobytes()
        header[name] = {"dtype": {4: "F32", 8: "F64"}[array.itemsize], "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def source_of(case):
    losses = list(case.losses.items())
    lines = ["optimizer  = RMSprop(learning_rate = %g)" % RATE]
    if len(losses) == 1:
        lines.append("loss       = " + losses[0][1])
        if has_accuracy(case):
            lines.append("metrics    = [accuracy]")
    else:
        lines.append("loss       = {%s}" % ", ".join(f"{name}: {loss}" for name, loss in losses))
    if case.loss_weights:
        lines.append("loss_weights = {%s}" % ", ".join(f"{n}: {w}" for n, w in case.loss_weights.items()))
    if case.sample_weights:
        lines.append("sample_weight = true")
    if case.class_weights:
        lines.append("class_weight = " + class_weight_text(case))
    if case.stateful:
        lines.append("shuffle = false")
    lines += [f"epochs     = {EPOCHS}", f"batch_size = {case.batch_size}"]
    body = "\n  ".join(lines)
    definitions = case.definitions.strip() + "\n\n" if case.definitions else ""
    return f"{definitions}model {case.name} {{\n{case.source.lstrip(chr(10))}\n}}\n\ntrain {case.name} {{\n  {body}\n}}\n"


def class_weight_text(case):
    text = {name: w if w == "balanced" else "{%s}" % ", ".join(f"{k}: {x:g}" for k, x in enumerate(w))
            for name, w in case.class_weights.items()}
    if len(case.losses) == 1:
        return next(iter(text.values()))
    return "{%s}" % ", ".join(f"{name}: {w}" for name, w in text.items())


def classes_of(loss, target):
    """Keras: the class of a target is its number, the place of its largest value, or 0 and 1 as they stand."""
    if loss == "sparse_categorical_crossentropy":
        return target
    if loss == "binary_crossentropy":
        return target.round().astype(np.int64)
    return target.argmax(axis=-1)


def balanced(classes):
    """n / (classes that occur * count) for each class."""
    found, counts = np.unique(classes, return_counts=True)
    weights = np.zeros(found.max() + 1)
    weights[found] = classes.size / (len(found) * counts)
    return weights


def has_accuracy(case):
    """For one output whose targets are classes; not for several independent flags per row."""
    if any(loss.lower().startswith("ctc") for loss in case.losses.values()):
        return False
    return len(case.losses) == 1 and not case.loss_functions and "mse" not in case.losses.values() and case.name != "loss_binary"


def make_target(case, rng, output, loss, prediction):
    shape = prediction.shape
    if output in case.targets:
        return case.targets[output](rng, shape)
    if loss == "mse":
        return rng.uniform(-1, 1, shape).astype(np.float32).astype(np.float64)
    if loss == "binary_crossentropy":
        flags = rng.integers(0, 2, shape).astype(np.float64)
        return flags[:, 0] if shape[1:] == (1,) else flags
    classes = rng.integers(0, shape[-1], shape[:-1], dtype=np.int64)
    if loss == "sparse_categorical_crossentropy":
        return classes
    if case.soft_targets:
        return rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    return np.eye(shape[-1])[classes]


class Reference:
    """One case at one precision."""

    def __init__(self, case, weights, inputs, targets, dtype, sample_weights=None):
        sample_weights = sample_weights or {}
        self.row_weights = {False: {}, True: {}}  # by whether it is a training step
        for name, loss in case.losses.items() if targets else ():
            row = sample_weights.get(name, sample_weights.get(""))
            table = case.class_weights.get(name)
            for training in (False, True):
                all_rows = row
                if training and table is not None:
                    classes = classes_of(loss, targets[name])
                    by_class = (balanced(classes) if table == "balanced" else np.array(table, float))[classes]
                    all_rows = by_class if row is None else by_class * row
                if all_rows is not None:
                    self.row_weights[training][name] = torch.tensor(all_rows, dtype=dtype)
        self.case, self.dtype = case, dtype
        self.weights = {n: torch.tensor(w, dtype=dtype) for n, w in weights.items()}
        self.inputs = {n: self.tensor(v) for n, v in inputs.items()}
        self.targets = {n: self.tensor(v) for n, v in targets.items()}

    def tensor(self, array):
        return torch.tensor(array, dtype=self.dtype if array.dtype.kind == "f" else torch.int64)

    def rows(self, rows):
        return {n: v[rows] for n, v in self.inputs.items()}

    def outputs(self, weights, rows=slice(None), training=False, memory=None):
        forward = self.case.training if training and self.case.training else self.case.forward
        if self.case.stateful and memory is None:  # all rows, batch after batch
            memory, starts = {}, range(0, self.case.rows, self.case.batch_size)
            parts = [forward(weights, self.rows(slice(at, at + self.case.batch_size)), memory) for at in starts]
            return {n: (torch.cat([p[n][0] for p in parts]), None) for n in parts[0]}
        if self.case.stateful:
            return forward(weights, self.rows(rows), memory)
        return forward(weights, self.rows(rows))

    def moved(self, weights, rows=slice(None)):
        """New values of weights that no gradient trains."""
        return self.case.moves(weights, self.rows(rows)) if self.case.moves else {}

    def loss_of(self, name, loss, value, mask, target, weights):
        if name not in self.case.loss_functions:
            return loss_value(loss, value, target, mask, weights)
        if name in self.case.loss_masks:
            counted = self.case.loss_masks[name](target)
            mask = counted if mask is None else mask & counted
        values = self.case.loss_functions[name](value, target)
        return masked_mean(values if weights is None else values * weights, mask)

    def weights_of(self, name, value, rows, training):
        weights = self.row_weights[training].get(name)
        if weights is None:
            return None
        weights = weights[rows]
        return weights.unsqueeze(-1) if weights.dim() < value.dim() - 1 else weights

    def loss(self, outputs, rows=slice(None), training=False):
        return sum(self.case.loss_weights.get(name, 1.0)
                   * self.loss_of(name, loss, *outputs[name], self.targets[name][rows],
                                  self.weights_of(name, outputs[name][0], rows, training))
                   for name, loss in self.case.losses.items())

    def gradients(self, weights, rows=slice(None), memory=None):
        leaves = {n: w.clone().requires_grad_(n not in self.case.frozen) for n, w in weights.items()}
        loss = self.loss(self.outputs(leaves, rows, training=True, memory={} if memory is None else memory), rows, training=True)
        trained = [n for n in leaves if n not in self.case.frozen]
        found = torch.autograd.grad(loss, [leaves[n] for n in trained], allow_unused=True)
        return {n: torch.zeros_like(leaves[n]) if g is None else g for n, g in zip(trained, found)}

    def trained(self, optimizer):
        weights, state, step = dict(self.weights), {}, 0
        further = self.case.optimizers[optimizer][1]() if optimizer in self.case.optimizers else None
        for _ in range(EPOCHS):
            memory = {}
            for start in range(0, self.case.rows, self.case.batch_size):
                step += 1
                rows = slice(start, min(start + self.case.batch_size, self.case.rows))
                moved = self.moved(weights, rows)
                gradients = self.gradients(weights, rows, memory)
                if further:
                    further(weights, gradients)
                else:
                    OPTIMIZERS[optimizer](weights, gradients, state, RATE, step)
                weights.update(moved)
        assert step == 30, step
        if further:
            further.finish(weights)
        return weights


def numpy_of(tensors):
    return {n: t.detach().numpy() for n, t in tensors.items()}


def worst(found, expected):
    """Largest difference of two dicts of arrays, relative to each expected tensor's largest value."""
    return max(np.abs(found[n] - expected[n]).max() / max(np.abs(expected[n]).max(), 1e-6) for n in expected)


def make(case):
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    inputs = {n: make_rows(rng)[:case.rows] for n, make_rows in case.inputs.items()}
    weights = {n: rng.uniform(-0.7, 0.7, shape).astype(np.float32) for n, shape in case.shapes.items()}
    for name in weights:
        if name.endswith("/moving_variance"):
            weights[name] = np.abs(weights[name]) + np.float32(0.25)
    draft = Reference(case, weights, inputs, {}, torch.float64)
    targets = {n: make_target(case, rng, n, loss, draft.outputs(draft.weights)[n][0].numpy())
               for n, loss in case.losses.items()}
    row_weights = {n: make_rows(rng) for n, make_rows in case.sample_weights.items()}
    double = Reference(case, weights, inputs, targets, torch.float64, row_weights)

    folder = HERE / "cases" / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "model.nlm").write_text(source_of(case))
    for kind, arrays in (("input", inputs), ("target", targets)):
        for name, array in arrays.items():
            np.save(folder / f"{kind}_{name}.npy", array)
    for name, array in row_weights.items():
        np.save(folder / ("weight_%s.npy" % name if name else "weight.npy"), array)
    metadata = {"nlm.model": case.name}
    for suffix, dtype in (("f32", np.float32), ("f64", np.float64)):
        write_safetensors(folder / f"weights_{suffix}.safetensors",
                          {n: w.astype(dtype) for n, w in weights.items()}, metadata)

    outputs = double.outputs(double.weights)
    for name, (value, _) in outputs.items():
        np.save(folder / f"expect_{name}.npy", value.numpy())
    metrics = f"loss\t{double.loss(outputs).item()!r}\n"
    if has_accuracy(case):
        (name, loss), = case.losses.items()
        value, mask = outputs[name]
        metrics += f"accuracy\t{accuracy_value(loss, value, double.targets[name], mask).item()!r}\n"
    (folder / "metrics.tsv").write_text(metrics)
    gradients = {n: np.zeros(s) for n, s in case.shapes.items()}
    gradients.update(numpy_of(double.gradients(double.weights)))
    gradients.update({n: (double.weights[n] - v).numpy() for n, v in double.moved(double.weights).items()})
    write_safetensors(folder / "gradients.safetensors", gradients)
    trainings = [*OPTIMIZERS, *case.optimizers]
    after = {o: numpy_of(double.trained(o)) for o in trainings}
    if case.optimizers:
        (folder / "optimizers.tsv").write_text("".join(f"{n}\t{text}\n" for n, (text, _) in case.optimizers.items()))
    for optimizer, tensors in after.items():
        write_safetensors(folder / f"after_{optimizer}.safetensors", tensors)

    # what single precision does to this case in the reference itself: it must leave room under the tolerance
    single = Reference(case, weights, inputs, targets, torch.float32, row_weights)
    noise = {o: worst(numpy_of(single.trained(o)), after[o]) for o in trainings}
    moved = worst(after["adam"], numpy_of(double.weights))
    print(f"{case.name:42s} loss {double.loss(outputs).item():.4f}  moved {moved:.3f}  in single precision: "
          + "  ".join(f"{o} {e:.1e}" for o, e in noise.items()))
    assert max(noise.values()) < float(TOLERANCES["f32"]["trained"]) / 4, "too sensitive for single precision"
    further = {"optimizers": [text for text, _ in case.optimizers.values()]} if case.optimizers else {}
    return {"name": case.name, "rows": case.rows, "batch_size": case.batch_size, "epochs": EPOCHS, **further,
            "files": sorted(f.name for f in folder.iterdir())}


def main():
    torch.set_num_threads(1)
    cross_check.run()
    chain_rules.check()
    cases_of_layers.all_layer_cases()
    cases_of_sequences.all_sequence_cases()
    cases_of_cells.all_cell_cases()
    cases_of_chains.all_chain_cases()
    cases_of_convolution.all_convolution_cases()
    cases_of_attention.all_attention_cases()
    cases_of_losses.all_loss_cases()
    cases_of_elements.all_element_cases()
    cases_of_training.all_training_cases()
    cases_of_optimizers.all_optimizer_cases()
    cases_of_arguments.all_argument_cases()
    cases_of_steps.all_step_cases()
    cases_of_masks.all_mask_cases()
    wanted = sys.argv[1:] or sorted(CASES)
    manifest = HERE / "cases.json"
    known = {c["name"]: c for c in json.loads(manifest.read_text())["cases"]} if manifest.exists() else {}
    for name in wanted:
        known[name] = make(CASES[name])
    stored = [known[n] for n in sorted(CASES) if n in known]
    lines = ",\n  ".join(json.dumps(c) for c in stored)
    manifest.write_text(f'{{"tolerances": {json.dumps(TOLERANCES)},\n "cases": [\n  {lines}\n ]}}\n')


if __name__ == "__main__":
    main()
