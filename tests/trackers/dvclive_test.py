# SPDX-License-Identifier: Apache-2.0
"""dvclive: the files are those that DVCLive itself writes for the same logs, and DVC's commands read them."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

from harness import SOURCE, Work, expect, python

sys.path.insert(0, str(SOURCE / "tests" / "support"))
from processes import MARK, command_of, expect_none_left, parent_of, processes_of  # noqa: E402

REAL = """
import json, sys
from dvclive import Live
from dvclive.plots import Metric
from dvclive.utils import standardize_metric_name
params, logs = json.load(open(sys.argv[1])), json.load(open(sys.argv[2]))
live = Live(save_dvc_exp=False)
live.log_params(params)
for log in logs:                       # as DVCLiveCallback.on_log() does
    for key, value in log.items():
        if Metric.could_log(value):
            live.log_metric(standardize_metric_name(key, "dvclive.huggingface"), value)
    live.next_step()
if len(sys.argv) > 3:                  # as its on_train_end() does
    live.log_artifact(sys.argv[3], name="last", type="model", copy=True)
live.end()
"""


def arguments_in(directory):
    arguments = json.loads((directory / "training_args.json").read_text())
    del arguments["data"]  # columns and classes, which are no arguments
    return arguments


def files(directory):
    """Content by relative path of what a run leaves."""
    found = {"dvc.yaml": (directory / "dvc.yaml").read_bytes()}
    for path in sorted((directory / "dvclive").rglob("*")):
        if path.is_file():
            found[str(path.relative_to(directory))] = path.read_bytes()
    return found


def ordered_logs(work, history):
    """The logs as on_log() saw them: metrics.csv has the order of keys, which trainer_state.json loses, but for
    "epoch", its second column and the last key of a log."""
    with open(work.path / "out" / "metrics.csv", newline="") as file:
        columns = next(csv.reader(file))
    columns.append(columns.pop(1))
    return [{key: entry[key] for key in sorted(entry, key=columns.index) if key != "step"} for entry in history]


def real(work, params, logs, name, *model):
    directory = work.path / name
    directory.mkdir(exist_ok=True)
    (work.path / "params.json").write_text(json.dumps(params))
    (work.path / "logs.json").write_text(json.dumps(logs))
    done = subprocess.run(
        [python("trackers"), "-c", REAL, work.path / "params.json", work.path / "logs.json", *model],
        text=True,
        cwd=directory,
        env=work.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    expect(done.returncode == 0, f"DVCLive itself failed:\n{done.stdout}")
    return files(directory)


def expect_equal(ours, theirs, what):
    expect(ours.keys() == theirs.keys(), f"{what}: files differ: {sorted(ours.keys() ^ theirs.keys())}")
    for name in theirs:
        expect(
            ours[name] == theirs[name],
            f"{what}: {name} differs\nours:\n{ours[name].decode(errors='replace')}\nDVCLive's:\n{theirs[name].decode(errors='replace')}",
        )


def test_files():
    with Work() as work:
        # Rows of an earlier run are to go.
        (work.path / "dvclive" / "plots" / "metrics").mkdir(parents=True)
        (work.path / "dvclive" / "plots" / "metrics" / "old.tsv").write_text("step\told\n0\t1\n")
        history, printed = work.train("dvclive,csv", args={"run_name": "it's: 1e5", "lr_scheduler_kwargs": {}})
        ours = files(work.path)
        arguments = arguments_in(next((work.path / "out").glob("checkpoint-*")))
        logs = ordered_logs(work, history)
        expect(len(logs) == len(history) > 10, f"there are {len(history)} logs")
        expect_equal(ours, real(work, arguments, logs, "real"), "a fresh run")
        expect("Git repository" in printed, "nothing says that no experiment is saved")
        found = work.check("dvclive", work.path)
        work.expect_history(found, "dvclive", history)


def test_masked_token():
    with Work() as work:
        work.train("dvclive", args={"hub_token": "hf_secret", "max_steps": 2})
        text = (work.path / "dvclive" / "params.yaml").read_text()
        expect("hub_token: <HUB_TOKEN>\n" in text and "hf_secret" not in text, f"the token is not masked:\n{text}")


def test_all():
    """report_to all leaves it out without a repository."""
    with Work() as work:
        work.train("all", args={"max_steps": 2})
        expect(not (work.path / "dvclive").exists(), "all wrote dvclive outside of a DVC repository")


def test_resume():
    with Work() as work:
        whole, _ = work.train("dvclive,csv", output="out")
        rows = files(work.path)
        # Cut off after the first epoch's checkpoint, and on from it: each step is there once.
        resumed, _ = work.train("dvclive", "--resume_from_checkpoint=out/checkpoint-45")
        expect(len(resumed) == len(whole), f"{len(resumed)} logs after resuming, {len(whole)} before")
        again = files(work.path)
        work.expect_history(work.check("dvclive", work.path), "dvclive", resumed)
        expect(again.keys() == rows.keys(), "resuming left other files")
        # DVCLIVE_RESUME counts on instead.
        work.train(
            "dvclive", args={"max_steps": 10, "save_strategy": "no", "eval_strategy": "no"}, env={"DVCLIVE_RESUME": "1"}
        )
        steps = [
            line.split("\t")[0] for line in (work.path / "dvclive/plots/metrics/loss.tsv").read_text().splitlines()
        ]
        expect(steps[-1] == str(len(whole)), f"DVCLIVE_RESUME went on at {steps[-1]}, not at {len(whole)}")
        # Another run's rows are not continued: the resumed one's are all that is there.
        work.train("dvclive", output="other", args={"learning_rate": 1e-2})
        later, _ = work.train("dvclive", "--resume_from_checkpoint=out/checkpoint-45")
        work.expect_history(work.check("dvclive", work.path), "dvclive", later[5:])


class Run:
    """A training with a log in each step; its processes have a mark."""

    def __init__(self, work, name, *callbacks, epochs):
        args = {"logging_steps": 1, "eval_strategy": "no", "save_strategy": "no", "num_train_epochs": epochs}
        self.mark = f"{name}-{os.getpid()}"
        self.work, self.printed = work, []
        self.process = subprocess.Popen(
            work.command("none" if callbacks else "dvclive", args=args, callbacks=callbacks),
            cwd=work.path,
            env=work.environment(**{MARK: self.mark}),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.reader = threading.Thread(
            target=lambda: [self.printed.append(line) for line in self.process.stdout], daemon=True
        )
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()

    def wait_for(self, what, there):
        until = time.monotonic() + 30
        while not there():
            expect(time.monotonic() < until, f"{what} does not come: {''.join(self.printed[-20:])}")
            time.sleep(0.005)

    def begin(self):
        self.wait_for("a log", (self.work.path / "dvclive" / "metrics.json").exists)

    def come_to(self, words):
        self.wait_for(words, lambda: any(words in line for line in self.printed))

    def kill_in_an_event(self, until):
        """The plugin's process. It is held up until there is more for it than it can do in the time that it then gets."""
        hosts = [process for process in processes_of(self.mark) if b"host" in command_of(process)]
        (process,) = [one for one in hosts if parent_of(one) in hosts]
        os.kill(process, signal.SIGSTOP)
        until()
        os.kill(process, signal.SIGCONT)
        time.sleep(0.005)
        os.kill(process, signal.SIGKILL)

    def end(self):
        self.reader.join(timeout=100)
        expect_none_left(self.mark, self.mark, 15)  # one of the plugin's own may have some events to write
        return self.process.wait(timeout=10), "".join(self.printed)


