# SPDX-License-Identifier: Apache-2.0
"""What a callback is handed: args, state and control, and a model that lives in another process."""

import dataclasses
import enum
import functools
import json
import operator
import types

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


def _enumeration(class_name, value):
    """A text that is also the member of an enumeration: "epoch" is IntervalStrategy.EPOCH."""
    return enum.Enum(class_name, {value.upper(): value}, type=str)(value)


class TrainingArguments:
    """Answers as transformers.TrainingArguments does; its dataclass fields are the arguments that the trainer has."""

    def to_dict(self):
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    def to_json_string(self):
        return json.dumps(self.to_dict(), indent=2)

    def to_sanitized_dict(self):
        given = {**self.to_dict(), "train_batch_size": self.train_batch_size, "eval_batch_size": self.eval_batch_size}
        return {k: v if type(v) in (bool, int, float, str) else str(v) for k, v in given.items()}

    defaults = staticmethod(dict)  # name: default, of the arguments that transformers has and the trainer not

    def __getattr__(self, name):
        if name.startswith("_") or name not in type(self).defaults():
            raise AttributeError(f"'TrainingArguments' object has no attribute {name!r}")
        return type(self).defaults()[name]

    train_batch_size = property(lambda self: self.per_device_train_batch_size)
    eval_batch_size = property(lambda self: self.per_device_eval_batch_size)
    world_size = n_gpu = property(lambda self: 1)
    process_index = local_process_index = property(lambda self: 0)
    should_log = should_save = property(lambda self: True)


def _plain(value):
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value


def make_arguments(given, base=TrainingArguments):
    """`given`: the arguments as TrainingArguments.to_dict() writes them."""
    if base is not TrainingArguments:  # transformers' own class, without the set-up that __post_init__ does
        args = base.__new__(base)
        args.distributed_state = None
        for field in dataclasses.fields(base):
            default = None if field.default_factory is dataclasses.MISSING else field.default_factory()
            object.__setattr__(args, field.name, default if field.default is dataclasses.MISSING else field.default)
        for key, value in given.items():
            object.__setattr__(args, key, value)
        return args
    values = {
        k: _enumeration(ENUMERATIONS[k], v) if k in ENUMERATIONS and isinstance(v, str) else v for k, v in given.items()
    }
    fields = [(k, object, dataclasses.field(default=None)) for k in values if k.isidentifier()]
    cls = dataclasses.make_dataclass("TrainingArguments", fields, bases=(base,), eq=False)
    return cls(**{k: v for k, v in values.items() if k.isidentifier()})


def make_state(classes, given, history):
    """A new state; `history` is the list that the session keeps growing."""
    if classes is None:
        return types.SimpleNamespace(**given, log_history=history, trial_params=None, stateful_callbacks={})
    known = classes.TrainerState.__dataclass_fields__  # another version may know less
    return classes.TrainerState(**{k: v for k, v in given.items() if k in known}, log_history=history)


def make_control(classes, flags):
    given = dict(zip(FLAGS, map(bool, flags)))
    return types.SimpleNamespace(**given) if classes is None else classes.TrainerControl(**given)


def flags_of(control):
    return [int(bool(getattr(control, name))) for name in FLAGS]


class ModelConfig(types.SimpleNamespace):
    """model.config: the configuration that the trainer has of its model."""

    def to_dict(self):
        return dict(vars(self))

    def to_json_string(self):
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, values):
        return cls(**values)

    def get(self, key, default=None):
        return vars(self).get(key, default)


class Model:
    """Names and shapes of the trainer's model; the tensors themselves are fetched when they are asked for."""

    def __init__(self, config, fetch):
        self.config = None if config is None else ModelConfig(**config)
        self.training = True
        self.shapes = {}
        self._fetch = fetch

    # Buffers as torch's own modules name them: they are in the state, and no parameters.
    _buffers = ("running_mean", "running_var", "num_batches_tracked")

    def _parameter_names(self):
        return [name for name in self.shapes if name.rsplit(".", 1)[-1] not in self._buffers]

    def num_parameters(self, only_trainable=False, exclude_embeddings=False):
        if not self.shapes:  # as a model without that method: a tracker leaves the number out
            raise AttributeError("the trainer gave no tensors of its model")
        return sum(functools.reduce(operator.mul, self.shapes[n][0], 1) for n in self._parameter_names())

    def state_dict(self):
        return self._fetch("model", list(self.shapes))

    def named_parameters(self):
        yield from self._fetch("model", self._parameter_names()).items()

    def parameters(self):
        for _, tensor in self.named_parameters():
            yield tensor

    def named_gradients(self):
        """Not in torch: the gradients, between backward and the end of a step."""
        yield from self._fetch("gradients", None).items()

    def get_parameter(self, name):
        return self._fetch("model", [name])[name]

    def __repr__(self):
        rows = "".join(f"  ({name}): {kind}{tuple(shape)}\n" for name, (shape, kind) in self.shapes.items())
        return f"Model(\n{rows})"


class Loader:
    """The evaluation's data loader, of which only the length is known here."""

    def __init__(self, size):
        self._size = size

    def __len__(self):
        return self._size
