# SPDX-License-Identifier: Apache-2.0
"""Our plugins in the real transformers.Trainer, beside its own callbacks, and against `trainer replay` of the same run."""

import csv
import glob
import json
import os
import pathlib
import subprocess

import pandas
import torch
from harness import SOURCE, expect, expect_equal, expect_error, work_directory
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util
from torch.utils.tensorboard import SummaryWriter
from transformers import EarlyStoppingCallback, PretrainedConfig, Trainer, TrainerCallback, TrainingArguments
from transformers.integrations import TensorBoardCallback

from libtrainer import PluginCallback, PluginError


class Model(torch.nn.Module):
    """Logs what it is told as evaluation loss, so that early stopping has something to stop at."""

    def __init__(self, eval_losses=()):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
        self.config = PretrainedConfig(hidden_size=4)
        self.eval_losses = list(eval_losses)

    def forward(self, x, labels):
        logits = self.layers(x)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        if not self.training and self.eval_losses:
            loss = torch.tensor(self.eval_losses.pop(0))
        return {"loss": loss, "logits": logits}


torch.manual_seed(1)
DATA = [{"x": torch.randn(2), "labels": torch.tensor(i % 3)} for i in range(32)]


def trainer(callbacks, model=None, **args):
    defaults = {
        "output_dir": "out",
        "report_to": "none",
        "logging_steps": 1,
        "max_steps": 8,
        "use_cpu": True,
        "save_steps": 4,
        "eval_strategy": "steps",
        "eval_steps": 2,
        "per_device_eval_batch_size": 32,
        "disable_tqdm": True,
    }
    return Trainer(
        model or Model(),
        TrainingArguments(**(defaults | args)),
        train_dataset=DATA,
        eval_dataset=DATA,
        callbacks=callbacks,
    )


def read_events(pattern):
    (directory,) = {os.path.dirname(p) for p in glob.glob(pattern + "/events.out.tfevents.*")}
    reader = EventAccumulator(directory, size_guidance={"scalars": 0, "tensors": 0})
    reader.Reload()
    scalars = {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}
    texts = {
        tag: [(e.step, tensor_util.make_ndarray(e.tensor_proto).tolist()) for e in reader.Tensors(tag)]
        for tag in reader.Tags()["tensors"]
    }
    return scalars, texts


def trackers():
    ours = [PluginCallback("csv"), PluginCallback("tensorboard"), PluginCallback("codecarbon")]
    run = trainer([TensorBoardCallback(SummaryWriter("theirs")), *ours])
    run.train()
    run.state.save_to_json("trainer_state.json")
    history = run.state.log_history
    expect(len(history) == 13, f"{len(history)} logs")

    scalars, texts = read_events("out/runs/*")
    their_scalars, their_texts = read_events("theirs")
    expect_equal(scalars, their_scalars, "our scalars beside TensorBoardCallback's")
    expect_equal(texts, their_texts, "our texts beside TensorBoardCallback's")
    expect_equal(sorted(texts), ["args/text_summary", "model_config/text_summary"], "the texts")
    expect_equal(len(scalars["train/loss"]), 8, "points of train/loss")

    with open("out/metrics.csv", newline="") as file:
        expect_equal(
            [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)], history, "metrics.csv"
        )
    emissions = pandas.read_csv("out/emissions.csv")
    expect_equal((len(emissions), bool(emissions["duration"][0] > 0)), (1, True), "emissions.csv")

    # The same binaries in our own host.
    command = [
        os.environ["TRAINER"],
        "replay",
        "trainer_state.json",
        "--report_to",
        "csv,tensorboard",
        "--output_dir",
        "replayed",
    ]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    expect(done.returncode == 0, f"{' '.join(command)} gave {done.returncode}:\n{done.stdout}")
    expect_equal(
        pathlib.Path("replayed/metrics.csv").read_bytes(),
        pathlib.Path("out/metrics.csv").read_bytes(),
        "metrics.csv of our own host",
    )
    expect_equal(read_events("replayed/runs/*")[0], scalars, "the scalars of our own host")


