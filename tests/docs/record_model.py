# SPDX-License-Identifier: Apache-2.0
"""Writes tests/docs/beside/model.pt2 with its data: what the run files of the pages on PyTorch's models name.

PYTHONPATH=sdk/python/src python tests/docs/record_model.py      (with torch)
"""

import pathlib

import torch

import libtrainer

BESIDE = pathlib.Path(__file__).parent / "beside"


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(50, 8)
        self.output = torch.nn.Linear(8, 2)

    def forward(self, input_ids, attention_mask, labels=None):
        mask = attention_mask.unsqueeze(-1).to(self.output.weight.dtype)
        logits = self.output((self.embedding(input_ids) * mask).sum(1) / mask.sum(1))
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits}


def rows(count):
    ids = torch.randint(50, (count, 6))
    mask = (torch.arange(6) < torch.randint(1, 7, (count, 1))).long()
    return {"input_ids": ids, "attention_mask": mask, "labels": (ids[:, 0] > 24).long()}


torch.manual_seed(0)
libtrainer.export(Classifier(), rows(4), BESIDE / "model.pt2")
for name, count in (("train", 32), ("eval", 8)):
    columns = rows(count)
    columns["tokens"] = columns["input_ids"]  # another name for it, which one of the run files uses
    libtrainer.save_dataset(columns, BESIDE / f"{name}.safetensors")
