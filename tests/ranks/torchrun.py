# SPDX-License-Identifier: Apache-2.0
"""Two ranks of the real torchrun, which ends the others when one fails, and hands on its own SIGTERM: one sentence of what
was the cause, whole checkpoints, and no process that is left behind."""

import pathlib
import signal
import time

from launch import expect, run_cases, run_file, train, under_torchrun, whole_checkpoints


def processes_in(work):
    """Those that still run there."""
    found = []
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (place / "cwd").resolve() == work.resolve():
                found.append((place / "cmdline").read_bytes())
        except OSError:  # it has ended, or is another's
            pass
    return found


def one_fails(work):
    rules = [{"on": "on_step_end", "rank": 1, "global_step": 6, "raise": "the disk is full"}]
    run_file(work / "run.json", rules)
    with under_torchrun(train("run.json"), work) as process:
        status, said = process.wait(), process.text()
    cause = "callback script failed in on_step_end at step 6: the disk is full"
    expect(status == 1, f"torchrun ended with {status}: {said}")
    expect(said.count(cause) == 1, f"expected the cause once: {said}")
    others = [line for line in said.splitlines() if line.startswith("error: ") and cause not in line]
    expect(len(others) < 2, f"expected one line of the other rank: {said}")
    for line in others:
        expect("ended with an error of its own" in line and "[ranks.lost]" in line, f"the other rank: {said}")
    expect(whole_checkpoints(work / "out") == [4], "the checkpoint before is whole")
    expect(not processes_in(work), f"left behind: {processes_in(work)}")


def terminated(work):
    run_file(work / "run.json", args={"max_steps": 1000000, "save_strategy": "no", "logging_steps": 50}, callbacks=[])
    with under_torchrun(train("run.json"), work) as process:
        while "'loss'" not in process.text():
            expect(process.popen.poll() is None, f"it ended by itself: {process.text()}")
            time.sleep(0.02)
        process.popen.send_signal(signal.SIGTERM)
        process.wait()
        said = process.text()
    steps = whole_checkpoints(work / "out")
    expect(len(steps) == 1, f"checkpoints {steps}: {said}")
    expect(f"stopped by SIGTERM at step {steps[0]} of 1000000" in said, said)
    expect("error: " not in said, said)
    expect(not processes_in(work), f"left behind: {processes_in(work)}")


if __name__ == "__main__":
    run_cases([one_fails, terminated], 2)
