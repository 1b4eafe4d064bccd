# SPDX-License-Identifier: Apache-2.0
"""The rows of the table. A row's function is given the Machine and yields (name, PASS or FAIL, what was found)."""

import contextlib
import dataclasses
import fcntl
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import typing

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/parity"))
import exported_models  # noqa: E402  it puts libtrainer and zoo into the path

MODELS = ("bert", "gpt2", "llama", "t5", "vit", "cnn", "recurrent")
# Relative, over the losses, norms and evaluations of a whole run: what a kernel that adds in another order each time may do.
TOLERANCE = {"fp32": 1e-4, "tf32": 5e-3, "bf16": 3e-2, "fp16": 1e-2}


WAITED = "=WAITED= "  # begins a line with the seconds that a row waited for its turn


class Skipped(Exception):
    pass


@dataclasses.dataclass
class Machine:
    dry: bool
    place: pathlib.Path
    lock: int = -1  # see alone()

    @property
    def device(self):
        return "cpu" if self.dry else "cuda"

    @property
    def build(self):
        return pathlib.Path(os.environ["BUILD"])

    @property
    def command(self):
        return str(self.build / "bin/trainer")

    def need_gpu(self):
        if self.dry:
            raise Skipped("needs a GPU")

    @contextlib.contextmanager
    def alone(self):
        """Measures while no other row does anything: each holds the same lock, shared, while it runs."""
        begin = time.time()
        fcntl.flock(self.lock, fcntl.LOCK_UN)  # two that wait for each other's share would never end
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        print(f"{WAITED}{time.time() - begin:.3f}", flush=True)
        try:
            yield
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_SH)


class Row(typing.NamedTuple):
    function: typing.Callable
    limit: float  # seconds
    alone: bool  # measures time, in Machine.alone()


ROWS: dict[str, Row] = {}


def row(name, limit=120, alone=False):
    def add(function):
        ROWS[name] = Row(function, limit, alone)
        return function

    return add


def passed(condition):
    return "PASS" if condition else "FAIL"


def describe():
    """The machine in a line."""
    code = "import torch; print('torch', torch.__version__, end='')"
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    argv = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        text += "; " + subprocess.run(argv, capture_output=True, text=True).stdout.strip().replace("\n", "; ")
    except OSError:
        text += "; no nvidia-smi"
    return time.strftime("%Y-%m-%d") + "; " + text


# ---- models ----------------------------------------------------------------------------------------------------------


def saved(machine, data):
    """The run file's `data` of columns by part."""
    import libtrainer

    for part, columns in data.items():
        libtrainer.save_dataset(columns, machine.place / f"{part}.safetensors")
    return {part: str(machine.place / f"{part}.safetensors") for part in data}


ARGS = {name: value for name, value in exported_models.ARGS.items() if name != "save_steps"}


class Zoo:
    """A model of tests/host/exported/zoo.py with its data, exported."""

    def __init__(self, machine, name, drop):
        import torch
        import zoo

        import libtrainer

        seed = MODELS.index(name)
        self.case = zoo.cases(seed, drop)[name]
        generator = torch.Generator().manual_seed(seed)
        self.data = {"train": self.case.batch(33, generator), "eval": self.case.batch(11, generator)}
        self.sample = {k: v[:4] for k, v in self.data["train"].items()}
        self.files = saved(machine, self.data)
        self.file = machine.place / f"{name}_{drop}.pt2"
        libtrainer.export(self.model(), self.sample, self.file, dynamic=self.case.dynamic)
        self.exported = {"type": "pt2", "file": str(self.file)}

    def model(self):
        import torch

        torch.manual_seed(3)
        return self.case.make()


def compare(name, place, trainer, tolerance):
    """A line for a run beside the real Trainer: equal in bits, or how far away."""
    from peers import history, log_of, weights_of, worst

    far = worst(log_of(place), history(trainer.state.log_history))
    real, own = trainer.model.state_dict(), weights_of(place)
    weights = max(float((own[k].float() - real[k].cpu().float()).abs().max()) for k in own if k in real)
    found = "equal in bits" if far == weights == 0 else f"logs within {far:.1e}, weights within {weights:.1e} absolute"
    return name, passed(far <= tolerance), f"{found}; limit of the logs {tolerance:.0e}"


