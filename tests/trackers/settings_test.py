#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every setting that a tracker's `setup` takes from the environment can be given by the run, and then goes first."""

import glob
import json
import os
import pathlib
import re
import subprocess

from harness import SOURCE, TRAINER, Work, expect
from mlflow_stand_in import StandIn, certificate
from status_server import StatusServer

AZURE = "/mlflow/v1.0/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
# What each variable says here; a run that reports it has read the environment.
OTHER = "of-the-environment"
VARIABLES = {
    "TENSORBOARD_LOGGING_DIR": OTHER,
    "WANDB_MODE": "disabled",
    "WANDB_PROJECT": OTHER,
    "WANDB_RUN_GROUP": OTHER,
    "WANDB_TAGS": OTHER,
    "WANDB_DIR": OTHER,
    "SWANLAB_MODE": "disabled",
    "SWANLAB_PROJECT": OTHER,
    "SWANLAB_TAGS": OTHER,
    "SWANLAB_LOG_DIR": OTHER,
    "TRACKIO_DIR": OTHER,
    "CODECARBON_PROJECT_NAME": OTHER,
    "HF_DVCLIVE_LOG_MODEL": "all",
    "MLFLOW_TRACKING_URI": "sqlite:///" + OTHER,
    "MLFLOW_TRACKING_TOKEN": OTHER,
    "MLFLOW_EXPERIMENT_NAME": OTHER,
    "MLFLOW_TAGS": json.dumps({OTHER: OTHER}),
    "MLFLOW_MAX_LOG_PARAMS": "1",
    "DAGSHUB_USER_TOKEN": OTHER,
    "AZUREML_RUN_TOKEN": OTHER,
    "KUBEFLOW_TRAINER_SERVER_URL": "http://127.0.0.1:1/" + OTHER,
}


def entry(plugin, **config):
    return {"plugin": plugin, "config": config}


def native(work):
    """One training with all of them."""
    pem = certificate(work.path)
    (work.path / "token").write_text("kube-token")
    with (
        StandIn(authorization="Bearer m-token") as mlflow,
        StandIn(prefix="/owner/repo.mlflow", authorization="Basic ZC10b2tlbjpkLXRva2Vu") as dagshub,
        StandIn(prefix=AZURE, authorization="Bearer a-token", tls=pem) as azure,
        StatusServer() as kubeflow,
    ):
        callbacks = [
            entry("tensorboard", logging_dir="boards"),
            entry(
                "wandb", mode="offline", project="ours", run_group="grouped", tags=["x, y"], dir="w", api_key="w-key"
            ),
            entry("swanlab", mode="offline", project="ours", tags=["x, y"], log_dir="s", api_key="s-key"),
            entry("trackio", dir="t"),
            entry("codecarbon", project_name="ours"),
            entry("dvclive", log_model=False),
            entry(
                "mlflow",
                tracking_uri=mlflow.url,
                tracking_token="m-token",
                experiment_name="ours",
                tags={"team": "x", "n": 2},
                max_log_params=7,
            ),
            entry("dagshub", tracking_uri=dagshub.url, user_token="d-token", tracking_token="", experiment_name=""),
            entry(
                "azure_ml",
                tracking_uri=azure.url.replace("https", "azureml"),
                tracking_token="a-token",
                tracking_server_cert_path=pem,
            ),
            entry("kubeflow", server_url=kubeflow.url, server_token=str(work.path / "token")),
        ]
        _, text = work.train("all", env=VARIABLES, callbacks=callbacks, args={"num_train_epochs": 1})

        run = mlflow.only_run()
        expect(mlflow.experiments.get("ours") == run["info"]["experiment_id"], mlflow.experiments)
        expect(run["tags"]["team"] == "x" and run["tags"]["n"] == "2" and OTHER not in run["tags"], run["tags"])
        expect(len(run["params"]) == 7, run["params"])
        expect(dagshub.only_run()["info"]["experiment_id"] == "0", dagshub.experiments)
        expect(azure.only_run()["info"]["status"] == "FINISHED", azure.only_run())
        seen = {(post["path"], post["auth"]) for post in kubeflow.posts}
        expect(seen == {("/status", "Bearer kube-token")}, kubeflow.posts)
    for where, words in (
        ("boards/events*", [b"train/loss"]),
        ("w/wandb/offline-run-*/run-*.wandb", [b"ours", b"grouped", b"x, y"]),
        ("s/run-*/run-*.swanlab", [b"ours", b"x, y"]),
        ("t/inbox/*/*.jsonl", [b"train/loss"]),
        ("out/emissions.csv", [b"ours"]),
        ("dvclive/metrics.json", [b"loss"]),
    ):
        files = [pathlib.Path(path).read_bytes() for path in glob.glob(str(work.path / where))]
        expect(files and all(any(word in file for file in files) for word in words), f"{where}: {len(files)} files")
    # Neither what the variables say nor a secret is in any file, or was printed.
    for word in (OTHER, "w-key", "s-key", "m-token", "d-token", "a-token"):
        expect(word not in text, f"{word} was printed:\n{text}")
        for directory, _, names in os.walk(work.path):
            expect(word not in directory, f"{directory} was made")
            for name in names:
                path = pathlib.Path(directory, name)
                if path.name != "run.json":
                    expect(word.encode() not in path.read_bytes(), f"{word} is in {path}")
    expect(not list(work.path.glob("out/last")) and "dvc add" not in text, text)


