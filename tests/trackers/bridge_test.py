# SPDX-License-Identifier: Apache-2.0
"""Plugin `python`: users' own callbacks in a Python of their own. Each function below is one case; arguments, if any,
are the names of those to run."""

import json
import math
import os
import pathlib
import signal
import sqlite3
import struct
import subprocess
import sys
import time
import types

from harness import SOURCE, Work, expect, python

LIGHT = python("trackers")  # transformers, without torch
CALLBACKS = '''
import atexit, json, os, sys, time
import numpy
from transformers import ExportableState, TrainerCallback

class Steer(TrainerCallback):
    """Stops at a step, and changes what is logged."""
    def __init__(self, stop=30):
        self.stop = stop
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.stop:
            control.should_training_stop = control.should_save = True
        return control
    def on_log(self, args, state, control, logs=None, **kwargs):
        assert state.log_history[-1]["step"] == state.global_step
        logs.pop("grad_norm", None)
        logs["lines"] = numpy.int64(7)
        logs["nan"] = float("nan")
        logs["loss"] = str(logs.get("loss"))

class Raise(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **kwargs):
        raise ValueError("boom at %d" % state.global_step)

class Exit(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 3:
            os._exit(7)

class Hang(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 3:
            time.sleep(600)

class Ends(TrainerCallback):
    """Its exit hook writes down how the process ended."""
    def __init__(self, file, wait=0.0):
        self.wait = wait
        def leave():
            error = getattr(sys, "last_value", None)
            with open(file, "w") as out:
                out.write("finished" if error is None else type(error).__name__)
        atexit.register(leave)
    def on_train_begin(self, args, state, control, **kwargs):
        with open("begun", "w") as out:
            out.write(str(os.getpid()))
    def on_step_end(self, args, state, control, **kwargs):
        time.sleep(self.wait)

class Counter(TrainerCallback, ExportableState):
    def __init__(self, step=1):
        self.step, self.count, self.note = step, 0, {"names": ["a"]}
    def on_step_end(self, args, state, control, **kwargs):
        self.count += self.step
    def state(self):
        return {"args": {"step": self.step}, "attributes": {"count": self.count, "note": self.note}}

class Told(TrainerCallback):
    def on_outcome(self, outcome):
        with open("outcome.json", "w") as out:
            json.dump(outcome, out)

class Fails(Ends):
    def on_step_end(self, args, state, control, **kwargs):
        raise ValueError("boom")

class Weights(TrainerCallback):
    def on_train_begin(self, args, state, control, model=None, **kwargs):
        assert model.num_parameters() == 64 * 64 + 64 + 640 + 10, model
        assert [n for n, _ in model.named_parameters()] == list(model.shapes), model
    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        if state.global_step == 0:
            names = [name for name, gradient in model.named_gradients()]
            assert names == list(model.shapes), names
    def on_train_end(self, args, state, control, model=None, **kwargs):
        with open("weights.json", "w") as out:
            json.dump({name: [list(t.shape), t.tobytes().hex()] for name, t in model.state_dict().items()}, out)

class Looks(TrainerCallback):
    """Writes down what it is handed, an event a line."""
    def __init__(self):
        self.out = open("seen.jsonl", "w", buffering=1)
    def look(self, event, args, state, model, optimizer=None, lr_scheduler=None, train_dataloader=None,
             eval_dataloader=None, logs=None, **kwargs):
        state.mine = getattr(state, "mine", 0) + 1
        squares = [float((p.grad**2).sum()) for p in model.parameters() if p.grad is not None]
        seen = {"event": event, "step": state.global_step, "mine": state.mine, "training": model.training,
                "norm": sum(squares) ** 0.5, "gradients": len(squares), "logs": logs,
                "rates": optimizer and [group["lr"] for group in optimizer.param_groups],
                "decay": optimizer and [group["weight_decay"] for group in optimizer.param_groups],
                "sizes": optimizer and [[p.numel() for p in group["params"]] for group in optimizer.param_groups],
                "states": optimizer and sorted(optimizer.state_dict()["state"].get(0, {})),
                "last_lr": lr_scheduler and lr_scheduler.get_last_lr(),
                "last_epoch": lr_scheduler and lr_scheduler.last_epoch,
                "train": train_dataloader and [len(train_dataloader), train_dataloader.batch_size],
                "eval": eval_dataloader and [len(eval_dataloader), eval_dataloader.batch_size]}
        self.out.write(json.dumps(seen) + chr(10))
    def on_init_end(self, args, state, control, **kwargs):
        self.look("init_end", args, state, **kwargs)
        given = {name: repr(getattr(args, name)) for name in PROPERTIES if name not in ("device", "_setup_devices")}
        given["hub_token"], given["masked"] = args.hub_token, args.to_dict()["hub_token"]
        given["warmup"] = args.get_warmup_steps(10)
        with open("args.json", "w") as out:
            json.dump(given, out)
    def on_train_begin(self, args, state, control, **kwargs):
        self.look("train_begin", args, state, **kwargs)
    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        if state.global_step == 9:
            self.look("pre_optimizer_step", args, state, **kwargs)
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 10:
            self.look("step_end", args, state, **kwargs)
    def on_log(self, args, state, control, **kwargs):
        if state.global_step == 10:
            self.look("log", args, state, **kwargs)
    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        self.look("evaluate", args, state, **kwargs)

class Meddles(TrainerCallback):
    """What has an effect in transformers and none here, one a step."""
    def on_pre_optimizer_step(self, args, state, control, model=None, optimizer=None, lr_scheduler=None,
                              train_dataloader=None, **kwargs):
        def noise(p):
            p.grad[...] = 0
        def zero(p):
            p *= 0
        actions = (
            lambda: [zero(p) for p in model.parameters()],
            lambda: noise(model.get_parameter("0.bias")),
            lambda: model.state_dict()["0.weight"].fill(1),
            lambda: setattr(model.get_parameter("0.bias"), "grad", None),
            lambda: optimizer.param_groups[0].update(lr=0.0),
            lambda: optimizer.step(),
            lambda: lr_scheduler.step(),
            lambda: model(1),
            lambda: list(train_dataloader),
            lambda: setattr(state, "max_steps", 3),
            lambda: setattr(args, "learning_rate", 0.0),
            lambda: state.log_history.append({"step": 0}),
        )
        if state.global_step < len(actions):
            actions[state.global_step]()

class NestedFirst(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **kwargs):
        logs["deep"] = {"list": [1]}

class NestedThen(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **kwargs):
        logs["deep"]["list"].append(2)

class Needs(TrainerCallback):
    def __init__(self):
        import no_such_package

class Lingers(TrainerCallback):
    def __init__(self):
        atexit.register(time.sleep, 600)

def factory(name):
    return Steer(int(name))

ready_made = Steer(20)
'''


