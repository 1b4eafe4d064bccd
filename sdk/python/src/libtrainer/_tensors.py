# SPDX-License-Identifier: Apache-2.0
"""trainer.parameters/1 over a torch model and its optimizer. torch is never imported, only used when it is there."""

import ctypes
import sys

from . import _abi
from ._values import fill_text

OF_MODEL, OF_GRADIENTS, OF_OPTIMIZER = range(3)
_CODES = {
    "int8": (0, 8),
    "int16": (0, 16),
    "int32": (0, 32),
    "int64": (0, 64),
    "uint8": (1, 8),
    "uint16": (1, 16),
    "uint32": (1, 32),
    "uint64": (1, 64),
    "float16": (2, 16),
    "float32": (2, 32),
    "float64": (2, 64),
    "bfloat16": (4, 16),
    "bool": (6, 8),
}


class TensorViews:
    def __init__(self):
        self.model = self.optimizer = None
        self._listed, self._tensors, self._held = None, [], None
        self.struct = _abi.ExtParameters(
            ctypes.sizeof(_abi.ExtParameters),
            0,
            _abi.TensorCount(self._count),
            _abi.TensorAt(self._at),
            _abi.TensorCopy(self._copy),
        )

    def release(self):
        self._listed, self._tensors, self._held = None, [], None

    def _list(self, of):
        self._listed, self._tensors = of, [(name, t) for name, t in self._named(of) if _can_be_viewed(t)]

    def _named(self, of):
        if "torch" not in sys.modules or not hasattr(self.model, "named_parameters"):
            return
        if of == OF_MODEL:
            yield from self.model.named_parameters()
            yield from self.model.named_buffers()
        elif of == OF_GRADIENTS:
            yield from ((name, p.grad) for name, p in self.model.named_parameters() if p.grad is not None)
        elif of == OF_OPTIMIZER and hasattr(self.optimizer, "param_groups"):
            names = {p: name for name, p in self.model.named_parameters()}
            for parameter in (p for group in self.optimizer.param_groups for p in group["params"] if p in names):
                for key, value in self.optimizer.state.get(parameter, {}).items():
                    yield f"{names[parameter]}/{key}", value

    def _count(self, _, of):
        try:
            self._list(of)
            return len(self._tensors)
        except Exception:  # nothing may pass through C
            return 0

    def _find(self, of, index):
        if of != self._listed or index == 0:
            self._list(of)
        return self._tensors[index] if index < len(self._tensors) else None

    def _at(self, _, of, index, name, view):
        try:
            found = self._find(of, index)
            if found is None:
                return _abi.NOT_FOUND
            text, tensor = found
            view = view.contents
            dims = max(1, tensor.dim())
            shape, strides = (ctypes.c_int64 * dims)(*tensor.shape), (ctypes.c_int64 * dims)(*tensor.stride())
            text = text.encode("utf-8", "replace")
            fill_text(_abi.Text.from_address(name), text)
            self._held = (text, shape, strides)
            view.read_only, view.byte_offset, view.ndim = 1, 0, tensor.dim()
            view.data = tensor.data_ptr()
            view.shape, view.strides = ctypes.addressof(shape), ctypes.addressof(strides)
            on_cpu = tensor.device.type == "cpu"
            view.device_type, view.device_id = (1, 0) if on_cpu else (2, tensor.device.index or 0)
            view.dtype_code, view.dtype_bits = _CODES[str(tensor.dtype)[6:]]
            view.dtype_lanes = 1
            view.stream = None if on_cpu else sys.modules["torch"].cuda.current_stream(tensor.device).cuda_stream
            return 0
        except Exception:
            return _abi.ERROR

    def _copy(self, _, of, index, to, size):
        try:
            found = self._find(of, index)
            if found is None:
                return _abi.NOT_FOUND
            tensor = found[1].detach().cpu().contiguous()
            if size != tensor.numel() * tensor.element_size():
                return _abi.ERROR
            if size > 0:
                ctypes.memmove(to, tensor.data_ptr(), size)
            return _abi.OK
        except Exception:
            return _abi.ERROR


def _can_be_viewed(tensor):
    """Dense tensors of a plain type in memory that DLPack names; others have no address to give."""
    torch = sys.modules["torch"]
    return (
        isinstance(tensor, torch.Tensor)
        and tensor.layout == torch.strided
        and tensor.device.type in ("cpu", "cuda")
        and str(tensor.dtype)[6:] in _CODES
    )
