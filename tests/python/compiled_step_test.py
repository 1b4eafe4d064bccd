# SPDX-License-Identifier: Apache-2.0
"""A compiled step beside the interpreter: exported once, then whole runs of the command, with and without it."""

import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import warnings
import zipfile

import torch
from harness import expect, expect_equal, expect_error, work_directory
from safetensors.torch import load_file
from torch._inductor import config, cpu_vec_isa

import libtrainer

ROWS, BATCH = 44, 8  # the last batch of an epoch has four
ARGS = {
    "num_train_epochs": 3,
    "per_device_train_batch_size": BATCH,
    "learning_rate": 5e-3,
    "weight_decay": 0.1,
    "warmup_steps": 3,
    "lr_scheduler_type": "cosine",
    "max_grad_norm": 0.5,
    "logging_steps": 1,
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    "report_to": "none",
    "use_cpu": True,
}
LAST = 18


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = torch.nn.Linear(8, 16), torch.nn.LayerNorm(16)
        self.dropout, self.last = torch.nn.Dropout(0.1), torch.nn.Linear(16, 3)
        self.unused = torch.nn.Parameter(torch.ones(2))
        self.seen = torch.nn.Buffer(torch.zeros(()))

    def forward(self, features, labels=None):
        if self.training:
            self.seen += features.mean()
        logits = self.last(self.dropout(torch.tanh(self.norm(self.first(features)))))
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


class Normed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.last = torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3)

    def forward(self, features, labels=None):
        return {"loss": torch.nn.functional.cross_entropy(self.last(self.norm(features)), labels)}


class Plain(torch.nn.Linear):
    def forward(self, features):
        return super().forward(features)


def example():
    return {"features": torch.randn(4, 8), "labels": torch.tensor([0, 1, 2, 1])}


def bad_exports():
    def refused(words, model=None, **options):
        batch = example() if not isinstance(model, Plain) else {"features": torch.randn(4, 8)}
        expect_error(
            libtrainer.ExportError, words, libtrainer.export, model or Model(), batch, "bad.pt2", compiled_step=options
        )
        expect(not os.path.exists("bad.pt2"), "a refused export left a file")

    refused(["needs the batch_size", "found None"])
    refused(["batch_size", "found 0"], batch_size=0)
    refused(['has no "batchsize"', "batch_size"], batchsize=8)
    refused(['"adamw" alone', '"gradients"'], batch_size=8, optim="sgd")
    refused(["max_grad_norm", "-1"], batch_size=8, max_grad_norm=-1)
    refused(["target of compiled_step", "'vax'"], batch_size=8, target="vax")
    refused(['gives no "loss"'], model=Plain(8, 3), batch_size=8)
    refused(["batch_size 1", '"norm.running_var" infinite or NaN', "larger batch_size"], model=Normed(), batch_size=1)
    with config.patch({"cpp.cxx": (None, "/no/compiler")}):
        refused(["needs a C++ compiler", "CXX"], batch_size=8)


def run_file(name, compiled=None, model="model.pt2", callbacks=(), **args):
    run = {
        "model": {"type": "pt2", "file": model},
        "data": {"train": "train.safetensors", "eval": "eval.safetensors"},
        "args": {**ARGS, "output_dir": name, **args},
        "callbacks": list(callbacks),
    }
    if compiled is not None:
        run["compiled"] = compiled
    pathlib.Path(f"{name}.json").write_text(json.dumps(run))
    return f"{name}.json"


def train(name, compiled=None, *options, status=0, **more):
    file = run_file(name, compiled, **more)
    record = f"--record={name}.record"
    env = {**os.environ, "PATH": "/nonexistent"}  # no compiler, no Python
    done = subprocess.run(
        [os.environ["TRAINER"], "train", file, record, *options], capture_output=True, text=True, env=env
    )
    expect_equal(done.returncode, status, f"the status of {name}, which said:\n{done.stdout}{done.stderr}\n")
    return done.stdout + done.stderr


def near(one, other):
    return abs(one - other) <= 1e-4 * max(abs(one), abs(other)) + 1e-7


def logs(name):
    return json.loads(pathlib.Path(name, "trainer_state.json").read_text())["log_history"]


def expect_same_logs(name, other, but=()):
    found, expected = logs(name), logs(other)
    expect_equal([sorted(e) for e in found], [sorted(e) for e in expected], f"what {name} logged")
    for one, two in zip(found, expected):
        for key in one:
            if key.endswith(("runtime", "per_second")) or key in but:
                continue
            exact = key in ("step", "epoch", "learning_rate")
            same = one[key] == two[key] if exact else near(one[key], two[key])
            expect(same, f"{name} has {key} {one[key]!r} at step {one['step']}, {other} has {two[key]!r}")


