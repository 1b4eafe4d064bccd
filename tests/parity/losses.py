#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Losses of run files beside the real transformers.Trainer with torch.nn.functional's: of linear models, of one that was
exported with logits of each token, and of one with logits of each pixel.

Both are run here and now, so their numbers are equal in bits: losses, gradient norms, evaluations, and the weights at the
end, which the module takes from the checkpoint. What predict writes are the logits of the real Trainer's predict().
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "sdk/python/src"))
os.environ["HF_HUB_OFFLINE"] = "1"
import safetensors.torch
import torch
import transformers
from torch.nn import functional as F

import libtrainer

ROWS, FEATURES = 23, 5
ARGS = {
    "max_steps": 6, "logging_steps": 1, "eval_strategy": "steps", "eval_steps": 3, "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 6, "learning_rate": 0.05, "seed": 5, "save_strategy": "no",
}  # fmt: skip
WEIGHT = [1.0, 0.3, 2.0]
NAMES = ["one", "two", "three"]
BINARY = "binary_cross_entropy_with_logits"


def weighted(smoothing):
    def loss(logits, labels):
        return F.cross_entropy(logits, labels, torch.tensor(WEIGHT), ignore_index=1, label_smoothing=smoothing)

    return loss


CLASSES = {"name": "cross_entropy", "weight": WEIGHT, "ignore_index": 1}
THREE = torch.tensor([3.0])
TWO = torch.tensor([3.0, 0.5])

# The loss of the run file, the outputs, what kind of labels, torch's loss, and arguments of both.
RUNS = {
    "l1": ("l1", 2, "numbers", F.l1_loss, {"gradient_accumulation_steps": 2}),
    "huber": ({"name": "huber", "delta": 0.5}, 1, "number", lambda x, y: F.huber_loss(x, y, delta=0.5), {}),
    "smooth_l1": ({"name": "smooth_l1", "beta": 2.0}, 1, "number", lambda x, y: F.smooth_l1_loss(x, y, beta=2.0), {}),
    "binary": (
        {"name": BINARY, "pos_weight": 3.0}, 1, "binary",
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=THREE), {},
    ),
    "binaries": (
        {"name": BINARY, "pos_weight": [3.0, 0.5]}, 2, "binaries",
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=TWO), {},
    ),
    "weighted": (CLASSES, 3, "class", weighted(0.0), {}),
    "weighted_bf16": (CLASSES, 3, "class", weighted(0.0), {"bf16": True}),
    "weighted_smoothed": (CLASSES, 3, "class", weighted(0.1), {"label_smoothing_factor": 0.1}),
    "tokens": (
        CLASSES, 3, "tokens", lambda x, y: weighted(0.0)(x.flatten(0, 1), y.flatten()), {"gradient_accumulation_steps": 2},
    ),
    "pixels": (CLASSES, 3, "pixels", weighted(0.0), {}),
}  # fmt: skip


class Net(torch.nn.Module):
    def __init__(self, net, loss):
        super().__init__()
        self.net, self.loss = net, loss

    def forward(self, features, labels=None):
        logits = self.net(features)
        return {"logits": logits} if labels is None else {"loss": self.loss(logits, labels), "logits": logits}