def rows_of(work):
    """How many logs there are rows of, of each one; the summary has the last, or the one before."""
    last = json.loads((work.path / "dvclive" / "metrics.json").read_text())["step"]
    found = work.check("dvclive", work.path)
    steps = [step for step, _ in found["metrics"]["epoch"]]
    expect(
        steps[-1] - last in (0, 1) and steps == list(range(len(steps))),
        f"rows end at {steps[-1]}, the summary at {last}",
    )
    return len(steps)


def test_kill():
    with Work() as work, Run(work, "kill", epochs=100000) as run:
        run.begin()
        time.sleep(0.3)
        run.process.kill()
        run.end()
        expect(rows_of(work) > 1, "no rows")


def test_killed_process():
    """In a process of its own that is killed in an event: whole files, and a sentence that says from which step on; of one
    that is started again nothing is missing."""
    for policy in ("disable", "restart"):
        callback = {"plugin": "dvclive", "isolation": "process", "on_error": policy}
        with Work() as work, Run(work, policy, callback, epochs=60) as run:
            run.begin()
            run.kill_in_an_event(lambda: time.sleep(0.1))
            if policy == "restart":  # again, when the training is over and it has all of its events to take
                run.come_to("it is started again (1 of 3)")
                run.kill_in_an_event(lambda run=run: run.come_to("'train_runtime'"))
            status, text = run.end()
            told = re.findall(r"callback dvclive failed in on_log at step (\d+): its process ended with signal 9", text)
            expect(
                status == 0 and len(told) == (2 if policy == "restart" else 1), f"{policy}: {status}: {text[-3000:]}"
            )
            rows = rows_of(work)
            if policy == "disable":
                expect(rows in (int(told[0]) - 1, int(told[0])), f"{rows} rows, but told at step {told}")
                continue
            history = json.loads((work.path / "out" / "trainer_state.json").read_text())["log_history"]
            expect(rows == len(history), f"{rows} rows of {len(history)} logs")
            work.expect_history(work.check("dvclive", work.path), "dvclive", history)


