# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmark programs and keeps what they print, round by round."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def run(command, timeout=600):
    """The last JSON object that the command prints, with those before it merged in."""
    environment = {**os.environ, **ONE_THREAD, "BENCH_START": str(time.monotonic_ns())}
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True, timeout=timeout
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed with status {done.returncode}:\n{done.stderr[-2000:]}")
    result = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            result.update(json.loads(line))
    return result


class Server:
    """A program that answers each line of its input with a JSON object; it starts once."""

    def __init__(self, command):
        self.command = [str(part) for part in command]

    def __enter__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(self.command, env={**os.environ, **ONE_THREAD}, **pipes)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, line):
        print(line, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{' '.join(self.command)} gave no answer to {line}")
        return json.loads(answer)


class Scratch:
    """A directory for what runs write, on the disk of the build."""

    def __init__(self, parent):
        self.path = tempfile.mkdtemp(prefix="bench_", dir=parent)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Samples(dict):
    """Name -> the numbers of all rounds."""

    def add(self, name, value):
        self.setdefault(name, []).append(value)

    def ratio(self, name, to):
        """Of the minima, and the median over the rounds: two that were measured in one round saw one machine."""
        pairs = [a / b for a, b in zip(self[name], self[to])]
        return min(self[name]) / min(self[to]), statistics.median(pairs)

    def difference(self, name, to):
        pairs = [a - b for a, b in zip(self[name], self[to])]
        return min(self[name]) - min(self[to]), statistics.median(pairs)

    def value(self, name):
        return min(self[name]), statistics.median(self[name])


class Row:
    """One line of the table: a number, and the limit that it must keep ("<=" or ">="; none: for orientation)."""

    def __init__(self, name, numbers, unit="", limit=None, keep="<="):
        self.name, self.unit, self.limit, self.keep = name, unit, limit, keep
        self.best, self.median = numbers

    def verdict(self, slack=0.1):
        """ok; "missed" by at most the slack; "FAILED" beyond. Judged by the best round: what the machine's other
        work adds is no property of the program."""
        if self.limit is None:
            return ""
        over = (lambda bound: self.best > bound) if self.keep == "<=" else (lambda bound: self.best < bound)
        if not over(self.limit):
            return "ok"
        room = slack * (abs(self.limit) if self.limit else 1)
        return "FAILED" if over(self.limit + (room if self.keep == "<=" else -room)) else "missed"

    def line(self):
        limit = "" if self.limit is None else f"{self.keep} {self.limit:g}"
        return f"{self.name:<58} {self.best:>11.4g} {self.median:>11.4g} {self.unit:<8} {limit:<9} {self.verdict()}"

    def to_json(self):
        return {
            "name": self.name,
            "min": self.best,
            "median": self.median,
            "unit": self.unit,
            "limit": self.limit,
            "keep": self.keep if self.limit is not None else None,
            "verdict": self.verdict(),
        }
