# SPDX-License-Identifier: Apache-2.0
"""libtrainer.save_dataset: what safetensors reads of it; the package alone imports neither torch nor NumPy."""

import os
import resource
import subprocess
import sys

from harness import SITE, expect, expect_equal, expect_error, work_directory

LEAN = "import sys, libtrainer; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)) or not hasattr(libtrainer, '__version__'))"
subprocess.run([sys.executable, "-c", LEAN], check=True, env=os.environ | {"PYTHONPATH": str(SITE)})

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from libtrainer import ExportError, save_dataset


def saved(data, **options):
    expect_equal(save_dataset(data, "data.safetensors", **options).name, "data.safetensors", "the result")
    expect_equal(os.listdir(), ["data.safetensors"], "what is left")
    with safe_open("data.safetensors", "pt") as file:
        expect_equal(file.metadata(), {"format": "pt"}, "the metadata")
    return load_file("data.safetensors")


def expect_column(found, name, expected):
    tensor = torch.as_tensor(expected)
    expect_equal((found[name].dtype, found[name].shape), (tensor.dtype, tensor.shape), name)
    expect(torch.equal(found[name], tensor), f"{name} has other values")


def check_arrays():
    generator = torch.Generator().manual_seed(0)
    columns = {  # more rows than a piece has
        "pixels": torch.randn(2300, 2, 3, generator=generator),
        "half": torch.randn(2300, 2, generator=generator).bfloat16(),
        "mask": torch.randn(2300, generator=generator) > 0,
        "bytes": np.arange(2300, dtype=np.uint8).reshape(2300, 1),
        "big_endian": np.arange(2300, dtype=">i4"),
        "label": list(range(2300)),
        "weight": [0.5, 1] * 1150,
    }
    found = saved(columns)
    expect_equal(set(found), {"labels"} | set(columns) - {"label"}, "the columns")
    for name in ("pixels", "half", "mask", "bytes"):
        expect_column(found, name, columns[name])
    expect_column(found, "big_endian", np.arange(2300, dtype=np.int32))
    expect_column(found, "labels", torch.arange(2300))
    expect_column(found, "weight", torch.tensor([0.5, 1] * 1150))
    with open("data.safetensors", "rb") as file:
        expect_equal(int.from_bytes(file.read(8), "little") % 8, 0, "the alignment of the data")


def check_rows():
    lengths = [i % 4 for i in range(1500)]
    rows = ({"input_ids": list(range(n)), "pairs": [[0.5, n]] * n, "alike": [n, n], "label": n % 2} for n in lengths)
    found = saved(rows)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    expect_column(found, "input_ids", [i for n in lengths for i in range(n)])
    expect_column(found, "pairs", torch.tensor([[0.5, n] for n in lengths for _ in range(n)]))
    for name in ("input_ids.offsets", "pairs.offsets"):
        expect_column(found, name, offsets)
    expect_column(found, "alike", [[n, n] for n in lengths])
    expect_column(found, "labels", [n % 2 for n in lengths])

    found = saved([{"x": torch.ones(n, 2), "y": np.float64(n), "z": torch.tensor(n)} for n in (2, 1)])
    expect_column(found, "x.offsets", [0, 2, 3])
    expect_column(found, "y", torch.tensor([2, 1], dtype=torch.float64))
    expect_column(found, "z", [2, 1])
    expect_column(saved([{"x": []}] * 1000 + [{"x": [7, 8]}]), "x", [7, 8])


def check_batches():
    batches = [{"input_ids": torch.full((2, n), n), "labels": torch.ones(2)} for n in (3, 1)]
    found = saved(batches, batched=True)
    expect_column(found, "input_ids", [3] * 6 + [1] * 2)
    expect_column(found, "input_ids.offsets", [0, 3, 6, 7, 8])
    expect_column(found, "labels", torch.ones(4))


class Dataset:
    """What is used of a datasets.Dataset: slices are dicts of lists."""

    def __init__(self, column_names=("text", "input_ids", "label")):
        self.column_names = list(column_names)

    def select_columns(self, names):
        return Dataset(names)

    def __len__(self):
        return 1100

    def __getitem__(self, rows):
        some = range(len(self))[rows]
        return {
            "text": ["a"] * len(some),
            "input_ids": [[i] * (i % 2 + 1) for i in some],
            "label": [i % 2 for i in some],
        }


def check_datasets():
    found = saved(Dataset(), columns=["input_ids", "label"])
    expect_equal(set(found), {"input_ids", "input_ids.offsets", "labels"}, "the columns")
    expect_column(found, "input_ids.offsets", np.concatenate([[0], np.cumsum([i % 2 + 1 for i in range(1100)])]))
    refused(['no column "labels"; they have text, input_ids, label'], Dataset(), columns=["labels"])
    refused(["splits train, test", 'data["train"]'], {"train": Dataset(), "test": Dataset()})
    refused(['"text" holds text', "columns=[...]"], Dataset())


def refused(words, data, **options):
    before = open("data.safetensors", "rb").read()
    expect_error(ExportError, words, save_dataset, data, "data.safetensors", **options)
    expect_equal((os.listdir(), open("data.safetensors", "rb").read()), (["data.safetensors"], before), "what is left")


def check_refusals():
    refused(['"a" has 2 rows, but "b" 1'], {"a": [1, 2], "b": [1]})
    refused(['"a" has values that are not numbers'], {"a": [1, None]})
    refused(['"a" has rows in which lists have different lengths'], [{"a": [[1], [2, 3]]}])
    refused(['"a" has rows of the shapes [1, 1], [1, 2]'], {"a": [[[1.0]], [[1.0, 2.0]]]})
    refused(['"a" has rows of another shape from row 1000 on'], {"a": [1] * 1000 + [[1]]})
    refused(['"a" is I64 in its first rows, and F32 from row 1000 on'], {"a": [1] * 1000 + [0.5]})
    refused(['"a" has rows of the types F32, I32'], {"a": [np.zeros(1, np.float32), np.zeros(2, np.int32)]})
    refused(['"a" is of the type datetime64[D]'], {"a": np.array(["2020-01-01"], "datetime64[D]")})
    refused(["the labels twice"], {"label": [1], "labels": [2]})
    refused(['cannot be named "a.offsets"'], {"a.offsets": [1]})
    refused(['cannot be named "__metadata__"'], {"__metadata__": [1]})
    refused(['"a" is one number in a batch'], [{"a": np.array(1.0)}], batched=True)
    refused(['"a" is of the type torch.float8_e4m3fn'], {"a": torch.zeros(2).to(torch.float8_e4m3fn)})
    refused(['no column "c"; they have a, b'], {"a": [1], "b": [1]}, columns=["c"])
    refused(['only some of the rows have the column "b", see row 1'], [{"a": 1}, {"a": 1, "b": 2}])
    refused(["a row of the data is of the type int"], [1])
    for empty in ({}, [], {"a": []}, iter(())):
        refused(["no rows"], empty)


def check_memory():
    """An iterator of 200 MB in batches of 2 MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    batches = ({"x": np.zeros((1000, 512), np.float32)} for _ in range(100))
    save_dataset(batches, "data.safetensors", batched=True)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    expect(grown < 50_000, f"writing 200 MB took {grown} KiB of memory")


with work_directory():
    check_arrays()
    check_rows()
    check_batches()
    check_datasets()
    check_refusals()
    check_memory()
