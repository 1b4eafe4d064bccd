# SPDX-License-Identifier: Apache-2.0
"""The commands that need no LibTorch, under Wine, in a directory with a blank, an accent, a euro sign and a Chinese letter
in its name: what they print has the line ends of every system, and a Linux plugin is told apart.

    commands.py LINUX_PLUGIN.so
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
BUILD = pathlib.Path(os.environ["BUILD"])
sys.path.insert(0, str(SOURCE / "tests" / "hostile"))
from host import Host  # noqa: E402

#  words of the command, exit status, what is printed
CASES = [
    (["--version"], 0, ["trainer 0."]),
    (["completion", "bash"], 0, ["plugins"]),
    (["plugins", "list", "--plugin-dir", "."], 0, ["hello_c ", "tráiner € 学"]),
    (["plugins", "inspect", "hello_c.dll"], 0, ["system       Windows\n", "exports      trainer_plugin_entry\n"]),
    (["plugins", "inspect", "linux.so"], 0, ["Linux, not this one\n"]),
    (["plugins", "inspect", "none.dll"], 2, ["could not be opened: ", "[plugin.file-unreadable]"]),
    (
        ["plugins", "validate", "linux.so"],
        1,
        ["is a Linux library (ELF), expected a shared library for this system (PE)"],
    ),
    (["plugins", "validate", "hello_c.dll"], 0, ["ok      load.note", " 0 failed"]),
    (["plugins", "bench", "hello_c.dll"], 0, ["ns"]),
    (
        ["replay", "trainer_state.json", "--callback", "hello_c", "--plugin-dir", ".", "--output_dir", "out"],
        0,
        ["replayed"],
    ),
    (["show", "."], 0, ["loss"]),
    (["report", ".", "--output", "répört.html"], 0, []),
    (["train", "run.json"], 1, ["the build of LibTrainer for Windows does not have", "[process.failed]"]),
]


def main():
    wrong = []
    with tempfile.TemporaryDirectory(prefix="tráiner € 学 ") as name:
        work = pathlib.Path(name)
        host = Host(work, 4)
        shutil.copy(BUILD / "plugins/hello_c.dll", work)
        shutil.copy(sys.argv[1], work / "linux.so")
        (work / "run.json").write_text("{}")
        for words, wanted, texts in CASES:
            status, out, error, _ = host.run(*words)
            missing = [text for text in texts if text not in out + error]
            if status != wanted or missing or "\r" in out + error:
                wrong.append(f"{words}: {status}, expected {wanted} and {missing}: {out}{error}")
        if "<html" not in (work / "répört.html").read_text(encoding="utf-8"):
            wrong.append("report wrote no page")
        lock = json.loads((work / "cache/contacts.json").read_text(encoding="utf-8"))
        if not any("tráiner € 学" in entry["path"] for entry in lock.values()):
            wrong.append(f"the trial is not kept: {lock}")
    print("\n".join(wrong) or f"{len(CASES)} commands as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
