# SPDX-License-Identifier: Apache-2.0
"""The project's version stands in CMakeLists.txt: whatever repeats it says the same, and no note of a plugin does.

SOURCE: this tree.
"""

import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ["SOURCE"])
# Each at least once in its file.
REPEATED = {
    "sdk/python/src/libtrainer/__init__.py": r'^__version__ = "(.*)"',
    "docs/plugins/codecarbon.md": r"\(LibTrainer ([^)]*)\)",
}
BY_HAND = r'"version"\s*:\s*"'


def found(path, pattern):
    text = path.read_text()
    for match in re.finditer(pattern, text, flags=re.M):
        yield f"{path.relative_to(SOURCE)}:{text.count(chr(10), 0, match.start()) + 1}", match


def main():
    version = re.search(r"^project\(\w+ VERSION (\S+)", (SOURCE / "CMakeLists.txt").read_text(), flags=re.M)[1]
    problems = []
    for name, pattern in REPEATED.items():
        places = list(found(SOURCE / name, pattern))
        problems += [] if places else [f"{name} has no line with the version: {pattern}"]
        problems += [
            f"{place}: the version is {match[1]}, expected {version} as in CMakeLists.txt"
            for place, match in places
            if match[1] != version
        ]
    sources = sorted((SOURCE / "plugins").rglob("*.cpp"))
    problems += [
        f"{place}: a version by hand, expected TRAINER_VERSION" for path in sources for place, _ in found(path, BY_HAND)
    ]
    print(f"version {version} in {len(REPEATED)} files beside CMakeLists.txt, and {len(sources)} sources of plugins")
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
