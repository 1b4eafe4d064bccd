# SPDX-License-Identifier: Apache-2.0
"""The module run as Python runs it, and the graphs beside it."""

import random
import sys

import torch

from ._errors import ExportError
from ._pt2_graph import MODES, autocast_to, bits
from ._pt2_model import named_values

SEED = 20231
ROUNDING = {torch.bfloat16: 3e-2, torch.float16: 4e-3}


class Eager:
    """Runs the module, and puts back its mode, its buffers and the random generators at the end."""

    def __init__(self, model):
        self.model = model

    def __enter__(self):
        self.modes = {m: m.training for m in self.model.modules()}
        self.buffers = {n: b.detach().clone() for n, b in self.model.named_buffers()}
        self.cuda = sorted({p.get_device() for p in self.model.parameters() if p.is_cuda})
        self.fork = torch.random.fork_rng(devices=self.cuda)
        self.fork.__enter__()
        self.other = other_generators()
        return self

    def __exit__(self, *error):
        restore_other_generators(self.other)
        self.fork.__exit__(*error)
        self.restore_buffers()
        for module, mode in self.modes.items():
            module.training = mode

    def restore_buffers(self):
        with torch.no_grad():
            for name, buffer in self.model.named_buffers():
                if name in self.buffers and buffer.shape == self.buffers[name].shape:
                    buffer.copy_(self.buffers[name])

    def run(self, function, tensors, training, autocast=None):
        """What `function` gives, the gradients of its loss or first output, and the buffers afterwards, which are put back."""
        self.model.train(training)
        torch.manual_seed(SEED)
        parameters = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        gradients = {}
        try:
            with torch.set_grad_enabled(training):
                with autocast_to(self.model, autocast):
                    values = function(**tensors)
                goal = values.get("loss", next(iter(values.values())))
                if training and goal is not None and goal.requires_grad:
                    found = torch.autograd.grad(goal.sum(), list(parameters.values()), allow_unused=True)
                    gradients = {f"gradient of {n}": g for n, g in zip(parameters, found)}
            buffers = {f"buffer {n}": b.detach().clone() for n, b in self.model.named_buffers()}
        finally:  # also after a failure: BatchNorm counts before it refuses one row
            self.restore_buffers()
        return {**values, **gradients, **buffers}

    def forward(self, fixed, names):
        """The model's own forward, as what the graph gives."""

        def call(**tensors):
            values = named_values(self.model(**tensors, **fixed))
            return {name: values[member] for member, name in names.items()}

        return call

    def outputs(self, tensors, fixed, wanted):
        """Which members of what forward returns are outputs: the name of each in the file."""
        found = {}
        for training in (True, False):
            before = other_generators()
            self.model.train(training)
            with torch.no_grad():
                found[training] = named_values(call(self.model, tensors, fixed, training))
            self.restore_buffers()
            if other_generators() != before:
                raise ExportError(
                    f"forward of {type(self.model).__name__} draws from the generators of Python or NumPy in {MODES[training]}, and a"
                    f" graph would repeat the one draw for ever; draw with torch, or switch it off (SpecAugment: apply_spec_augment)"
                )
        names = chosen(self.model, found, wanted)
        loss = found[True].get(next((m for m, n in names.items() if n == "loss"), None))
        if loss is not None and loss.dim():
            raise ExportError(
                f'the output "loss" of {type(self.model).__name__} has the shape {list(loss.shape)}; expected one number, such as its mean'
            )
        return names


def call(model, tensors, fixed, training):
    try:
        return model(**tensors, **fixed)
    except Exception as e:
        said = next((line.strip() for line in str(e).split("\n") if line.strip()), "").rstrip(".")
        raise ExportError(
            f"{type(model).__name__} does not run on the batch in {MODES[training]}: {type(e).__name__}: {said}"
        ) from e


