"""The programs that are measured: each is built or started once, then asked for one measurement after another."""
import json
import os
import pathlib
import platform
import shutil
import subprocess
import time

import numpy as np

from workloads import BATCH, WORKLOADS, fasttext_corpus

HERE = pathlib.Path(__file__).resolve().parent
ONNX_RUNTIME = "onnxruntime-node@1.30.0"
FASTTEXT_REVIEWS, FASTTEXT_EPOCHS = 5000, (1, 6)


class Missing(Exception):
    """A program is not installed, or cannot run here."""


def run(*words, **options):
    """Standard output of a command; what it said when it fails."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(str(w) for w in words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def run_measured(*words, **options):
    """(seconds, user seconds) of a command that must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen([str(w) for w in words], stdout=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(str(w) for w in words)}")
    return seconds, usage.ru_utime


def peak_memory(*words):
    """MB of a command that must succeed. What the kernel tells of a child counts the process that it was forked from,
    and this one is large: a small one stands between."""
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *(str(w) for w in words)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=True)
    return float(done.stderr.split()[-1]) / 1024


def numbers(text):
    return [float(line) for line in text.split()]


# ---- nlm

def link(build, source, model, program, target, *options):
    """TARGET: bench/lib<program>.a with the object of SOURCE's model; with the library of the runtime's parts for
    training, with that of the public interface for prediction."""
    compiled, runtime = target.with_suffix(".o"), build / "runtime"
    run(build / "driver/nlmc", "emit", "obj", source, "-o", compiled, *options)
    parts = [runtime / "libnlm_parts.a", build / "support/libnlm_support.a", "-ljansson", "-lz"]
    libraries = parts if program == "train_steps" else [runtime / "libnlm.a"]
    run("cc", build / f"bench/lib{program}.a", compiled, *libraries, "-lm", "-pthread", "-o", target,
        f"-Wl,--defsym=bench_model=nlm_model_{model}")