def train(
    work, callback, *more, kwargs=None, on_error="fail", config=None, env=None, status=0, code=CALLBACKS, **options
):
    (work.path / "mine.py").write_text(code)
    entry = {
        "plugin": "python",
        "on_error": on_error,
        "config": {"callback": callback, "kwargs": kwargs or {}, **(config or {})},
    }
    env = {"TRAINER_PYTHON": LIGHT, **(env or {})}
    return work.train("none", *more, callbacks=[entry], env=env, status=status, **options)


def state_of(work, output="out"):
    return json.loads((work.path / output / "trainer_state.json").read_text())


def flags_and_logs_come_back(work):
    history, printed = train(work, "mine.Steer")
    expect(state_of(work)["global_step"] == 30, f"it was to stop at step 30:\n{printed}")
    expect((work.path / "out" / "checkpoint-30").is_dir(), "it was to save at step 30")
    line = next(text for text in printed.splitlines() if text.startswith("{'loss'"))
    expect("'lines': 7" in line and "'nan': 'nan'" in line and "grad_norm" not in line, f"changed logs: {line}")
    expect("grad_norm" in history[0] and "lines" not in history[0], "log_history is the copy made before")


def factories_and_instances(work):
    train(work, "mine:factory", kwargs={"name": "10"})
    expect(state_of(work)["global_step"] == 10, "what a function makes is the callback")
    train(work, "mine.ready_made")
    expect(state_of(work)["global_step"] == 20, "an object of a module is the callback")


