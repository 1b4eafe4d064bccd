# SPDX-License-Identifier: Apache-2.0
"""transformers' own callbacks, unmodified, on the digits run: `report_to: ["python:NAME"]` for each of its trackers,
and what each leaves, read with the tracker's own library, against the rules of the callback.

Arguments, if any, are the names to run.
"""

import sys

from harness import SOURCE, Work, expect, python
from status_server import StatusServer

sys.path.insert(0, str(SOURCE / "tests" / "trackers" / "checks"))


def original(work, name, *more, venv="trackers", env=None, **options):
    """The digits run with `python:name`; gives (log_history, what was printed)."""
    return work.train(f"python:{name}", *more, env={"TRAINER_PYTHON": python(venv), **(env or {})}, **options)


def expect_clean(printed, name):
    expect("without it" not in printed and "Traceback" not in printed, f"python:{name} failed:\n{printed}")


def checked(name, check=None, path=".", options=(), compare=(), venv="trackers", **env):
    """A test of the usual shape: train, read, compare."""

    def test(work):
        given = {k: v.format(work=work.path) for k, v in env.items()}
        history, printed = original(work, name, venv=venv, env=given)
        expect_clean(printed, name)
        found = work.check(check or name, work.path / path, *options, venv=venv, env=given)
        work.expect_history(found, name, history, *compare)
        return found

    return test


def tensorboard(work):
    history, printed = original(work, "tensorboard")
    expect_clean(printed, "tensorboard")
    # The reader's package is among those of tests/requirements.txt.
    found = work.check("tensorboard", work.path / "out" / "runs", venv="test-venv")
    work.expect_history(found, "tensorboard", history)


def wandb(work):
    found = checked("wandb", path="wandb", WANDB_MODE="offline", WANDB_PROJECT="digits", WANDB_SILENT="true")(work)
    expect(found["params"].get("model/num_parameters") == 4810, f"the number of parameters: {found['params']}")


def codecarbon(work):
    _, printed = original(work, "codecarbon", env={"CODECARBON_FORCE_CARBON_INTENSITY_G_CO2E_KWH": "100"})
    expect_clean(printed, "codecarbon")
    expect((work.path / "out" / "emissions.csv").exists(), f"codecarbon wrote no row:\n{printed}")
    work.check("codecarbon", work.path / "out" / "emissions.csv")


def azure_ml(work):
    history, printed = original(work, "azure_ml", venv="azure")
    expect_clean(printed, "azure_ml")
    (work.path / "printed.log").write_text(printed)
    work.expect_history(work.check("azureml", work.path / "printed.log", venv="azure"), "azure_ml", history)


def kubeflow(work):
    (work.path / "token").write_text("secret\n")
    with StatusServer() as server:
        history, printed = original(
            work,
            "kubeflow",
            env={"KUBEFLOW_TRAINER_SERVER_URL": server.url, "KUBEFLOW_TRAINER_SERVER_TOKEN": str(work.path / "token")},
        )
    posts = [(post["auth"], post["body"]["trainerStatus"]) for post in server.posts]
    expect_clean(printed, "kubeflow")
    expect(len(posts) >= 2 and all(auth == "Bearer secret" for auth, _ in posts), f"posts: {posts}\n{printed}")
    expect(posts[0][1]["metrics"] == [{"name": "total_steps", "value": "90"}], f"first: {posts[0]}")
    last = posts[-1][1]
    metrics = {m["name"]: m["value"] for m in last["metrics"]}
    expect(last["progressPercentage"] == 100, f"last: {last}")
    expect(metrics["train_loss"] == str(history[-1]["train_loss"]), f"last: {metrics}, history: {history[-1]}")


def flyte(work):
    _, printed = original(work, "flyte", status=2)
    expect("Checkpointing is not available" in printed or "trainer_bridge" in printed, f"outside of a task:\n{printed}")


TESTS = {
    "tensorboard": tensorboard,
    "mlflow": checked(
        "mlflow", path="mlflow.db", compare=("--dedup",), MLFLOW_TRACKING_URI="sqlite:///{work}/mlflow.db"
    ),
    "wandb": wandb,
    "dvclive": checked("dvclive"),
    "comet_ml": checked(
        "comet_ml",
        "comet",
        path="comet",
        venv="comet",
        COMET_OFFLINE_DIRECTORY="{work}/comet",
        COMET_START_ONLINE="0",
        COMET_API_KEY="none",
    ),
    "trackio": checked("trackio", path="trackio", TRACKIO_DIR="{work}/trackio"),
    "clearml": checked("clearml", path="clearml", CLEARML_OFFLINE_MODE="1", CLEARML_CACHE_DIR="{work}/clearml"),
    "swanlab": checked("swanlab", path="swanlog", SWANLAB_MODE="offline"),
    "dagshub": checked(
        "dagshub",
        path="owner/repo.mlflow",
        compare=("--dedup",),
        DAGSHUB_USER_TOKEN="none",
        MLFLOW_TRACKING_URI="sqlite:///{work}/owner/repo.mlflow",
    ),
    "codecarbon": codecarbon,
    "neptune": checked("neptune", path=".neptune", NEPTUNE_MODE="offline", NEPTUNE_PROJECT="team/digits"),
    "azure_ml": azure_ml,
    "kubeflow": kubeflow,
}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or TESTS:
        with Work() as work:
            if chosen == "dagshub":
                (work.path / "owner").mkdir()
            TESTS[chosen](work)
            print(chosen, "as transformers' callback leaves it")
