# SPDX-License-Identifier: Apache-2.0
"""Puts the weights of a checkpoint of the `trainer` command into the module itself, and counts its hits.

check.py CHECKPOINT EVAL.safetensors
"""

import pathlib
import sys

import torch
from export import make_model
from safetensors.torch import load_file


def main(checkpoint, data):
    model = make_model().eval()
    model.load_state_dict(load_file(pathlib.Path(checkpoint) / "model.safetensors"))
    columns = load_file(data)
    with torch.no_grad():
        found = model(columns["input"]).argmax(-1)
    print(f"accuracy: {(found == columns['labels']).double().mean().item():.6f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
