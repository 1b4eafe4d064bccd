# SPDX-License-Identifier: Apache-2.0
"""One instance of a plugin: created, told of events, asked for its state, destroyed."""

import ctypes
import logging
import os
import struct
import types
import weakref

from . import _abi
from ._errors import PluginError
from ._host import HostServices
from ._library import load
from ._values import DictMap, fill_text

_log = logging.getLogger("libtrainer")
ON_ERROR = ("fail", "warn", "disable")
_CONTROL = struct.Struct("8I")
_FLAGS = ("should_training_stop", "should_epoch_stop", "should_save", "should_evaluate", "should_log")
_NULLABLE = (
    ("best_metric", 1),
    ("best_global_step", 2),
    ("best_model_checkpoint", 4),
    ("train_batch_size", 8),
    ("trial_name", 16),
)
_RESULT = ("label", "place", "view")
_EVALUATION = {_abi.EVENTS.index(name) for name in ("on_evaluate", "on_predict", "on_prediction_step")}


def _extension(get, kind, *arguments):
    address = get(*arguments) if get else None
    return kind.from_address(address) if address else None


def unavailable_reason(plugin, args=None, named=False, config=None):
    """Why a tracker is not configured here, or None. `named`: only what keeps it from working when it is asked for."""
    table = load(plugin)
    tracker = _extension(table.get_extension, _abi.ExtTracker, _abi.EXT_TRACKER)
    if tracker is None:
        return None
    if tracker.struct_size < ctypes.sizeof(_abi.ExtTracker) or not tracker.available:
        raise PluginError(
            f"{plugin.path}: its trainer.tracker/1 has a struct_size of {tracker.struct_size} bytes or no "
            f"function, expected at least {ctypes.sizeof(_abi.ExtTracker)} bytes; rebuild it with the SDK"
        )
    host = HostServices(plugin.id, plugin.note.resolve_config(config or {}), args)
    status = tracker.available(ctypes.byref(host.struct))
    if status == _abi.OK or named and status == _abi.NOT_CONFIGURED:
        return None
    return (
        host.take_error() or f"{plugin.path} said that it is not available (status {status}) and gave no reason"
    ) + host.failed_early()


def _destroy(table, host, pid):
    # A forked worker has a copy of this object, but the files and threads are its parent's.
    if table.contents.destroy and os.getpid() == pid:
        table.contents.destroy(table)
    host.args = host.state = None


class Elsewhere:
    """Stands for an instance that another process has."""

    events, stateful, sees_outcome = (), False, False

    def __init__(self, plugin, config, on_error, ranks):
        self.plugin, self.on_error, self.ranks = plugin, on_error, ranks
        self.class_name = plugin.note.class_name
        self.host = types.SimpleNamespace(config=plugin.note.resolve_config(config))

    def obey_stop_request(self, state, control):
        pass

    def drop_stop_request(self):
        pass

    def results(self):
        return []

    def close(self, error=None):
        pass


