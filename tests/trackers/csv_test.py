# SPDX-License-Identifier: Apache-2.0
"""csv: pandas reads metrics.csv during the training, after it, and after resuming; it has the run's log history, to the
last bit.
"""

import json
import math
import subprocess
import time

from harness import Work, expect, go_on_in

go_on_in("test-venv")
import pandas


def read_while(process, file):
    """Reads the file until the process ends: every reading must parse, and rows must only be added."""
    readings, rows = 0, 0
    while process.poll() is None:
        if file.exists() and file.stat().st_size > 0:
            try:
                frame = pandas.read_csv(file)
            except pandas.errors.ParserError as error:
                expect(False, f"{file} could not be read during the training: {error}")
            expect(list(frame.columns[:2]) == ["step", "epoch"], f"columns {list(frame.columns)}")
            expect(len(frame) >= rows, f"{len(frame)} rows, and {rows} before")
            readings, rows = readings + 1, len(frame)
        time.sleep(0.001)
    return readings


def train(work, *more):
    """A short training; gives its log history and how often pandas read the file meanwhile."""
    args = {"num_train_epochs": 4, "per_device_train_batch_size": 8, "logging_steps": 5}
    command = work.command("csv", *more, output="run", args=args)
    with open(work.path / "log", "w+") as log:
        process = subprocess.Popen(command, env=work.environment(), cwd=work.path, stdout=log, stderr=log)
        # A resumed run first drops rows, which is not what read_while() looks for.
        readings = 0 if more else read_while(process, work.path / "run" / "metrics.csv")
        process.wait()
        log.seek(0)
        expect(process.returncode == 0, f"{' '.join(command)} gave {process.returncode}:\n{log.read()}")
    return json.loads((work.path / "run" / "trainer_state.json").read_text())["log_history"], readings


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


with Work() as work:
    output = work.path / "run"
    file = output / "metrics.csv"

    history, readings = train(work)
    frame = check(file, history)

    # A kill in the middle of a row, then a resume from the second checkpoint.
    with open(file, "a") as torn:
        torn.write("99999,4.0,0.1")
    second = sorted(output.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))[1]
    history, _ = train(work, f"--resume_from_checkpoint={second}")
    check(file, history)

    expect(not (output / "metrics.csv.1").exists(), "resuming put the file aside")
    history, _ = train(work, "--seed", "7")
    check(file, history)
    kept = pandas.read_csv(output / "metrics.csv.1")
    expect(len(kept) == len(frame), "metrics.csv.1 has not the rows of the first run")
print(
    f"csv: {len(frame)} rows equal the log history, also after a resume; pandas read the file {readings} times during "
    "the training"
)