def bridged(work):
    """These hand their settings on to the Python of transformers' callback: a stand-in here, which writes them down."""
    python = work.path / "python"
    python.write_text('#!/bin/sh\nenv >"$0.variables"\n')
    python.chmod(0o755)
    for plugin, prefix, config, expected in (
        (
            "comet_ml",
            "COMET_",
            {"start_online": False, "project_name": "ours", "mode": "create", "api_key": "key", "workspace": ""},
            {"START_ONLINE": "false", "PROJECT_NAME": "ours", "MODE": "create", "API_KEY": "key"},
        ),
        (
            "clearml",
            "CLEARML_",
            {"project": "ours", "task": "x", "offline_mode": True, "log_model": False, "api_secret_key": "key"},
            {"PROJECT": "ours", "TASK": "x", "OFFLINE_MODE": "true", "LOG_MODEL": "false", "API_SECRET_KEY": "key"},
        ),
        ("neptune", "NEPTUNE_", {"mode": "offline", "project": "a/b"}, {"MODE": "offline", "PROJECT": "a/b"}),
    ):
        env = {prefix + name: OTHER for name in ("PROJECT", "PROJECT_NAME", "MODE", "WORKSPACE")} | {"KEPT": OTHER}
        _, text = work.train(
            "none", env=env | {"TRAINER_PYTHON": python}, callbacks=[entry(plugin, **config)], status=2
        )
        lines = dict(
            line.split("=", 1) for line in (work.path / "python.variables").read_text().splitlines() if "=" in line
        )
        found = {name.removeprefix(prefix): value for name, value in lines.items() if name.startswith(prefix)}
        expect(expected.items() <= found.items(), f"{plugin} gave {found}:\n{text}")
        expect("WORKSPACE" not in found or plugin != "comet_ml", f"an empty text unsets: {found}")
        expect(lines["KEPT"] == OTHER, lines)
    _, text = work.train("none", env={"NEPTUNE_MODE": "offline"}, callbacks=[entry("neptune", mode="")], status=2)
    expect('callbacks[0] names the plugin "neptune", which is not available here: Neptune\'s hosted' in text, text)


def refused(work):
    """The sentences are those of the variables, with the key's name."""
    for plugin, config, status, words in (
        ("mlflow", {"tracking_uri": "sqlite:///a.db"}, 2, 'config.tracking_uri is "sqlite:///a.db", a store that only'),
        ("mlflow", {"tracking_uri": "sftp://me:secret@h"}, 2, 'config.tracking_uri is "sftp://<USER>:<PASSWORD>@h"'),
        ("mlflow", {"tracking_token": 12345}, 2, '"tracking_token" of plugin mlflow is an integer, expected string'),
        ("dagshub", {"tracking_uri": "http://h"}, 2, 'config.tracking_uri is "http://h", expected a DagsHub'),
        ("wandb", {"mode": "on"}, 1, 'config.mode is "on", expected online, offline or disabled'),
        ("swanlab", {"mode": "offline", "resume": "x"}, 1, 'config.resume is "x", expected must, allow or never'),
    ):
        _, text = work.train("none", callbacks=[entry(plugin, **config)], status=status)
        expect(words in text and "secret" not in text and "12345" not in text, text)


def documented(work):
    """Each tracker's page has its keys, and the variables that their descriptions begin with."""
    plugins = pathlib.Path(TRAINER).parents[1] / "plugins"
    pages = {page.stem: page.read_text() for page in (SOURCE / "docs" / "plugins").glob("*.md")}
    for name, page in pages.items():
        known = page + (pages["mlflow"] if name in ("azure_ml", "dagshub") else "")
        done = subprocess.run(
            [TRAINER, "plugins", "inspect", plugins / f"{name}.so"], text=True, stdout=subprocess.PIPE
        )
        for key, variable in re.findall(r"^config\.(\w+) .*?default \S+?: ([A-Z][A-Z_]{5,})?", done.stdout, re.M):
            expect(f"`{key}`" in known, f"docs/plugins/{name}.md does not have `{key}`")
            # Of several that begin alike the page may have the ends.
            ends = [variable[found.start() :] for found in re.finditer(r"^|_|(?<=_)[A-Z]", variable)]
            expect(
                not variable or any(re.search(rf"`{end}\b", known) for end in ends),
                f"docs/plugins/{name}.md does not have {variable}",
            )


for case in (documented, native, bridged, refused):
    with Work() as work:
        case(work)
print("settings: done")
