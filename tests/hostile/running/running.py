# SPDX-License-Identifier: Apache-2.0
"""Plugins that misbehave in an event, played to by `trainer replay`: the message names plugin, event and step; a crash is named and
the process still dies of it; nothing passes in silence."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "hostile"))
from host import Host  # noqa: E402

PLUGIN = SOURCE / "tests" / "hostile" / "running" / "running_plugin.cpp"
FLAGS = [
    "-std=c++17",
    "-shared",
    "-fPIC",
    "-fvisibility=hidden",
    "-O1",
    "-I",
    SOURCE / "plugin_api" / "include",
    "-pthread",
]

#       macro of running_plugin.cpp, exit status, words of the error line, its id (docs/errors.md)
CRASHES = [
    ("BAD_SEGFAULT", -signal.SIGSEGV, "signal 11", "callback.crashed"),
    ("BAD_OVERFLOW", -signal.SIGSEGV, "signal 11", "callback.crashed"),
    ("BAD_ABORT", -signal.SIGABRT, "signal 6", "callback.crashed"),
    ("BAD_ILLEGAL", -signal.SIGILL, "signal 4", "callback.crashed"),
    ("BAD_DIVISION", -signal.SIGFPE, "signal 8", "callback.crashed"),
    ("BAD_EXIT", 70, "it called exit()", "callback.exited"),
]
ERRORS = [
    ("BAD_THROW", 1, "an exception left it, which is not allowed: thrown in on_log", "callback.threw"),
    ("BAD_THROW_OTHER", 1, "an exception left it", "callback.threw"),
    ("BAD_STATUS", 1, "it gave no reason (status 99)", "callback.failed"),
    ("BAD_ERROR", 1, "the disk of this plugin is full", "callback.failed"),
    ("BAD_SILENT", 1, "it gave no reason (status 1)", "callback.failed"),
    ("BAD_LONG_ERROR", 1, "eeee", "callback.failed"),
    ("BAD_ERROR_TEXT", 1, "broken ?? text", "callback.failed"),
    ("BAD_FLAG", 1, "a control flag to something other than 0 and 1", "callback.flag"),
    ("BAD_KEY", 1, "key refused", "callback.failed"),
    ("BAD_TEXT", 1, "text refused", "callback.failed"),
    ("BAD_TYPE", 1, "type refused", "callback.failed"),
    ("BAD_JSON", 1, "json refused", "callback.failed"),
    ("BAD_NULL", 1, "null refused", "callback.failed"),
    ("BAD_HUGE", 1, "size refused", "callback.failed"),
    ("BAD_FORMAT", 1, "100%s of %n%n is gone", "callback.failed"),
    ("BAD_LINES", 1, "first\\nerror: second \\x1b[2J", "callback.failed"),
    ("BAD_SMALL_VALUE", 1, "too small refused", "callback.failed"),
    ("BAD_LONG_KEY", 1, "long key refused", "callback.failed"),
    ("BAD_MANY_FLAGS", 1, "a control flag to something other than 0 and 1", "callback.flag"),
]
# Noticed with TRAINER_CHECK_PLUGINS=1 only; without it they may do what they want.
MISUSES = [
    ("BAD_CALL_THREAD", "it called trainer_host.argument on a thread of its own, expected the trainer's"),
    ("BAD_MAP_THREAD", "it called trainer_map.size on a thread of its own, expected the trainer's"),
    ("BAD_CALL_CREATE", "it called trainer_host.log_history_size outside of an event, expected within one"),
]


def expect(condition, what):
    if not condition:
        sys.exit(f"running.py: {what}")


def build(work, macro=None):
    directory = work / (macro or "good")
    directory.mkdir()
    command = [os.environ["CXX"], *FLAGS, PLUGIN, "-o", directory / "running.so"]
    subprocess.run(command + ([f"-D{macro}"] if macro else []), check=True)
    return directory


with tempfile.TemporaryDirectory(prefix="trainer-running-") as name:
    work = pathlib.Path(name)
    host = Host(work, 3)

    def replay(directory, **variables):
        return host.replay("running", directory, output=directory / "out", **variables)[:3]

    status, out, error = replay(build(work))
    expect(status == 0 and out.count("logged in step") == 3, f"the good plugin: {status}, {out}{error}")
    for macro, wanted, words, ident in CRASHES:
        directory = build(work, macro)
        status, out, error = replay(directory)
        line = "error: callback running ended the process in on_log at step 2 ("
        expect(
            status == wanted
            and line in error
            and words in error
            and f"; --isolate running gives it a process of its own, --without running leaves it out [{ident}]"
            in error,
            f"{macro}: {status}, {error}",
        )
        record = json.loads((directory / "out" / "crash.json").read_text())
        expect(
            record["callback"] == "running"
            and record["event"] == "on_log"
            and record["step"] == 2
            and words in record["how"],
            f"{macro}: {record}",
        )
    # Another thread than the trainer's is not the callback that happens to run.
    directory = build(work, "BAD_THREAD")
    status, out, error = replay(directory)
    expect(
        status == -signal.SIGSEGV
        and "ended the process" not in error
        and not (directory / "out" / "crash.json").exists(),
        f"BAD_THREAD: {status}, {error}",
    )
    for macro, wanted, words, ident in ERRORS:
        status, out, error = replay(build(work, macro))
        lines = [line for line in error.splitlines() if line.startswith("error: ")]
        expect(
            status == wanted
            and len(lines) == 1
            and "callback running failed in on_log at step 2: " in lines[0]
            and words in lines[0]
            and lines[0].endswith(f" [{ident}]")
            and "\x1b" not in error,
            f"{macro}: {status}, {error[:2000]}",
        )
        expect(len(lines[0]) < 6000, f"{macro}: a sentence of {len(lines[0])} bytes")
    # A flood of lines: a few are written, and all are counted.
    status, out, error = replay(build(work, "BAD_FLOOD"))
    lines = error.splitlines()
    told = [
        int(line.split("running: ")[1].split(" more lines")[0]) for line in lines if " more lines are left out" in line
    ]
    shown = sum("running: flood %d %s" in line for line in lines)
    expect(
        status == 0 and shown + sum(told) == 100000 and 100 <= shown < 5000 and max(map(len, lines)) < 5000,
        f"BAD_FLOOD: {status}, {shown} lines, {told} left out",
    )
    status, out, error = replay(work / "good", TRAINER_CHECK_PLUGINS="1")
    expect(status == 0 and "error" not in error, f"the good plugin, checked: {status}, {error}")
    for macro, words in MISUSES:
        directory = build(work, macro)
        status, out, error = replay(directory)
        expect(status == 0, f"{macro}, not checked: {status}, {error}")
        status, out, error = replay(directory, TRAINER_CHECK_PLUGINS="1")
        expect(
            status == 1
            and f"error: plugin running {words[3:]}" in error
            and "callback running failed in on_log at step " in error
            and words in error
            and error.rstrip().endswith("[callback.misuse]"),
            f"{macro}, checked: {status}, {error}",
        )
    print(f"{len(MISUSES)} misuses told by the check, {len(CRASHES)} crashes named, {len(ERRORS)} errors told")
