# SPDX-License-Identifier: Apache-2.0
"""The two sides of each comparison: LibTrainer's command, and the real Trainer or a plain loop of PyTorch.

python peers.py loop|trainer SPEC.json       a process of its own, where memory or waits are counted
"""

import json
import os
import pathlib
import struct
import subprocess
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))
from exported_models import history  # noqa: E402

PRECISIONS = {"fp32": {}, "bf16": {"bf16": True}, "fp16": {"fp16": True}, "tf32": {"tf32": True}}


def ours(machine, name, model, data, args, resume=None, env=(), extra=()):
    """The place of a run of the command, whose trainer_state.json is read by log_of()."""
    place = machine.place / name
    place.mkdir(parents=True, exist_ok=True)
    spec = {"model": model, "data": data, **dict(extra), "args": {
        "report_to": "none", "save_strategy": "no", "use_cpu": machine.dry, **args, "output_dir": str(place / "output"),
    }}  # fmt: skip
    if model["type"] == "mlp":
        spec.setdefault("loss", "cross_entropy")
    (place / "run.json").write_text(json.dumps(spec))
    argv = [machine.command, "train", str(place / "run.json"), "--quiet"]
    if resume:
        argv += ["--resume_from_checkpoint", str(resume)]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1", **dict(env)})
    print(done.stderr, end="")
    if done.returncode:
        raise RuntimeError(f"{name}: the command ended with {done.returncode}: {done.stderr.strip()[-250:]}")
    return place


def log_of(place):
    return history(json.loads((place / "output/trainer_state.json").read_text())["log_history"])


def weights_of(place):
    from safetensors.torch import load_file

    return load_file(place / "output/model.safetensors")


def theirs(machine, name, model, data, args, resume=None):
    """The real Trainer, in this process."""
    import zoo
    from transformers import PrinterCallback, Trainer, TrainingArguments, set_seed

    rows = {part: zoo.rows_of(columns) for part, columns in data.items()}
    args = {"report_to": "none", "disable_tqdm": True, "save_strategy": "no", "use_cpu": machine.dry, **args}
    args = TrainingArguments(**args, output_dir=str(machine.place / name))
    set_seed(args.seed)
    trainer = Trainer(
        model=model, args=args, train_dataset=rows["train"], eval_dataset=rows.get("eval"),
        data_collator=zoo.stacked,
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def worst(found, expected, keys=("loss", "grad_norm", "eval_loss")):
    """The largest relative difference of two logs; 0 is equal in bits."""
    if len(found) != len(expected):
        raise RuntimeError(f"{len(found)} logs, expected {len(expected)}")
    most = 0.0
    for own, real in zip(found, expected):
        if own.get("step") != real.get("step") or own.keys() != real.keys():
            raise RuntimeError(f"the log {own} stands for {real}")
        for key in keys:
            a, b = own.get(key, 0.0), real.get(key, 0.0)
            if a != b and not (a != a and b != b):
                most = max(most, abs(a - b) / max(abs(b), 1e-6))
    return most


def mlp(hidden, classes=10, width=64, depth=2):
    """The command's mlp, its keys as there."""
    sizes = [width] + [hidden] * depth + [classes]
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers += ([torch.nn.ReLU()] if i else []) + [torch.nn.Linear(a, b)]
    return sizes, torch.nn.Sequential(*layers)


class Classifier(torch.nn.Module):
    """Gives the loss, as the Trainer wants it; accepts no further argument, so that the loss is the batch's mean."""

    def __init__(self, net, loss=torch.nn.functional.cross_entropy):
        super().__init__()
        self.net, self.of = net, loss

    def forward(self, features, labels=None):
        logits = self.net(features)
        return {"loss": None if labels is None else self.of(logits, labels), "logits": logits}


def transformer(kind, size):
    """The model and its data, a BERT or GPT-2; size is "tiny" or "mid"."""
    import transformers

    width, layers, heads, words, length, rows = (
        (64, 2, 2, 500, 32, 512) if size == "tiny" else (512, 6, 8, 8000, 128, 512)
    )
    torch.manual_seed(0)
    ids = torch.randint(1, words, (rows, length))
    if kind == "bert":
        model = transformers.BertForSequenceClassification(transformers.BertConfig(
            vocab_size=words, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, num_labels=4,
            intermediate_size=4 * width, max_position_embeddings=length))  # fmt: skip
        data = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.randint(4, (rows,))}
    else:
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(
            vocab_size=words, n_embd=width, n_layer=layers, n_head=heads, n_positions=length,
            bos_token_id=0, eos_token_id=0))  # fmt: skip
        data = {"input_ids": ids, "labels": ids}
    return model, data


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def loop(model, data, args, device, steps, warm_up):
    """Seconds of `steps` steps of a plain loop that waits for the device at its end only."""
    torch.manual_seed(args.get("seed", 42))
    batch, half = args["per_device_train_batch_size"], args.get("bf16", False)
    model = model.to(device).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0, fused=True)
    total = warm_up + steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (total - step) / total)
    rows = len(data["labels"])
    sum_of_losses = torch.zeros((), device=device)
    for step in range(total):
        if step == warm_up:
            synchronize(device)
            begin = time.perf_counter()
        at = step % (rows // batch)
        if at == 0:
            order = torch.randperm(rows)
        index = order[at * batch : (at + 1) * batch]
        inputs = {k: v[index] for k, v in data.items()}
        if device == "cuda":
            inputs = {k: v.pin_memory().to(device, non_blocking=True) for k, v in inputs.items()}
        with torch.autocast(device, torch.bfloat16, enabled=half):
            loss = model(**inputs)["loss"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        sum_of_losses += loss.detach()
    sum_of_losses.item()
    return time.perf_counter() - begin


def wall_times(place):
    """{step: the time of its first scalar} of the TensorBoard file below a run's place."""
    out = {}
    for path in (place / "output").rglob("events.out.tfevents.*"):
        data = path.read_bytes()
        at = 0
        while at + 12 <= len(data):
            (size,) = struct.unpack_from("<Q", data, at)
            event = data[at + 12 : at + 12 + size]
            at += 16 + size
            if size < 10 or event[0] != 0x09 or event[9] != 0x10:
                continue
            step, shift, i = 0, 0, 10
            while True:
                step |= (event[i] & 127) << shift
                shift += 7
                i += 1
                if event[i - 1] < 128:
                    break
            out.setdefault(step, struct.unpack_from("<d", event, 1)[0])
    return out


def main():
    kind, spec = sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text())
    model, data = transformer(spec["kind"], spec["size"])
    if kind == "loop":
        loop(model, data, spec["args"], spec["device"], spec["steps"], 0)
    else:
        import rows

        theirs(rows.Machine(spec["device"] == "cpu", pathlib.Path(spec["place"])), "theirs", model, {"train": data},
               {**spec["args"], "max_steps": spec["steps"], "logging_strategy": "no"})  # fmt: skip


if __name__ == "__main__":
    main()
