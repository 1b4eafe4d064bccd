# SPDX-License-Identifier: Apache-2.0
"""Records what torch, transformers and safetensors do, for the tests of this folder's parent.

python record.py [FOLDER]        (README.md has the versions; writes into this folder unless told another)
"""

import json
import sys
from pathlib import Path

import safetensors.torch
import torch
from transformers.optimization import Adafactor, get_scheduler

OUT = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent
SHAPES = {"0.weight": (5, 7), "0.bias": (5,), "1.weight": (2, 3, 4), "1.bias": (1,)}
STEPS = 5
SEEN = (1, 3, 5)  # steps after which the parameters are kept
RATES = [0.01, 0.02, 0.015, 0.03, 0.0075]


def dump(name, value):
    # A list of numbers is one line.
    text = json.dumps(value, separators=(",", ":"))
    (OUT / name).write_text(text.replace('{"name"', '\n{"name"') + "\n")


def numbers(shape, generator):
    """Short decimals, so that the file stays readable."""
    values = torch.randn(shape, generator=generator)
    return torch.tensor([round(v, 3) for v in values.flatten().tolist()]).reshape(shape)


OPTIMIZERS = [
    ("adamw_torch_fused", "", {}),
    ("adamw_torch_fused", "", {"adam_beta1": 0.8, "adam_beta2": 0.95, "adam_epsilon": 1e-6, "weight_decay": 0.1}),
    ("adamw_torch", "", {"weight_decay": 0.1}),
    ("adamw_torch", "", {"adam_beta1": 0.8, "adam_beta2": 0.95, "adam_epsilon": 1e-6}),
    ("sgd", "", {}),
    ("sgd", "", {"weight_decay": 0.05}),
    ("sgd", "momentum=0.9", {}),
    ("sgd", "momentum=0.9, nesterov=true", {"weight_decay": 0.05}),
    ("sgd", "momentum=0.8,dampening=0.3", {"weight_decay": 0.05}),
    ("rmsprop", "", {"weight_decay": 0.05}),
    ("rmsprop", "momentum=0.9,alpha=0.95,eps=1e-6,centered=True", {}),
    ("adagrad", "", {"weight_decay": 0.05}),
    ("adagrad", "lr_decay=0.1,eps=1e-8", {}),
    ("adafactor", "", {"weight_decay": 0.05}),
]


def make_optimizer(optim, optim_args, args, groups, lr):
    given = dict(pair.split("=") for pair in optim_args.replace(" ", "").split(",")) if optim_args else {}
    kwargs = {k: v.lower() == "true" if k in ("nesterov", "centered") else float(v) for k, v in given.items()}
    if optim.startswith("adamw"):
        betas = (args.get("adam_beta1", 0.9), args.get("adam_beta2", 0.999))
        fused = {"fused": True} if optim.endswith("fused") else {}
        return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=args.get("adam_epsilon", 1e-8), **fused)
    if optim == "adafactor":
        return Adafactor(groups, lr=lr, scale_parameter=False, relative_step=False)
    return {"sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad}[optim](
        groups, lr=lr, **kwargs
    )


def record_optimizers():
    generator = torch.Generator().manual_seed(1)
    start = {n: numbers(s, generator) for n, s in SHAPES.items()}
    gradients = [{n: numbers(s, generator) for n, s in SHAPES.items()} for _ in range(STEPS)]
    gradients[0]["1.bias"] = gradients[3]["0.weight"] = None  # skipped parameters
    flat = lambda tensors: {n: None if t is None else t.detach().flatten().tolist() for n, t in tensors.items()}
    cases = []
    for number, (optim, optim_args, args) in enumerate(OPTIMIZERS):
        params = {n: torch.nn.Parameter(t.clone()) for n, t in start.items()}
        groups = [
            {
                "params": [p for n, p in params.items() if "bias" not in n],
                "weight_decay": args.get("weight_decay", 0.0),
            },
            {"params": [p for n, p in params.items() if "bias" in n], "weight_decay": 0.0},
        ]
        optimizer = make_optimizer(optim, optim_args, args, groups, 0.01)
        name = f"{optim}_{number}"
        after = {}
        for step, (rate, grads) in enumerate(zip(RATES, gradients), 1):
            for n, p in params.items():
                p.grad = None if grads[n] is None else grads[n].clone()
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            if step in SEEN:
                after[str(step)] = flat(params)
            if step == 3:
                torch.save(optimizer.state_dict(), OUT / f"{name}.pt")
        cases.append({"name": name, "optim": optim, "optim_args": optim_args, "args": args, "after": after})
    dump(
        "optimizers.json",
        {
            "shapes": SHAPES,
            "rates": RATES,
            "start": flat(start),
            "gradients": [flat(g) for g in gradients],
            "cases": cases,
        },
    )


