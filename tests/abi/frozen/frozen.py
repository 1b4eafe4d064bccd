# SPDX-License-Identifier: Apache-2.0
"""Plugins that were built with earlier versions of the contract work with this host as they did with theirs.

Each directory here is a version: its sources, its plugins by machine (built once, by record.sh), and what they saw
then: in a replay (replay.txt), and in a training with a resume (train.txt), which needs LibTorch and is left out where
the host is not built. `--record VERSION` writes these texts; with `--isolated` each plugin has a process of its own, and
sees the same. Reads TRAINER from the environment.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TRAINER = pathlib.Path(os.environ["TRAINER"])
ISOLATED = "--isolated" in sys.argv
if ISOLATED:
    os.environ["TRAINER_PLUGIN_ISOLATION"] = "process"
MACHINE = f"{platform.machine()}-{platform.system().lower()}"
ROWS = [
    (0.5, -1.0, 0),
    (1.5, 0.25, 1),
    (-0.75, 2.0, 0),
    (1.0, 1.0, 1),
    (0.1, 0.2, 0),
    (-1.0, -2.0, 1),
    (0.3, 0.9, 0),
    (2.0, -0.5, 1),
    (-1.5, 0.5, 0),
    (0.8, -0.8, 1),
]


def run(work, *command, status):
    done = subprocess.run([TRAINER, *map(str, command)], cwd=work, capture_output=True, text=True, check=False)
    if done.returncode != status:
        sys.exit(
            f"{' '.join(map(str, command))}: status {done.returncode}, expected {status}\n{done.stdout}{done.stderr}"
        )
    return done.stderr


def seen(work, stderr, words):
    """What the two plugins wrote, and what the host said of them."""
    said = [line for line in stderr.splitlines() if "frozen_" in line]
    for word in words:
        if not any(word in line for line in said):
            sys.exit(f"the host did not say {word!r}, but: {stderr}")
    return "".join(f"== {name}\n{pathlib.Path(work, name).read_text()}" for name in ("witness", "scribe"))


def replay(plugins, trainer_state):
    with tempfile.TemporaryDirectory() as work:
        stderr = run(
            work,
            "replay",
            trainer_state,
            "--report_to",
            "none",
            "--output_dir",
            "out",
            "--plugin-dir",
            plugins,
            "--callback",
            'frozen_witness={"file": "witness", "list": []}',
            "--callback",
            'frozen_scribe={"file": "scribe"}',
            status=1,
        )
        found = seen(
            work,
            stderr,
            [
                "frozen_witness: the witness has seen the end",
                "frozen_scribe failed in on_train_end at step",
                "it has run out of ink",
            ],
        )
        # Nobody waits for a tracker: the line that its flags have no effect may come before its last event.
        return found.replace("lines of the console: some", "lines of the console: none") if ISOLATED else found


def train(plugins):
    with tempfile.TemporaryDirectory() as work:
        rows = "".join(f"{a},{b},{y}\n" for a, b, y in ROWS)
        pathlib.Path(work, "data.csv").write_text("a,b,y\n" + rows)
        # It is a tracker, which sets flags nevertheless.
        own = {"isolation": {"in": "process", "wait": True}} if ISOLATED else {}
        run_file = {
            "model": {"type": "mlp", "layers": [2, 3, 2], "activation": "relu"},
            "data": {"train": "data.csv", "eval": "data.csv", "test": "data.csv", "target": "y"},
            "loss": "cross_entropy",
            "args": {
                "output_dir": "out",
                "num_train_epochs": 2,
                "per_device_train_batch_size": 2,
                "eval_strategy": "epoch",
                "per_device_eval_batch_size": 5,
                "gradient_accumulation_steps": 2,
                "save_steps": 4,
                "logging_steps": 5,
                "optim": "adamw_torch",
                "restore_callback_states_from_checkpoint": True,
                "report_to": "none",
            },
            "callbacks": [
                {"plugin": "frozen_witness", "config": {"file": "witness", "numbers": False}, "on_error": "warn"} | own,
                {"plugin": "frozen_scribe", "config": {"file": "scribe"}, "on_error": "warn"} | own,
            ],
            "actions": [{"do": "train"}, {"do": "predict"}],
        }
        pathlib.Path(work, "run.json").write_text(json.dumps(run_file))
        stderr = run(work, "run", "run.json", "--plugin-dir", plugins, status=0)
        stderr += run(
            work, "train", "run.json", "--plugin-dir", plugins, "--resume_from_checkpoint", "out/checkpoint-4", status=0
        )
        return seen(
            work,
            stderr,
            [
                "the second epoch is not to its liking",
                "it has run out of ink",
                "frozen_witness: the witness has seen the end",
            ],
        )


def compare(name, expected, found, record):
    if record:
        expected.write_text(found)
    elif expected.read_text() != found:
        want, have = expected.read_text().splitlines(), found.splitlines()
        line = next((i for i, (a, b) in enumerate(zip(want, have)) if a != b), min(len(want), len(have)))
        sys.exit(
            f"{name}: line {line + 1} differs from {expected}:\n  expected {want[line : line + 1]}\n  found    {have[line : line + 1]}"
        )
    print("ok", name)


def main():
    record = sys.argv[2] if sys.argv[1:2] == ["--record"] else None
    tried = 0
    for directory in sorted(path for path in HERE.iterdir() if path.is_dir() and path.name[0].isdigit()):
        plugins = directory / MACHINE
        if not plugins.is_dir() or (record and directory.name != record):
            continue
        tried += 1
        compare(
            f"{directory.name} replay",
            directory / "replay.txt",
            replay(plugins, directory / "trainer_state.json"),
            record,
        )
        if TRAINER.with_name("trainer-run").exists():
            compare(f"{directory.name} train", directory / "train.txt", train(plugins), record)
        for plugin in sorted(plugins.glob("*.so")):
            with tempfile.TemporaryDirectory() as work:
                run(work, "plugins", "inspect", plugin, status=0)
    if tried == 0:
        print(f"skipped: no plugins for {MACHINE}")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
