# SPDX-License-Identifier: Apache-2.0
"""What the tracker tests share: runs of the digits example, and readers in their own Python.

Only the standard library: the tests run in any Python, the readers of checks/ in the environments of
venvs/, which `scripts/setup.sh all` makes in build/venvs/NAME.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TRAINER = os.environ["TRAINER"]
SOURCE = pathlib.Path(os.environ["SOURCE"])
VENVS = pathlib.Path(os.environ.get("VENVS") or SOURCE / "build" / "venvs")
CHECKS = SOURCE / "tests" / "trackers" / "checks"
SKIPPED = 77

# A user's own settings must not reach a test.
TRACKER_VARIABLES = (
    "TENSORBOARD_",
    "WANDB_",
    "COMET_",
    "MLFLOW_",
    "HF_MLFLOW_",
    "AZUREML_",
    "CODECARBON_",
    "NEPTUNE_",
    "CLEARML_",
    "DAGSHUB_",
    "HF_DAGSHUB_",
    "FLYTE_",
    "DVC",
    "HF_DVCLIVE_",
    "SWANLAB_",
    "TRACKIO_",
    "KUBEFLOW_",
    "TRAINER_PYTHON",
    "DISABLE_MLFLOW_",
    "DISABLE_KUBEFLOW_",
    "VIRTUAL_ENV",
)


def python(venv):
    """The Python of an environment of venvs/, or of the readers' test-venv; the test counts as skipped where it was not made."""
    path = (VENVS.parent if venv == "test-venv" else VENVS) / venv / "bin" / "python"
    if not path.exists():
        print(f"skipped: no {path}; scripts/setup.sh all makes it", file=sys.stderr)
        sys.exit(SKIPPED)
    return str(path)


def go_on_in(venv):
    """From here on the test is in the Python of `venv`, whose packages it imports itself."""
    path = python(venv)
    if not os.path.samefile(sys.prefix, pathlib.Path(path).parents[1]):
        os.execv(path, [path, *sys.argv])


def expect(condition, what):
    if not condition:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {what}")


class Work:
    """A directory of the test, gone with it; HOME lies in it, so that no client finds a user's files."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="trainer-tracker-"))
        (self.path / "home").mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(TRACKER_VARIABLES)}
        env |= {
            "HOME": str(self.path / "home"),
            "OMP_NUM_THREADS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DVC_NO_ANALYTICS": "1",
            "WANDB_ERROR_REPORTING": "false",
        }
        return env | {k: str(v) for k, v in more.items()}

    def run_file(self, callbacks=(), **args):
        """The digits run of the tracker tests: 2 epochs, a log every 10 steps, evaluation and save each epoch."""
        digits = SOURCE / "host" / "examples" / "digits"
        run = {
            "model": {"type": "mlp", "layers": [64, 64, 10], "activation": "relu"},
            "data": {"train": str(digits / "train.csv"), "eval": str(digits / "eval.csv"), "target": "digit"},
            "loss": "cross_entropy",
            "metrics": ["accuracy"],
            "args": {
                "num_train_epochs": 2,
                "learning_rate": 1e-3,
                "per_device_train_batch_size": 32,
                "logging_steps": 10,
                "eval_strategy": "epoch",
                "save_strategy": "epoch",
            }
            | args,
            "callbacks": list(callbacks),
        }
        file = self.path / "run.json"
        file.write_text(json.dumps(run))
        return file

    def command(self, report_to, *more, output="out", callbacks=(), args=None):
        """The command line of one training, for tests that start it themselves."""
        run = self.run_file(callbacks, **(args or {}))
        return [TRAINER, "train", str(run), "--report_to", report_to, "--output_dir", output, *more]

    def train(self, report_to, *more, output="out", callbacks=(), args=None, env=None, status=0):
        """Runs it in the work directory; gives (log_history, what it printed)."""
        command = self.command(report_to, *more, output=output, callbacks=callbacks, args=args)
        done = subprocess.run(
            command,
            env=self.environment(**(env or {})),
            cwd=self.path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        expect(done.returncode == status, f"{' '.join(command)} gave {done.returncode}:\n{done.stdout}")
        state = self.path / output / "trainer_state.json"
        return (json.loads(state.read_text())["log_history"] if state.exists() else []), done.stdout

    def expect_console(self, kept, history, printed):
        """The tracker kept each line of a log that the run printed, and the run printed it once."""
        losses = [entry for entry in history if "loss" in entry]
        for where, text in (("kept", kept), ("printed", printed)):
            found = text.count("{'loss': ")
            expect(found == len(losses), f"{found} lines of {len(losses)} are {where}:\n{text[-3000:]}")

    def check(self, name, path, *options, venv="trackers", env=None):
        """What checks/check_NAME.py reads at `path` with the tracker's own reader, as canonical JSON."""
        script = CHECKS / f"check_{name}.py"
        done = subprocess.run(
            [python(venv), str(script), str(path), *options],
            text=True,
            cwd=self.path,
            env=self.environment(**(env or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        expect(done.returncode == 0, f"{script.name} {path} gave {done.returncode}:\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout[done.stdout.index("{") :])

    def expect_history(self, found, name, history, *options):
        """`found` (canonical) has the metrics, steps and values that transformers' callback gives `history`."""
        (self.path / "found.json").write_text(json.dumps(found))
        (self.path / "log_history.json").write_text(json.dumps(history))
        self._compare("found.json", f"expected:{name}:log_history.json", *options)

    def expect_same(self, found, original, *options):
        """Two canonical readings are equal: ours, and that of transformers' callback on the same run."""
        (self.path / "found.json").write_text(json.dumps(found))
        (self.path / "original.json").write_text(json.dumps(original))
        self._compare("found.json", "original.json", *options)

    def _compare(self, *arguments):
        done = subprocess.run(
            [sys.executable, str(CHECKS / "compare.py"), *arguments],
            text=True,
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        expect(done.returncode == 0, f"compare {' '.join(arguments)}:\n{done.stdout}")
