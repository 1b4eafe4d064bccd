# SPDX-License-Identifier: Apache-2.0
"""The plugin python as .dll: its Python is this system's, which Wine starts and which connects back over 127.0.0.1. A
callback of the user's sees the events, changes logs and asks for a stop as on Linux; one that raises fails the run. What
this cannot show: the end of that Python, and tensors, for which it would have to be a Python of Windows.
"""

import json
import sys

import wine

STATE = wine.SOURCE / "tests/parity/expected/all_in_one/trainer_state.json"
CALLBACKS = """
import json, os
from transformers import TrainerCallback

class Witness(TrainerCallback):
    def __init__(self, file):
        self.out = open(file, "w", encoding="utf-8")
    def say(self, *words):
        print(*words, file=self.out, flush=True)
    def on_train_begin(self, args, state, control, **kwargs):
        self.say("begin", args.seed, args.learning_rate, state.max_steps)
    def on_log(self, args, state, control, logs=None, **kwargs):
        self.say(state.global_step, json.dumps(logs, sort_keys=True))
        logs["from_python"] = state.global_step * 0.5
    def on_train_end(self, args, state, control, **kwargs):
        self.say("end", state.global_step, "fd 3" if "TRAINER_CHILD_STREAM" in os.environ else "token taken")

class Raise(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **kwargs):
        raise ValueError("boom é at %d" % state.global_step)
"""


def packages():
    """Where the trackers' environment has its packages: a virtual environment is not one to a Python that Wine starts."""
    found = sorted((wine.SOURCE / "build/venvs/trackers/lib").glob("python3*/site-packages"))
    if not found:
        print("skipped: no build/venvs/trackers; scripts/setup.sh all makes it")
        sys.exit(wine.SKIPPED)
    return found[0]


def replay(run, work, where, python, callback, path, kwargs, status=0):
    out = work / where
    out.mkdir(exist_ok=True)
    config = {"callback": callback, "kwargs": kwargs, "python": python, "path": path, "wait": True}
    return out, run(
        *("replay", STATE, "--report_to", "none", "--output_dir", "out", "--callback", "python=" + json.dumps(config)),
        *("--callback", "csv"),
        cwd=out,
        status=status,
        env={"TRAINER_CACHE_DIR": work / ("cache-" + where)},
    )


def main():
    wine.require(wine.LINUX)
    site = packages()
    with wine.directory() as work:
        (work / "mine.py").write_text(CALLBACKS, encoding="utf-8")
        path = [str(work), str(site)]
        linux = lambda *words, **options: wine.run(wine.LINUX, *words, **options)  # noqa: E731
        theirs, _ = replay(linux, work, "linux", "/usr/bin/python3", "mine.Witness", path, {"file": "seen"})
        ours, text = replay(
            wine.trainer, work, "windows", wine.windows_path("/usr/bin/python3"), "mine.Witness", path, {"file": "seen"}
        )
        for name in ("seen", "out/metrics.csv"):
            if (ours / name).read_bytes() != (theirs / name).read_bytes():
                sys.exit(f"{name}: {(ours / name).read_text()}\nexpected {(theirs / name).read_text()}\n{text}")
            print("ok", name)
        wine.expect("metrics.csv", (ours / "out/metrics.csv").read_text(), "from_python")
        _, text = replay(
            wine.trainer, work, "raise", wine.windows_path("/usr/bin/python3"), "mine.Raise", path, {}, status=None
        )
        wine.expect("an exception", text, "boom é at ")


if __name__ == "__main__":
    main()
