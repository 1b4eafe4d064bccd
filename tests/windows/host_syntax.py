# SPDX-License-Identifier: Apache-2.0
"""The host's files for Windows, and some that include LibTorch, are well-formed for MinGW with LibTorch's own headers (those
of Linux, with torch_shim.h before them). What MSVC says is another matter: docs/windows.md. Of host's other files none
asks POSIX, and each that does has its twin.
"""

import concurrent.futures
import pathlib
import re
import subprocess
import sys

import wine

HOST = wine.SOURCE / "host"
WITH_TORCH = ["trainer/device.cpp", "exported/weights.cpp"]  # each takes 20 s
POSIX = re.compile(
    r"^\s*#\s*include <(unistd|fcntl|dlfcn|pthread|poll|spawn|signal|termios|dirent|pwd|sys/\w+|netinet/\w+)\.h>"
    r"|(?<![\w.])::(open|close|read|write|fork|getpid|setenv|mkstemp|mkdtemp|isatty|kill|mmap|fsync|rename)\(",
    re.M,
)


def torch_headers():
    for site in sorted((wine.SOURCE / "build").glob("*venv/lib/python3*/site-packages/torch/include")):
        return [site, site / "torch/csrc/api/include"]
    print("no torch in build/venv or build/test-venv: files with LibTorch are left out")
    return []


def check(file, torch):
    flags = ["-std=c++20", "-fsyntax-only", "-D_WIN32_WINNT=0x0A00", "-DNOMINMAX", "-I", HOST, "-I", HOST / "include"]
    flags += [
        "-I",
        wine.SOURCE,
        "-I",
        wine.SOURCE / "core",
        "-I",
        wine.SOURCE / "core/include",
        "-I",
        wine.SOURCE / "plugin_api/include",
    ]
    flags += ["-isystem", wine.BUILD / "packages/include"]
    if torch:
        flags += ["-include", wine.SOURCE / "tests/windows/torch_shim.h", "-w"]
        flags += [word for folder in torch for word in ("-isystem", folder)]
    done = subprocess.run(
        ["x86_64-w64-mingw32-g++-posix", *map(str, flags), str(file)], capture_output=True, text=True, check=False
    )
    return file, done.returncode, done.stderr


def main():
    wine.require("x86_64-w64-mingw32-g++-posix")
    for file in sorted(HOST.rglob("*.[ch]pp")):
        if "examples" in file.parts or file.stem.endswith(("_posix", "_linux", "_windows")):
            continue
        if found := POSIX.search(file.read_text()):
            sys.exit(f"{file}: {found[0].strip()!r}; what asks the system belongs into a file that ends in _posix.cpp")
    print("ok no POSIX call but in *_posix.cpp")
    for file in sorted(HOST.rglob("*_posix.cpp")):
        twin = file.with_name(file.name.replace("_posix", "_windows"))
        if not twin.exists():
            sys.exit(f"{file} has no twin, expected {twin}")
    print("ok each *_posix.cpp has a *_windows.cpp")
    torch = torch_headers()
    jobs = [(file, None) for file in sorted(HOST.rglob("*_windows.cpp"))]
    jobs += [(HOST / name, torch) for name in WITH_TORCH if torch]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for file, status, text in pool.map(lambda job: check(*job), jobs):
            if status != 0:
                sys.exit(f"{file}:\n{text[:4000]}")
            print("ok", pathlib.Path(file).relative_to(wine.SOURCE))


if __name__ == "__main__":
    main()