class Nlm:
    """An executable (`nlmc build`) for sizes, starts and profiles; train_steps and predict_calls, linked with what
    `nlmc emit obj` writes, for times."""

    def __init__(self, build, work):
        self.build, self.work, self.nlmc = build, work, build / "driver/nlmc"
        self.facts = {}  # workload -> {"compile_seconds", "compile_user_seconds", "executable_bytes", ...}

    def folder(self, workload):
        folder = self.work / "nlm" / workload
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def data(self, workload, name):
        return self.work / "data" / workload / name

    def _link(self, workload, program, name, *options):
        link(self.build, HERE / f"models/{workload}.nlm", workload, program, self.folder(workload) / name, *options)

    def prepare(self, workload):
        folder, source = self.folder(workload), HERE / f"models/{workload}.nlm"
        weights = self.data(workload, "weights.safetensors")
        inside = ["--weights", weights] if weights.exists() else []
        seconds, user = run_measured(self.nlmc, "build", source, "-o", folder / workload)
        run("strip", "-o", folder / "stripped", folder / workload)
        self.facts[workload] = {"compile_seconds": seconds, "compile_user_seconds": user,
                                "executable_bytes": (folder / "stripped").stat().st_size}
        self._link(workload, "train_steps", "train", "--training")
        if WORKLOADS[workload].has_dropout:
            self._link(workload, "train_steps", "train_check", "--training", "-D", "dropout=0.0")
        if not inside:  # no PyTorch that made weights: the initial ones
            weights = folder / "initial.safetensors"
            first = {k: self.data(workload, f"{k}.npy") for k in "xy"}
            run(folder / workload, "train", "--input", f"{self.input(workload)}={first['x']}", "--target",
                f"y={first['y']}", "--epochs", 1, "--save", weights, "--quiet")
            inside = ["--weights", weights]
        run(self.nlmc, "build", source, "-o", folder / f"{workload}_whole", *inside)
        self._link(workload, "predict_calls", "predict", *inside)

    @staticmethod
    def input(workload):
        return WORKLOADS[workload].input

    def _tensors(self, workload, x="x.npy"):
        return [f"{self.input(workload)}={self.data(workload, x)}", f"y={self.data(workload, 'y.npy')}"]

    def train(self, workload, threads, seconds, x="x.npy"):
        return numbers(run(self.folder(workload) / "train", "time", threads, seconds, BATCH,
                           *self._tensors(workload, x)))

    def predict(self, workload, phase, threads, seconds, out=None):
        batch, x = (1, "singles.npy") if phase == "predict1" else (BATCH, "x.npy")
        return numbers(run(self.folder(workload) / "predict", threads, seconds, batch, self.data(workload, x),
                           *([out] if out else [])))

    def measure(self, workload, phase, threads, seconds):
        if phase == "train":
            return self.train(workload, threads, seconds)
        return self.predict(workload, phase, threads, seconds)

    def predictions(self, workload, phase):
        out = self.folder(workload) / "predicted.f32"
        self.predict(workload, phase, 1, 0, out)
        return np.fromfile(out, np.float32)

    def gradients(self, workload):
        """{name with '.' for '/': values} of the first batch, without dropout."""
        folder = self.folder(workload) / "gradients"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        name = "train_check" if WORKLOADS[workload].has_dropout else "train"
        run(self.folder(workload) / name, "gradients", folder, BATCH, *self._tensors(workload),
            self.data(workload, "weights.safetensors"))
        return {path.stem: np.load(path) for path in folder.glob("*.npy")}

    def profile(self, workload, threads):
        """WORK/profiles/<workload>.<phase>.<threads>.txt: time by kernel, as the executable prints it."""
        folder = self.work / "profiles"
        folder.mkdir(exist_ok=True)
        x, y = self._tensors(workload)
        program, common = self.folder(workload) / workload, ["--threads", threads, "--profile"]
        commands = {"train": [program, "train", "--input", x, "--target", y, "--epochs", 3, "--save",
                              self.folder(workload) / "profiled.safetensors", *common]}
        for phase, batch, file in (("predict32", BATCH, "x.npy"), ("predict1", 1, "singles.npy")):
            commands[phase] = [f"{program}_whole", "predict", "--input", self._tensors(workload, file)[0],
                               "--batch-size", batch, "--format", "npy", "--output", self.folder(workload) / "out",
                               *common]
        for phase, words in commands.items():
            done = subprocess.run([str(w) for w in words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                  check=True)
            (folder / f"{workload}.{phase}.{threads}.txt").write_text(done.stderr)

    def start(self, workload):
        """(seconds, peak MB) of a process that makes one prediction with its weights inside."""
        one = self.folder(workload) / "one.npy"
        np.save(one, np.load(self.data(workload, "singles.npy"))[:1])
        words = [self.folder(workload) / f"{workload}_whole", "predict", "--input", f"{self.input(workload)}={one}"]
        return run_measured(*words)[0], peak_memory(*words)

    def training_memory(self, workload, threads):
        return peak_memory(self.folder(workload) / "train", "time", threads, 0, BATCH, *self._tensors(workload))


# ---- peers that answer line by line

class Worker:
    def __init__(self, words, environment=None):
        self.words = words
        self.process = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, **(environment or {})})

    def ask(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise RuntimeError(f"{self.words[0]} ended while it was asked for {request}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{request}: {answer['error']}")
        return answer

    def close(self):
        """Ends the process; its peak memory in MB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        self.process.stdin.close()
        self.process.wait()
        return float(peak) / 1024


def torch_environment(threads):
    """Debian's PyTorch left to its defaults (reference BLAS, memory returned at every step) is many times slower."""
    flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    capability = "avx512" if "avx512f" in flags else "avx2" if "avx2" in flags else "default"
    return {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184",
            "MALLOC_TOP_PAD_": "268435456", "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads),
            "ATEN_CPU_CAPABILITY": capability,
            "LD_LIBRARY_PATH": f"/usr/lib/{platform.machine()}-linux-gnu/openblas-openmp"}


def start_torch(work, threads, program="torch_worker.py"):
    done = subprocess.run(["/usr/bin/python3", "-c", "import torch"], capture_output=True, check=False)
    if done.returncode:
        raise Missing("PyTorch: python3-torch and libopenblas0-openmp of Debian are not installed")
    return Worker(["/usr/bin/python3", "-B", HERE / program, work / "data", threads],
                  torch_environment(threads))


def install_onnx_runtime(work):
    """The node_modules folder that has it."""
    folder = work / "onnxruntime"
    if not shutil.which("node") or not shutil.which("npm"):
        raise Missing("ONNX Runtime: node and npm are not installed")
    if not (folder / "node_modules/onnxruntime-node").exists():
        folder.mkdir(exist_ok=True)
        try:
            run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder, ONNX_RUNTIME)
        except RuntimeError as error:
            raise Missing(f"ONNX Runtime: npm cannot install {ONNX_RUNTIME}: {error}") from error
    return folder / "node_modules"


