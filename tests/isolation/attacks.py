# SPDX-License-Identifier: Apache-2.0
"""Isolated plugins that do their worst: the training ends with status 0, with the weights and the log of a run without them,
whatever they do, and each that ended or failed is told in one warning, which names plugin, event and step.

    attacks.py [--all]        several in one run; --all: each also in a process of its own run, and in other calls
"""

import re
import sys

from harness import HERE, Work, at_once, expect, isolated

NAMES = re.compile(r'^    \{"([^"]+)",', re.M)


def names_of(file, table):
    text = (HERE / file).read_text()
    return NAMES.findall(text[text.index(f" {table} = {{") :].split("\n};")[0])


# Which may end no more than the one thread, or none.
HANGS = ["hang", "spin", "stop", "ends its thread", "strict", "joins and hangs"]
ENDS = [name for name in names_of("attacks.hpp", "ends") if name not in HANGS]
DEEDS = names_of("attacks.hpp", "deeds")
STRUCTS = [*names_of("structs.hpp", "to_structs"), "error", "forged error", "status", "error and exit at exit"]
CHANGES = names_of("structs.hpp", "changes")
LARGE = ["huge text", "many huge texts", "many keys"]  # which each callback after them gets, too
# Which take seconds, until who waits has lost his patience.
SLOW = ["stops its parent", "traces its parent", "breaks the stream", "floods the stream", "fills the stream"]
REPEATED = ["kept map", "kept map, changed", "jumps back"]  # which need two calls
FAST = {"timeout": 2, "shutdown_timeout": 1}
# Calls beside the events: before an instance is there, in which a failure is a reason not to begin the training; and others.
BEGINNING = {"constructor": [], "entry": [], "extension": names_of("answers.hpp", "extensions")}
BEGINNING |= {"available": names_of("answers.hpp", "availabilities"), "create": names_of("answers.hpp", "instances")}
BEGINNING |= {"get_extension": BEGINNING["extension"], "class_name": names_of("answers.hpp", "class_names")}
OF_TRACKERS = ["extension", "available"]
IN_CALLS = ["exit", "_exit", "abort", "segfault", "kill", "hang", "throws"]
# What a constructor does to those that wait for it.
IN_CONSTRUCTOR = [
    "stop",
    "breaks the stream",
    "floods the stream",
    "fills the stream",
    "kills its parent",
    "kill group",
]
IN_CONSTRUCTOR += ["stops its parent", "traces its parent", "joins and hangs", "daemon", "closes every descriptor"]
IN_CONSTRUCTOR += ["lines without end", "no memory", "another environment"]
LATER = {"save": ["no maps"], "line": ["closes stdout", "control characters"], "destructor": []}
LATER["destroy"] = ["own table", "thread logs", "thread asks", "line at exit"]


def few(hows):
    return [how for how in hows if how not in LARGE + SLOW]


def cases(call, hows, **isolation):
    """Each does it once: what forks in each event would be there a thousand times."""
    configs = [{"call": call, "how": how, "once": 0 if how in REPEATED else 1} for how in hows]
    return [isolated(config, **isolation) for config in configs]


def check(work, plain, name, callbacks, failures=None, event="on_log"):
    """`failures`: how many of them must be told; None: as many as do."""
    status, _, error = work.run(name, callbacks)
    hows = [callback["config"].get("how") for callback in callbacks]
    expect(status == 0, f"{name}: {hows}: status {status}: {error[-3000:]}")
    expect(work.outcome(name) == plain, f"{name}: {hows}: another training came of it: {error[-3000:]}")
    told = re.findall(rf"callback attacker failed in {event} at step 2: ", error)
    good = failures is None or len(told) == failures
    expect(good, f"{name}: {hows}: {len(told)} told, expected {failures}: {error[-6000:]}")
    expect_clean(name, error)
    return error


def too_long(work, plain, name):
    """A log that no message can hold is told at once, and not as a process that gives no answer."""
    error = check(work, plain, name, cases("on_log", ["many huge texts"]), 1)
    expect("its answer is too long: " in error and "gave no answer" not in error, f"{name}: {error[-3000:]}")


def expect_clean(name, error):
    expect("\x1b" not in error and "\nerror: forged" not in error, f"{name}: {error[-3000:]}")
    expect("exit status 77" not in error, f"{name}: the attacker does not know what to do: {error[-3000:]}")


