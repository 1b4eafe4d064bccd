# SPDX-License-Identifier: Apache-2.0
"""What the tests of isolated plugins share: a small training, what is compared of it, and whether a process is left behind."""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid

SOURCE = pathlib.Path(os.environ["SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "support"))
from processes import MARK, expect_none_left, processes_of  # noqa: E402

TRAINER = os.environ["TRAINER"]
HERE = SOURCE / "tests" / "isolation"
TIMES = re.compile(r".*(_runtime|_per_second)")
FLAGS = ["-std=c++20", "-shared", "-fPIC", "-fvisibility=hidden", "-O1", "-w", "-pthread"]


def expect(condition, what):
    if not condition:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {what}")


class Work:
    """A directory of the test, gone with it. Its run: four epochs of two steps of two batches, with all events but
    on_push_begin."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="trainer-isolation-"))
        self.plugins = self.path / "plugins"
        self.plugins.mkdir()
        rows = "".join(f"{(7 * i) % 5},{(3 * i) % 4},{i % 3}\n" for i in range(8))
        (self.path / "train.csv").write_text("a,b,label\n" + rows)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def build(self, source, name=None):
        include = SOURCE / "plugin_api" / "include"
        to = self.plugins / f"{name or pathlib.Path(source).stem}.so"
        subprocess.run([os.environ["CXX"], *FLAGS, "-I", include, source, "-o", to], check=True)

    def run_file(self, name, callbacks, **args):
        run = {
            "model": {"type": "mlp", "layers": [2, 4, 3]},
            "data": {"train": "train.csv", "eval": "train.csv", "test": "train.csv", "target": "label"},
            "loss": "cross_entropy",
            "args": {
                "num_train_epochs": 4,
                "per_device_train_batch_size": 2,
                "gradient_accumulation_steps": 2,
                "logging_steps": 1,
                "eval_strategy": "steps",
                "eval_steps": 2,
                "save_steps": 2,
                "report_to": "none",
                "output_dir": name,
                "use_cpu": True,
            }
            | args,
            "actions": [{"do": "train"}, {"do": "evaluate"}, {"do": "predict"}],
            "callbacks": callbacks,
        }
        file = self.path / f"{name}.json"
        file.write_text(json.dumps(run))
        return file

    def environment(self, mark, **variables):
        own = {k: v for k, v in os.environ.items() if not k.startswith("TRAINER_")}
        cache = {"TRAINER_CACHE_DIR": str(self.path / "cache"), "OMP_NUM_THREADS": "1", MARK: mark}
        return own | cache | variables

    def run(self, name, callbacks, *options, limit=120, args=None, command="run", **variables):
        """Status, stdout and stderr of a run with these callbacks; no process of it is there afterwards."""
        mark = uuid.uuid4().hex
        file = self.run_file(name, callbacks, **(args or {}))
        command = [TRAINER, command, file, "--quiet", "--plugin-dir", self.plugins, *options]
        started = subprocess.Popen(
            [*map(str, command)],
            cwd=self.path,
            env=self.environment(mark, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            out, error = (text.decode(errors="replace") for text in started.communicate(timeout=limit))
        except subprocess.TimeoutExpired:
            said = f"it did not end within {limit} s; it said: {self.stop(started, mark)[-3000:]}"
            expect(False, f"{name}: {said}")
        self.expect_none_left(name, mark)
        return started.returncode, out, error

    def stop(self, started, mark):
        started.kill()
        for process in processes_of(mark):
            os.kill(process, signal.SIGKILL)
        return started.communicate()[1].decode(errors="replace")

    def expect_none_left(self, name, mark):
        expect_none_left(name, mark)

    def outcome(self, name):
        """The weights and the log of a run at its end, without what is of the clock."""
        out = self.path / name / "checkpoint-8"
        state = json.loads((out / "trainer_state.json").read_text())
        history = [{k: v for k, v in entry.items() if not TIMES.fullmatch(k)} for entry in state["log_history"]]
        return (out / "model.safetensors").read_bytes(), history


def isolated(config=None, plugin="attacker", on_error="disable", **isolation):
    """A callback of a run file in a process of its own."""
    return {
        "plugin": plugin,
        "config": config or {},
        "isolation": {"in": "process", "wait": True, "timeout": 30, "shutdown_timeout": 30} | isolation,
        "on_error": on_error,
    }


def at_once(work, jobs):
    """Two jobs at a time: pairs of a name and a function of nothing."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()
