# SPDX-License-Identifier: Apache-2.0
"""A convolutional network for the digits, written in torch.nn and made ready for the `trainer` command.

export.py DIRECTORY    writes model.pt2, train.safetensors, eval.safetensors and run.json
"""

import pathlib
import shutil
import sys

import numpy
import torch
from torch import nn

import libtrainer

HERE = pathlib.Path(__file__).resolve().parent


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Dropout2d(0.1),
        nn.Conv2d(32, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(64, 10),
    )


def columns(part):
    """The rows of a CSV file of 64 pixels and a digit, as images of one channel."""
    rows = numpy.loadtxt(HERE.parent / "digits" / f"{part}.csv", delimiter=",", skiprows=1, dtype=numpy.float32)
    return {"input": rows[:, :64].reshape(-1, 1, 8, 8) / 16, "labels": rows[:, 64].astype(numpy.int64)}


def main(directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    train = columns("train")
    # The model gives logits alone, as a Sequential does; the run file names the loss.
    libtrainer.export(make_model(), {"input": train["input"][:4]}, directory / "model.pt2")
    libtrainer.save_dataset(train, directory / "train.safetensors")
    libtrainer.save_dataset(columns("eval"), directory / "eval.safetensors")
    shutil.copy(HERE / "run.json", directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
