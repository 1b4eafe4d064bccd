# SPDX-License-Identifier: Apache-2.0
"""Killed ranks under torchrun's --max-restarts: the run goes on from its newest whole checkpoint, and ends with the
weights of a run that nobody disturbed, bit for bit. `elastic.py N`: N kills at random steps of random ranks."""

import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile

from launch import expect, launch, run_file, train, under_torchrun, whole_checkpoints

KILLS = int(sys.argv[1])
ARGS = {"max_steps": 12, "save_steps": 2, "logging_steps": 100, "save_total_limit": 2}


def weights(out):
    return (pathlib.Path(out) / "model.safetensors").read_bytes()


def undisturbed(work):
    with launch(train(run_file(work / "run.json", args=ARGS)), work) as processes:
        for process in processes:
            expect(process.wait() == 0, process.text())
    return weights(work / "out")


def disturbed(work, kills, *more):
    """`kills`: of each attempt, the rank and the step at which it is killed."""
    rules = [
        {"on": "on_step_end", "restart": restart, "rank": rank, "global_step": step, "signal": signal.SIGKILL}
        for restart, (rank, step) in enumerate(kills)
    ]
    run_file(work / "run.json", rules, ARGS)
    with under_torchrun(train("run.json", *more), work, restarts=len(kills)) as process:
        status, said = process.wait(300), process.text()
    expect(status == 0, f"{kills}: {status}: {said}")
    whole_checkpoints(work / "out")
    return said


def resumed(work, expected):
    """One that was told where to begin goes on from what it has written since."""
    with launch(["train", "run.json", "--output_dir", "all", "--save_total_limit", "20"], work) as processes:
        for process in processes:
            expect(process.wait() == 0, process.text())
    shutil.rmtree(work / "out")
    said = disturbed(work, [(1, 9)], "--resume_from_checkpoint=all/checkpoint-4")
    expect("it resumes from out/checkpoint-8" in said, said)
    expect(weights(work / "out") == expected, "resumed and killed, the weights are others")


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print(f"SEED={seed}")
    kinds = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="trainer-ranks-") as name:
        work = pathlib.Path(name)
        expected = undisturbed(work)
        resumed(work, expected)
        left, killed = KILLS, []
        while left > 0:
            # Several in one launch, each attempt beyond the checkpoint that the one before has left.
            count = min(left, 4)
            steps = sorted(kinds.sample(range(1, ARGS["max_steps"]), count))
            kills = [(kinds.randrange(2), step) for step in steps]
            shutil.rmtree(work / "out")
            disturbed(work, kills)
            expect(weights(work / "out") == expected, f"after {kills} the weights are others")
            state = json.loads((work / "out/trainer_state.json").read_text())
            expect(state["global_step"] == ARGS["max_steps"], f"after {kills} step {state['global_step']}")
            killed += kills
            left -= count
    print(f"{len(killed)} kills: {killed}")


if __name__ == "__main__":
    main()