def expect_near(found, expected, what):
    size = expected.abs().max().item()
    expect(torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * size + 1e-9), f"{what}: {found}, expected {expected}")


def expect_same_checkpoint(name, other, step=LAST):
    found, expected = (load_file(f"{n}/checkpoint-{step}/model.safetensors") for n in (name, other))
    expect_equal(sorted(found), sorted(expected), f"the weights of {name}")
    for key in expected:
        expect_near(found[key], expected[key], f"{key} of {name}")
    found, expected = (torch.load(f"{n}/checkpoint-{step}/optimizer.pt") for n in (name, other))
    expect_equal(found["param_groups"], expected["param_groups"], f"the groups of {name}")
    expect_equal(list(found["state"]), list(expected["state"]), f"the parameters with a state of {name}")
    for number, state in expected["state"].items():
        expect_equal(found["state"][number]["step"].item(), state["step"].item(), f"the steps of {name}")
        for key in ("exp_avg", "exp_avg_sq"):
            expect_near(found["state"][number][key], state[key], f"{key} {number} of {name}")


def events(name):
    lines = pathlib.Path(f"{name}.record", "trace.jsonl").read_text().splitlines()
    return [
        (e.get("event"), e.get("global_step", e.get("state", {}).get("global_step"))) for e in map(json.loads, lines)
    ]


def whole_runs():
    train("eager")
    said = train("compiled", True)
    for words in ("loss, gradients, clipping and AdamW in one call", "such batches are interpreted"):
        expect_equal(said.count(words), 1, f'lines with "{words}" in {said}')
    expect_equal(events("compiled"), events("eager"), "the events")
    said = train("gradients", "gradients")
    expect_equal(said.count("loss and gradients in one call"), 1, "the line of compiled gradients")
    for name in ("compiled", "gradients"):
        expect_same_logs(name, "eager")
        expect_same_checkpoint(name, "eager")
    train("accumulated", gradient_accumulation_steps=2)
    said = train("compiled_accumulated", True, gradient_accumulation_steps=2)
    expect_equal(said.count("loss and gradients in one call"), 1, "the line of accumulation")
    expect_equal(events("compiled_accumulated"), events("accumulated"), "the events of accumulation")
    expect_same_logs("compiled_accumulated", "accumulated")
    expect_same_checkpoint("compiled_accumulated", "accumulated", 9)


def narrower():
    """For processors that have less than this one may have."""
    if "avx2" not in cpu_vec_isa.x86_isa_checker():
        return
    libtrainer.export(Model(), example(), "avx2.pt2", compiled_step={"batch_size": BATCH, "target": "avx2"})
    said = train("avx2", True, model="avx2.pt2", max_steps=2)
    expect_equal(said.count("loss, gradients, clipping and AdamW in one call"), 1, "the line of the code for AVX2")


def resumed():
    """A run of one kind goes on as the other kind, from the end of an epoch."""
    for name, begun, compiled in (("to_compiled", "eager", True), ("to_eager", "compiled", None)):
        shutil.copytree(f"{begun}/checkpoint-6", f"{name}/checkpoint-6")
        train(name, compiled, "--resume_from_checkpoint=true")
        expect_same_logs(name, "eager", but=("train_loss", "total_flos"))
        expect_same_checkpoint(name, "eager")


def refused():
    def error(name, words, compiled=True, **more):
        said = train(name, compiled, status=2, **more)
        for word in words:
            expect(word in said, f'{name} does not say "{word}", but {said}')

    probe = [{"plugin": "probe", "config": {"path": "probe.txt"}}]
    error("probed", ["compiled-step.unsupported", "probe reads gradients", '"gradients"'], callbacks=probe)
    expect_equal([e for e, _ in events("probed") if e == "on_optimizer_step"], [], "steps before the refusal")
    train("probed_gradients", "gradients", callbacks=probe, max_steps=2)
    expect("pre_optimizer_step gradients" in pathlib.Path("probe.txt").read_text(), "the probe saw no gradients")
    error("other_optimizer", ["compiled-step.unsupported", "args.optim is sgd"], optim="sgd")
    train("sgd", optim="sgd"), train("sgd_gradients", "gradients", optim="sgd")
    expect_same_logs("sgd_gradients", "sgd")
    error("other_batch", ["compiled-step.unsupported", "batches of 8 rows"], per_device_train_batch_size=4)
    two_processes()
    bad_labels()
    checked()
    swapped()
    error("swapped", ["compiled-step.invalid", "takes", "expected"], model="swapped.pt2")


