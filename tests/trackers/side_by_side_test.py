# SPDX-License-Identifier: Apache-2.0
"""Native trackers against transformers' own callbacks: the digits run with `NAME` and with `python:NAME`, read by the
tracker's own reader, must have the same metrics, steps, values and parameters. Times, and which tracker was asked for, differ.

Arguments, if any, are the names to run.
"""
import json
import sys

from harness import Work, expect, python

TIMES = "runtime|per_second"


def reading(name, report_to, check=None, path=".", options=(), venv="trackers", env=None):
    """What the reader finds after one run in a directory of its own."""
    with Work() as work:
        given = {k: v.format(work=work.path) for k, v in (env or {}).items()}
        for directory in [v.split(":", 1)[1] for v in given.values() if v.startswith("mkdir:")]:
            (work.path / directory).mkdir(parents=True)
        given = {k: v for k, v in given.items() if not v.startswith("mkdir:")}
        _, printed = work.train(report_to, env={"TRAINER_PYTHON": python("trackers"), **given})
        expect("without it" not in printed and "Traceback" not in printed, f"{report_to} failed:\n{printed}")
        found = work.check(check or name, work.path / path, *options, venv=venv)
        # The arguments name the tracker itself.
        return json.loads(json.dumps(found).replace(f"python:{name}", name))


def same(name, ignore="", originals_env=None, compare=(), **how):
    def test():
        env = how.pop("env", {})
        native = reading(name, name, env=env, **how)
        original = reading(name, f"python:{name}", env=env | (originals_env or {}), **how)
        expect(native["metrics"], f"{name}: the reader finds no metric")
        with Work() as work:
            rule = f"{TIMES}|{ignore}" if ignore else TIMES
            work.expect_same(native, original, "--params", f"--ignore={rule}", *compare)
        return native, original

    return test


TESTS = {
    "tensorboard": same("tensorboard", path="out/runs", venv="test-venv"),
    "dvclive": same("dvclive"),
    "trackio": same("trackio", path="trackio", env={"TRACKIO_DIR": "{work}/trackio"}),
}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or TESTS:
        TESTS[chosen]()
        print(chosen, "leaves what transformers' callback leaves")