PATH = f"{os.path.dirname(python('trackers'))}:{os.environ['PATH']}"


def repository(work, directory):
    """Git and DVC in a directory; a function that runs a command there and gives what it printed."""
    directory.mkdir(exist_ok=True)

    def run(*command):
        done = subprocess.run(
            command,
            cwd=directory,
            env=work.environment(PATH=PATH),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        expect(done.returncode == 0, f"{' '.join(command)} gave {done.returncode}:\n{done.stdout}")
        return done.stdout

    run("git", "init", "-q")
    run("git", "config", "user.email", "test@localhost")
    run("git", "config", "user.name", "test")
    run("dvc", "init", "-q")
    run("git", "commit", "-qm", "start")
    return run


def test_models():
    """HF_DVCLIVE_LOG_MODEL: the model is in DVC's cache, the files are those of DVCLive's log_artifact()."""
    with Work() as work:
        run = repository(work, work.path)
        (work.path / ".gitignore").write_text("home\nout\nreal\n/*.json\n")
        run("git", "add", "-A")
        run("git", "commit", "-qm", "start")
        history, printed = work.train(
            "dvclive,csv", env={"HF_DVCLIVE_LOG_MODEL": "true", "PATH": PATH, "DVC_EXP_NAME": "kept"}
        )
        expect("saved as a DVC experiment" in printed, f"no experiment was saved:\n{printed}")
        ours = files(work.path)
        expect(
            ours["dvclive/artifacts/last/model.safetensors"] == (work.path / "out" / "model.safetensors").read_bytes(),
            "another model",
        )
        arguments = arguments_in(work.path / "out")
        repository(work, work.path / "real")
        theirs = real(work, arguments, ordered_logs(work, history), "real", work.path / "out" / "last")
        expect_equal(ours, theirs, "a run with a model")
        expect(
            "artifacts:\n  last:\n    path: dvclive/artifacts/last\n    type: model\n" in ours["dvc.yaml"].decode(),
            ours["dvc.yaml"].decode(),
        )
        expect("up to date" in run("dvc", "status"), "dvc status finds other files")
        (experiment,) = (
            r for r in run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split() if r.endswith("/kept")
        )
        saved = run("git", "ls-tree", "-r", "--name-only", experiment)
        expect("dvclive/artifacts/last.dvc" in saved and "dvclive/artifacts/last/" not in saved, saved)

        # All of output_dir, with each checkpoint.
        (work.path / ".gitignore").write_text("home\nreal\n/*.json\n")
        work.train("dvclive", output="all", env={"HF_DVCLIVE_LOG_MODEL": "ALL", "PATH": PATH})
        expect((work.path / "all.dvc").exists() and "/all" in (work.path / ".gitignore").read_text(), "all.dvc")
        tracked = json.loads(run("dvc", "list", ".", "all", "--json", "--recursive"))
        expect(
            {"checkpoint-90/model.safetensors", "checkpoint-90/trainer_state.json"} <= {f["path"] for f in tracked},
            tracked,
        )
        # Without DVC, the training goes on.
    with Work() as work:
        _, printed = work.train("dvclive", args={"max_steps": 2}, env={"HF_DVCLIVE_LOG_MODEL": "1", "PATH": PATH})
        expect("dvc init" in printed and "artifacts" not in (work.path / "dvc.yaml").read_text(), printed)


def test_repository():
    """In a Git and DVC repository: an experiment is saved, DVC's commands show it, dvc.yaml keeps what others wrote."""
    with Work() as work:
        run = repository(work, work.path)
        others = "# kept\nparams:\n- other.yaml  # mine\nstages:\n  prepare:\n    cmd: echo\n"
        (work.path / "dvc.yaml").write_text(others)
        (work.path / "other.yaml").write_text("a: 1\n")
        (work.path / ".gitignore").write_text("home\nout\nrun.json\n")
        run("git", "add", "-A")
        run("git", "commit", "-qm", "start")
        command = dict(env={"PATH": PATH, "DVC_EXP_NAME": "first"})
        history, printed = work.train("all", **command)
        expect("saved as a DVC experiment" in printed, f"no experiment was saved:\n{printed}")
        text = (work.path / "dvc.yaml").read_text()
        expect(
            text.startswith(
                "# kept\nparams:\n- other.yaml  # mine\n- dvclive/params.yaml\nstages:\n  prepare:\n    cmd: echo\n"
            ),
            f"dvc.yaml lost what was there:\n{text}",
        )
        shown = json.loads(run("dvc", "metrics", "show", "--json"))[""]["data"]["dvclive/metrics.json"]["data"]
        losses = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
        expect(shown["eval"]["loss"] == losses[-1], f"dvc metrics show: {shown}")
        expect("learning_rate" in run("dvc", "params", "diff", "--all", "HEAD"), "dvc params diff has no learning_rate")
        plots = json.loads(run("dvc", "plots", "show", "--json"))
        expect("dvclive/plots/metrics/loss.tsv" in json.dumps(plots), "dvc plots show has no loss")
        table = run("dvc", "exp", "show", "--csv")
        expect("first" in table and str(losses[-1])[:6] in table, f"dvc exp show:\n{table}")
        expect(not list((work.path / ".dvc" / "tmp" / "exps" / "run").glob("DVCLIVE*")), "a signal file is left")
        _, printed = work.train("dvclive", env={"PATH": PATH, "DVC_EXP_NAME": "no/name: at all"})
        expect("is not a valid experiment name" in printed and "saved as a DVC experiment" in printed, printed)


TESTS = [
    test_files,
    test_masked_token,
    test_all,
    test_resume,
    test_kill,
    test_killed_process,
    test_models,
    test_repository,
]

if __name__ == "__main__":
    for test in TESTS:
        if not sys.argv[1:] or test.__name__.removeprefix("test_") in sys.argv[1:]:
            test()
            print("passed:", test.__name__)
