# SPDX-License-Identifier: Apache-2.0
"""`trainer report` and `trainer show`, on states that Python's Trainer wrote and on a run of our own. Reads TRAINER and
SOURCE from the environment."""

import json
import math
import os
import pathlib
import re
import subprocess
import tempfile

TRAINER = os.environ["TRAINER"]
SOURCE = pathlib.Path(os.environ["SOURCE"])
EXPECTED = SOURCE / "tests/parity/expected"
RECORDED = (  # by transformers' Trainer
    "all_in_one",
    "bf16",
    "clip_off",
    "epochs_fraction",
    "optim_sgd",
    "optim_sgd_nesterov",
    "eval_steps_from_logging",
    "stop_on_substep_end",
    "empty_cache_steps",
    "accumulate_uneven",
)


def trainer(*words, status=0, **variables):
    done = subprocess.run([TRAINER, *map(str, words)], capture_output=True, text=True, env={**os.environ, **variables})
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout if status == 0 else done.stderr


def runs_of(page):
    text = pathlib.Path(page).read_text()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]
    assert not set("<>&") & set(data)
    return json.loads(data)["runs"]


def curves_of(history):
    """What the page should have of a log_history."""
    curves = {}
    for entry in history:
        for key, value in entry.items():
            if key not in ("step", "epoch") and isinstance(value, (int, float)):
                curves.setdefault(key, []).append((entry["step"], entry.get("epoch", 0), value))
    return curves