class Run:
    """One of RUNS, with its rows."""

    def __init__(self, name, place):
        self.place = place
        self.loss, self.outputs, self.kind, self.function, extra = RUNS[name]
        self.args = {**ARGS, **extra}
        self.exported = self.kind in ("tokens", "pixels")
        self.numbers = self.kind in ("number", "numbers")
        self.ignored = self.loss["ignore_index"] if self.loss is CLASSES else -100
        generator = torch.Generator().manual_seed(len(name))
        shape = {"tokens": (ROWS, 4), "pixels": (ROWS, 1, 4, 5)}.get(self.kind, (ROWS, FEATURES))
        self.features = torch.randn(shape, generator=generator)
        if self.kind == "tokens":
            self.features = torch.randint(7, shape, generator=generator)
        shape = {"tokens": (ROWS, 4), "pixels": (ROWS, 4, 5), "class": (ROWS,)}.get(self.kind, (ROWS, self.outputs))
        self.labels = torch.randn(shape, generator=generator)
        if not self.numbers:
            self.labels = torch.randint(2 if self.kind.startswith("bina") else 3, shape, generator=generator)
        if self.kind.startswith("bina"):
            self.labels = self.labels.float()

    def net(self):
        transformers.set_seed(self.args["seed"])
        if self.kind == "tokens":
            return torch.nn.Sequential(torch.nn.Embedding(7, FEATURES), torch.nn.Linear(FEATURES, self.outputs))
        if self.kind == "pixels":
            return torch.nn.Conv2d(1, self.outputs, 3, padding=1)
        return torch.nn.Linear(FEATURES, self.outputs)

    def theirs(self):
        args = {k: v for k, v in self.args.items() if k != "label_smoothing_factor"}  # the loss of the model has it
        args = transformers.TrainingArguments(
            **args, output_dir=self.place / "theirs", report_to=[], disable_tqdm=True, use_cpu=True
        )
        rows = [{"features": x, "labels": y} for x, y in zip(self.features, self.labels, strict=True)]
        sets = {"a": rows, "b": rows[:9]} if self.exported else rows
        trainer = transformers.Trainer(Net(self.net(), self.function), args, train_dataset=rows, eval_dataset=sets)
        trainer.train()
        predictions = torch.from_numpy(trainer.predict(rows).predictions)
        return trainer.state.log_history, trainer.model.net.state_dict(), predictions

    def write_csv(self):
        whole = self.kind in ("class", "binary")
        targets = [f"y{i}" for i in range(self.labels[0].numel())]
        lines = [["name", *(f"x{i}" for i in range(FEATURES)), *targets]]
        for i, (x, y) in enumerate(zip(self.features.tolist(), self.labels.view(ROWS, -1).tolist(), strict=True)):
            lines.append([i + 100, *x, *(int(v) if whole else v for v in y)])
        Path(self.place, "rows.csv").write_text("\n".join(",".join(map(str, line)) for line in lines) + "\n")
        data = dict.fromkeys(("train", "eval", "test"), "rows.csv")
        data["target"] = targets if self.kind in ("numbers", "binaries") else "y0"
        return {"type": "linear", "in_features": FEATURES, "out_features": self.outputs}, data

    def write_tensors(self):
        net = self.net()
        net.config = transformers.PretrainedConfig(id2label=dict(enumerate(NAMES)))
        libtrainer.export(net, {"input": self.features[:4]}, self.place / "model.pt2")
        rows = {"column": self.features, "labels": self.labels, "name": torch.arange(100, 100 + ROWS)}
        parts = {"train": rows, "b": {k: v[:9] for k, v in rows.items()}}
        parts["test"] = {k: v for k, v in rows.items() if k != "labels"}
        for part, columns in parts.items():
            libtrainer.save_dataset(columns, self.place / f"{part}.safetensors")
        data = {"train": "train.safetensors", "test": "test.safetensors"}
        data["eval"] = {"a": "train.safetensors", "b": "b.safetensors"}
        return {"type": "pt2", "file": "model.pt2", "inputs": {"input": "column"}}, data

    def ours(self, command):
        model, data = self.write_tensors() if self.exported else self.write_csv()
        run = {"model": model, "data": {**data, "id": "name"}, "loss": self.loss}
        run["metrics"] = [] if self.numbers else ["accuracy"]
        run["args"] = {**self.args, "report_to": "none"}
        Path(self.place, "run.json").write_text(json.dumps(run))
        env = dict(os.environ, OMP_NUM_THREADS="1")
        argv = [command, "train", "run.json", "--output_dir", "ours", "--quiet"]
        subprocess.run(argv, check=True, cwd=self.place, env=env)
        argv = [command, "predict", "run.json", "--checkpoint", "ours", "--quiet", "--output", "out.safetensors"]
        subprocess.run(argv, check=True, cwd=self.place, env=env)
        if self.exported:
            refused = subprocess.run([*argv[:-1], "out.csv"], cwd=self.place, env=env, capture_output=True, text=True)
            assert refused.returncode == 2 and "name a .safetensors file" in refused.stderr, refused.stderr
        history = json.loads(Path(self.place, "ours/trainer_state.json").read_text())["log_history"]
        net = self.net()
        net.load_state_dict(safetensors.torch.load_file(self.place / "ours/model.safetensors"))
        return history, net.state_dict(), safetensors.torch.load_file(self.place / "out.safetensors")

    def differences(self, command):
        their_history, their_weights, their_logits = self.theirs()
        history, weights, written = self.ours(command)
        for mine, real in zip(history, their_history, strict=True):
            for key in ("loss", "grad_norm", "eval_loss", "eval_a_loss", "eval_b_loss", "train_loss"):
                if mine.get(key) != real.get(key):
                    yield f"step {mine['step']}: {key} is {mine.get(key)}, theirs {real.get(key)}"
        yield from (f"{k} differs" for k, v in their_weights.items() if not torch.equal(v, weights[k]))
        if not torch.equal(written["prediction" if self.numbers else "logits"], their_logits):
            yield "the logits differ from their predictions"
        if written["name"].tolist() != list(range(100, 100 + ROWS)):
            yield "the names of the rows differ"
        if self.exported:
            if "labels" in written:
                yield "labels were written, which the data has not"
            with safetensors.safe_open(self.place / "out.safetensors", "pt") as file:
                if json.loads(file.metadata()["classes"]) != NAMES:
                    yield "the classes have not the names of the configuration"
        elif not torch.equal(written["labels"].view_as(self.labels).to(self.labels.dtype), self.labels):
            yield "the labels differ"
        if not self.numbers:
            yield from self.wrong_classes(written, history)

    def wrong_classes(self, written, history):
        binary = self.kind.startswith("bina")
        classes = {"tokens": 2}.get(self.kind, 1)
        best = (written["logits"] > 0).long() if binary else written["logits"].argmax(classes)
        if not torch.equal(written["prediction"], best):
            yield "the predicted classes differ"
        counted = self.labels != self.ignored
        right = best.view_as(self.labels) == self.labels
        accuracy = (right & counted).sum().item() / counted.sum().item()
        if self.kind == "binaries":  # of several labels all have to be right
            accuracy = right.all(1).double().mean().item()
        (found,) = (v for entry in history[-3:] for k, v in entry.items() if k in ("eval_accuracy", "eval_a_accuracy"))
        if found != accuracy:
            yield f"the accuracy is {found}, expected {accuracy}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trainer", required=True)
    parser.add_argument("names", nargs="*", default=list(RUNS))
    options = parser.parse_args()
    command = str(Path(options.trainer).resolve())
    torch.set_num_threads(1)
    failed = 0
    for name in options.names:
        with tempfile.TemporaryDirectory() as tmp:
            bad = list(Run(name, Path(tmp)).differences(command))
        print(f"{name}: {'; '.join(bad) or 'equal'}")
        failed += bool(bad)
    sys.exit(1 if failed else 0)


main()
