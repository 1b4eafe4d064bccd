# SPDX-License-Identifier: Apache-2.0
"""Small models of each kind that libtrainer.export takes, with random weights; a seed chooses their sizes."""

import random
import types
import typing

import torch
import torch.nn.functional as F
from torch import nn


class Case(typing.NamedTuple):
    make: typing.Callable  # the module
    batch: typing.Callable  # (rows, generator) -> dict of tensors
    dynamic: typing.Optional[dict] = None  # as libtrainer.export takes it


def sizes(seed):
    draw = random.Random(seed)
    heads = draw.choice((2, 4))
    return types.SimpleNamespace(
        heads=heads,
        width=heads * draw.choice((4, 8)),
        layers=draw.choice((1, 2)),
        words=draw.randint(40, 70),
        length=draw.randint(7, 12),
        classes=draw.randint(3, 6),
        channels=draw.choice((4, 8)),
        image=16,
    )


def rows_of(columns):
    """What a Trainer takes as a dataset."""
    return [dict(zip(columns, values)) for values in zip(*columns.values())]


def stacked(rows):
    """A collator: all columns, whatever the model takes."""
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def outputs(logits, labels):
    return {"loss": None if labels is None else F.cross_entropy(logits, labels), "logits": logits}


class Linear(nn.Module):
    """Logits alone, as a torch.nn.Sequential gives them: the run names the loss."""

    def __init__(self, size):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(size.width, size.width), nn.ReLU(), nn.Linear(size.width, size.classes))

    def forward(self, features):
        return self.layers(features)