def model_row(name):
    def run(machine):
        from peers import PRECISIONS, ours, theirs

        zoo = Zoo(machine, name, 0.0)
        for precision, extra in PRECISIONS.items():
            label = f"{name}, {precision}"
            if machine.dry and precision in ("fp16", "tf32"):
                yield label, "SKIP", "needs a GPU"
                continue
            args = {**ARGS, **extra}
            trainer = theirs(machine, f"theirs_{precision}", zoo.model(), zoo.data, args)
            yield compare(label, ours(machine, precision, zoo.exported, zoo.files, args), trainer, TOLERANCE[precision])

    row(f"model.{name}", limit=150)(run)


for _name in MODELS:
    model_row(_name)


@row("dropout", limit=150)
def dropout(machine):
    """The same generator, asked in the same order, drops the same values."""
    from peers import ours, theirs

    for name in ("bert", "recurrent"):
        zoo = Zoo(machine, name, 0.1)
        trainer = theirs(machine, f"theirs_{name}", zoo.model(), zoo.data, ARGS)
        place = ours(machine, name, zoo.exported, zoo.files, ARGS)
        yield compare(f"{name} with dropout, fp32", place, trainer, TOLERANCE["fp32"])


@row("export_on_gpu", limit=150)
def export_on_gpu(machine):
    """A model that lies on the GPU when it is exported trains as one that was exported on the CPU."""
    machine.need_gpu()
    from peers import log_of, ours, worst

    import libtrainer

    for name in ("bert", "cnn", "recurrent"):
        zoo = Zoo(machine, name, 0.0)
        expected = log_of(ours(machine, f"{name}_cpu", zoo.exported, zoo.files, ARGS))
        file = machine.place / f"{name}_gpu.pt2"
        libtrainer.export(zoo.model().cuda(), zoo.sample, file, dynamic=zoo.case.dynamic)
        found = log_of(ours(machine, f"{name}_gpu", {"type": "pt2", "file": str(file)}, zoo.files, ARGS))
        far = worst(found, expected)
        yield (
            f"{name} exported on the GPU",
            passed(far <= 1e-4),
            f"logs within {far:.1e} of the CPU's export; limit 1e-4",
        )


@row("digits", limit=120)
def digits(machine):
    """The example on the GPU, beside the CPU and beside the real Trainer."""
    import csv

    import torch
    from peers import Classifier, history, log_of, ours, theirs, worst

    def table(name):
        with open(SOURCE / "host/examples/digits" / name, newline="") as file:
            header, *lines = csv.reader(file)
        at = header.index("digit")
        values = torch.tensor([[float(v) for v in line] for line in lines])
        labels = values[:, at].long()
        return {"features": torch.cat([values[:, :at], values[:, at + 1 :]], 1), "labels": labels}

    data = {"train": table("train.csv"), "eval": table("eval.csv")}
    files = {part: str(SOURCE / f"host/examples/digits/{part}.csv") for part in data} | {"target": "digit"}
    model = {"type": "mlp", "layers": [64, 128, 64, 10]}
    args = {"max_steps": 400, "logging_steps": 20, "learning_rate": 1e-3, "weight_decay": 0.1, "warmup_steps": 0.05,
            "per_device_train_batch_size": 32, "lr_scheduler_type": "cosine"}  # fmt: skip
    own = ours(machine, "gpu", model, files, args)
    on_cpu = ours(machine, "cpu", model, files, {**args, "use_cpu": True})
    far = worst(log_of(own), log_of(on_cpu), keys=("loss",))
    yield "digits beside the CPU", passed(far <= 1e-3), f"400 steps, losses within {far:.1e}; limit 1e-3"
    torch.manual_seed(42)
    net = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 64), torch.nn.ReLU(),
                              torch.nn.Linear(64, 10))  # fmt: skip
    trainer = theirs(machine, "theirs", Classifier(net), data, args)
    far = worst(log_of(own), history(trainer.state.log_history))
    yield "digits beside the real Trainer", passed(far <= 1e-4), f"400 steps, logs within {far:.1e}; limit 1e-4"