def start_onnx_runtime(work, threads):
    return Worker(["node", HERE / "onnx_worker.js", install_onnx_runtime(work), work / "data", threads])


def start_of_peer(work, start, workload="w1", **request):
    """(seconds, peak MB) of a fresh process up to the end of one prediction."""
    began = time.perf_counter()
    worker = start(work, 1)
    worker.ask(workload=workload, phase="once", seconds=0, **request)
    memory = worker.close()
    return time.perf_counter() - began, memory


# ---- fastText

class FastText:
    """Words per second of supervised training, the cost of starting and loading taken out."""

    def __init__(self, work):
        if not shutil.which("fasttext"):
            raise Missing("fastText: Debian's fasttext is not installed")
        self.folder = work / "fasttext"
        self.folder.mkdir(exist_ok=True)
        self.corpus = self.folder / "reviews.txt"
        self.words = fasttext_corpus(WORKLOADS["w3"], self.corpus, FASTTEXT_REVIEWS)

    def words_per_second(self, threads):
        def train(epochs):
            return run_measured("fasttext", "supervised", "-input", self.corpus, "-output", self.folder / "model",
                                "-dim", 256, "-epoch", epochs, "-lr", 0.1, "-thread", threads, "-loss", "softmax",
                                "-verbose", 0, stderr=subprocess.DEVNULL)[0]
        few, many = FASTTEXT_EPOCHS
        return self.words * (many - few) / (train(many) - train(few))


# ---- oneDNN

class OneDnn:
    """Primitives alone (onednn_kernels.cpp): no whole step, but how quick the kernels of one can be."""

    workloads = ("w1", "w4", "w5", "w6", "w7", "w8")

    def __init__(self, work):
        self.program = work / "onednn_kernels"
        try:
            run("c++", "-std=c++17", "-O2", HERE / "onednn_kernels.cpp", "-o", self.program, "-ldnnl")
        except (OSError, RuntimeError) as error:
            raise Missing("oneDNN: a C++ compiler and Debian's libdnnl-dev (version 2) are not installed") from error

    def measure(self, workload, phase, threads, seconds):
        return numbers(run(self.program, seconds, workload, phase,
                           env={**os.environ, "OMP_NUM_THREADS": str(threads)}))


# ---- the machine

def machine():
    names = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
             if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30
    return {"cpu": names[0] if names else platform.machine(), "cores": os.cpu_count(), "memory_gib": round(memory),
            "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
            "load": os.getloadavg()[0]}


def limits(build, threads):
    """{threads: {"gflops", "gbytes"}} per second."""
    result = {}
    for line in run(build / "bench/limits", max(threads)).splitlines():
        count, compute, memory = line.split()
        result[int(count)] = {"gflops": float(compute), "gbytes": float(memory)}
    return result
