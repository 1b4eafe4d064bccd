# SPDX-License-Identifier: Apache-2.0
"""An isolated plugin hangs, crashes, exits or fails in each slot and in each other call: the training is that of a run without
it, and a sentence says in which call of which plugin it was, at which step, and what it did."""

import re

from harness import HERE, SOURCE, Work, at_once, expect, isolated

SLOTS = re.findall(r"X\((on_\w+)\)", (SOURCE / "plugin_api/include/trainer/callback.h").read_text())
SLOTS.remove("on_push_begin")  # no run file pushes
NOT_IN_A_TRAINING = {"on_predict"}
#  what it does: words of the sentence
HOWS = {
    "hang": "its process gave no answer within 1 s",
    "segfault": r"signal 11",
    "_exit": r"exit status 0",
    "exit 3": r"exit status 3",
    "error": r"it does not work",
    "throws": r"thrown by the plugin",
}


def in_slots(work, plain, how, words):
    name = how.replace(" ", "-")
    limits = {"timeout": 1, "shutdown_timeout": 1} if how == "hang" else {}
    callbacks = [isolated({"call": slot, "how": how, "step": 0}, **limits) for slot in SLOTS]
    status, _, error = work.run(name, callbacks)
    expect(status == 0 and work.outcome(name) == plain, f"{how}: status {status}: {error}")
    for slot in SLOTS:
        told = re.findall(rf"callback attacker failed in {slot} at step \d+: .*{words}", error)
        expect(len(told) == 1, f"{how} in {slot}: told {len(told)} times, expected once with {words}: {error}")


def policies(work, plain):
    """What on_error decides, for a crash as for any failure."""
    crash = {"call": "on_step_end", "how": "segfault"}
    status, _, error = work.run("fail", [isolated(crash, on_error="fail")])
    told = "error: train at step 2: callback attacker failed in on_step_end at step 2: "
    expect(status == 1 and told in error and "signal 11" in error, f"fail: status {status}: {error}")
    expect("--isolate" not in error, f"fail: it is isolated already: {error}")
    for policy in ("warn", "disable"):
        status, _, error = work.run(policy, [isolated(crash, on_error=policy)])
        told = error.count("callback attacker failed in on_step_end at step 2: ")
        expect(status == 0 and told == 1 and work.outcome(policy) == plain, f"{policy}: status {status}: {error}")


def at_its_start(work, plain, call, how):
    name = f"{call}-{how}"
    status, _, error = work.run(name, [isolated({"call": call, "how": how, "step": 0}, timeout=2)])
    expect(status == 0 and work.outcome(name) == plain, f"{name}: status {status}: {error}")
    expect(error.count("; the run goes on without it [isolation.") == 1, f"{name}: {error}")


def in_other_calls(work, plain):
    """They end nothing, neither before the training, nor in it, nor after it."""
    for call in ("create", "get_extension", "class_name"):
        for how in ("segfault", "_exit"):
            at_its_start(work, plain, call, how)
    for call in ("save", "line", "destroy"):
        for how in ("segfault", "_exit", "hang"):
            name = f"{call}-{how}"
            callback = isolated({"call": call, "how": how, "step": 0}, timeout=2, shutdown_timeout=1)
            status, _, error = work.run(name, [callback])
            expect(status == 0 and work.outcome(name) == plain, f"{name}: status {status}: {error}")
            expect(call == "line" or "attacker" in error, f"{name}: nothing was told: {error}")
    expect("[isolation.silent]" in error, f"{name}: {error}")  # of the last, which hangs in destroy


def main():
    with Work() as work:
        work.build(HERE / "attacker.cpp")
        expect(work.run("plain", [])[0] == 0, "the run without plugins failed")
        plain = work.outcome("plain")
        jobs = [lambda how=how, words=words: in_slots(work, plain, how, words) for how, words in HOWS.items()]
        jobs = [lambda: at_its_start(work, plain, "create", "hang"), *jobs]
        at_once(work, [*jobs, lambda: policies(work, plain), lambda: in_other_calls(work, plain)])
        print(f"{len(HOWS)} ways in {len(SLOTS)} slots")


if __name__ == "__main__":
    main()
