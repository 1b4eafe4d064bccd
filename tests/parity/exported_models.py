#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models of transformers and of torch.nn, exported, beside the real transformers.Trainer on the modules themselves.

Both are run here and now, so their numbers are equal in bits: losses, gradient norms, evaluations, and the weights at the
end. So are all events with their states and controls, and trainer_state.json. A checkpoint of ours is opened by
from_pretrained(). Where no random number is needed it goes on in Python, and one of Python's in ours: each keeps the state
of its generators in files of its own. One run is killed at some moment, and goes on.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compare import Differences

SOURCE = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "sdk/python/src"), str(SOURCE / "tests/host/exported")]
ARGS = {
    "max_steps": 9, "save_steps": 4, "eval_strategy": "steps", "eval_steps": 4, "logging_steps": 1, "learning_rate": 2e-3,
    "weight_decay": 0.1, "warmup_steps": 3, "per_device_train_batch_size": 6, "per_device_eval_batch_size": 5, "seed": 11,
}  # fmt: skip
# Cases of zoo.py: which, how much of their values they drop at random, arguments that others have not, and for rows of
# several lengths how they are padded.
RUNS = {
    "bert": ("bert", 0.1, {}),
    "bert_accumulation": ("bert", 0.0, {"gradient_accumulation_steps": 2, "bf16": True}),
    "gpt2": ("gpt2", 0.1, {}),
    "gpt2_accumulation": ("gpt2", 0.1, {"gradient_accumulation_steps": 2}),
    "gpt2_bf16": ("gpt2", 0.1, {"bf16": True}),
    "gpt2_smoothing": ("gpt2", 0.0, {"label_smoothing_factor": 0.1}),
    "llama": ("llama", 0.0, {}),
    "llama_bf16": ("llama", 0.0, {"bf16": True}),
    "t5": ("t5", 0.0, {}),
    "vit": ("vit", 0.0, {}),
    "recurrent": ("recurrent", 0.1, {"gradient_accumulation_steps": 2}),
    "cnn": ("cnn", 0.1, {}),
    "vit_bf16": ("vit", 0.0, {"bf16": True}),
    "cnn_bf16": ("cnn", 0.0, {"bf16": True}),
    # Resumed in the second epoch, whose order Python's checkpoints do not hold; so the one that goes on there, and comes back,
    # has one epoch. Batches without padding need eager attention, which always has the mask.
    "bert_by_length": (
        "bert",
        0.1,
        {"train_sampling_strategy": "group_by_length", "gradient_accumulation_steps": 2},
        {"collator": "DataCollatorWithPadding", "attention": "eager", "collate": {"pad": {"input_ids": 0}, "to": "longest"}},
    ),
    "llama_by_length": (
        "llama",
        0.0,
        {"train_sampling_strategy": "group_by_length", "data_seed": 3, "max_steps": 6},
        {
            "collator": "DataCollatorForTokenClassification",
            "options": {"pad_to_multiple_of": 8},
            "lengths": (3, 5, 6, 7, 9, 10, 12),
            "collate": {"pad": {"input_ids": 0, "labels": -100}, "pad_to_multiple_of": 8, "side": "left"},
        },
    ),
    "t5_rebalanced": (
        "t5",
        0.1,
        {"train_sampling_strategy": "batch_rebalance", "gradient_accumulation_steps": 2},
        {
            "collator": "DataCollatorForSeq2Seq",
            "attention": "eager",
            "collate": {"pad": {"input_ids": 0, "labels": -100}},
        },
    ),
}  # fmt: skip
TWO_SETS = "cnn"  # has two evaluation sets, with names
KILLED = "recurrent"


