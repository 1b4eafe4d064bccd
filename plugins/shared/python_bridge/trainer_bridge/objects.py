# SPDX-License-Identifier: Apache-2.0
"""What a callback is handed of its own: args, state and control."""

import contextlib
import dataclasses
import datetime
import enum
import importlib
import json
import math
import sys
import types

from trainer_bridge import trackers
from trainer_bridge.remote import NO_EFFECT

FLAGS = ("should_training_stop", "should_epoch_stop", "should_save", "should_evaluate", "should_log")

# Arguments that are enumerations in transformers; ClearML, for one, shows the names of their members.
ENUMERATIONS = {
    "eval_strategy": "IntervalStrategy",
    "logging_strategy": "IntervalStrategy",
    "save_strategy": "SaveStrategy",
    "lr_scheduler_type": "SchedulerType",
    "optim": "OptimizerNames",
    "hub_strategy": "HubStrategy",
}

# What a state has not always: None then.
ABSENT = dict.fromkeys(
    ("best_metric", "best_global_step", "train_batch_size", "best_model_checkpoint", "trial_name"),
)


def _enumeration(name, value):
    """The argument as a member of transformers' enumeration, or of one made for it: "epoch" is IntervalStrategy.EPOCH."""
    if name not in ENUMERATIONS or not isinstance(value, str) or isinstance(value, enum.Enum):
        return value
    class_name = ENUMERATIONS[name]
    for module in ("transformers.training_args", "transformers.trainer_utils"):
        known = vars(sys.modules[module]).get(class_name) if module in sys.modules else None
        if isinstance(known, type):
            return known(value)
    return enum.Enum(class_name, {value.upper(): value}, type=str)(value)


