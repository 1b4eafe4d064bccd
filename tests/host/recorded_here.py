# SPDX-License-Identifier: Apache-2.0
"""The recorded cases of the tests beside it: recorded anew by this Python's torch on this machine, compared in bits.

    python recorded_here.py LIBTORCH_VERSION PROGRAM

The recordings that are kept in recorded/ come from another processor, so the tests compare with those within a tolerance.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

RECORD = pathlib.Path(__file__).resolve().parent / "recorded" / "record.py"


def run(program, recordings):
    """The results of the program's recorded cases, by name."""
    results = recordings / "results.json"
    results.unlink(missing_ok=True)
    command = [program, "--gtest_filter=All/*", f"--gtest_output=json:{results}"]
    env = os.environ | {"TRAINER_RECORDED_HERE": str(recordings)}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if not results.exists():
        sys.exit(f"{program} gave {done.returncode}:\n{done.stdout}{done.stderr}")
    cases = [case for suite in json.loads(results.read_text())["testsuites"] for case in suite["testsuite"]]
    skipped = [case["name"] for case in cases if case["result"] != "COMPLETED"]
    if not cases or skipped:
        sys.exit(f"{program}: {len(cases)} recorded cases, not run: {skipped}")
    return {f"{case['classname']}.{case['name']}": "failures" not in case for case in cases}, done.stdout


NUDGED = {  # the suite that reads a file, and where a number of its first case is
    "All/RecordedOptimizer": ("optimizers.json", ("after", "5", "0.weight")),
    "All/RecordedSchedule": ("lr_schedules.json", ("rates",)),
}


def nudge(recordings):
    """One number of each file by less than the tolerance for kept recordings."""
    for name, place in NUDGED.values():
        file = recordings / name
        recorded = json.loads(file.read_text())
        numbers = recorded["cases"][0]
        for key in place:
            numbers = numbers[key]
        numbers[1] *= 1 + 3e-7
        file.write_text(json.dumps(recorded))


def main():
    libtorch, program = sys.argv[1:]
    theirs = None
    if importlib.util.find_spec("torch"):
        import torch

        theirs = torch.__version__.partition("+")[0]
    if theirs != libtorch:
        print(f"skipped: the tests are linked with LibTorch {libtorch}, and {sys.executable} has torch {theirs}")
        return 77
    with tempfile.TemporaryDirectory(prefix="trainer-recorded-") as name:
        recordings = pathlib.Path(name)
        subprocess.run([sys.executable, "-W", "ignore", RECORD, recordings], check=True)
        passed, printed = run(program, recordings)
        if not all(passed.values()):
            sys.exit(f"{program} differs from torch {torch.__version__} on this machine:\n{printed}")
        # Tests that read other files, or with a tolerance, would not notice this.
        nudge(recordings)
        noticed = {name.partition(".")[0] for name, same in run(program, recordings)[0].items() if not same}
        if not noticed >= set(NUDGED):
            sys.exit(
                f"{program}: {noticed} compare in bits with what TRAINER_RECORDED_HERE has, expected {set(NUDGED)}"
            )
    print(f"{len(passed)} recorded cases equal torch {torch.__version__} on this machine, in bits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