class Case:
    def __init__(self, seed, name, drop, args, padding=None):
        import torch
        import zoo

        made = zoo.cases(seed, drop)[name]
        generator = torch.Generator().manual_seed(seed)
        self.make, self.dynamic, self.draws, self.args = made.make, made.dynamic, drop > 0, args
        self.train, self.eval = made.batch(33, generator), made.batch(11, generator)
        self.two_sets, self.is_killed = name == TWO_SETS, name == KILLED
        self.padding, self.example = padding, {k: v[:4] for k, v in self.train.items()}
        if padding:
            of_its_own = {"labels": "labels_length"} if name == "t5" else {}
            self.dynamic = {k: {1: of_its_own.get(k, "length")} for k, v in self.example.items() if v.dim() == 2}
            self.train, self.eval = (self.ragged(data, generator) for data in (self.train, self.eval))

    def ragged(self, data, generator):
        """Rows of several lengths as lists, without the mask that a tokenizer makes of them."""
        import torch

        width = data["input_ids"].shape[1]
        choices = torch.tensor(self.padding.get("lengths", range(2, width + 1)))
        lengths = choices[torch.randint(len(choices), (len(data["labels"]), 2), generator=generator)].tolist()
        causal = data["labels"].shape == data["input_ids"].shape
        rows = []
        for i, (length, of_labels) in enumerate(lengths):
            ids = torch.randint(1, int(data["input_ids"].max()), (length,), generator=generator).tolist()
            row = {"input_ids": ids, "labels": data["labels"][i].tolist()}
            if causal:
                row["labels"] = [-100, *ids[1:]]
            elif data["labels"].dim() == 2:
                row["labels"] = row["labels"][: max(of_labels, 3)]  # as many as T5 was exported for
            rows.append(row)
        return rows

    def rows(self, data):
        import zoo

        return data if self.padding else zoo.rows_of(data)

    def collator(self):
        import transformers
        import zoo
        from tokenizers import Tokenizer, models

        if not self.padding:
            return zoo.stacked
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(models.WordLevel({"[PAD]": 0}, unk_token="[PAD]")),
            pad_token="[PAD]",
            padding_side=self.padding["collate"].get("side", "right"),
            model_input_names=["input_ids", "attention_mask"],
        )
        return getattr(transformers, self.padding["collator"])(tokenizer, **self.padding.get("options", {}))

    def model(self):
        import torch

        torch.manual_seed(3)
        model = self.make()
        if self.padding and "attention" in self.padding:
            model.set_attn_implementation(self.padding["attention"])
        return model


def arguments(extra, output_dir):
    return {**ARGS, **extra, "output_dir": str(output_dir), "report_to": "none", "use_cpu": True, "disable_tqdm": True}


@contextlib.contextmanager
def recorded(directory):
    """The events of Trainers as record_case.py writes them."""
    from record_case import Recorder
    from transformers.trainer_callback import CallbackHandler

    original, recorder = CallbackHandler.call_event, Recorder(directory)
    try:
        yield
    finally:
        CallbackHandler.call_event = original
    (directory / "trace.jsonl").write_text("".join(json.dumps(line) + "\n" for line in recorder.trace))


def theirs(case, place, resume=None, model=None):
    """The log history of the real Trainer, the weights at the end, and what it then predicts for rows of several lengths."""
    from record_case import copy_state
    from transformers import Trainer, TrainingArguments, set_seed

    model = model or case.model()
    set_seed(ARGS["seed"])
    with recorded(place):
        trainer = Trainer(
            model=model,
            args=TrainingArguments(**arguments(case.args, place)),
            train_dataset=case.rows(case.train),
            eval_dataset={"one": case.rows(case.eval), "other": case.rows(case.train)}
            if case.two_sets
            else case.rows(case.eval),
            data_collator=case.collator(),
        )
        trainer.train(resume_from_checkpoint=resume)
    trainer.state.save_to_json(place / "state.json")
    copy_state(place / "state.json", place / "trainer_state.json")
    names = set(dict(model.named_parameters())) | set(dict(model.named_buffers()))
    weights = {k: v for k, v in model.state_dict().items() if k in names}
    logs = history(trainer.state.log_history)
    if not case.padding:
        return logs, weights, None
    trainer.args.train_sampling_strategy = "random"  # the order of predictions is that of the rows
    found = trainer.predict(case.rows(case.eval), ignore_keys=["past_key_values", "encoder_last_hidden_state"])
    return logs, weights, {"predictions": found.predictions.tolist(), "test_loss": found.metrics["test_loss"]}


def prepared(command, case, place, more=None):
    """What starts a run of ours."""
    evaluation = str(case.eval_file)
    spec = {
        "model": {"type": "pt2", "file": str(case.file)},
        "data": {
            "train": str(case.train_file),
            "eval": {"one": evaluation, "other": str(case.train_file)} if case.two_sets else evaluation,
        },
        "args": arguments({**case.args, **(more or {})}, place / "output"),
    }
    if case.padding:
        spec["data"] |= {"test": str(case.eval_file), "collate": case.padding["collate"]}
    place.mkdir(parents=True, exist_ok=True)
    (place / "run.json").write_text(json.dumps(spec))
    return [command, "train", str(place / "run.json"), "--quiet"]


