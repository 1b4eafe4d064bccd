# SPDX-License-Identifier: Apache-2.0
"""Makes a copy of the sources whose contract is one minor newer, with two fields more at the end of every struct."""

import pathlib
import re
import shutil
import sys

PARTS = ("CMakeLists.txt", "core", "plugin_api", "child", "report", "sdk", "plugins", "host", "LICENSE")
FROZEN = ("trainer_text", "trainer_note")  # have no struct_size
FIELD = "uint32_t reserved_next;\n  uint32_t from_next_minor;"


def copy(source, to):
    to.mkdir()
    for part in PARTS:
        of = pathlib.Path(source, part)
        shutil.copytree(of, to / part) if of.is_dir() else shutil.copy(of, to / part)
    headers = to / "plugin_api" / "include" / "trainer"
    grown = []
    for header in sorted(headers.rglob("*.h")):
        text = header.read_text()
        for last in re.findall(r"^TRAINER_LAST_FIELD\((?:struct )?(\w+), \w+\);", text, flags=re.M):
            if last in FROZEN:
                continue
            text = re.sub(
                rf"(struct {last} \{{(?:.(?!^\}}))*.)^\}}", rf"\1  {FIELD}\n}}", text, count=1, flags=re.S | re.M
            )
            text = re.sub(
                rf"TRAINER_LAST_FIELD\(((?:struct )?{last}), \w+\);", r"TRAINER_LAST_FIELD(\1, from_next_minor);", text
            )
            grown.append(last)
        assert text.count(FIELD) == text.count(", from_next_minor);"), f"{header}: a struct did not get its field"
        header.write_text(text)
    abi = headers / "abi.h"
    text = abi.read_text()
    minor = int(re.search(r"^#define TRAINER_ABI_MINOR (\d+)u$", text, flags=re.M).group(1))
    abi.write_text(text.replace(f"#define TRAINER_ABI_MINOR {minor}u", f"#define TRAINER_ABI_MINOR {minor + 1}u"))
    return grown


if __name__ == "__main__":
    print(*copy(sys.argv[1], pathlib.Path(sys.argv[2])))
