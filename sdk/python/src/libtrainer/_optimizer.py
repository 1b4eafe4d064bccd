# SPDX-License-Identifier: Apache-2.0
"""trainer.optimizer/1 over the groups of a torch optimizer, which torch itself need not be imported for."""

import ctypes
import math

from . import _abi
from ._values import fill_text


class ParamGroups:
    """`views` (a TensorViews) has the model and the optimizer of the event that goes on."""

    def __init__(self, views):
        self._views, self._names, self._held = views, None, None
        self.struct = _abi.ExtOptimizer(
            ctypes.sizeof(_abi.ExtOptimizer),
            0,
            _abi.GroupCount(self._count),
            _abi.GroupAt(self._at),
            _abi.GroupParameter(self._parameter),
            _abi.SetLr(self._set_lr),
        )

    def _groups(self):
        return getattr(self._views.optimizer, "param_groups", [])

    def _count(self, _):
        try:
            return len(self._groups())
        except Exception:  # nothing may pass through C
            return 0

    def _at(self, _, index, group):
        try:
            if index >= len(self._groups()):
                return _abi.NOT_FOUND
            found, to = self._groups()[index], group.contents
            if to.struct_size < ctypes.sizeof(_abi.ParamGroup):
                return _abi.ERROR
            to.lr = float(found["lr"])
            to.initial_lr = float(found.get("initial_lr", found["lr"]))
            to.weight_decay = float(found.get("weight_decay", 0))
            to.parameter_count = len(found["params"])
            return _abi.OK
        except Exception:
            return _abi.ERROR

    def _parameter(self, _, group, index, name):
        try:
            if group >= len(self._groups()) or index >= len(self._groups()[group]["params"]):
                return _abi.NOT_FOUND
            parameter = self._groups()[group]["params"][index]
            if self._names is None or id(parameter) not in self._names:
                named = getattr(self._views.model, "named_parameters", dict)()
                self._names = {id(p): name for name, p in dict(named).items()}
            text = self._names.get(id(parameter), f"group {group} parameter {index}")
            self._held = text.encode("utf-8", "replace")
            fill_text(name.contents, self._held)
            return _abi.OK
        except Exception:
            return _abi.ERROR

    def _set_lr(self, _, group, lr):
        try:
            if group >= len(self._groups()):
                return _abi.NOT_FOUND
            if not math.isfinite(lr) or lr < 0:
                return _abi.ERROR
            found = self._groups()[group]
            if hasattr(found["lr"], "fill_"):  # a tensor, which a compiled step reads
                found["lr"].fill_(lr)
            else:
                found["lr"] = lr
            return _abi.OK
        except Exception:
            return _abi.ERROR
