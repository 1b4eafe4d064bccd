# SPDX-License-Identifier: Apache-2.0
"""Runs of `trainer` on several processes of this machine, with torchrun's variables and without torchrun, which would
take two seconds to start. Reads TRAINER, SOURCE and BUILD from the environment."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

TRAINER, BUILD = os.environ["TRAINER"], pathlib.Path(os.environ["BUILD"])
HOST = socket.gethostname()
OF_LAUNCHERS = (
    "RANK",
    "WORLD_SIZE",
    "LOCAL_",
    "GROUP_",
    "ROLE_",
    "MASTER_",
    "TORCHELASTIC_",
    "OMPI_",
    "PMI_",
    "SLURM_",
)


def expect(condition, what):
    if not condition:
        sys.exit(f"{pathlib.Path(sys.argv[0]).stem}: {what}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run_file(path, rules=(), args=None, **more):
    """A small model, its data beside, and the plugin `script` with these rules; 12 steps of two processes by default."""
    rows = random.Random(7)
    data = path.parent / "train.csv"
    if not data.exists():
        lines = [",".join(f"{rows.uniform(-1, 1):.4f}" for _ in range(4)) + f",{rows.randrange(3)}" for _ in range(48)]
        data.write_text("a,b,c,d,label\n" + "\n".join(lines) + "\n")
    run = {
        "model": {"type": "mlp", "layers": [4, 8, 3]},
        "data": {"train": "train.csv", "target": "label"},
        "loss": "cross_entropy",
        "args": {
            "max_steps": 12,
            "per_device_train_batch_size": 2,
            "logging_steps": 1,
            "save_steps": 4,
            "report_to": "none",
            "use_cpu": True,
            "ddp_timeout": 60,
            "disable_tqdm": True,
            **(args or {}),
        },
        "callbacks": [{"plugin": "script", "config": {"rules": list(rules)}}],
        **more,
    }
    path.write_text(json.dumps(run))
    return path


def environment(rank, world, port, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OF_LAUNCHERS)}
    places = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": world}
    where = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "OMP_NUM_THREADS": 1,
        "TRAINER_PLUGIN_PATH": BUILD / "plugins",
    }
    return {k: str(v) for k, v in {**kept, **places, **where, **more}.items()}


class Process:
    """One rank, with what it printed."""

    def __init__(self, rank, command, cwd, env):
        self.rank, self.out = rank, tempfile.NamedTemporaryFile("w")
        self.begin = time.monotonic()
        self.popen = subprocess.Popen(command, cwd=cwd, env=env, stdout=self.out, stderr=subprocess.STDOUT)

    def text(self):
        return pathlib.Path(self.out.name).read_text()  # with a place of its own in the file

    def wait(self, seconds=60):
        """Its status, or None when it still runs."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


@contextlib.contextmanager
def launch(command, cwd, world=2, ranks=None, port=None, env=lambda rank: {}, program=TRAINER):
    """`command`: words after `trainer`, or another program, or a function of the rank; so may be `cwd`. None of the
    processes is left behind."""
    port = port or free_port()
    processes = []
    try:
        for rank in ranks if ranks is not None else range(world):
            words = command(rank) if callable(command) else command
            folder = cwd(rank) if callable(cwd) else cwd
            processes.append(
                Process(rank, [program, *map(str, words)], folder, environment(rank, world, port, **env(rank)))
            )
        yield processes
    finally:
        for process in processes:
            if process.popen.poll() is None:
                process.popen.kill()
            process.popen.wait()
            process.out.close()


@contextlib.contextmanager
def under_torchrun(command, cwd, restarts=0):
    """Two ranks under the torchrun of this Python, as one process."""
    words = [sys.executable, "-m", "torch.distributed.run", "--no-python", "--standalone", "--nproc-per-node", "2",
             "--max-restarts", str(restarts), "--monitor-interval", "0.1", TRAINER, *map(str, command)]  # fmt: skip
    env = environment(0, 1, 1)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        del env[name]
    process = Process(0, words, cwd, env)
    try:
        yield process
    finally:
        if process.popen.poll() is None:
            process.popen.terminate()  # a kill would leave the ranks behind
        process.popen.wait()
        process.out.close()


def train(path, *more):
    return ["train", path, "--output_dir", "out", *more]


def whole_checkpoints(out):
    """The steps of the checkpoints; fails when a torn one or its beginning is there."""
    names = sorted(p.name for p in pathlib.Path(out).glob("*checkpoint-*")) + [
        p.name for p in pathlib.Path(out).glob(".*.tmp")
    ]
    for name in names:
        expect(name.startswith("checkpoint-"), f"{name} was left behind")
        expect((pathlib.Path(out) / name / "checkpoint.json").exists(), f"{name} is torn")
    return sorted(int(name.split("-")[1]) for name in names)


def run_cases(cases, at_once):
    """Each with a folder of its own; what failed is told at the end."""
    with tempfile.TemporaryDirectory(prefix="trainer-ranks-") as name:
        failed = []

        def run(case):
            work = pathlib.Path(name) / case.__name__
            work.mkdir()
            try:
                case(work)
            except SystemExit as e:
                failed.append(f"{case.__name__}: {e.code}")

        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            list(pool.map(run, cases))
    expect(not failed, "\n".join(failed))
