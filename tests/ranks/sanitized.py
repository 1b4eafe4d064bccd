# SPDX-License-Identifier: Apache-2.0
"""Two processes that train, and two of which one fails, in a build with sanitizers, which tell nothing of them."""

from launch import BUILD, expect, launch, run_cases

PROGRAM = BUILD / "tests" / "two_ranks"


def run(work, *words):
    with launch(words, work, program=PROGRAM) as processes:
        ended = [(process.wait(120), process.text()) for process in processes]
    for status, text in ended:
        expect("Sanitizer" not in text and "runtime error" not in text, f"status {status}: {text}")
    return ended


def trains(work):
    for rank, (status, text) in enumerate(run(work)):
        expect(status == 0 and f"rank {rank} of 2 has trained" in text, f"rank {rank}: {status}: {text}")


def fails(work):
    (status, text), (other, why) = run(work, "fails")
    expect(other == 1 and "the disk is full" in why, f"rank 1: {other}: {why}")
    expect(status == 1 and "ended with an error of its own" in text and "[ranks.lost]" in text, f"{status}: {text}")


if __name__ == "__main__":
    run_cases([trains, fails], 2)
