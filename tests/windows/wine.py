# SPDX-License-Identifier: Apache-2.0
"""What the tests of the preset `windows` share: programs that run under Wine, in a directory with a blank, an accent, a
euro sign and a Chinese letter in its name. Reads SOURCE, BUILD and TRAINER from the environment.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"]).resolve()
BUILD = pathlib.Path(os.environ["BUILD"]).resolve()
TRAINER = pathlib.Path(os.environ["TRAINER"]).resolve()
PLUGINS = BUILD / "plugins"
WINE = SOURCE / "scripts/windows/wine"
# The same command for this system, of the preset release where LINUX_TRAINER names no other.
LINUX = pathlib.Path(os.environ.get("LINUX_TRAINER", SOURCE / "build/bin/trainer"))
NAME = "tráiner € 学"
SKIPPED = 77


def require(*programs):
    """Ends the test as skipped where one is missing."""
    for program in ("wine", *programs):
        if shutil.which(str(program)) is None:
            print(f"skipped: there is no {program}")
            sys.exit(SKIPPED)


def windows_path(path):
    return "Z:" + str(path).replace("/", "\\")


@contextlib.contextmanager
def directory():
    with tempfile.TemporaryDirectory(prefix="trainer-wine-") as work:
        named = pathlib.Path(work, NAME)
        named.mkdir()
        yield named


def run(*command, status=0, env=None, cwd=None, timeout=300):
    """stdout and stderr of a command, which has to end with that status (None: any)."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **{name: str(value) for name, value in (env or {}).items()}},
        timeout=timeout,
    )
    text = (done.stdout + done.stderr).decode(errors="replace")
    if status is not None and done.returncode != status:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}, expected {status}\n{text}")
    return text


def run_exe(program, *words, **options):
    """A program of Windows; paths among the words and the variables are given as it knows them."""
    shown = lambda word: windows_path(word) if isinstance(word, pathlib.PurePath) else word  # noqa: E731
    env = {name: shown(value) for name, value in options.pop("env", {}).items()}
    return run(WINE, program, *map(shown, words), env=env, **options)


def trainer(*words, **options):
    """The command of this build, under Wine."""
    return run_exe(TRAINER, *words, **options)


def expect(what, text, *words):
    for word in words:
        if word not in text:
            sys.exit(f"{what}: expected {word!r} in\n{text}")
    print("ok", what)
