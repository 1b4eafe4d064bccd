# SPDX-License-Identifier: Apache-2.0
"""The table of tests/gpu/check.sh: each row is a process of its own with a limit of time, and prints PASS, FAIL or SKIP.

Rows that compare numbers run side by side; those that measure time prepare themselves beside them, and measure one by one. After
each, everything that they said is in OUT/check.log, the table in OUT/check.txt and OUT/check.json.
"""

import argparse
import concurrent.futures
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import rows  # noqa: E402

MARK = "=ROW= "  # begins a line of the table in what a row prints


def wheels():
    """The wheels that prepare.sh brought go before what this Python has."""
    return [str(path) for path in sorted(pathlib.Path(os.environ.get("WHEELS", "/none")).glob("*.whl"))]


def run_row(name, limit, place, dry):
    """The lines of one row: (name, status, what was found), its seconds, and all that it printed."""
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([*wheels(), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep))
    begin = time.time()
    with open(place / f"{name}.log", "w+") as log:
        process = subprocess.Popen(
            [sys.executable, __file__, "--row", name] + ["--dry"] * dry,
            stdout=log, stderr=subprocess.STDOUT, cwd=place, env=env, start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = f"no end after {limit} s"
        log.seek(0)
        text = log.read()
    lines = [json.loads(line[len(MARK) :]) for line in text.splitlines() if line.startswith(MARK)]
    if status != 0:
        said = [line for line in text.splitlines() if line and not line.startswith(MARK)]
        lines.append([name, "FAIL", f"{status}: {said[-1]}" if said else str(status)])
    elif not lines:
        lines.append([name, "FAIL", "it said nothing"])
    waited = sum(float(line[len(rows.WAITED) :]) for line in text.splitlines() if line.startswith(rows.WAITED))
    seconds = time.time() - begin - waited
    return lines, seconds, f"--- {name}, {seconds:.1f} s, and {waited:.1f} s of waiting\n{text}\n"


def do_row(name, dry):
    function = rows.ROWS[name].function
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as place, open("lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            for line in function(rows.Machine(dry, pathlib.Path(place), lock.fileno())):
                print(MARK + json.dumps(list(line)), flush=True)
        except rows.Skipped as e:
            print(MARK + json.dumps([name, "SKIP", str(e)]), flush=True)
        except Exception as e:
            traceback.print_exc()
            print(MARK + json.dumps([name, "FAIL", f"{type(e).__name__}: {e}".splitlines()[0][:300]]), flush=True)


class Table:
    """What is known so far, in the files of OUT after each row: nothing is lost when the time is up."""

    def __init__(self, out):
        self.out, self.rows, self.begin, self.lock = out, [], time.time(), threading.Lock()
        self.about = time.strftime("%Y-%m-%d")
        (out / "check.log").write_text("")

    def describe(self):
        self.about = rows.describe()

    def states(self):
        return [state for _, state, _, _ in self.rows]

    def text(self):
        width = max(len(name) for name, _, _, _ in self.rows)
        lines = "".join(f"{state}  {name:{width}}  {found}\n" for name, state, found, _ in self.rows)
        counts = ", ".join(f"{self.states().count(state)} {state}" for state in ("PASS", "FAIL", "SKIP"))
        return f"{self.about}\n{lines}{counts} in {time.time() - self.begin:.0f} s\n"

    def add(self, lines, seconds, log):
        with self.lock:
            for name, state, found in lines:
                print(f"{state}  {name}  {found}", flush=True)
                self.rows.append([name, state, found, round(seconds, 1)])
            with open(self.out / "check.log", "a") as file:
                file.write(log)
            (self.out / "check.txt").write_text(self.text())
            found = {"about": self.about, "rows": self.rows, "seconds": time.time() - self.begin}
            (self.out / "check.json").write_text(json.dumps(found, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--row")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if args.row:
        return do_row(args.row, args.dry)
    built, seconds = os.environ["BUILD_STATUS"] == "0", float(os.environ["BUILD_SECONDS"])
    limit = 180 if os.cpu_count() >= 16 else float("inf")
    table = Table(pathlib.Path(os.environ["OUT"]))
    status = "PASS" if built and seconds <= limit else "FAIL"
    table.add([["build", status, f"{seconds:.0f} s, {os.cpu_count()} processors"]], seconds, "")
    wanted = [n for n in rows.ROWS if not args.names or any(n.startswith(name) for name in args.names)]
    wanted.sort(key=lambda name: rows.ROWS[name].alone)
    with (
        tempfile.TemporaryDirectory() as place,
        concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() * 3 // 4)) as pool,
    ):

        def go(name):
            # One that measures may wait for all others.
            limit = rows.ROWS[name].limit + (400 if rows.ROWS[name].alone else 0)
            table.add(*run_row(name, limit, pathlib.Path(place), args.dry))

        pool.submit(table.describe)
        list(pool.map(go, wanted if built else []))
    if built and not args.names:
        seconds += time.time() - table.begin
        limit = 360 if os.cpu_count() >= 16 else float("inf")
        table.add(
            [["in all", rows.passed(seconds <= limit), f"{seconds:.0f} s with the build; limit {limit} s"]], seconds, ""
        )
    print(f"\n{table.text()}The whole log: {table.out / 'check.log'}")
    sys.exit(1 if "FAIL" in table.states() else 0)


if __name__ == "__main__":
    main()