@row("skipped_step", limit=120)
def skipped_step(machine):
    """fp16: an overflow skips the step and halves the scale. SGD's schedule waits, as the fused AdamW's does not.

    The rows are those of tests/host/recorded, where no tensor is half: on a GPU, more of their gradients overflow.
    """
    machine.need_gpu()
    import torch
    from peers import Classifier, history, log_of, ours, theirs, worst
    from safetensors.torch import save_file

    recorded = json.loads((SOURCE / "tests/host/recorded/skipped_step.json").read_text())
    data = {"train": {k: torch.tensor(recorded[k], dtype=torch.float32) for k in ("features", "labels")}}
    files = saved(machine, data)
    weights = {"0.weight": torch.tensor([[0.5, -0.5]]), "0.bias": torch.tensor([0.125])}
    save_file(weights, machine.place / "init.safetensors")
    args = {"per_device_train_batch_size": 1, "num_train_epochs": 1, "learning_rate": 0.1, "logging_steps": 1, "fp16": True,
            "train_sampling_strategy": "sequential", "save_strategy": "steps", "save_steps": 6}  # fmt: skip

    def state(place):
        found = torch.load(place / "checkpoint-6/scaler.pt", weights_only=True)
        return {k: float(v) for k, v in found.items()}

    for optim in ("sgd", "adamw_torch_fused"):
        net = torch.nn.Sequential(torch.nn.Linear(2, 1))
        net.load_state_dict(weights)
        trainer = theirs(
            machine, f"theirs_{optim}", Classifier(net, torch.nn.functional.mse_loss), data, {**args, "optim": optim}
        )
        extra = {"init_from": str(machine.place / "init.safetensors"), "loss": "mse"}
        place = ours(machine, optim, {"type": "mlp", "layers": [2, 1]}, files, {**args, "optim": optim}, extra=extra)
        own, real = log_of(place), history(trainer.state.log_history)
        far = worst(own, real)
        rates, real_rates = ([e["learning_rate"] for e in log] for log in (own, real))
        scaler, real_scaler = state(place / "output"), state(machine.place / f"theirs_{optim}")
        print(rates, real_rates, scaler, real_scaler, sep="\n")
        skipped = scaler["scale"] < 65536
        yield (f"fp16, a skipped step, {optim}",
               passed(far <= 1e-2 and rates == real_rates and scaler == real_scaler and skipped),
               f"logs within {far:.1e} of the real Trainer's, limit 1e-2; rates {'equal' if rates == real_rates else 'DIFFER'}; "
               f"scale {scaler['scale']:g} after 6 steps, the real {real_scaler['scale']:g}")  # fmt: skip


@row("optimizers", limit=150)
def optimizers(machine):
    import torch
    from peers import Classifier, history, log_of, mlp, ours, theirs, worst

    torch.manual_seed(1)
    data = {"train": {"features": torch.randn(64, 64), "labels": torch.randint(10, (64,))}}
    files = saved(machine, data)
    args = {
        "max_steps": 12,
        "logging_steps": 1,
        "learning_rate": 1e-3,
        "per_device_train_batch_size": 16,
        "weight_decay": 0.1,
    }
    for optim in ("adamw_torch_fused", "adamw_torch", "sgd", "rmsprop", "adagrad", "adafactor"):
        torch.manual_seed(42)
        sizes, net = mlp(32)
        trainer = theirs(machine, f"theirs_{optim}", Classifier(net), data, {**args, "optim": optim})
        own = log_of(ours(machine, optim, {"type": "mlp", "layers": sizes}, files, {**args, "optim": optim}))
        far = worst(own, history(trainer.state.log_history))
        yield (
            f"optimizer {optim}",
            passed(far <= 1e-4),
            f"12 steps, logs within {far:.1e} of the real Trainer's; limit 1e-4",
        )


