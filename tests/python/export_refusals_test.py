# SPDX-License-Identifier: Apache-2.0
"""What libtrainer.export refuses, each in one sentence, and leaves as it was; what it takes all the same."""

import json
import os
import pathlib
import random
import warnings
import zipfile

import torch
import torch.nn.functional as F
from harness import expect, expect_equal, expect_error, work_directory
from torch import nn

from libtrainer import ExportError, export

torch.set_num_threads(1)


class Net(nn.Module):
    """A linear layer, and what `change` makes of its output."""

    def __init__(self, change=lambda self, y, x: y, labels=True):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.change = change
        self.labels = labels

    def forward(self, x, labels=None):
        logits = self.change(self, self.layer(x), x)
        loss = F.cross_entropy(logits, labels) if labels is not None and self.labels else None
        return {"loss": loss, "logits": logits}


class Returns(nn.Module):
    def __init__(self, result):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.result = result

    def forward(self, x, labels=None):
        return self.result(self.layer(x))


def batch(rows=4):
    return {"x": torch.arange(4.0 * rows).reshape(rows, 4).sin(), "labels": torch.arange(rows) % 3}


def refused(words, model, given=None, path="model.pt2", **options):
    pathlib.Path("model.pt2").write_text("the one before")
    modes = [m.training for m in model.modules()] if isinstance(model, nn.Module) else []
    said = expect_error(ExportError, words, export, model, batch() if given is None else given, path, **options)
    expect("\n" not in said and len(said) < 500, f"more than a sentence: {said}")
    expect_equal(os.listdir(), ["model.pt2"], "what a refused export leaves")
    expect_equal(pathlib.Path("model.pt2").read_text(), "the one before", "the file")
    expect(not isinstance(model, nn.Module) or "forward" not in model.__dict__, "forward stayed")
    expect_equal([m.training for m in model.modules()] if modes else [], modes, "the modes")


def taken(model, given=None, **options):
    export(model, batch() if given is None else given, "model.pt2", **options)
    with zipfile.ZipFile("model.pt2") as file:
        return json.loads(file.read("model/extra/libtrainer/meta.json"))


def check_graphs():
    def branch(self, y, x):
        return y * 2 if y.sum() > 0 else y

    def drop(self, y, x):
        self.layerdrop = 0.5
        return y if self.training and torch.rand(()) < self.layerdrop else y * 2

    def python(self, y, x):
        return y * random.random()

    def mode(self, y, x):
        self.calls = getattr(self, "calls", 0) + 1
        return y * self.calls

    def rows(self, y, x):
        return y.reshape(4, 4)

    def squeezed(self, y, x):
        return y.unsqueeze(2).squeeze() if y.shape[0] != 1 else y * 2

    def single(self, y, x):
        return y if y.shape[0] != 1 else y * 2

    def wide(self, y, x):
        return y.view(y.shape[0], 4)[:, : x.shape[1]] + torch.ones(4)

    def cond(self, y, x):
        return torch.cond(y.sum() > 0, lambda z: z.sin(), lambda z: z.cos(), (y,))

    def compared(self, y, x):
        rows = y[:, None].repeat(1, 3, 1)
        return self.pair(rows, rows, tgt_mask=nn.Transformer.generate_square_subsequent_mask(3))[:, 0]

    masked = Net(compared)
    masked.pair = nn.Transformer(4, 2, 1, 1, 8, 0.0, batch_first=True)

    @torch.library.custom_op("exporttest::twice", mutates_args=())
    def twice(y: torch.Tensor) -> torch.Tensor:
        return y * 2

    twice.register_fake(torch.empty_like)
    twice.register_autograd(lambda context, gradient: gradient * 2)

    refused(
        ["training", "values of tensors", 'y.sum() > 0 else y" in export_refusals_test.py', "torch.where"], Net(branch)
    )
    refused(["training", "values of tensors", "tgt_mask"], masked)
    refused(["leaves out whole layers", "set layerdrop to 0"], Net(drop))
    refused(["generators of Python or NumPy"], Net(python))
    refused(["gives another", "depends on more than its inputs"], Net(mode))
    refused(["only with rows = 4"], Net(rows))
    refused(["does not run in training on a batch of one row"], Net(squeezed))
    refused(["gives another", "on a batch of one row"], Net(single))
    refused(['only with width = 4, the size of "x" in dimension 1'], Net(wide), dynamic={"x": {1: "width"}})
    refused(["cond", "torch.ops.higher_order"], Net(cond))
    refused(["operators that torch itself does not have (exporttest.twice.default)"], Net(lambda s, y, x: twice(y)))
    refused(["does not run on the batch in training", "IndexError"], Net(), batch() | {"labels": torch.full((4,), 9)})


