# SPDX-License-Identifier: Apache-2.0
"""Shipped plugins give the same in a process of their own as without: their files, of a recorded training and of the digits
example; what a server got; the flags, logs and rates that they change; and what a callback in Python saw."""

import base64
import json
import os
import subprocess
import sys

from harness import SOURCE, TRAINER, Work, expect

sys.path.insert(0, str(SOURCE / "tests" / "support"))
sys.path.insert(0, str(SOURCE / "tests" / "trackers"))
from mlflow_stand_in import StandIn, certificate  # noqa: E402
from status_server import StatusServer  # noqa: E402
from tracker_files import CALLBACKS, CLIENTS, VARIABLES, same_files  # noqa: E402

RECORDED = SOURCE / "tests/parity/expected/all_in_one/trainer_state.json"
DIGITS = SOURCE / "host/examples/digits/run.json"
OUT, IN = "out_of_process", "in_process"
CLOCK = ("_runtime", "_per_second")
AZURE = "/mlflow/v1.0/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"

# A class that needs no transformers, nor anything else.
LOOKS = """
import json

class Looks:
    def __init__(self):
        self.out = open("seen.jsonl", "w", buffering=1)

def look(event):
    def seen(self, args, state, control, logs=None, metrics=None, **objects):
        values = {k: v for k, v in (logs or metrics or {}).items() if not k.endswith(("_runtime", "_per_second"))}
        seen = {"event": event, "step": state.global_step, "epoch": state.epoch, "best": state.best_metric,
                "logs": len(state.log_history), "stops": control.should_training_stop, "seed": args.seed}
        self.out.write(json.dumps(seen | values) + chr(10))
    return seen

for event in ("init_end", "train_begin", "train_end", "epoch_begin", "epoch_end", "step_end", "log", "evaluate", "save"):
    setattr(Looks, "on_" + event, look("on_" + event))
"""
OWN = [
    {"plugin": "python", "config": {"callback": "mine.Looks", "python": sys.executable}},
    {"plugin": "gradient_monitor"},
    {"plugin": "lr_brake", "config": {"above": 1}},
    {"plugin": "diary"},
    {"plugin": "time_limit"},
    {"plugin": "early_stopping", "config": {"early_stopping_patience": 1, "early_stopping_threshold": 0.02}},
]


