# SPDX-License-Identifier: Apache-2.0
"""Plugins of two minors as .dll in this host: this contract's, and one that is a minor newer (abi/next_contract.py), with
larger structs; one that needs the newer minor is refused. A newer host with older plugins is abi.exchange, on Linux.
With --host, a host of the next minor is built by MinGW, too, which takes minutes, and has this contract's plugins.
"""

import pathlib
import sys

import wine

sys.path.insert(0, str(wine.SOURCE / "tests/abi"))
import layout  # noqa: E402
import next_contract  # noqa: E402

COMPILER = "x86_64-w64-mingw32-g++-posix"
STATE = wine.SOURCE / "tests/abi/frozen/1.0/trainer_state.json"


def build_plugin(tree, to, minor=None):
    to.mkdir()
    options = [f"-DTRAINER_PLUGIN_MINOR={minor}u"] if minor is not None else []
    include = [word for part in ("plugin_api", "sdk") for word in ("-I", tree / part / "include")]
    flags = ["-std=c++17", "-O1", "-shared", "-static", "-Wl,--exclude-all-symbols", *options, *include]
    wine.run(COMPILER, *flags, wine.SOURCE / "tests/abi/exchange.cpp", "-o", to / "exchange.dll")
    return to


def build_host(tree, work):
    build = work / "next-build"
    scripts = wine.SOURCE / "scripts/windows"
    flags = [f"-DCMAKE_TOOLCHAIN_FILE={scripts}/mingw.cmake"]
    flags += [f"-DCMAKE_PROJECT_LibTrainer_INCLUDE={scripts}/packages.cmake", "-DCMAKE_BUILD_TYPE=None"]
    flags += [f"-DLIBTRAINER_{name}=OFF" for name in ("BUILD_HOST", "BUILD_TESTS", "BUILD_PLUGINS", "WERROR")]
    flags += ["-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_UNITY_BUILD_BATCH_SIZE=12"]
    wine.run("cmake", "-S", tree, "-B", build, "-G", "Ninja", *flags)
    wine.run("cmake", "--build", build, "--parallel", "1", "--target", "trainer_command", timeout=1800)
    return build / "bin/trainer.exe"


def replay(work, plugins, host=wine.TRAINER, status=0):
    return wine.run_exe(
        *(host, "replay", STATE, "--report_to", "none", "--output_dir", "out"),
        *("--plugin-dir", plugins, "--callback", "exchange"),
        cwd=work,
        status=status,
        env={"TRAINER_CACHE_DIR": work / "cache"},
    )


def expect(what, text, *words):
    wine.expect(what, text, *words)
    if "OVERWRITTEN" in text:
        sys.exit(f"{what}: the host wrote behind what it was given\n{text}")


def works(what, text, host, plugin, size):
    expect(
        what,
        text,
        f"host {host}, plugin {plugin}: table {size}",
        "seed 42, spared",
        f"state {size}, control {size}",
        f"map {size}, value 7, spared",
        "exchange 7",
        "epoch 0.5",
    )


def main():
    wine.require(COMPILER)
    ours = layout.abi_version()
    major, minor = map(int, ours.split("."))
    theirs = f"{major}.{minor + 1}"
    with wine.directory() as work:
        tree = work / "next"
        next_contract.copy(wine.SOURCE, tree)
        old = build_plugin(wine.SOURCE, work / "old")
        new = build_plugin(tree, work / "new", minor + 1)
        both = build_plugin(tree, work / "both", minor)
        works("this host, this plugin", replay(work, old), ours, ours, "equal")
        works("this host, newer plugin that needs this minor only", replay(work, both), ours, ours, "smaller")
        expect(
            "this host, newer plugin that needs the newer minor",
            replay(work, new, status=2),
            f"it needs the plugin ABI {theirs}, and this host has {ours}, expected the same major and no newer minor",
        )
        if "--host" in sys.argv:
            host = build_host(tree, pathlib.Path("/tmp") / work.parent.name)
            works("newer host, this plugin", replay(work, old, host), theirs, ours, "larger")
            works("newer host, newer plugin", replay(work, new, host), theirs, theirs, "equal")


if __name__ == "__main__":
    main()
