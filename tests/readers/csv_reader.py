#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the csv plugin writes, read by pandas: during the training, after it, and after resuming.

    python csv_reader.py --trainer build/bin/trainer [--source .] [--work DIR]

Trains the digits classifier for a moment and compares metrics.csv with the run's log history, to the
last bit; while the training runs, pandas reads the file again and again.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

import pandas


def expect(condition, what):
    if not condition:
        sys.exit(f"csv_reader: {what}")


def read_while(process, file):
    """Reads the file until the process ends: every reading must parse, and rows must only be added."""
    readings, rows = 0, 0
    while process.poll() is None:
        if file.exists() and file.stat().st_size > 0:
            try:
                frame = pandas.read_csv(file)
            except pandas.errors.ParserError as error:
                sys.exit(f"csv_reader: {file} could not be read during the training: {error}")
            expect(list(frame.columns[:2]) == ["step", "epoch"], f"columns {list(frame.columns)}")
            expect(len(frame) >= rows, f"{len(frame)} rows, and {rows} before")
            readings, rows = readings + 1, len(frame)
        time.sleep(0.001)
    return readings


def train(options, name, *more):
    """A short training; gives its log history and how often pandas read the file meanwhile."""
    digits = options.source / "host" / "examples" / "digits"
    run = {
        "model": {"type": "mlp", "layers": [64, 64, 10], "activation": "relu"},
        "data": {"train": str(digits / "train.csv"), "eval": str(digits / "eval.csv"), "target": "digit"},
        "loss": "cross_entropy",
        "metrics": ["accuracy"],
        "args": {
            "num_train_epochs": 4,
            "learning_rate": 1e-3,
            "logging_steps": 5,
            "eval_strategy": "epoch",
            "save_strategy": "epoch",
        },
    }
    file = options.work / "run.json"
    file.write_text(json.dumps(run))
    record = options.work / (name + "-record")
    command = [
        str(options.trainer),
        "train",
        str(file),
        "--report_to",
        "csv",
        "--output_dir",
        str(options.work / name),
        "--record",
        str(record),
        *more,
    ]
    with open(options.work / (name + ".log"), "w+") as log:
        process = subprocess.Popen(command, cwd=options.work, stdout=log, stderr=log)
        # A resumed run first drops rows, which is not what read_while() looks for.
        readings = 0 if more else read_while(process, options.work / name / "metrics.csv")
        process.wait()
        log.seek(0)
        expect(process.returncode == 0, f"{' '.join(command)} gave {process.returncode}:\n{log.read()}")
    return json.loads((record / "trainer_state.json").read_text())["log_history"], readings


def check(file, history):
    frame = pandas.read_csv(file)
    keys = {key for entry in history for key in entry}
    expect(list(frame.columns[:2]) == ["step", "epoch"], f"columns {list(frame.columns)}")
    expect(set(frame.columns) == keys, f"columns {sorted(frame.columns)}, and not {sorted(keys)}")
    expect(len(frame) == len(history), f"{len(frame)} rows for {len(history)} logs")
    for (_, row), entry in zip(frame.iterrows(), history):
        for key in frame.columns:
            value, found = entry.get(key), row[key]
            same = math.isnan(found) if value is None or value != value else found == value
            expect(same, f"step {entry['step']}: {key} is {found!r}, and the log has {value!r}")
    return frame


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainer", type=pathlib.Path, required=True)
    parser.add_argument("--source", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--work", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        options.work = (options.work or pathlib.Path(scratch)).resolve()
        options.work.mkdir(parents=True, exist_ok=True)
        options.trainer, options.source = options.trainer.resolve(), options.source.resolve()
        output = options.work / "run"
        file = output / "metrics.csv"

        history, readings = train(options, "run")
        frame = check(file, history)

        # A kill in the middle of a row, then a resume from the second checkpoint.
        with open(file, "a") as torn:
            torn.write("99999,4.0,0.1")
        second = sorted(output.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))[1]
        history, _ = train(options, "run", f"--resume_from_checkpoint={second}")
        check(file, history)

        expect(not (output / "metrics.csv.1").exists(), "resuming put the file aside")
        history, _ = train(options, "run", "--seed", "7")
        check(file, history)
        kept = pandas.read_csv(output / "metrics.csv.1")
        expect(len(kept) == len(frame), "metrics.csv.1 has not the rows of the first run")
    print(
        f"csv_reader: {len(frame)} rows equal the log history, also after a resume; pandas read the "
        f"file {readings} times during the training"
    )


if __name__ == "__main__":
    main()
