#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""DagsHub's MLflow, played by a stand-in: address, token, end of the run, and who is taken for DagsHub."""

import base64

from harness import Work, expect
from mlflow_stand_in import StandIn


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def run(work, output, expected, env, more=()):
    with StandIn(prefix="/owner/repo.mlflow", authorization=expected) as server:
        history, text = work.train("dagshub", *more, output=output, env={"MLFLOW_TRACKING_URI": server.url} | env)
        run = server.only_run()
        found = server.canonical(run)
        found["tracker"] = "dagshub"
        work.expect_history(found, "dagshub", history)
        # transformers' callback leaves it RUNNING until the program's exit, if that comes.
        expect(
            run["info"]["status"] == "FINISHED" and run["info"]["end_time"] >= run["info"]["start_time"], run["info"]
        )
        expect(run["params"]["learning_rate"] == "0.001", run["params"])
        expect("secret" not in text, text)
        return server, run


with Work() as work:
    _, with_token = run(work, "token", basic("secret", "secret"), {"DAGSHUB_USER_TOKEN": "secret"})
    expect(with_token["tags"]["mlflow.user"] != "secret", "the token became a tag")
    _, with_login = run(
        work,
        "login",
        basic("jane", "secret"),
        {"MLFLOW_TRACKING_USERNAME": "jane", "MLFLOW_TRACKING_PASSWORD": "secret"},
    )
    expect(with_login["tags"]["mlflow.user"] == "jane", with_login["tags"])
    server, run_ = run(
        work, "artifacts", basic("secret", "secret"), {"DAGSHUB_USER_TOKEN": "secret", "HF_DAGSHUB_LOG_ARTIFACTS": "1"}
    )
    root = f"{run_['info']['experiment_id']}/{run_['info']['run_id']}/artifacts/artifacts/"
    for file in ("checkpoint-90/model.safetensors", "checkpoint-45/trainer_state.json"):
        expect(
            server.artifacts.get(root + file) == (work.path / "artifacts" / file).read_bytes(), sorted(server.artifacts)
        )
    expect(not [k for k in server.artifacts if "journal" in k], sorted(server.artifacts))

    # ~/.mlflow/credentials
    credentials = work.path / "home" / ".mlflow" / "credentials"
    credentials.parent.mkdir()
    credentials.write_text("[mlflow]\nmlflow_tracking_username = joe\nmlflow_tracking_password = secret\n")
    run(work, "file", basic("joe", "secret"), {})
    credentials.unlink()

    for uri, env, word in (
        ("http://127.0.0.1:1", {"DAGSHUB_USER_TOKEN": "x"}, "OWNER/REPO.mlflow"),
        ("http://127.0.0.1:1/repo.mlflow", {"DAGSHUB_USER_TOKEN": "x"}, "OWNER/REPO.mlflow"),
        ("http://127.0.0.1:1/owner/repo.mlflow", {}, "DAGSHUB_USER_TOKEN"),
    ):
        _, text = work.train("dagshub", output="refused", status=2, env={"MLFLOW_TRACKING_URI": uri} | env)
        expect(word in text, text)
    print("dagshub: done")
