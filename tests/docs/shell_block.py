# SPDX-License-Identifier: Apache-2.0
"""The sh blocks of the documentation, and the synopses: what they call, and with which options."""

import functools
import json
import os
import pathlib
import re
import subprocess

SOURCE = pathlib.Path(os.environ["SOURCE"])
TRAINER = os.environ["TRAINER"]
# Every program is not found, and recorded; so is every path, for a function may have a path's name.
RECORDERS = """
PATH=/nowhere
record() { printf '%s\\0' "$@" >>"$RECORD"; printf '\\n\\0' >>"$RECORD"; }
command_not_found_handle() { record "$@"; }
"""
A_PATH = re.compile(r"(?<![\w./$-])[A-Za-z.][\w.-]*(?:/[\w.-]+)+")


def commands_of(block, work):
    """The commands that bash finds in a block, as lists of words, and what it says of the rest."""
    text = block.whole()
    functions = "".join(f'{path}() {{ record {path} "$@"; }}\n' for path in sorted(set(A_PATH.findall(text))))
    record = work.with_suffix(".record")
    record.touch()
    script = RECORDERS + functions + text
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=work,
        env={"RECORD": str(record), "HOME": str(work)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    found = [words.split("\0")[:-1] for words in record.read_text().split("\n\0")[:-1]]
    return found, done.stderr


@functools.cache
def presets():
    of = json.loads((SOURCE / "CMakePresets.json").read_text())
    return {kind: [preset["name"] for preset in of[kind + "Presets"]] for kind in ("configure", "build", "test")}


def check_command(words, work):
    """What is wrong with one command, or None."""
    program = words[0]
    if program in ("trainer", "build/bin/trainer"):
        done = subprocess.run(
            [TRAINER, *words[1:]], cwd=work, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
        )
        if "[command.usage]" in done.stderr or "[arguments.invalid]" in done.stderr:
            return done.stderr
    elif "/" in program and not program.startswith("build/") and not os.access(SOURCE / program, os.X_OK):
        return f"{program} is not in the tree"
    if "--preset" in words:
        kind = "test" if program == "ctest" else "build" if "--build" in words else "configure"
        if words[words.index("--preset") + 1] not in presets()[kind]:
            return f"no such preset: {' '.join(words)}"
    if program.startswith("python") and words[1:2] == ["-c"]:
        compile(words[2], "python -c", "exec")
    return None


def check_shell(block, work):
    found, said = commands_of(block, work)
    if said or not found:
        return said or "no command"
    said = {" ".join(words): check_command(words, work) for words in found}
    return "\n".join(f"{command}\n{problem}" for command, problem in said.items() if problem)


@functools.cache
def help_of(*command):
    text = ""
    for flag in ("--help", "--help-all"):  # of which only commands that take training arguments have the second
        text += subprocess.run([TRAINER, *command, flag], capture_output=True, text=True).stdout
    return text


def check_synopsis(block, _):
    """The options in a text's lines `trainer COMMAND …`, of which one may show several commands, after ` | `."""
    problems = []
    for line in re.sub(r"\n +", " ", block.text).splitlines():
        group, parts = re.fullmatch(r"(?:trainer( plugins)? (.*))?.*", line).groups()
        for part in (parts or "").split(" | "):
            command = [word for word in [*(group or "").split(), *part.split()[:1]] if not word.startswith("-")]
            problems += [
                f"{option} is not an option of {' '.join(command)}"
                for option in re.findall(r"--[a-z][a-z_-]*", part)
                if option not in help_of(*command)
            ]
    return "\n".join(problems)
