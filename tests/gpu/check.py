# SPDX-License-Identifier: Apache-2.0
"""The table of tests/gpu/check.sh: each row is a process of its own with a limit of time, and prints PASS, FAIL or SKIP.

Rows that compare numbers run side by side; those that measure time run after them, one by one. Everything that they say is in
OUT/check.log, the table in OUT/check.txt and OUT/check.json.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
MARK = "=ROW= "  # begins a line of the table in what a row prints


def wheels():
    """The wheels that prepare.sh brought go before what this Python has."""
    return [str(path) for path in sorted(pathlib.Path(os.environ.get("WHEELS", "/none")).glob("*.whl"))]


def run_row(name, limit, place, dry):
    """The lines of one row: (name, status, what was found), and all that it printed."""
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
    return lines, f"--- {name}, {time.time() - begin:.1f} s\n{text}\n"


def do_row(name, dry):
    import rows

    function = rows.ROWS[name].function
    with tempfile.TemporaryDirectory() as place:
        try:
            for line in function(rows.Machine(dry, pathlib.Path(place))):
                print(MARK + json.dumps(list(line)), flush=True)
        except rows.Skipped as e:
            print(MARK + json.dumps([name, "SKIP", str(e)]), flush=True)
        except Exception as e:
            traceback.print_exc()
            print(MARK + json.dumps([name, "FAIL", f"{type(e).__name__}: {e}".splitlines()[0][:300]]), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--row")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    if args.row:
        return do_row(args.row, args.dry)
    import rows

    out = pathlib.Path(os.environ["OUT"])
    begin = time.time()
    built, seconds = os.environ["BUILD_STATUS"] == "0", float(os.environ["BUILD_SECONDS"])
    limit = 180 if os.cpu_count() >= 16 else float("inf")
    status = "PASS" if built and seconds <= limit else "FAIL"
    table, log = [["build", status, f"{seconds:.0f} s, {os.cpu_count()} processors"]], ""
    print(f"{status}  build  {table[0][2]}", flush=True)
    wanted = [n for n in rows.ROWS if not args.names or any(n.startswith(name) for name in args.names)]
    with tempfile.TemporaryDirectory() as place:

        def go(name):
            return run_row(name, rows.ROWS[name].limit, pathlib.Path(place), args.dry)

        if built:
            together = [n for n in wanted if not rows.ROWS[n].alone]
            alone = [n for n in wanted if rows.ROWS[n].alone]
            with concurrent.futures.ThreadPoolExecutor(max(1, os.cpu_count() // 2)) as pool:
                for results in (pool.map(go, together), map(go, alone)):
                    for lines, text in results:
                        table += lines
                        log += text
                        for name, state, found in lines:
                            print(f"{state}  {name}  {found}", flush=True)
    total = time.time() - begin
    states = [state for _, state, _ in table]
    summary = f"{states.count('PASS')} PASS, {states.count('FAIL')} FAIL, {states.count('SKIP')} SKIP in {total:.0f} s"
    width = max(len(name) for name, _, _ in table)
    text = "".join(f"{state}  {name:{width}}  {found}\n" for name, state, found in table)
    about = rows.describe()
    (out / "check.txt").write_text(f"{about}\n{text}{summary}\n")
    (out / "check.log").write_text(log)
    (out / "check.json").write_text(json.dumps({"about": about, "rows": table, "seconds": total}, indent=1) + "\n")
    print(f"\n{about}\n{text}{summary}\nThe whole log: {out / 'check.log'}")
    sys.exit(1 if "FAIL" in states else 0)


if __name__ == "__main__":
    main()