@row("parity", limit=200)
def parity(machine):
    """The recorded cases, on this device. Those that name a plugin of the tests, or say that they are of a CPU, are left out.

    The recordings are of a CPU. Half precision rounds each kernel's sums to three digits, and Adam makes steps of one size of
    them, so that those cases are compared with the real Trainer on this device.
    """
    import concurrent.futures
    import tempfile

    import torch
    from peers import history, worst

    weight = torch.ones(1, dtype=torch.bfloat16, requires_grad=True)
    try:  # older torches have no gradient for a loss of two types, which a model that an evaluation cast gets
        torch.nn.functional.mse_loss(weight, torch.ones(1)).backward()
        mixed = True
    except RuntimeError:
        mixed = False
    cases, left_out = [], 0
    for path in sorted((SOURCE / "tests/parity/cases").glob("*.json")):
        case = json.loads(path.read_text())
        scripted = any(c.get("plugin") == "script" for c in case.get("callbacks", []))
        if not scripted and (machine.dry or "on_cpu" not in path.stem) and (mixed or "bf16_t" not in path.stem):
            cases.append(path)
        else:
            left_out += 1
    half = [
        p
        for p in cases
        if {"bf16", "fp16", "bf16_full_eval", "fp16_full_eval"} & json.loads(p.read_text())["args"].keys()
    ]
    cases = half + [path for path in cases if path not in half]  # those that take longest first
    far = {}

    def differs(path):
        with tempfile.TemporaryDirectory(dir=machine.place) as tmp:
            argv = [machine.command, "run", path, "--output_dir", "output", "--report_to", "none", "--record", "record"]
            argv += ["--use_cpu", "true"] if machine.dry else []
            env = dict(os.environ, OMP_NUM_THREADS="1")
            done = subprocess.run(argv, cwd=tmp, capture_output=True, text=True, env=env)
            if done.returncode not in (0, 1, 2):
                return f"{path.stem}: exit status {done.returncode}: {done.stderr[-300:]}"
            record, real = pathlib.Path(tmp, "record"), pathlib.Path(tmp, "real")
            if path in half:
                far[path.stem] = float("inf")
                argv = [sys.executable, SOURCE / "tests/parity/record_case.py", path, real]
                done = subprocess.run(argv + ["--gpu"] * (not machine.dry), capture_output=True, text=True)
                if done.returncode:
                    return f"{path.stem}: the real Trainer: {done.stderr[-300:]}"
                texts = [(place / "trainer_state.json").read_text() for place in (record, real)]
                far[path.stem] = worst(*(history(json.loads(text)["log_history"]) for text in texts))
                return f"{path.stem}: {texts}" if far[path.stem] > TOLERANCE["bf16"] else None
            argv = [sys.executable, SOURCE / "tests/parity/compare.py", SOURCE / "tests/parity/expected" / path.stem,
                    record, "--rtol", "1e-3", "--atol", "1e-4"]  # fmt: skip
            found = subprocess.run(argv, capture_output=True, text=True)
            return f"{path.stem}: {found.stdout}{found.stderr}{done.stderr}" if found.returncode else None

    with concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count())) as pool:
        bad = [text for text in pool.map(differs, cases) if text]
    print("\n".join(bad), far)
    names = ": " + ", ".join(text.split(":")[0] for text in bad[:8]) if bad else ""
    whole = len(cases) - len(half)
    bad_half = sum(far[p.stem] > TOLERANCE["bf16"] for p in half)
    yield ("parity cases", passed(len(bad) == bad_half),
           f"{whole - len(bad) + bad_half} of {whole} as recorded, within 1e-3 (absolute 1e-4){names}; "
           f"{left_out} left out")  # fmt: skip
    yield ("parity cases in half precision", passed(not bad_half),
           f"{len(half)} within {max(far.values()):.1e} of the real Trainer on this device; limit {TOLERANCE['bf16']:.0e}")  # fmt: skip


# ---- checkpoints -----------------------------------------------------------------------------------------------------


