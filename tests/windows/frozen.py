# SPDX-License-Identifier: Apache-2.0
"""Plugins that were built for Windows with earlier versions of the contract work with this host: what they see in a replay
is what the same sources saw on Linux (abi/frozen/VERSION/replay.txt). Built once, by MinGW, with the headers of a commit of
that version: `frozen.py --build VERSION ROOT`.
"""

import pathlib
import shutil
import sys
import tempfile

import wine

FROZEN = wine.SOURCE / "tests/abi/frozen"
MACHINE = "x86_64-windows"
FLAGS = ["-Os", "-shared", "-s", "-static", "-fvisibility=hidden", "-Wl,--exclude-all-symbols"]


def build(version, root):
    to = FROZEN / version / MACHINE
    if to.exists():
        sys.exit(f"{to} is there already: a frozen plugin is not built again")
    to.mkdir()
    include = [word for part in ("plugin_api", "sdk") for word in ("-I", root / part / "include")]
    for compiler, standard, source, name in (
        ("x86_64-w64-mingw32-gcc-posix", "-std=c11", "witness.c", "frozen_witness"),
        ("x86_64-w64-mingw32-g++-posix", "-std=c++17", "scribe.cpp", "frozen_scribe"),
    ):
        wine.run(compiler, standard, *FLAGS, *include, FROZEN / version / source, "-o", to / f"{name}.dll")


def replay(plugins, state):
    with wine.directory() as work:
        text = wine.trainer(
            *("replay", state, "--report_to", "none", "--output_dir", "out", "--plugin-dir", plugins),
            *("--callback", 'frozen_witness={"file": "witness", "list": []}'),
            *("--callback", 'frozen_scribe={"file": "scribe"}'),
            cwd=work,
            status=1,
            env={"TRAINER_CACHE_DIR": work / "cache"},
        )
        wine.expect(
            "the host's words",
            text,
            "frozen_witness: the witness has seen the end",
            "frozen_scribe failed in on_train_end at step",
            "it has run out of ink",
        )
        seen = "".join(f"== {name}\n{(work / name).read_text()}" for name in ("witness", "scribe"))
        return seen.replace("\r\n", "\n")  # they write text files


def main():
    if sys.argv[1:2] == ["--build"]:
        return build(sys.argv[2], pathlib.Path(sys.argv[3]))
    wine.require()
    for directory in sorted(FROZEN.glob(f"*/{MACHINE}")):
        version = directory.parent
        with tempfile.TemporaryDirectory() as copy:
            plugins = shutil.copytree(directory, pathlib.Path(copy, "plugins"))
            found = replay(plugins, version / "trainer_state.json")
        expected = (version / "replay.txt").read_text()
        if found != expected:
            pairs = zip(expected.splitlines(), found.splitlines())
            first = next((pair for pair in pairs if pair[0] != pair[1]), ("the end", "the end"))
            sys.exit(f"{version.name}: expected {first[0]!r}, found {first[1]!r}")
        print("ok", version.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
