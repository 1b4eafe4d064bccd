# SPDX-License-Identifier: Apache-2.0
"""The processes of a run, which has a mark in its environment that all it starts inherit."""

import os
import pathlib
import signal
import sys
import time

MARK = "ISOLATION_TEST_RUN"


def processes_of(mark):
    """Numbers of the processes that are or come of a run; what a dead one has left for its parent counts as gone."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (path / "environ").read_bytes().split(b"\0"):
                found.append(int(path.name))
        except OSError:
            pass
    return found


def parent_of(process):
    return int(pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def command_of(process):
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def expect_none_left(name, mark, seconds=5):
    """Waits so long for the last to be gone; ends those that are not, and the test."""
    until = time.monotonic() + seconds
    while left := processes_of(mark):
        if time.monotonic() > until:
            what = [command_of(process) for process in left]
            for process in left:
                os.kill(process, signal.SIGKILL)
            sys.exit(f"{name}: left behind: {what}")
        time.sleep(0.01)
