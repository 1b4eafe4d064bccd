# SPDX-License-Identifier: Apache-2.0
"""Native trackers against transformers' own callbacks: the digits run with `NAME` and with `python:NAME`, read by the
tracker's own reader, must have the same metrics, steps, values and parameters. Times, and which tracker was asked for, differ.

Arguments, if any, are the names to run.
"""

import json
import sys

from harness import Work, expect, python
from mlflow_test import Server

TIMES = "runtime|per_second"


def reading(name, report_to, path=".", venv="trackers", env=None):
    """What the reader finds after one run in a directory of its own."""
    with Work() as work:
        given = {k: v.format(work=work.path) for k, v in (env or {}).items()}
        _, printed = work.train(report_to, env={"TRAINER_PYTHON": python("trackers"), **given})
        expect("without it" not in printed and "Traceback" not in printed, f"{report_to} failed:\n{printed}")
        found = work.check(name, work.path / path, venv=venv, env=given)
        # The arguments name the tracker itself.
        return json.loads(json.dumps(found).replace(f"python:{name}", name))


def compare(name, native, original, ignore="", options=()):
    expect(native["metrics"], f"{name}: the reader finds no metric")
    with Work() as work:
        rule = f"{TIMES}|{ignore}" if ignore else TIMES
        work.expect_same(native, original, "--params", f"--ignore={rule}", *options)


def same(name, ignore="", **how):
    """A test of the usual shape."""
    return lambda: compare(name, reading(name, name, **how), reading(name, f"python:{name}", **how), ignore)


def mlflow():
    """Ours on a server, the original straight into a database."""
    with Work() as work, Server(work) as server:
        work.train("mlflow", env={"MLFLOW_TRACKING_URI": server.url, "MLFLOW_EXPERIMENT_NAME": "digits"})
        native = work.check("mlflow", server.url)
    original = reading(
        "mlflow",
        "python:mlflow",
        path="mlflow.db",
        env={"MLFLOW_TRACKING_URI": "sqlite:///{work}/mlflow.db", "MLFLOW_EXPERIMENT_NAME": "digits"},
    )
    compare("mlflow", native, original, options=["--dedup"])


TESTS = {
    "tensorboard": same("tensorboard", path="out/runs", venv="test-venv"),
    "dvclive": same("dvclive"),
    "trackio": same("trackio", path="trackio", ignore="allow_val_change", env={"TRACKIO_DIR": "{work}/trackio"}),
    "wandb": same("wandb", path="wandb", ignore="_wandb", env={"WANDB_MODE": "offline", "WANDB_SILENT": "true"}),
    "swanlab": same("swanlab", path="swanlog", env={"SWANLAB_MODE": "offline"}),
    "mlflow": mlflow,
}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or TESTS:
        TESTS[chosen]()
        print(chosen, "leaves what transformers' callback leaves")
