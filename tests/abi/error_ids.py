# SPDX-License-Identifier: Apache-2.0
"""Each error id is explained in docs/errors.md, and used; and docs/errors.md explains no others. SOURCE: this tree."""

import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ["SOURCE"])


def main():
    header = (SOURCE / "core/include/trainer/error_ids.hpp").read_text()
    ids = dict(re.findall(r'inline constexpr ErrorId (\w+)\{"([\w.-]+)"\};', header))
    rows = re.findall(r"^\| `([\w.-]+)` \|", (SOURCE / "docs/errors.md").read_text(), flags=re.M)
    sources = "".join(path.read_text() for room in ("core", "host") for path in (SOURCE / room).rglob("*.cpp"))
    used = set(re.findall(r"error_id::(\w+)", sources))
    problems = [f"{text} has no row in docs/errors.md" for text in ids.values() if text not in rows]
    problems += [f"docs/errors.md explains {row}, which is no id" for row in rows if row not in ids.values()]
    problems += [f"docs/errors.md explains {row} twice" for row in sorted({row for row in rows if rows.count(row) > 1})]
    problems += [f"{name} is used nowhere" for name in ids if name not in used]
    problems += [
        f'{name} is "{text}", expected "{name}" with a dot and hyphens'
        for name, text in ids.items()
        if re.sub(r"[.-]", "_", text) != name
    ]
    print(f"{len(ids)} error ids")
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems or not ids else 0


if __name__ == "__main__":
    sys.exit(main())
