#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real `mlflow server` on sqlite has what transformers' MLflowCallback would have left, by its own client."""

import glob
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

from harness import Work, expect, python
from mlflow_stand_in import StandIn, free_port


class Server:
    def __init__(self, work):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.log = work.path / "server.log"
        command = [
            python("trackers"),
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            self.url.split(":")[-1],
            "--backend-store-uri",
            f"sqlite:///{work.path}/mlflow.db",
            "--workers",
            "1",
            "--artifacts-destination",
            str(work.path / "artifacts"),
            "--serve-artifacts",
        ]
        # A group of its own: the server has children, and all go with it.
        self.process = subprocess.Popen(
            command,
            env=work.environment(),
            cwd=work.path,
            start_new_session=True,
            stdout=open(self.log, "w"),
            stderr=subprocess.STDOUT,
        )

    def __enter__(self):
        for _ in range(600):
            try:
                if urllib.request.urlopen(self.url + "/health", timeout=5).read() == b"OK":
                    return self
            except OSError:
                expect(self.process.poll() is None, f"the server ended:\n{self.log.read_text()}")
            time.sleep(0.3)
        self.__exit__()
        sys.exit("mlflow_test.py: the server did not come up:\n" + self.log.read_text())

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def runs(self, experiment):
        """Every run of an experiment, newest first, as the server's own API has it."""

        def get(path, body=None):
            request = urllib.request.Request(
                self.url + "/api/2.0/mlflow/" + path,
                headers={"Content-Type": "application/json"},
                data=json.dumps(body).encode() if body else None,
            )
            return json.loads(urllib.request.urlopen(request, timeout=60).read())

        found = get("experiments/get-by-name?experiment_name=" + experiment)["experiment"]["experiment_id"]
        runs = get("runs/search", {"experiment_ids": [found]}).get("runs", [])
        return [
            {
                "info": r["info"],
                "params": {p["key"]: p["value"] for p in r["data"].get("params", [])},
                "tags": {t["key"]: t["value"] for t in r["data"].get("tags", [])},
                "metrics": {m["key"]: m["value"] for m in r["data"].get("metrics", [])},
            }
            for r in runs
        ]


def full_run(work, server):
    """The run of all other tests, read with MlflowClient."""
    history, text = work.train(
        "mlflow",
        "--run_name",
        "digits run",
        env={
            "MLFLOW_TRACKING_URI": server.url,
            "MLFLOW_EXPERIMENT_NAME": "full",
            "HF_MLFLOW_LOG_ARTIFACTS": "TRUE",
            "MLFLOW_TAGS": json.dumps({"release.candidate": "RC1", "count": 2, "none": None}),
        },
    )
    expect("warning" not in text, text)
    found = work.check("mlflow", server.url)
    work.expect_history(found, "mlflow", history)
    # args.to_dict(), each value as Python prints it, over the model's configuration.
    arguments = json.loads((work.path / "out" / "checkpoint-90" / "training_args.json").read_text())
    del arguments["data"]  # columns and classes, which are no arguments
    expected = {"type": "mlp", "layers": "[64, 64, 10]", "activation": "relu"} | {
        k: str(v) for k, v in arguments.items()
    }
    params = found["params"]
    wrong = {k: (params.get(k), v) for k, v in expected.items() if k in params and params[k] != v}
    missing = set(arguments) - set(params)
    expect(not wrong and not missing and params["hub_token"] == "<HUB_TOKEN>", f"parameters: {wrong} {missing}")
    expect(
        set(params) - set(arguments) <= {"type", "layers", "activation", "model_type"},
        f"{set(params) - set(arguments)}",
    )
    run, tags = found["extra"]["run"], found["extra"]["tags"]
    expect(
        run["status"] == "FINISHED" and run["ended"] and run["name"] == "digits run" and run["experiment"] == "full",
        run,
    )
    expect(tags["release.candidate"] == "RC1" and tags["count"] == "2" and tags["none"] == "None", tags)
    expect(
        {"mlflow.user", "mlflow.source.name", "mlflow.runName"} <= set(tags) and tags["mlflow.source.type"] == "LOCAL",
        tags,
    )
    expect(run["artifacts"] == ["checkpoint-45", "checkpoint-90"], run["artifacts"])
    for file in (work.path / "out" / "checkpoint-90").iterdir():
        copies = glob.glob(str(work.path / "artifacts" / "*" / "*" / "artifacts" / "checkpoint-90" / file.name))
        expect(len(copies) == 1 and open(copies[0], "rb").read() == file.read_bytes(), f"{file.name}: {copies}")
    left = glob.glob(str(work.path / "out" / "*.journal*"))
    expect(not left, f"left behind: {left}")


def resumed_run(work, server):
    id = server.runs("full")[0]["info"]["run_id"]
    history, text = work.train(
        "mlflow",
        "--resume_from_checkpoint=out/checkpoint-45",
        env={"MLFLOW_TRACKING_URI": server.url, "MLFLOW_RUN_ID": id},
    )
    expect(
        '{"key":"run_name","value":"None"}, which is left out' in text,
        "the changed parameter was not reported:\n" + text,
    )
    runs = server.runs("full")
    expect(len(runs) == 1 and runs[0]["info"]["status"] == "FINISHED", runs)
    expect(runs[0]["metrics"]["train_loss"] == history[-1]["train_loss"], "the resumed run's metrics are missing")
    expect(runs[0]["params"]["run_name"] == "digits run", "a parameter was overwritten")


