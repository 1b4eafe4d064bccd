#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what a callback finds and changes in transformers' Trainer: tests/host/recorded/callback_objects.json.

    build/test-venv/bin/python tests/host/record_callback_objects.py >tests/host/recorded/callback_objects.json

At each event one line: which objects are there, and numbers from them. At some events the callback changes something
by means of them: a rate, gradients, weights, what is trained, logs, metrics. callback_objects_test.cpp has the same
callback in C++. With a program it is compared with what this machine's transformers does:

    record_callback_objects.py PROGRAM
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

OBJECTS = ["model", "processing_class", "optimizer", "lr_scheduler", "train_dataloader", "eval_dataloader"]
EVENTS = [name for name in vars(TrainerCallback) if name.startswith("on_")]


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(numbers(parameter.numel(), 0.3).view_as(parameter))

    def forward(self, features, labels):
        logits = self.layers(features)
        return {"loss": torch.nn.functional.mse_loss(logits, labels), "logits": logits}


def numbers(count, scale):
    """0, 1, -1, 2, -2, ... times the scale."""
    return torch.tensor([scale * ((i + 1) // 2) * (1 if i % 2 else -1) for i in range(count)], dtype=torch.float32)


def rows(count, scale):
    features = numbers(2 * count, scale).view(count, 2)
    return [{"features": row, "labels": row.sum().view(1) * 0.5} for row in features]


def measured(values):
    return {key: value for key, value in values.items() if not key.endswith(("_runtime", "_per_second", "_time"))}


class Tokenizer:
    name = "a tokenizer"

    def save_pretrained(self, directory):
        pass


class Recorder(TrainerCallback):
    def __init__(self):
        self.lines = []

    def look(self, event, state, given):
        line = {"event": event, "step": state.global_step, "has": [name for name in OBJECTS if given[name] is not None]}
        model, optimizer = given["model"], given["optimizer"]
        line["training"] = model.training
        line["weights"] = sum(p.detach().double().abs().sum().item() for p in model.parameters())
        line["trained"] = sum(p.numel() for p in model.parameters() if p.requires_grad)
        line["processing_class"] = given["processing_class"].name
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        if event in ("on_pre_optimizer_step", "on_optimizer_step"):
            line["grad_norm"] = sum(g.double().square().sum().item() for g in gradients) ** 0.5
        if optimizer is not None:
            line["lr"] = [group["lr"] for group in optimizer.param_groups]
            line["group_sizes"] = [len(group["params"]) for group in optimizer.param_groups]
        if given["lr_scheduler"] is not None:
            line["last_lr"] = given["lr_scheduler"].get_last_lr()
        for name in ("train_dataloader", "eval_dataloader"):
            if given[name] is not None:
                line[name] = len(given[name])
        for name in ("logs", "metrics"):
            if name in given:
                line[name] = measured(given[name])
        line["others"] = sorted(given.keys() - {*OBJECTS, "logs", "metrics"})
        self.lines.append(line)

    def change(self, event, state, given):
        layers, step = given["model"].layers, state.global_step
        if (event, step) == ("on_epoch_begin", 2):
            layers[0].requires_grad_(False)
        if (event, step) == ("on_step_begin", 1):
            given["optimizer"].param_groups[0]["lr"] *= 0.5
        if (event, step) == ("on_pre_optimizer_step", 2):
            for parameter in layers.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(2)
        if (event, step) == ("on_step_end", 3):
            with torch.no_grad():
                layers[2].bias.add_(0.5)
        for name in given.keys() & {"logs", "metrics"}:
            given[name]["seen"] = step


def method(event):
    def on_event(self, args, state, control, **given):
        self.look(event, state, given)
        self.change(event, state, given)

    return on_event


for name in EVENTS:
    setattr(Recorder, name, method(name))


def record():
    torch.set_num_threads(1)
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):
        args = TrainingArguments(
            output_dir=out,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            per_device_train_batch_size=2,
            per_device_eval_batch_size=2,
            gradient_accumulation_steps=2,
            num_train_epochs=2,
            learning_rate=0.1,
            weight_decay=0.01,
            warmup_steps=1,
            max_grad_norm=0.5,
            train_sampling_strategy="sequential",
            logging_steps=1,
            eval_strategy="steps",
            eval_steps=2,
            save_strategy="steps",
            save_steps=4,
        )
        trainer = Trainer(
            model=Net(),
            args=args,
            train_dataset=rows(6, 0.25),
            eval_dataset=rows(5, -0.2),
            processing_class=Tokenizer(),
            callbacks=[recorder],
        )
        returned = [trainer.evaluate(), trainer.train().metrics, trainer.predict(rows(3, 0.1)).metrics]
    recorded = {"lines": recorder.lines, "returned": [measured(metrics) for metrics in returned]}
    return json.dumps(recorded, indent=1)


def main(program=None):
    if program is None:
        return print(record())
    with tempfile.TemporaryDirectory(prefix="trainer-recorded-") as name:
        recorded = pathlib.Path(name) / "callback_objects.json"
        recorded.write_text(record())
        command = [program, "--gtest_filter=CallbackObjects.*", "--gtest_brief=1"]
        subprocess.run(command, env=os.environ | {"TRAINER_CALLBACK_OBJECTS": str(recorded)}, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
