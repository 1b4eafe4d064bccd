# SPDX-License-Identifier: Apache-2.0
"""PluginCallback: a plugin as a TrainerCallback, in a class of its own with the events that it subscribed to."""

from . import _abi
from ._errors import PluginError
from ._instance import Elsewhere, Instance, unavailable_reason
from ._process import is_elsewhere
from ._registry import read_plugin, resolve

_classes = {}


class _PluginCallbackType(type):
    # PluginCallback(...) gives an instance of a subclass, made by the plugin; such a class makes its own as usual, because
    # the Trainer restores a callback with `type(callback)(**stored_args)`.
    def __call__(cls, *args, **kwargs):
        return _make(*args, **kwargs) if cls is PluginCallback else super().__call__(*args, **kwargs)


class PluginCallback(metaclass=_PluginCallbackType):
    """A plugin by id, by path or as a `Plugin`: PluginCallback(plugin, config=None, *, on_error="fail", args=None, ranks=None).

    config    the plugin's configuration, checked against its note
    on_error  what an error in an event does: "fail" raises PluginError, "warn" logs it, "disable" logs it and is silent from
              then on
    args      the TrainingArguments, for a plugin that asks for one before the Trainer gives them
    ranks     in which processes of a training it runs, "all", "world_zero" or "local_zero"; else the plugin says it.
              In the others it is a callback without events
    """

    def __init__(self, _instance=None, **config):
        self._instance = _instance or Instance(self._plugin, config, self._on_error)

    plugin = property(lambda self: self._plugin)
    config = property(lambda self: dict(self._instance.host.config))

    def on_step_end(self, args, state, control, **kwargs):
        """The plugin's request to stop is obeyed here, whether it has subscribed the event or not."""
        self._instance.obey_stop_request(state, control)

    def on_train_end(self, args, state, control, **kwargs):
        """There is nothing left to stop."""
        self._instance.drop_stop_request()

    def results(self):
        """Where the plugin says that its results are: dicts of "label", "place" (a path or a URL) and "view" (a command, in
        which {place} stands for the place)."""
        return self._instance.results()

    def close(self):
        """Destroys the plugin's instance; else that happens when this object goes, at the latest at the program's end."""
        self._instance.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        self._instance.close(f"{kind.__name__}: {error}" if kind else None)

    def __reduce__(self):
        state = self.state() if self._instance.stateful else None
        return _rebuild, (str(self._plugin.path), self.config, self._on_error, state, self._instance.ranks)


class _Stateful:
    """The Trainer restores attributes one by one with setattr; the plugin gets them together, before its next event."""

    def __setattr__(self, name, value):
        if name.startswith("_"):
            return object.__setattr__(self, name, value)
        pending = self.__dict__.setdefault("_pending", {})
        pending[name] = value
        for event in self._plugin.note.events:
            # Found before the class's, for this once: the hot path has nothing to ask.
            self.__dict__[event] = lambda *args, _event=event, **kwargs: (
                self._load_pending(),
                getattr(type(self), _event)(self, *args, **kwargs),
            )[1]

    def _load_pending(self):
        pending = self.__dict__.pop("_pending", None)
        if pending is not None:
            for event in self._plugin.note.events:
                self.__dict__.pop(event, None)
            self._instance.load(pending)

    def state(self):
        self._load_pending()
        return self._instance.save()

    @classmethod
    def from_state(cls, state):
        callback = cls(**state["args"])
        callback._instance.load(dict(state["attributes"]))
        return callback


def _make(plugin, config=None, *, on_error="fail", args=None, ranks=None):
    plugin = resolve(plugin)
    if is_elsewhere(plugin, ranks):
        elsewhere = Elsewhere(plugin, dict(config or {}), on_error, ranks)
        return _class_of(elsewhere)(elsewhere)
    reason = unavailable_reason(plugin, args, named=True, config=config) if plugin.report_to else None
    if reason:
        raise PluginError(f"plugin {plugin.id} is not available: {reason}")
    instance = Instance(plugin, dict(config or {}), on_error, args, ranks)
    return _class_of(instance)(instance)


def _rebuild(path, config, on_error, state, ranks):
    callback = _make(read_plugin(path), config, on_error=on_error, ranks=ranks)
    if state is not None:
        callback._instance.load(dict(state["attributes"]))
    return callback


def _class_of(instance):
    plugin = instance.plugin
    key = (plugin.path, plugin.note.json, instance.class_name, instance.stateful, instance.on_error, instance.events)
    key += (instance.sees_outcome,)
    if key not in _classes:
        from transformers import TrainerCallback

        bases = (PluginCallback, TrainerCallback)
        if instance.stateful:
            from transformers.trainer_callback import ExportableState

            bases = (_Stateful, PluginCallback, TrainerCallback, ExportableState)
        members = {
            "_plugin": plugin,
            "_on_error": instance.on_error,
            "__module__": __name__,
            "__doc__": plugin.description or None,
        }
        members |= {event: _handler(_abi.EVENTS.index(event), event) for event in instance.events}
        for event in ("on_step_end", "on_train_end"):
            if event in members:
                members[event] = _then_base(event, members[event])
        if instance.sees_outcome:
            for event in ("on_train_begin", "on_train_end"):
                members[event] = _noting(event, members.get(event) or getattr(PluginCallback, event, None))
        # Checkpoints keep a state under the class's name.
        _classes[key] = type(PluginCallback)(instance.class_name, bases, members)
    return _classes[key]


def _then_base(name, own):
    """The plugin's event, and then what PluginCallback does in it."""
    base = getattr(PluginCallback, name)

    def handler(self, args, state, control, **kwargs):
        own(self, args, state, control, **kwargs)
        base(self, args, state, control, **kwargs)

    handler.__name__ = name
    return handler


def _noting(name, own):
    """The event, for a plugin that wants to know how a training ended: the Trainer tells it of one that came to its end."""

    def handler(self, args, state, control, **kwargs):
        if name == "on_train_begin":
            self._instance.begin_training(state)
        if own is not None:
            own(self, args, state, control, **kwargs)
        if name == "on_train_end":
            self._instance.end_training()

    handler.__name__ = name
    return handler


def _handler(kind, name):
    if name == "on_log":

        def handler(
            self,
            args,
            state,
            control,
            logs=None,
            model=None,
            optimizer=None,
            lr_scheduler=None,
            train_dataloader=None,
            eval_dataloader=None,
            **kwargs,
        ):
            self._instance.call(
                kind,
                args,
                state,
                control,
                {} if logs is None else logs,
                model,
                optimizer,
                lr_scheduler,
                train_dataloader,
                eval_dataloader,
            )
    elif name in ("on_evaluate", "on_predict"):

        def handler(
            self,
            args,
            state,
            control,
            metrics=None,
            model=None,
            optimizer=None,
            lr_scheduler=None,
            train_dataloader=None,
            eval_dataloader=None,
            **kwargs,
        ):
            self._instance.call(
                kind,
                args,
                state,
                control,
                {} if metrics is None else metrics,
                model,
                optimizer,
                lr_scheduler,
                train_dataloader,
                eval_dataloader,
            )
    else:

        def handler(
            self,
            args,
            state,
            control,
            model=None,
            optimizer=None,
            lr_scheduler=None,
            train_dataloader=None,
            eval_dataloader=None,
            **kwargs,
        ):
            self._instance.call(
                kind, args, state, control, None, model, optimizer, lr_scheduler, train_dataloader, eval_dataloader
            )

    handler.__name__ = name
    return handler