class Instance:
    events = property(lambda self: self.plugin.note.events)

    def __init__(self, plugin, config, on_error="fail", args=None, ranks=None):
        if on_error not in ON_ERROR:
            raise ValueError(f'on_error is "{on_error}", expected one of {", ".join(ON_ERROR)}')
        self.plugin, self.on_error, self.disabled, self.ranks = plugin, on_error, False, ranks
        self.where = f"plugin {plugin.id} ({plugin.path})"
        config = plugin.note.resolve_config(config)
        library = load(plugin)
        self.host = HostServices(plugin.id, config, args, plugin.note.report_to)
        self._table = ctypes.POINTER(_abi.Callback)()
        if library.create(ctypes.byref(self.host.struct), ctypes.byref(self._table)) != _abi.OK:
            raise PluginError(
                f"{self.where} could not be created: {self.host.take_error() or 'it gave no reason'}"
                f"{self.host.failed_early()}"
            )
        self._check_table()
        self._finalize = weakref.finalize(self, _destroy, self._table, self.host, os.getpid())
        callback = self._table.contents
        self._self = ctypes.addressof(callback)
        self._slots = [getattr(callback, name) for name in _abi.EVENTS]
        self._state_extension = _extension(callback.get_extension, _abi.ExtState, self._self, _abi.EXT_STATE)
        self._outcome = _extension(callback.get_extension, _abi.ExtOutcome, self._self, _abi.EXT_OUTCOME)
        self._results = _extension(callback.get_extension, _abi.ExtResults, self._self, _abi.EXT_RESULTS)
        self._training = None  # the state of a training that goes on
        self._make_event()

    def _check_table(self):
        if not self._table:
            raise PluginError(f"{self.where} returned no instance from create; it must set *out when it returns 0")
        size, expected = self._table.contents.struct_size, ctypes.sizeof(_abi.Callback)
        if size < expected:
            raise PluginError(
                f"{self.where} gave a callback of {size} bytes, expected at least {expected}; set struct_size to "
                "sizeof(trainer_callback)"
            )
        for name in _abi.EVENTS:
            listed, present = name in self.plugin.note.events, bool(getattr(self._table.contents, name))
            if listed != present:
                raise PluginError(
                    f"{self.where} {'lists' if listed else 'does not list'} {name} among the events of its note, "
                    f"but its slot is {'null' if listed else 'set'}; make the two agree and rebuild it"
                )

    def _make_event(self):
        self._state, self._control = _abi.State(ctypes.sizeof(_abi.State)), bytearray(_CONTROL.size)
        control = _abi.Control.from_buffer(self._control)
        self._event = _abi.Event(ctypes.sizeof(_abi.Event), 0, ctypes.pointer(self._state), ctypes.pointer(control))
        self._event_at = ctypes.addressof(self._event)
        self._values = DictMap()
        self._seen = self._texts = None

    def call(
        self, kind, args, state, control, values, model, optimizer, lr_scheduler, train_dataloader, eval_dataloader
    ):
        if self.disabled:
            return
        if not self._finalize.alive:
            raise PluginError(f"{self.where} was closed and cannot take {_abi.EVENTS[kind]}; make a new PluginCallback")
        host, event = self.host, self._event
        host.args, host.state, host.event = args, state, kind
        tensors = host.tensors
        tensors.model, tensors.optimizer = model, optimizer
        self._fill_state(state)
        before = _CONTROL.pack(
            32,
            0,
            control.should_training_stop,
            control.should_epoch_stop,
            control.should_save,
            control.should_evaluate,
            control.should_log,
            0,
        )
        self._control[:] = before
        event.kind = kind
        event.values = None if values is None else self._values.show(values)
        event.has = (
            (optimizer is not None)
            | (lr_scheduler is not None) << 1
            | (train_dataloader is not None) << 2
            | (eval_dataloader is not None) << 3
        )
        event.train_dataloader_size = _length(train_dataloader)
        event.eval_dataloader_size = _length(eval_dataloader) if kind in _EVALUATION else -1
        status = self._slots[kind](self._self, self._event_at)
        host.event = None
        if self._control != before:
            self._take_control(control, kind)
        if tensors._tensors:
            tensors.release()
        if status != _abi.OK:
            self._fail(kind, state)

    def obey_stop_request(self, state, control):
        """At the end of a step; the request may have come on any thread."""
        if self.host.stop_requested and self.host.take_stop_request() and not self.disabled:
            _log.info("%s stops the training at step %d of %d", self.plugin.id, state.global_step, state.max_steps)
            control.should_training_stop = True

    def drop_stop_request(self):
        """At the end of a training: what was asked for after its last step is not for the next one."""
        self.host.take_stop_request()

    def _fill_state(self, state):
        to = self._state
        to.epoch = state.epoch or 0.0
        to.global_step = state.global_step
        # The rest changes seldom, and setting it costs more than comparing it.
        seen = (
            state.max_steps,
            state.num_train_epochs,
            state.num_input_tokens_seen,
            state.logging_steps,
            state.eval_steps,
            state.save_steps,
            state.total_flos,
            state.is_local_process_zero,
            state.is_world_process_zero,
            state.is_hyper_param_search,
            state.best_metric,
            state.best_global_step,
            state.best_model_checkpoint,
            state.train_batch_size,
            state.trial_name,
        )
        if seen == self._seen:
            return
        for name in ("max_steps", "num_train_epochs", "num_input_tokens_seen"):
            setattr(to, name, int(getattr(state, name) or 0))
        for name in ("logging_steps", "eval_steps", "save_steps", "total_flos"):
            setattr(to, name, float(getattr(state, name) or 0))
        for name in ("is_local_process_zero", "is_world_process_zero", "is_hyper_param_search"):
            setattr(to, name, int(bool(getattr(state, name))))
        to.present, self._texts = 0, []
        for name, bit in _NULLABLE:
            value = getattr(state, name)
            to.present |= 0 if value is None else bit
            if name in ("best_model_checkpoint", "trial_name"):
                self._texts.append(None if value is None else str(value).encode("utf-8", "replace"))
                fill_text(getattr(to, name), self._texts[-1])
            else:
                setattr(to, name, 0 if value is None else float(value) if name == "best_metric" else int(value))
        self._seen = seen

    def _take_control(self, control, kind):
        flags = _CONTROL.unpack(self._control)[2:7]
        for name, flag in zip(_FLAGS, flags):
            if flag not in (0, 1):
                raise PluginError(
                    f"{self.where} set control.{name} to {flag} in {_abi.EVENTS[kind]}, expected 0 or 1; fix the plugin"
                )
            if getattr(control, name) != flag:
                setattr(control, name, bool(flag))

    def _fail(self, kind, state):
        sentence = (
            f"plugin {self.plugin.id} failed in {_abi.EVENTS[kind]} at step {state.global_step}: "
            f"{self.host.take_error() or 'it gave no reason'}"
        )
        if self.on_error == "fail":
            raise PluginError(sentence)
        self.disabled = self.on_error == "disable"
        _log.warning("%s; the run goes on%s", sentence, " without it" if self.disabled else "")

    @property
    def stateful(self):
        return self._state_extension is not None

    @property
    def class_name(self):
        name = _abi.Text()
        if self.stateful and self._state_extension.class_name:
            self._state_extension.class_name(self._self, ctypes.byref(name))
        return name.bytes().decode("utf-8", "replace") or self.plugin.note.class_name

    def save(self):
        if not self._finalize.alive:
            raise PluginError(f"{self.where} was closed and has no state; make a new PluginCallback")
        args, attributes = DictMap(), DictMap()
        if self._state_extension.save(self._self, args.address, attributes.address) != _abi.OK:
            raise PluginError(f"{self.where} could not give its state: {self.host.take_error() or 'it gave no reason'}")
        return {"args": args.values, "attributes": attributes.values}

    def load(self, attributes):
        stored = DictMap(attributes, read_only=True)
        if self._state_extension.load(self._self, stored.address) != _abi.OK:
            raise PluginError(f"{self.where} refused its stored state: {self.host.take_error() or 'it gave no reason'}")

    @property
    def sees_outcome(self):
        return self._outcome is not None

    def begin_training(self, state):
        self._training = state

    def end_training(self, error=None):
        """Tells how the training ended that goes on, if any: with an exception, or as its state says."""
        state, self._training = self._training, None
        if state is None or self.disabled or not self._finalize.alive:
            return
        told = _abi.Outcome(
            ctypes.sizeof(_abi.Outcome),
            _abi.OUTCOME_FAILED
            if error
            else _abi.OUTCOME_COMPLETED
            if state.global_step >= state.max_steps
            else _abi.OUTCOME_STOPPED,
            state.global_step,
            state.max_steps,
            state.epoch or 0.0,
        )
        texts = error.encode("utf-8", "replace") if error else b"", b"run.failed" if error else b""
        fill_text(told.error, texts[0])
        fill_text(told.error_id, texts[1])
        if self._outcome.ended(self._self, ctypes.byref(told)) != _abi.OK:
            sentence = f"{self.where} failed when it was told how the training ended: {self.host.take_error()}"
            if self.on_error == "fail" and not error:
                raise PluginError(sentence)
            _log.warning("%s", sentence)

    def results(self):
        found = []
        while self._results is not None and self._finalize.alive and len(found) < _abi.MOST_RESULTS:
            one = _abi.Result(ctypes.sizeof(_abi.Result))
            status = self._results.at(self._self, len(found), ctypes.byref(one))
            if status == _abi.NOT_FOUND:
                break
            if status != _abi.OK:
                raise PluginError(f"{self.where} could not say where its results are: {self.host.take_error()}")
            found.append({name: getattr(one, name).bytes().decode("utf-8", "replace") for name in _RESULT})
        return found

    def close(self, error=None):
        self.end_training(error or "the training ended before its time")
        self._finalize()


def _length(loader):
    try:
        return len(loader)
    except TypeError:  # none, or of unknown length
        return -1
