#!/usr/bin/env python3
"""Runs parity cases through the command and compares each with the recording.

    python run.py TRAINER [NAME ...]

Prints a line a case that differs, with the first differences; exit status 1 when one does.
"""

import concurrent.futures
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MAY_FAIL = (0, 1, 2)  # a case may record an error; compare.py checks that it is the same one


def run_case(trainer, name):
    with tempfile.TemporaryDirectory() as tmp:
        argv = [
            trainer,
            "run",
            HERE / "cases" / f"{name}.json",
            "--output_dir",
            "output",
            "--report_to",
            "none",
            "--record",
            "record",
        ]
        env = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
        done = subprocess.run(argv, cwd=tmp, capture_output=True, text=True, env=env)
        if done.returncode not in MAY_FAIL:
            return f"exit status {done.returncode}\n{done.stderr}"
        argv = [sys.executable, HERE / "compare.py", HERE / "expected" / name, Path(tmp, "record")]
        compared = subprocess.run(argv, capture_output=True, text=True)
        return "" if compared.returncode == 0 else compared.stdout + compared.stderr + done.stderr


def main():
    trainer = str(Path(sys.argv[1]).resolve())
    names = sys.argv[2:] or sorted(p.stem for p in (HERE / "cases").glob("*.json"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = dict(zip(names, pool.map(lambda n: run_case(trainer, n), names)))
    bad = {n: r for n, r in results.items() if r}
    for name, text in bad.items():
        print(f"{name} differs:\n  " + text.strip().replace("\n", "\n  "))
    print(f"{len(names) - len(bad)} of {len(names)} cases equal")
    return 1 if bad or not names else 0


if __name__ == "__main__":
    sys.exit(main())
