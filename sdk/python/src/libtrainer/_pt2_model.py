# SPDX-License-Identifier: Apache-2.0
"""A module before it is exported: unwrapped, looked at, called by names."""

import contextlib
import copy
import inspect
import warnings

import torch

from ._errors import ExportError

WRAPPERS = {"OptimizedModule": "_orig_mod", "DataParallel": "module", "DistributedDataParallel": "module"}


def unwrapped(model):
    """The module itself, of one that torch.compile, DataParallel or DistributedDataParallel hold."""
    if not isinstance(model, torch.nn.Module):
        raise ExportError(f"the model is a {type(model).__name__}; expected a torch.nn.Module")
    if isinstance(model, torch.jit.ScriptModule):
        raise ExportError("the model is TorchScript; export the torch.nn.Module that it was made of")
    while type(model).__name__ in WRAPPERS and type(model).__module__.startswith("torch."):
        model = getattr(model, WRAPPERS[type(model).__name__])
    return model


def require_exportable(model):
    """Refuses parameters that a file of plain tensors cannot hold; warns of what is lost."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, tensor in tensors.items():
        kind = "parameter" if isinstance(tensor, torch.nn.Parameter) else "buffer"
        if isinstance(tensor, (torch.nn.UninitializedParameter, torch.nn.UninitializedBuffer)):
            raise ExportError(f'the {kind} "{name}" has no shape yet; call the model once before it is exported')
        if tensor.is_quantized or not plain(tensor):
            raise ExportError(
                f'the {kind} "{name}" is quantized or of a class of its own ({type(tensor).__name__}); export the model with plain'
                f" tensors"
            )
        if tensor.layout != torch.strided:
            raise ExportError(f'the {kind} "{name}" is sparse ({tensor.layout}); export the model with dense tensors')
        if tensor.is_meta:
            raise ExportError(
                f'the {kind} "{name}" is on the device "meta", without values; load the weights before the export'
            )
    require_memory_of_its_own({n: t for n, t in tensors.items() if isinstance(t, torch.nn.Parameter)})
    if any(getattr(m, "gradient_checkpointing", False) for m in model.modules()):
        warnings.warn(
            "gradient checkpointing is exported as plain layers: the numbers are the same, but no memory is saved",
            stacklevel=3,
        )


def plain(tensor):
    classes = (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer)
    return type(tensor) in classes and type(tensor.data) is torch.Tensor


def require_memory_of_its_own(parameters):
    """Parameters that overlap without being the same one would train apart once they are loaded from a file."""
    spans = {}
    for name, tensor in parameters.items():
        if not tensor.numel():
            continue
        begin = tensor.storage_offset()
        end = begin + 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
        for other, first, last in spans.setdefault(tensor.untyped_storage().data_ptr(), []):
            if begin < last and first < end:
                raise ExportError(
                    f'the parameters "{other}" and "{name}" lie in the same memory, but are two; make them one parameter, or copies'
                )
        spans[tensor.untyped_storage().data_ptr()].append((name, begin, end))


def named_values(returned):
    """What forward returned, by name; a tuple's members have numbers."""
    if isinstance(returned, torch.Tensor):
        return {"logits": returned}
    if hasattr(returned, "items"):
        return dict(returned.items())
    if hasattr(returned, "_asdict"):
        return returned._asdict()
    if isinstance(returned, (tuple, list)):
        return dict(enumerate(returned))
    raise ExportError(
        f"forward returns a {type(returned).__name__}; expected a tensor, which is the logits, a dict of tensors, or a tuple whose"
        f" members outputs=[...] names"
    )


def explicit_forward(model, tensors, fixed, names):
    """forward as a function of exactly the tensors' names, which gives a plain dict of tensors.

    torch.export sees no names in **kwargs, and a class of outputs makes a file that loads only where that class is known.
    `names` has the name in the file of each member of what forward returns.
    """
    forward = model.forward

    def explicit(*arguments, **keywords):
        values = named_values(forward(*arguments, **keywords, **fixed))
        return {name: values[member] for member, name in names.items()}

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    explicit.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in tensors])
    return explicit


@contextlib.contextmanager
def transformers_config(model):
    """The configuration as the Trainer has it, without a cache; gives the dict that it shows to trackers, or {}."""
    config = getattr(model, "config", None)
    if not hasattr(config, "to_dict"):
        yield copy.deepcopy(config) if isinstance(config, dict) else {}
        return
    before = dict(config.__dict__)
    try:
        config.use_cache = False
        yield config.to_dict()
    finally:  # a first forward may have set the kind of problem
        config.__dict__.clear()
        config.__dict__.update(before)
