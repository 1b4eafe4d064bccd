# SPDX-License-Identifier: Apache-2.0
"""Tensors of the trainer, copied by it into shared memory: nothing of them goes through the socket."""

import functools
import mmap
import os

from trainer_bridge import trackers
from trainer_bridge.remote import GRADIENTS, MODEL, NO_EFFECT, NoEffect, is_buffer


def look_into(answer, kind, moment):
    """{name: tensor} for what the trainer copied; torch's where this Python has torch, numpy's otherwise. Those of the
    model have a `grad`, which is fetched when it is looked at."""
    size = answer["size"]
    if size == 0:
        return {}
    memory = _open_memory(answer["shm"], size)  # lives as long as an array that looks into it
    make, parameter = (_torch, _torch_parameter) if _has_torch() else (_numpy, _numpy_parameter)
    found = {}
    for name, shape, dtype, offset in answer["tensors"]:
        found[name] = make(memory, offset, shape, dtype)
        if kind == MODEL and not is_buffer(name):
            found[name] = parameter()(found[name])
            found[name]._of = (moment, name)
    return found


def _open_memory(name, size):
    if os.name == "nt":
        return mmap.mmap(-1, size, tagname=name)
    import _posixshmem

    fd = _posixshmem.shm_open(name, os.O_RDWR, 0o600)
    try:
        _posixshmem.shm_unlink(name)
        return mmap.mmap(fd, size)
    finally:
        os.close(fd)


@functools.cache
def _has_torch():
    return trackers.found("torch")


def _count(shape):
    count = 1
    for size in shape:
        count *= size
    return count


def _torch(memory, offset, shape, dtype):
    import torch

    kind = getattr(torch, dtype)
    if _count(shape) == 0:
        return torch.empty(shape, dtype=kind)
    return torch.frombuffer(memory, dtype=kind, count=_count(shape), offset=offset).reshape(shape)


def _numpy(memory, offset, shape, dtype):
    import numpy

    if dtype == "bfloat16":
        raw = numpy.frombuffer(memory, numpy.uint16, _count(shape), offset).astype(numpy.uint32) << 16
        return raw.view(numpy.float32).reshape(shape)
    return numpy.frombuffer(memory, dtype, _count(shape), offset).reshape(shape)


class _Gradient:
    """`grad` of a parameter: None outside of the time between backward and the end of a step, as in torch."""

    @property
    def grad(self):
        moment, name = self._of
        return moment.tensors(GRADIENTS).get(name)

    @grad.setter
    def grad(self, _):
        raise NoEffect("setting a gradient " + NO_EFFECT)


@functools.cache
def _torch_parameter():
    import torch

    class Parameter(_Gradient, torch.Tensor):
        _is_param = True  # isinstance(p, torch.nn.Parameter)
        __torch_function__ = torch._C._disabled_torch_function_impl  # what is computed from it is a plain tensor

        def __new__(cls, tensor):
            return torch.Tensor._make_subclass(cls, tensor, tensor.is_floating_point())

        @property
        def requires_grad(self):
            return torch.Tensor.requires_grad.__get__(self)

        @requires_grad.setter
        def requires_grad(self, _):
            raise NoEffect("setting requires_grad " + NO_EFFECT)

        @property
        def data(self):
            return torch.Tensor.data.__get__(self)

        @data.setter
        def data(self, _):
            raise NoEffect("setting the data of a parameter " + NO_EFFECT)

        def requires_grad_(self, _=True):
            self.requires_grad = _

        def __deepcopy__(self, _):
            return torch.nn.Parameter(self.detach().clone(), self.requires_grad)

        def __reduce_ex__(self, protocol):
            return self.__deepcopy__(None).__reduce_ex__(protocol)

    return Parameter


@functools.cache
def _numpy_parameter():
    import numpy

    class Parameter(_Gradient, numpy.ndarray):
        """An array that answers what callbacks ask of torch's parameters."""

        requires_grad = property(lambda self: self.dtype.kind == "f")

        def __new__(cls, array):
            return array.view(cls)

        def detach(self):
            return self.view(numpy.ndarray)

        def numel(self):
            return self.size

    return Parameter
