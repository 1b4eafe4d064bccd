# SPDX-License-Identifier: Apache-2.0
"""What a plugin's author sees of the contract, measured on the built plugins and the SDK's examples.

  plugins.py exports   each plugin of BUILD/plugins exports its entry only, and links nothing of ours
  plugins.py compile   an example compiles in well under a second; prints how long it took
  plugins.py notes     each compiler here puts the events of a class into the note, optimized or not
Reads SOURCE, BUILD, TRAINER, CC and CXX from the environment.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
BUILD = pathlib.Path(os.environ["BUILD"])
OURS = re.compile(r"^lib(trainer|torch|c10|spdlog)")
LIMIT_S = 5.0  # idle machines take a tenth of it; more says that a header has grown beyond reason


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def problems_of(library, exports_too=True):
    names = [line.split()[-1] for line in output("nm", "-D", "--defined-only", str(library)).splitlines()]
    if exports_too and names != ["trainer_plugin_entry"]:
        yield f"{library.name} exports {names}, expected trainer_plugin_entry only"
    for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", str(library))):
        if OURS.match(needed):
            yield f"{library.name} is linked with {needed}, expected nothing of LibTrainer or LibTorch"


def exports():
    libraries = sorted((BUILD / "plugins").glob("*.so"))
    problems = [problem for library in libraries for problem in problems_of(library)]
    print(f"{len(libraries)} plugins:", *(library.stem for library in libraries))
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems or not libraries else 0


def seconds(*command):
    """Processor time of the best of three."""
    best = float("inf")
    for _ in range(3):
        child = subprocess.Popen(command)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"failed: {' '.join(command)}")
        best = min(best, usage.ru_utime + usage.ru_stime)
    return best


def compile_examples():
    include = [f"-I{SOURCE / 'plugin_api/include'}", f"-I{SOURCE / 'sdk/include'}"]
    failed = False
    with tempfile.TemporaryDirectory() as work:
        for name, compiler, standard in (
            ("hello_c.c", os.environ["CC"], "c11"),
            ("hello_cpp.cpp", os.environ["CXX"], "c++17"),
        ):
            source = SOURCE / "sdk/examples" / pathlib.Path(name).stem / name
            made = pathlib.Path(work, name).with_suffix(".so")
            taken = seconds(
                compiler,
                f"-std={standard}",
                "-shared",
                "-fPIC",
                "-fvisibility=hidden",
                *include,
                str(source),
                "-o",
                str(made),
            )
            print(f"{name}: compiled and linked in {taken:.2f} s of processor time, limit {LIMIT_S} s")
            failed |= taken > LIMIT_S
            for problem in problems_of(made, exports_too=False):  # trainer_add_plugin() hides std's too
                print(problem, file=sys.stderr)
                failed = True
    return 1 if failed else 0


def notes():
    """What stands in the file, which is read without running it, when the source leaves "events" out."""
    source = SOURCE / "tests/abi/frozen/1.1/scribe.cpp"  # its overrides are private
    expected = "on_train_begin, on_train_end, on_step_end, on_save, on_log"
    include = [f"-I{SOURCE / 'plugin_api/include'}", f"-I{SOURCE / 'sdk/include'}"]
    here = filter(None, map(shutil.which, (os.environ["CXX"], "g++", "clang++")))
    compilers = {os.path.realpath(path): path for path in here}.values()  # each once
    problems = []
    with tempfile.TemporaryDirectory() as work:
        for compiler in sorted(compilers):
            for level in ("-O0", "-O2"):
                made = pathlib.Path(work, f"{pathlib.Path(compiler).name}{level}.so")
                output(
                    compiler,
                    "-std=c++17",
                    level,
                    "-shared",
                    "-fPIC",
                    "-Wall",
                    "-Wextra",
                    "-Werror",
                    *include,
                    source,
                    "-o",
                    made,
                )
                said = output(os.environ["TRAINER"], "plugins", "inspect", made)
                if f" {expected}\n" not in said or not re.search(r"^abi +1\.0$", said, flags=re.M):
                    problems.append(f"{made.name}: expected abi 1.0 and the events {expected}, found\n{said}")
    print(len(compilers), "compilers:", *sorted(compilers))
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit({"exports": exports, "compile": compile_examples, "notes": notes}[sys.argv[1]]())
