# SPDX-License-Identifier: Apache-2.0
"""The examples that `scripts/demo models` shows, in a few steps: exported, trained, drawn, and opened in Python again."""

import json
import os
import re
import subprocess
import sys

from harness import SITE, SOURCE, expect, expect_equal, work_directory

EXAMPLES = SOURCE / "host" / "examples"
SHORT = (
    "--max_steps=200 --warmup_steps=0 --logging_steps=5 --eval_strategy=steps --eval_steps=200 --save_strategy=no"
    " --load_best_model_at_end=false --report_to=none --quiet"
)
BETTER_THAN = {"text_classifier": 0.3, "digits_cnn": 0.5}


def call(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    expect(done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def run(directory, name, *texts):
    def python(script, *arguments):
        path = {**os.environ, "PYTHONPATH": str(SITE), "TRANSFORMERS_VERBOSITY": "error"}
        return call(sys.executable, "-W", "ignore", EXAMPLES / script, *arguments, env=path, cwd=SOURCE)

    output = directory / name
    python(f"{name}/export.py", output, *texts)
    call(os.environ["TRAINER"], "train", output / "run.json", f"--output_dir={output}/run", *SHORT.split())
    history = json.loads((output / "run" / "trainer_state.json").read_text())["log_history"]
    found = [entry["eval_accuracy"] for entry in history if "eval_accuracy" in entry][-1]
    expect(found > BETTER_THAN[name], f"{name}: the accuracy is {found}")
    said = python(f"{name}/check.py", output / "run", output / "eval.safetensors")
    expect_equal(said.strip(), f"accuracy: {found:.6f}", f"{name}: what the checkpoint does in Python")
    drawn = python("curves.py", output / "run" / "trainer_state.json", output / "curves.svg")
    names = re.findall(r"^  (\w+) +[▁-█]+  ", drawn, re.M)
    expect_equal(sorted(names), ["eval_accuracy", "eval_loss", "loss"], f"{name}: what is drawn")
    expect((output / "curves.svg").read_text().count("<polyline") == 3, f"{name}: the curves of the picture")


with work_directory() as work:
    shown = re.findall(r"^  model (\w.*)$", (SOURCE / "scripts" / "demo").read_text(), re.M)
    expect_equal([line.split()[0] for line in shown], list(BETTER_THAN), "the examples of scripts/demo")
    for line in shown:
        run(work, *line.split())
