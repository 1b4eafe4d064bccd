# SPDX-License-Identifier: Apache-2.0
"""The compiled step of an exported model: AOTInductor's code for forward, backward, clipping and AdamW, as one call."""

import contextlib
import hashlib
import json
import pathlib
import platform
import re
import tempfile
import zipfile

import torch

from ._errors import ExportError, did_you_mean
from ._pt2_graph import silence
from ._pt2_processor import TARGETS, features, native_target

FORMAT = 1  # of "compiled" in meta.json
OPTIMS = ("adamw", "adamw_torch", "adamw_torch_fused")
OPTIONS = ("batch_size", "optim", "max_grad_norm", "target")
FOLDER = "data/libtrainer"  # of the code; torch.export.load reads all of extra/ as text
PER_PARAMETER = 7  # numbers of an update: see Step
SEED = 20231


def settings(options):
    """The options of compiled_step, checked, with their defaults."""
    if not hasattr(options, "items"):
        raise ExportError(f"compiled_step is a {type(options).__name__}; expected a dict such as {{'batch_size': 32}}")
    for name in options:
        if name not in OPTIONS:
            near = did_you_mean(name, OPTIONS) or f"; expected {', '.join(OPTIONS)}"
            raise ExportError(f'compiled_step has no "{name}"{near}')
    size, norm = options.get("batch_size"), options.get("max_grad_norm")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ExportError(f"compiled_step needs the batch_size that it is to train with, from 1; found {size!r}")
    if norm is not None and (isinstance(norm, bool) or not isinstance(norm, (int, float)) or not norm >= 0):
        raise ExportError(f"max_grad_norm of compiled_step is {norm!r}; expected a number from 0, or none for any")
    optim = options.get("optim", OPTIMS[0])
    if optim not in OPTIMS:
        raise ExportError(
            f'optim of compiled_step is {optim!r}, and "adamw" alone is compiled; with any other optimizer the run file\'s'
            f' "compiled": "gradients" takes the compiled gradients'
        )
    target = options.get("target") or native_target()
    if target not in TARGETS or TARGETS[target].machine != platform.machine():
        known = ", ".join(t for t, of in TARGETS.items() if of.machine == platform.machine()) or "none"
        raise ExportError(f"target of compiled_step is {target!r}; on {platform.machine()} there is: {known}")
    require_compiler()
    return {"batch_size": size, "optim": "adamw", "max_grad_norm": norm, "target": target}


def require_compiler():
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as e:
        raise ExportError(
            "compiled_step needs a C++ compiler where the model is exported, and there is none that works; install g++, or"
            " name one in CXX"
        ) from e


def compiled_step(model, program, names, tensors, shapes, options):
    """What meta.json says of the compiled step, and its code by entry; `options` are those of settings()."""
    if "loss" not in names.values():
        raise ExportError(
            f'forward of {type(model).__name__} gives no "loss", which compiled_step is to minimise; return one beside the logits,'
            f" as in {{'loss': ..., 'logits': ...}}"
        )
    batch = of_size(tensors, shapes, options["batch_size"])
    step = Step(program, model, batch)
    target = TARGETS[options["target"]]
    code, functions = {}, {"update": step.update, "gradients": step.gradients}
    from torch._inductor.utils import fresh_cache

    # Not among the user's own compilations.
    with silence(), tempfile.TemporaryDirectory(prefix="libtrainer-", ignore_cleanup_errors=True) as cache:
        with fresh_cache(dir=cache, delete=False):
            for name, function in functions.items():
                made = compiled(model, function, step.arguments(name), target)
                step.check(name, made)
                code[f"{FOLDER}/compiled_{name}.so"] = made.read_bytes()
            needed = features(target)
    said = {
        "format": FORMAT,
        "torch": torch.__version__.split("+")[0],
        "machine": platform.machine(),
        "features": needed,
        **options,
        "parameters": [spec(n, step.state[n]) for n in step.trained],
        "state": [spec(n, step.state[n]) | {"requires_grad": n in step.wanted} for n in step.others],
        "inputs": [spec(n, t) for n, t in batch.items()],
        "code": {n: hashlib.sha256(code[f"{FOLDER}/compiled_{n}.so"]).hexdigest() for n in functions},
    }
    return said, code


