#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The swanlab plugin's run files, read by SwanLab's own reader."""

import json
import os
import resource
import signal
import subprocess
import time

from harness import TRAINER, Work, expect, python

OFFLINE = {"SWANLAB_MODE": "offline"}


def run_directories(work, log_dir="swanlog"):
    return sorted((work.path / log_dir).glob("run-*"))


def dump(work, directory):
    """The records of one run, as SwanLab's format names them."""
    script = os.path.join(os.environ["SOURCE"], "tests/trackers/checks/check_swanlab.py")
    done = subprocess.run(
        [python("trackers"), script, str(directory), "--dump"],
        stdout=subprocess.PIPE,
        text=True,
        env=work.environment(),
        check=True,
    )
    return json.loads(done.stdout)


def whole_run():
    with Work() as work:
        history, printed = work.train(
            "swanlab",
            args={"run_name": "first"},
            env=OFFLINE
            | {
                "SWANLAB_PROJECT": "p",
                "SWANLAB_EXP_NAME": "not this",
                "SWANLAB_TAGS": "a, b",
                "SWANLAB_DESCRIPTION": "d",
            },
        )
        found = work.check("swanlab", work.path / "swanlog")
        work.expect_history(found, "swanlab", history)
        extra, params = found["extra"], found["params"]
        expect(extra["finish_state"] == 1, f"not finished: {extra}")
        expect(extra["start"] == {"project": "p", "name": "first"}, extra["start"])
        expect(sorted(extra["columns"]) == sorted(found["metrics"]), extra["columns"])
        expect(params["FRAMEWORK"] == "\U0001f917transformers", params["FRAMEWORK"])
        expect(params["learning_rate"] == 1e-3 and params["adam_epsilon"] == 1e-8, params)
        expect(params["run_name"] == "first" and params["hub_token"] == "<HUB_TOKEN>", params)
        expect(params["lr_scheduler_kwargs"] == {} and params["report_to"] == ["swanlab"], params)
        expect(params["model_num_parameters"] == 64 * 64 + 64 + 64 * 10 + 10, params["model_num_parameters"])

        (directory,) = run_directories(work)
        records = dump(work, directory)
        start = records[0]["start"]
        expect(start["tags"] == ["a", "b"] and start["description"] == "d", start)
        expect(
            [int(r["num"]) for r in records if int(r["num"]) > 0] == list(range(1, len(records) - 2)),
            "the records are not numbered",
        )
        expect(int(records[-1]["num"]) == -2 and "finish" in records[-1], records[-1])
        lines = [r["log"]["line"] for r in records if "log" in r]
        expect(any(line.startswith("{'loss'") for line in lines), f"no line of a log in {lines}")
        expect(all(line in printed for line in lines), "a line that was not printed")


def settings():
    with Work() as work:
        work.train("swanlab", env={"SWANLAB_MODE": "disabled"})
        expect(not (work.path / "swanlog").exists(), "a disabled run left files")
        _, printed = work.train("swanlab", env={"SWANLAB_MODE": "sometimes"})
        expect("SWANLAB_MODE" in printed and "sometimes" in printed, printed)
        work.train(
            "swanlab",
            env=OFFLINE
            | {
                "SWANLAB_LOG_DIR": "elsewhere",
                "SWANLAB_RUN_ID": "same",
                "SWANLAB_PROJECT_NAME": "q",
                "SWANLAB_EXPERIMENT_NAME": "e",
            },
        )
        (directory,) = run_directories(work, "elsewhere")
        expect((directory / "run-same.swanlab").exists(), list(directory.iterdir()))
        extra = work.check("swanlab", directory)["extra"]
        expect(extra["start"] == {"project": "q", "name": "e"}, extra)
        work.train("swanlab", env=OFFLINE | {"SWANLAB_LOGDIR": "older", "SWANLAB_PROJ_NAME": "r"})
        (directory,) = run_directories(work, "older")
        expect(work.check("swanlab", directory)["extra"]["start"]["project"] == "r", "SWANLAB_PROJ_NAME")


# What transformers' callback does with each log, by SwanLab's client itself.
CLIENT = """
import json, sys, swanlab
from transformers.integrations.integration_utils import rewrite_logs
single = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "train_loss", "total_flos")
swanlab.init(project="p")
for log in json.load(open(sys.argv[1]))["log_history"]:
    step = log.pop("step")
    for key in single:
        if key in log:
            swanlab.log({"single_value/" + key: log.pop(key)}, step=step)
    swanlab.log({**rewrite_logs(log), "train/global_step": step}, step=step)
swanlab.finish()
"""


