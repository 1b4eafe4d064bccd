# SPDX-License-Identifier: Apache-2.0
"""The end of an isolated plugin's process is told once, with what it was doing and why it ended, whoever notices it first, and
on_error decides about it: also before there is an instance, and while a training is resumed."""

import re
import time

from harness import HERE, Work, at_once, expect, isolated

FAST = {"timeout": 1, "shutdown_timeout": 1}
HOWS = {"segfault": "its process ended with signal 11", "hang": "its process gave no answer within 1 s and was ended"}
BETWEEN = {
    "save": "could not give its state at step 0",
    "save_files": "could not write its files of the checkpoint at step 2",
    "outcome": "failed when it was told how the training ended at step 8",
    "results": "could not say where its results are at step 8",
}


def ends_told(error):
    return [line for line in error.splitlines() if "attacker" in line and ": its process " in line]


def expect_told(name, status, error, sentences, wanted_status=0):
    """Each in a line of its own, and no other."""
    told = ends_told(error)
    good = status == wanted_status and len(told) == len(sentences)
    for sentence in sentences:
        good = good and sum(bool(re.search(sentence, line)) for line in told) == 1
    expect(good, f"{name}: status {status}, told {told}, expected {sentences}: {error[-4000:]}")


def between_events(work, plain):
    callbacks, sentences = [], []
    for call, words in BETWEEN.items():
        for how, end in HOWS.items():
            callbacks.append(isolated({"call": call, "how": how}, **FAST))
            sentences.append(rf"plugin attacker \(\S+\) {words}: {end}")
    status, _, error = work.run("between", callbacks)
    expect_told("between", status, error, sentences)
    expect(work.outcome("between") == plain, f"between: another training came of it: {error}")
    # It is not asked any more.
    status, _, error = work.run("warn", [isolated({"call": "save", "how": "segfault"}, on_error="warn")])
    expect_told("warn", status, error, ["could not give its state at step 0: .*; the run goes on \\["])


def unwaited(work):
    """The question for a checkpoint's state is the first to notice it."""
    for how, end in HOWS.items():
        for on_error in ("disable", "restart", "fail"):
            name = f"unwaited-{how}-{on_error}"
            callback = isolated({"call": "on_log", "how": how}, on_error=on_error, wait=False, **FAST)
            status, _, error = work.run(name, [callback], args={"max_steps": 2})
            sentence = f"callback attacker failed in on_log at step 2: {end}"
            if on_error == "restart":  # a new one does the same at the logs that follow
                told = ends_told(error)
                good = status == 0 and "it is started again (1 of 3)" in error and all(sentence in one for one in told)
                expect(good, f"{name}: status {status}, told {told}: {error[-4000:]}")
            else:
                expect_told(name, status, error, [sentence], 1 if on_error == "fail" else 0)


def at_the_start(work, plain):
    for call in ("constructor", "available", "create"):
        words = f"attacker.*: {HOWS['segfault']}; the run goes on without it"
        tracker = {"report_to": [{"name": "attacker", "isolation": "process"}]}
        name = f"start-{call}"
        status, _, error = work.run(name, [], args=tracker, ATTACK=f"{call}:segfault")
        expect_told(name, status, error, [words])
        expect(work.outcome(name) == plain, f"{name}: another training came of it: {error}")
    crash = {"call": "create", "how": "segfault", "step": 0}
    words = f"plugin attacker .* could not be created: {HOWS['segfault']}; "
    again = [words + rf"it is started again \({count} of 3\)" for count in (1, 2, 3)]
    status, _, error = work.run("start-restart", [isolated(crash, on_error="restart")])
    expect_told("start-restart", status, error, [*again, words + "it has been started again 3 times; the run goes on"])
    status, _, error = work.run("start-fail", [isolated(crash, on_error="fail")])
    expect(status == 1 and "could not be created: its process ended" in error, f"start-fail: status {status}: {error}")
    # What it refuses is wrong usage.
    status, _, error = work.run("start-refused", [isolated(crash | {"how": "error"}, on_error="restart")])
    expect(status == 2 and "could not be created: it does not work" in error, f"refused: status {status}: {error}")


def at_a_resume(work, plain):
    status, _, error = work.run("whole", [isolated()])
    expect(status == 0, f"whole: status {status}: {error}")
    resume = f"--resume_from_checkpoint={work.path}/whole/checkpoint-4"
    restore = {"restore_callback_states_from_checkpoint": True}
    for call, words in (("load", "did not take its stored state"), ("load_files", "did not take its files")):
        for on_error, told in (("disable", 1), ("restart", 4), ("fail", 1)):
            name = f"resume-{call}-{on_error}"
            callbacks, attack = [isolated(on_error=on_error)], f"{call}:segfault"
            status, _, error = work.run(name, callbacks, resume, command="train", args=restore, ATTACK=attack)
            lines = [line for line in ends_told(error) if re.search(rf"{words}.* at step 4: {HOWS['segfault']}", line)]
            good = status == (1 if on_error == "fail" else 0) and len(lines) == len(ends_told(error)) == told
            expect(good, f"{name}: status {status}, told {ends_told(error)}: {error[-4000:]}")
            expect(on_error == "fail" or work.outcome(name) == plain, f"{name}: another training came of it: {error}")


def closed(work):
    """There is nothing to wait for when its stream is closed."""
    begin = time.monotonic()
    work.run("good", [isolated()])
    usual = time.monotonic() - begin
    for how in ("closes every descriptor", "breaks the stream"):
        begin = time.monotonic()
        status, _, error = work.run("closed", [isolated({"call": "on_log", "how": how})])
        took = time.monotonic() - begin
        expect_told(how, status, error, ["callback attacker failed in on_log at step 2: its process "])
        expect(took < usual + 2.5, f"{how}: the run took {took:.1f} s, usually {usual:.1f} s: {error}")


def main():
    with Work() as work:
        work.build(HERE / "attacker.cpp")
        expect(work.run("plain", [])[0] == 0, "the run without plugins failed")
        plain = work.outcome("plain")
        jobs = [lambda: between_events(work, plain), lambda: unwaited(work), lambda: at_the_start(work, plain)]
        at_once(work, [*jobs, lambda: at_a_resume(work, plain), lambda: closed(work)])
        print("each end told once")


if __name__ == "__main__":
    main()
