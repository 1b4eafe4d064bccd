# SPDX-License-Identifier: Apache-2.0
"""The services of trainer_host for one instance, over what the Trainer hands to its callbacks."""

import copy
import ctypes
import dataclasses
import json
import logging
import os

from . import _abi, _process
from ._optimizer import ParamGroups
from ._tensors import TensorViews
from ._values import DictMap, encode, fill, fill_text, to_json

_log = logging.getLogger("libtrainer")
_LEVELS = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_LONGEST_ERROR = 4096
_SAVE = _abi.EVENTS.index("on_save")


class HostServices:
    def __init__(self, name, config, args=None, report_to=None):
        self.report_to = report_to
        self.name, self.config, self.args, self.state = name, config, args, None
        self.tensors = TensorViews()
        self.stop_requested = False
        self.event = None  # the last one
        self.asked_too_early = None  # an argument that was asked for before there were any
        self._error = ""
        self._config_json = to_json(config).encode("utf-8", "replace")
        self._config_texts = {}
        self._borrowed = {}  # the text that was lent last, by service
        self._history = DictMap(read_only=True)
        self._run = _abi.ExtRun(ctypes.sizeof(_abi.ExtRun), 0, _abi.RunKind(lambda _: 0))
        self._process = _abi.ExtProcess(ctypes.sizeof(_abi.ExtProcess), 0, _abi.DescribeProcess(self._describe_process))
        self._model = _abi.ExtModel(ctypes.sizeof(_abi.ExtModel), 0, _abi.SaveModel(self._save_model))
        self._param_groups = ParamGroups(self.tensors)
        self._checkpoint = _abi.ExtCheckpoint(
            ctypes.sizeof(_abi.ExtCheckpoint),
            0,
            _abi.CheckpointPlace(self._saved_checkpoint),
            _abi.CheckpointPlace(lambda _, __: _abi.NOT_FOUND),  # the Trainer tells no callback
        )
        self._extensions = {
            _abi.EXT_CHECKPOINT: ctypes.addressof(self._checkpoint),
            _abi.EXT_MODEL: ctypes.addressof(self._model),
            _abi.EXT_OPTIMIZER: ctypes.addressof(self._param_groups.struct),
            _abi.EXT_PARAMETERS: ctypes.addressof(self.tensors.struct),
            _abi.EXT_PROCESS: ctypes.addressof(self._process),
            _abi.EXT_RUN: ctypes.addressof(self._run),
        }
        self.struct = _abi.Host(
            ctypes.sizeof(_abi.Host),
            _abi.ABI_MAJOR,
            _abi.ABI_MINOR,
            0,
            None,
            _abi.HostLog(self._log),
            _abi.HostSetError(self._set_error),
            _abi.HostText(self._give_config_json),
            _abi.HostValue(self._give_config),
            _abi.HostValue(self._give_argument),
            _abi.HostText(self._give_arguments_json),
            _abi.HostText(self._give_model_config),
            _abi.HostSize(self._history_size),
            _abi.HostMap(self._history_at),
            _abi.HostExtension(self._extension),
            _abi.HostText(self._give_state_json),
            _abi.HostRequest(self._request_stop),
        )

    def take_stop_request(self):
        asked, self.stop_requested = self.stop_requested, False
        return asked

    def take_error(self):
        error, self._error = self._error, ""
        return error

    def failed_early(self):
        """The remedy when a plugin asked for an argument before a Trainer gave any."""
        return (
            f'; it asked for the training argument "{self.asked_too_early}" before there is a Trainer: give the arguments '
            "with PluginCallback(..., args=training_args)"
            if self.asked_too_early
            else ""
        )

    # The functions of the table. ctypes prints what leaves one of them, and C sees 0.

    def _log(self, _, level, text, size):
        line = ctypes.string_at(text, size).decode("utf-8", "replace") if text else ""
        _log.log(_LEVELS.get(level, logging.WARNING), "%s: %s", self.name, line)

    def _set_error(self, _, text, size):
        data = ctypes.string_at(text, min(size, _LONGEST_ERROR)) if text else b""
        self._error = data.decode("utf-8", "ignore" if size > _LONGEST_ERROR else "replace")

    def _lend(self, service, target, data):
        self._borrowed[service] = data
        fill_text(target, data)

    def _give_config_json(self, _, text):
        fill_text(text.contents, self._config_json)

    def _give_config(self, _, key, size, value):
        try:
            name = ctypes.string_at(key, size).decode("utf-8", "replace")
            if name not in self.config:
                return _abi.NOT_FOUND
            # The text is lent until `destroy`, so the same bytes are given each time.
            if name not in self._config_texts:
                self._config_texts[name] = encode(self.config[name])
            target = value.contents
            target.type, target.integer, target.number, text = self._config_texts[name]
            fill_text(target.text, text)
            return 0
        except Exception:
            return _abi.ERROR

    def _give_argument(self, _, name, size, value):
        try:
            name = ctypes.string_at(name, size).decode("utf-8", "replace")
            if self.args is None:
                self.asked_too_early = self.asked_too_early or name
                return _abi.NOT_FOUND
            if name not in _argument_names(self.args):
                return _abi.NOT_FOUND
            self._borrowed["argument"] = fill(value.contents, getattr(self.args, name))
            return 0
        except Exception:
            return _abi.ERROR

    def _give_arguments_json(self, _, text):
        try:
            json = self.args.to_json_string() if self.args is not None else "{}"
        except Exception as e:
            _log.warning("%s: the arguments could not be written as JSON: %s", self.name, e)
            json = "{}"
        self._lend("arguments_json", text.contents, json.encode("utf-8", "replace"))

    def _give_model_config(self, _, text):
        config = getattr(self.tensors.model, "config", None)
        try:
            json = self._model_config_json(config) if config is not None else ""
        except Exception:  # a "config" of another kind, without JSON
            json = ""
        self._lend("model_config_json", text.contents, json.encode("utf-8", "replace"))

    def _model_config_json(self, config):
        """What transformers' own callback for the tracker writes: TensorBoard's only what is no default, the others all."""
        if isinstance(config, dict):
            return to_json(config)
        if self.report_to == "tensorboard" or not hasattr(config, "to_dict"):
            return config.to_json_string()
        return to_json(config.to_dict())

    def _history_size(self, _):
        return len(self.state.log_history) if self.state is not None else 0

    def _history_at(self, _, index):
        if index >= self._history_size(_):
            return None
        return self._history.show(self.state.log_history[index])

    def _give_state_json(self, _, text):
        try:
            data = _state_json(self.state) if self.state is not None else "{}\n"
        except Exception as e:
            _log.warning("%s: the state could not be written as JSON: %s", self.name, e)
            data = "{}\n"
        self._lend("state_json", text.contents, data.encode("utf-8", "replace"))

    def _request_stop(self, _):
        self.stop_requested = True

    def _describe_process(self, _, process):
        target, size = process.contents, process.contents.struct_size
        if size < ctypes.sizeof(_abi.Process):
            return _abi.ERROR
        ctypes.pointer(target)[0] = _process.describe()
        target.struct_size = size
        return _abi.OK

    def _saved_checkpoint(self, _, directory):
        if self.event != _SAVE:
            return _abi.NOT_FOUND
        path = os.path.abspath(os.path.join(self.args.output_dir, f"checkpoint-{self.state.global_step}"))
        self._lend("checkpoint", directory.contents, os.fsencode(path))
        return _abi.OK

    def _save_model(self, _, directory, size, error):
        try:
            if self.tensors.model is None or self.args is None:
                raise ValueError("there is no model to save before the Trainer has given one")
            from transformers import Trainer  # saves as it does, with one of its own, as transformers' callbacks do

            args = copy.deepcopy(self.args)
            args.report_to = []
            Trainer(self.tensors.model, args, eval_dataset=["none"]).save_model(
                ctypes.string_at(directory, size).decode()
            )
            return _abi.OK
        except Exception as e:
            self._lend("model_error", error.contents, str(e).encode("utf-8", "replace"))
            return _abi.ERROR

    def _extension(self, _, name):
        return self._extensions.get(ctypes.string_at(name)) if name else None


def _state_json(state):
    """As TrainerState.save_to_json() writes it."""
    return json.dumps(dataclasses.asdict(state), indent=2, sort_keys=True) + "\n"


def _argument_names(args):
    return args.__dataclass_fields__ if dataclasses.is_dataclass(args) else vars(args)
