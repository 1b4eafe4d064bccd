# SPDX-License-Identifier: Apache-2.0
"""The rows that measure time and memory, one after another."""

import rows
from rows import passed, row


def step_ms(machine, name, model, files, args, steps, warm_up):
    """Milliseconds of a step of ours, between two logs, which wait for the device; the TensorBoard file has their times."""
    from peers import ours, wall_times

    args = {
        **args,
        "max_steps": warm_up + steps,
        "logging_strategy": "steps",
        "logging_steps": warm_up,
        "report_to": ["tensorboard"],
    }
    times = wall_times(ours(machine, name, model, files, args))
    return 1000 * (times[warm_up + steps] - times[warm_up]) / steps


def real_ms(machine, name, model, data, args, steps, warm_up):
    """The same of the real Trainer, by a callback at the same two logs."""
    import time

    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Watch(TrainerCallback):
        times = {}

        def on_log(self, args, state, control, **_):
            self.times.setdefault(state.global_step, time.perf_counter())

    class Columns(torch.utils.data.Dataset):
        def __len__(self):
            return len(data["labels"])

        def __getitem__(self, at):
            return {k: v[at] for k, v in data.items()}

    args = TrainingArguments(**args, max_steps=warm_up + steps, logging_steps=warm_up, report_to="none", save_strategy="no",
                             disable_tqdm=True, use_cpu=machine.dry, output_dir=str(machine.place / name))  # fmt: skip
    watch = Watch()
    Trainer(model=model, args=args, train_dataset=Columns(), callbacks=[watch]).train()
    return 1000 * (watch.times[warm_up + steps] - watch.times[warm_up]) / steps


def compared(machine, label, make, model, files, data, args, steps, warm_up, limit, rounds=2):
    """A line: ours beside the real Trainer and PyTorch's loop, the best of each."""
    from peers import loop

    own, real, plain = [], [], []
    for n in range(rounds):
        own.append(step_ms(machine, f"ours{label}{n}".replace(" ", "_"), model, files, args, steps, warm_up))
        plain.append(1000 * loop(make(), data, args, machine.device, steps, warm_up) / steps)
        if n == 0:
            real.append(real_ms(machine, f"real{label}".replace(" ", "_"), make(), data, args, steps, warm_up))
    a, b, c = min(own), min(real), min(plain)
    status = "SKIP" if machine.dry else passed(a <= limit * c)
    return (f"step, {label}", status, f"{a:.3f} ms; the real Trainer {b:.3f} ({b / a:.2f} x); "
            f"PyTorch's loop {c:.3f} ({a / c:.2f} of it, limit {limit})")  # fmt: skip


@row("speed.mlp", limit=120, alone=True)
def speed_mlp(machine):
    import torch
    from peers import Classifier, mlp

    torch.manual_seed(1)
    data = {"features": torch.randn(4096, 64), "labels": torch.randint(10, (4096,))}
    files = rows.saved(machine, {"train": data})
    steps, warm_up = (20, 10) if machine.dry else (600, 200)
    import transformers.trainer  # noqa: F401  before the measuring

    with machine.alone():
        for hidden, batch in ((64, 8), (256, 32), (1024, 64)):
            args = {"per_device_train_batch_size": batch, "learning_rate": 1e-3, "dataloader_drop_last": True}
            yield compared(machine, f"mlp {hidden}", lambda hidden=hidden: Classifier(mlp(hidden)[1]),
                           {"type": "mlp", "layers": mlp(hidden)[0]}, files, data, args, steps, warm_up, 1.1)  # fmt: skip


