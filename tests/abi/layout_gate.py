# SPDX-License-Identifier: Apache-2.0
"""layout.py lets fields be appended and nothing else: tried on changed copies of the headers."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
APPEND = (
    "  uint32_t reserved2;\n} trainer_control;\nTRAINER_LAST_FIELD(trainer_control, reserved2);",
    "  uint32_t reserved2;\n  uint32_t tail;\n} trainer_control;\nTRAINER_LAST_FIELD(trainer_control, tail);",
)
WIDER = (APPEND[0], APPEND[1].replace("uint32_t tail", "int64_t tail"))  # aligns the whole struct anew
#        name, header, from, to, status of a plain check, status of --update, words in what it prints; perhaps one
#        more header, from, to
CASES = [
    ("nothing", "abi.h", "", "", 0, 0, "as kept"),
    ("appended", "control.h", *APPEND, 1, 0, "--update"),
    ("appended, wider", "control.h", *WIDER, 1, 1, "trainer_control size 32 align 4"),
    (
        "inserted",
        "control.h",
        "  uint32_t should_save;",
        "  uint32_t extra;\n  uint32_t should_save;",
        1,
        1,
        "trainer_control.should_save",
    ),
    ("removed", "control.h", "  uint32_t should_evaluate;", "  /* gone */", 1, 1, "should_evaluate is gone"),
    ("swapped", "event.h", "  uint32_t has;", "  uint32_t swapped;", 1, 1, "trainer_event.has is gone"),
    (
        "widened",
        "state.h",
        "  uint32_t is_hyper_param_search;",
        "  uint64_t is_hyper_param_search;",
        1,
        1,
        "without padding",
    ),
    (
        "unnamed last",
        "control.h",
        "  uint32_t reserved2;\n",
        "  uint32_t reserved2;\n  uint32_t reserved3;\n",
        1,
        1,
        "TRAINER_LAST_FIELD",
    ),
    ("new minor", "abi.h", "#define TRAINER_ABI_MINOR 1u", "#define TRAINER_ABI_MINOR 2u", 1, 0, "--update"),
    (
        "new minor, inserted",
        "abi.h",
        "#define TRAINER_ABI_MINOR 1u",
        "#define TRAINER_ABI_MINOR 2u",
        1,
        1,
        "trainer_control.should_save",
        "control.h",
        "  uint32_t should_save;",
        "  uint32_t extra;\n  uint32_t should_save;",
    ),
    (
        "new major, inserted",
        "abi.h",
        "#define TRAINER_ABI_MAJOR 1u",
        "#define TRAINER_ABI_MAJOR 2u",
        1,
        0,
        "--update",
        "control.h",
        "  uint32_t should_save;",
        "  uint32_t extra;\n  uint32_t should_save;",
    ),
]


def run(tree, *options):
    script = SOURCE / "tests" / "abi" / "layout.py"
    done = subprocess.run(
        [sys.executable, script, "x86_64", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SOURCE": str(tree)},
    )
    return done.returncode, done.stdout + done.stderr


def main():
    failed = []
    for name, header, old, new, plain, update, words, *second in CASES:
        with tempfile.TemporaryDirectory() as work:
            shutil.copytree(SOURCE / "plugin_api", pathlib.Path(work, "plugin_api"))
            for file, before, replaced in ((header, old, new), *([second] if second else [])):
                path = pathlib.Path(work, "plugin_api/include/trainer", file)
                text = path.read_text()
                assert before in text, f"{file} has no {before!r}"
                path.write_text(text.replace(before, replaced, 1))
            status, printed = run(work)
            if status == 77:
                return 77
            updated, _ = run(work, "--update")
            after, _ = run(work)
            right = status == plain and updated == update and words in printed and (after == 0) == (update == 0)
            print("ok    " if right else "FAILED", name, status, updated, after)
            if not right:
                failed.append(name)
                print(printed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
