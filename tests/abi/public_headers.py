# SPDX-License-Identifier: Apache-2.0
"""Each public header of the libraries compiles alone, as the first of a file; those of plugin_api do in header_compiles.sh,
as C and as C++. So does trainer.hpp with a program that trains, evaluates and catches what fails.

The outside headers that take seconds are precompiled, once, and only for those of ours that include them anyway, so that
none gets from there what it did not ask for. Reads SOURCE, CXX and TORCH, empty without LibTorch, from the environment.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
TORCH = os.environ.get("TORCH", "")
COMPILER = os.environ["CXX"].split()
#  library: its standard, and those whose headers it may include
LIBRARIES = {"sdk": ("17", ["plugin_api"]), "core": ("20", ["plugin_api"]), "host": ("20", ["core", "plugin_api"])}
# Those that take longest first: a header gets the first one that it includes.
SLOW = ["torch/nn/module.h", "ATen/ops/stack.h", "ATen/core/Tensor.h", "boost/json.hpp"]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
PROGRAM = """#include <trainer/trainer.hpp>
int status_of(trainer::TrainerOptions options) {
  try {
    trainer::Trainer trainer(std::move(options));
    trainer.train();
    return trainer.evaluate().empty();
  } catch (const trainer::Error& e) {
    return e.kind() == trainer::ErrorKind::usage ? 2 : 1;
  }
}
"""


def flags(library):
    standard, others = LIBRARIES[library]
    found = [f"-std=c++{standard}", "-Wall", "-Wextra", "-Werror"]
    found += [f"-I{SOURCE / name / 'include'}" for name in (library, *others)]
    for folder in ("include", "include/torch/csrc/api/include") if library == "host" else ():
        found += ["-isystem", f"{TORCH}/{folder}"]
    return found


def outside(name, library, seen):
    """All that a header includes, itself or by another of ours."""
    for other in (library, *LIBRARIES[library][1]):
        path = SOURCE / other / "include" / name
        if not path.is_file():
            continue
        if path not in seen:
            seen.add(path)
            for included in INCLUDE.findall(path.read_text()):
                beside = path.parent.relative_to(SOURCE / other / "include") / included
                name = included if not (path.parent / included).is_file() else str(beside)
                yield from outside(name, library, seen)
        return
    yield name


def compile_text(library, text, work, *more):
    done = subprocess.run(
        [*COMPILER, *flags(library), *more], input=text, capture_output=True, text=True, cwd=work, check=False
    )
    return "" if done.returncode == 0 else done.stderr


def main():
    texts = {}  # by library and slow header: name -> text
    for library in LIBRARIES:
        if library == "host" and not TORCH:
            print("without LibTorch: host's are left out")
            continue
        include = SOURCE / library / "include"
        for path in sorted(include.rglob("*.hpp")):
            name = str(path.relative_to(include))
            found = set(outside(name, library, set()))
            slow = next((header for header in SLOW if header in found), "")
            text = PROGRAM if name == "trainer/trainer.hpp" else f"#include <{name}>\n"
            texts.setdefault((library, slow), {})[name] = text
    said = {}
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number, ((library, slow), those) in enumerate(sorted(texts.items(), reverse=True)):
            given = []
            if slow and len(those) > 2:
                file = f"slow{number}.hpp"
                given = ["-include", f"./{file}"]
                pathlib.Path(work, file).write_text(f"#include <{slow}>\n")
                said[slow] = compile_text(library, "", work, "-xc++-header", file, "-o", f"{file}.gch")
                if said[slow]:
                    continue
            check = ["-xc++", "-fsyntax-only", *given, "-"]
            results = {name: pool.submit(compile_text, library, text, work, *check) for name, text in those.items()}
            said |= {name: result.result() for name, result in results.items()}
            pathlib.Path(work, f"slow{number}.hpp.gch").unlink(missing_ok=True)  # some are of hundreds of megabytes
    failed = {name: text for name, text in said.items() if text}
    for name, text in failed.items():
        print(f"{name} does not compile alone:\n{text}", file=sys.stderr)
    print(f"{sum(map(len, texts.values()))} compiled alone, {len(failed)} failed")
    return bool(failed)


sys.exit(main())