def chosen(model, found, wanted):
    """The outputs that both modes give as tensors; `wanted` names a tuple's members, or chooses among names."""
    kind = type(model).__name__
    train, evaluation = found[True], found[False]
    if train and all(isinstance(member, int) for member in train):
        if wanted is None or len(wanted) != len(train) or len(train) != len(evaluation):
            raise ExportError(
                f"forward of {kind} returns a tuple of {len(train)}, without names; name them: outputs=[{', '.join(['...'] * len(train))}],"
                f' such as "loss" and "logits"'
            )
        names = dict(zip(train, wanted))
    else:
        ignored = getattr(getattr(model, "config", None), "keys_to_ignore_at_inference", ["past_key_values"])
        given = [n for n, v in train.items() if v is not None and evaluation.get(n) is not None]
        names = {n: n for n in (wanted or [n for n in given if n not in ignored or isinstance(train[n], torch.Tensor)])}
        missing = [n for n in names if n not in given]
        if missing:
            raise ExportError(
                f'forward of {kind} gives no output "{missing[0]}"; it gives {", ".join(map(str, given)) or "none"}'
            )
    for member, name in names.items():
        if not isinstance(train[member], torch.Tensor):
            tensors = [n for m, n in names.items() if isinstance(train[m], torch.Tensor)]
            raise ExportError(
                f'the output "{name}" of {kind} is a {type(train[member]).__name__}, not a tensor; leave it out: outputs={tensors}'
            )
    if not names:
        raise ExportError(f"forward of {kind} gives no tensor")
    return names


def other_generators():
    """The states of the generators that are not torch's, in a form that compares."""
    numpy = sys.modules.get("numpy")
    state = numpy.random.get_state() if numpy else None
    return random.getstate(), (state[0], state[1].tobytes(), *state[2:]) if state else None


def restore_other_generators(states):
    python, array = states
    random.setstate(python)
    if array:
        numpy = sys.modules["numpy"]
        numpy.random.set_state((array[0], numpy.frombuffer(array[1], dtype=numpy.uint32), *array[2:]))


def compare(model, eager, graphs, tensors, fixed, names, shapes, autocast=None):
    """Runs both graphs beside the module, on the batch and on a smaller one; whether all was equal in bits."""
    exact = True
    functions = {training: program.module() for training, program in graphs.items()}
    for small in (False, True):
        batch = cut(tensors, shapes) if small else tensors
        for training in (True, False):
            try:
                expected = eager.run(eager.forward(fixed, names), batch, training, autocast)
            except Exception:
                if small:  # such as BatchNorm, which does not train on one row
                    continue
                raise
            what = f"{MODES[training]}" + (" on a batch of one row" if small else "")
            try:
                found = eager.run(functions[training], batch, training, autocast)
            except Exception as e:
                said = next((line.strip() for line in str(e).split("\n") if line.strip()), type(e).__name__)
                raise ExportError(f"the exported graph of {type(model).__name__} does not run in {what}: {said}") from e
            exact &= equal(model, expected, found, what, tolerance=ROUNDING.get(autocast, 1e-4))
    return exact


def cut(tensors, shapes):
    """The first row alone; other open dimensions one shorter."""
    small = {}
    free = all(
        type(dim) is torch.export.Dim for shape in shapes.values() for dim in (shape or {}).values()
    )  # none follows another
    for name, tensor in tensors.items():
        for axis, dim in (shapes[name] or {}).items():
            if getattr(dim, "__name__", "") == "rows":
                tensor = tensor.narrow(axis, 0, 1)
            elif free:
                tensor = tensor.narrow(axis, 0, max(tensor.shape[axis] - 1, dim.min))
        small[name] = tensor.clone()
    return small


def near(a, b, tolerance):
    """Whether the values differ by no more than other kernels would make them, measured by the largest."""
    size = a.nan_to_num(0, 0, 0).abs().max().item() if a.numel() else 0
    return torch.allclose(a, b, rtol=tolerance, atol=tolerance * size, equal_nan=True)


def equal(model, expected, found, what, tolerance):
    """Whether all is equal in bits; a difference beyond rounding is an error."""
    exact = True
    for name, value in expected.items():
        other = found[name]
        if value is None and other is None:
            continue
        if value is not None and other is not None and value.shape == other.shape and value.dtype == other.dtype:
            if torch.equal(bits(value), bits(other)):
                continue
            exact = False
            if value.is_floating_point() and near(
                value.double(), other.double(), max(tolerance, ROUNDING.get(value.dtype, 0))
            ):
                continue
        raise ExportError(
            f"the exported graph of {type(model).__name__} gives another {name} than the model in {what}; something in forward depends on"
            f" more than its inputs"
        )
    return exact