def check_outputs():
    refused(
        ['"steps"', "is a list, not a tensor", "outputs=['logits']"], Returns(lambda y: {"logits": y, "steps": [y, y]})
    )
    refused(["tuple of 2", "outputs=[..., ...]"], Returns(lambda y: (y.mean(), y)))
    refused(["returns a str"], Returns(lambda y: "none"))
    refused(["gives no tensor"], Returns(lambda y: {"loss": None}))
    refused(['"loss"', "shape [4]", "its mean"], Returns(lambda y: {"loss": y.mean(1), "logits": y}))
    refused(['no output "hidden"', "it gives loss, logits"], Net(), outputs=["hidden"])
    expect_equal(
        taken(Returns(lambda y: (y.mean(), y)), outputs=["loss", "logits"])["outputs"], ["loss", "logits"], "outputs"
    )
    expect_equal(taken(Returns(lambda y: y))["outputs"], ["logits"], "a tensor's name")
    cached = Returns(lambda y: {"logits": y, "past_key_values": [y]})
    expect_equal(taken(cached)["outputs"], ["logits"], "outputs beside a cache")


def check_parameters():
    def with_parameter(tensor):
        model = Net()
        model.extra = tensor
        return model

    class Wrapped(torch.Tensor):
        pass

    refused(['"extra.weight" is on the device "meta"'], with_parameter(nn.Linear(2, 2, device="meta")))
    refused(['"extra.weight" has no shape yet'], with_parameter(nn.LazyLinear(2)))
    refused(['"extra" is sparse'], with_parameter(nn.Parameter(torch.eye(3).to_sparse())))
    refused(
        ['"extra" is quantized or of a class of its own'],
        with_parameter(nn.Parameter(torch.eye(3).as_subclass(Wrapped))),
    )
    both = with_parameter(nn.Linear(4, 4))
    both.extra.weight = nn.Parameter(both.layer.weight.data)
    refused(['"layer.weight" and "extra.weight"', "same memory"], both)
    quantized = Net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of quantized tensors
        quantized.register_buffer("scale", torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8))
    refused(['the buffer "scale" is quantized'], quantized)

    tied = Net(lambda self, y, x: self.extra(y))
    tied.extra = nn.Linear(4, 4)
    tied.extra.weight = tied.layer.weight
    tied.layer.bias.requires_grad_(False)
    meta = taken(tied)
    expect_equal(meta["tied"], {"extra.weight": "layer.weight"}, "tied")
    with zipfile.ZipFile("model.pt2") as file:
        stored = json.loads(file.read("model/data/weights/model_weights_config.json"))["config"]
    grads = {n: w["tensor_meta"]["requires_grad"] for n, w in stored.items()}
    expect_equal(grads["layer.bias"], False, "what a frozen parameter is stored as")
    expect_equal(stored["extra.weight"]["path_name"], stored["layer.weight"]["path_name"], "the file of a tied weight")


