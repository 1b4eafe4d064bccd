# SPDX-License-Identifier: Apache-2.0
"""The process of an isolated plugin is killed at random moments of a training, from its start to its end: the training is that
of a run without the plugin. The moments are drawn from a fixed seed.

    kills.py [KILLS]        5 by default
"""

import os
import random
import signal
import subprocess
import sys
import time
import uuid

from harness import HERE, TRAINER, Work, expect, isolated, processes_of


def child_of(mark, trainer):
    """The plugin's process of a run, once there is one."""
    return [process for process in processes_of(mark) if process != trainer]


def killed(work, name, moment, callback, length):
    """Kills whatever is there at that share of a run's time; says whether there was a child to kill."""
    mark = uuid.uuid4().hex
    file = work.run_file(name, [callback])
    command = [TRAINER, "run", str(file), "--quiet", "--plugin-dir", str(work.plugins)]
    started = subprocess.Popen(
        command, cwd=work.path, env=work.environment(mark), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    begin = time.monotonic()
    found = []
    while time.monotonic() - begin < moment * length and started.poll() is None:
        time.sleep(0.001)
    while not found and started.poll() is None:
        found = [process for process in child_of(mark, started.pid)]
    for process in found:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            found = []
    _, error = started.communicate(timeout=60)
    work.expect_none_left(name, mark)
    return bool(found), started.returncode, error


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    draw = random.Random(1)
    with Work() as work:
        work.build(HERE / "attacker.cpp")
        expect(work.run("plain", [])[0] == 0, "the run without plugins failed")
        plain = work.outcome("plain")
        begin = time.monotonic()
        expect(work.run("whole", [isolated()])[0] == 0, "the run with a good plugin failed")
        length = time.monotonic() - begin
        done = begun = 0
        while done < kills:
            begun += 1
            expect(begun < 10 * kills, f"{done} kills in {begun} runs: the runs end before they can be killed")
            wait = begun % 2 == 0
            policy = "restart" if begun % 3 == 0 else "disable"
            name = f"run{begun}"
            moment = draw.random()
            there, status, error = killed(work, name, moment, isolated(on_error=policy, wait=wait), length)
            if not there:
                continue
            done += 1
            where = f"kill {done}, at {moment:.3f} of {length:.1f} s, wait {wait}, {policy}"
            # What is killed before it says which build it is cannot be told from another program.
            if status != 0:
                lines = [line for line in error.splitlines() if line.startswith("error: ")]
                good = len(lines) == 1 and "attacker" in lines[0] and "signal 9" in lines[0]
                expect(good and not (work.path / name / "checkpoint-2").exists(), f"{where}: status {status}: {error}")
                continue
            expect(work.outcome(name) == plain, f"{where}: another training came of it: {error}")
        print(f"{done} kills in {begun} runs")


if __name__ == "__main__":
    main()