def early_stopping():
    losses = [3.0, 2.0, 2.5, 1.9, 2.1, 2.2, 2.3, 1.0]
    stops, states = [], []
    config = {"early_stopping_patience": 2, "early_stopping_threshold": 0.2}
    for name, callback in [
        ("hf", EarlyStoppingCallback(**config)),
        ("plugin", PluginCallback("early_stopping", config)),
    ]:
        run = trainer(
            [callback],
            Model(losses),
            output_dir=name,
            max_steps=16,
            save_steps=2,
            metric_for_best_model="loss",
            load_best_model_at_end=True,
        )
        run.train()
        stops.append(run.state.global_step)
        file = pathlib.Path(name) / f"checkpoint-{run.state.global_step}" / "trainer_state.json"
        states.append(json.loads(file.read_text())["stateful_callbacks"])
    expect(stops[0] < 16, f"transformers' callback did not stop: {stops}")
    expect_equal(stops[1], stops[0], "the step at which the plugin stops")
    expect_equal(states[1], states[0], "stateful_callbacks of the plugin")

    # One program's checkpoint restores the other's callback.
    callback = PluginCallback("early_stopping")
    run = trainer(
        [callback],
        Model(losses),
        output_dir="plugin",
        max_steps=16,
        save_steps=2,
        metric_for_best_model="loss",
        load_best_model_at_end=True,
        restore_callback_states_from_checkpoint=True,
    )
    run.train(resume_from_checkpoint=f"hf/checkpoint-{stops[0]}")
    restored = [c for c in run.callback_handler.callbacks if isinstance(c, PluginCallback)]
    expect_equal(len(restored), 1, "early stopping callbacks after a resume")
    expect_equal(restored[0].state()["args"], config, "the restored configuration")
    expect(restored[0] is not callback, "nothing was restored")

    expect_error(
        PluginError,
        ["early_stopping failed in on_train_begin", "metric_for_best_model"],
        trainer([PluginCallback("early_stopping")], output_dir="wrong").train,
    )


def model_configuration():
    """A tracker's configuration has all keys of to_dict(), as transformers' callbacks log them, defaults too."""
    os.environ["WANDB_MODE"] = "offline"
    model = Model()
    with PluginCallback("wandb") as callback:
        trainer([callback], model, output_dir="config", save_strategy="no", eval_strategy="no", max_steps=1).train()
    (records,) = (pathlib.Path(path).read_bytes() for path in glob.glob("wandb/offline-run-*/run-*.wandb"))
    missing = [key for key in model.config.to_dict() if key.encode() not in records]
    expect(not missing, f"keys of the model's configuration that are missing: {missing}")


def script_and_probe():
    rules = [
        {"on": "on_step_end", "global_step": 3, "set": {"should_save": True, "should_log": False}},
        {"on": "on_step_end", "global_step": 5, "set": {"should_training_stop": True}},
    ]
    run = trainer(
        [PluginCallback("script", {"rules": rules}), PluginCallback("probe", {"path": "probe.txt"})],
        output_dir="script",
        save_strategy="no",
        eval_strategy="no",
    )
    run.train()
    expect_equal(run.state.global_step, 5, "the step at which the script stops")
    expect(os.path.isdir("script/checkpoint-3"), "the script's checkpoint is not there")
    expect_equal([h["step"] for h in run.state.log_history], [1, 2, 4, 5, 5], "the steps that were logged")
    for callback in [c for c in run.callback_handler.callbacks if isinstance(c, PluginCallback)]:
        callback.close()
    names = ["layers.0.weight [4, 2]", "layers.0.bias [4]", "layers.2.weight [3, 4]", "layers.2.bias [3]"]
    tail = "float32 device 1 read_only 1"
    tensors = [f"  {name} {tail}" for name in names]
    text = pathlib.Path("probe.txt").read_text().splitlines()
    given = json.loads(text[0][len("config ") :])
    expect_equal((given["path"], given["level"]), ("probe.txt", 3), "the probe's configuration")
    expect_equal(text[1:3], ["max_steps 8, learning_rate 5e-05", "no such extension: null"], "the probe's first lines")
    expect("replay: yes" not in text, "the probe took a training for a replay")
    at = text.index("init_end model 4")
    expect_equal(
        text[at : at + 11],
        ["init_end model 4", *tensors, "init_end optimizer 0", "pre_optimizer_step gradients 4", *tensors],
        "the probe's tensors",
    )
    at = text.index("step_end optimizer 12")
    states = {line.split()[0] for line in text[at + 1 : at + 13]}
    expect_equal(
        states,
        {f"{name.split()[0]}/{state}" for name in names for state in ("step", "exp_avg", "exp_avg_sq")},
        "the optimizer's tensors",
    )
    expect_equal(
        text[-2:],
        ["log_history 5: loss grad_norm learning_rate epoch step", "model saved: yes"],
        "the probe's last lines",
    )
    run.save_model("saved")
    saved = [pathlib.Path(directory, "model.safetensors").read_bytes() for directory in ("probe.txt.model", "saved")]
    expect_equal(saved[0], saved[1], "the saved model")