def check_batches():
    x = batch()["x"]
    refused(["the model is a function"], batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of TorchScript
        refused(["the model is TorchScript"], torch.jit.trace(nn.Linear(4, 4), x))
    refused(["must end in .pt2"], Net(), path="model.pt")
    refused(["the batch is a Tensor", "dict of tensors"], Net(), x)
    refused(["the batch has no tensor"], Net(), {})
    refused(['"x" of the batch is a list'], Net(), {"x": [1.0]})
    refused(["shape [1, 4]", "2 or more rows"], Net(), batch(1))
    refused(['takes no "label"', 'did you mean "labels"?'], Net(), {"x": x, "label": batch()["labels"]})
    refused(
        ['"x" of the batch has 4 rows, but "labels" 3', 'dynamic={"labels": None}'],
        Net(),
        {"x": x, "labels": torch.ones(3)},
    )
    refused(['dynamic has "y"'], Net(), dynamic={"y": {1: "n"}})
    refused(["dynamic has dimension 2", "[4, 4]"], Net(), dynamic={"x": {2: "n"}})
    refused(['dynamic has the name "a b" for a size'], Net(), dynamic={"x": {1: "a b"}})
    refused(["shape [4, 1]", "2 or more in dimension 1"], Net(), {"x": x[:, :1]}, dynamic={"x": {1: "n"}})
    fixed = taken(Net(lambda self, y, x: y), batch() | {"labels": None})
    expect_equal(
        (fixed["inputs"], fixed["outputs"], fixed["labels"]), (["x"], ["logits"], []), "a model without labels"
    )


class Keywords(nn.Module):
    """As many models of transformers: a loss that counts the items itself, and arguments that are no tensors."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x, labels=None, scale=1.0, **kwargs):
        logits = self.layer(x) * scale
        total = F.cross_entropy(logits, labels, reduction="sum")
        return {"loss": total / kwargs["num_items_in_batch"], "logits": logits + kwargs["shift"]}


def check_what_is_taken():
    given = batch() | {"shift": torch.ones(4), "scale": 2.0}
    meta = taken(Keywords(), given, dynamic={"shift": None})
    expect_equal(meta["inputs"], ["x", "labels", "shift", "num_items_in_batch"], "inputs")
    expect_equal((meta["accepts_loss_kwargs"], meta["fixed_arguments"]), (True, {"scale": 2.0}), "the facts of forward")

    for wrapped in (nn.DataParallel(Net()), torch.compile(Net())):
        expect_equal(taken(wrapped)["parameter_order"], ["layer.weight", "layer.bias"], "names of a wrapped module")

    def constants(self, y, x):  # alike in name, not in value
        return y * (torch.tensor([1.0, 2, 3, 4]) if self.training else torch.tensor([5.0, 6, 7, 8]))

    taken(Net(constants))
    with zipfile.ZipFile("model.pt2") as file:
        stored = json.loads(file.read("model/data/constants/model_constants_config.json"))["config"]
        read = json.loads(file.read("model/extra/libtrainer/eval.json"))["graph_module"]["signature"]["input_specs"]
        (name,) = (spec["tensor_constant"]["tensor_constant_name"] for spec in read if "tensor_constant" in spec)
        values = torch.frombuffer(
            bytearray(file.read(f"model/data/constants/{stored[name]['path_name']}")), dtype=torch.float32
        )
    expect_equal(values.tolist(), [5.0, 6, 7, 8], "the constant of the evaluation graph")

    def checkpointed(self, y, x):
        return torch.utils.checkpoint.checkpoint(torch.tanh, y, use_reentrant=False)

    model = Net(checkpointed)
    model.gradient_checkpointing = True
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        taken(model)
    expect(any("no memory is saved" in str(w.message) for w in told), "gradient checkpointing: no warning")

    def rounded(self, y, x):
        return y if torch.compiler.is_exporting() else (y * 3) / 3

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        expect_equal(taken(Net(rounded))["equal_in_bits"], False, "equal_in_bits of other kernels")
    expect(any("up to rounding" in str(w.message) for w in told), "numbers that are rounded in another way: no warning")

    with torch.no_grad():  # a caller's own mode does not count
        expect_equal(taken(Net())["equal_in_bits"], True, "under no_grad")
    expect_equal(sorted(os.listdir()), ["model.pt2"], "what the exports left")


with work_directory():
    check_graphs()
    check_outputs()
    check_parameters()
    check_batches()
    check_what_is_taken()