def at_the_beginning(work, plain, call, how):
    """The training is not begun, with one sentence that names the plugin, or it is one without the plugin."""
    name = f"{call}-{how}".replace(" ", "-")
    tracker = {"name": "attacker", "isolation": {"in": "process"} | FAST, "on_error": "disable"}
    run = {"callbacks": [isolated(**FAST)], "args": None}
    if call in OF_TRACKERS:
        run = {"callbacks": [], "args": {"report_to": [tracker]}}
    status, _, error = work.run(name, **run, ATTACK=f"{call}:{how}")
    expect_clean(name, error)
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    if status == 0:
        expect(work.outcome(name) == plain, f"{name}: another training came of it: {error[-3000:]}")
    else:
        one = len(lines) == 1 and "attacker" in lines[0]
        expect(one, f"{name}: status {status}, expected one line with the plugin's name: {error[-3000:]}")
        expect(not (work.path / name / "checkpoint-2").exists(), f"{name}: it ended in the training: {error[-3000:]}")


def in_loading(work, plain, how):
    """Of a state: those that take over from a process that ended."""
    name = f"load-{how}".replace(" ", "-")
    callback = isolated({"call": "on_log", "how": "segfault", "step": 4}, on_error="restart", **FAST)
    status, _, error = work.run(name, [callback], ATTACK=f"load:{how}")
    good = status == 0 and work.outcome(name) == plain and "the run goes on without it" in error
    expect(good, f"{name}: status {status}: {error[-3000:]}")
    expect_clean(name, error)


def all_jobs(work, plain):
    for how in ENDS + DEEDS + STRUCTS + HANGS + CHANGES:
        call = cases("on_log", [how], **({} if how in LARGE else FAST))
        told = 1 if how in ENDS + HANGS else None
        yield f"alone {how}", lambda name, call=call, told=told: check(work, plain, name, call, told)
    yield "too long", lambda name: too_long(work, plain, name)
    for call in ("on_init_end", "on_save", "on_train_end"):
        yield f"{call} ends", lambda name, call=call: check(work, plain, name, cases(call, ENDS), event=call)
    for call, answers in LATER.items():
        callbacks = cases(call, IN_CALLS + answers, **FAST)
        yield call, lambda name, callbacks=callbacks: check(work, plain, name, callbacks)
    for call, answers in BEGINNING.items():
        for how in IN_CALLS + answers + (IN_CONSTRUCTOR if call == "constructor" else []):
            yield f"{call} {how}", lambda _, call=call, how=how: at_the_beginning(work, plain, call, how)
    for how in IN_CALLS:
        yield f"load {how}", lambda _, how=how: in_loading(work, plain, how)


def main():
    with Work() as work:
        work.build(HERE / "attacker.cpp")
        expect(work.run("plain", [])[0] == 0, "the run without plugins failed")
        plain = work.outcome("plain")
        ends, others = few(ENDS)[::2], few(ENDS)[1::2]
        patient = {"timeout": 5, "shutdown_timeout": 5}
        jobs = {
            "ends": lambda name: check(work, plain, name, cases("on_log", ends), len(ends)),
            "others": lambda name: check(work, plain, name, cases("on_log", others), len(others)),
            "hangs": lambda name: check(work, plain, name, cases("on_log", HANGS, **FAST), len(HANGS)),
            "deeds": lambda name: check(work, plain, name, cases("on_log", few(DEEDS), **patient)),
            "structs": lambda name: check(work, plain, name, cases("on_log", STRUCTS, **patient)),
            "changes": lambda name: check(work, plain, name, cases("on_log", few(CHANGES))),
            "unwaited": lambda name: check(work, plain, name, cases("on_log", ends, wait=False)),
        }
        if "--all" in sys.argv:
            jobs |= {name.replace(" ", "-"): job for name, job in all_jobs(work, plain)}
        at_once(work, [lambda name=name, job=job: job(name) for name, job in jobs.items()])
        print(f"{len(jobs)} runs, {len(ENDS) + len(HANGS)} ends, {len(DEEDS) + len(STRUCTS) + len(CHANGES)} deeds")


if __name__ == "__main__":
    main()
