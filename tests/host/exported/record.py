# SPDX-License-Identifier: Apache-2.0
"""Fresh cases for the tests of exported models: files of libtrainer.export, and what PyTorch does with the modules on this machine.

    python record.py DIRECTORY [--by eager|trainer] [--seed N] [NAME ...]

Of each case of zoo.py, whose sizes the seed chooses, NAME.pt2, NAME.batches.safetensors ("0.input_ids" and so on in the order in which
the steps had them, "eval.input_ids"), NAME.expected.json and NAME.final.safetensors (the module's tensors at the end, tied ones once).

eager: a loop over the batches in turn: manual_seed(123), fused AdamW of one group, clipping at 1, an evaluation. trainer: the real
Trainer of transformers; also NAME.train.safetensors and NAME.eval.safetensors (columns), NAME.run.json, which must do the same, and
NAME.python, its directory with checkpoints after half of the steps and at the end.
"""

import argparse
import contextlib
import json
import os
import pathlib
import sys
import zipfile

os.environ |= {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1"}
import torch
import torch.nn.functional as F
import zoo
from safetensors.torch import save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "sdk" / "python" / "src"))
import libtrainer


def batch_columns(batches, evaluation):
    found = {f"{i}.{name}": value for i, batch in enumerate(batches) for name, value in batch.items()}
    return {n: v.contiguous() for n, v in (found | {f"eval.{name}": v for name, v in evaluation.items()}).items()}


def final_tensors(model):
    first = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        first.setdefault(id(tensor), (name, tensor.detach().contiguous()))
    return dict(first.values())


def called(model, batch):
    """Loss and logits of a batch; of a model without a loss, that which the run names."""
    if isinstance(model, zoo.Linear):
        logits = model(batch["features"])
        return F.cross_entropy(logits, batch["labels"]), logits
    result = model(**batch)
    return result["loss"], result["logits"]


def shorter(batch, dynamic):
    """The batch with the open dimensions other than the rows two smaller."""
    return {n: v[:, :-2].contiguous() if n in (dynamic or {}) else v for n, v in batch.items()}


def with_items(batch, meta):
    """The batch as the Trainer hands it to a model that wants to know how many labels count."""
    if "num_items_in_batch" not in meta["inputs"]:
        return batch
    labels = batch["labels"][..., 1:] if meta["loss_shifts_labels"] else batch["labels"]
    return batch | {"num_items_in_batch": labels.ne(-100).sum() / 1}


def eager(model, case, generator, options, meta):
    batches = [case.batch(6, generator) for _ in range(4)]
    batches += [shorter(case.batch(3, generator), case.dynamic)]  # a last one that is smaller
    batches, evaluation = [with_items(batch, meta) for batch in batches], with_items(case.batch(5, generator), meta)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    model.train()
    torch.manual_seed(123)
    losses, norms = [], []
    for step in range(options.steps):
        loss, _ = called(model, batches[step % len(batches)])
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return batches, evaluation, {"lr": 1e-3, "losses": losses, "norms": norms}


def arguments(options):
    given = {
        "max_steps": options.steps, "per_device_train_batch_size": 4, "per_device_eval_batch_size": 10, "learning_rate": 1e-3,
        "weight_decay": 0.1, "warmup_steps": 3, "logging_steps": 1, "save_steps": options.steps // 2, "report_to": "none",
        "use_cpu": True, "seed": 7, "bf16": options.bf16, "gradient_accumulation_steps": options.accumulation,
        "label_smoothing_factor": options.label_smoothing,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value not in (False, 0)}


