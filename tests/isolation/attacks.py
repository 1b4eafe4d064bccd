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


HANGS = ["hang", "spin", "stop", "ends its thread", "strict"]  # which may end no more than the one thread
ENDS = [name for name in names_of("attacks.hpp", "ends") if name not in HANGS]
DEEDS = names_of("attacks.hpp", "deeds")
STRUCTS = names_of("attacker.cpp", "to_structs")
# What these put into a log is a change that a callback may make; one that nobody waits for changes nothing.
CHANGES = ["huge text", "many keys", "deep json"]
# Calls of a plugin beside its events.
ENDED = r"callback attacker failed in {event} at step {step}: "


def cases(call, hows, **isolation):
    """Each does it once: what forks in each event would be there a thousand times."""
    return [isolated({"call": call, "how": how, "once": 1}, **isolation) for how in hows]


def check(work, plain, name, callbacks, failures=None, event="on_log"):
    """`failures`: how many of them must be told; None: as many as do."""
    status, out, error = work.run(name, callbacks)
    hows = [callback["config"].get("how") for callback in callbacks]
    expect(status == 0, f"{name}: {hows}: status {status}: {error[-3000:]}")
    expect(work.outcome(name) == plain, f"{name}: {hows}: another training came of it: {error[-3000:]}")
    told = re.findall(ENDED.format(event=event, step=2), error)
    good = failures is None or len(told) == failures
    expect(good, f"{name}: {hows}: {len(told)} told, expected {failures}: {error[-6000:]}")
    expect("\x1b" not in error and "\nerror: forged" not in error, f"{name}: {hows}: {error[-3000:]}")


def main():
    with Work() as work:
        work.build(HERE / "attacker.cpp")
        expect(work.run("plain", [])[0] == 0, "the run without plugins failed")
        plain = work.outcome("plain")
        fast = {"timeout": 2, "shutdown_timeout": 1}
        jobs = {
            "ends": lambda name: check(work, plain, name, cases("on_log", ENDS[::2]), len(ENDS[::2])),
            "others": lambda name: check(work, plain, name, cases("on_log", ENDS[1::2]), len(ENDS[1::2])),
            "hangs": lambda name: check(work, plain, name, cases("on_log", HANGS, **fast), len(HANGS)),
            "deeds": lambda name: check(work, plain, name, cases("on_log", DEEDS, timeout=5, shutdown_timeout=5)),
            "structs": lambda name: check(
                work, plain, name, cases("on_log", [how for how in STRUCTS if how not in CHANGES])
            ),
            "changes": lambda name: check(work, plain, name, cases("on_log", CHANGES, wait=False)),
            "unwaited": lambda name: check(work, plain, name, cases("on_log", ENDS[::2], wait=False)),
        }
        if "--all" in sys.argv:
            for how in ENDS + DEEDS + STRUCTS + HANGS:
                jobs[f"alone {how}".replace(" ", "-")] = lambda name, how=how: check(
                    work, plain, name, cases("on_log", [how], wait=how not in CHANGES, **fast)
                )
            for call in ("on_init_end", "on_save", "on_train_end"):
                jobs[f"{call}-ends"] = lambda name, call=call: check(work, plain, name, cases(call, ENDS), None)
        at_once(work, [lambda name=name, job=job: job(name) for name, job in jobs.items()])
        print(f"{len(jobs)} runs, {len(ENDS) + len(HANGS)} ends, {len(DEEDS) + len(STRUCTS)} deeds")


if __name__ == "__main__":
    main()
