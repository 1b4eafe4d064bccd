# SPDX-License-Identifier: Apache-2.0
"""`trainer plugins new` under Wine, for C and for C++: the project that it writes is built by MinGW with what is installed,
its unit test runs, and the host validates the plugin.
"""

import pathlib
import tempfile

import wine


def main():
    wine.require("cmake", "ninja")
    toolchain = wine.SOURCE / "scripts/windows/mingw.cmake"
    with tempfile.TemporaryDirectory() as name:  # a name that a program's arguments can have without a manifest
        work = pathlib.Path(name)
        prefix = work / "prefix"
        wine.run("cmake", "--install", wine.BUILD, "--prefix", prefix)
        trainer = prefix / "bin/trainer.exe"
        for language in ("c", "cpp"):
            name = f"my_{language}"
            wine.run_exe(trainer, "plugins", "new", name, "--language", language, cwd=work)
            build = work / f"build-{language}"
            flags = [
                f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
                f"-DCMAKE_PREFIX_PATH={prefix}",
                f"-DCMAKE_FIND_ROOT_PATH={prefix}",
            ]
            wine.run("cmake", "-S", work / name, "-B", build, "-G", "Ninja", *flags)
            wine.run("cmake", "--build", build)
            text = wine.run("ctest", "--test-dir", build, "--output-on-failure")
            wine.expect(f"{language}: unit test", text, "100% tests passed")
            text = wine.run_exe(trainer, "plugins", "validate", build / f"{name}.dll", cwd=work)
            wine.expect(f"{language}: validate", text, " 0 failed")


if __name__ == "__main__":
    main()