@row("resume", limit=150)
def resume(machine):
    """With dropout on: the second half again, from the checkpoint in the middle."""
    import torch
    from peers import history, log_of, ours, theirs, weights_of, worst
    from safetensors.torch import load_file

    args = {**ARGS, "max_steps": 8, "save_strategy": "steps", "save_steps": 4}

    for name, drop in (("bert", 0.1), ("recurrent", 0.0)):
        zoo = Zoo(machine, name, drop)
        whole = ours(machine, f"{name}_whole", zoo.exported, zoo.files, args)
        checkpoint = whole / "output/checkpoint-4"
        for label, extra in (("", {}), (", async_save", {"async_save": True})):
            again = ours(
                machine, f"{name}_again{len(extra)}", zoo.exported, zoo.files, args, resume=checkpoint, extra=extra
            )
            same = all(tensor.equal(weights_of(whole)[k]) for k, tensor in weights_of(again).items())
            far = worst(log_of(again), log_of(whole))
            yield (f"resume, {name}{' with dropout' * (drop > 0)}{label}", passed(far <= 1e-5),
                   ("equal in bits" if same and not far else f"logs within {far:.1e}") + "; limit 1e-5")  # fmt: skip
    # cuDNN's dropout within an LSTM has a state of its own, which PyTorch seeds anew after a resume.
    zoo = Zoo(machine, "recurrent", 0.1)
    whole = ours(machine, "lstm_whole", zoo.exported, zoo.files, args)
    again = ours(machine, "lstm_again", zoo.exported, zoo.files, args, resume=whole / "output/checkpoint-4")
    real = theirs(machine, "theirs_lstm", zoo.model(), zoo.data, args)
    checkpoint = str(machine.place / "theirs_lstm/checkpoint-4")
    real_again = theirs(machine, "theirs_lstm_again", zoo.model(), zoo.data, args, checkpoint)
    real_log, real_again_log = (history(t.state.log_history) for t in (real, real_again))
    far = worst(log_of(again), real_again_log)
    yield ("resume, recurrent with dropout", passed(far <= 1e-4),
           f"logs within {far:.1e} of the real Trainer's, resumed as well; limit 1e-4. From the straight run "
           f"{worst(log_of(again), log_of(whole)):.1e}, the real {worst(real_again_log, real_log):.1e}")  # fmt: skip
    checkpoint = machine.place / "bert_whole/output/checkpoint-4"
    rng = load_file(next(checkpoint.glob("*rng*.safetensors")))
    if not machine.dry:
        torch.cuda.set_rng_state(rng["cuda"])
    torch.set_rng_state(rng["cpu"])
    yield "generator states", passed(machine.dry or "cuda" in rng), f"{', '.join(rng)}; torch takes them"
    optimizer = torch.load(checkpoint / "optimizer.pt", weights_only=True)
    places = {str(v.device) for s in optimizer["state"].values() for v in s.values()}
    yield "optimizer.pt", passed(places == {"cpu"}), f"torch.load gives tensors on {', '.join(places)}"
    zoo = Zoo(machine, "gpt2", 0.0)
    place = ours(machine, "gpt2", zoo.exported, zoo.files, args)
    trainer = theirs(machine, "theirs", zoo.model(), zoo.data, args, str(place / "output/checkpoint-4"))
    far = worst(history(trainer.state.log_history), log_of(place))
    yield "the real Trainer from our checkpoint", passed(far <= 1e-4), f"logs within {far:.1e}; limit 1e-4"
    theirs(machine, "theirs_whole", zoo.model(), zoo.data, args)
    checkpoint = machine.place / "theirs_whole/checkpoint-4"
    again = ours(machine, "from_theirs", zoo.exported, zoo.files, args, resume=checkpoint)
    far = worst(log_of(again), log_of(place))
    yield "ours from the real Trainer's checkpoint", passed(far <= 1e-4), f"logs within {far:.1e}; limit 1e-4"


@row("kill", limit=200)
def kill(machine):
    """kill -9 at random moments, each second run with async_save."""
    env = dict(os.environ, TRAINER=machine.command, SOURCE=str(SOURCE), KILLS="2")
    if machine.dry:
        env["CUDA_VISIBLE_DEVICES"] = ""
    argv = [sys.executable, SOURCE / "tests/command/kill_and_resume.py"]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, cwd=machine.place)
    print(done.stderr)
    yield "kill -9 and resume", passed(done.returncode == 0), (done.stdout + done.stderr).strip().splitlines()[-1]


