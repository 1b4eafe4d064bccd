# SPDX-License-Identifier: Apache-2.0
"""A plugin's note in a DLL of Windows, to be looked at where it cannot be loaded."""

import struct

from . import _abi
from ._errors import NotAPlugin

_SECTION = ".trainer"
_MAX_NOTE, _MAX_NAMES, _LONGEST_NAME = 1 << 20, 65536, 4096


def read_note_section(file):
    """The bytes of the note's section; refuses what is no plugin."""
    sections, exports = _headers(file)
    found = [s for s in sections if s[0] == _SECTION]
    if not found:
        raise NotAPlugin(
            f"{file.path} is a shared library without a plugin's note, expected a section {_SECTION}; use "
            "TRAINER_PLUGIN_DEFINE"
        )
    if len(found) > 1:
        file.refuse(f"has two sections {_SECTION}, expected one; use TRAINER_PLUGIN_DEFINE once in a plugin")
    _, memory_size, _, size, offset = found[0]
    if _abi.ENTRY_NAME not in _exported(file, sections, exports):
        file.refuse(
            f"does not export {_abi.ENTRY_NAME}, expected of every plugin; use TRAINER_PLUGIN_DEFINE, and do not hide "
            "or strip that symbol"
        )
    return file.piece(offset, min(size, memory_size or size), "note", _MAX_NOTE)


def _headers(file):
    """[(name, size in memory, address, size in the file, offset)], and where the table of exports is."""
    if file.size < 64:
        file.refuse(f"is too short: it has {file.size} bytes, its header alone has 64; copy or build it again")
    (at,) = struct.unpack("<I", file.piece(60, 4, "header"))
    magic, machine, count, _, _, _, optional_size, flags = struct.unpack("<4sHHIIIHH", file.piece(at, 24, "header"))
    if magic != b"PE\0\0":
        file.refuse("is a program for DOS (MZ without PE), expected a plugin's library")
    if not flags & 0x2000:
        file.refuse("is not a shared library; link it with -shared (/DLL)")
    if machine not in (0x8664, 0xAA64):
        file.refuse(f"is for the machine number {machine}, expected a 64-bit one; build the plugin for x86-64 or ARM64")
    optional = file.piece(at + 24, optional_size, "header")
    if len(optional) < 120 or optional[:2] != b"\x0b\x02":
        file.refuse("is damaged: its header is not that of a 64-bit library; build it again")
    (exports,) = struct.unpack_from("<I", optional, 112)
    table = file.piece(at + 24 + optional_size, count * 40, "section table")
    sections = [
        (name.rstrip(b"\0").decode("utf-8", "replace"), memory_size, address, size, offset)
        for name, memory_size, address, size, offset, _ in struct.iter_unpack("<8sIIII16s", table)
    ]
    return sections, exports


def _exported(file, sections, at):
    """The names that others can see."""
    if at == 0:
        return set()
    count, _, names_at = struct.unpack_from("<III", _bytes_at(file, sections, at, 40), 24)
    if count > _MAX_NAMES:
        file.refuse("is damaged: its table of exports has more names than there are numbers; build it again")
    names = struct.unpack(f"<{count}I", _bytes_at(file, sections, names_at, 4 * count))
    return {_bytes_at(file, sections, name, _LONGEST_NAME).split(b"\0")[0].decode("utf-8", "replace") for name in names}


def _bytes_at(file, sections, address, count):
    """As many bytes of the image as its section has in the file, at most `count`."""
    for _, memory_size, start, size, offset in sections:
        if start <= address < start + max(memory_size, size):
            skipped = address - start
            return file.piece(offset + skipped, max(0, min(count, size - skipped)), "table of exports")
    return file.refuse("is damaged: its table of exports lies outside of its sections; build it again")
