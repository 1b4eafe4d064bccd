# SPDX-License-Identifier: Apache-2.0
"""Every code block of the documentation is code: compiled, run or parsed by what its reader would give it to.

A block says its language after the fence: cpp and c are compiled, cmake is configured against what is installed, sh is
run by bash with recorders in place of all programs but `trainer`, python is compiled, json is a run file that runs. In
text, which is for people, and in command lines within a sentence the options of `trainer` are checked. A block stands
for itself, unless the line before it names a file of tests/docs/in, `<!-- in FILE -->`: then it takes the place of that
file's line with BLOCK. What the command lines of a block need and a test has not is said in the line before it,
`<!-- not run: REASON -->`: then only their options are checked. tests/docs/beside lies beside what is run.

Reads SOURCE, BUILD, TRAINER, TORCH, CC and CXX from the environment. `code_blocks.py [page]...` looks at these pages, and
always at wrong.md.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from block import SOURCE, WRONG, blocks, inline_commands, pages
from shell_block import check_shell, check_synopsis, prepare

BUILD = pathlib.Path(os.environ["BUILD"])
TRAINER = os.environ["TRAINER"]
WITH_TORCH = re.compile(r"#include <(torch/|trainer/trainer\.hpp)")
INCLUDE = re.compile(r"^\s*#include .*$", re.M)
MOST_NOT_RUN = 14  # blocks
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused"]


def fails(command, **more):
    """What a command says when it fails, or nothing."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}(exit status {done.returncode})"


def syntax(text, compiler, *flags):
    """What the compiler has against a text."""
    command = [*compiler.split(), *flags, "-fsyntax-only", *WARNINGS, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=SOURCE)
    return "" if done.returncode == 0 else done.stderr


def check_plugin_source(block, _):
    """As a plugin's author compiles it: without LibTorch."""
    include = [f"-I{SOURCE / room / 'include'}" for room in ("plugin_api", "sdk")]
    if block.language == "c":
        return syntax(block.numbered(), os.environ["CC"], "-xc", "-std=c11", *include)
    return syntax(block.numbered(), os.environ["CXX"], "-xc++", "-std=c++17", *include)


def check_programs(those, _):
    """As a program on LibTorch; all in one source, each in a namespace of its own, for LibTorch's headers take seconds."""
    includes, bodies = {}, []
    for i, block in enumerate(those):
        includes.update(dict.fromkeys(line.strip() for line in INCLUDE.findall(block.whole())))
        bodies.append(f"namespace block_{i} {{\n{INCLUDE.sub('', block.numbered())}\n}}\n")
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    command = next(entry["command"] for entry in entries if "/trainer_host.dir/" in entry["command"])
    flags = [word for flag in re.findall(r"-isystem \S+|-[ID]\S+|-std=\S+", command) for word in flag.split()]
    flags += [f"-I{SOURCE / 'sdk/include'}", "-Wno-return-type"]  # of main(), which is another function here
    said = syntax("\n".join([*includes, *bodies]), os.environ["CXX"], "-xc++", *flags)
    errors = [line for line in said.splitlines() if " error: " in line]
    meant = [line for line in errors if line.startswith(wrong_page)]
    return "\n".join(meant) if meant == errors else f"programs:\n{said}"


def check_python(block, _):
    try:
        compile("\n" * (block.line - 1) + block.whole(), block.page, "exec")
    except SyntaxError as e:
        return f"{e.msg} in line {e.lineno}"
    return ""


def check_run_file(block, work):
    """Its actions are done, with the digits as data."""
    prepare(work)
    run = json.loads(block.whole())
    start = run.pop("init_from", None)
    if start:  # is written by a run of the same model
        (work / "first.json").write_text(json.dumps({**run, "callbacks": [], "args": {"report_to": "none"}}))
        said = fails([TRAINER, "train", "first.json", "--output_dir=first", "--max_steps=1"], cwd=work)
        if said:
            return said
        shutil.copy(work / "first" / "model.safetensors", work / start)
    (work / "run.json").write_text(block.whole())
    return fails([TRAINER, "run", "run.json"], cwd=work, env={**os.environ, "TRAINER_PYTHON": sys.executable})


def check_cmake(block, work):
    text = block.whole()
    (work / "CMakeLists.txt").write_text(text)
    for name in re.findall(r"\b\w+\.c(?:pp)?\b", text):
        (work / name).touch()
    found = [f"-DCMAKE_PREFIX_PATH={work.parent / 'prefix'}", f"-DTorch_DIR={os.environ['TORCH']}/share/cmake/Torch"]
    return fails(["cmake", "-S", work, "-B", work / "build", f"-DFETCHCONTENT_SOURCE_DIR_LIBTRAINER={SOURCE}", *found])


CHECKS = {
    "c": check_plugin_source,
    "cpp": check_plugin_source,
    "cmake": check_cmake,
    "json": check_run_file,
    "python": check_python,
    "sh": check_shell,
    "text": check_synopsis,
    "zig": lambda *_: "",  # the set-up has no Zig
}
wrong_page = str(WRONG.relative_to(SOURCE))


def is_program(block):
    return block.language == "cpp" and WITH_TORCH.search(block.whole())


def check(block, work):
    """What is wrong with a block, or with the programs, or nothing."""
    if isinstance(block, list):
        return check_programs(block, work)
    if block.language not in CHECKS:
        return f'{block.page}:{block.line}: the language "{block.language}" is none of {", ".join(CHECKS)}'
    work.mkdir()
    said = CHECKS[block.language](block, work)
    return said and f"{block.page}:{block.line}: {said}"


def main():
    wrong = [*blocks(WRONG), *inline_commands(WRONG)]
    looked_at = [SOURCE / page for page in sys.argv[1:]] or list(pages())
    found = [block for page in looked_at for block in blocks(page)]
    everything = [*wrong, *found, *(command for page in looked_at for command in inline_commands(page))]
    those = [[block for block in everything if is_program(block)], *(b for b in everything if not is_program(b))]
    with tempfile.TemporaryDirectory() as work:
        said = fails(["cmake", "--install", BUILD, "--prefix", f"{work}/prefix"])
        if said:
            sys.exit(said)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            scratch = [pathlib.Path(work) / f"block{i}" for i in range(len(those))]
            problems = [said for said in pool.map(check, those, scratch) if said]

    noticed = [int(line) for line in re.findall(rf"^{wrong_page}:(\d+)", "\n".join(problems), re.M)]
    problems = [said for said in problems if not said.startswith(wrong_page)]
    for block in wrong:
        if not any(block.line <= line <= block.line + block.text.count("\n") for line in noticed):
            problems.append(f"{wrong_page}:{block.line}: is wrong, and nothing was said")
    not_run = [block for block in found if block.reason]
    if len(not_run) > MOST_NOT_RUN:
        problems.append(f"{len(not_run)} blocks are not run, expected at most {MOST_NOT_RUN}")
    print(*(f"{block.page}:{block.line}: not run: {block.reason}" for block in not_run), sep="\n")
    print(*problems, sep="\n", file=sys.stderr)
    print(f"{len(found)} blocks, {len(problems)} problems")
    return 1 if problems or not found else 0


if __name__ == "__main__":
    sys.exit(main())