class Block(nn.Module):
    """Of an EfficientNet as timm writes it: depthwise convolution, squeeze and excitation, layers left out row by row."""

    def __init__(self, channels, drop):
        super().__init__()
        self.drop = drop
        self.expand = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(2 * channels)
        self.depthwise = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels, bias=False)
        self.bn2 = nn.BatchNorm2d(2 * channels)
        self.reduce = nn.Conv2d(2 * channels, channels // 2, 1)
        self.excite = nn.Conv2d(channels // 2, 2 * channels, 1)
        self.project = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = F.silu(self.bn1(self.expand(x)), inplace=True)
        y = F.silu(self.bn2(self.depthwise(y)), inplace=True)
        y = y * torch.sigmoid(self.excite(F.silu(self.reduce(y.mean((2, 3), keepdim=True)))))
        y = self.bn3(self.project(y))
        if self.training and self.drop:
            y = y * y.new_empty((y.shape[0], 1, 1, 1)).bernoulli_(1 - self.drop).div_(1 - self.drop)
        x = x.clone()
        x += y
        return x


class Cnn(nn.Module):
    def __init__(self, size, drop):
        super().__init__()
        self.stem = nn.Conv2d(3, size.channels, 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(size.channels)
        self.pool = nn.MaxPool2d(2)
        self.blocks = nn.Sequential(*(Block(size.channels, drop) for _ in range(size.layers)))
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(drop), nn.Linear(size.channels, size.classes)
        )

    def forward(self, pixel_values, labels=None):
        x = self.pool(F.relu(self.bn(self.stem(pixel_values)), inplace=True))
        return outputs(self.head(self.blocks(x)), labels)


class Recurrent(nn.Module):
    def __init__(self, size, drop):
        super().__init__()
        self.embedding = nn.Embedding(size.words, size.width, padding_idx=0)
        options = {"batch_first": True, "num_layers": 2, "dropout": drop}
        self.lstm = nn.LSTM(size.width, size.width, bidirectional=True, **options)
        self.gru = nn.GRU(2 * size.width, size.width, **options)
        self.head = nn.Linear(size.width, size.classes)

    def forward(self, input_ids, labels=None):
        hidden, _ = self.gru(self.lstm(self.embedding(input_ids))[0])
        return outputs(self.head(hidden[:, -1]), labels)


def cases(seed=0, drop=0.1, size=None):
    """The cases by name; those of transformers import it when they are made. `size` as sizes() gives it."""
    size = size or sizes(seed)
    positions = max(16, size.length)
    drop_all = {"hidden_dropout_prob": drop, "attention_probs_dropout_prob": drop}
    common = {
        "vocab_size": size.words, "hidden_size": size.width, "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads, "intermediate_size": 2 * size.width,
    }  # fmt: skip

    def classes(rows, generator):
        return torch.randint(size.classes, (rows,), generator=generator)

    def tokens(rows, generator, length=size.length):
        return torch.randint(1, size.words, (rows, length), generator=generator)

    def text(rows, generator):
        """Rows of several lengths, padded on the right."""
        ids, mask = tokens(rows, generator), torch.ones(rows, size.length, dtype=torch.long)
        for i in range(rows):
            mask[i, size.length - (i * 3) % 5 :] = 0
        return {"input_ids": ids, "attention_mask": mask}

    def labelled_text(rows, generator):
        return text(rows, generator) | {"labels": classes(rows, generator)}

    def causal_text(rows, generator):
        found = text(rows, generator)
        return found | {"labels": found["input_ids"].masked_fill(found["attention_mask"] == 0, -100)}

    def translation(rows, generator):
        labels = tokens(rows, generator, size.length - 2)
        labels[::2, -2:] = -100
        return text(rows, generator) | {"labels": labels}

    def images(rows, generator):
        pixels = torch.randn(rows, 3, size.image, size.image, generator=generator)
        return {"pixel_values": pixels, "labels": classes(rows, generator)}

    def features(rows, generator):
        return {"features": torch.randn(rows, size.width, generator=generator), "labels": classes(rows, generator)}

    def words(rows, generator):
        return {"input_ids": tokens(rows, generator, 4), "labels": classes(rows, generator)}

    def sounds(rows, generator):
        spectrum = torch.randn(rows, 8, 2 * size.length, generator=generator)
        return {"input_features": spectrum, "labels": tokens(rows, generator, 5)}

    def bert():
        from transformers import BertConfig, BertForSequenceClassification

        config = BertConfig(**common, **drop_all, max_position_embeddings=positions, num_labels=size.classes)
        return BertForSequenceClassification(config)

    def gpt2():
        from transformers import GPT2Config, GPT2LMHeadModel

        drops = {"resid_pdrop": drop, "embd_pdrop": drop, "attn_pdrop": drop}
        shape = {"n_embd": size.width, "n_layer": size.layers, "n_head": size.heads, "n_positions": positions}
        config = GPT2Config(vocab_size=size.words, **shape, **drops, bos_token_id=0, eos_token_id=0)
        return GPT2LMHeadModel(config)

    def llama():
        from transformers import LlamaConfig, LlamaForCausalLM

        config = LlamaConfig(
            **common, num_key_value_heads=size.heads // 2, max_position_embeddings=positions, attention_dropout=drop
        )
        return LlamaForCausalLM(config)

    def t5():
        from transformers import T5Config, T5ForConditionalGeneration

        shape = {
            "d_model": size.width,
            "d_kv": size.width // size.heads,
            "d_ff": 2 * size.width,
            "num_heads": size.heads,
        }
        config = T5Config(
            vocab_size=size.words, **shape, num_layers=size.layers, dropout_rate=drop, decoder_start_token_id=0
        )
        return T5ForConditionalGeneration(config)

    def vit():
        from transformers import ViTConfig, ViTForImageClassification

        shape = {k: v for k, v in common.items() if k != "vocab_size"}
        config = ViTConfig(**shape, **drop_all, image_size=size.image, patch_size=8, num_labels=size.classes)
        return ViTForImageClassification(config)

    def whisper():
        from transformers import WhisperConfig, WhisperForConditionalGeneration

        shape = {"d_model": size.width, "encoder_ffn_dim": size.width, "decoder_ffn_dim": size.width, "num_mel_bins": 8}
        shape |= {
            f"{part}_{n}": getattr(size, v)
            for part in ("encoder", "decoder")
            for n, v in (("layers", "layers"), ("attention_heads", "heads"))
        }
        ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
        limits = {"max_source_positions": size.length, "max_target_positions": 8}
        return WhisperForConditionalGeneration(
            WhisperConfig(vocab_size=size.words, **shape, **ends, **limits, dropout=drop)
        )

    return {
        "linear": Case(lambda: Linear(size), features),
        "cnn": Case(lambda: Cnn(size, drop), images),
        "recurrent": Case(lambda: Recurrent(size, drop), words),
        "bert": Case(bert, labelled_text, {"input_ids": {1: "length"}, "attention_mask": {1: "length"}}),
        "gpt2": Case(gpt2, causal_text),
        "llama": Case(llama, causal_text, {n: {1: "length"} for n in ("input_ids", "attention_mask", "labels")}),
        "t5": Case(t5, translation),
        "vit": Case(vit, images),
        "whisper": Case(whisper, sounds),
    }
