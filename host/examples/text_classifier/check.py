# SPDX-License-Identifier: Apache-2.0
"""Opens a checkpoint of the `trainer` command in Python, and counts its hits in the passages that it did not learn from.

check.py CHECKPOINT EVAL.safetensors
"""

import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification


def main(checkpoint, data):
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    columns = load_file(data)
    labels = columns.pop("labels")
    with torch.no_grad():
        found = model(**columns).logits.argmax(-1)
    print(f"accuracy: {(found == labels).double().mean().item():.6f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
