# SPDX-License-Identifier: Apache-2.0
"""What stands in a plugin's file, read without running any of its code."""

import os
import platform
import stat
import struct

from . import _abi, _pe
from ._errors import NotAPlugin, PluginError

_MACHINES = {"x86_64": (62, "x86-64"), "AMD64": (62, "x86-64"), "aarch64": (183, "AArch64"), "arm64": (183, "AArch64")}
_MAX_FILE, _MAX_TABLE, _MAX_NOTE = 1 << 30, 1 << 26, 1 << 20
_SHT_NOBITS, _SHT_DYNSYM, _SHF_COMPRESSED = 8, 11, 0x800


class _File:
    def __init__(self, path):
        self.path = path
        try:
            # Non-blocking, because opening a named pipe would else wait for a writer.
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as e:
            raise PluginError(f"{path} could not be opened: {e.strerror}; give the plugin's file, readable") from None
        self._file = os.fdopen(descriptor, "rb")
        info = os.fstat(descriptor)
        self.size = info.st_size
        if not stat.S_ISREG(info.st_mode):
            self._file.close()
            raise PluginError(
                f"{path} is not a regular file, expected a plugin's library; take it out of the directory"
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def refuse(self, rest):
        raise PluginError(f"{self.path} {rest}")

    def piece(self, offset, count, what, most=_MAX_TABLE):
        if offset + count > self.size:
            self.refuse(
                f"is cut short: it has {self.size} bytes of the {offset + count} that its {what} needs; copy or "
                "build it again"
            )
        if count > most:
            self.refuse(f"is damaged: its {what} has {count} bytes, more than the {most} that are read; build it again")
        self._file.seek(offset)
        return self._file.read(count)


def _sections(file):
    """[(name, type, flags, offset, size, link)]"""
    if file.size > _MAX_FILE:
        file.refuse(f"has {file.size} bytes, more than the 1 GiB that a plugin may have; strip it")
    head = file.piece(0, min(file.size, 64), "header")
    if head[:4] != b"\x7fELF":
        file.refuse(
            "does not start as an ELF file, expected a shared library for this system; put the plugin's .so there"
        )
    if len(head) < 64:
        file.refuse(f"is too short: it has {len(head)} bytes, its header alone has 64; copy or build it again")
    machine, name = _MACHINES.get(platform.machine(), (None, platform.machine()))
    if head[4] != 2 or head[5] != 1:
        file.refuse(f"is not a 64-bit little-endian library; build the plugin for {name}")
    (kind, its_machine, _, _, _, at, _, _, _, _, entry_size, count, names) = struct.unpack_from(
        "<HHIQQQIHHHHHH", head, 16
    )
    if its_machine != machine:
        file.refuse(
            f"is for the machine number {its_machine}, expected {machine} ({name}); build the plugin for {name}"
        )
    if kind != 3:
        file.refuse("is not a shared library; link it with -shared")
    if at == 0:
        file.refuse(f"has no table of sections, expected one with {_abi.NOTE_SECTION} in it; do not use sstrip")
    if entry_size != 64:
        file.refuse("is damaged: its header does not describe a table of sections; build it again")
    first = struct.unpack("<IIQQQQIIQQ", file.piece(at, 64, "section table"))
    count = count or first[5]  # with very many sections both stand in the first one
    names = first[6] if names == 0xFFFF else names
    table = list(struct.iter_unpack("<IIQQQQIIQQ", file.piece(at, count * 64, "section table")))
    if names >= len(table):
        file.refuse("is damaged: the names of its sections are missing; build it again")
    texts = file.piece(table[names][4], table[names][5], "table of names")
    return [(_text(texts, s[0]), s[1], s[2], s[4], s[5], s[6]) for s in table]


def _text(table, offset):
    end = table.find(b"\0", offset)
    return table[offset:end].decode("utf-8", "replace") if 0 <= offset < end else ""


def _require_entry(file, sections):
    remedy = "; use TRAINER_PLUGIN_DEFINE, and do not hide or strip that symbol"
    for _, kind, _, offset, size, link in sections:
        if kind != _SHT_DYNSYM or link >= len(sections):
            continue
        names = file.piece(sections[link][3], sections[link][4], "table of names")
        for name, info, _, section, _, _ in struct.iter_unpack(
            "<IBBHQQ", file.piece(offset, size - size % 24, "symbols")
        ):
            if section != 0 and info >> 4 != 0 and _text(names, name) == _abi.ENTRY_NAME:
                if info & 15 not in (2, 10):
                    file.refuse(f"exports {_abi.ENTRY_NAME} as data, expected a function{remedy}")
                return names
    file.refuse(f"does not export {_abi.ENTRY_NAME}, expected of every plugin{remedy}")


def read_note_section(path, any_system=False):
    """The bytes of the note's section; refuses what is no plugin of this machine, or of `any_system`, with the reason."""
    with _File(path) as file:
        if any_system and file.piece(0, min(file.size, 2), "header") == b"MZ":
            return _pe.read_note_section(file)
        sections = _sections(file)
        found = [s for s in sections if s[0] == _abi.NOTE_SECTION]
        if not found:
            raise NotAPlugin(
                f"{path} is a shared library without a plugin's note, expected a section "
                f"{_abi.NOTE_SECTION}; use TRAINER_PLUGIN_DEFINE"
            )
        if len(found) > 1:
            file.refuse(
                f"has two sections {_abi.NOTE_SECTION}, expected one; use TRAINER_PLUGIN_DEFINE once in a plugin"
            )
        _, kind, flags, offset, size, _ = found[0]
        if size > _MAX_NOTE or flags & _SHF_COMPRESSED or kind == _SHT_NOBITS:
            file.refuse("is damaged: its note is compressed, empty or has more than 1 MiB; build it again")
        names = _require_entry(file, sections)
        for runtime in (b"libasan.so", b"libtsan.so"):
            # These end the process from inside the loader when they do not come first in it.
            if runtime in names and runtime.decode() not in os.environ.get("LD_PRELOAD", ""):
                file.refuse(
                    f"was built with a sanitizer (it needs {runtime.decode()}); build it without, or start Python "
                    "with LD_PRELOAD of that library"
                )
        return file.piece(offset, size, "note")
