# SPDX-License-Identifier: Apache-2.0
"""on_error "restart": a new process takes over with the last state that the plugin saved, at most three times; without a process of its
own it is refused."""

import re

from harness import HERE, Work, expect, isolated


def main():
    with Work() as work:
        work.build(HERE / "attacker.cpp")
        expect(work.run("plain", [])[0] == 0, "the run without plugins failed")
        plain = work.outcome("plain")

        # Once: its state goes on, so that it has counted all eight steps, or all but those since its last state.
        crash = {"call": "on_epoch_end", "how": "segfault", "step": 4}
        status, _, error = work.run("always", [isolated(crash, on_error="restart")])
        expect(status == 0 and work.outcome("always") == plain, f"always: status {status}: {error}")
        told = re.findall(r"callback attacker failed in on_epoch_end at step (\d+): ", error)
        restored = [int(n) for n in re.findall(r"restored with (\d+)", error)]
        expect(told == ["4", "6", "8"] and restored == [4, 6, 8], f"always: told {told}, restored {restored}: {error}")
        expect("counted 8" in error, f"always: {error}")
        files = [int(n) for n in re.findall(r"files of (-?\d+)", error)]
        expect(files == [4, 6, 8], f"always: got the files of {files} back: {error}")

        # Each time: three times, and then no more.
        crash = {"call": "on_step_end", "how": "_exit", "step": 2}
        status, _, error = work.run("more", [isolated(crash, on_error="restart")])
        expect(status == 0 and work.outcome("more") == plain, f"more: status {status}: {error}")
        told = re.findall(r"callback attacker failed in on_step_end at step (\d+): ", error)
        expect(told == ["2", "3", "4", "5"], f"more: told {told}: {error}")
        expect("the run goes on without it" in error, f"more: {error}")

        # At once again, in what a new process gets at its start: each is told as the first.
        crash = {"call": "on_train_begin", "how": "segfault", "step": 0}
        status, _, error = work.run("begin", [isolated(crash, on_error="restart")])
        told = re.findall(
            r"callback attacker failed in on_train_begin at step 0: its process ended with signal 11; ([^[]*) \[", error
        )
        counts = [f"it is started again ({count} of 3)" for count in (1, 2, 3)]
        last = "it has been started again 3 times; the run goes on without it"
        expect(status == 0 and told == [*counts, last], f"begin: told {told}: {error}")

        # In taking its state at a resume, and then no more: the new one gets the same state, and not that of its own start.
        crash = {"call": "load", "how": "segfault", "step": 0, "once": 2}
        status, _, error = work.run("first", [isolated(crash, on_error="restart")])
        expect(status == 0, f"first: status {status}: {error}")
        resume = f"--resume_from_checkpoint={work.path}/first/checkpoint-4"
        callback = isolated(crash, on_error="restart")
        restore = {"restore_callback_states_from_checkpoint": True}
        status, _, error = work.run("resumed", [callback], resume, command="train", args=restore)
        restored = [int(n) for n in re.findall(r"restored with (\d+)", error)]
        good = status == 0 and work.outcome("resumed") == plain and restored == [4, 4] and "(1 of 3)" in error
        expect(good and "counted 8" in error, f"resumed: status {status}, restored {restored}: {error}")

        for how in ("hang", "error"):
            crash = {"call": "on_step_end", "how": how, "step": 7}
            callback = isolated(crash, on_error="restart", timeout=2, shutdown_timeout=5)
            status, _, error = work.run(how, [callback])
            expect(status == 0 and work.outcome(how) == plain, f"{how}: status {status}: {error}")
            expect("restored with 6" in error or how == "error", f"{how}: {error}")

        callback = isolated(on_error="restart") | {"isolation": "none"}
        status, _, error = work.run("refused", [callback])
        expect(status == 2 and '"restart"' in error and "[isolation.invalid]" in error, f"refused: {status}: {error}")
        print("3 restarts and no more")


if __name__ == "__main__":
    main()