@row("deterministic", limit=100)
def deterministic(machine):
    from peers import log_of, ours, weights_of

    zoo = Zoo(machine, "bert", 0.1)
    args = {**ARGS, "full_determinism": True, "eval_strategy": "no"}
    first, second = (ours(machine, name, zoo.exported, zoo.files, args) for name in ("first", "second"))
    same = log_of(first) == log_of(second)
    same &= all(tensor.equal(weights_of(first)[k]) for k, tensor in weights_of(second).items())
    yield "full_determinism, twice", passed(same), "equal in bits" if same else "two runs differ"


@row("out_of_memory", limit=100)
def out_of_memory(machine):
    """Batches that do not fit are made smaller, and the run goes on."""
    machine.need_gpu()
    import torch
    from peers import log_of, mlp, ours

    sizes, _ = mlp(2048, depth=4)
    files = saved(machine, {"train": {"features": torch.randn(65536, 64), "labels": torch.randint(10, (65536,))}})
    total = torch.cuda.get_device_properties(0).total_memory
    env = {"PYTORCH_ALLOC_CONF": f"per_process_memory_fraction:{min(1.0, 2.2e9 / total):.4f}"}
    args = {"max_steps": 2, "logging_steps": 1, "per_device_train_batch_size": 65536, "auto_find_batch_size": True}
    place = ours(machine, "run", {"type": "mlp", "layers": sizes}, files, args, env=env)
    state = json.loads((place / "output/trainer_state.json").read_text())
    yield ("auto_find_batch_size", passed(state["train_batch_size"] < 65536 and len(log_of(place)) == 2),
           f"65536 rows do not fit into 2.2 GB, {state['train_batch_size']} do")  # fmt: skip


# ---- what plugins see ------------------------------------------------------------------------------------------------


@row("plugin_views", limit=100)
def plugin_views(machine):
    """wandb's histograms read weights and gradients, which lie on the device."""
    import torch
    from peers import mlp, ours

    torch.manual_seed(1)
    files = saved(machine, {"train": {"features": torch.randn(64, 64), "labels": torch.randint(10, (64,))}})
    env = {"WANDB_MODE": "offline", "WANDB_WATCH": "all", "WANDB_DIR": str(machine.place), "WANDB_SILENT": "true"}
    args = {"max_steps": 200, "logging_steps": 100, "per_device_train_batch_size": 16, "report_to": ["wandb"]}
    ours(machine, "run", {"type": "mlp", "layers": mlp(32)[0]}, files, args, env=env)
    (file,) = machine.place.glob("wandb/offline-run-*/run-*.wandb")
    data = file.read_bytes()
    yield ("a plugin reads weights and gradients", passed(b"gradients/" in data and b"parameters/" in data),
           "wandb's histograms of both are in its file")  # fmt: skip


