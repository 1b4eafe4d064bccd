# SPDX-License-Identifier: Apache-2.0
"""libtrainer.export: the file in a Python without transformers beside the module, and its facts beside transformers' own."""

import copy
import json
import os
import random
import re
import subprocess
import sys
import types
import zipfile

import numpy
import torch
from harness import SOURCE, expect, expect_equal, work_directory

sys.path.insert(0, str(SOURCE / "tests" / "host" / "exported"))
os.environ |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
import transformers
import zoo
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import Trainer, TrainingArguments

import libtrainer

torch.set_num_threads(1)
transformers.utils.logging.disable_progress_bar()
SEED = 5  # of the draws of both sides
NO_DECAY = [
    r"bias",
    r"layernorm",
    r"rmsnorm",
    r"(?:^|\.)norm(?:$|\.)",
    r"_norm(?:$|\.)",
]  # names, as the host knows them

# Loads both graphs, without transformers; what they give, the gradients, and the buffers afterwards.
LOADER = """
import json, sys, zipfile
import torch
torch.set_num_threads(1)
result = {}
for name in sys.argv[1:]:
    batch = torch.load(f"{name}.batch")
    with zipfile.ZipFile(f"{name}.pt2") as file, zipfile.ZipFile(f"{name}_eval.pt2", "w") as evaluation:
        entries = {e.partition("/")[2]: file.read(e) for e in file.namelist()}
        entries["models/model.json"] = entries["extra/libtrainer/eval.json"]
        for entry, data in entries.items():
            evaluation.writestr(f"{name}_eval/{entry}", data)
    for mode, program in (("train", torch.export.load(f"{name}.pt2")), ("eval", torch.export.load(f"{name}_eval.pt2"))):
        module = program.module()
        for alias, first in json.loads(entries["extra/libtrainer/meta.json"])["tied"].items():  # torch.export.load unties
            holder, _, leaf = alias.rpartition(".")
            setattr(module.get_submodule(holder), leaf, module.get_parameter(first))
        torch.manual_seed(5)
        given = module(**batch)
        result[name, mode] = {n: v.detach() for n, v in given.items()}
        if mode == "train" and "loss" in given:
            parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
            found = torch.autograd.grad(given["loss"], list(parameters.values()), allow_unused=True)
            result[name, "gradients"] = dict(zip(parameters, found))
            result[name, "buffers"] = {n: b for n, b in module.named_buffers()}
assert "transformers" not in sys.modules
torch.save(result, "loaded.pt")
"""


def state(model):
    """All that an export must leave as it is."""
    config = copy.deepcopy(getattr(model, "config", None))
    return {
        "tensors": {n: (t, t.detach().clone()) for n, t in model.state_dict(keep_vars=True).items()},
        "gradients": [p.grad for p in model.parameters()],
        "modes": [m.training for m in model.modules()],
        "forward": model.__dict__.get("forward"),
        "config": config.to_dict() if config is not None else None,
        "generators": (torch.get_rng_state().tolist(), random.getstate(), numpy.random.get_state()[1].tolist()),
    }


def expect_untouched(name, before, after):
    expect_equal(list(before["tensors"]), list(after["tensors"]), f"{name}: the names")
    for n, (tensor, values) in before["tensors"].items():
        now, values_now = after["tensors"][n]
        expect(now is tensor and torch.equal(values, values_now), f"{name}: {n} is another one after the export")
    for what in ("gradients", "modes", "forward", "config", "generators"):
        expect(before[what] == after[what], f"{name}: {what} changed in the export")


def exported(name, case, rows=4):
    torch.manual_seed(0)
    model = case.make()
    batch = case.batch(rows, torch.Generator().manual_seed(1))
    if name == "linear":
        batch.pop("labels")
    model.eval()
    next(model.children()).train()  # a mixture, which must come back
    before = state(model)
    expect_equal(libtrainer.export(model, batch, f"{name}.pt2", dynamic=case.dynamic).name, f"{name}.pt2", "the result")
    expect_untouched(name, before, state(model))
    with zipfile.ZipFile(f"{name}.pt2") as file:
        expect_equal(file.testzip(), None, f"{name}: the damaged entry")
        meta = json.loads(file.read(f"{name}/extra/libtrainer/meta.json"))
        text = file.read(f"{name}/models/model.json").decode()
    expect("stack_trace" not in text and "nn_module_stack" in text, f"{name}: the metadata of the nodes")
    expect(meta["equal_in_bits"], f"{name}: the export was not equal in bits")
    return model, batch, meta


