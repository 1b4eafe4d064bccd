# SPDX-License-Identifier: Apache-2.0
"""Hosts and plugins of two minors work with each other: this contract's, and one that is a minor newer.

The newer one is made here (next_contract.py) and its `trainer` built, without LibTorch. Compared are what a plugin
says of the host (exchange.cpp), the files of the shipped csv plugin, and what frozen plugins wrote down.
Reads TRAINER, SOURCE, BUILD, CXX and CC from the environment.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import layout
import next_contract

SOURCE = pathlib.Path(os.environ["SOURCE"])
BUILD = pathlib.Path(os.environ["BUILD"])
HISTORY = SOURCE / "tests/abi/frozen/1.0/trainer_state.json"


def run(*command, status=0, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    if done.returncode != status:
        sys.exit(
            f"{' '.join(map(str, command))}: status {done.returncode}, expected {status}\n{done.stdout}{done.stderr}"
        )
    return done.stdout + done.stderr


def build_next_host(work):
    tree, build = work / "next", work / "next-build"
    grown = next_contract.copy(SOURCE, tree)
    # Few large units, without optimization: it is built for a handful of runs.
    run(
        "cmake",
        "-S",
        tree,
        "-B",
        build,
        "-G",
        "Ninja",
        "-DCMAKE_BUILD_TYPE=None",
        "-DLIBTRAINER_BUILD_HOST=OFF",
        "-DLIBTRAINER_BUILD_TESTS=OFF",
        "-DLIBTRAINER_WERROR=OFF",
        "-DCMAKE_UNITY_BUILD=ON",
        "-DCMAKE_UNITY_BUILD_BATCH_SIZE=12",
        f"-DCMAKE_C_COMPILER={os.environ['CC']}",
        f"-DCMAKE_CXX_COMPILER={os.environ['CXX']}",
    )
    run("cmake", "--build", build, "--parallel", "2", "--target", "trainer_command", "trainer_plugin_csv")
    print(f"built a host of the next minor, with {len(grown)} larger structs")
    return tree, build


def build_plugin(tree, to, minor=None):
    to.mkdir()
    options = [f"-DTRAINER_PLUGIN_MINOR={minor}u"] if minor is not None else []
    run(
        os.environ["CXX"],
        "-std=c++17",
        "-O1",
        "-shared",
        "-fPIC",
        "-fvisibility=hidden",
        *options,
        "-I",
        tree / "plugin_api/include",
        "-I",
        tree / "sdk/include",
        SOURCE / "tests/abi/exchange.cpp",
        "-o",
        to / "exchange.so",
    )
    return to


def replay(trainer, plugins, *options, status=0):
    out = pathlib.Path(tempfile.mkdtemp())
    try:
        text = run(
            trainer,
            "replay",
            HISTORY,
            "--report_to",
            "none",
            "--output_dir",
            out,
            "--plugin-dir",
            plugins,
            *options,
            status=status,
            env={**os.environ, "TRAINER_CACHE_DIR": str(out / "cache")},
        )
        metrics = out / "metrics.csv"
        return text, metrics.read_text() if metrics.exists() else None
    finally:
        shutil.rmtree(out)


def expect(name, text, *words):
    for word in words:
        if word not in text:
            sys.exit(f"{name}: expected {word!r} in\n{text}")
    if "OVERWRITTEN" in text:
        sys.exit(f"{name}: the host wrote behind what it was given\n{text}")
    print("ok", name)


def main():
    ours = layout.abi_version()
    major, minor = map(int, ours.split("."))
    theirs = f"{major}.{minor + 1}"
    host = pathlib.Path(os.environ["TRAINER"])
    with tempfile.TemporaryDirectory() as made:
        work = pathlib.Path(made)
        tree, build = build_next_host(work)
        next_host = build / "bin/trainer"
        old = build_plugin(SOURCE, work / "old")
        new = build_plugin(tree, work / "new", minor + 1)  # needs the newer minor
        new_for_both = build_plugin(tree, work / "both", minor)
        plugin = ("--callback", "exchange")

        expect(
            "this host, this plugin",
            replay(host, old, *plugin)[0],
            f"host {ours}, plugin {ours}: table equal",
            "seed 42, spared",
            "state equal, control equal",
            "map equal, value 7, spared",
            "exchange 7",
            "epoch 0.5",
        )
        expect(
            "newer host, this plugin",
            replay(next_host, old, *plugin)[0],
            f"host {theirs}, plugin {ours}: table larger",
            "seed 42, spared",
            "state larger, control larger",
            "map larger, value 7, spared",
            "exchange 7",
            "epoch 0.5",
        )
        expect(
            "this host, newer plugin that needs this minor only",
            replay(host, new_for_both, *plugin)[0],
            f"host {ours}, plugin {ours}: table smaller",
            "seed 42, spared",
            "state smaller, control smaller",
            "map smaller, value 7, spared",
            "exchange 7",
            "epoch 0.5",
        )
        expect(
            "newer host, newer plugin",
            replay(next_host, new, *plugin)[0],
            f"host {theirs}, plugin {theirs}: table equal",
            "seed 42, spared",
            "state equal, control equal",
            "map equal, value 7, spared",
            "exchange 7",
            "epoch 0.5",
        )
        expect(
            "this host, newer plugin that needs the newer minor",
            replay(host, new, *plugin, status=2)[0],
            f"it needs the plugin ABI {theirs}, and this host has {ours}, expected the same major and no newer minor",
        )

        csv = ("--callback", "csv")
        files = {
            name: replay(trainer, plugins, *csv)[1]
            for name, trainer, plugins in (
                ("this host", host, BUILD / "plugins"),
                ("newer host", next_host, BUILD / "plugins"),
            )
        }
        if files["this host"] is None or files["this host"] != files["newer host"]:
            sys.exit(f"the csv plugin wrote {files}, expected the same with both hosts")
        print("ok newer host, this csv plugin: the same file")

        done = subprocess.run(
            [sys.executable, SOURCE / "tests/abi/frozen/frozen.py"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "TRAINER": str(next_host)},
        )
        if done.returncode not in (0, 77):
            sys.exit(f"newer host, frozen plugins: {done.stdout}{done.stderr}")
        print("ok newer host, frozen plugins:", *done.stdout.splitlines())
    return 0


if __name__ == "__main__":
    sys.exit(main())