def ours(command, case, place, resume=None, more=None, record=None):
    argv = prepared(command, case, place, more) + (["--record", record] if record else [])
    if resume:
        argv += ["--resume_from_checkpoint", str(resume)]
    subprocess.run(argv, check=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
    logs, weights, _ = result(place)
    return logs, weights, predicted(command, case, place) if case.padding else None


def predicted(command, case, place):
    """What the model at the end predicts."""
    spec = json.loads((place / "run.json").read_text())
    spec |= {"actions": [{"do": "predict"}], "init_from": str(place / "output/model.safetensors")}
    (place / "predict.json").write_text(json.dumps(spec))
    argv = [command, "run", str(place / "predict.json"), "--quiet", "--record", str(place / "record")]
    subprocess.run(argv, check=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
    action = json.loads((place / "record/result.json").read_text())["actions"][0]
    return {"predictions": action["predictions"], "test_loss": action["metrics"]["test_loss"]}


def result(place):
    from safetensors.torch import load_file

    state = json.loads((place / "output/trainer_state.json").read_text())
    return history(state["log_history"]), load_file(place / "output/model.safetensors"), None


def history(entries):
    keep = ("loss", "grad_norm", "learning_rate", "step", "epoch")
    return [
        {k: v for k, v in entry.items() if k in keep or k.startswith("eval_") and k.endswith("_loss")}
        for entry in entries
        if "train_loss" not in entry
    ]


def differences(who, found, expected):
    (log, weights, predicted), (real_log, real_weights, real_predicted) = found, expected
    if len(log) != len(real_log):
        yield f"{who}: {len(log)} logs, expected {len(real_log)}"
    for entry, real in zip(log, real_log):
        for key in real:
            if entry.get(key) != real[key]:
                yield f"{who}: step {real['step']}: {key} is {entry.get(key)!r}, expected {real[key]!r}"
    for name, tensor in weights.items():
        if name not in real_weights or not tensor.equal(real_weights[name]):
            yield f"{who}: {name} differs"
    for name in predicted or ():
        if predicted[name] != real_predicted[name]:
            yield f"{who}: {name} of predict differs"
    places = {real_weights[name].data_ptr() for name in weights if name in real_weights}  # of tied ones one is there
    for name, tensor in real_weights.items():
        if name not in weights and tensor.data_ptr() not in places:
            yield f"{who}: {name} is missing"


def run(command, case, root):
    """What is not as it should be."""
    import libtrainer

    model = case.model()
    case.file, case.train_file, case.eval_file = (
        root / f"{n}" for n in ("model.pt2", "train.safetensors", "eval.safetensors")
    )
    libtrainer.export(model, case.example, case.file, dynamic=case.dynamic)
    libtrainer.save_dataset(case.train, case.train_file)
    libtrainer.save_dataset(case.eval, case.eval_file)
    real = theirs(case, root / "theirs")
    own = ours(command, case, root / "ours", record=root / "record")
    yield from differences("ours", own, real)
    found = Differences(0, 0)
    found.trace(root / "theirs/trace.jsonl", root / "record/trace.jsonl")
    found.state(root / "theirs/trainer_state.json", root / "record/trainer_state.json")
    yield from found.found
    yield from differences(
        "ours, resumed", ours(command, case, root / "ours_again", root / "ours/output/checkpoint-4"), real
    )
    if "attention_mask" in case.train and not case.args and not case.padding:
        yield from check_columns(command, case, root)
    if case.is_killed:
        yield from check_kill(command, case, root)
    if "data_seed" in case.args:
        yield from check_padding(command, case, root)
    again = None
    if hasattr(type(model), "from_pretrained"):
        again = type(model).from_pretrained(root / "ours/output/checkpoint-4")
        yield from (
            f"from_pretrained: {n} differs" for n in unlike(again, root / "ours/output/checkpoint-4/model.safetensors")
        )
    if case.draws:
        return
    yield from differences(
        "ours from theirs", ours(command, case, root / "ours_from_theirs", root / "theirs/checkpoint-4"), real
    )
    found = theirs(case, root / "theirs_from_ours", str(root / "ours/output/checkpoint-4"), again)
    yield from differences("theirs from ours", found, real)


def check_columns(command, case, root):
    """Columns that the model does not take are left out, with a line; one that it lacks is an error with both lists."""
    from safetensors.torch import save_file

    def said(columns):
        save_file(columns, root / "columns.safetensors")
        spec = {"model": {"type": "pt2", "file": str(case.file)}, "data": {"train": str(root / "columns.safetensors")}}
        (root / "columns.json").write_text(json.dumps(spec | {"args": arguments({"max_steps": 1}, root / "columns")}))
        argv = [command, "train", str(root / "columns.json"), "--eval_strategy", "no"]
        return subprocess.run(argv, capture_output=True, text=True).stderr

    more = {**case.train, "row": case.train["labels"].clone()}
    if "columns.safetensors: the model does not take row, so it is left out" not in said(more):
        yield "columns: nothing is said of a column that is left out"
    names = ", ".join(case.train)
    more["mask"] = more.pop("attention_mask")
    text = f"lacks attention_mask: the model takes {names}, and the file has "
    if text not in said(more):
        yield f"columns: expected {text!r}"


def check_kill(command, case, root):
    """Killed at some moment, and resumed: as a run that was not. Until then no Python was in its memory."""
    more = {"max_steps": 400, "save_steps": 10, "save_total_limit": 2, "eval_strategy": "no", "learning_rate": 1e-3}
    place = root / "killed"
    argv = prepared(command, case, place, more)
    draw = random.Random(1)
    moment, later = 10 * draw.randint(2, 15), draw.uniform(0, 0.02)
    for _ in range(5):  # a busy machine may let it end first
        shutil.rmtree(place / "output", ignore_errors=True)
        process = subprocess.Popen(argv, env=dict(os.environ, OMP_NUM_THREADS="1"))
        while process.poll() is None and not (place / f"output/checkpoint-{moment}").exists():
            time.sleep(0.001)
        try:
            maps = Path(f"/proc/{process.pid}/maps").read_text()
        except OSError:
            maps = ""
        time.sleep(later)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            break
    else:
        yield f"killed after step {moment}: it ended by itself before, five times"
        return
    if "libtorch_cpu" not in maps or "libpython" in maps:
        yield f"killed after step {moment}: expected LibTorch and no Python in its memory"
    subprocess.run([*argv, "--resume_from_checkpoint"], check=True, env=dict(os.environ, OMP_NUM_THREADS="1"))
    whole = ours(command, case, root / "not_killed", more=more)
    yield from differences(f"killed {later:.4f} s after step {moment}", result(place), whole)


def check_padding(command, case, root):
    """What is no way to pad these rows is an error before the first step."""
    import libtrainer

    fills = case.padding["collate"]["pad"]
    longest = max(range(len(case.train)), key=lambda i: len(case.train[i]["input_ids"]))
    bools = [{**row, "labels": [True] * len(row["labels"])} for row in case.train]
    for collate, rows, text in (
        (None, case.train, 'the rows of "input_ids" differ in length, and nothing says what fills them; add "collate"'),
        ({"pad": {"input_ids": 0}}, case.train, '"collate": {"pad": {"labels": -100}} to data of the run file'),
        ({"pad": {**fills, "token": 0}}, case.train, 'data.collate.pad names "token", but the model takes input_ids'),
        ({"pad": fills, "to": 11}, case.train, f'row {longest} has the length 12 in "input_ids", expected at most 11'),
        (
            {"pad": {**fills, "labels": 0.5}},
            case.train,
            '"labels" is to be filled with 0.5, which its type Long cannot',
        ),
        ({"pad": fills}, bools, '"labels" is to be filled with -100.0, which its type Bool cannot hold'),
    ):
        libtrainer.save_dataset(rows, root / "padding.safetensors")
        spec = {"model": {"type": "pt2", "file": str(case.file)}, "data": {"train": str(root / "padding.safetensors")}}
        spec["data"] |= {"collate": collate} if collate else {}
        (root / "padding.json").write_text(json.dumps(spec | {"args": arguments({"max_steps": 1}, root / "padding")}))
        argv = [command, "train", str(root / "padding.json"), "--eval_strategy", "no"]
        said = subprocess.run(argv, capture_output=True, text=True).stderr
        if text not in said:
            yield f"padding: expected {text!r}, found {said!r}"


def unlike(model, file):
    """Weights of the file that the model does not have."""
    from safetensors.torch import load_file

    own = model.state_dict()
    return [name for name, tensor in load_file(file).items() if name not in own or not tensor.equal(own[name])]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trainer", required=True)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    command = str(Path(args.trainer).resolve())
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    if not importlib.util.find_spec("transformers"):
        print("skipped: transformers is not installed")
        sys.exit(77)
    import torch

    torch.set_num_threads(1)
    bad, count = 0, 0
    for seed, (name, made) in enumerate(RUNS.items()):
        if args.names and name not in args.names:
            continue
        case = Case(seed, *made)
        count += 1
        with tempfile.TemporaryDirectory() as tmp:
            found = list(run(command, case, Path(tmp)))
        bad += bool(found)
        print(f"{name}: {'' if found else 'equal in bits'}", *found[:8], sep="\n  " if found else "")
    print(f"{count - bad} of {count} models as the real Trainer has them")
    program = Path(command).with_name("trainer-run")  # which the command becomes
    linked = "libpython" in subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    if linked:
        print(f"{program} is linked with Python")
    sys.exit(1 if bad or linked or not count else 0)


if __name__ == "__main__":
    main()