def check_facts(name, model, batch, meta):
    parameters = dict(model.named_parameters())
    expect_equal(meta["parameter_order"], list(parameters), f"{name}: parameter_order")
    others = set(dict(model.named_parameters(remove_duplicate=False))) - set(parameters)
    expect_equal(set(meta["tied"]), others, f"{name}: tied")
    for alias, first in meta["tied"].items():
        expect(model.get_parameter(alias) is parameters[first], f"{name}: {alias} is not {first}")
    expect_equal(set(meta["checksums"]), set(model.state_dict()) - others, f"{name}: the names of the checksums")
    decayed = [
        n
        for n in parameters
        if n not in meta["layer_norm_parameters"] and not any(re.search(p, n.lower()) for p in NO_DECAY)
    ]
    theirs = Trainer.get_decay_parameter_names(None, model)
    expect_equal(decayed, [n for n in parameters if n in theirs], f"{name}: the decayed parameters")
    expect_equal(meta["inputs"][: len(batch)], list(batch), f"{name}: inputs")

    args = TrainingArguments("out", use_cpu=True, report_to="none", save_strategy="no")
    trainer = Trainer(model, args)
    trainer._set_signature_columns_if_needed()
    expect_equal(meta["accepts_loss_kwargs"], trainer.model_accepts_loss_kwargs, f"{name}: accepts_loss_kwargs")
    expect_equal(meta["loss_shifts_labels"], trainer._loss_shifts_labels, f"{name}: loss_shifts_labels")
    expect_equal(meta["label_names"], trainer.label_names, f"{name}: label_names")
    named = set(trainer._signature_columns) - {"label", "label_ids", "kwargs"}
    expect_equal(set(meta["signature_columns"]), named, f"{name}: signature_columns")
    expect_equal(
        "num_items_in_batch" in meta["inputs"], trainer.model_accepts_loss_kwargs, f"{name}: num_items_in_batch"
    )
    flos = meta["flos_per_input"] * batch.get(meta["main_input_name"], torch.empty(0)).numel()
    expect_equal(flos, trainer.floating_point_ops(batch), f"{name}: flos")
    if not isinstance(model, transformers.PreTrainedModel):
        expect_equal((meta["config"], meta["files"]), ({}, {}), f"{name}: config and files")
        return
    expect_equal(meta["config"], json.loads(json.dumps(model.config.to_dict())), f"{name}: config")
    with torch.no_grad():
        model(**batch)  # a forward sets the kind of problem in the configuration
    trainer.save_model("saved")
    aliases = meta["tied"] | meta["saved_names"]
    with safe_open("saved/model.safetensors", "pt") as file:
        expect_equal({aliases.get(n, n) for n in file.keys()}, set(meta["checksums"]), f"{name}: the saved names")
        for n in file.keys():
            expect_bits(file.get_tensor(n), model.state_dict()[aliases.get(n, n)], f"{name}: {n} as it is saved")
    for file, content in meta["files"].items():
        with open(f"saved/{file}") as saved:
            expect_equal(content, saved.read(), f"{name}: {file}")
    generation = os.path.exists("saved/generation_config.json")
    expect_equal("generation_config.json" in meta["files"], generation, f"{name}: generation_config.json")
    # What the host writes: the module's own names, each tensor once.
    save_file(
        {n: model.state_dict()[n].contiguous() for n in meta["checksums"]}, "saved/model.safetensors", {"format": "pt"}
    )
    again, report = type(model).from_pretrained("saved", output_loading_info=True)
    expect(not any(report.values()), f"{name}: from_pretrained of the module's own names: {report}")
    for n, tensor in again.state_dict().items():
        expect_bits(tensor, model.state_dict()[n], f"{name}: {n} as it is loaded")
    for file in os.listdir("saved"):
        os.remove(f"saved/{file}")


def expect_bits(found, expected, what):
    if found is None or expected is None:
        expect(found is None and expected is None, f"{what} is there on one side only")
        return
    expect_equal((found.dtype, found.shape), (expected.dtype, expected.shape), what)
    expect(torch.equal(found.reshape(-1).view(torch.uint8), expected.reshape(-1).view(torch.uint8)), f"{what} differs")


def eager(model, batch, buffers):
    """What the graphs must give: the module itself, in both modes."""
    if getattr(model, "config", None) is not None:
        model.config.use_cache = False  # as the Trainer does
    result = {}
    for mode in ("train", "eval"):
        model.train(mode == "train")
        torch.manual_seed(SEED)
        given = model(**batch)
        given = {"logits": given} if isinstance(given, torch.Tensor) else dict(given.items())
        result[mode] = {n: v.detach() for n, v in given.items() if isinstance(v, torch.Tensor)}
        if mode == "train" and "loss" in given:
            parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
            found = torch.autograd.grad(given["loss"], list(parameters.values()), allow_unused=True)
            result["gradients"] = dict(zip(parameters, found))
            result["buffers"] = {n: b.clone() for n, b in model.named_buffers()}
            model.load_state_dict(buffers, strict=False)
    return result


