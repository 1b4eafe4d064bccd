# SPDX-License-Identifier: Apache-2.0
"""The code blocks of the documentation's pages, each in its frame."""

import os
import pathlib
import re
from dataclasses import dataclass

SOURCE = pathlib.Path(os.environ["SOURCE"])
HERE = SOURCE / "tests" / "docs"
WRONG = HERE / "wrong.md"  # each of its blocks has a fault, which has to be found
ROOMS = ["docs", "plugin_api", "report", "sdk", "core", "host", "plugins", "tests"]
MARK = r"(?:^<!-- in (?P<frame>.+) -->\n|^<!-- not run: (?P<reason>.+) -->\n)?"
BLOCK = re.compile(MARK + r"^```(?P<language>.*)\n(?P<text>(?:.*\n)*?)^```$", re.M)
INLINE = re.compile(r"`(trainer [^`]+)`")


@dataclass
class Block:
    page: str
    line: int  # of its first line
    language: str
    frame: str
    text: str
    reason: str = ""  # why its command lines are not run

    def lines(self):
        """The block in its frame: (text, line, file) of each part."""
        if not self.frame:
            return [(self.text, self.line, self.page)]
        frame = (HERE / "in" / self.frame).read_text().splitlines(keepends=True)
        at = next(i for i, line in enumerate(frame) if "BLOCK" in line)
        file = f"tests/docs/in/{self.frame}"
        return [
            ("".join(frame[:at]), 1, file),
            (self.text, self.line, self.page),
            ("".join(frame[at + 1 :]), at + 2, file),
        ]

    def whole(self):
        return "".join(text for text, _, _ in self.lines())

    def numbered(self):
        """With #line, so that a compiler names the page."""
        return "".join(f'#line {line} "{file}"\n{text}' for text, line, file in self.lines())


def pages():
    yield from sorted(SOURCE.glob("*.md"))
    for room in ROOMS:
        yield from sorted(page for page in (SOURCE / room).rglob("*.md") if page != WRONG)


def blocks(page):
    text = page.read_text()
    name = str(page.relative_to(SOURCE))
    found = list(BLOCK.finditer(text))
    if len(re.findall(r"^\s*```", text, re.M)) != 2 * len(found):
        raise ValueError(f"{name}: a fence that is indented, or not closed")
    for match in found:
        line = text.count("\n", 0, match.start("text")) + 1
        yield Block(name, line, match["language"].strip(), match["frame"], match["text"], match["reason"])


def inline_commands(page):
    """The command lines of `trainer` within the text of a page, each as a block of its own."""
    text = BLOCK.sub(lambda block: "\n" * block[0].count("\n"), page.read_text())
    for match in INLINE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(str(page.relative_to(SOURCE)), line, "text", None, " ".join(match[1].split()) + "\n")
