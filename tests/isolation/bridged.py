# SPDX-License-Identifier: Apache-2.0
"""The Python of a callback below an isolated plugin's process: it is gone when that process, or what keeps it, or the trainer is
killed, whatever it is doing; and where the trainer is, it may end in order before.

    bridged.py [--hangs]        also a Python that hangs when the trainer is killed, for which one waits ten seconds
"""

import os
import signal
import subprocess
import sys
import time
import uuid

from harness import TRAINER, Work, expect, expect_none_left, isolated
from processes import parent_of

MINE = """
import atexit, os, sys, time

class Hangs:
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 2:
            with open("python.new", "w") as out:
                out.write(str(os.getpid()))
            os.rename("python.new", "python")
            while True:
                time.sleep(60)

class Ends:
    def __init__(self):
        atexit.register(self.leave)
    def leave(self):
        with open("end", "w") as out:
            out.write(getattr(sys, "last_type", type(None)).__name__)
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 2:
            open("python", "w").close()
"""


def started(work, name, mine, mark, **args):
    """A run with that class, in whose second step it is."""
    callback = isolated({"callback": f"mine.{mine}", "python": sys.executable}, "python")
    file = work.run_file(name, [callback], **args)
    (work.path / "python").unlink(missing_ok=True)
    run = subprocess.Popen(
        [TRAINER, "run", str(file), "--quiet"],
        cwd=work.path,
        env=work.environment(mark),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while not (work.path / "python").exists():
        expect(run.poll() is None and time.monotonic() < until, f"{name}: {run.poll()}: no second step")
        time.sleep(0.005)
    return run


def in_an_event(work, plain, who):
    """The training goes on, and is that of a run without it."""
    mark = uuid.uuid4().hex
    run = started(work, who, "Hangs", mark)
    plugin = parent_of((work.path / "python").read_text())
    keeper = parent_of(plugin)
    expect(parent_of(keeper) == run.pid, f"{who}: the Python is below {plugin}, {keeper}, not the trainer's")
    for process in {"plugin": [plugin], "keeper": [keeper], "both": [keeper, plugin]}[who]:
        os.kill(process, signal.SIGKILL)
    error = run.communicate(timeout=60)[1]
    told = error.count("callback python failed in on_step_end at step 2: its process ended with signal 9")
    expect(run.returncode == 0 and told == 1, f"{who}: status {run.returncode}: {error}")
    expect_none_left(who, mark)
    expect(work.outcome(who) == plain, f"{who}: another training came of it: {error}")


def with_the_trainer(work, mine, seconds):
    mark = uuid.uuid4().hex
    run = started(work, mine, mine, mark, num_train_epochs=100000, eval_strategy="no", save_strategy="no")
    run.kill()
    run.communicate(timeout=60)
    expect_none_left(mine, mark, seconds)


def main():
    with Work() as work:
        (work.path / "mine.py").write_text(MINE)
        expect(work.run("plain", [])[0] == 0, "the run without plugins failed")
        plain = work.outcome("plain")
        for who in ("plugin", "keeper", "both"):
            in_an_event(work, plain, who)
        with_the_trainer(work, "Ends", 5)
        said = work.path / "end"
        expect(said.exists(), "the exit hook did not run when the trainer was killed")
        expect(said.read_text() == "TrainerFailed", f"the exit hook saw {said.read_text()}, expected a failure")
        if "--hangs" in sys.argv:
            with_the_trainer(work, "Hangs", 15)
        print("no Python is left")


if __name__ == "__main__":
    main()