def keys_and_values():
    """Odd keys and values are stored as SwanLab's client stores them."""
    inf, nan = float("inf"), float("nan")
    odd = [
        {"loss": inf, "eval_a": -inf, "b": nan, "train_loss": inf, "epoch": 0.5},
        {
            " ./trim. ": 1.0,
            "eval_ x./": 2.0,
            "test_": 3.0,
            "///": 4.0,
            "a\nb": 5.0,
            "a\x7fb": 6.0,
            "": 7.0,
            "\u00e4" * 600: 8.0,
        },
        {"nested": {"a": 1, "b/": {"c.": 2.5, "": 3, "d": inf}, "no": [1], "none": None}, "list": [1.0], "none": None},
        {"t": True, "f": False, "n": 7, "big": 2**53, "global_step": 9},
        {
            "text": "abc",
            "number": " 1_0.5 ",
            "inf": "inf",
            "nan": "-NaN",
            "large": "1e999",
            "plus": "+.5",
            "hex": "0x1",
        },
        {"dup": 1.0, "dup.": 2.0, "other": 3.0, "dup/": 4.0, "gone": 5.0, "gone.": "text", "last": 6.0},
    ]
    with Work() as work:
        work.train("none")
        state = json.loads((work.path / "out" / "trainer_state.json").read_text())
        state["log_history"] = [log | {"step": i + 1} for i, log in enumerate(odd)]
        (work.path / "state.json").write_text(json.dumps(state))
        env = work.environment(**OFFLINE)
        ours = [TRAINER, "replay", "state.json", "--report_to", "swanlab", "--output_dir", "replayed"]
        theirs = [python("trackers"), "-c", CLIENT, "state.json"]
        scalars = []
        for command, where in (ours, "ours"), (theirs, "theirs"):
            done = subprocess.run(
                command,
                env=env | {"SWANLAB_LOG_DIR": where},
                cwd=work.path,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            expect(done.returncode == 0, done.stdout)
            (directory,) = run_directories(work, where)
            found = [r["scalar"] for r in dump(work, directory) if "scalar" in r]
            scalars.append([(s["key"], s["step"], str(s["value"].get("number", 0))) for s in found])
        expect(scalars[0] == scalars[1], "\n".join(map(str, set(scalars[0]) ^ set(scalars[1]))) + f"\n{scalars}")


def online():
    """`swanlab sync` of the PATH is started at the end; without a login it is not."""
    with Work() as work:
        fake = work.path / "bin" / "swanlab"
        fake.parent.mkdir()
        fake.write_text('#!/bin/sh\necho "$@" > ' + str(work.path / "called") + "\n")
        fake.chmod(0o755)
        path = f"{fake.parent}:{os.environ['PATH']}"
        _, printed = work.train("swanlab", env={"PATH": path})
        expect(not (work.path / "called").exists() and "swanlab sync" in printed, printed)
        work.train("swanlab", env={"PATH": path, "SWANLAB_API_KEY": "0" * 21})
        called = (work.path / "called").read_text().split()
        expect(called[0] == "sync" and called[1] in map(str, run_directories(work)), called)


def killed():
    """kill -9: every log that the run printed is in the file."""
    with Work() as work:
        command = work.command(
            "swanlab", args={"num_train_epochs": 100000, "save_strategy": "no", "eval_strategy": "no"}
        )
        process = subprocess.Popen(
            command,
            env=work.environment(**OFFLINE),
            cwd=work.path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        printed = 0
        try:
            for line in process.stdout:
                printed += line.startswith("{'loss'")
                if printed == 200:
                    break
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        found = work.check("swanlab", work.path / "swanlog")
        rows = found["metrics"]["train/loss"]
        expect(len(rows) >= printed == 200, f"{len(rows)} rows of {printed} printed logs")
        expect("finish_state" not in found["extra"], "a killed run has a finish record")
        expect(found["params"]["learning_rate"] == 1e-3, found["params"])


def disk_full():
    """The run's result is that of a run without the tracker; what was logged before is readable."""
    with Work() as work:
        quiet = {"save_strategy": "no", "logging_steps": 2, "num_train_epochs": 6}
        work.train("none", output="plain", args=quiet)
        command = work.command("swanlab", output="full", args=quiet)
        limit = 40 * 1024
        done = subprocess.run(
            command,
            env=work.environment(**OFFLINE),
            cwd=work.path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            restore_signals=False,  # SIGXFSZ stays ignored: writing fails, as on a full disk
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
        expect(done.returncode == 0, done.stdout)
        expect("could not be written" in done.stdout, done.stdout)
        same = [(work.path / o / "model.safetensors").read_bytes() for o in ("plain", "full")]
        expect(same[0] == same[1], "the model differs from that of a run without the tracker")
        found = work.check("swanlab", work.path / "swanlog")
        expect(len(found["metrics"]["train/loss"]) > 10, found["metrics"])


if __name__ == "__main__":
    for part in (whole_run, settings, keys_and_values, online, killed, disk_full):
        begin = time.time()
        part()
        print(f"{part.__name__}: {time.time() - begin:.1f} s")