def bad_labels():
    """The interpreter's sentence, and nothing of the code's own."""
    for label in (7, -3):
        rows = load_file("train.safetensors")
        rows["labels"][::2] = label
        libtrainer.save_dataset(rows, "bad.safetensors")
        for compiled in (True, "gradients"):
            said = train("bad_labels", compiled, "--set=data.train=bad.safetensors", "--max_steps=1", status=1)
            expect(f'Target {label} is out of bounds; "labels" has the classes' in said, f"of a label {label}: {said}")
            for words in ("index out of bounds", "frame #", "Error: ", "libtrainer-"):
                expect(words not in said, f'"{words}" of a label {label}: {said}')


def checked():
    """check gives the status with which the run would start, and evaluate asks for no compiled step."""

    def run(*words):
        done = subprocess.run([os.environ["TRAINER"], *words], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    status, said = run("check", run_file("checked", True))
    expect_equal(status, 0, f"the status of check, which said {said}")
    expect("compiled " in said and "AdamW in one call, for batches of 8 rows" in said, f"check said {said}")
    status, said = run("check", run_file("checked", True), "--optim=sgd")
    expect_equal(status, 2, f"the status of check with sgd, which said {said}")
    shutil.copy("model.pt2", "open.pt2")
    os.chmod("open.pt2", 0o666)
    status, said = run("evaluate", run_file("checked", True, model="open.pt2"), "--checkpoint=compiled")
    expect_equal(status, 0, f"the status of an evaluation, which said {said}")


def two_processes():
    for command in ("train", "check"):
        done = in_two(command, run_file("two", True))
        expect_equal([rank.returncode for rank, _ in done], [2, 2], f"the status of {command}, which said {done}")
        expect("the run has 2 processes" in done[0][1], f"rank 0 of {command} said {done[0][1]}")


def in_two(*words):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    world = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [
        subprocess.Popen(
            [os.environ["TRAINER"], *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **world, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    return [(rank, rank.communicate()[0]) for rank in ranks]


def swapped():
    """Each of the two functions in the other's place."""
    with zipfile.ZipFile("model.pt2") as file, zipfile.ZipFile("swapped.pt2", "w") as made:
        entries = {e.partition("/")[2]: file.read(e) for e in file.namelist()}
        meta = json.loads(entries["extra/libtrainer/meta.json"])
        one, other = (f"data/libtrainer/compiled_{n}.so" for n in ("update", "gradients"))
        entries[one], entries[other] = entries[other], entries[one]
        meta["compiled"]["code"] = {
            n: hashlib.sha256(entries[f"data/libtrainer/compiled_{n}.so"]).hexdigest() for n in ("update", "gradients")
        }
        entries["extra/libtrainer/meta.json"] = json.dumps(meta).encode()
        for entry, data in entries.items():
            made.writestr(f"swapped/{entry}", data)


def export():
    torch.manual_seed(7)
    model, generator = Model(), torch.get_rng_state()
    before = {n: t.clone() for n, t in model.state_dict().items()}
    libtrainer.export(model, example(), "model.pt2", compiled_step={"batch_size": BATCH, "optim": "adamw"})
    for name, tensor in model.state_dict().items():
        expect(torch.equal(tensor, before[name]), f"the export changed {name}")
    expect(model.training and all(p.grad is None for p in model.parameters()), "the export left its traces")
    torch.set_rng_state(generator)
    for name, rows in (("train", ROWS), ("eval", 20)):
        features = torch.randn(rows, 8)
        labels = (features[:, :3] + 0.3 * torch.randn(rows, 3)).argmax(1)
        libtrainer.save_dataset({"features": features, "labels": labels}, f"{name}.safetensors")
    found = torch.export.load("model.pt2").module()(**example())  # torch still reads the file
    expect_equal(sorted(found), ["logits", "loss"], "what torch runs")


if not shutil.which(os.environ.get("CXX", "g++")) or not cpu_vec_isa.valid_vec_isa_list():
    print("left out: torch finds no C++ compiler that makes vector code for this machine")
    sys.exit(77)
if any("SVE" in type(isa).__name__ for isa in cpu_vec_isa.valid_vec_isa_list()):
    print("left out: compiled_step is not made for processors with SVE")
    sys.exit(77)
warnings.simplefilter("ignore")
torch.set_num_threads(1)
with work_directory():
    bad_exports()
    export()
    whole_runs()
    narrower()
    resumed()
    refused()
