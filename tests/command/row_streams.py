#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows that come one after another, as JSON Lines: from a file, stdin and a named pipe; resumed, evaluated, predicted."""

import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

TRAINER = os.environ["TRAINER"]


def expect(condition, what):
    if not condition:
        sys.exit(f"row_streams.py: {what}")


def trainer(*words, status=0, **options):
    done = subprocess.run([TRAINER, *words], capture_output=True, text=True, check=False, **options)
    expect(done.returncode == status, f"{words} ended with {done.returncode}: {done.stderr}")
    return done.stderr


def history(directory):
    log = json.loads(pathlib.Path(directory, "trainer_state.json").read_text())["log_history"]
    return [entry["loss"] for entry in log if "loss" in entry]


def weights(directory):
    return pathlib.Path(directory, "model.safetensors").read_bytes()


rows = [{"features": [i / 10, 1.0 - i % 3], "text": "left out", "label": i % 3} for i in range(28)]
lines = [json.dumps(row) for row in rows]
with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    pathlib.Path("train.jsonl").write_text("\n".join(lines) + "\n")
    pathlib.Path("test.jsonl").write_text("".join(json.dumps({"features": row["features"]}) + "\n" for row in rows[:9]))
    data = {"train": "train.jsonl", "eval": "train.jsonl", "test": "test.jsonl"}
    args = {
        "max_steps": 12,
        "per_device_train_batch_size": 4,
        "learning_rate": 0.1,
        "logging_steps": 1,
        "lr_scheduler_type": "constant",
        "save_steps": 4,
        "eval_strategy": "steps",
        "eval_steps": 6,
        "report_to": "none",
    }
    model = {"type": "mlp", "layers": [2, 4, 3]}
    run = {"model": model, "data": data, "loss": "cross_entropy", "metrics": ["accuracy"], "args": args}
    pathlib.Path("run.json").write_text(json.dumps(run))

    # 12 steps are an epoch of 7 batches and 5 more: a file is read anew.
    log = trainer("train", "run.json", "--output_dir", "whole")
    expect("the model does not take text" in log and "nothing is shuffled" in log, f"no word of it in {log}")
    trainer("train", "run.json", "--output_dir", "resumed", "--resume_from_checkpoint=whole/checkpoint-8")
    expect(weights("resumed") == weights("whole"), "a resumed run ends with other weights")
    trainer("evaluate", "run.json", "--checkpoint", "whole")
    trainer("predict", "run.json", "--checkpoint", "whole", "--output", "file.csv")
    with open("file.csv", newline="") as file:
        expect(len(list(csv.DictReader(file))) == 9, "not a prediction a row")

    # Pipes: the same numbers, as long as the rows last.
    text = "\n".join(lines)
    os.mkfifo("rows.jsonl")
    writer = threading.Thread(target=lambda: pathlib.Path("rows.jsonl").write_text(text))
    writer.start()
    log = trainer("train", "run.json", "--set", "data.train=rows.jsonl", "--output_dir", "named")
    writer.join()
    expect(history("named") == history("whole")[:7], "a named pipe gives other losses")
    expect("its rows came once" in log and "training stops at step 7" in log, f"no word of the end in {log}")
    resume = ("--max_steps", "7", "--resume_from_checkpoint=whole/checkpoint-4")
    trainer("train", "run.json", "--set", "data.train=-", "--output_dir", "piped", *resume, input=text)
    expect(history("piped") == history("whole")[:7], "stdin gives other losses")
    trainer("predict", "run.json", "--checkpoint", "whole", "--output", "pipe.csv", "--set", "data.test=-",
            input=pathlib.Path("test.jsonl").read_text())  # fmt: skip
    expect(pathlib.Path("pipe.csv").read_bytes() == pathlib.Path("file.csv").read_bytes(), "other predictions")

    # Rows of several lengths, without the mask that the model takes.
    model = {"type": "pt2", "file": os.environ["SOURCE"] + "/tests/docs/beside/model.pt2"}
    data = {"train": "ragged.jsonl", "collate": {"pad": {"input_ids": 0}, "to": 6}}
    tokens = {"max_steps": 3, "per_device_train_batch_size": 4, "save_strategy": "no", "report_to": "none"}
    ragged = [{"input_ids": list(range(1 + i % 6)), "labels": i % 2} for i in range(12)]
    pathlib.Path("ragged.json").write_text(json.dumps({"model": model, "data": data, "args": tokens}))
    pathlib.Path("ragged.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ragged))
    trainer("train", "ragged.json", "--output_dir", "ragged")

    # What is refused.
    for words, status, said in (
        (("--set", "data.eval=-"), 2, "is a pipe, whose rows come once"),
        (("--max_steps", "-1"), 2, "set max_steps"),
        (("--set", "data={\"train\": \"train.jsonl\", \"split\": {\"eval\": 0.1}}"), 2, "data.split needs to know how many"),
        (("--set", "data.train=test.jsonl"), 1, "gave no loss"),
    ):  # fmt: skip
        log = trainer("train", "run.json", "--output_dir", "refused", *words, status=status, stdin=subprocess.PIPE)
        expect(said in log, f"{said!r} is not in {log}")
    pathlib.Path("train.jsonl").write_text("\n".join(lines[:5]) + '\n{"features": [1, "2"], "label": 0}\n')
    log = trainer("train", "run.json", "--output_dir", "refused", status=2)
    expect('train.jsonl line 6: "features" is a string ("2")' in log, log)
