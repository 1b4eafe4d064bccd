#!/usr/bin/env python3
"""A run that is killed with SIGKILL at random moments and resumed ends with the bits of a run that was not.

    TRAINER=... SOURCE=... python kill_and_resume.py [KILLS]

Compared: model.safetensors byte for byte, log_history but for times and the summary, and metrics.csv, which
must hold no step's row twice. Checkpoints are written at logged steps: as in transformers, the loss that is logged
after a resume is the mean of the steps since the resume. Moments are drawn from a fixed seed, among them ones inside checkpoint writes,
as every other step writes one; every other run saves with async_save. The last step ends an epoch: one that does not is followed by a further step when the
finished run is resumed, here as in transformers.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAINER, SOURCE = os.environ["TRAINER"], Path(os.environ["SOURCE"])
TIMES = re.compile(r".*(_runtime|_per_second)")


def argv(output_dir, resume, async_save=False):
    args = [
        TRAINER,
        "train",
        SOURCE / "host/examples/digits/run.json",
        "--output_dir",
        output_dir,
        "--report_to",
        "csv",
    ]
    args += [
        "--max_steps",
        "405",
        "--logging_steps",
        "2",
        "--eval_strategy",
        "steps",
        "--eval_steps",
        "10",
        "--save_strategy",
        "steps",
    ]
    args += ["--save_steps", "2", "--set", "callbacks=[]", "--load_best_model_at_end", "false", "--quiet"]
    return args + ["--set", f"async_save={str(async_save).lower()}"] + (["--resume_from_checkpoint"] if resume else [])


def finished(output_dir):
    state = json.loads(Path(output_dir, "trainer_state.json").read_text())
    history = [
        {k: v for k, v in entry.items() if not TIMES.fullmatch(k)}
        for entry in state["log_history"]
        if "train_loss" not in entry
    ]
    return Path(output_dir, "model.safetensors").read_bytes(), history


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else int(os.environ.get("KILLS", "12"))
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as tmp:
        os.chdir(tmp)
        start = time.time()
        subprocess.run(argv("whole", False), check=True)
        whole_seconds = time.time() - start
        whole = finished("whole")
        done = runs = 0
        while done < kills:
            runs += 1
            if runs > 20 * kills:
                sys.exit(f"{done} kills in {runs} runs: the runs end before they can be killed")
            cut = f"cut{runs}"
            while True:
                resume = any(Path(cut).glob("checkpoint-*"))
                begin = time.time()
                process = subprocess.Popen(argv(cut, resume, runs % 2 == 1), stderr=subprocess.PIPE, text=True)
                try:
                    _, errors = process.communicate(
                        timeout=draw.uniform(0.3, 0.9) * whole_seconds if done < kills else None
                    )
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    done += 1
                    continue
                if process.returncode != 0:
                    sys.exit(f"after {done} kills: exit status {process.returncode}: {errors}")
                # The first run may have been slow for reasons of its own; moments after the end kill nothing.
                whole_seconds = min(whole_seconds, time.time() - begin) if not resume else whole_seconds
                break
            weights, history = finished(cut)
            for ours, theirs in zip(history, whole[1]):
                if ours != theirs:
                    sys.exit(f"after {done} kills: the log differs: {ours}, in the whole run {theirs}")
            if len(history) != len(whole[1]) or weights != whole[0]:
                sys.exit(f"after {done} kills: the weights or the length of the log differ from the whole run's")
            rows = Path(cut, "metrics.csv").read_text().splitlines()[1:]
            train_rows = [r.split(",")[0] for r in rows if ",," in r]
            if sorted(set(rows)) != sorted(rows) or not train_rows:
                sys.exit(f"after {done} kills: metrics.csv repeats a row")
            left = [p.name for p in Path(cut).iterdir() if p.name.startswith(".checkpoint")]
            if left:
                sys.exit(f"after {done} kills: {left} were left behind")
    print(f"{done} kills in {runs} runs, each ended with the same bits")


main()
