# SPDX-License-Identifier: Apache-2.0
"""What the tests of sdk/python share. They use the package as the wheel installed it, in $BUILD/python."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
BUILD = pathlib.Path(os.environ["BUILD"])
SITE = BUILD / "python" / "site"
PLUGINS = pathlib.Path(os.environ.get("TRAINER_PLUGINS") or BUILD / "plugins")

# A user's own settings must not reach a test.
for variable in [v for v in os.environ if v.startswith(("TRAINER_PLUGIN", "TENSORBOARD_", "CODECARBON_", "XDG_DATA"))]:
    if variable != "TRAINER_PLUGINS":
        del os.environ[variable]
os.environ.update(TRAINER_PLUGIN_PATH=str(PLUGINS), OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")
sys.path.insert(0, str(SITE))


def expect(condition, what):
    if not condition:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {what}")


def expect_equal(found, expected, what):
    expect(found == expected, f"{what} is {found!r}, expected {expected!r}")


def expect_error(kind, words, function, *args, **kwargs):
    """`function` raises `kind`, and its text has all `words`."""
    try:
        function(*args, **kwargs)
    except kind as e:
        missing = [word for word in words if word not in str(e)]
        expect(not missing, f'the error "{e}" does not say {missing}')
        return str(e)
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: no {kind.__name__}, expected one with {words}")


@contextlib.contextmanager
def work_directory():
    before = os.getcwd()
    path = pathlib.Path(tempfile.mkdtemp(prefix="trainer-python-"))
    os.environ["HOME"] = str(path)
    os.chdir(path)
    try:
        yield path
    finally:
        os.chdir(before)
        shutil.rmtree(path, ignore_errors=True)


def compile_c(text, output, *options):
    source = pathlib.Path(str(output) + ".c")
    source.write_text(text)
    command = [
        os.environ.get("CC", "cc"),
        "-std=c11",
        "-I",
        str(SOURCE / "plugin_api" / "include"),
        str(source),
        "-o",
        str(output),
        *options,
    ]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    expect(done.returncode == 0, f"{' '.join(command)} gave {done.returncode}:\n{done.stdout}")
    return pathlib.Path(output)


def compile_plugin(text, output):
    return compile_c(text, output, "-shared", "-fPIC", "-fvisibility=hidden")
