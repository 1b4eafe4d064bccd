# SPDX-License-Identifier: Apache-2.0
"""Trackers that run transformers' own callback in a Python leave the same in a process of their own as without, read with
the tracker's own client; and no Python stays behind.

Arguments, if any, are the names to run.
"""

import json
import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ["SOURCE"])
sys.path[:0] = [str(SOURCE / "tests" / "trackers"), str(SOURCE / "tests" / "support")]
import flyte_test  # noqa: E402
from harness import Work, expect, python  # noqa: E402
from processes import MARK, expect_none_left  # noqa: E402
from tracker_files import CLIENTS  # noqa: E402

# Numbers and names that are drawn, times, and directories, wherever they are in what a reader finds.
DRAWN = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}|trainer-tracker-\w+|\d{4}-\d\d-\d\d[T ][\d:.]+")
CLOCK = re.compile(r"_runtime|_per_second|time|duration")


def without_chance(found):
    if isinstance(found, dict):
        return {key: without_chance(value) for key, value in found.items() if not CLOCK.search(key)}
    if isinstance(found, list):
        return [without_chance(value) for value in found]
    return DRAWN.sub("_", found) if isinstance(found, str) else found


def trained(name, path, venv="trackers", **variables):
    """A run of the digits, and what it left in `path`."""

    def found(work, env):
        given = {key: value.format(work=work.path) for key, value in variables.items()}
        _, printed = work.train(name, env={"TRAINER_PYTHON": python(venv), **given, **env})
        expect("without it" not in printed and "Traceback" not in printed, f"{name} failed:\n{printed}")
        expect_none_left(name, env[MARK])
        return work.check(name.removesuffix("_ml"), work.path / path, venv=venv)

    return found


def flyte(work, env):
    """A task that starts the trainer, in whose Python the callback runs."""
    os.environ |= env
    printed = flyte_test.run_task(work, work.command("flyte"))
    for name in env:
        del os.environ[name]
    expect("Log History" in printed.split("DECKS")[1], printed)
    expect_none_left("flyte", env[MARK])
    return work.check("flyte", work.path / "tmp")


CASES = {
    "clearml": trained("clearml", "clearml", CLEARML_OFFLINE_MODE="1", CLEARML_CACHE_DIR="{work}/clearml"),
    "comet_ml": trained(
        "comet_ml", "comet", venv="comet", COMET_OFFLINE_DIRECTORY="{work}/comet", COMET_START_ONLINE="0"
    ),
    "flyte": flyte,
    "neptune": trained("neptune", ".neptune", NEPTUNE_MODE="offline"),
}


def main():
    expect(list(CASES) == CLIENTS, f"tracker_files.py names {CLIENTS}")
    for name in sys.argv[1:] or CASES:
        seen = []
        for isolation in ("process", "none"):
            with Work() as work:
                mark = f"{name}-{isolation}-{os.getpid()}"
                found = CASES[name](work, {"TRAINER_PLUGIN_ISOLATION": isolation, MARK: mark})
                seen.append(without_chance(found))
        ours, theirs = (json.dumps(one, indent=1, sort_keys=True) for one in seen)
        expect(ours == theirs and seen[0]["metrics"], f"{name}: {ours}\nexpected {theirs}")
        print(name, "leaves the same in and out of a process of its own")


if __name__ == "__main__":
    main()