def speed_of(kind, size):
    def run(machine):
        import peers

        import libtrainer

        if machine.dry and size == "mid":
            raise rows.Skipped("too slow on a CPU")
        model, data = peers.transformer(kind, size)
        file = machine.place / "model.pt2"
        libtrainer.export(model, {k: v[:2] for k, v in data.items()}, file)
        files = rows.saved(machine, {"train": data})
        steps, warm_up = (4, 2) if machine.dry else (200, 100) if size == "tiny" else (40, 20)
        import transformers.trainer  # noqa: F401  before the measuring

        with machine.alone():
            for precision in ("fp32",) if size == "tiny" else ("fp32", "bf16"):
                args = {"per_device_train_batch_size": 8 if size == "tiny" else 32, "learning_rate": 1e-4,
                        **peers.PRECISIONS[precision]}  # fmt: skip
                yield compared(machine, f"{kind} {size}, {precision}", lambda: peers.transformer(kind, size)[0],
                               {"type": "pt2", "file": str(file)}, files, data, args, steps, warm_up, 1.1,
                               rounds=2 if size == "tiny" else 1)  # fmt: skip

    row(f"speed.{kind}_{size}", limit=100, alone=True)(run)


for _kind in ("bert", "gpt2"):
    for _size in ("tiny", "mid"):
        speed_of(_kind, _size)


@row("pinned", limit=100, alone=True)
def pinned(machine):
    """Large batches: made and pinned on threads, they are copied while the device computes."""
    machine.need_gpu()
    import torch

    import libtrainer

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 7, 4), torch.nn.ReLU(), torch.nn.Conv2d(64, 64, 3), torch.nn.ReLU(),
                                torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 10))  # fmt: skip

    class Images(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = model

        def forward(self, pixel_values, labels):
            logits = self.net(pixel_values)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    data = {"pixel_values": torch.randn(256, 3, 224, 224), "labels": torch.randint(10, (256,))}
    file = machine.place / "model.pt2"
    libtrainer.export(Images(), {k: v[:2] for k, v in data.items()}, file)
    files = rows.saved(machine, {"train": data})
    found = {}
    with machine.alone():
        for pin in (True, False):
            for workers in (0, 4):
                args = {
                    "per_device_train_batch_size": 64,
                    "dataloader_pin_memory": pin,
                    "dataloader_num_workers": workers,
                }
                name = f"pin{pin}{workers}"
                found[pin, workers] = step_ms(machine, name, {"type": "pt2", "file": str(file)}, files, args, 40, 20)
    text = ", ".join(f"{'pinned' if p else 'pageable'} {w} threads {ms:.2f} ms" for (p, w), ms in found.items())
    best = found[True, 4] <= 1.1 * min(found.values())
    yield "pinned batches, 38 MB each", passed(best), text + "; limit: pinned on threads within 10 % of the best"


@row("memory", limit=150)
def memory(machine):
    """What each process took of the device's memory for tensors: sums of cudaMalloc, counted alike."""
    machine.need_gpu()
    import peers

    import libtrainer

    for kind in ("bert", "gpt2"):
        model, data = peers.transformer(kind, "mid")
        file = machine.place / f"{kind}.pt2"
        libtrainer.export(model, {k: v[:2] for k, v in data.items()}, file)
        files = rows.saved(machine, {"train": data})
        args = {"per_device_train_batch_size": 32}
        own = rows.counts(machine, kind, {"type": "pt2", "file": str(file)}, files, args, 6)
        spec = {
            "kind": kind,
            "size": "mid",
            "device": machine.device,
            "place": str(machine.place),
            "args": args,
            "steps": 6,
        }
        found = {
            k: rows.peer(machine, k, spec, machine.place / f"{kind}_{k}.json")["reserved"] for k in ("loop", "trainer")
        }
        mb = {"ours": own["reserved"] / 1e6, **{k: v / 1e6 for k, v in found.items()}}
        good = mb["ours"] <= 1.05 * mb["loop"] + 20
        yield (f"memory, {kind} mid", passed(good), f"{mb['ours']:.0f} MB; PyTorch's loop {mb['loop']:.0f}, "
               f"the real Trainer {mb['trainer']:.0f}; limit 1.05 x the loop + 20 MB")  # fmt: skip
