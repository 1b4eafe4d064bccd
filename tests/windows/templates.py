# SPDX-License-Identifier: Apache-2.0
"""`trainer plugins new` under Wine, for C and for C++: the project that it writes is built by MinGW with what is installed,
its unit test runs, and the host validates the plugin. The lines of docs/plugins.md for MinGW make plugins, too.
"""

import re
import subprocess

import wine


def main():
    wine.require("cmake", "ninja")
    toolchain = wine.SOURCE / "scripts/windows/mingw.cmake"
    with wine.directory() as work:
        prefix = work / "prefix"
        wine.run("cmake", "--install", wine.BUILD, "--prefix", prefix)
        trainer = prefix / "bin/trainer.exe"
        for language in ("c", "cpp"):
            name = f"my_{language}"
            wine.run_exe(trainer, "plugins", "new", name, "--language", language, cwd=work)
            wine.expect(
                f"{language}: README", (work / name / "README.md").read_text(), f"build/{name}.dll", "%LOCALAPPDATA%"
            )
            build = work / f"build-{language}"
            flags = [
                f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
                f"-DCMAKE_PREFIX_PATH={prefix}",
                f"-DCMAKE_FIND_ROOT_PATH={prefix}",
            ]
            wine.run("cmake", "-S", work / name, "-B", build, "-G", "Ninja", *flags)
            wine.run("cmake", "--build", build)
            text = wine.run("ctest", "--test-dir", build, "--output-on-failure")
            wine.expect(f"{language}: its tests", text, "unit", "validate", "100% tests passed")
        by_hand(work, prefix, trainer)


def by_hand(work, prefix, trainer):
    page = (wine.SOURCE / "docs/plugins.md").read_text()
    for language in ("c", "cpp"):
        source = next(
            text for text in re.findall(rf"```{language}\n(.*?)```", page, re.S) if "Starting training" in text
        )
        (work / f"hello.{language}").write_text(source)
    lines = re.findall(r"^x86_64-w64-mingw32.*", page, re.M)
    for line in lines:
        subprocess.run(line.replace("DIR/", "prefix/").split(), cwd=work, check=True)
        text = wine.run_exe(trainer, "plugins", "validate", work / "hello.dll", cwd=work)
        wine.expect(line, text, " 0 failed")
    assert len(lines) == 2, lines


if __name__ == "__main__":
    main()
