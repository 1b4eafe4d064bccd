# SPDX-License-Identifier: Apache-2.0
"""Models of PyTorch and of transformers, exported for exported.cpp, and trained by their peers.

model_peers.py export DIR        writes NAME.pt2 and NAME.safetensors of each model, and prints how each is measured
model_peers.py export_compiled DIR    the same with a compiled step, of the models of the rows "compiled"
model_peers.py pytorch NAME      the model trained by a loop of PyTorch, printed as exported.cpp prints it
model_peers.py serve DIR         measures what each line of the input asks, "pytorch NAME" or "transformers NAME"
"""

import json
import os
import pathlib
import resource
import sys
import tempfile
import time
import types
import typing
import warnings

import step_peers
import torch

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "sdk" / "python" / "src"), str(SOURCE / "tests" / "host" / "exported")]
import zoo  # noqa: E402

BATCHES = 16  # in the data
COMPILED = ("cnn", "bert", "gpt2", "llama", "t5", "vit", "bert_256")


class Mlp(torch.nn.Module):
    """64-H-H-10 with its loss, as the other benchmarks have it."""

    def __init__(self, hidden=64):
        super().__init__()
        self.net = step_peers.make_net(hidden)

    def forward(self, features, labels=None):
        return zoo.outputs(self.net(features), labels)


class Measured(typing.NamedTuple):
    case: zoo.Case
    rows: int  # of a batch
    warm_up: int
    steps: int


def size(**other):
    small = {
        "heads": 4,
        "width": 32,
        "layers": 2,
        "words": 500,
        "length": 16,
        "classes": 10,
        "channels": 8,
        "image": 16,
    }
    return types.SimpleNamespace(**{**small, **other})


def features(rows, generator):
    return {
        "features": torch.randn(rows, 64, generator=generator),
        "labels": torch.randint(10, (rows,), generator=generator),
    }


def models():
    small = zoo.cases(0, 0.1, size())
    middle = zoo.cases(0, 0.1, size(width=256, layers=4, words=8000, length=64))
    large = zoo.cases(0, 0.1, size(width=384, heads=6, layers=12, words=30000, length=32))
    found = {"mlp": Measured(zoo.Case(Mlp, features), 8, 50, 400)}
    found |= {
        name: Measured(small[name], 8, 30, 100) for name in ("cnn", "recurrent", "bert", "gpt2", "llama", "t5", "vit")
    }
    return found | {"bert_256": Measured(middle["bert"], 8, 2, 8), "bert_100mb": Measured(large["bert"], 8, 1, 2)}


def compiled_models():
    wide = {
        f"mlp_{hidden}": Measured(zoo.Case(lambda hidden=hidden: Mlp(hidden), features), rows, 20, steps)
        for hidden, rows, steps in ((256, 32, 250), (1024, 64, 50))
    }
    known = models()
    return {"mlp": known.pop("mlp")} | wide | {name: known[name] for name in COMPILED}


def make(name):
    torch.manual_seed(42)
    measured = (models() | compiled_models())[name]
    return measured, measured.case.make()


def data(measured):
    return measured.case.batch(BATCHES * measured.rows, torch.Generator().manual_seed(1))


def export(directory, compiled=False):
    import libtrainer

    them = compiled_models() if compiled else models()
    for name in them:
        measured, model = make(name)
        rows = data(measured)
        batch = {key: column[: measured.rows] for key, column in rows.items()}
        step = {"batch_size": measured.rows} if compiled else None
        libtrainer.export(model, batch, f"{directory}/{name}.pt2", dynamic=measured.case.dynamic, compiled_step=step)
        libtrainer.save_dataset(rows, f"{directory}/{name}.safetensors")
    return {name: measured[1:] for name, measured in them.items()}


def pytorch(name, _=None):
    """The least that a loop does: no shuffling, no schedule, no log."""
    measured, model = make(name)
    rows = data(measured)
    batches = [
        {key: column[i * measured.rows : (i + 1) * measured.rows] for key, column in rows.items()}
        for i in range(BATCHES)
    ]
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01, fused=True)
    model.train()
    for step in range(measured.warm_up + measured.steps):
        if step == measured.warm_up:
            start = time.perf_counter()
        model(**batches[step % BATCHES])["loss"].backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - start


def transformers(name, directory):
    from transformers import Trainer, TrainerCallback, TrainingArguments

    measured, model = make(name)
    rows = data(measured)
    total = measured.warm_up + measured.steps

    class Stopwatch(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == measured.warm_up:
                self.start = time.perf_counter()

        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == total:
                self.seconds = time.perf_counter() - self.start

    watch = Stopwatch()
    args = TrainingArguments(
        output_dir=directory,
        max_steps=total,
        per_device_train_batch_size=measured.rows,
        learning_rate=1e-3,
        weight_decay=0.01,
        logging_steps=10,
        save_strategy="no",
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        dataloader_pin_memory=False,
    )
    Trainer(model=model, args=args, train_dataset=zoo.rows_of(rows), callbacks=[watch]).train()
    return watch.seconds


def main():
    warnings.filterwarnings("ignore")
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    torch.set_num_threads(1)
    printed = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the libraries print is no result

    def show(result):
        print(json.dumps(result), file=printed, flush=True)

    mode, argument = sys.argv[1:]
    if mode in ("export", "export_compiled"):
        show(export(argument, mode == "export_compiled"))
    elif mode == "pytorch":
        pytorch(argument)
        show({"peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss})
    else:
        for line in sys.stdin:
            kind, name = line.split()
            with tempfile.TemporaryDirectory(dir=argument) as directory:
                seconds = {"pytorch": pytorch, "transformers": transformers}[kind](name, directory)
            show({"us": 1e6 * seconds / make(name)[0].steps})


if __name__ == "__main__":
    main()