def trained(name, model, case, generator, options):
    """The same by the real Trainer; what its losses, rates and batches were is seen on the way."""
    from transformers import Trainer, TrainingArguments

    data, evaluation = case.batch(21, generator), case.batch(10, generator)  # the last batch of an epoch has one row
    libtrainer.save_dataset(data, f"{name}.train.safetensors")
    libtrainer.save_dataset(evaluation, f"{name}.eval.safetensors")
    rows = {
        part: [{n: v[i] for n, v in of.items()} for i in range(len(of["labels"]))]
        for part, of in (("train", data), ("eval", evaluation))
    }
    seen, losses, rates = [], [], []

    def collate(rows):
        return {n: torch.stack([row[n] for row in rows]) for n in rows[0]}

    class Recorded(Trainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            items = {} if num_items_in_batch is None else {"num_items_in_batch": num_items_in_batch.clone()}
            seen.append(dict(inputs) | items)
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

        def training_step(self, *of, **keywords):
            rates.append(self.optimizer.param_groups[0]["lr"])
            loss = super().training_step(*of, **keywords)
            losses.append(loss.item())
            return loss

    args = arguments(options)
    here = TrainingArguments(f"{name}.python", **args, disable_tqdm=True)
    trainer = Recorded(model, here, train_dataset=rows["train"], eval_dataset=rows["eval"], data_collator=collate)
    trainer.train()
    batches = list(seen)
    measured = trainer.evaluate()
    run = {
        "name": name,
        "model": {"type": "pt2", "file": f"{name}.pt2"},
        "data": {"train": f"{name}.train.safetensors", "eval": f"{name}.eval.safetensors"},
        "args": args,
        "actions": [{"do": "train"}, {"do": "evaluate"}],
    }
    pathlib.Path(f"{name}.run.json").write_text(json.dumps(run, indent=1))
    norms = [float(log["grad_norm"]) for log in trainer.state.log_history if "grad_norm" in log]
    logs = [log["loss"] for log in trainer.state.log_history if "loss" in log]
    found = {
        "lr": 1e-3,
        "weight_decay": 0.1,
        "lrs": rates,
        "losses": losses,
        "logs": logs,
        "norms": norms,
        "eval_loss": measured["eval_loss"],
    }
    return batches, seen[-1], found


def record(name, case, options):
    torch.manual_seed(options.seed)
    model = case.make()
    if hasattr(model, "config"):
        model.config.use_cache = False  # as the Trainer does; a cache takes other kernels
    generator = torch.Generator().manual_seed(options.seed + 1)
    example = case.batch(4, generator)
    if name == "linear":
        example.pop("labels")
    libtrainer.export(model, example, f"{name}.pt2", dynamic=case.dynamic)
    if options.by == "eager":
        with zipfile.ZipFile(f"{name}.pt2") as file:
            meta = json.loads(file.read(f"{name}/extra/libtrainer/meta.json"))
        batches, evaluation, found = eager(model, case, generator, options, meta)
    else:
        batches, evaluation, found = trained(name, model, case, generator, options)
    model.eval()
    autocast = torch.autocast("cpu", torch.bfloat16) if options.bf16 else contextlib.nullcontext()
    with torch.no_grad(), autocast:
        loss, logits = called(model, evaluation)
    found = (
        {"eval_loss": loss.item()}
        | found
        | {"eval_logits_abs_sum": logits.double().abs().sum().item(), "torch": torch.__version__}
    )
    pathlib.Path(f"{name}.expected.json").write_text(json.dumps(found))
    save_file(batch_columns(batches, evaluation), f"{name}.batches.safetensors")
    save_file(final_tensors(model), f"{name}.final.safetensors", {"format": "pt"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--by", choices=("eager", "trainer"), default="eager")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--drop", type=float, default=0.1)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--accumulation", type=int, default=1)
    parser.add_argument("--label-smoothing", type=float, default=0.0)
    options = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    cases = zoo.cases(options.seed, options.drop)
    options.directory.mkdir(parents=True, exist_ok=True)
    os.chdir(options.directory)
    for name in options.names or cases:
        if name != "linear" or options.by == "eager":  # the real Trainer wants a loss of the model
            record(name, cases[name], options)


if __name__ == "__main__":
    main()
