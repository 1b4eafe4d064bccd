#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two ranks beside the real Trainer on two ranks, on this machine: the same bits; and a checkpoint of either program resumes in
the other, and goes on with the same numbers. Three ranks with a model of several buckets, whose sums depend on how they
are filled: the same bits."""

import argparse
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from ddp import compare, run_case  # noqa: E402
from record_ranks import record  # noqa: E402

DATA = HERE / "cases" / "data"
CASE = {
    "world_size": 2,
    "model": {"type": "mlp", "layers": [4, 8, 3], "activation": "relu"},
    "init_from": str(DATA / "init_4_8_3.safetensors"),
    "loss": "cross_entropy",
    "data": {"train": str(DATA / "cls.csv"), "eval": str(DATA / "cls_eval.csv"), "target": "label"},
    "metrics": ["accuracy"],
    "args": {
        "max_steps": 8,
        "save_steps": 3,
        "logging_steps": 2,
        "eval_strategy": "steps",
        "eval_steps": 4,
        "per_device_train_batch_size": 7,
        "gradient_accumulation_steps": 2,
        "learning_rate": 0.05,
        "weight_decay": 0.01,
        "lr_scheduler_type": "cosine",
    },
}
# More than the first bucket's megabyte.
WIDE = {
    "world_size": 3,
    "model": {"type": "mlp", "layers": [4, 600, 600, 3], "activation": "relu"},
    "loss": "cross_entropy",
    "data": {"train": str(DATA / "cls.csv"), "target": "label"},
    "args": {"max_steps": 6, "logging_steps": 2, "save_strategy": "no", "learning_rate": 0.01},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainer", required=True)
    trainer = str(Path(parser.parse_args().trainer).resolve())
    os.environ["HF_HUB_OFFLINE"] = "1"
    if not importlib.util.find_spec("transformers"):
        print("skipped: transformers is not installed")
        sys.exit(77)
    resumed = CASE | {"actions": [{"do": "train", "resume_from_checkpoint": "checkpoint-3"}]}
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        work = Path(tmp)

        def theirs(name, case, resume_from=None):
            (work / f"{name}.json").write_text(json.dumps(case))
            record(work / f"{name}.json", work / name, work / f"{name}-output", resume_from)

        def ours(name, case, resume_from=None):
            place = work / f"{name}-place"
            place.mkdir()
            if resume_from:
                shutil.copytree(resume_from, place / "output" / resume_from.name)
            run_case(trainer, case, place, work / name, None)
            return place / "output"

        theirs("theirs", CASE)
        output = ours("ours", CASE)
        theirs("theirs_from_ours", resumed, output / "checkpoint-3")
        ours("ours_from_theirs", resumed, work / "theirs-output" / "checkpoint-3")
        theirs("theirs_wide", WIDE)
        ours("ours_wide", WIDE)
        pairs = ("theirs", "ours"), ("theirs_from_ours", "ours_from_theirs"), ("theirs_wide", "ours_wide")
        for expected, actual in pairs:
            found = compare(work / expected, work / actual, "--rtol", "0", "--atol", "0")
            print(f"{actual} is {'equal to' if not found else 'DIFFERENT from'} {expected}\n{found}".strip())
            bad += bool(found)
        # What was cut and resumed is what was not.
        final = [
            json.loads((work / name / "result.json").read_text())["final_weights"]
            for name in ("theirs", "ours_from_theirs")
        ]
        if final[0] != final[1]:
            print("the resumed run has other weights than the uncut one")
            bad += 1
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
