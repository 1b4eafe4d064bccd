# SPDX-License-Identifier: Apache-2.0
"""Runs all benchmarks side by side, prints a table and writes bench.json. scripts/bench calls it."""

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys

import rows


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build", help="where the programs, plugins and command were built")
    parser.add_argument("--programs", help="the benchmark programs; BUILD/bench by default")
    parser.add_argument("--plugins", help="the plugins; BUILD/plugins by default")
    parser.add_argument("--trainer", help="the command; BUILD/bin/trainer by default")
    parser.add_argument("--python", default="", help="a Python with tests/bench/requirements.txt; none: no peers")
    parser.add_argument("--output", default="bench.json")
    parser.add_argument("--only", default=",".join(rows.ALL), help="rows, separated by commas: " + ", ".join(rows.ALL))
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the checkpoint")
    parser.add_argument("--rounds", type=int, help="interleaved rounds; 5, or 2 with --quick")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and logs")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a limit is missed by more than 10 %%")
    env = parser.parse_args()
    env.programs = env.programs or f"{env.build}/bench"
    env.plugins = os.path.abspath(env.plugins or f"{env.build}/plugins")
    env.trainer = env.trainer or f"{env.build}/bin/trainer"
    env.rounds = env.rounds or (2 if env.quick else 5)
    env.peer_rounds = 1 if env.quick else min(env.rounds, 3)
    env.peers = installed_peers(env.python) if env.python else []
    env.work = os.path.dirname(os.path.abspath(env.output))
    for name in env.only.split(","):
        if name not in rows.ALL:
            parser.error(f"--only: there are no rows called {name}; choose from {', '.join(rows.ALL)}")
    return env


def installed_peers(python):
    test = "import importlib.util as u, sys; sys.exit(u.find_spec(sys.argv[1]) is None)"
    modules = {"transformers": "transformers", "lightning": "lightning", "pytorch": "torch"}
    found = [name for name, module in modules.items() if subprocess.run([python, "-c", test, module]).returncode == 0]
    for name in modules.keys() - set(found):
        print(f"{name} is left out: {python} does not have it", file=sys.stderr)
    return found


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main():
    env = arguments()
    machine = {
        "processor": processor(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    print(
        f"{machine['processor']}, {machine['processors']} processors, load {machine['load'][0]:.1f}; one thread; "
        f"{env.rounds} interleaved rounds"
    )
    print(f"{'':<58} {'min':>11} {'median':>11} {'unit':<8} limit")
    table = []
    for name in env.only.split(","):
        for row in rows.ALL[name](env):
            table.append(row)
            print(row.line(), flush=True)
    temporary = env.output + ".tmp"
    with open(temporary, "w") as file:
        json.dump({"machine": machine, "rounds": env.rounds, "rows": [row.to_json() for row in table]}, file, indent=1)
    shutil.move(temporary, env.output)
    failed = [row for row in table if row.verdict() == "FAILED"]
    missed = [row for row in table if row.verdict() == "missed"]
    print(f"{len(failed)} limits missed by more than 10 %, {len(missed)} by less; all numbers are in {env.output}")
    return 1 if env.check and failed else 0


if __name__ == "__main__":
    sys.exit(main())