def spec(name, tensor):
    return {
        "name": name,
        "type": str(tensor.dtype).split(".")[1],
        "sizes": list(tensor.shape),
        "strides": list(tensor.stride()),
    }


def finite(tensor):
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


def of_size(tensors, shapes, rows):
    """The example with so many rows."""
    made = {}
    for name, tensor in tensors.items():
        for axis, dim in (shapes[name] or {}).items():
            if getattr(dim, "__name__", "") == "rows":
                tensor = tensor.index_select(axis, torch.arange(rows) % tensor.shape[axis])
        made[name] = tensor.clone().contiguous()
    return made


class Step:
    """The two functions that are compiled, of tensors alone; the host gives them in this order.

    update: parameters, their exp_avg, their exp_avg_sq, numbers, state, inputs -> loss, norm of the gradients
    gradients: parameters, scale of the loss, state, inputs -> scaled loss, a gradient for each parameter

    numbers: max_grad_norm, then for each parameter 1 - lr * weight_decay, lr / (1 - beta1 ** step),
    (1 - beta2 ** step) ** 0.5, 1 - beta1, beta2, 1 - beta2, eps.
    """

    def __init__(self, program, model, batch):
        self.module, self.model, self.batch = program.module(), model, batch
        kept = {
            **program.state_dict,
            **program.constants,
        }  # not a buffer that no checkpoint has and the graph does not read
        state = (*model.named_parameters(), *model.named_buffers())
        self.state = {n: t.detach() for n, t in state if n in kept}
        self.wanted = {n: p for n, p in model.named_parameters() if p.requires_grad}
        with torch.random.fork_rng(devices=[]):
            after = self.copies()
            loss = self.loss(self.wanted, after)
            found = torch.autograd.grad(loss, list(self.wanted.values()), allow_unused=True)
        self.trained = [n for n, g in zip(self.wanted, found) if g is not None]
        self.others = [n for n in self.state if n not in self.trained]
        for name, tensor in after.items():  # BatchNorm of one row, which Python refuses and the graph does not
            if finite(self.state[name]) and not finite(tensor):
                raise ExportError(
                    f'a step of the batch_size {next(iter(batch.values())).shape[0]} makes "{name}" infinite or NaN; give compiled_step a'
                    f" larger batch_size"
                )
        for name in self.trained:
            if self.state[name].dtype != torch.float32 or self.state[name].device.type != "cpu":
                raise ExportError(
                    f'the parameter "{name}" is {self.state[name].dtype} on {self.state[name].device}, and compiled_step is for float32'
                    f" on the CPU"
                )

    def copies(self):
        return {n: t.clone() for n, t in self.state.items()}

    def loss(self, parameters, others, batch=None):
        return torch.func.functional_call(self.module, {**others, **parameters}, (), batch or self.batch)["loss"]

    def parts(self, tensors, *lengths):
        """`tensors` cut into as many pieces, and the state and the batch by name."""
        pieces = []
        for length in lengths:
            pieces.append(tensors[:length])
            tensors = tensors[length:]
        others = dict(zip(self.others, tensors))
        return *pieces, others, dict(zip(self.batch, tensors[len(self.others) :]))

    def backward(self, values, others, batch, scale=None):
        parameters = {n: v.detach().requires_grad_() for n, v in zip(self.trained, values)}
        loss = self.loss(parameters, others, batch)
        loss = loss if scale is None else loss * scale
        return loss.detach(), torch.autograd.grad(loss, list(parameters.values()))

    def gradients(self, *tensors):
        values, (scale,), others, batch = self.parts(tensors, len(self.trained), 1)
        loss, found = self.backward(values, others, batch, scale)
        return loss, *found

    def update(self, *tensors):
        count = len(self.trained)
        values, first, second, (numbers,), others, batch = self.parts(tensors, count, count, count, 1)
        loss, found = self.backward(values, others, batch)
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in found]))
        clip = ((norm + 1e-6).reciprocal() * numbers[0]).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_
        for i, (value, average, square, gradient) in enumerate(zip(values, first, second, found)):
            decay, size, root, rest1, beta2, rest2, eps = (
                numbers[1 + PER_PARAMETER * i + k] for k in range(PER_PARAMETER)
            )
            gradient = gradient * clip
            new_average = average + (gradient - average) * rest1
            new_square = square * beta2 + gradient * gradient * rest2
            value.copy_(value * decay - size * new_average / (new_square.sqrt() / root + eps))
            average.copy_(new_average)
            square.copy_(new_square)
        return loss, norm

    def arguments(self, name):
        """Tensors of the right shapes: the model's own, and an optimizer that begins."""
        state = self.copies()
        values = [state[n] for n in self.trained]
        rest = [*(state[n] for n in self.others), *(t.clone() for t in self.batch.values())]
        if name == "gradients":
            return [*values, torch.tensor(0.5), *rest]
        zeros = [torch.zeros_like(v) for v in (*values, *values)]
        numbers = [
            1 - 1e-3 * 0.01,
            1e-3 / (1 - 0.9),
            (1 - 0.999) ** 0.5,
            1 - 0.9,
            0.999,
            1 - 0.999,
            1.0,
        ]  # eps: a smaller one turns rounding into steps
        return [*values, *zeros, torch.tensor([1.0, *numbers * len(values)]), *rest]

    def check(self, name, library):
        """Runs the code beside the module."""
        found = self.arguments(name)
        runner = torch._C._aoti.AOTIModelContainerRunnerCpu(str(library), 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            with torch.no_grad():
                given = [*runner.run(found), *found]
            torch.manual_seed(SEED)
            expected = self.arguments(name)
            expected = [*getattr(self, name)(*expected), *expected]
        for one, other in zip(given, expected, strict=True):
            if one.is_floating_point():
                size = other.abs().max().item() if other.numel() else 0
                if torch.allclose(one, other, rtol=1e-4, atol=1e-4 * size + 1e-7, equal_nan=True):
                    continue
            elif torch.equal(one, other):
                continue
            raise ExportError(
                f"the compiled step of {type(self.model).__name__} gives other numbers than the model; export it without compiled_step"
            )


@contextlib.contextmanager
def code_that_prints_nothing():
    """AOTInductor's interface prints what it turns into a status; the host says itself what is wrong."""
    from torch._inductor.codecache import AotCodeCompiler

    made = AotCodeCompiler.__dict__["compile"]

    def compile(graph, wrapper, *rest, **named):
        return made.__get__(None, AotCodeCompiler)(graph, re.sub(r"std::cerr\s*<<[^;]*;", "", wrapper), *rest, **named)

    AotCodeCompiler.compile = compile
    try:
        yield
    finally:
        AotCodeCompiler.compile = made


def compiled(model, function, arguments, target):
    """The function's code, a shared library."""
    from torch._inductor import aot_compile
    from torch.fx.experimental.proxy_tensor import make_fx

    options = {
        "cpp.threads": 1,
        "cpp.simdlen": target.bits,
        "cpp.march": target.march,
        "fallback_random": True,  # draws as eager, from the same generator
        "aot_inductor.package": False,
    }
    try:
        with torch.random.fork_rng(devices=[]):
            graph = make_fx(function, tracing_mode="fake", _allow_non_fake_inputs=True)(*arguments)
        for node in graph.graph.nodes:  # Inductor may give a tensor other strides, of which there is no view
            if node.target in (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default):
                node.target = torch.ops.aten.reshape.default
        graph.recompile()
        with torch.no_grad(), code_that_prints_nothing():
            made = pathlib.Path(aot_compile(graph, tuple(t.clone() for t in arguments), options=options))
    except Exception as e:
        said = next((line.strip() for line in str(e).split("\n") if line.strip()), "").rstrip(".")
        raise ExportError(
            f"the step of {type(model).__name__} cannot be compiled: {type(e).__name__}: {said}; leave out compiled_step"
        ) from e
    table = made.with_suffix(".json")  # operators that the code would call by name
    if table.exists():
        called = sorted({node["node"]["target"] for node in json.loads(table.read_text())["nodes"]})
        raise ExportError(
            f"the step of {type(model).__name__} uses {', '.join(called)}, which compiled_step does not call; leave it out"
        )
    return made


def append(path, code):
    """Adds the code to a file of torch.export.save."""
    root = path.stem
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        for entry, data in code.items():
            archive.writestr(f"{root}/{entry}", data)