class Rates(TrainerCallback):
    """Sets what the rules of `script` set, as a callback of Python does."""

    def on_step_begin(self, args, state, control, optimizer=None, **kwargs):
        if state.global_step == 1:
            optimizer.param_groups[0]["lr"] = 0.25

    def on_log(self, args, state, control, optimizer=None, **kwargs):
        if state.global_step == 3:
            optimizer.param_groups[1]["lr"] = 0.125


def rates_and_stop():
    rules = [
        {"on": "on_step_begin", "global_step": 1, "lr": {"0": 0.25}},
        {"on": "on_log", "global_step": 3, "lr": {"1": 0.125}},
    ]
    how = {"save_strategy": "no", "eval_strategy": "no", "max_steps": 5, "output_dir": "rates"}
    probe = PluginCallback("probe", {"path": "groups.txt"})
    runs = [trainer(callbacks, **how) for callbacks in ([PluginCallback("script", {"rules": rules}), probe], [Rates()])]
    for run in runs:
        run.train()
    for one, other in zip(runs[0].model.parameters(), runs[1].model.parameters()):
        expect(torch.equal(one, other), "the weights are others than with a callback of Python")
    probe.close()
    text = pathlib.Path("groups.txt").read_text().splitlines()
    at = text.index("step_end groups 2, batches 4")
    expect_equal(
        text[at + 1 : at + 3],
        [
            "  lr 4e-05 of 5e-05, weight decay 0: layers.0.weight layers.2.weight",
            "  lr 4e-05 of 5e-05, weight decay 0: layers.0.bias layers.2.bias",
        ],
        "the groups",
    )
    # The plugin time_limit hears nothing of a step.
    for stopping in (
        PluginCallback("script", {"rules": [{"on": "on_step_begin", "global_step": 2, "request_stop": True}]}),
        PluginCallback("time_limit", {"seconds": 0}),
    ):
        run = trainer([stopping], **how | {"max_steps": 100000})
        run.train()
        expect(run.state.global_step < 100000, f"{stopping.plugin.id} did not stop the run")
        expect(stopping.plugin.id != "script" or run.state.global_step == 3, f"it stopped at {run.state.global_step}")
        stopping.close()


class Late(TrainerCallback):
    """Has a plugin ask for the end of a training that is at its end."""

    def __init__(self, plugin):
        self.plugin = plugin

    def on_train_end(self, args, state, control, **kwargs):
        self.plugin._instance.host._request_stop(None)


def late_stop():
    for plugin, config in (("script", {"rules": []}), ("diary", None)):  # diary does not subscribe on_train_end
        with PluginCallback(plugin, config) as callback:
            run = trainer([Late(callback), callback], save_strategy="no", max_steps=4, output_dir="late")
            for _ in range(2):
                run.train()
                expect_equal(run.state.global_step, 4, f"the last step, with a request of {plugin} that came after one")


class Enough(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 2:
            raise RuntimeError("enough")


def results_and_outcome():
    with PluginCallback("diary") as callback:
        trainer([callback], output_dir="kept").train()
        place = os.path.join("kept", "diary.txt")
        expect_equal(callback.results(), [{"label": "diary", "place": place, "view": "cat {place}"}], "the results")
    lines = [line for line in pathlib.Path(place).read_text().splitlines() if not line.startswith("step ")]
    expect_equal(lines, ["begun", "saved checkpoint-4", "saved checkpoint-8", "completed"], "the diary")
    try:
        with PluginCallback("diary") as callback:
            trainer([callback, Enough()], output_dir="kept").train()
    except RuntimeError:
        pass
    expect_equal(
        pathlib.Path(place).read_text().splitlines()[-1], "failed: RuntimeError: enough", "the end of a failure"
    )


def one_source():
    """The run that tests/host/trainer/one_source_test.cpp has, by the plugin that is made of the same source."""
    path = os.path.abspath("noted")
    how = {"logging_steps": 2, "restore_callback_states_from_checkpoint": True, "output_dir": "one_source"}
    trainer([PluginCallback("one_source", {"path": path, "stop_at": 3})], **how).train()
    trainer([PluginCallback("one_source", {"path": path})], **how).train(resume_from_checkpoint=True)
    expected = (SOURCE / "tests" / "support" / "plugins" / "one_source.expected").read_text()
    expect_equal(pathlib.Path(path).read_text().splitlines(), expected.splitlines(), "what the callback noted")


with work_directory():
    trackers()
    early_stopping()
    results_and_outcome()
    one_source()
    model_configuration()
    script_and_probe()
    rates_and_stop()
    late_stop()