def one(work, name, where, command, **variables):
    """Runs it in a directory of its own, with isolation or without; gives the directory and what was said."""
    directory = work.path / name / where
    directory.mkdir(parents=True)
    (directory / "mine.py").write_text(LOOKS)
    isolation = "process" if where == OUT else "none"
    env = work.environment(f"{name}-{where}", HOME=str(directory), TRAINER_PLUGIN_ISOLATION=isolation, **variables)
    words = [TRAINER, *map(str, command)]
    done = subprocess.run(words, cwd=directory, env=env, capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{name} {where}: status {done.returncode}: {done.stdout}{done.stderr}")
    work.expect_none_left(name, f"{name}-{where}")
    return directory, done.stdout + done.stderr


def both(work, name, command, **variables):
    return [one(work, name, where, command, **variables) for where in (OUT, IN)]


def replays(work):
    command = ["replay", RECORDED, "--report_to", "none", "--output_dir", "out"]
    command += ["--metric_for_best_model", "loss", "--eval_strategy", "epoch"]
    for name in CALLBACKS:
        command += ["--callback", name]
    (ours, said), (theirs, _) = both(work, "replay", command, **VARIABLES)
    same_files(ours, theirs)
    expect("early_stopping would have stopped the training at step 8, epoch 2" in said, said)


def outcome(directory):
    state = json.loads((directory / "out/trainer_state.json").read_text())
    history = [{k: v for k, v in entry.items() if not k.endswith(CLOCK)} for entry in state["log_history"]]
    return (directory / "out/model.safetensors").read_bytes(), history, state["stateful_callbacks"]


def rows(file):
    """metrics.csv without what the clock says."""
    head, *lines = [line.split(",") for line in file.read_text().splitlines()]
    kept = [at for at, name in enumerate(head) if not name.endswith(CLOCK)]
    return [[line[at] for at in kept] for line in [head, *lines]]


def digits(work):
    """With early stopping, which ends the training, and is asked for its state at each checkpoint."""
    command = ["train", DIGITS, "--output_dir", "out", "--report_to", "csv,tensorboard,html"]
    command += ["--set", f"callbacks={json.dumps(OWN)}", "--num_train_epochs", "6", "--logging_steps", "4"]
    (ours, said), (theirs, _) = both(work, "digits", command)
    expect(outcome(ours) == outcome(theirs), f"digits: another training came of it: {said}")
    expect("brakes after step" in said, f"digits: nothing brakes: {said}")
    names = [sorted(path.name.split(".")[0] for path in (one / "out").iterdir()) for one in (ours, theirs)]
    expect(names[0] == names[1], f"digits: the files are {names[0]}, expected {names[1]}")
    expect(rows(ours / "out/metrics.csv") == rows(theirs / "out/metrics.csv"), "digits: metrics.csv differs")
    sizes = [[p.stat().st_size for p in (one / "out").rglob("events.out*")] for one in (ours, theirs)]
    expect(sizes[0] == sizes[1] and sizes[0], f"digits: event files of {sizes[0]} and {sizes[1]} bytes")
    diaries = [{p.parent.name: p.read_text() for p in (one / "out").rglob("diary.txt")} for one in (ours, theirs)]
    expect(diaries[0] == diaries[1] and len(diaries[0]) > 1, f"digits: {diaries[0]}\nexpected {diaries[1]}")
    seen = [(one / "seen.jsonl").read_text() for one in (ours, theirs)]
    expect(seen[0] == seen[1] and '"on_train_end"' in seen[0], f"digits: Python saw {seen[0]}\nexpected {seen[1]}")


def server_of(name, directory):
    """What plays the server of a tracker, and how the tracker is told."""
    if name == "mlflow":
        return StandIn(), {"MLFLOW_TRACKING_URI": "{url}"}
    if name == "dagshub":
        token = "Basic " + base64.b64encode(b"secret:secret").decode()
        server = StandIn(prefix="/owner/repo.mlflow", authorization=token)
        return server, {"MLFLOW_TRACKING_URI": "{url}", "DAGSHUB_USER_TOKEN": "secret"}
    pem = certificate(directory)
    told = {"MLFLOW_TRACKING_URI": "{url}", "AZUREML_RUN_TOKEN": "secret", "MLFLOW_TRACKING_SERVER_CERT_PATH": pem}
    return StandIn(prefix=AZURE, authorization="Bearer secret", tls=pem), told


def servers(work):
    for name in ("mlflow", "dagshub", "azure_ml"):
        seen = []
        for where in (OUT, IN):
            server, told = server_of(name, work.path)
            url = server.url.replace("https://", "azureml://")
            command = ["replay", RECORDED, "--report_to", name, "--output_dir", "out"]
            with server:
                one(work, name, where, command, **{key: value.format(url=url) for key, value in told.items()})
            run = server.only_run()
            seen.append([server.canonical(run), run["tags"], run["info"]["status"], server.refused])
        expect(seen[0] == seen[1] and seen[0][0]["metrics"], f"{name}: {seen[0]}\nexpected {seen[1]}")


def last_post(server):
    """Earlier ones come when the clock says so."""
    post = server.posts[-1]
    status = post["body"]["trainerStatus"]
    metrics = [one for one in status["metrics"] if not one["name"].endswith(CLOCK)]
    return post["path"], post["auth"], post["ctype"], list(status), status["progressPercentage"], metrics


def posts(work):
    """kubeflow, which posts nothing of a replay."""
    token = work.path / "token"
    token.write_text("secret")
    seen = []
    for where in (OUT, IN):
        command = ["train", DIGITS, "--output_dir", "out", "--report_to", "none", "--max_steps", "20"]
        with StatusServer() as server:
            told = {"KUBEFLOW_TRAINER_SERVER_URL": server.url, "KUBEFLOW_TRAINER_SERVER_TOKEN": str(token)}
            one(work, "kubeflow", where, command, **told)
        seen.append(last_post(server))
    expect(seen[0] == seen[1] and seen[0][4] == 100, f"kubeflow: {seen[0]}\nexpected {seen[1]}")


def main():
    shipped = {file.parent.name for file in (SOURCE / "plugins").glob("*/CMakeLists.txt")} - {"shared"}
    here = {*CALLBACKS, *(entry["plugin"] for entry in OWN), "mlflow", "dagshub", "azure_ml", "kubeflow"}
    expect(shipped <= here | set(CLIENTS), f"not compared: {shipped - here - set(CLIENTS)}")
    with Work() as work:
        for part in (replays, digits, servers, posts):
            part(work)
        print(f"{len(here)} plugins; {', '.join(CLIENTS)} are compared by parity_clients.py")


if __name__ == "__main__":
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    main()
