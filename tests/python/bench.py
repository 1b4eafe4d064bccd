# SPDX-License-Identifier: Apache-2.0
"""What a log of ten scalars costs the training: our tensorboard plugin and transformers' callback. Not a test.

    SOURCE=. BUILD=build TRAINER=build/bin/trainer build/test-venv/bin/python tests/python/bench.py

Both are called as the Trainer's handler calls them, in turn, five times 2000 logs each; the best of the five counts.
"""

import time

from harness import work_directory
from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import TensorBoardCallback
from transformers.trainer_callback import CallbackHandler, TrainerCallback

from libtrainer import PluginCallback

LOGS = 2000


def seconds(handler, args, state, event):
    control = TrainerControl()
    begin = time.perf_counter()
    for step in range(LOGS):
        state.global_step = step
        if event == "on_log":
            handler.on_log(args, state, control, {f"metric_{i}": step + 0.1 * i for i in range(10)})
        else:
            handler.on_step_end(args, state, control)
    return (time.perf_counter() - begin) / LOGS


class Nothing(TrainerCallback):
    pass


with work_directory():
    args = TrainingArguments("out", report_to="none", use_cpu=True)
    state = TrainerState()
    script = PluginCallback("script", {"rules": []})
    subjects = [
        ("on_log, no tracker", Nothing(), "on_log"),
        ("on_log, tensorboard plugin", PluginCallback("tensorboard"), "on_log"),
        ("on_log, csv plugin", PluginCallback("csv"), "on_log"),
        ("on_log, TensorBoardCallback", TensorBoardCallback(SummaryWriter("theirs")), "on_log"),
        ("on_step_end, empty callback", Nothing(), "on_step_end"),
        ("on_step_end, plugin", script, "on_step_end"),
    ]
    best = {}
    for _ in range(5):
        for name, callback, event in subjects:
            handler = CallbackHandler.__new__(CallbackHandler)  # without its warning that DefaultFlow is missing
            handler.callbacks = [callback]
            handler.model = handler.processing_class = handler.optimizer = handler.lr_scheduler = None
            handler.train_dataloader = handler.eval_dataloader = None
            best[name] = min(best.get(name, 1e9), seconds(handler, args, state, event))
    for name, value in best.items():
        print(f"{name:30} {value * 1e6:8.2f} us")
    ours, theirs = best["on_log, tensorboard plugin"], best["on_log, TensorBoardCallback"]
    print(f"TensorBoardCallback takes {theirs / ours:.1f} times as long as the plugin")
