# SPDX-License-Identifier: Apache-2.0
"""Data that NumPy wrote, and the rows that a split by NumPy's generator has, as `trainer` reads them.

A model of one weight 1 and the bias 0 learns nothing at the learning rate 0: its loss of a row with the label 0 is the
square of the row's feature, by which the log says which row a step saw.
"""

import json
import os
import pathlib
import subprocess

import numpy as np
import torch
from harness import expect, expect_equal, work_directory
from safetensors.torch import save_file

TRAINER = os.environ["TRAINER"]


def run_file(data):
    args = {
        "num_train_epochs": 1,
        "per_device_train_batch_size": 1,
        "per_device_eval_batch_size": 64,
        "learning_rate": 0.0,
        "logging_steps": 1,
        "save_strategy": "no",
        "train_sampling_strategy": "sequential",
        "report_to": "none",
    }
    model = {"type": "mlp", "layers": [1, 1]}
    run = {"model": model, "init_from": "one.safetensors", "data": data, "loss": "mse", "args": args}
    pathlib.Path("run.json").write_text(json.dumps(run))


def trained(data, *options):
    run_file(data)
    done = subprocess.run(
        [TRAINER, "train", "run.json", "--output_dir", "out", *options], capture_output=True, text=True, check=False
    )
    expect_equal(done.returncode, 0, f"the status after {done.stderr}")
    history = json.loads(pathlib.Path("out/trainer_state.json").read_text())["log_history"]
    rows = [round(entry["loss"] ** 0.5) for entry in history if "loss" in entry]
    return rows, [entry["eval_loss"] for entry in history if "eval_loss" in entry], done.stderr


def refused(data, words):
    run_file(data)
    done = subprocess.run(
        [TRAINER, "train", "run.json", "--output_dir", "out"], capture_output=True, text=True, check=False
    )
    expect(done.returncode == 2 and all(word in done.stderr for word in words), f"{words} is not in {done.stderr}")


def check_arrays():
    os.mkdir("arrays")
    features = np.arange(7, dtype=np.float32).reshape(7, 1)
    np.save("arrays/labels.npy", np.zeros((7, 1), np.float32))
    for version in ((1, 0), (2, 0), (3, 0)):
        with open("arrays/features.npy", "wb") as file:
            np.lib.format.write_array(file, features, version=version)
        expect_equal(trained({"train": "arrays/"})[0], list(range(7)), f"the rows of format {version}")
    np.save("arrays/features.npy", np.asfortranarray(features))
    np.save("arrays/other.npy", np.array(["left", "out"], dtype=object), allow_pickle=True)
    rows, _, log = trained({"train": "arrays"})
    expect_equal(rows, list(range(7)), "the rows of a column that is in both orders")
    expect("the model does not take other" in log, f"no word of the column that is left out in {log}")
    two = np.zeros((7, 2), np.float32)
    for array, words in (
        (np.asfortranarray(two), ["features.npy", "ascontiguousarray"]),
        (two.astype(">f4"), ["big endian", 'astype("float32")']),
        (two.astype(object), ["(objects of Python)"]),
        (np.zeros(7, [("a", "<f4")]), ["an array of records"]),
    ):
        np.save("arrays/features.npy", array, allow_pickle=True)
        refused({"train": "arrays/"}, ["data.invalid", *words])


def check_split():
    features = torch.arange(103, dtype=torch.float32).unsqueeze(1)
    save_file({"features": features, "labels": torch.zeros(103, 1)}, "rows.safetensors")
    os.mkdir("rows")
    np.save("rows/features.npy", features.numpy())
    np.save("rows/labels.npy", np.zeros((103, 1), np.float32))
    pathlib.Path("rows.csv").write_text("x,y\n" + "".join(f"{i},0\n" for i in range(103)))
    kinds = ({"train": "rows.safetensors"}, {"train": "rows/"}, {"train": "rows.csv", "target": "y"})
    for size, seed, test in ((0.1, 42, 11), (30, 0, 30), (0.5, 2**40 + 5, 52), (1, 2**62 + 5, 1)):
        order = np.random.default_rng(seed).permutation(103)
        split = {"eval": size, "seed": seed}
        for data in kinds if seed == 42 else kinds[:1]:
            rows, evaluated, log = trained({**data, "split": split}, "--eval_strategy", "epoch")
            expect_equal(rows, order[test:].tolist(), f"the rows of {data} split by {split}")
            mean = float(np.mean(order[:test].astype(np.float64) ** 2))
            expect(abs(evaluated[0] - mean) <= 1e-4 * mean, f"eval_loss is {evaluated}, expected {mean}")
            expect(f"{test} of 103 rows are for evaluation, {103 - test} for training" in log, log)
    refused({"train": "rows.safetensors", "split": {"eval": 103}}, ["a split of 103 rows by 103", "data.invalid"])
    save_file({"features": features}, "no_labels.safetensors")
    refused(
        {"train": "no_labels.safetensors"},
        ["no_labels.safetensors lacks labels", "the file has features", "data.invalid"],
    )
    run_file({"train": "rows.safetensors", "split": {"eval": 30, "seed": 0}})
    done = subprocess.run(
        [TRAINER, "evaluate", "run.json", "--checkpoint", "out"], capture_output=True, text=True, check=True
    )
    mean = float(np.mean(np.random.default_rng(0).permutation(103)[:30].astype(np.float64) ** 2))
    found = [line.split()[-1] for line in done.stdout.splitlines() if "eval_loss" in line][-1]
    expect(abs(float(found) - mean) <= 1e-4 * mean, f"evaluate gives {found}, expected {mean}")


with work_directory():
    save_file({"0.weight": torch.ones(1, 1), "0.bias": torch.zeros(1)}, "one.safetensors")
    check_arrays()
    check_split()
