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
PLUGIN = SOURCE / "tests" / "hostile" / "running" / "running_plugin.cpp"
FLAGS = ["-std=c++17", "-shared", "-fPIC", "-fvisibility=hidden", "-O1", "-I", SOURCE / "plugin_api" / "include", "-pthread"]
STATE = {"global_step": 3, "max_steps": 3, "num_train_epochs": 1,
         "log_history": [{"loss": 1.0 / s, "epoch": s / 3, "step": s} for s in (1, 2, 3)]}

#       macro of running_plugin.cpp, exit status, words of the error line
CRASHES = [
    ("BAD_SEGFAULT", -signal.SIGSEGV, "signal 11"),
    ("BAD_OVERFLOW", -signal.SIGSEGV, "signal 11"),
    ("BAD_ABORT", -signal.SIGABRT, "signal 6"),
    ("BAD_ILLEGAL", -signal.SIGILL, "signal 4"),
    ("BAD_DIVISION", -signal.SIGFPE, "signal 8"),
    ("BAD_EXIT", 70, "it called exit()"),
]
ERRORS = [
    ("BAD_THROW", 1, "an exception left it, which none may do: thrown in on_log"),
    ("BAD_THROW_OTHER", 1, "an exception left it"),
    ("BAD_STATUS", 1, "it gave no reason (status 99)"),
    ("BAD_ERROR", 1, "the disk of this plugin is full"),
    ("BAD_SILENT", 1, "it gave no reason (status 1)"),
    ("BAD_LONG_ERROR", 1, "eeee"),
    ("BAD_ERROR_TEXT", 1, "broken ?? text"),
    ("BAD_FLAG", 1, "a control flag to something other than 0 and 1"),
    ("BAD_KEY", 1, "key refused"),
    ("BAD_TEXT", 1, "text refused"),
    ("BAD_TYPE", 1, "type refused"),
    ("BAD_JSON", 1, "json refused"),
    ("BAD_NULL", 1, "null refused"),
    ("BAD_HUGE", 1, "size refused"),
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


def replay(work, directory, *options):
    command = [os.environ["TRAINER"], "replay", "trainer_state.json", "--report_to", "none", "--callback", "running",
               "--plugin-dir", directory, "--output_dir", directory / "out", *options]
    env = {k: v for k, v in os.environ.items() if not k.startswith("TRAINER_")} | {"TRAINER_CACHE_DIR": str(work / "cache")}
    done = subprocess.run(command, cwd=work, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


with tempfile.TemporaryDirectory(prefix="trainer-running-") as name:
    work = pathlib.Path(name)
    (work / "trainer_state.json").write_text(json.dumps(STATE))
    status, out, error = replay(work, build(work))
    expect(status == 0 and out.count("logged in step") == 3, f"the good plugin: {status}, {out}{error}")
    for macro, wanted, words in CRASHES:
        directory = build(work, macro)
        status, out, error = replay(work, directory)
        line = f"error: callback running ended the process in on_log at step 2 ("
        expect(status == wanted and line in error and words in error and "--without running leaves it out" in error,
               f"{macro}: {status}, {error}")
        record = json.loads((directory / "out" / "crash.json").read_text())
        expect(record["callback"] == "running" and record["event"] == "on_log" and record["step"] == 2 and
               words in record["how"], f"{macro}: {record}")
    # Another thread than the trainer's is not the callback that happens to run.
    directory = build(work, "BAD_THREAD")
    status, out, error = replay(work, directory)
    expect(status == -signal.SIGSEGV and "ended the process" not in error and not (directory / "out" / "crash.json").exists(),
           f"BAD_THREAD: {status}, {error}")
    for macro, wanted, words in ERRORS:
        status, out, error = replay(work, build(work, macro))
        lines = [line for line in error.splitlines() if line.startswith("error: ")]
        expect(status == wanted and len(lines) == 1 and "callback running failed in on_log at step 2: " in lines[0] and
               words in lines[0], f"{macro}: {status}, {error[:2000]}")
        expect(len(lines[0]) < 6000, f"{macro}: a sentence of {len(lines[0])} bytes")
    print(f"{len(CRASHES)} crashes named, {len(ERRORS)} errors told")
