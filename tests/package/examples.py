# SPDX-License-Identifier: Apache-2.0
"""The examples of host/examples and the README's program as a reader has them: built with what is installed, and from
the sources by FetchContent; run, with a look at what they learned.   examples.py <cmake>, with SOURCE, BUILD, TORCH
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "docs"))
from block import blocks  # noqa: E402

CMAKE = sys.argv[1]
DIGITS = SOURCE / "host" / "examples" / "digits"
# What each is called with, and bounds of the last number that it prints after a text.
RUNS = {
    "ema": ([], {"epoch 3: eval_loss ": (0, 0.35)}),
    "gradual_unfreezing": ([], {"loss: ": (0, 0.6)}),
    "image_classifier": ([DIGITS], {"accuracy: ": (0.9, 1), "f1: ": (0.9, 1)}),
    "language_model": ([SOURCE / "LICENSE"], {"perplexity: ": (1, 7)}),
    "lr_finder": ([], {"learning rate: ": (1e-4, 1), "loss of the training with it: ": (0, 0.6)}),
    "regression": ([SOURCE / "host" / "examples" / "regression"], {"error: ": (0, 0.3)}),
    "readme": ([], {"'train_loss': '": (0, 2)}),
}
INCLUDE = re.compile(r"^#include <.*$", re.M)


def call(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def whole(file):
    """A program with the headers of its own folder in their places."""
    local = re.compile(r'^#include "(.*)"$', re.M)
    return local.sub(lambda found: (file.parent / found[1]).read_text().replace("#pragma once", ""), file.read_text())


def in_namespace(name, source, file):
    """A program as a part of another: includes aside, and with the end that main() may leave out."""
    source = re.sub(r"\}\s*$", "return 0; }\n", source.replace("int main()", "int main(int, char**)"))
    return f'namespace {name} {{\n#line 1 "{file}"\n{INCLUDE.sub("", source)}}}\n'


def all_in_one(programs):
    """One source of all programs; its first argument says which of them is meant."""
    includes = sorted({line for source, _ in programs.values() for line in INCLUDE.findall(source)}, key=len)
    calls = "".join(f'  if (name == "{name}") return {name}::main(argc - 1, argv + 1);\n' for name in programs)
    return "\n".join(
        [
            *includes,
            *(in_namespace(name, *program) for name, program in programs.items()),
            f"int main(int argc, char** argv) {{\n  const std::string name = argv[1];\n{calls}  return 64;\n}}\n",
        ]
    )


def configure(build, **options):
    definitions = [f"-D{key}={value}" for key, value in options.items()]
    torch = f"-DTorch_DIR={os.environ['TORCH']}/share/cmake/Torch"
    here = SOURCE / "tests" / "package" / "examples"
    call(CMAKE, "-S", here, "-B", build, torch, "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-g0", *definitions)


def run(program, name, work):
    arguments, bounds = RUNS[name]
    work.mkdir(exist_ok=True)
    said = call(*program, *arguments, cwd=work, env={**os.environ, "OMP_NUM_THREADS": "1"})
    for what, (low, high) in bounds.items():
        found = re.findall(rf"{what}([-+.0-9e]+)", said)
        if not found or not low <= float(found[-1]) <= high:
            sys.exit(f"{name}: {what}is to be in [{low}, {high}], and it says:\n{said[-4000:]}")
        print(f"{name}: {what}{found[-1]}")


def main(work):
    call(CMAKE, "--install", os.environ["BUILD"], "--prefix", work / "prefix")
    examples = work / "prefix" / "share" / "libtrainer" / "host_examples"
    programs = {file.parent.name: (whole(file), file) for file in sorted(examples.glob("*/main.cpp"))}
    program = next(block for block in blocks(SOURCE / "README.md") if "int main" in block.text)
    programs["readme"] = (program.text, "README.md")
    if set(programs) != set(RUNS):
        sys.exit(f"there are {', '.join(programs)}, and runs of {', '.join(RUNS)}")

    # With find_package.
    everything = work / "all.cpp"
    everything.write_text(all_in_one(programs))
    options = {"EXAMPLES": examples, "ALL": everything}
    configure(work / "installed", CMAKE_PREFIX_PATH=work / "prefix", **options)
    call(CMAKE, "--build", work / "installed", "--target", "all_examples")
    for name in programs:
        if name == "readme":
            shutil.copytree(DIGITS, work / name)
        run([work / "installed" / "all_examples", name], name, work / name)

    # From the sources: configured whole, and one example built. Its library is the one that is built already, where
    # this project would build it, for that takes minutes.
    if os.environ["CMAKE_GENERATOR"] != "Ninja":
        print("not built from the sources: only with Ninja")
        return
    fetched = work / "fetched"
    name = "image_classifier"
    configure(fetched, FETCH="ON", **options)
    call(CMAKE, "--build", fetched, "--target", f"{name}/CMakeFiles/{name}.dir/main.cpp.o")
    ninja = re.search(r"^CMAKE_MAKE_PROGRAM:.*=(.*)$", (fetched / "CMakeCache.txt").read_text(), re.M)[1]
    link = call(ninja, "-C", fetched, "-t", "commands", "-s", f"{name}/{name}").splitlines()[-1]
    library = fetched / re.search(r"\S*libtrainer\.so\.\S+", link)[0]
    shutil.copytree(work / "prefix" / "lib", library.parent, dirs_exist_ok=True)
    call("sh", "-c", link, cwd=fetched)
    run([fetched / name / name], name, work / "of_sources")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        main(pathlib.Path(directory))
