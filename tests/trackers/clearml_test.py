# SPDX-License-Identifier: Apache-2.0
"""Plugin `clearml`: an offline session, each of whose events is read through ClearML's own request schema."""

from harness import Work, expect, python

PYTHON = python("trackers")


def settings(work):
    return {"TRAINER_PYTHON": PYTHON, "CLEARML_OFFLINE_MODE": "1", "CLEARML_CACHE_DIR": work.path / "clearml"}


def a_run(work):
    # Offline, ClearML cannot keep models; that it was asked to is said, and costs nothing else.
    env = settings(work) | {"CLEARML_PROJECT": "Digits", "CLEARML_TASK": "A run", "CLEARML_LOG_MODEL": "TRUE"}
    history, printed = work.train("clearml", env=env)
    expect("without it" not in printed and "CLEARML_LOG_MODEL is taken as FALSE" in printed, printed)
    (lines,) = (work.path / "clearml" / "offline").glob("*/log.jsonl")
    work.expect_console(lines.read_text(), history, printed)
    found = work.check("clearml", work.path / "clearml")
    work.expect_history(found, "clearml", history)
    extra, params = found["extra"], found["params"]
    expect(extra["task"]["name"] == "A run" and extra["task"]["project_name"] == "Digits", f"task: {extra['task']}")
    expect(extra["valid_events"] == extra["events"], f"events that ClearML's schema takes: {extra}")
    single = extra["single_values"]
    expect(single["train_loss"] == [history[-1]["train_loss"]], f"single values: {single}")
    expect(
        params["Transformers/eval_strategy"] == "EPOCH"
        and params["Transformers/lr_scheduler_type"] == "LINEAR"
        and params["Transformers/learning_rate"] == "0.001",
        f"enumerations by name, as in transformers: {params}",
    )
    expect("Transformers/hub_token" not in params, "tokens are left out")
    expect("Model Configuration" in extra["configuration"], f"the model's configuration: {extra['configuration']}")


def not_configured(work):
    _, printed = work.train("clearml", env={"TRAINER_PYTHON": PYTHON}, status=2)
    expect("ClearML is not configured" in printed and "CLEARML_OFFLINE_MODE=1" in printed, printed)
    _, printed = work.train("clearml", env={**settings(work), "TRAINER_PYTHON": "/no/such/python"}, status=2)
    expect("could not be started" in printed and "TRAINER_PYTHON" in printed, printed)


for test in a_run, not_configured:
    with Work() as work:
        test(work)
        print("passed:", test.__name__)