@row("nvml", limit=120, alone=True)
def nvml(machine):
    """codecarbon's figures beside the driver's counter, over the same seconds."""
    import csv
    import threading

    machine.need_gpu()
    import pynvml
    from peers import ours, transformer

    import libtrainer

    model, data = transformer("bert", "mid")
    libtrainer.export(model, {k: v[:2] for k, v in data.items()}, machine.place / "model.pt2")
    pynvml.nvmlInit()
    gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
    samples, done = [], threading.Event()

    def watch():
        while not done.wait(0.05):
            samples.append((time.time(), pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu) / 1000,
                            pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu, pynvml.nvmlDeviceGetMemoryInfo(gpu).used,
                            pynvml.nvmlDeviceGetPowerUsage(gpu) / 1000, pynvml.nvmlDeviceGetTemperature(gpu, 0)))  # fmt: skip

    thread = threading.Thread(target=watch)
    args = {"max_steps": 400, "per_device_train_batch_size": 32, "bf16": True, "report_to": ["codecarbon", "wandb"]}
    env = {"CODECARBON_MEASURE_POWER_SECS": "1", "WANDB__STATS_SAMPLING_INTERVAL": "1", "WANDB_MODE": "offline",
           "WANDB_DIR": str(machine.place)}  # fmt: skip
    files = saved(machine, {"train": data})
    with machine.alone():
        thread.start()
        place = ours(machine, "run", {"type": "pt2", "file": str(machine.place / "model.pt2")}, files, args, env=env)
        done.set()
        thread.join()
    (line,) = csv.DictReader(open(place / "output/emissions.csv", newline=""))
    seconds, joules = float(line["duration"]), float(line["gpu_energy"]) * 3.6e6
    # The window of that length in which the counter rose most: the training.
    best, percent = 0.0, 0.0
    for i, (start, energy, *_) in enumerate(samples):
        inside = [s for s in itertools.islice(samples, i, None) if s[0] <= start + seconds]
        if inside[-1][1] - energy > best:
            best, percent = inside[-1][1] - energy, sum(s[2] for s in inside) / len(inside)
    yield ("codecarbon's energy", passed(abs(joules - best) <= 0.2 * best),
           f"{joules:.0f} J in {seconds:.1f} s, the driver's counter {best:.0f} J; limit 20 %")  # fmt: skip
    used = float(line["gpu_utilization_percent"])
    yield (
        "codecarbon's utilization",
        passed(abs(used - percent) <= 25),
        f"{used:.0f} %, sampled here {percent:.0f} %; limit 25",
    )
    name = pynvml.nvmlDeviceGetName(gpu)
    yield "codecarbon's GPU", passed(name in line["gpu_model"]), f"{line['gpu_model']}, the driver says {name}"
    (file,) = machine.place.glob("wandb/offline-run-*/run-*.wandb")
    found = {}
    for key, value in re.findall(rb"gpu\.0\.(\w+)\x82\x01.([0-9.e+-]+)", file.read_bytes(), re.S):
        found.setdefault(key.decode(), []).append(float(value))
    print(found)
    memory, watts, degrees = ([s[i] for s in samples] for i in (3, 4, 5))
    most, power, warm = max(found["memoryAllocatedBytes"]), max(found["powerWatts"]), found["temp"]
    names = {
        "gpu",
        "memory",
        "memoryAllocated",
        "memoryAllocatedBytes",
        "temp",
        "powerWatts",
        "powerPercent",
        "smClock",
    }
    yield ("wandb's rows of the GPU", passed(
        names <= found.keys() and abs(most - max(memory)) <= 0.1 * max(memory) and power <= 1.1 * max(watts)
        and min(degrees) - 3 <= min(warm) and max(warm) <= max(degrees) + 3),
        f"{len(found['gpu'])} rows of {len(found)} figures: up to {most / 1e6:.0f} MB, {power:.0f} W, {max(warm):.0f} C; "
        f"sampled here {max(memory) / 1e6:.0f} MB, {max(watts):.0f} W, {max(degrees)} C")  # fmt: skip


@row("nccl", limit=60)
def nccl(machine):
    machine.need_gpu()
    import torch

    torch.distributed.init_process_group("nccl", init_method=f"file://{machine.place}/meet", rank=0, world_size=1)
    one = torch.ones(1000, device="cuda")
    torch.distributed.all_reduce(one)
    works = float(one.sum()) == 1000
    torch.distributed.destroy_process_group()
    yield "PyTorch's all_reduce with NCCL, one rank", passed(works), "the sum of one rank is what it gave"
    yield "LibTrainer with NCCL", "SKIP", "a rank alone makes no group, and two need two GPUs"


# ---- waits -----------------------------------------------------------------------------------------------------------


def counts(machine, name, model, files, args, steps):
    """What a run of so many steps without a log asked CUDA's runtime for."""
    from peers import ours

    file = machine.place / f"{name}_{steps}.json"
    env = {"LD_PRELOAD": str(machine.build / "count_waits.so"), "COUNT_WAITS": str(file)}
    ours(machine, f"{name}_{steps}", model, files, {"logging_strategy": "no", **args, "max_steps": steps}, env=env)
    return json.loads(file.read_text())


WAITS = ("stream_waits", "device_waits", "event_waits", "plain_copies", "to_host")