def sgd(lr):
    params = [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(1))]
    return torch.optim.SGD([{"params": [params[0]]}, {"params": [params[1]]}], lr=lr)


# type, learning rate, warm-up steps, training steps, kwargs
STEP_DRIVEN = [
    ("linear", 5e-5, 0, 17, {}),
    ("linear", 0.1, 5, 17, {}),
    ("linear", 0.003, 20, 17, {}),
    ("linear", 0.003, 17, 17, {}),
    ("constant", 0.07, 3, 17, {}),
    ("constant", 0.07, 3, 17, {"ignored": 1}),
    ("constant_with_warmup", 0.07, 3, 17, {}),
    ("constant_with_warmup", 0.07, 0, 17, {"ignored": 1}),
    ("cosine", 5e-5, 0, 17, {}),
    ("cosine", 0.3, 4, 17, {"num_cycles": 1.5}),
    ("cosine", 0.3, 4, 17, {"num_cycles": 1}),
    ("cosine_with_restarts", 0.3, 4, 17, {}),
    ("cosine_with_restarts", 0.3, 2, 23, {"num_cycles": 3}),
    ("cosine_with_restarts", 0.3, 2, 23, {"num_cycles": 2.5}),
    ("polynomial", 0.3, 4, 17, {}),
    ("polynomial", 0.3, 0, 17, {"lr_end": 0.01, "power": 2.0}),
    ("polynomial", 0.3, 5, 17, {"lr_end": 0, "power": 3}),
    ("polynomial", 5e-5, 3, 17, {"power": 0.5}),
    ("inverse_sqrt", 0.3, 4, 17, {}),
    ("inverse_sqrt", 0.3, 0, 17, {}),
    ("inverse_sqrt", 0.3, 4, 17, {"timescale": 7}),
    ("inverse_sqrt", 0.3, 4, 17, {"timescale": None}),
    ("cosine_with_min_lr", 0.3, 4, 17, {"min_lr": 0.02}),
    ("cosine_with_min_lr", 0.3, 4, 17, {"min_lr_rate": 0.1, "num_cycles": 1}),
    ("cosine_with_min_lr", 0.3, 0, 17, {"min_lr": 0}),
    ("cosine_warmup_with_min_lr", 0.3, 4, 17, {"min_lr": 0.02}),
    ("cosine_warmup_with_min_lr", 0.3, 4, 17, {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2}),
    ("cosine_warmup_with_min_lr", 0.3, 1, 17, {"min_lr_rate": 0.1, "warmup_lr_rate": 0}),
    ("cosine_warmup_with_min_lr", 0.3, 0, 17, {"min_lr_rate": 0.1, "num_cycles": 0.75}),
    ("warmup_stable_decay", 0.3, 4, 17, {"num_decay_steps": 6}),
    (
        "warmup_stable_decay",
        0.3,
        4,
        17,
        {"num_decay_steps": 6, "min_lr_ratio": 0.1, "warmup_type": "cosine", "decay_type": "linear"},
    ),
    (
        "warmup_stable_decay",
        0.3,
        4,
        17,
        {"num_decay_steps": 6, "min_lr_ratio": 0.1, "warmup_type": "1-sqrt", "decay_type": "1-sqrt"},
    ),
    ("warmup_stable_decay", 0.3, 4, 17, {"num_decay_steps": 5, "num_stable_steps": 3, "num_cycles": 0.3}),
    ("warmup_stable_decay", 0.3, 0, 17, {"num_decay_steps": 17}),
]

