"""Tables of what run.py found: as text, and as Markdown for docs/performance.md."""
import statistics

import numpy as np

from workloads import BATCH, GOALS, PHASES, WORKLOADS, least_cost, shape_of

PHASE_NAMES = {"train": "training step", "predict32": "prediction, batch 32", "predict1": "prediction, one"}


def spread(values):
    return statistics.median(values), min(values), max(values)


def ms(value):
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def peer_of(program):
    """torch packed_dense -> torch packed; torch dense -> torch."""
    words = program.replace("_dense", "").replace("_sparse", "").split()
    return " ".join(words) if words[-1] in ("packed", "bucketed") else words[0]


class Case:
    """One workload, phase and number of threads: milliseconds of each program."""

    def __init__(self, found, work, name, phase, threads):
        self.name, self.phase, self.threads = name, phase, threads
        self.times = {p: v for n, f, t, p, v in found["samples"] if (n, f, t) == (name, phase, threads)}
        self.words_per_second = self.times.pop("fasttext", None)
        self.limit = {int(k): v for k, v in found["limits"].items()}[threads]
        folder, batch = work / "data" / name, 1 if phase == "predict1" else BATCH
        x = np.load(folder / ("singles.npy" if phase == "predict1" else "x.npy"))
        self.shape = shape_of(WORKLOADS[name], x, batch)

    @property
    def nlm(self):
        return spread(self.times["nlm"])

    def best(self, peer):
        """(median, its program) of the quickest variant of a peer: torch, torch packed, onnxruntime."""
        times = [(statistics.median(v), p) for p, v in self.times.items()
                 if p.split()[0] == peer or peer_of(p) == peer]
        return min(times) if times else None

    def ratio(self, peer):
        """How many times as fast nlm is: above 1, nlm is quicker. By round where programs took turns."""
        if peer == "fasttext":
            if not self.words_per_second:
                return None
            return self.shape.tokens / (self.nlm[0] * 1e-3) / statistics.median(self.words_per_second)
        best = self.best(peer)
        if not best:
            return None
        return statistics.median(a / b for a, b in zip(self.times[best[1]], self.times["nlm"]))

    @property
    def floor(self):
        """Milliseconds that the limits of the machine allow, and what binds: arithmetic or memory."""
        flop, size = least_cost(WORKLOADS[self.name], self.phase, self.shape)
        arithmetic, memory = flop / self.limit["gflops"] / 1e6, size / self.limit["gbytes"] / 1e6
        return (arithmetic, "FLOP") if arithmetic > memory else (memory, "bytes")

    def goals(self):
        """(peer, goal, ratio or None)"""
        return [(peer, goal, self.ratio(peer)) for peer, goal in GOALS.get((self.name, self.phase), {}).items()]


def cases(found, work):
    keys = {(n, f, t) for n, f, t, p, _ in found["samples"] if p == "nlm"}
    order = sorted(keys, key=lambda k: (k[0], PHASES.index(k[1]), k[2]))
    return [Case(found, work, *key) for key in order]


def peer_cell(case, peer):
    best = case.best(peer)
    if not best:
        return "-"
    variant = best[1].split(" ", 1)[1:] or [""]
    shown = f" {variant[0]}" if variant[0] not in ("", "plain", "dense") else ""
    return f"{ms(best[0])} ({case.ratio(peer):.1f}x){shown}"


def goal_cell(case):
    parts = []
    for peer, goal, ratio in case.goals():
        if ratio is not None:
            parts.append(f"{peer} {goal}x: {'yes' if ratio >= goal else f'{ratio:.1f}x'}")
    return "; ".join(parts) or "-"


COLUMNS = ("workload", "threads", "nlm ms (min-max)", "PyTorch ms", "ONNX Runtime ms", "oneDNN kernels ms",
           "floor ms", "of the limit",
           "goals (nlm times as fast)")


