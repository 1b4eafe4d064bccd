# SPDX-License-Identifier: Apache-2.0
"""The sh blocks of the documentation, and the synopses: what they call, and with which options."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess

SOURCE = pathlib.Path(os.environ["SOURCE"])
BUILD = pathlib.Path(os.environ["BUILD"])
TRAINER = os.environ["TRAINER"]
# No program is found, so each is recorded; so is each path, for a function may have a path's name. `trainer`, also as an
# argument of gdb, perf or a launcher, is run.
RECORDERS = """
trainer_path=$PATH
PATH=/nowhere
record() { printf '%s\\0' "$@" >>"$RECORD"; printf '\\n\\0' >>"$RECORD"; }
run() {
  local line=$*
  case $1 in gdb | perf | torchrun | srun) while [ $# -gt 0 ] && [ "$1" != trainer ]; do shift; done ;; esac
  case ${RUN:+$1} in trainer | build/bin/trainer) shift ;; *) return 0 ;; esac
  PATH=$trainer_path "$TRAINER" "$@" 2>"$RECORD.err" </dev/null && return
  line+=" (exit status $?)"
  printf '%s\\n%s\\n' "$line" "$(<"$RECORD.err")" >>"$RECORD.failed"
}
command_not_found_handle() { record "$@"; run "$@"; }
"""
# What a new project's README says.
TEMPLATE = {"@NAME@": "hello", "@FILE@": "hello.so", "@LIBRARY@": "libhello.so", "@CRATE@": "hello"}
A_PATH = re.compile(r"(?<![\w./$-])[A-Za-z.][\w.-]*(?:/[\w.-]+)+")


def commands_of(block, work):
    """The commands that bash finds in a block, as lists of words, and what it and a failed `trainer` say."""
    text = block.whole()
    for mark, word in TEMPLATE.items():
        text = text.replace(mark, word)
    functions = "".join(
        f'{path}() {{ command_not_found_handle {path} "$@"; }}\n' for path in sorted(set(A_PATH.findall(text)))
    )
    record, failed = work.with_suffix(".record"), work.with_suffix(".record.failed")
    record.touch()
    failed.touch()
    kept = {name: os.environ[name] for name in ("PATH", "TRAINER")}
    done = subprocess.run(
        ["bash", "-c", RECORDERS + functions + text],
        cwd=work,
        env={
            **kept,
            "RECORD": str(record),
            "HOME": str(work.parent),
            "OMP_NUM_THREADS": "1",
            "RUN": "" if block.reason else "1",
        },
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    found = [words.split("\0")[:-1] for words in record.read_text().split("\n\0")[:-1]]
    return found, done.stderr + failed.read_text()


@functools.cache
def presets():
    of = json.loads((SOURCE / "CMakePresets.json").read_text())
    return {kind: [preset["name"] for preset in of[kind + "Presets"]] for kind in ("configure", "build", "test")}


def is_trainer(words):
    return words[0] in ("trainer", "build/bin/trainer") or (
        words[0] in ("gdb", "perf", "torchrun", "srun") and "trainer" in words
    )


def check_command(words, work, runs):
    """What is wrong with one command, or None; of one that is not run, with its options."""
    program = words[0]
    if program in ("trainer", "build/bin/trainer"):
        if runs:
            return None
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


def prepare(work):
    """What the pages take to be in the current directory: data, models, a run file, a folder of plugins."""
    digits = SOURCE / "host" / "examples" / "digits"
    for name, original in (("train", "train"), ("eval", "eval"), ("test", "eval")):
        shutil.copy(digits / f"{original}.csv", work / f"{name}.csv")
    shutil.copytree(SOURCE / "tests" / "docs" / "beside", work, dirs_exist_ok=True)
    for name in ("build/hello.so", "target/release/libhello.so"):
        (work / name).parent.mkdir(parents=True)
        shutil.copy(BUILD / "plugins" / "hello_cpp.so", work / name)
    (work / "host" / "examples").mkdir(parents=True)
    (work / "host" / "examples" / "digits").symlink_to(digits)


def check_shell(block, work):
    prepare(work)
    found, said = commands_of(block, work)
    if said or not found:
        return said or "no command"
    if block.reason and not any(is_trainer(words) for words in found):
        return "is marked as not run, and has nothing to run"
    said = {" ".join(words): check_command(words, work, not block.reason) for words in found}
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
