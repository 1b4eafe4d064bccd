#!/usr/bin/env python3
"""A checkpoint written by either program resumes in the other, and goes on with the same numbers.

For several optimizers and schedules a run of eight steps is cut at its checkpoint of step three. The real
transformers.Trainer goes on from ours, ours from the real one's, both are compared with runs that were not
cut: final weights and log history within 1e-6 + 1e-5 * |x|.
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
CASES = SOURCE / "tests" / "parity" / "cases"
BASE = {
    "model": {"type": "mlp", "layers": [4, 8, 3], "activation": "relu"},
    "init_from": str(CASES / "data/init_4_8_3.safetensors"),
    "data": {"train": str(CASES / "data/cls.csv"), "eval": str(CASES / "data/cls_eval.csv"), "target": "label"},
    "loss": "cross_entropy",
    "metrics": ["accuracy"],
}
ARGS = {"max_steps": 8, "save_steps": 3, "logging_steps": 3, "per_device_train_batch_size": 12, "learning_rate": 0.05}
ARGS |= {"eval_strategy": "steps", "eval_steps": 3, "metric_for_best_model": "loss", "weight_decay": 0.01}
VARIANTS = {
    "adamw_fused_cosine": {"lr_scheduler_type": "cosine", "warmup_steps": 2},
    "adamw_linear": {"optim": "adamw_torch"},
    "sgd_momentum_restarts": {
        "optim": "sgd",
        "optim_args": "momentum=0.9",
        "lr_scheduler_type": "cosine_with_restarts",
        "lr_scheduler_kwargs": {"num_cycles": 2},
    },
    "rmsprop_constant": {"optim": "rmsprop", "lr_scheduler_type": "constant"},
    "adagrad_polynomial": {"optim": "adagrad", "lr_scheduler_type": "polynomial"},
    "adafactor_plateau": {
        "optim": "adafactor",
        "lr_scheduler_type": "reduce_lr_on_plateau",
        "lr_scheduler_kwargs": {"patience": 0},
    },
    "accumulation": {"gradient_accumulation_steps": 2, "lr_scheduler_type": "inverse_sqrt", "warmup_steps": 2},
}


def close(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a if not k.endswith(("_runtime", "_per_second")))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float):
        return abs(a - b) <= 1e-6 + 1e-5 * abs(a)
    return a == b


def without_summary(history):
    return [entry for entry in history if "train_loss" not in entry]


def theirs(real, case, resume):
    """The real Trainer in the current directory: final weights, log history."""
    run = real.Case(case)
    trainer = run.trainer()
    run.act(trainer, {"do": "train", "resume_from_checkpoint": "checkpoint-3" if resume else None})
    return {k: v.tolist() for k, v in trainer.model.state_dict().items()}, without_summary(trainer.state.log_history)


def ours(command, case, resume):
    spec = json.loads(Path(case).read_text())
    if resume:
        spec["actions"] = [{"do": "train", "resume_from_checkpoint": "checkpoint-3"}]
    Path("ours.json").write_text(json.dumps(spec))
    argv = [
        command,
        "run",
        "ours.json",
        "--output_dir",
        "output",
        "--report_to",
        "none",
        "--record",
        "record",
        "--quiet",
    ]
    subprocess.run(argv, check=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
    history = json.loads(Path("record/trainer_state.json").read_text())["log_history"]
    return json.loads(Path("record/result.json").read_text())["final_weights"], without_summary(history)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trainer", required=True)
    command = str(Path(parser.parse_args().trainer).resolve())
    os.environ["HF_HUB_OFFLINE"] = "1"
    if not importlib.util.find_spec("transformers"):
        print("skipped: transformers is not installed")
        sys.exit(77)
    spec = importlib.util.spec_from_file_location("record_case", SOURCE / "tests/parity/record_case.py")
    real = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(real)
    real.torch.set_num_threads(1)
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name, args in VARIANTS.items():
            case = Path(tmp, f"{name}.json")
            case.write_text(json.dumps({**BASE, "args": {**ARGS, **args}}))
            results = {}
            for who, run, resumes_from in (
                ("theirs", theirs, None),
                ("ours", ours, None),
                ("theirs_from_ours", theirs, "ours"),
                ("ours_from_theirs", ours, "theirs"),
            ):
                place = Path(tmp, name, who)
                place.mkdir(parents=True)
                os.chdir(place)
                if resumes_from:
                    shutil.copytree(f"../{resumes_from}/output/checkpoint-3", "output/checkpoint-3")
                results[who] = run(real if run is theirs else command, case, resumes_from is not None)
            for who in ("ours", "theirs_from_ours", "ours_from_theirs"):
                equal = close(results["theirs"][0], results[who][0]) and close(results["theirs"][1], results[who][1])
                print(f"{name}: {who}: {'equal' if equal else 'DIFFERENT'}")
                bad += not equal
        os.chdir("/")
    sys.exit(1 if bad else 0)


main()