def other_settings(work, server):
    parent = server.runs("full")[0]["info"]["run_id"]
    env = {
        "MLFLOW_TRACKING_URI": server.url + "/",
        "MLFLOW_EXPERIMENT_NAME": "other settings",
        "MLFLOW_NESTED_RUN": "1",
        "MLFLOW_PARENT_RUN_ID": parent,
        "MLFLOW_MAX_LOG_PARAMS": "5",
    }
    work.train("mlflow", output="other", env=env)
    run = server.runs("other%20settings")[0]
    expect(run["tags"]["mlflow.parentRunId"] == parent and len(run["params"]) == 5, run)
    # A replay of a finished run is a run of its own.
    work.train("none", output="plain")
    history = json.loads((work.path / "plain" / "trainer_state.json").read_text())["log_history"]
    replay = [
        os.environ["TRAINER"],
        "replay",
        "plain/trainer_state.json",
        "--report_to",
        "mlflow",
        "--output_dir",
        "plain",
    ]
    subprocess.run(
        replay,
        env=work.environment(**env | {"MLFLOW_EXPERIMENT_NAME": "replay"}),
        cwd=work.path,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    run = server.runs("replay")[0]
    expect(run["metrics"]["train_loss"] == history[-1]["train_loss"] and run["info"]["status"] == "FINISHED", run)


def failed_run(work, server):
    """A training that breaks off is FAILED, and what it had logged is there."""
    env = {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_EXPERIMENT_NAME": "failed"}
    (work.path / "failed").mkdir()
    (work.path / "failed" / "checkpoint-45").write_text("in the first checkpoint's way")
    work.train("mlflow", output="failed", env=env, status=1)
    run = server.runs("failed")[0]
    expect(run["info"]["status"] == "FAILED" and "loss" in run["metrics"] and "eval_loss" in run["metrics"], run)


def interrupted_run(work, server):
    """One that a signal stops is KILLED, and where it is stands in the summary."""
    env = {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_EXPERIMENT_NAME": "interrupted"}
    rules = [{"on": "on_step_end", "global_step": 20, "signal": 15}]
    stop = {"plugin": "script", "config": {"rules": rules}}
    _, printed = work.train("mlflow", output="interrupted", env=env, callbacks=[stop], status=143)
    expect(server.runs("interrupted")[0]["info"]["status"] == "KILLED", server.runs("interrupted"))
    expect(re.search(rf"^  MLflow +{re.escape(server.url)}$", printed, re.MULTILINE), printed)


def several_actions(work):
    """Evaluations belong to the run of the training before them; each training is a run; "all" makes one, not two."""
    file = json.loads(work.run_file().read_text())
    file["actions"] = [{"do": "train"}, {"do": "evaluate"}, {"do": "train"}]
    run_file = work.path / "actions.json"
    for report_to, prefix, env in (("mlflow", "", {}), ("all", "/owner/repo.mlflow", {"DAGSHUB_USER_TOKEN": "x"})):
        run_file.write_text(json.dumps(file))
        with StandIn(prefix=prefix) as server:
            done = subprocess.run(
                [os.environ["TRAINER"], "run", str(run_file), "--report_to", report_to, "--output_dir", "actions"],
                env=work.environment(MLFLOW_TRACKING_URI=server.url, **env),
                cwd=work.path,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            expect(done.returncode == 0 and len(server.runs) == 2, f"{len(server.runs)} runs:\n{done.stdout}")
            evaluations = [len(server.canonical(run)["metrics"]["eval_loss"]) for run in server.runs.values()]
            states = [run["info"]["status"] for run in server.runs.values()]
            expect(
                evaluations == [3, 2] and states == ["FINISHED"] * 2,
                f"{report_to}: {evaluations} {states}\n{done.stdout}",
            )
            expect(not server.refused and not glob.glob(str(work.path / "actions" / "*.journal*")), server.refused)


def refusals(work):
    for uri, word in (
        (None, "mlflow server --backend-store-uri"),
        ("sqlite:///x.db", "sqlite:///x.db"),
        ("file:///x", "mlflow server"),
        ("azureml://x/y", "azure_ml"),
        ("databricks", "python:mlflow"),
    ):
        _, text = work.train("mlflow", output="refused", status=2, env={"MLFLOW_TRACKING_URI": uri} if uri else {})
        expect(word in text, f"{uri}: {text}")
    _, text = work.train(
        "mlflow",
        output="refused",
        status=2,
        env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "DISABLE_MLFLOW_INTEGRATION": "TRUE"},
    )
    expect("DISABLE_MLFLOW_INTEGRATION" in text, text)


def main():
    with Work() as work:
        refusals(work)
        several_actions(work)
        print("without a server, several actions: done", flush=True)
        with Server(work) as server:
            for test in (full_run, resumed_run, other_settings, failed_run, interrupted_run):
                test(work, server)
                print(f"{test.__name__}: done", flush=True)


if __name__ == "__main__":
    main()