def row_of(case):
    middle, least, most = case.nlm
    floor, binds = case.floor
    peers = [peer_cell(case, peer) for peer in ("torch", "onnxruntime", "onednn")]
    return (f"{case.name.upper()} {PHASE_NAMES[case.phase]}", str(case.threads),
            f"{ms(middle)} ({ms(least)}-{ms(most)})", *peers, f"{ms(floor)} {binds}", f"{100 * floor / middle:.0f} %",
            goal_cell(case))


def extra_lines(all_cases):
    """What has no column: bucketed PyTorch, fastText, padding."""
    lines = []
    for c in all_cases:
        label = f"{c.name.upper()} {PHASE_NAMES[c.phase]}, {c.threads} threads"
        for peer in ("torch packed", "torch bucketed"):
            if c.phase == "train" and c.best(peer) and c.best("torch bucketed"):
                lines.append(f"{label}: {peer} {ms(c.best(peer)[0])} ms, nlm {c.ratio(peer):.1f} times as fast")
        if c.words_per_second:
            words = statistics.median(c.words_per_second)
            lines.append(f"{label}: nlm {c.shape.tokens / c.nlm[0] / 1e3:.1f}, fastText {words / 1e6:.1f} million "
                         f"words a second")
        padded = {p: v for p, v in c.times.items() if p.startswith("nlm padded")}
        if padded:
            lines.append(f"{label}, reviews cut at 300 words: " +
                         ", ".join(f"{p[4:]} {ms(statistics.median(v))} ms" for p, v in padded.items()))
    return lines


def fact_lines(found):
    lines = []
    for name, f in found["facts"].items():
        seconds, user, megabytes = f["compile_seconds"], f["compile_user_seconds"], f["executable_bytes"] / 1e6
        lines.append(f"{name.upper()}: nlmc build {seconds:.2f} s, {user:.2f} s of it user time; executable "
                     f"{megabytes:.2f} MB stripped, without weights")
    for program, (milliseconds, memory) in found["starts"].items():
        lines.append(f"start to the end of one W1 prediction, {program}: {milliseconds:.3g} ms, {memory:.3g} MB")
    for program, memory in found["training_memory"].items():
        lines.append(f"peak memory of W1 training, {program}: {memory:.0f} MB")
    return lines


def headings(found):
    m = found["machine"]
    parts = [f"{t} thread{'s' if int(t) > 1 else ''} {v['gflops']:.0f} GFLOP/s, {v['gbytes']:.0f} GB/s"
             for t, v in found["limits"].items()]
    return [f"{m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, {m['system']}; load {m['load']:.1f} at the start",
            f"Limits measured at the start: {'; '.join(parts)}",
            f"Medians of {found['rounds']} rounds in which the programs took turns; ratios are medians of the rounds' "
            "own"]


def check_lines(found):
    if not found["checks"]:
        return ["Results were not compared"]
    lines = []
    for kind, what in ((False, "predictions"), (True, "gradients, relative to the largest")):
        differences = [r[2] for r in found["checks"] if (r[1] == "gradients") == kind]
        if differences:
            lines.append(f"Largest difference from PyTorch with equal weights, {what}: {max(differences):.1e}")
    return lines + [f"TOO FAR FROM PYTORCH: {r[0]} {r[1]} {r[2]:.1e} {r[3]}" for r in found["checks"] if not r[4]]


def as_text(found, work):
    all_cases = cases(found, work)
    rows = [COLUMNS] + [row_of(c) for c in all_cases]
    widths = [max(len(r[k]) for r in rows) for k in range(len(COLUMNS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    parts = [headings(found) + check_lines(found), table, extra_lines(all_cases), fact_lines(found), found["notes"]]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def as_markdown(found, work):
    all_cases = cases(found, work)
    table = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    table += ["| " + " | ".join(row_of(c)) + " |" for c in all_cases]
    items = [f"- {line}" for line in extra_lines(all_cases) + fact_lines(found) + found["notes"]]
    head = [f"{line}." for line in headings(found) + check_lines(found)]
    return "\n".join(head) + "\n\n" + "\n".join(table) + "\n\n" + "\n".join(items) + "\n"
