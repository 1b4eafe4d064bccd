# SPDX-License-Identifier: Apache-2.0
"""The layout of every struct of plugin_api on 64-bit Windows is the one that plugin_api/abi keeps for x86-64: MinGW's
compiler and clang for MSVC's ABI, on x86-64 and ARM64, take it as static assertions. Nothing is linked or run.

77 when neither compiler is there. Reads SOURCE from the environment.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import layout

COMPILERS = {
    "MinGW": ["x86_64-w64-mingw32-gcc-posix"],
    "MSVC's ABI": ["clang-16", "--target=x86_64-pc-windows-msvc"],
    "MSVC's ABI on ARM64": ["clang-16", "--target=aarch64-pc-windows-msvc"],
}


def assertions():
    """Of each line of the kept layout; and that each struct of the headers is in it."""
    kept = (layout.SOURCE / "plugin_api/abi/layout-x86_64.txt").read_text().splitlines()[1:]
    names = {name for _, name, _ in layout.structs()}
    missing = names - {line.split()[0] for line in kept}
    if missing:
        sys.exit(f"not in layout-x86_64.txt: {', '.join(sorted(missing))}")
    for line in kept:
        name, *words = line.split()
        numbers = dict(zip(words[::2], map(int, words[1::2])))
        struct, _, field = name.partition(".")
        if field:
            yield name, f"offsetof(T_{struct}, {field}) == {numbers['offset']}"
            yield name, f"sizeof(((T_{struct}*)0)->{field}) == {numbers['size']}"
        else:
            yield name, f"sizeof(T_{struct}) == {numbers['size']} && _Alignof(T_{struct}) == {numbers['align']}"


def main():
    headers = sorted({header for header, _, _ in layout.structs()})
    lines = ["#include <stddef.h>", *(f"#include <{header}>" for header in headers)]
    lines += [f"typedef struct {name} T_{name};" for _, name, _ in layout.structs()]
    lines += [f'_Static_assert({condition}, "{name}: {condition}");' for name, condition in assertions()]
    tried = 0
    with tempfile.TemporaryDirectory() as work:
        code = pathlib.Path(work, "layout.c")
        code.write_text("\n".join(lines) + "\n")
        for what, compiler in COMPILERS.items():
            if not shutil.which(compiler[0]):
                print(f"without {what}: no {compiler[0]}")
                continue
            tried += 1
            flags = ["-std=c11", "-ffreestanding", "-fsyntax-only", "-I", layout.INCLUDE]
            done = subprocess.run([*compiler, *flags, code], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"{what}: {done.stderr}")
            print(f"ok {what}: {sum(line.startswith('_Static_assert') for line in lines)} assertions hold")
    return 0 if tried else 77


if __name__ == "__main__":
    os.environ.setdefault("SOURCE", str(layout.SOURCE))
    sys.exit(main())