def check(run, state):
    curves = {
        one["name"]: list(zip(one["steps"], one["epochs"], map(float, one["values"]), strict=True))
        for one in run["curves"]
    }
    expected = curves_of(state["log_history"])
    assert curves.keys() == expected.keys(), (curves.keys(), expected.keys())
    for name, points in expected.items():
        for (step, epoch, value), (s, e, v) in zip(points, curves[name], strict=True):
            assert (step, epoch) == (s, e) and (value == v or math.isnan(value) and math.isnan(v)), (name, value, v)
    for key in ("global_step", "max_steps", "num_train_epochs", "epoch", "best_metric", "best_global_step"):
        assert run.get(key) == state[key], (key, run.get(key), state[key])


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    states = [EXPECTED / name / "trainer_state.json" for name in RECORDED]
    for state in states:
        said = trainer("report", state, "--output", "one.html")
        assert said == f"report: {pathlib.Path('one.html').resolve().as_uri()}\n", said
        (run,) = runs_of("one.html")
        assert run["name"] == state.parent.name
        check(run, json.loads(state.read_text()))
    trainer("report", *states)
    for run, state in zip(runs_of("report.html"), states, strict=True):
        check(run, json.loads(state.read_text()))

    # Fields that no Trainer writes, and some that it leaves out.
    odd = {"epoch": None, "log_history": [{"step": 1, "loss": 1e400, "flag": True, "note": "</script>"}], "x": 1}
    pathlib.Path("odd file.json").write_text(json.dumps(odd))
    trainer("report", "odd file.json")
    (run,) = runs_of("report.html")
    assert run["curves"][0]["values"] == ["Infinity"] and run["texts"] == [["note", "</script>"]], run
    # The best of a metric that was never a number.
    never = {"best_metric": -math.inf, "global_step": 1, "log_history": [{"step": 1, "eval_f1": math.nan}]}
    pathlib.Path("never.json").write_text(json.dumps(never))
    assert "none: best metric was never a number" in trainer("show", "never.json")
    # What is no state is told in one sentence.
    for wrong, words in (
        ({}, 'has no "log_history"'),
        ({"log_history": {}}, "log_history is an object ({}), expected a list"),
        ({"log_history": [3]}, "log_history[0] is an integer (3), expected an object"),
        ({"log_history": [{"step": "1"}]}, "log_history[0].step is a string"),
        ({"log_history": [], "global_step": "7"}, 'global_step is a string ("7"), expected a whole number'),
        ({"log_history": [], "global_step": -7}, "global_step is an integer (-7), expected a whole number from 0"),
        (
            {"log_history": [{"step": -1, "loss": 1}]},
            "log_history[0].step is an integer (-1), expected a number from 0",
        ),
        ({"log_history": [], "epoch": [1]}, "epoch is a list ([1]), expected a number"),
        ({"log_history": [], "stateful_callbacks": 1}, "stateful_callbacks is an integer (1), expected an object"),
    ):
        pathlib.Path("wrong.json").write_text(json.dumps(wrong))
        for command in ("show", "report"):
            said = trainer(command, "wrong.json", status=2)
            assert words in said and said.count("\n") == 1 and "[trainer-state.invalid]" in said, said
    # The whole of a long run is read.
    with open("long.json", "w") as file:
        file.write('{"log_history": [{"step": 1, "loss": 0.5, "text": "')
        for _ in range(70):
            file.write("x" * (1 << 20))
        file.write('"}]}')
    assert "long.json: step 0" in trainer("show", "long.json")
    pathlib.Path("long.json").unlink()

    # A run of our own: what stands beside the state is on the page, and what the plugin saw of it.
    example = SOURCE / "host/examples/digits/run.json"
    trainer("train", example, "--report_to", "html", "--output_dir", "a run", "--quiet", "--num_train_epochs", 3)
    (page,) = runs_of("a run/report.html")
    state = json.loads(pathlib.Path("a run/trainer_state.json").read_text())
    check(page, state)
    costs = re.search(r'id="costs">(.*?)</script>', pathlib.Path("a run/report.html").read_text())[1]
    costs = json.loads(costs)
    assert {"html", "early_stopping", "DefaultFlowCallback"} <= {one["name"] for one in costs["callbacks"]}
    assert 0 <= costs["data_seconds"] <= costs["train_seconds"]
    assert page["status"] == "finished" and page["name"] == "a run"
    assert len(page["time"]["steps"]) == len(state["log_history"])
    trainer("report", "a run", "--output", "a.html")
    (run,) = runs_of("a.html")
    check(run, state)
    for key in ("arguments", "parameter_elements", "parameter_tensors", "time", "events"):
        assert run[key] == page[key], (key, run[key], page[key])
    # Python's json reads an argument as it was.
    arguments = json.loads(pathlib.Path("a run/training_args.json").read_text())
    arguments.pop("data")
    assert {key: json.loads(value) for key, value in run["arguments"]} == arguments
    assert [one["step"] for one in run["checkpoints"]] == [90, 135], run["checkpoints"]
    assert run["callbacks"] == costs["callbacks"]
    # Whoever stops a training is named, on its page and on those made later.
    patience = 'callbacks=[{"plugin": "early_stopping", "config": {"early_stopping_patience": 1, "early_stopping_threshold": 1}}]'
    trainer("train", example, "--report_to", "html", "--output_dir", "early", "--set", patience)
    (page,) = runs_of("early/report.html")
    assert page["global_step"] < page["max_steps"], page["global_step"]
    assert [one["text"] for one in page["events"]] == ["early_stopping stopped the training"], page["events"]
    trainer("report", "early", "--output", "early.html")
    (run,) = runs_of("early.html")
    assert run["events"] == page["events"], run["events"]
    assert "early_stopping stopped the training" in trainer("show", "early")

    # Of a run that did not end its newest checkpoint counts.
    pathlib.Path("a run/trainer_state.json").unlink()
    trainer("report", "a run")
    newest = json.loads(pathlib.Path("a run/checkpoint-135/trainer_state.json").read_text())
    check(runs_of("report.html")[0], newest)
    trainer("report", "a run/checkpoint-90")
    (run,) = runs_of("report.html")
    assert run["name"] == "a run/checkpoint-90" and run["global_step"] == 90

    shown = trainer("show", "a run", LC_ALL="C.UTF-8")
    assert "step 135 of 135, epoch 3 of 3" in shown and "eval_accuracy = " in shown, shown
    assert re.search("^loss: [0-9.]+ at step ", shown, re.MULTILINE) and re.search("[\u2801-\u28ff]", shown), shown
    assert "checkpoint-135" in shown and "checkpoint-90" in shown
    plain = trainer("show", "a run", states[0], LC_ALL="C")
    assert plain.isascii() and "*" in plain and "\n\nall_in_one: " in plain, plain

    said = trainer("report", ".", status=2)
    assert "has no trainer_state.json, nor has a checkpoint in it" in said and "[command.usage]" in said, said
    said = trainer("report", "missing.json", status=2)
    assert "missing.json" in said and said.count("\n") == 1, said
    pathlib.Path("list.json").write_text("[]")
    said = trainer("show", "list.json", status=2)
    pathlib.Path("far.json").write_text('{"log_history": [{"step": 1, "loss": 1e308}, {"step": 2, "loss": -1e308}]}')
    assert "loss" in trainer("show", "far.json")  # whose distance no double holds
    assert "list.json is a list" in said and "[trainer-state.invalid]" in said, said
    said = trainer("report", "odd file.json", "--output", "odd file.json", status=2)
    assert "--output" in said, said
