# SPDX-License-Identifier: Apache-2.0
"""Small models with their data, for exported_models.py."""

import types

import torch
import torch.nn.functional as F
from torch import nn


class Recurrent(nn.Module):
    """An LSTM over embedded tokens, with dropout between its layers; no **kwargs, so the Trainer divides its loss."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(40, 12, padding_idx=0)
        self.lstm = nn.LSTM(12, 10, num_layers=2, batch_first=True, dropout=0.2)
        self.head = nn.Linear(10, 4)

    def forward(self, input_ids, labels=None):
        out, _ = self.lstm(self.embed(input_ids))
        logits = self.head(out[:, -1])
        return {"loss": F.cross_entropy(logits, labels) if labels is not None else None, "logits": logits}


class Convolutional(nn.Module):
    """BatchNorm with its running statistics, an addition in place, dropout."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.second = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.drop, self.head = nn.Dropout(0.2), nn.Linear(8, 5)

    def forward(self, pixel_values, labels=None):
        x = self.first(pixel_values)
        y = self.second(x)
        y += x
        logits = self.head(self.drop(F.relu(y).mean((2, 3))))
        return {"loss": F.cross_entropy(logits, labels) if labels is not None else None, "logits": logits}


def tokens(rows, length, words, generator):
    return torch.randint(2, words, (rows, length), generator=generator)


def texts(rows, generator, labels):
    """Padded texts: labels "class", "next" (the texts themselves, -100 where they are padded) or "other" (another text)."""
    ids = tokens(rows, 10, 50, generator)
    mask = torch.ones_like(ids)
    for row in range(rows):
        mask[row, 9 - row * 2 % 6 :] = 0  # never all: of a whole batch without padding transformers makes no mask
    out = {"input_ids": ids, "attention_mask": mask}
    if labels == "class":
        return out | {"labels": torch.randint(0, 3, (rows,), generator=generator)}
    target = ids.clone() if labels == "next" else tokens(rows, 10, 50, generator)
    return out | {"labels": target.masked_fill(mask == 0, -100)}


def images(rows, generator, size=16, classes=5):
    pixels = torch.randn(rows, 3, size, size, generator=generator)
    return {"pixel_values": pixels, "labels": torch.randint(0, classes, (rows,), generator=generator)}


def small(kind, name, **config):
    def make():
        import transformers

        return getattr(transformers, kind)(getattr(transformers, name)(**config))

    return make


def cases():
    generator = torch.Generator().manual_seed(5)

    def case(model, make_rows, draws=True, **args):
        """draws: the model has dropout, so that it needs the generator of the checkpoint that it is resumed from."""
        train, evaluation = make_rows(33, generator), make_rows(11, generator)
        return types.SimpleNamespace(model=model, train=train, eval=evaluation, draws=draws, args=args)

    words = {
        "vocab_size": 50,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 40,
    }
    bert = small("BertForSequenceClassification", "BertConfig", **words, max_position_embeddings=16, num_labels=3)
    plain_bert = small("BertForSequenceClassification", "BertConfig", **words, max_position_embeddings=16, num_labels=3,
                       hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)  # fmt: skip
    gpt2 = small("GPT2LMHeadModel", "GPT2Config", vocab_size=50, n_positions=16, n_embd=24, n_layer=2, n_head=4, use_cache=False,
                 bos_token_id=0, eos_token_id=0)  # fmt: skip
    llama = small(
        "LlamaForCausalLM", "LlamaConfig", **words, num_key_value_heads=2, max_position_embeddings=16, use_cache=False
    )
    t5 = small("T5ForConditionalGeneration", "T5Config", vocab_size=50, d_model=24, d_ff=40, d_kv=6, num_layers=2, num_heads=4,
               use_cache=False, decoder_start_token_id=0)  # fmt: skip
    vit = small("ViTForImageClassification", "ViTConfig", hidden_size=24, num_hidden_layers=2, num_attention_heads=4,
                intermediate_size=40, image_size=16, patch_size=4, num_labels=5, hidden_dropout_prob=0.1)  # fmt: skip
    return {
        "bert": case(bert, lambda n, g: texts(n, g, "class")),
        "bert_accumulation": case(plain_bert, lambda n, g: texts(n, g, "class"), draws=False, gradient_accumulation_steps=2),
        "gpt2": case(gpt2, lambda n, g: texts(n, g, "next")),
        "gpt2_accumulation": case(gpt2, lambda n, g: texts(n, g, "next"), gradient_accumulation_steps=2),
        "gpt2_smoothing": case(gpt2, lambda n, g: texts(n, g, "next"), label_smoothing_factor=0.1),
        "llama": case(llama, lambda n, g: texts(n, g, "next"), draws=False),
        "llama_bf16": case(llama, lambda n, g: texts(n, g, "next"), draws=False, bf16=True),
        "t5": case(t5, lambda n, g: texts(n, g, "other")),
        "vit": case(vit, images),
        "recurrent": case(Recurrent, lambda n, g: {"input_ids": tokens(n, 7, 40, g), "labels": torch.randint(0, 4, (n,), generator=g)}),
        "recurrent_accumulation": case(
            Recurrent, lambda n, g: {"input_ids": tokens(n, 7, 40, g), "labels": torch.randint(0, 4, (n,), generator=g)},
            gradient_accumulation_steps=2,
        ),
        "convolutional": case(Convolutional, images),
    }  # fmt: skip