class Dataset:
    """What the page uses of a datasets.Dataset."""

    column_names = ["sentence", "label"]

    def __init__(self, rows):
        self.rows = rows

    def map(self, function):
        return Dataset([row | function(row) for row in self.rows])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, some):
        return {name: [row[name] for row in self.rows[some]] for name in self.rows[0]}


class Datasets(dict):
    def map(self, function):
        return Datasets({part: rows.map(function) for part, rows in self.items()})


def tokenizer(text, truncation=False, padding=False, max_length=None, return_tensors=None):
    texts = [text] if isinstance(text, str) else text
    ids = [[len(word) for word in t.split()] for t in texts]
    longest = max_length if padding == "max_length" else max(map(len, ids)) if padding else 0
    found = {
        "input_ids": [row + [0] * (longest - len(row)) for row in ids],
        "attention_mask": [[1] * len(row) + [0] * (longest - len(row)) for row in ids],
    }
    if return_tensors:
        return {name: torch.tensor(values) for name, values in found.items()}
    return {name: values[0] for name, values in found.items()}


def check_page(case):
    """The ten lines of docs/models.md, with a small model and small data in place of those from the network."""
    text = (SOURCE / "docs" / "models.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    run = json.loads(re.search(r"```json\n(.*?)```", text, re.S)[1])
    rows = [{"sentence": s, "label": i % 2} for i, s in enumerate(("one", "and two", "now it is three"))]
    datasets = types.ModuleType("datasets")
    datasets.load_dataset = lambda *names: Datasets(train=Dataset(rows), validation=Dataset(rows[:2]))
    sys.modules["datasets"] = datasets
    transformers.AutoTokenizer.from_pretrained = lambda name: tokenizer
    transformers.AutoModelForSequenceClassification.from_pretrained = lambda name, num_labels: case.make()
    exec(code, {})
    columns = load_file(run["data"]["train"])
    expect_equal(columns["input_ids"].tolist(), [3, 3, 3, 3, 2, 2, 5], "the page's rows")
    expect_equal(columns["input_ids.offsets"].tolist(), [0, 1, 3, 7], "where the page's rows end")
    expect_equal(columns["labels"].tolist(), [0, 1, 0], "the page's labels")
    for file in (run["model"]["file"], run["data"]["train"], run["data"]["eval"]):
        expect(os.path.exists(file), f"the page's {file} is missing")


def check_one_row():
    """BatchNorm counts a batch, and then refuses it when it has one row: that must not reach the next comparison."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
    libtrainer.export(model, {"input": torch.randn(4, 4)}, "one_row.pt2")
    expect_equal(model[1].num_batches_tracked.item(), 0, "batches that the export leaves counted")


def has_mixed_graphs(name):
    with zipfile.ZipFile(f"{name}.pt2") as file:
        return [f"{name}/extra/libtrainer/{mode}_bfloat16.json" in file.namelist() for mode in ("train", "eval")]


with work_directory():
    check_one_row()
    cases = zoo.cases(seed=4)
    models = {}
    for name, case in cases.items():
        model, batch, meta = exported(name, case)
        other = case.batch(3, torch.Generator().manual_seed(2))  # as many rows as the export did not see
        if case.dynamic:
            for n in case.dynamic:
                other[n] = other[n][:, :-2].contiguous()
        other = {n: v for n, v in other.items() if n in meta["inputs"]}
        if "num_items_in_batch" in meta["inputs"]:
            other["num_items_in_batch"] = torch.tensor(7.0)
        torch.save(other, f"{name}.batch")
        models[name] = (model, other)
        check_facts(name, model, batch, meta)
    # A cast to the type that a tensor has anyway is no node of the graph for float32.
    expect_equal(has_mixed_graphs("gpt2"), [True, True], "gpt2: graphs for bfloat16")
    expect_equal(has_mixed_graphs("linear"), [False, False], "linear: graphs for bfloat16")
    check_page(cases["bert"])
    subprocess.run([sys.executable, "-c", LOADER, *models], check=True)
    loaded = torch.load("loaded.pt")
    for name, (model, other) in models.items():
        buffers = {n: b.clone() for n, b in model.named_buffers() if n in model.state_dict()}
        for part, values in eager(model, other, buffers).items():
            found = loaded[name, part]
            expect_equal(set(found), set(values), f"{name}: what the graph has in {part}")
            for n, value in values.items():
                expect_bits(found.get(n), value, f"{name}: {n} in {part}")
