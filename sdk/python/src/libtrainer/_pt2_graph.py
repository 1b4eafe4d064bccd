# SPDX-License-Identifier: Apache-2.0
"""The graphs of a module: traced with torch.export, looked at, and as text."""

import contextlib
import inspect
import io
import json
import logging
import os
import traceback
import warnings

import torch
from torch._export.serde.serialize import serialize
from torch.export.dynamic_shapes import refine_dynamic_shapes_from_suggested_fixes

from ._errors import ExportError

NAMESPACES = ("aten", "prim", "prims")  # that every LibTorch has
HIGHER_ORDER = ("wrap_with_set_grad_enabled", "wrap_with_autocast")  # that the trainer command inlines
MODES = {True: "training", False: "evaluation"}


def autocast_to(model, dtype):
    """Mixed precision as the Trainer has it around forward; none without a type."""
    if dtype is None:
        return contextlib.nullcontext()
    device = next(model.parameters(), torch.empty(0)).device
    return torch.autocast(device.type, dtype)


def trace(model, forward, tensors, shapes, training, autocast=None):
    """The exported program of `forward` in the mode; `shapes` takes on what torch finds out about the open dimensions."""
    model.train(training)
    own = model.__dict__.get("forward")
    model.forward = forward
    try:
        for attempt in range(3):
            try:
                with torch.enable_grad(), silence(), autocast_to(model, autocast):
                    program = torch.export.export(model, (), dict(tensors), dynamic_shapes=dict(shapes), strict=False)
                break
            except Exception as e:
                refined = refined_shapes(model, e, shapes, training) if attempt < 2 else None
                if not refined:
                    raise ExportError(sentence(model, e, training)) from e
                shapes.update(refined)
    finally:
        del model.forward
        if own is not None:
            model.forward = own
    for graph in program.graph_module.modules():
        for node in graph.graph.nodes if isinstance(graph, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # a fifth of the file
    return program


@contextlib.contextmanager
def silence():
    """Without what torch prints of a graph that it gives up: the error says it in a sentence."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def refined_shapes(model, error, shapes, training):
    """`shapes` with the ranges that torch suggests, or None; an open dimension that must be fixed is an error."""
    text = str(error)
    if "Suggested fixes:" not in text:
        return None
    text = text[: text.index("Suggested fixes:")] + "\n".join(
        line
        for line in text[text.index("Suggested fixes:") :].split("\n")
        if not line.strip() or " = " in line or "Suggested" in line
    )
    try:
        refined = refine_dynamic_shapes_from_suggested_fixes(text, shapes)
    except Exception:
        return None
    for name, shape in refined.items():
        for axis, dim in (shape or {}).items():
            if isinstance(dim, int):
                was = shapes[name][axis].__name__
                raise ExportError(
                    f'forward of {type(model).__name__} works in {MODES[training]} only with {was} = {dim}, the size of "{name}" in'
                    f" dimension {axis}: something in it fixes that size"
                ) from error
    return refined


def sentence(model, error, training):
    """torch.export's failure in one sentence."""
    text, kind = str(error), type(error).__name__
    start = f"forward of {type(model).__name__} cannot be exported for {MODES[training]}"
    where, line = user_line(error)
    if "DataDependent" in kind or "data-dependent" in text.lower() or "GuardOnDataDependent" in text:
        drops = sorted(
            {n for m in model.modules() for part in (m, getattr(m, "config", None)) for n in layer_drops(part)}
        )
        if drops:
            return f'{start}: it leaves out whole layers at random ("{line}"{where}); set {" and ".join(drops)} to 0'
        return (
            f'{start}: it decides by the values of tensors ("{line}"{where}), which one graph cannot follow; compute both sides and'
            f" choose with torch.where"
        )
    said = next((part.strip() for part in text.split("\n") if part.strip()), kind)
    return f"{start}: {kind}{where}: {said.rstrip('.')}"


def layer_drops(part):
    """The names of a module's or configuration's layer drops that are not 0."""
    return [
        n
        for n, v in getattr(part, "__dict__", {}).items()
        if "layerdrop" in n.replace("_", "") and isinstance(v, float) and v
    ]


def user_line(error):
    """Where in the model's own code it was, as " in FILE:LINE", and that line."""
    torch_itself = os.path.dirname(torch.__file__) + os.sep
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(torch_itself)]
    frames = [
        f
        for f in frames
        if os.path.basename(f.filename) not in ("_pt2.py", "_pt2_graph.py", "_pt2_model.py") and f.line
    ]
    if not frames:
        return "", ""
    return f" in {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}", frames[-1].line.strip()


def require_known_operators(model, program):
    """Refuses operators that only this Python has, and parts of graphs that are no operators."""
    unknown, control = set(), set()
    for graph in program.graph_module.modules():
        for node in graph.graph.nodes if isinstance(graph, torch.fx.GraphModule) else ():
            if node.op != "call_function":
                continue
            if isinstance(node.target, torch._ops.HigherOrderOperator):
                if node.target.name() not in HIGHER_ORDER:
                    control.add(node.target.name())
            elif isinstance(node.target, torch._ops.OpOverload) and node.target.namespace not in NAMESPACES:
                unknown.add(str(node.target))
    if control:
        raise ExportError(
            f"forward of {type(model).__name__} uses {', '.join(sorted(control))} of torch.ops.higher_order, which the trainer command"
            f" does not run; write it without"
        )
    if unknown:
        raise ExportError(
            f"forward of {type(model).__name__} uses operators that torch itself does not have ({', '.join(sorted(unknown))}); choose an"
            f" implementation in torch's own"
        )


def merge_constants(train, other, prefix):
    """Puts the constants of another graph among those that are saved; gives those that got another name."""
    renamed = {}
    for name, tensor in other.constants.items():
        new = name
        while new in train.constants and not same(train.constants[new], tensor):
            new = f"{prefix}_{new}"
        if new != name:
            renamed[name] = new
        train.constants[new] = tensor
    return renamed


def same(a, b):
    if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor):
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and bool(torch.equal(a, b) or torch.equal(bits(a), bits(b)))


def bits(tensor):
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


def graph_text(program, renamed):
    """A program as the JSON of torch.export.save's models/model.json, without weights."""
    # Later torches can leave out what nobody reads; the text is the same.
    known = inspect.signature(serialize).parameters
    parts = ("serialize_state_dict", "serialize_constants", "serialize_example_inputs")
    text = json.loads(serialize(program, **{part: False for part in parts if part in known}).exported_program)
    for spec in text["graph_module"]["signature"]["input_specs"]:
        constant = spec.get("tensor_constant")
        if constant:
            constant["tensor_constant_name"] = renamed.get(
                constant["tensor_constant_name"], constant["tensor_constant_name"]
            )
    return json.dumps(text)