def one_of_transformers(work):
    args = {
        "metric_for_best_model": "loss",
        "load_best_model_at_end": True,
        "num_train_epochs": 8,
        "learning_rate": 10.0,
    }
    _, printed = train(work, "transformers.EarlyStoppingCallback", kwargs={"early_stopping_patience": 1}, args=args)
    ours, _ = train(work, "mine.Steer", args=args, output="whole", kwargs={"stop": -1})
    state = state_of(work)
    expect(state["global_step"] < state_of(work, "whole")["global_step"], f"it was to stop early:\n{printed}")
    counter = state["stateful_callbacks"]["EarlyStoppingCallback"]
    expect(counter["args"]["early_stopping_patience"] == 1, f"its state: {counter}")


def one_s_own_setup(work):
    """The subclass of WandbCallback that docs/trackers.md shows."""
    page = (SOURCE / "docs" / "trackers.md").read_text()
    code = page[page.index("# mine.py") :].split("```")[0]
    history, _ = train(work, "mine.MyWandb", code=code, env={"WANDB_PROJECT": "another"}, args={"num_train_epochs": 1})
    (run,) = work.path.glob("wandb/offline-run-*/run-*.wandb")
    text = run.read_bytes()
    for word in (b"digits", b"baseline", b"small", b"v2"):
        expect(word in text, f"{word} is not in {run}")
    expect(b"another" not in text, "the project of the environment")
    expect("perplexity" not in history[0], "what W&B gets alone is in the run's history")
    found = work.check("wandb", run.parent)["metrics"]
    expected = [math.exp(entry["loss"]) for entry in history if "loss" in entry]
    values = [value for _, value in found["train/perplexity"]]
    expect(values == expected, f"W&B has {values}, not {expected}")


def exceptions(work):
    _, printed = train(work, "mine.Raise", status=1)
    expect(
        "in on_log at step 10: Raise: ValueError: boom at 10" in printed
        and "/mine.py:23, in on_log" in printed
        and "Traceback" in printed,
        f"the sentence and the traceback:\n{printed}",
    )
    _, printed = train(work, "mine.Raise", on_error="warn")
    expect(printed.count("the run goes on") > 5, f"a warning for each:\n{printed}")
    _, printed = train(work, "mine.Raise", on_error="disable")
    expect(printed.count("the run goes on without it") == 1, f"one warning:\n{printed}")


def a_crash(work):
    _, printed = train(work, "mine.Exit", status=1)
    expect("Exit's Python ended during on_step_end (exit status 7)" in printed, printed)
    _, printed = train(work, "mine.Exit", on_error="warn")
    expect(printed.count("exit status 7") == 1, f"one warning, and the run goes on:\n{printed}")


def a_hang(work):
    begin = time.monotonic()
    _, printed = train(work, "mine.Hang", config={"timeout": 1}, status=1)
    expect("Hang did not answer on_step_end within 1 s" in printed, printed)
    expect(time.monotonic() - begin < 30, "it was to end soon after a second")


def how_it_ends(work):
    train(work, "mine.Ends", kwargs={"file": "end"})
    expect((work.path / "end").read_text() == "finished", "the exit hook of a finished run")
    (work.path / "begun").unlink()
    train(work, "mine.Fails", kwargs={"file": "fail"}, status=1)
    expect((work.path / "fail").read_text() == "TrainerFailed", "the exit hook of a run that failed")
    (work.path / "begun").unlink()
    ended(work, "kill", lambda process: process.kill(), -signal.SIGKILL, "TrainerFailed")
    # Ctrl-C reaches the whole group; the trainer saves, ends the training in order, and then the callback.
    ended(work, "interrupt", lambda process: os.killpg(process.pid, signal.SIGINT), 130, "finished")


