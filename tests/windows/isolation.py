# SPDX-License-Identifier: Apache-2.0
"""Plugins in processes of their own under Wine. Whatever ends such a process is one warning that names plugin, event and
step, costs the other callbacks nothing, and leaves no process behind; neither does the trainer when it is killed. Shipped
plugins write the files that they write without.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid

import wine

sys.path.insert(0, str(wine.SOURCE / "tests" / "support"))
from processes import MARK, command_of, expect_none_left, processes_of  # noqa: E402
from tracker_files import CALLBACKS, VARIABLES, same_files  # noqa: E402

RECORDED = wine.SOURCE / "tests/parity/expected/all_in_one/trainer_state.json"
REPLAY = wine.BUILD / "tests/isolated_replay.exe"
#  what it does in on_log of the step that is its place here, what is said of it, its isolation
ENDS = [
    ("access", "its process ended with exception 0xC0000005 (access violation)", {}),
    ("access", "its process ended with exception 0xC0000005 (access violation)", {"wait": False}),
    ("overflow", "its process ended with exception 0xC00000FD (stack overflow)", {}),
    ("thread", "its process ended with exception 0xC0000005 (access violation)", {}),
    ("abort", "its process ended with exit status 3", {}),
    ("exit", "it ended its process itself, with exit status 0", {}),
    ("exit_process", "it ended its process itself, with exit status 0", {"wait": False}),
    ("terminate", "its process ended with exit status 5", {}),
    ("hang", "its process gave no answer within 1 s and was ended", {"timeout": 1}),
    ("hang, told", "its process ended with exit status 7", {}),
]
KILLED = len(ENDS)  # the step at which the last one waits to be killed
# A program that does not end, or that ends the process of the number that it is given.
HELPER = """
#include <stdlib.h>
#include <windows.h>
int main(int count, char** words) {
  if (count == 1) Sleep(INFINITE);
  return !TerminateProcess(OpenProcess(PROCESS_TERMINATE, FALSE, strtoul(words[1], NULL, 10)), 7);
}
"""


def wait_for(file):
    until = time.monotonic() + 60
    while not file.exists():
        if time.monotonic() > until:
            sys.exit(f"{file.name} does not come")
        time.sleep(0.02)
    return file.read_text()


def compile_c(work, to, *words):
    subprocess.run([os.environ["CC"], "-std=c11", "-O0", "-static", *words, "-o", work / to], check=True)


def build(work):
    (work / "plugins").mkdir()
    words = ["-shared", "-Wl,--exclude-all-symbols", "-I", wine.SOURCE / "plugin_api/include"]
    compile_c(work, "plugins/crasher.dll", *words, wine.SOURCE / "tests/windows/crasher.c")
    (work / "helper.c").write_text(HELPER)
    compile_c(work, "helper.exe", work / "helper.c")
    steps = range(1, KILLED + 3)
    history = [{"loss": 1.0 / step, "epoch": step / len(steps), "step": step} for step in steps]
    state = {"global_step": len(steps), "max_steps": len(steps), "num_train_epochs": 1, "log_history": history}
    (work / "trainer_state.json").write_text(json.dumps(state))


def crasher(way, step=1, on_error="warn", isolation=None, **config):
    config = {"way": way, "step": step} | config
    return {
        "plugin": "crasher",
        "config": config,
        "on_error": on_error,
        "isolation": {"in": "process"} | (isolation or {}),
    }


class Replay:
    """Of one loss in each step, to these callbacks and csv."""

    def __init__(self, work, name, *callbacks):
        self.work, self.name, self.mark = work, name, uuid.uuid4().hex
        csv = {"plugin": "csv", "isolation": "none"}
        run = {
            "model": {"type": "mlp", "layers": [1, 2, 1]},
            "data": {"train": "none.csv", "target": "none"},
            "loss": "mse",
            "args": {"output_dir": name, "report_to": "none"},
            "callbacks": [*callbacks, csv],
        }
        (work / f"{name}.json").write_text(json.dumps(run))
        own = {
            "TRAINER_PROGRAM": wine.windows_path(wine.TRAINER),
            "TRAINER_CACHE_DIR": wine.windows_path(work / "cache"),
        }
        self.process = subprocess.Popen(
            [wine.WINE, REPLAY, f"{name}.json", "trainer_state.json", "plugins"],
            cwd=work,
            env={**os.environ, **own, MARK: self.mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def end(self, status):
        said = self.process.communicate(timeout=120)[0].decode(errors="replace")
        if self.process.returncode != status:
            sys.exit(f"{self.name}: status {self.process.returncode}, expected {status}: {said}")
        expect_none_left(self.name, self.mark, 10)
        return said

    def rows(self):
        return (self.work / self.name / "metrics.csv").read_bytes()


def expect_told(what, said, step, words, more=""):
    lines = [line for line in said.splitlines() if f"callback crasher failed in on_log at step {step}: " in line]
    wanted = f"warning: callback crasher failed in on_log at step {step}: {words}"
    if len(lines) != 1 or not lines[0].startswith(wanted) or more not in lines[0]:
        sys.exit(f"{what}: told {lines}, expected one line {wanted!r}: {said}")
    print("ok", what)


def ends(work, plain):
    """Each in a process of its own, all in one run."""
    callbacks = [crasher(way, step, isolation=own) for step, (way, _, own) in enumerate(ENDS, 1)]
    callbacks[-1]["config"]["file"] = "pid"
    callbacks.append(crasher("start", KILLED + 2, file="helper.exe"))
    callbacks.append(crasher("print", KILLED + 2, isolation={"memory": "1 GB", "cpu_seconds": 100, "network": False}))
    run = Replay(work, "ends", *callbacks)
    killer = threading.Thread(target=lambda: wine.run(wine.WINE, work / "helper.exe", wait_for(work / "pid")))
    killer.start()
    said = run.end(0)
    killer.join()
    for step, (way, words, own) in enumerate(ENDS, 1):
        expect_told(f"{way} {own or ''}", said, step, words)
    wine.expect("what a plugin prints", said, "crasher printed: printed by the plugin\n")
    wine.expect("the network", said, "the network cannot be taken from a plugin on Windows, so it has it")
    if said.count("callback crasher failed") != len(ENDS) or "cannot be limited" in said:
        sys.exit(f"ends: expected {len(ENDS)} warnings, and limits: {said}")
    if run.rows() != plain:
        sys.exit(f"metrics.csv beside processes that end: {run.rows()}, expected {plain}")
    print("ok metrics.csv")


def policies(work, plain):
    run = Replay(work, "restart", crasher("access", 2, on_error="restart"))
    said = run.end(1)
    access = "its process ended with exception 0xC0000005 (access violation)"
    for step in (2, 3, 4):
        expect_told(f"restart {step - 1}", said, step, access, f"; it is started again ({step - 1} of 3)")
    expect_told("no more restarts", said, 5, access, "; the run goes on without it")
    wine.expect("restart", said, "error: not everything was replayed to crasher")
    if run.rows() != plain:
        sys.exit(f"metrics.csv beside one that is started again: {run.rows()}, expected {plain}")
    run = Replay(work, "fail", crasher("terminate", 2, on_error="fail"))
    wine.expect(
        "fail", run.end(1), "error: callback crasher failed in on_log at step 2: its process ended with exit status 5"
    )


def trainer_dies(work):
    """With the plugin's process and what this has started."""
    starts = crasher("start", 2, file="helper.exe")
    run = Replay(work, "killed", starts, crasher("hang, told", 2, file="pid of killed"))
    wait_for(work / "pid of killed")
    there = {process: command_of(process) for process in processes_of(run.mark)}
    if not any(b"helper.exe" in command for command in there.values()):
        sys.exit(f"no plugin has started another program: {there}")
    for process, command in there.items():
        if b"isolated_replay.exe" in command:
            os.kill(process, signal.SIGKILL)
    run.process.communicate(timeout=60)
    expect_none_left(run.name, run.mark, 10)
    print("ok a trainer that is killed leaves no process behind")


def parity(work):
    found = []
    for where in ("process", "none"):
        out, mark = work / where, uuid.uuid4().hex
        out.mkdir()
        words = ["replay", RECORDED, "--report_to", "none", "--output_dir", "out", "--metric_for_best_model", "loss"]
        words += ["--eval_strategy", "epoch", *(word for name in CALLBACKS for word in ("--callback", name))]
        own = {"TRAINER_CACHE_DIR": work / f"cache-{where}", "TRAINER_PLUGIN_ISOLATION": where, MARK: mark}
        said = wine.trainer(*words, cwd=out, env=VARIABLES | own)
        wine.expect("early_stopping", said, "early_stopping would have stopped the training at step 8, epoch 2")
        expect_none_left(f"a replay with isolation {where}", mark, 10)
        found.append(out)
    same_files(*found)


def main():
    wine.require()
    wine.run(wine.WINE, "cmd", "/c", "exit")  # so that Wine's own processes are nobody's
    with wine.directory() as work:
        build(work)
        plain = Replay(work, "plain")
        plain.end(0)
        ends(work, plain.rows())
        policies(work, plain.rows())
        trainer_dies(work)
        parity(work)


if __name__ == "__main__":
    main()
