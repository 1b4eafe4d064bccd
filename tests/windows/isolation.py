# SPDX-License-Identifier: Apache-2.0
"""Plugins in processes of their own under Wine: they write the files that they write without, one that crashes or exits
is named and takes nothing with it, and no process is left behind."""

import pathlib
import sys
import time
import uuid

import wine

sys.path.insert(0, str(wine.SOURCE / "tests" / "support"))
sys.path.insert(0, str(wine.SOURCE / "tests" / "windows"))
from crashes import Crashes  # noqa: E402
from tracker_files import CALLBACKS, VARIABLES, same_files  # noqa: E402

STATE = wine.SOURCE / "tests/parity/expected/all_in_one/trainer_state.json"
#  what it does in on_log, what is said of it
ENDS = [
    ("access", "exception 0xC0000005"),
    ("overflow", "exception 0xC00000FD"),
    ("abort", "exit status 3"),
    ("exit", "exit status 0"),
    ("exit_process", "exit status 0"),
    ("thread", "exception 0xC0000005"),
]
MARK = "ISOLATION_TEST_RUN"


def left_behind(mark):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (path / "environ").read_bytes().split(b"\0"):
                found.append((path / "cmdline").read_bytes())
        except OSError:
            pass
    return found


def expect_none_left(what, mark):
    until = time.monotonic() + 10
    while left := left_behind(mark):
        if time.monotonic() > until:
            sys.exit(f"{what}: left behind: {left}")
        time.sleep(0.05)
    print("ok", what, "leaves no process behind")


def parity(work):
    found = []
    for where in ("process", "none"):
        out, mark = work / where, uuid.uuid4().hex
        out.mkdir()
        words = ["replay", STATE, "--report_to", "none", "--output_dir", "out", "--metric_for_best_model", "loss"]
        words += ["--eval_strategy", "epoch", *(word for name in CALLBACKS for word in ("--callback", name))]
        own = {"TRAINER_CACHE_DIR": work / f"cache-{where}", "TRAINER_PLUGIN_ISOLATION": where, MARK: mark}
        said = wine.trainer(*words, cwd=out, env=VARIABLES | own)
        wine.expect("early_stopping", said, "early_stopping would have stopped the training at step 8, epoch 2")
        expect_none_left(f"a replay with isolation {where}", mark)
        found.append(out)
    same_files(*found)


def ends(work):
    crashes = Crashes(work)
    crashes.env[MARK] = mark = uuid.uuid4().hex
    for way, words in ENDS:
        directory = crashes.build(f"event {way}", f'-DWAY="{way}"')
        options = ("--isolate", "crasher", "--callback", "csv")
        status, out, error, _ = crashes.replay("crasher", directory, *options, output=f"out {way}")
        line = "error: callback crasher failed in on_log at step 1: "
        good = status == 1 and line in error and words in error and "[isolation.ended]" in error
        if not good or (work / f"out {way}" / "crash.json").exists():
            sys.exit(f"{way}: {status}: {out}{error}, expected {line}...{words}")
        print("ok", way)
    expect_none_left("a plugin that ends its process", mark)


def main():
    wine.require()
    with wine.directory() as work:
        parity(work)
        ends(work)


if __name__ == "__main__":
    main()