# type, learning rate, kwargs
METRIC_DRIVEN = [
    ("reduce_lr_on_plateau", 0.3, {}),
    ("reduce_lr_on_plateau", 0.3, {"patience": 1}),
    ("reduce_lr_on_plateau", 0.3, {"patience": 0, "factor": 0.7, "cooldown": 2, "min_lr": 0.11}),
    (
        "reduce_lr_on_plateau",
        0.3,
        {"patience": 0, "mode": "max", "threshold": 0.05, "threshold_mode": "abs", "min_lr": [0.01, 0.2]},
    ),
    ("reduce_lr_on_plateau", 0.3, {"patience": 1, "mode": "max", "threshold": 0.05, "eps": 0.04}),
    ("greedy", 0.3, {}),
    ("greedy", 0.3, {"patience": 1, "factor": 0.8}),
    ("greedy", 0.3, {"patience": 0, "factor": 0.7, "warmup": 1, "cooldown": 2, "max_lr": 0.5, "min_lr": [0.1, 0.2]}),
    ("greedy", 0.3, {"patience": 0, "factor": 0.5, "min_lr": 0.1, "reset_start": 2}),
    (
        "greedy",
        0.3,
        {"patience": 0, "mode": "max", "threshold": 0.01, "threshold_mode": "rel", "smooth": True, "window_size": 4},
    ),
]
METRICS = [1.0, 0.9, 0.7, 0.69, 0.69, 0.6999, 0.8, 0.81, 0.6, 0.55, 0.5, 0.45, 0.45, 0.44, 0.9, 1.1, 1.2, 1.2,
           1.3, 1.25, 1.4, 1.1, 0.3, 0.2, 0.1, 0.05, float("nan"), 0.04, 0.03, 0.02]  # fmt: skip
SAVED = 13  # the state is kept after as many steps


def record_schedules():
    cases = []
    for number, (kind, lr, warmup, steps, kwargs) in enumerate(STEP_DRIVEN):
        optimizer = sgd(lr)
        given = None if kind == "constant" else kwargs
        if kind == "constant_with_warmup":
            given = {}
        scheduler = get_scheduler(kind, optimizer, warmup, steps, given)
        name = f"{kind}_{number}"
        rates = [scheduler.get_last_lr()]
        for step in range(1, steps + 4):
            optimizer.step()
            scheduler.step()
            rates.append(scheduler.get_last_lr())
            if step == SAVED and name in ("linear_1", "constant_4"):
                torch.save(scheduler.state_dict(), OUT / f"{name}.pt")
        cases.append(
            {
                "name": name,
                "type": kind,
                "lr": lr,
                "warmup": warmup,
                "steps": steps,
                "kwargs": kwargs,
                "rates": [r[0] for r in rates],
            }
        )
    for number, (kind, lr, kwargs) in enumerate(METRIC_DRIVEN):
        optimizer = sgd(lr)
        scheduler = get_scheduler(kind, optimizer, 0, 10, kwargs)
        name = f"{kind}_{number}"
        rates = [scheduler.get_last_lr()]
        for step, metric in enumerate(METRICS, 1):
            scheduler.step(metric)
            rates.append([group["lr"] for group in optimizer.param_groups])
            if step == SAVED and number in (2, 3, 7, 9):
                torch.save(scheduler.state_dict(), OUT / f"{name}.pt")
        cases.append({"name": name, "type": kind, "lr": lr, "kwargs": kwargs, "group_rates": rates})
    dump("lr_schedules.json", {"metrics": METRICS, "saved_after": SAVED, "cases": cases})


def record_safetensors():
    types = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.float16, torch.bfloat16, torch.int32, torch.float32,
             torch.float64, torch.int64]  # fmt: skip
    tensors = {f"z{9 - i}.t": (torch.arange(3 + i) % 2).to(t).reshape(1, -1) for i, t in enumerate(types)}
    tensors["a.scalar"] = torch.tensor(1.5)
    tensors["a.empty"] = torch.zeros(0, 4)
    tensors['odd"\\\n\té\x01'] = torch.ones(2)
    safetensors.torch.save_file(tensors, OUT / "types.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    torch.set_num_threads(1)
    record_optimizers()
    record_schedules()
    record_safetensors()
