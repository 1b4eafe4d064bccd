# SPDX-License-Identifier: Apache-2.0
"""Plugin `comet_ml`: an offline archive, read with Comet's own command, of a run that ended and of one that was
killed."""

import subprocess
import zipfile

from harness import Work, expect, python

COMET = python("comet")


def settings(work):
    return {
        "TRAINER_PYTHON": COMET,
        "COMET_OFFLINE_DIRECTORY": work.path / "comet",
        "COMET_START_ONLINE": "0",
        "COMET_PROJECT_NAME": "digits",
    }


def a_run(work):
    history, printed = work.train("comet_ml", args={"run_name": "digits-run"}, env=settings(work))
    expect("without it" not in printed, printed)
    (archive,) = (work.path / "comet").glob("*.zip")
    with zipfile.ZipFile(archive) as file:
        work.expect_console(file.read("messages.json").decode(), history, printed)
    found = work.check("comet", work.path / "comet", venv="comet")
    work.expect_history(found, "comet_ml", history)
    params = found["params"]
    expect(params["args|learning_rate"] in (0.001, "0.001"), f"arguments: {params}")
    expect(params["args|hub_token"] == "<HUB_TOKEN>", f"arguments: {params}")
    expect("config|activation" in params, f"the model's configuration: {sorted(params)}")
    expect(found["extra"]["comet_offline_csv"]["rc"] == 0, f"comet offline: {found['extra']['comet_offline_csv']}")
    expect(found["extra"]["other.Name"] == "digits-run", f"the run's name: {found['extra']}")


def a_killed_run(work):
    command = work.command("comet_ml", "--num_train_epochs", "100000", "--save_strategy", "no")
    process = subprocess.Popen(
        command,
        cwd=work.path,
        env=work.environment(**settings(work)),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    for line in process.stdout:
        if "'epoch': '3'" in line:
            break
    process.kill()
    process.communicate(timeout=100)  # to the end of the callback's Python, which prints into it too
    found = work.check("comet", work.path / "comet", venv="comet")
    expect(len(found["metrics"]["train/loss"]) >= 12, f"points of the killed run: {found['metrics'].keys()}")


def not_configured(work):
    _, printed = work.train("comet_ml", env={"TRAINER_PYTHON": COMET}, status=2)
    expect("set COMET_API_KEY, or COMET_OFFLINE_DIRECTORY" in printed, printed)
    _, printed = work.train("comet_ml", env={**settings(work), "TRAINER_PYTHON": python("trackers")}, status=2)
    expect("lacks comet_ml" in printed and "-m pip install transformers comet_ml" in printed, printed)


for test in a_run, a_killed_run, not_configured:
    with Work() as work:
        test(work)
        print("passed:", test.__name__)