def ended(work, file, end, status, how):
    entry = {"plugin": "python", "config": {"callback": "mine.Ends", "kwargs": {"file": file, "wait": 0.05}}}
    process = subprocess.Popen(
        work.command("none", callbacks=[entry]),
        cwd=work.path,
        start_new_session=True,
        env=work.environment(TRAINER_PYTHON=LIGHT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    begun, pid = work.path / "begun", ""
    until = time.monotonic() + 60
    while not pid and time.monotonic() < until:
        time.sleep(0.05)
        pid = begun.read_text() if begun.exists() else ""
    end(process)
    printed = process.communicate(timeout=60)[0].decode()
    expect(process.returncode == status, f"{file}: status {process.returncode}:\n{printed}")
    while not (work.path / file).exists() and time.monotonic() < until:
        time.sleep(0.05)
    expect((work.path / file).exists(), f"{file}: the exit hook did not run:\n{printed}")
    expect((work.path / file).read_text() == how, f"{file}: {(work.path / file).read_text()}")
    while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    expect(not pathlib.Path(f"/proc/{pid}").exists(), f"{file}: its Python is still there")
    begun.unlink()


def state_is_kept(work):
    train(work, "mine.Counter", kwargs={"step": 3})
    kept = json.loads((work.path / "out/checkpoint-45/trainer_state.json").read_text())["stateful_callbacks"]["Counter"]
    expect(kept == {"args": {"step": 3}, "attributes": {"count": 135, "note": {"names": ["a"]}}}, f"kept: {kept}")
    _, printed = train(
        work,
        "mine.Counter",
        "--resume_from_checkpoint",
        "out/checkpoint-45",
        output="again",
        args={"restore_callback_states_from_checkpoint": True},
    )
    kept = state_of(work, "again")["stateful_callbacks"]["Counter"]
    expect(kept["attributes"]["count"] == 270 and kept["args"]["step"] == 3, f"restored: {kept}\n{printed}")


def tensors_on_demand(work):
    train(work, "mine.Weights")
    seen = json.loads((work.path / "weights.json").read_text())
    data = (work.path / "out" / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = {k: v for k, v in json.loads(data[8 : 8 + size]).items() if k != "__metadata__"}
    expect(seen.keys() == header.keys(), f"names: {list(seen)} and {list(header)}")
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        expect(seen[name] == [entry["shape"], data[begin:end].hex()], f"{name} is not what was saved")
    expect(not [n for n in os.listdir("/dev/shm") if n.startswith("trainer-")], "shared memory was left behind")


def real_properties():
    """Those of the installed transformers.TrainingArguments, from its source."""
    script = (
        "import ast, importlib.util, os\n"
        "folder = importlib.util.find_spec('transformers').submodule_search_locations[0]\n"
        "tree = ast.parse(open(os.path.join(folder, 'training_args.py')).read())\n"
        "cls = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == 'TrainingArguments')\n"
        "print(*[n.name for n in cls.body if isinstance(n, ast.FunctionDef) and n.decorator_list"
        " and 'property' in ast.unparse(n.decorator_list[0])])"
    )
    return subprocess.run([LIGHT, "-c", script], text=True, stdout=subprocess.PIPE, check=True).stdout.split()


def what_a_callback_sees(work):
    names = real_properties()
    expect("device" in names and "parallel_mode" in names, f"properties: {names}")
    looking = CALLBACKS + f"\nPROPERTIES = {names}\n"
    args = {"max_grad_norm": 0, "weight_decay": 0.5, "hub_token": None}
    _, printed = train(work, "mine.Looks", args=args, code=looking)
    events = {}
    for line in (work.path / "seen.jsonl").read_text().splitlines():
        events.setdefault(json.loads(line)["event"], json.loads(line))
    begin, step, end = events["train_begin"], events["pre_optimizer_step"], events["step_end"]
    log, evaluate = events["log"], events["evaluate"]
    expect(events["init_end"]["rates"] is None and events["init_end"]["train"] is None, "before there is an optimizer")
    expect(begin["rates"] == [1e-3, 1e-3] and begin["decay"] == [0.5, 0.0], f"groups: {begin}")
    expect(begin["sizes"] == [[4096, 640], [64, 10]] and begin["states"] == [], f"groups: {begin}")
    expect(end["states"] == ["exp_avg", "exp_avg_sq", "step"], f"the optimizer's state: {end}")
    expect(begin["train"] == [45, 32] and begin["eval"] is None and evaluate["eval"] == [45, 8], f"loaders: {evaluate}")
    expect(
        step["gradients"] == 4 and abs(step["norm"] / log["logs"]["grad_norm"] - 1) < 1e-5, f"gradients: {step}, {log}"
    )
    expect(end["gradients"] == 0, "after the step there are none, as in torch")
    expect(log["logs"]["learning_rate"] == step["rates"][0] == step["last_lr"][0] > end["rates"][0], f"rates: {step}")
    expect((step["last_epoch"], end["last_epoch"]) == (9, 10), f"the schedule's steps: {step}, {end}")
    expect([e["training"] for e in (begin, end, evaluate)] == [True, True, False], "model.training")
    expect(
        (begin["mine"], step["mine"], evaluate["mine"]) == (1, 2, 5), "what is set on the state stays, from train() on"
    )
    args = json.loads((work.path / "args.json").read_text())
    expect(args["n_gpu"] == "0" and args["place_model_on_device"] == "None" and args["warmup"] == 0, f"args: {args}")
    expect("NOT_PARALLEL" in args["parallel_mode"] and "seconds=1800" in args["ddp_timeout_delta"], f"args: {args}")
    expect(args["hub_token"] is None and args["masked"] == "<HUB_TOKEN>", f"args: {args}")


def what_has_no_effect(work):
    _, printed = train(work, "mine.Meddles", on_error="warn")
    reasons = [
        line.split("Meddles", 1)[1] for line in printed.splitlines() if "warning: callback python failed" in line
    ]
    for step, words in enumerate(
        (
            'changed "0.weight" in place in on_pre_optimizer_step, which has no effect',
            'changed "0.bias" in place',
            'changed "0.weight" in place',
            "setting a gradient has no effect",
            "changing a group of the optimizer has no effect",
            "no attribute 'step': the real one is in the trainer's process",
            "no attribute 'step': the real one is in the trainer's process",
            "the model cannot be called",
            "train_dataloader cannot be iterated",
            "setting state.max_steps has no effect",
            "setting args.learning_rate has no effect",
            "changing state.log_history has no effect",
        )
    ):
        expect(len(reasons) > step and words in reasons[step], f"at step {step}, not {words!r}:\n{printed}")
    expect(len(reasons) == 12 and state_of(work)["global_step"] == 90, f"nothing more is said:\n{printed}")


def nested_changes_come_back(work):
    (work.path / "mine.py").write_text(CALLBACKS)
    entries = [{"plugin": "python", "config": {"callback": f"mine.Nested{which}"}} for which in ("First", "Then")]
    _, printed = work.train("none", callbacks=entries, env={"TRAINER_PYTHON": LIGHT})
    expect("'deep': {'list': [1, 2]}" in printed, printed)


FULL = """
import torch
from transformers import AutoConfig, Trainer, TrainerCallback, TrainingArguments, TrainerState
from transformers.trainer_utils import IntervalStrategy

class Full(TrainerCallback):
    def on_train_begin(self, args, state, control, model=None, **kwargs):
        assert isinstance(args, TrainingArguments) and isinstance(state, TrainerState), (type(args), type(state))
        assert args.eval_strategy == IntervalStrategy.EPOCH and args.to_dict()["num_train_epochs"] == 2, args.to_dict()
        assert args.learning_rate == 1e-3 and args.get_process_log_level(), args
        assert args.eval_strategy.value == "epoch" and args.optim.value == "adamw_torch_fused", args
        assert (args.device, args.n_gpu, args.parallel_mode.value) == (torch.device("cpu"), 0, "not_parallel"), args
        assert args.hub_token is None and args.to_dict()["hub_token"] == "<HUB_TOKEN>", args
        assert all(isinstance(p, torch.nn.Parameter) and p.requires_grad for p in model.parameters()), model
    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        assert all(p.grad is not None and p.grad.shape == p.shape for p in model.parameters()), model
    def on_train_end(self, args, state, control, model=None, **kwargs):
        with torch.no_grad():
            model.get_parameter("0.bias").data.mul_(2)
    def on_log(self, args, state, control, logs=None, model=None, **kwargs):
        logs["norm"] = torch.cat([p.flatten() for p in model.parameters()]).norm()
"""


def full_transformers(work):
    torch_python = SOURCE / "build" / "test-venv" / "bin" / "python"
    if not torch_python.exists():
        torch_python = pathlib.Path(python("../test-venv"))
    (work.path / "heavy.py").write_text(FULL)
    for mode in "auto", "full":
        _, printed = train(
            work,
            "heavy.Full",
            config={"python": str(torch_python), "mode": mode},
            on_error="warn",
            env={"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "9"},
        )
        expect("'norm': '" in printed, f"mode {mode}:\n{printed}")
        expect("AssertionError" not in printed, f"mode {mode}:\n{printed}")
        expect('in on_train_end at step 90: Full changed "0.bias" in place' in printed, f"mode {mode}:\n{printed}")
    _, printed = train(work, "heavy.Full", config={"python": str(torch_python), "mode": "light"}, status=2)
    expect('mode "light" does not load' in printed, printed)


def what_is_missing(work):
    bare = work.path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    env = {"TRAINER_PYTHON": str(bare / "bin" / "python")}
    _, printed = work.train("python:clearml", env=env, status=2)
    expect(f'run "{bare}/bin/python -m pip install transformers' in printed and "clearml" in printed, printed)
    (work.path / "mine.py").write_text(CALLBACKS)
    _, printed = train(work, "mine.Steer", env=env, status=2)
    expect("-m pip install numpy" in printed, printed)
    for callback, sentence in (
        ("mine.Needs", "No module named 'no_such_package'"),
        ("mine.Nothing", "has no attribute 'Nothing'"),
        ("no_such_module.X", "no module 'no_such_module' was found"),
        ("wandbb", "is neither a tracker"),
    ):
        _, printed = train(work, callback, status=2)
        expect(sentence in printed, f"{callback}:\n{printed}")
    _, printed = train(work, "mine.Steer", config={"python": "/no/such/python"}, status=2)
    expect('name a Python with the plugin\'s "python"' in printed, printed)


def a_tracker_that_fails(work):
    env = {"MLFLOW_TRACKING_URI": "nonsense://store", "TRAINER_PYTHON": LIGHT}
    _, printed = work.train("python:mlflow", env=env)
    expect(
        printed.count("mlflow failed in on_train_begin") == 1
        and "Traceback" in printed
        and "the run goes on without it" in printed,
        printed,
    )


DROPPED = """
from transformers.integrations import MLflowCallback

class Dropped(MLflowCallback):
    def on_save(self, args, state, control, **kwargs):
        raise OSError("the server is gone")
"""


def an_outcome(work):
    train(work, "mine.Told")
    told = json.loads((work.path / "outcome.json").read_text())
    expect(told["status"] == "completed" and told["global_step"] == told["max_steps"], told)
    rules = [{"on": "on_step_end", "global_step": 3, "raise": "enough"}]
    callbacks = [
        {"plugin": "python", "config": {"callback": "mine.Told"}},
        {"plugin": "script", "config": {"rules": rules}},
    ]
    work.train("none", callbacks=callbacks, env={"TRAINER_PYTHON": LIGHT}, status=1)
    told = json.loads((work.path / "outcome.json").read_text())
    expect(told["status"] == "failed" and told["global_step"] == 3 and told["max_steps"] > 3, told)
    expect(told["error"] == "callback script failed in on_step_end at step 3: enough", told)
    expect(told["error_id"] == "callback.failed" and told["by"] == "" and told["signal"] == 0, told)


def a_dropped_tracker(work):
    """Its run is not called finished, and the summary tells."""
    (work.path / "dropped.py").write_text(DROPPED)
    env = {"MLFLOW_TRACKING_URI": f"sqlite:///{work.path}/mlflow.db"}
    _, printed = train(work, "dropped.Dropped", on_error="disable", config={"wait": False}, env=env)
    expect(
        "callback python failed in on_save at step 45: dropped.Dropped failed in on_save: OSError" in printed, printed
    )
    expect(", 1 failed" in printed.split("Training done")[1], f"the summary:\n{printed}")
    with sqlite3.connect(work.path / "mlflow.db") as store:
        runs = store.execute("select status, end_time from runs").fetchall()
    expect(len(runs) == 1 and runs[0][0] == "FAILED" and runs[0][1], f"runs: {runs}\n{printed}")


def a_killed_tracker(work):
    """Its run is not called finished: MLflow's own exit hook would say so."""
    env = work.environment(TRAINER_PYTHON=LIGHT, MLFLOW_TRACKING_URI=f"sqlite:///{work.path}/mlflow.db")
    command = work.command("python:mlflow", "--num_train_epochs", "100000", "--save_strategy", "no")
    process = subprocess.Popen(
        command, env=env, cwd=work.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for line in process.stdout:
        if "'epoch': '3'" in line:
            break
    process.kill()
    printed = process.communicate(timeout=100)[0]  # to the end of its Python, which prints into it too
    with sqlite3.connect(work.path / "mlflow.db") as store:
        runs = store.execute("select status, end_time from runs").fetchall()
        points = store.execute("select count(*) from metrics where key = 'loss'").fetchone()[0]
    expect(len(runs) == 1 and runs[0][0] == "FAILED" and runs[0][1], f"runs: {runs}\n{printed[-2000:]}")
    expect(points >= 12, f"{points} points of the loss")


def no_password_in_results(work):
    """As the callbacks of MLflow and DagsHub leave it: the address is the one that the client was given."""
    sys.path.insert(0, str(SOURCE / "plugins" / "shared" / "python_bridge"))
    from trainer_bridge import trackers

    for uri, shown in (
        ("http://me:se-cret@host:5000/", "http://host:5000/#/experiments/3/runs/ab"),
        ("https://token@host/a@b", "https://host/a@b/#/experiments/3/runs/ab"),
        ("http://host:5000", "http://host:5000/#/experiments/3/runs/ab"),
        ("postgresql://me:se/cr?t@host/db", "mlflow ui --backend-store-uri postgresql://host/db"),
        ("mysql://host/db?password=secret", "mlflow ui --backend-store-uri 'mysql://host/db?'"),
        ("mysql://host/db?charset=utf8", "mlflow ui --backend-store-uri 'mysql://host/db?charset=utf8'"),
        ("sqlite:////home/me@work/mlflow.db", "mlflow ui --backend-store-uri sqlite:////home/me@work/mlflow.db"),
    ):
        run = types.SimpleNamespace(info=types.SimpleNamespace(experiment_id="3", run_id="ab"))
        sys.modules["mlflow"] = types.SimpleNamespace(
            last_active_run=lambda run=run: run, get_tracking_uri=lambda uri=uri: uri
        )
        (found,) = trackers.results("mlflow")
        expect(found[1] + found[2] == shown, f"{uri} is shown as {found}")
    del sys.modules["mlflow"]


def a_slow_exit(work):
    begin = time.monotonic()
    _, printed = train(work, "mine.Lingers", config={"shutdown_timeout": 1})
    expect("Lingers did not finish within 1 s" in printed, printed)
    expect(time.monotonic() - begin < 30, "it was to end soon after a second")


def without_waiting(work):
    """Nothing comes back then, and an exception is known later."""
    train(work, "mine.Steer", config={"wait": False})
    expect(state_of(work)["global_step"] == 90, "flags do not come back")
    _, printed = train(work, "mine.Raise", config={"wait": False}, status=1)
    expect("failed in on_log: ValueError: boom at 10" in printed, printed)
    _, printed = train(work, "mine.Raise", config={"wait": False}, on_error="disable")
    expect(printed.count("failed in on_log: ValueError: boom at 10") == 1 and "without it" in printed, printed)


def a_plain_class(work):
    """No transformers is needed by a class that does not ask for it."""
    bare = work.path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    (work.path / "plain.py").write_text(
        "class Plain:\n    def on_step_end(self, args, state, control, **kwargs):\n"
        "        control.should_training_stop = state.global_step >= 5 and args.seed == 42\n"
    )
    train(work, "plain.Plain", env={"TRAINER_PYTHON": str(bare / "bin" / "python")})
    expect(state_of(work)["global_step"] == 5, "it was to stop at step 5")


TESTS = [
    flags_and_logs_come_back,
    factories_and_instances,
    one_of_transformers,
    one_s_own_setup,
    exceptions,
    a_crash,
    a_hang,
    how_it_ends,
    state_is_kept,
    tensors_on_demand,
    what_a_callback_sees,
    what_has_no_effect,
    nested_changes_come_back,
    full_transformers,
    what_is_missing,
    a_tracker_that_fails,
    an_outcome,
    a_dropped_tracker,
    a_killed_tracker,
    no_password_in_results,
    a_slow_exit,
    without_waiting,
    a_plain_class,
]

if __name__ == "__main__":
    for test in TESTS:
        if not sys.argv[1:] or test.__name__ in sys.argv[1:]:
            with Work() as work:
                test(work)
                print("passed:", test.__name__)
