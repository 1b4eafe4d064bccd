# SPDX-License-Identifier: Apache-2.0
"""A step takes its memory from what the step before freed, and asks the system for none. Reads TRAINER, SOURCE and BUILD
from the environment."""

import os
import pathlib
import resource
import subprocess
import sys
import tempfile

TRAINER = os.environ["TRAINER"]
DATA = pathlib.Path(os.environ["SOURCE"]) / "host/examples/digits/train.csv"
CACHE = pathlib.Path(os.environ["BUILD"], "CMakeCache.txt").read_text()
RUN = """{ "model": {"type": "mlp", "layers": [64, 1024, 1024, 10]}, "data": {"train": "%s", "target": "digit"}, "loss": "cross_entropy",
  "args": {"per_device_train_batch_size": 128, "save_strategy": "no", "report_to": "none", "output_dir": "o", "use_cpu": true} }"""


def faults(steps, **variables):
    """Pages that a training of so many steps got from the system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    environment = {key: value for key, value in os.environ.items() if key not in ("GLIBC_TUNABLES",)} | variables
    subprocess.run([TRAINER, "train", "run.json", "--quiet", "--max_steps", str(steps)], env=environment, check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before


if any(line.startswith("LIBTRAINER_SANITIZE:") and not line.endswith("=") for line in CACHE.splitlines()):
    sys.exit(77)  # sanitizers have an allocator of their own
with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    pathlib.Path("run.json").write_text(RUN % DATA)
    few, many = 5, 30
    ours = (faults(many) - faults(few)) / (many - few)
    # What the environment says counts.
    theirs = {"MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072"}
    with_system = (faults(many, **theirs) - faults(few, **theirs)) / (many - few)
    print(f"{ours:.0f} page faults a step, {with_system:.0f} where the environment gives memory back")
    assert ours < 200 < with_system, (ours, with_system)
    os.chdir("/")
