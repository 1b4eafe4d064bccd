# SPDX-License-Identifier: Apache-2.0
"""export(): a PyTorch model as one `.pt2` file that the `trainer` command trains without Python."""

import json
import pathlib
import warnings

import torch

from ._errors import ExportError, did_you_mean
from ._placed import placed
from ._pt2_check import Eager, compare
from ._pt2_compiled import append, settings
from ._pt2_compiled import compiled_step as compile_step
from ._pt2_facts import facts, forward_facts
from ._pt2_graph import graph_text, merge_constants, require_known_operators, trace
from ._pt2_model import explicit_forward, require_exportable, transformers_config, unwrapped

FORMAT = 1  # of meta.json
SCHEMA = 8  # major version of torch's own files that the command reads


def export(model, batch, path, *, dynamic=None, outputs=None, compiled_step=None):
    """Writes `model` to `path`, a `.pt2` file: graphs for training and for evaluation, weights, and what the Trainer must know.

    `batch` is an example of what `model` is called with: a dict of tensors with two rows or more, rows first, labels among
    them; numbers, texts and booleans in it are passed on as they are at every call. The number of rows stays open;
    `dynamic={"input_ids": {1: "length"}}` leaves further dimensions open, by a name (the same name, the same size) or a
    `torch.export.Dim`, and `dynamic={"class_weights": None}` says that the first dimension of an input is not that of the rows.
    `outputs` names what a model that returns a tuple gives, or chooses among the outputs of one that returns a dict.
    `compiled_step={"batch_size": 32, "optim": "adamw", "max_grad_norm": 1.0}` adds the training step as code for this kind of
    processor, which needs a C++ compiler here and takes minutes; the run file's "compiled" uses it.

    Both graphs are run beside the model before the file is written, and must give its numbers. The model, its gradients and
    the random generators are left as they were. Returns the path; raises ExportError with one sentence.
    """
    path = pathlib.Path(path)
    if path.suffix != ".pt2":
        raise ExportError(f'the file "{path}" must end in .pt2, by which torch and the trainer command know it')
    require_schema()
    step_settings = None if compiled_step is None else settings(compiled_step)
    model = unwrapped(model)
    require_exportable(model)
    tensors, fixed = example(model, batch)
    facts_of_call, tensors = call_facts(model, tensors)
    shapes = dynamic_shapes(tensors, dynamic)
    with transformers_config(model) as config_at_start, Eager(model) as eager:
        names = eager.outputs(tensors, fixed, outputs)
        forward = explicit_forward(model, tensors, fixed, names)
        graphs = {}
        for training in (True, False):
            graphs[training] = trace(model, forward, tensors, shapes, training)
            require_known_operators(model, graphs[training])
        exact = compare(model, eager, graphs, tensors, fixed, names, shapes)
        if not exact:
            warnings.warn(
                f"the exported graph of {type(model).__name__} gives the model's numbers up to rounding, but not to the last bit",
                stacklevel=2,
            )
        call = {"tensors": tensors, "fixed": fixed, "names": names, "shapes": shapes}
        mixed = bfloat16_graphs(model, eager, graphs, forward, call) if exact else {}
        meta = {"format": FORMAT, "torch": torch.__version__, **facts(model, config_at_start, tensors, names)}
        meta |= {**facts_of_call, "fixed_arguments": fixed, "equal_in_bits": exact}
        code = {}
        if step_settings:
            meta["compiled"], code = compile_step(model, graphs[True], names, tensors, shapes, step_settings)
    write(path, graphs, mixed, meta, code)
    return path


def require_schema():
    from torch._export.serde.schema import SCHEMA_VERSION

    if SCHEMA_VERSION[0] != SCHEMA:
        raise ExportError(
            f"torch {torch.__version__} writes files of schema {SCHEMA_VERSION[0]}, and the trainer command reads schema {SCHEMA};"
            f" export with the torch version that the command was built with"
        )


def example(model, batch):
    """The batch as (tensors, fixed values), each by name and in its order."""
    if not hasattr(batch, "items"):
        raise ExportError(
            f"the batch is a {type(batch).__name__}; expected a dict of tensors by the names of forward's arguments"
        )
    where = next(iter(model.parameters()), torch.empty(0)).device
    tensors, fixed = {}, {}
    for name, value in batch.items():
        if type(value).__module__ == "numpy":
            value = torch.as_tensor(value)
        if isinstance(value, torch.Tensor):
            tensors[name] = value.detach().to(where)
        elif isinstance(value, (bool, int, float, str)):
            fixed[name] = value
        elif value is not None:
            raise ExportError(f'"{name}" of the batch is a {type(value).__name__}; expected a tensor, rows first')
    if not tensors:
        raise ExportError("the batch has no tensor; expected a dict of tensors by the names of forward's arguments")
    return tensors, fixed


