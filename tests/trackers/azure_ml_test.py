#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A workspace's MLflow endpoint, played by a stand-in over TLS: address, token, certificate, a job's own run."""

from harness import Work, expect
from mlflow_stand_in import StandIn, certificate

PREFIX = "/mlflow/v1.0/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


def settings(server, **more):
    return {
        "MLFLOW_TRACKING_URI": server.url.replace("https://", "azureml://"),
        "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0.1",
    } | more


with Work() as work:
    pem = certificate(work.path)
    with StandIn(prefix=PREFIX, authorization="Bearer secret", tls=pem) as server:
        # Outside of a job.
        history, text = work.train(
            "azure_ml",
            output="own",
            env=settings(server, MLFLOW_TRACKING_TOKEN="secret", MLFLOW_TRACKING_SERVER_CERT_PATH=pem),
        )
        run = server.only_run()
        work.expect_history(server.canonical(run), "mlflow", history)
        expect(run["info"]["status"] == "FINISHED" and run["info"]["experiment_id"] == "0", run["info"])
        expect("secret" not in text, text)

        # Inside of one: the job has made the run, and ends it.
        job = server.runs_create({"experiment_id": "0", "user_id": "job", "start_time": 1, "tags": []})["run"]["info"][
            "run_id"
        ]
        history, _ = work.train(
            "azure_ml",
            output="job",
            env=settings(server, AZUREML_RUN_TOKEN="secret", AZUREML_RUN_ID=job, MLFLOW_TRACKING_SERVER_CERT_PATH=pem),
        )
        work.expect_history(server.canonical(server.runs[job]), "mlflow", history)
        expect(len(server.runs) == 2 and server.runs[job]["info"]["status"] == "RUNNING", server.runs[job]["info"])

        # A certificate that nobody vouches for: the run goes on without a word to that server.
        seen = len(server.requests)
        _, text = work.train("azure_ml", output="distrust", env=settings(server, AZUREML_RUN_TOKEN="secret"))
        expect(len(server.requests) == seen and "certificate" in text and "journal" in text, text)
        # What it missed goes out once that is settled.
        work.train(
            "azure_ml",
            output="distrust",
            env=settings(server, AZUREML_RUN_TOKEN="secret", MLFLOW_TRACKING_INSECURE_TLS="true"),
        )
        expect(len(server.runs) == 4, f"{len(server.runs)} runs")

    for uri, env, word in (
        ("https://127.0.0.1:1", {"AZUREML_RUN_TOKEN": "x"}, "azureml://"),
        ("azureml://127.0.0.1:1" + PREFIX, {}, "AZUREML_RUN_TOKEN"),
    ):
        _, text = work.train("azure_ml", output="refused", status=2, env={"MLFLOW_TRACKING_URI": uri} | env)
        expect(word in text, text)
    print("azure_ml: done")
