# SPDX-License-Identifier: Apache-2.0
"""How the process of an isolated plugin starts: it may take longer than an event, and a command of another build is refused with
what to do."""

import re
import struct
import subprocess

from harness import HERE, SOURCE, TRAINER, Work, expect, isolated

RECORDED = SOURCE / "tests/parity/expected/all_in_one/trainer_state.json"
GREETING = "trainer plugins host "
BUILD = r"\d+\.\d+\.\d+\S*, contract \d+\.\d+, protocol \d+"


def program(work, name, script):
    file = work.path / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


def slow(work):
    """The machine takes longer for the process than an event may take, and then the plugin for its instance."""
    host = program(work, "slowly", f'sleep 1.2; exec "{TRAINER}" "$@"')
    work.build(HERE / "attacker.cpp")
    status, _, error = work.run("slow", [isolated({"call": "create", "how": "slow"}, timeout=1)], TRAINER_PROGRAM=host)
    expect(status == 0 and "callback attacker failed" not in error, f"slow: status {status}: {error}")


def refused(work, name, script, *words):
    host = program(work, name, script)
    command = [TRAINER, "replay", str(RECORDED), "--report_to", "none", "--callback", "csv", "--output_dir", "out"]
    env = work.environment(name, TRAINER_PROGRAM=host)
    done = subprocess.run(
        [*command, "--isolate", "csv"], cwd=work.path, env=env, capture_output=True, text=True, check=False
    )
    work.expect_none_left(name, name)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    expect(done.returncode == 2 and len(lines) == 1, f"{name}: status {done.returncode}: {done.stderr}")
    own = rf"expected the command `trainer` of this build, {BUILD}; install command and library together, or name .*"
    for word in (host, r"plugin csv \(", own + r"TRAINER_PROGRAM \[isolation.start-failed\]", *words):
        expect(re.search(word, lines[0]), f"{name}: {lines[0]}\nexpected {word}")


def other_builds(work):
    other = "0.0.9, contract 1.0, protocol 77"
    greeting = (GREETING + other).encode()
    (work.path / "greeting").write_bytes(struct.pack("<I", len(greeting)) + greeting)
    refused(work, "other", "cat greeting >&3; exec cat <&3 >&2", rf"/other is {re.escape(other)}, expected")
    refused(work, "brief", "cat greeting >&3", rf"/brief is {re.escape(other)}, expected")
    refused(work, "older", "echo no such command >&2; exit 106", "ended with exit status 106 before it said")
    refused(work, "another", "printf '\\4\\0\\0\\0abcd' >&3; exec cat <&3 >&2", "says what it should not")


def short_of_memory(work):
    host = program(work, "ends", "exit 1")
    _, _, error = work.run("short", [isolated(memory="64 MB")], TRAINER_PROGRAM=host)
    said = 'process of its own: its process ended with exit status 1, perhaps because it needs more than its 64 MB ("memory")'
    expect(said in error, f"short of memory: {error}")


def main():
    with Work() as work:
        other_builds(work)
        slow(work)
        short_of_memory(work)
        print("a slow start, four commands that are not this build's, and too little memory")


if __name__ == "__main__":
    main()