class TrainingArguments:
    """Answers as transformers.TrainingArguments does; its dataclass fields are the arguments that the trainer has."""

    def to_dict(self):
        given = {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return {key: f"<{key.upper()}>" if key.endswith("_token") else value for key, value in given.items()}

    def to_json_string(self):
        return json.dumps(self.to_dict(), indent=2)

    def to_sanitized_dict(self):
        given = {**self.to_dict(), "train_batch_size": self.train_batch_size, "eval_batch_size": self.eval_batch_size}
        return {k: v if type(v) in (bool, int, float, str) else str(v) for k, v in given.items()}

    defaults = staticmethod(dict)  # name: default, of the arguments that transformers has and the trainer not

    def __getattr__(self, name):
        if name == "accelerator_config":
            raise AttributeError(
                'args.accelerator_config is one of transformers\' own; set "mode" of the plugin to "full"'
            )
        if name.startswith("set_"):
            raise AttributeError(f"args.{name}() is not here, as changing arguments {NO_EFFECT}")
        if name.startswith("_") or name not in type(self).defaults():
            raise AttributeError(f"'TrainingArguments' object has no attribute {name!r}")
        return _enumeration(name, type(self).defaults()[name])

    train_batch_size = property(lambda self: self.per_device_train_batch_size)
    eval_batch_size = property(lambda self: self.per_device_eval_batch_size)
    world_size, process_index, local_process_index = 1, 0, 0
    should_log = property(lambda self: (self.local_process_index if self.log_on_each_node else self.process_index) == 0)
    should_save = property(
        lambda self: (self.local_process_index if self.save_on_each_node else self.process_index) == 0
    )
    place_model_on_device = property(lambda self: None)
    ddp_timeout_delta = property(lambda self: datetime.timedelta(seconds=self.ddp_timeout))
    device = property(lambda self: self._setup_devices)
    n_gpu = property(lambda self: self._n_gpu)
    _no_sync_in_gradient_accumulation = property(lambda self: True)
    mixed_precision = property(lambda self: _mixed_precision(self))
    deepspeed_plugin = distributed_state = fsdp_plugin_args = None
    gradient_checkpointing = activation_checkpointing = False

    @property
    def _setup_devices(self):
        if not trackers.found("torch"):
            raise ImportError(f"args.device is one of torch's, which {sys.executable} lacks; install torch there")
        return importlib.import_module("torch").device(self._device)

    @property
    def parallel_mode(self):
        mode = importlib.import_module("transformers.training_args").ParallelMode
        return mode.NOT_PARALLEL if self.world_size == 1 else mode.DISTRIBUTED

    def get_process_log_level(self):
        levels = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
        return levels.get(self.log_level if self.should_log else self.log_level_replica, 30)

    def get_warmup_steps(self, num_training_steps):
        given = self.warmup_steps
        return int(given) if given >= 1 else math.ceil(num_training_steps * given)

    @contextlib.contextmanager
    def main_process_first(self, local=True, desc="work"):
        yield

    def __str__(self):
        rows = (f"{key}={value},\n" for key, value in sorted(self.to_dict().items()))
        return f"{type(self).__name__}(\n{''.join(rows)})"

    __repr__ = __str__


def set_device(args, device):
    """Of the trainer's process; transformers would look for its own."""
    args._n_gpu = int(device != "cpu")
    if isinstance(args, TrainingArguments):
        args._device = device
    elif trackers.found("torch"):
        vars(args)["_setup_devices"] = importlib.import_module("torch").device(device)


def set_process(args, rank, local_rank, world_size):
    """The trainer's process among those of its run."""
    if isinstance(args, TrainingArguments):
        args.world_size, args.process_index, args.local_process_index = world_size, rank, local_rank
    elif world_size > 1:
        args.distributed_state = types.SimpleNamespace(
            num_processes=world_size, process_index=rank, local_process_index=local_rank, distributed_type="MULTI_CPU"
        )


def _mixed_precision(args):
    return "bf16" if args.bf16 else "fp16" if args.fp16 else "no"


def _plain(value):
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value


def make_arguments(given, base=TrainingArguments):
    """`given`: the arguments as TrainingArguments.to_dict() writes them, but for tokens, which it hides."""
    given = {key: _enumeration(key, value) for key, value in given.items()}
    if base is not TrainingArguments:  # transformers' own class, without the set-up that __post_init__ does
        args = base.__new__(base)
        for field in dataclasses.fields(base):
            default = None if field.default_factory is dataclasses.MISSING else field.default_factory()
            object.__setattr__(args, field.name, default if field.default is dataclasses.MISSING else field.default)
            object.__setattr__(args, field.name, _enumeration(field.name, getattr(args, field.name)))
        for key, value in given.items():
            object.__setattr__(args, key, value)
        # What __post_init__ makes of them.
        args.distributed_state = args.deepspeed_plugin = args.fsdp_plugin_args = None
        args.gradient_checkpointing = args.activation_checkpointing = False
        args.mixed_precision = _mixed_precision(args)
        if trackers.found("accelerate"):
            config = importlib.import_module("transformers.trainer_pt_utils").AcceleratorConfig
            object.__setattr__(args, "accelerator_config", config())
        return args
    values = {key: value for key, value in given.items() if key.isidentifier()}
    fields = [(key, object, dataclasses.field(default=None)) for key in values]
    cls = dataclasses.make_dataclass("TrainingArguments", fields, bases=(base,), eq=False, repr=False)
    return cls(**values)


def make_state(classes, history):
    """`history` is the list that the session keeps growing."""
    if classes is None:
        return types.SimpleNamespace(log_history=history, trial_params=None, stateful_callbacks={}, **ABSENT)
    return classes.TrainerState(log_history=history)


def make_control(classes):
    return types.SimpleNamespace(**dict.fromkeys(FLAGS, False)) if classes is None else classes.TrainerControl()


def update(target, values):
    """What the callback has set beside stays, as on the one object that transformers hands to all events."""
    known = getattr(target, "__dataclass_fields__", values)  # another version may know less
    for name, value in values.items():
        if name in known:
            setattr(target, name, value)


def changed(target, values):
    """The first attribute that is not any more what it was, or None."""
    if vars(target) == values:
        return None
    for name, value in values.items():
        now = getattr(target, name, value)
        if now is not value and now != value:
            return name
    return None


def flags_of(control):
    return [int(bool(getattr(control, name))) for name in FLAGS]
