#!/usr/bin/env python3
"""A second signal ends the run at once, while the first one's checkpoint is being written, and leaves nothing torn.

    TRAINER=... SOURCE=... python second_signal.py

The model is large enough that a checkpoint takes a while: the second signal comes when its temporary directory is
there. What is left must be whole checkpoints only, each of which resumes; the torn one is removed by the next run.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAINER, SOURCE = os.environ["TRAINER"], Path(os.environ["SOURCE"])


def expect(condition, what):
    if not condition:
        sys.exit(f"second_signal: {what}")


def command(output_dir, *more):
    return [TRAINER, "train", "run.json", "--output_dir", output_dir, "--quiet", *more]


def wait_for(found, process, what):
    for _ in range(3000):
        if found():
            return
        expect(process.poll() is None, f"it ended before {what}: {process.returncode}")
        time.sleep(0.01)
    sys.exit(f"second_signal: no {what} in 30 s")


def interrupt(first, second, output_dir):
    process = subprocess.Popen(command(output_dir), stderr=subprocess.DEVNULL)
    out = Path(output_dir)
    wait_for(lambda: list(out.glob("checkpoint-*/trainer_state.json")), process, "first checkpoint")
    process.send_signal(first)
    wait_for(lambda: list(out.glob(".checkpoint-*.tmp/optimizer.pt*")), process, "checkpoint being written")
    process.send_signal(second)
    status = process.wait(timeout=30)
    expect(status == -second, f"status {status} after {first.name} and {second.name}")


def main():
    digits = SOURCE / "host" / "examples" / "digits"
    run = {
        "model": {"type": "mlp", "layers": [64, 3000, 3000, 10], "activation": "relu"},
        "data": {"train": str(digits / "train.csv"), "target": "digit"},
        "loss": "cross_entropy",
        "args": {
            "max_steps": 100000,
            "per_device_train_batch_size": 4,
            "save_steps": 3,
            "report_to": "none",
            "save_total_limit": 2,
        },
    }
    torn = 0
    with tempfile.TemporaryDirectory() as tmp:
        os.chdir(tmp)
        Path("run.json").write_text(json.dumps(run))
        for i, pair in enumerate(
            [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)]
        ):
            out = Path(f"out{i}")
            interrupt(*pair, out)
            torn += len(list(out.glob(".checkpoint-*.tmp")))
            whole = sorted(out.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
            expect(whole, "no checkpoint is left")
            last = int(whole[-1].name.split("-")[1])
            for checkpoint in whole:
                expect((checkpoint / "optimizer.pt").exists(), f"{checkpoint} has no optimizer")
                state = json.loads((checkpoint / "trainer_state.json").read_text())
                expect(state["global_step"] == int(checkpoint.name.split("-")[1]), f"{checkpoint} is another step's")
            done = subprocess.run(
                command(
                    out, "--max_steps", str(last + 1), "--save_strategy", "no", f"--resume_from_checkpoint={whole[-1]}"
                ),
                capture_output=True,
                text=True,
            )
            expect(done.returncode == 0, f"{whole[-1]} does not resume: {done.stderr}")
            left = list(out.glob(".*.tmp"))
            expect(not left, f"the next run left {left}")
    expect(torn, "no signal came while a checkpoint was written; make the model larger")


if __name__ == "__main__":
    main()
