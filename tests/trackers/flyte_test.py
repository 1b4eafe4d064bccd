# SPDX-License-Identifier: Apache-2.0
"""Plugin `flyte`: a local flytekit task starts the trainer; the checkpoint and the deck are read afterwards, and a run
resumes from that checkpoint."""

import json
import subprocess

from harness import SOURCE, Work, expect, python

PYTHON = python("trackers")
TASK = """
import os, shutil, sys
from flytekit import current_context, task
from trainer_bridge import run

@task(enable_deck=True)
def train(command: list[str]) -> str:
    checkpoint = current_context().checkpoint
    run(command)
    print("DECKS", [deck.name for deck in current_context().decks])
    import transformers
    assert transformers.__spec__.origin, "after the run, transformers is the real one again"
    return str(checkpoint._checkpoint_dest)

print("DESTINATION", train(command=sys.argv[1:]))
"""


def run_task(work, command, status=0, program=TASK):
    (work.path / "task.py").write_text(program)
    (work.path / "tmp").mkdir(exist_ok=True)
    given = work.environment(TMPDIR=work.path / "tmp", PYTHONPATH=SOURCE / "plugins" / "shared" / "python_bridge")
    done = subprocess.run(
        [PYTHON, "task.py", *command],
        cwd=work.path,
        env=given,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=200,
    )
    expect(done.returncode == status, f"the task gave {done.returncode}:\n{done.stdout}")
    return done.stdout


def a_task(work):
    # The deck shows six decimals, and a rate that does not depend on the number of epochs can be resumed with more.
    rate = {"learning_rate": 0.01, "lr_scheduler_type": "constant"}
    printed = run_task(work, work.command("flyte", args=rate | {"save_total_limit": 1}))
    expect("Log History" in printed.split("DECKS")[1], printed)
    history = json.loads((work.path / "out" / "trainer_state.json").read_text())["log_history"]
    found = work.check("flyte", work.path / "tmp")
    work.expect_history(found, "flyte", history, "--tol=1e-3")
    saved = work.path / "out" / "checkpoint-90"
    names = {f.name for f in saved.iterdir()}
    expect(set(found["extra"]["checkpoint"]) >= names, f"the last checkpoint: {found['extra']}")

    # What the task saved is a whole checkpoint: a run that resumes from it goes on where it was.
    destination = next((work.path / "tmp").glob("**/__cp"))
    longer = {"num_train_epochs": 3} | rate
    whole, _ = work.train("none", output="whole", args=longer)
    again, _ = work.train("none", "--resume_from_checkpoint", str(destination), output="again", args=longer)
    expect(again[-2]["eval_loss"] == whole[-2]["eval_loss"], f"resumed: {again[-2]}, whole: {whole[-2]}")


def a_run_that_fails(work):
    command = work.command("flyte", "--learning_rate", "-1")
    printed = run_task(work, command, status=1)
    expect("CalledProcessError" in printed, f"the task fails with its run:\n{printed}")


def a_callback_that_fails(work):
    program = TASK.replace("run(command)", "checkpoint.save = None; run(command)")
    printed = run_task(work, work.command("flyte"), status=1, program=program)
    expect("Training done" in printed and "CallbackFailed" in printed, printed)
    expect("flyte failed in on_save: TypeError" in printed.split("CallbackFailed")[-1], printed)


def a_user_callback_beside_it(work):
    (work.path / "mine.py").write_text(
        "from transformers import TrainerCallback\nclass Stop(TrainerCallback):\n"
        "    def on_step_end(self, args, state, control, **kwargs):\n        control.should_training_stop = True\n"
    )
    stop = {"plugin": "python", "config": {"callback": "mine.Stop", "python": PYTHON}}
    run_task(work, work.command("flyte", callbacks=[stop]))
    expect(json.loads((work.path / "out" / "trainer_state.json").read_text())["global_step"] == 1, "it was to stop")


def outside_of_a_task(work):
    _, printed = work.train("flyte", status=2)
    expect("start the trainer from one with trainer_bridge.run" in printed, printed)
    _, printed = work.train("flyte", status=2, env={"FLYTE_INTERNAL_EXECUTION_ID": "f1"})
    expect("started the trainer without the bridge" in printed, printed)
    program = TASK.replace("@task(enable_deck=True)\n", "").replace("checkpoint = current_context().checkpoint", "")
    printed = run_task(work, work.command("flyte"), status=1, program=program)
    expect("flyte could not be created in Python" in printed, printed)


if __name__ == "__main__":
    for test in a_task, a_run_that_fails, a_callback_that_fails, a_user_callback_beside_it, outside_of_a_task:
        with Work() as work:
            test(work)
            print("passed:", test.__name__)