def wait_line(label, few, many, steps, expected=0):
    per_step = {k: (many[k] - few[k]) / steps for k in few}
    waits = {k: v for k, v in per_step.items() if k in WAITS and v}
    found = ", ".join(f"{v:g} {k}" for k, v in waits.items()) or "none"
    total = per_step["stream_waits"] + per_step["device_waits"] + per_step["event_waits"] + per_step["plain_copies"]
    good = total == per_step["to_host"] == expected and per_step["launches"] > 0
    return (
        f"waits a step, {label}",
        passed(good),
        f"{found}; {per_step['launches']:.1f} kernels, {per_step['to_device']:.1f} copies to the device",
    )


STEPS = 40


def wait_lines(machine, name, model, files, base, variants):
    """A line for each variant: the difference of two runs, so that what begins and ends a run does not count."""
    import concurrent.futures

    jobs = [(label, extra, steps) for label, extra in variants.items() for steps in (STEPS, 2 * STEPS)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(
            lambda job: counts(machine, "".join(c for c in job[0] if c.isalnum()), model, files, {**base, **job[1]}, job[2]),
            jobs))  # fmt: skip
    for i, label in enumerate(variants):
        # An optimizer that takes no found_inf on the device asks for it, as torch.amp.GradScaler does.
        yield wait_line(
            f"{name}, {label}", found[2 * i], found[2 * i + 1], STEPS, expected=int("1 as in PyTorch" in label)
        )


@row("waits.mlp", limit=170)
def waits_mlp(machine):
    machine.need_gpu()
    import torch
    from peers import mlp

    torch.manual_seed(1)
    files = saved(machine, {"train": {"features": torch.randn(640, 64), "labels": torch.randint(10, (640,))}})
    model = {"type": "mlp", "layers": mlp(64)[0]}
    base = {"per_device_train_batch_size": 8}
    variants = {
        "fp32": {}, "bf16": {"bf16": True}, "fp16": {"fp16": True}, "tf32": {"tf32": True}, "no clipping": {"max_grad_norm": 0},
        "label smoothing": {"label_smoothing_factor": 0.1}, "accumulation": {"gradient_accumulation_steps": 2},
        "workers": {"dataloader_num_workers": 2}, "adamw_torch": {"optim": "adamw_torch"}, "sgd": {"optim": "sgd"},
        "adafactor": {"optim": "adafactor"}, "no filter of NaN": {"logging_nan_inf_filter": False},
    }  # fmt: skip
    variants["fp16 with sgd, 1 as in PyTorch"] = {"fp16": True, "optim": "sgd"}
    yield from wait_lines(machine, "mlp", model, files, base, variants)


def waits_of(name):
    def run(machine):
        machine.need_gpu()
        zoo = Zoo(machine, name, 0.1)
        base = {"per_device_train_batch_size": 11}
        yield from wait_lines(machine, name, zoo.exported, zoo.files, base, {"fp32": {}, "fp16": {"fp16": True}})

    row(f"waits.{name}", limit=120)(run)


for _name in MODELS:
    waits_of(_name)


def peer(machine, kind, spec, file):
    """Counts of a process of PyTorch's own; see peers.py."""
    (machine.place / "spec.json").write_text(json.dumps(spec))
    env = {**os.environ, "LD_PRELOAD": str(machine.build / "count_waits.so"), "COUNT_WAITS": str(file)}
    argv = [sys.executable, pathlib.Path(__file__).with_name("peers.py"), kind, machine.place / "spec.json"]
    subprocess.run(argv, check=True, env=env)
    return json.loads(file.read_text())


@row("waits.real", limit=120)
def waits_real(machine):
    """For comparison: how often the real Trainer and PyTorch's loop wait."""
    machine.need_gpu()
    for kind, who in (("trainer", "the real Trainer"), ("loop", "PyTorch's loop")):
        spec = {"kind": "gpt2", "size": "tiny", "device": machine.device, "place": str(machine.place),
                "args": {"per_device_train_batch_size": 8}}  # fmt: skip
        few, many = (
            peer(machine, kind, {**spec, "steps": n}, machine.place / f"{kind}{n}.json") for n in (STEPS, 2 * STEPS)
        )
        name, _, found = wait_line(f"gpt2, {who}", few, many, STEPS)
        yield name, "SKIP", "for comparison: " + found


import speed  # noqa: E402  the rows that measure

assert speed