def call_facts(model, tensors):
    """What the Trainer finds out about forward's arguments, and the tensors with the one that it adds."""
    found = forward_facts(model)
    taken = found["signature_columns"]
    unknown = [] if found.pop("takes_any") else [n for n in tensors if n not in taken]
    if unknown:
        raise ExportError(
            f'forward of {type(model).__name__} takes no "{unknown[0]}", but {", ".join(taken)}'
            + (did_you_mean(unknown[0], taken) or "; leave it out of the batch")
        )
    if found["accepts_loss_kwargs"] and "labels" in tensors:  # what transformers' Trainer passes: a float32 scalar
        tensors = tensors | {"num_items_in_batch": torch.tensor(1.0, device=tensors["labels"].device)}
    found["labels"] = [n for n in found["label_names"] if n in tensors]
    return found, tensors


def dynamic_shapes(tensors, dynamic):
    """For each input its open dimensions as torch.export wants them, checked against the example."""
    dims, shapes = {"rows": torch.export.Dim("rows", min=1)}, {}
    dynamic = dict(dynamic or {})
    for name in dynamic:
        if name not in tensors:
            near = did_you_mean(name, tensors) or f"; expected one of {', '.join(tensors)}"
            raise ExportError(f'dynamic has "{name}", which is not a tensor of the batch{near}')
    for name, tensor in tensors.items():
        given = dynamic.get(name, {})
        shape = {0: dims["rows"]} if tensor.dim() and given is not None else {}
        for axis, dim in (given or {}).items():
            if not isinstance(axis, int) or not -tensor.dim() <= axis < tensor.dim():
                raise ExportError(f'dynamic has dimension {axis} of "{name}", whose shape is {list(tensor.shape)}')
            if isinstance(dim, str) and not dim.isidentifier():
                raise ExportError(f'dynamic has the name "{dim}" for a size; expected a word, such as "length"')
            shape[axis % tensor.dim()] = dims.setdefault(dim, torch.export.Dim(dim)) if isinstance(dim, str) else dim
        shapes[name] = {a: d for a, d in shape.items() if d is not None} or None
    rows = {n: tensors[n].shape[0] for n, s in shapes.items() if s and s.get(0) is dims["rows"]}
    if not rows:
        raise ExportError("no input of the batch has rows; the number of rows must be an input's first dimension")
    first, *others = rows
    for other in others:
        if rows[other] != rows[first]:
            raise ExportError(
                f'"{first}" of the batch has {rows[first]} rows, but "{other}" {rows[other]};'
                f' dynamic={{"{other}": None}} says that its first dimension is not that of the rows'
            )
    for name, shape in shapes.items():
        for axis in shape or {}:
            if tensors[name].shape[axis] < 2:
                raise ExportError(
                    f'the batch has "{name}" of shape {list(tensors[name].shape)}: torch.export takes a size below 2 for fixed;'
                    f" give an example with 2 or more {f'in dimension {axis}' if axis else 'rows'}"
                )
    return shapes


def bfloat16_graphs(model, eager, graphs, forward, call):
    """Graphs for mixed precision, of a model that decides by the types of its tensors; others need none.

    In float32 a cast to float32 leaves no trace, and one to another tensor's type is to float32.
    """
    mixed = {"autocast": torch.bfloat16}
    try:
        if compare(model, eager, graphs, **call, **mixed):
            return {}
    except Exception:  # it may be the graphs of float32 that do not run, or the model itself
        pass
    try:
        found = {t: trace(model, forward, call["tensors"], dict(call["shapes"]), t, **mixed) for t in (True, False)}
        compare(model, eager, found, **call, **mixed)
        return found
    except Exception:  # nobody has asked for bfloat16 yet
        return {}


def write(path, graphs, mixed, meta, code):
    """The training graph is the program; the others lie beside it, and their constants among its own."""
    train = graphs[True]
    others = {"eval": graphs[False]}
    if mixed:
        others |= {"train_bfloat16": mixed[True], "eval_bfloat16": mixed[False]}
    extra = {"libtrainer/meta.json": json.dumps(meta, indent=1)}
    for name, program in others.items():
        extra[f"libtrainer/{name}.json"] = graph_text(program, merge_constants(train, program, name))
    train._example_inputs = None  # a user's data, and a pickle
    with placed(path) as made, warnings.catch_warnings():  # torch names the archive's root after the file
        warnings.simplefilter("ignore")
        torch.export.save(train, made, extra_files=extra)
        append(made, code)
