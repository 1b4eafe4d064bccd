# SPDX-License-Identifier: Apache-2.0
"""A BERT that tells which of several documents a passage is from, made ready for the `trainer` command.

export.py DIRECTORY TEXT TEXT...    writes model.pt2, train.safetensors, eval.safetensors and run.json
"""

import collections
import pathlib
import re
import shutil
import sys

import torch
from transformers import BertConfig, BertForSequenceClassification

import libtrainer

LENGTH = 24  # words of a passage
PADDING, UNKNOWN = 0, 1


def passages(file):
    words = re.findall("[a-z]+", pathlib.Path(file).read_text().lower())
    return [words[i : i + LENGTH] for i in range(0, len(words), LENGTH)]


def columns(rows, numbers):
    """Passages and labels as BERT takes them: rows of one length, padded, with a mask."""
    ids = torch.full((len(rows), LENGTH), PADDING)
    for i, (words, _) in enumerate(rows):
        ids[i, : len(words)] = torch.tensor([numbers.get(word, UNKNOWN) for word in words])
    labels = torch.tensor([label for _, label in rows])
    return {"input_ids": ids, "attention_mask": (ids != PADDING).long(), "labels": labels}


def main(directory, *texts):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    rows = [(words, label) for label, text in enumerate(texts) for words in passages(text)]
    train, held_out = [row for i, row in enumerate(rows) if i % 5], rows[::5]
    counts = collections.Counter(word for words, _ in train for word in words)
    frequent = [word for word, count in counts.most_common() if count > 1]
    numbers = {word: number for number, word in enumerate(frequent, start=2)}

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(numbers) + 2,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=LENGTH,
        num_labels=len(texts),
        id2label=dict(enumerate(pathlib.Path(text).stem for text in texts)),
    )
    model = BertForSequenceClassification(config)
    data = columns(train, numbers)
    libtrainer.export(model, {name: column[:4] for name, column in data.items()}, directory / "model.pt2")
    libtrainer.save_dataset(data, directory / "train.safetensors")
    libtrainer.save_dataset(columns(held_out, numbers), directory / "eval.safetensors")
    shutil.copy(pathlib.Path(__file__).with_name("run.json"), directory)
    print(
        f"{len(train)} passages of {len(texts)} documents to learn from, {len(held_out)} others; {len(numbers)} words"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
