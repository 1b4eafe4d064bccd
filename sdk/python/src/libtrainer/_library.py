# SPDX-License-Identifier: Apache-2.0
"""Loads plugins and checks what their code says against what their file said. Never unloads one."""

import ctypes
import os
import threading

from . import _abi
from ._errors import PluginError
from ._note import require_compatible_abi
from ._registry import read_plugin

_LEAST_TABLE, _MOST_TABLE = ctypes.sizeof(_abi.Plugin), 64 * 1024
_loaded = {}  # real path: (note, trainer_plugin)
_lock = threading.Lock()


def load(plugin):
    """The trainer_plugin of a plugin's file."""
    with _lock:
        now = read_plugin(plugin.path, any_system=False)  # the file may have changed since it was found
        real = os.path.realpath(now.path)
        note, table = _loaded.get(real, (now.note, None))
        if not now.note.json == note.json == plugin.note.json:
            raise PluginError(f"{now.path} was replaced while this program ran; start it again")
        if table is None:
            try:
                # Now, because with lazy binding a missing symbol ends the process in the middle of a training.
                library = ctypes.CDLL(real, mode=os.RTLD_NOW | os.RTLD_LOCAL)
            except OSError as e:
                raise PluginError(f"{now.path} could not be loaded: {e}; build it again for this system") from None
            table = _checked_table(library, now)
            _loaded[real] = (now.note, table)
        return table


def _checked_table(library, plugin):
    remedy = "; use TRAINER_PLUGIN_DEFINE"

    def refuse(rest):
        raise PluginError(f"{plugin.path}: {rest}{remedy}")

    entry = getattr(library, _abi.ENTRY_NAME)
    entry.restype, entry.argtypes = ctypes.c_void_p, []
    address = entry()
    if not address:
        refuse(f"{_abi.ENTRY_NAME} returned null, expected a table")
    if address % ctypes.alignment(_abi.Plugin):
        refuse(f"its table is not aligned to {ctypes.alignment(_abi.Plugin)} bytes")
    # The first four fields first: the rest may not even be there.
    magic, size, major, minor = (ctypes.c_uint32 * 4).from_address(address)
    if magic != _abi.PLUGIN_MAGIC:
        refuse(f"its table starts with the magic number {magic}, expected {_abi.PLUGIN_MAGIC}")
    require_compatible_abi(major, minor, str(plugin.path))
    if not _LEAST_TABLE <= size <= _MOST_TABLE:
        refuse(f"its table has a struct_size of {size} bytes, expected {_LEAST_TABLE} to {_MOST_TABLE}")
    table = _abi.Plugin.from_address(address)
    if not table.create:
        refuse("its table has no create function, expected one")
    if not table.note:
        refuse("its table has no note, expected the one of the file")
    head = _abi.NoteHead.from_address(table.note)
    form = plugin.note.loaded_form
    if head.json_size != len(plugin.note.json) or ctypes.string_at(table.note, len(form)) != form:
        refuse("the note of its code differs from the note of its file, expected the same")
    return table
