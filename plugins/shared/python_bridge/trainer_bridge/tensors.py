# SPDX-License-Identifier: Apache-2.0
"""Tensors of the trainer, copied by it into shared memory: nothing of them goes through the socket."""

import mmap
import os
import sys

KINDS = {"model": 0, "gradients": 1, "optimizer": 2}


def look_into(answer):
    """{name: array} for what the trainer copied; torch tensors where the callback has torch, numpy arrays otherwise."""
    if "error" in answer:
        raise RuntimeError(answer["error"])
    size = answer["size"]
    if size == 0:
        return {}
    import _posixshmem

    fd = _posixshmem.shm_open(answer["shm"], os.O_RDWR, 0o600)
    try:
        _posixshmem.shm_unlink(answer["shm"])
        memory = mmap.mmap(fd, size)  # lives as long as an array that looks into it
    finally:
        os.close(fd)
    make = _torch if "torch" in sys.modules and hasattr(sys.modules["torch"], "frombuffer") else _numpy
    return {name: make(memory, offset, shape, dtype) for name, shape, dtype, offset in answer["tensors"]}


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
