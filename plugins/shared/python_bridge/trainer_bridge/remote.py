# SPDX-License-Identifier: Apache-2.0
"""Model, optimizer, schedule and data loaders of the trainer, which live in its process: what can be read of them is
fetched when it is asked for, and what cannot work says so."""

import collections.abc
import functools
import json
import operator
import types

MODEL, GRADIENTS, OPTIMIZER = range(3)  # TRAINER_OF_... of ext/parameters.h
HAS_OPTIMIZER, HAS_LR_SCHEDULER, HAS_TRAIN_DATALOADER, HAS_EVAL_DATALOADER, MODEL_TRAINING = 1, 2, 4, 8, 256
NO_EFFECT = (
    "has no effect, since the trainer runs in a process of its own and this is a copy; "
    "a plugin or a program in C++ can do it, or transformers' own Trainer"
)


class NoEffect(RuntimeError):
    """What a callback tried to change cannot be changed from here."""


def is_buffer(name):
    """As torch's own modules name them: they are in the state, and no parameters."""
    return name.rsplit(".", 1)[-1] in ("running_mean", "running_var", "num_batches_tracked")


class Moment:
    """What the trainer has at the event at hand. Each thing is fetched once an event, so that it is one object."""

    def __init__(self, fetch):
        self._fetch = fetch
        self.shapes = {}
        self.number = 0
        self.begin(0)

    def begin(self, present):
        self.number += 1
        self.present = present
        self._tensors = {MODEL: {}, GRADIENTS: None, OPTIMIZER: None}
        self._objects = None

    def tensors(self, kind, names=None):
        known = self._tensors[kind]
        if names is None:
            if known is None:
                known = self._tensors[kind] = self._fetch(kind, None)
            return known
        missing = [name for name in names if name not in known]
        if missing:
            known.update(self._fetch(kind, missing))
        return {name: known[name] for name in names}

    def objects(self):
        if self._objects is None:
            self._objects = self._fetch("objects", None)
        return self._objects


class _Remote:
    """Attributes that are not here raise an AttributeError that says why, as hasattr() and getattr() expect."""

    _offers = ""

    def __init__(self, moment):
        self._moment = moment

    def __getattr__(self, name):
        text = f"{type(self).__name__!r} object has no attribute {name!r}"
        if not name.startswith("_"):
            text += f": the real one is in the trainer's process, and a callback gets {self._offers}"
        raise AttributeError(text)

    def __deepcopy__(self, memo):
        raise NoEffect(
            f"the {type(self).__name__} is in the trainer's process and cannot be copied; take {self._offers}"
        )

    def __reduce__(self):
        self.__deepcopy__(None)


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


class Model(_Remote):
    """Names and shapes of the trainer's model, and copies of its tensors."""

    _offers = "config, shapes, num_parameters(), parameters() with their grad, buffers() and state_dict()"

    def __init__(self, config, moment):
        super().__init__(moment)
        self.config = None if config is None else ModelConfig(**config)
        self._mode = (0, False)

    @property
    def shapes(self):
        return self._moment.shapes

    @property
    def training(self):
        event, mode = self._mode
        return mode if event == self._moment.number else bool(self._moment.present & MODEL_TRAINING)

    def train(self, mode=True):
        """For this event, as far as the callback sees it; the trainer sets the mode itself before each step."""
        self._mode = (self._moment.number, mode)
        return self

    def eval(self):
        return self.train(False)

    def __call__(self, *_, **__):
        raise NoEffect(
            f"the model cannot be called: it is in the trainer's process, and a callback gets {self._offers}"
        )

    def _names(self, buffers=False):
        return [name for name in self.shapes if is_buffer(name) == buffers]

    def num_parameters(self, only_trainable=False, exclude_embeddings=False):
        if not self.shapes:  # as a model without that method: a tracker leaves the number out
            raise AttributeError("the trainer gave no tensors of its model")
        return sum(functools.reduce(operator.mul, self.shapes[n][0], 1) for n in self._names())

    def state_dict(self):
        found = self._moment.tensors(MODEL, list(self.shapes))
        return {name: t if is_buffer(name) else t.detach() for name, t in found.items()}

    def named_parameters(self):
        yield from self._moment.tensors(MODEL, self._names()).items()

    def parameters(self):
        yield from self._moment.tensors(MODEL, self._names()).values()

    def named_buffers(self):
        yield from self._moment.tensors(MODEL, self._names(buffers=True)).items()

    def buffers(self):
        yield from self._moment.tensors(MODEL, self._names(buffers=True)).values()

    def named_gradients(self):
        """Not in torch: the gradients, between backward and the end of a step."""
        yield from self._moment.tensors(GRADIENTS).items()

    def get_parameter(self, name):
        return self._moment.tensors(MODEL, [name])[name]

    def __repr__(self):
        rows = "".join(f"  ({name}): {kind}{tuple(shape)}\n" for name, (shape, kind) in self.shapes.items())
        return f"Model(\n{rows})"


class _Parameters(collections.abc.Sequence):
    """group["params"]: a rate can be read without fetching them."""

    def __init__(self, moment, names):
        self._moment, self._names = moment, names

    def __len__(self):
        return len(self._names)

    def __getitem__(self, index):
        found = self._moment.tensors(MODEL, self._names)
        return [found[name] for name in self._names][index]


class _Group(dict):
    def _refuse(self, *_, **__):
        raise NoEffect("changing a group of the optimizer " + NO_EFFECT)

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse


class Optimizer(_Remote):
    _offers = "param_groups and state_dict(), to read"

    @property
    def param_groups(self):
        groups = []
        for given in self._moment.objects()["optimizer"]["param_groups"]:
            group = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
            group["params"] = _Parameters(self._moment, given["params"])
            groups.append(_Group(group))
        return groups

    def state_dict(self):
        groups = self._moment.objects()["optimizer"]["param_groups"]
        numbers = {name: i for i, name in enumerate(name for group in groups for name in group["params"])}
        state = {}
        for name, tensor in self._moment.tensors(OPTIMIZER).items():
            parameter, key = name.rsplit("/", 1)
            state.setdefault(numbers[parameter], {})[key] = tensor
        return {"state": state, "param_groups": [{**g, "params": [numbers[n] for n in g["params"]]} for g in groups]}


class LRScheduler(_Remote):
    _offers = "get_last_lr() and state_dict(), to read"

    def get_last_lr(self):
        return list(self._moment.objects()["lr_scheduler"]["last_lr"])

    def state_dict(self):
        return dict(self._moment.objects()["lr_scheduler"]["state"])

    def __getattr__(self, name):
        state = {} if name.startswith("_") else self.state_dict()
        return state[name] if name in state else super().__getattr__(name)


class DataLoader(_Remote):
    _offers = "its length and batch_size"

    def __init__(self, moment, name):
        super().__init__(moment)
        self._name = name

    def __len__(self):
        return self._moment.objects()[self._name]["length"]

    @property
    def batch_size(self):
        return self._moment.objects()[self._name]["batch_size"]

    def __iter__(self):
        raise NoEffect(f"{self._name} cannot be iterated: its data is in the trainer's process; read the file instead")
