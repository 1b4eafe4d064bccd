# SPDX-License-Identifier: Apache-2.0
"""Which process of a training this is, by the variables of torchrun and accelerate, and whether a plugin is for it."""

import ctypes
import os

from . import _abi
from ._errors import PluginError
from ._library import load

RANKS = {"all": _abi.RANKS_ALL, "world_zero": _abi.RANKS_WORLD_ZERO, "local_zero": _abi.RANKS_LOCAL_ZERO}


def describe():
    def number(name, otherwise):
        text = os.environ.get(name, "")
        return int(text) if text.isdecimal() else otherwise

    return _abi.Process(
        ctypes.sizeof(_abi.Process),
        0,
        number("RANK", 0),
        number("WORLD_SIZE", 1),
        number("LOCAL_RANK", 0),
        number("LOCAL_WORLD_SIZE", 1),
        number("GROUP_RANK", 0),
        number("TORCHELASTIC_RESTART_COUNT", 0),
    )


def is_elsewhere(plugin, ranks):
    """Whether `plugin` runs in other processes and not in this one. `ranks`: where it is to run, or None."""
    if ranks is not None and ranks not in RANKS:
        raise ValueError(f'ranks is "{ranks}", expected one of {", ".join(RANKS)}')
    here = describe()
    if here.world_size == 1:
        return False
    where = _runs_on(plugin) if ranks is None else RANKS[ranks]
    return where == _abi.RANKS_WORLD_ZERO and here.rank > 0 or where == _abi.RANKS_LOCAL_ZERO and here.local_rank > 0


def _runs_on(plugin):
    get = load(plugin).get_extension
    address = get(_abi.EXT_RANKS) if get else None
    if not address:
        return _abi.RANKS_ALL
    ranks = _abi.ExtRanks.from_address(address)
    if ranks.struct_size < ctypes.sizeof(_abi.ExtRanks):
        raise PluginError(
            f"{plugin.path}: its trainer.ranks/1 has a struct_size of {ranks.struct_size} bytes, expected at least "
            f"{ctypes.sizeof(_abi.ExtRanks)}; rebuild it with the SDK"
        )
    return ranks.where
