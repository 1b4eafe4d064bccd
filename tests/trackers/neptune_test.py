# SPDX-License-Identifier: Apache-2.0
"""Plugin `neptune`: offline operations, read with Neptune's own queue and classes; and what is said of its service."""

from harness import Work, expect, python

PYTHON = python("trackers")


def a_run(work):
    history, printed = work.train("neptune", env={"TRAINER_PYTHON": PYTHON, "NEPTUNE_MODE": "offline"})
    expect("without it" not in printed, printed)
    (operations,) = (work.path / ".neptune" / "offline").glob("*/data-1.log")
    work.expect_console(operations.read_text(), history, printed)
    found = work.check("neptune", work.path / ".neptune")
    work.expect_history(found, "neptune", history)
    params = found["params"]
    expect(params["finetuning/trainer_parameters/learning_rate"] == 0.001, f"arguments: {params}")
    expect(params["finetuning/model_parameters/activation"] == "relu", f"the model's configuration: {params}")
    expect(params["finetuning/train/epoch"] == 2.0, "the epoch is one value, as in transformers")


def the_service_is_gone(work):
    _, printed = work.train("neptune", env={"TRAINER_PYTHON": PYTHON, "NEPTUNE_API_TOKEN": "x"}, status=2)
    expect("Neptune's hosted service ended in March 2026" in printed and "NEPTUNE_MODE=offline" in printed, printed)


for test in a_run, the_service_is_gone:
    with Work() as work:
        test(work)
        print("passed:", test.__name__)
