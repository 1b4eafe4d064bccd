# SPDX-License-Identifier: Apache-2.0
"""Shipped plugins give the same in a process of their own as without: their files, of a recorded training and of the digits
example; what a server got; the flags that they set; and what a callback in Python saw."""

import json
import os
import subprocess
import sys

from harness import SOURCE, TRAINER, Work, expect

sys.path.insert(0, str(SOURCE / "tests" / "support"))
sys.path.insert(0, str(SOURCE / "tests" / "trackers"))
from mlflow_stand_in import StandIn  # noqa: E402
from tracker_files import CALLBACKS, VARIABLES, same_files  # noqa: E402

RECORDED = SOURCE / "tests/parity/expected/all_in_one/trainer_state.json"
DIGITS = SOURCE / "host/examples/digits/run.json"
OUT, IN = "out_of_process", "in_process"


def both(work, name, command, **variables):
    """Runs it in a directory of its own with and without isolation; gives the directories and what was said."""
    found = []
    for where in (OUT, IN):
        directory = work.path / name / where
        directory.mkdir(parents=True)
        own = {"TRAINER_PLUGIN_ISOLATION": "process"} if where == OUT else {}
        env = work.environment(f"{name}-{where}", HOME=str(directory), **variables, **own)
        words = [TRAINER, *map(str, command)]
        done = subprocess.run(words, cwd=directory, env=env, capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"{name} {where}: status {done.returncode}: {done.stdout}{done.stderr}")
        work.expect_none_left(name, f"{name}-{where}")
        found.append((directory, done.stdout + done.stderr))
    return found


def replays(work):
    command = ["replay", RECORDED, "--report_to", "none", "--output_dir", "out"]
    command += ["--metric_for_best_model", "loss", "--eval_strategy", "epoch"]
    for name in CALLBACKS:
        command += ["--callback", name]
    (ours, said), (theirs, _) = both(work, "replay", command, **VARIABLES)
    same_files(ours, theirs)
    expect("early_stopping would have stopped the training at step 8, epoch 2" in said, said)


def outcome(directory):
    state = json.loads((directory / "out/trainer_state.json").read_text())
    history = [
        {key: value for key, value in entry.items() if not key.endswith(("_runtime", "_per_second"))}
        for entry in state["log_history"]
    ]
    return (directory / "out/model.safetensors").read_bytes(), history, state["stateful_callbacks"]


def rows(file):
    """metrics.csv without what the clock says."""
    head, *lines = [line.split(",") for line in file.read_text().splitlines()]
    kept = [at for at, name in enumerate(head) if not name.endswith(("_runtime", "_per_second"))]
    return [[line[at] for at in kept] for line in [head, *lines]]


def digits(work):
    """With early stopping, which ends the training, and is asked for its state at each checkpoint."""
    stopping = {"plugin": "early_stopping", "config": {"early_stopping_patience": 1, "early_stopping_threshold": 0.02}}
    command = ["train", DIGITS, "--output_dir", "out", "--report_to", "csv,tensorboard,html", "--set"]
    command += [f"callbacks={json.dumps([stopping])}", "--num_train_epochs", "6"]
    (ours, said), (theirs, _) = both(work, "digits", command)
    expect(outcome(ours) == outcome(theirs), f"digits: another training came of it: {said}")
    names = [sorted(path.name.split(".")[0] for path in (one / "out").iterdir()) for one in (ours, theirs)]
    expect(names[0] == names[1], f"digits: the files are {names[0]}, expected {names[1]}")
    expect(rows(ours / "out/metrics.csv") == rows(theirs / "out/metrics.csv"), "digits: metrics.csv differs")
    sizes = [[p.stat().st_size for p in (one / "out").rglob("events.out*")] for one in (ours, theirs)]
    expect(sizes[0] == sizes[1] and sizes[0], f"digits: event files of {sizes[0]} and {sizes[1]} bytes")


def servers(work):
    seen = []
    for where in ("process", "none"):
        directory = work.path / f"mlflow-{where}"
        directory.mkdir()
        with StandIn() as server:
            env = work.environment(where, MLFLOW_TRACKING_URI=server.url, TRAINER_PLUGIN_ISOLATION=where)
            command = [TRAINER, "replay", str(RECORDED), "--report_to", "mlflow", "--output_dir", "out"]
            done = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)
            expect(done.returncode == 0, f"mlflow {where}: {done.stderr}")
            seen.append([server.canonical(), next(iter(server.runs.values()))["tags"]])
    expect(seen[0] == seen[1] and seen[0][0]["metrics"], f"mlflow: {seen[0]}\nexpected {seen[1]}")


def main():
    with Work() as work:
        parts = [replays, digits, servers]
        for part in parts:
            part(work)
        print(f"{len(CALLBACKS)} plugins, a server and the digits")


if __name__ == "__main__":
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    main()
