# SPDX-License-Identifier: Apache-2.0
"""The structs of plugin_api/include/trainer, field for field; tests/python/abi_test.py asks the C compiler."""

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_double, c_int32, c_int64, c_uint32, c_uint64, c_void_p

ABI_MAJOR, ABI_MINOR = 1, 1
PLUGIN_MAGIC = 0x4E525254
NOTE_MAGIC = b"LibTrainer note\0"
NOTE_SECTION = ".trainer_note"
ENTRY_NAME = "trainer_plugin_entry"

OK, ERROR, NOT_FOUND, UNAVAILABLE, NOT_CONFIGURED = range(5)
NULL, BOOLEAN, INTEGER, NUMBER, STRING, JSON = range(6)

EVENTS = (
    "on_init_end",
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_step_begin",
    "on_pre_optimizer_step",
    "on_optimizer_step",
    "on_substep_end",
    "on_step_end",
    "on_evaluate",
    "on_predict",
    "on_save",
    "on_log",
    "on_prediction_step",
    "on_push_begin",
)

EXT_MODEL, EXT_PARAMETERS, EXT_RUN = b"trainer.model/1", b"trainer.parameters/1", b"trainer.run/1"
EXT_STATE, EXT_TRACKER = b"trainer.state/1", b"trainer.tracker/1"
EXT_OPTIMIZER, EXT_PROCESS, EXT_RANKS = b"trainer.optimizer/1", b"trainer.process/1", b"trainer.ranks/1"
EXT_CHECKPOINT, EXT_OUTCOME, EXT_RESULTS = b"trainer.checkpoint/1", b"trainer.outcome/1", b"trainer.results/1"
OUTCOME_COMPLETED, OUTCOME_STOPPED, OUTCOME_INTERRUPTED, OUTCOME_FAILED = range(4)
MOST_RESULTS = 16
RANKS_ALL, RANKS_WORLD_ZERO, RANKS_LOCAL_ZERO = range(3)


class Text(Structure):
    _fields_ = [("data", c_void_p), ("size", c_uint64)]

    def bytes(self):
        return ctypes.string_at(self.data, self.size) if self.data and self.size else b""


class Value(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("type", c_uint32),
        ("integer", c_int64),
        ("number", c_double),
        ("text", Text),
    ]


# Pointers that are only passed through are c_void_p: ctypes then hands over a number and makes no object.
MapSize = CFUNCTYPE(c_uint64, c_void_p)
MapAt = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_void_p, c_void_p)
MapGet = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_uint64, c_void_p)
MapSet = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_uint64, c_void_p)
MapRemove = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_uint64)
MapRead = CFUNCTYPE(c_uint64, c_void_p, c_uint64, c_uint64, c_void_p, c_void_p)


class Map(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("data", c_void_p),
        ("size", MapSize),
        ("at", MapAt),
        ("get", MapGet),
        ("set", MapSet),
        ("remove", MapRemove),
        ("read", MapRead),
    ]


class State(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("present", c_uint32),
        ("epoch", c_double),
        ("global_step", c_int64),
        ("max_steps", c_int64),
        ("num_train_epochs", c_int64),
        ("train_batch_size", c_int64),
        ("num_input_tokens_seen", c_int64),
        ("logging_steps", c_double),
        ("eval_steps", c_double),
        ("save_steps", c_double),
        ("total_flos", c_double),
        ("best_metric", c_double),
        ("best_global_step", c_int64),
        ("best_model_checkpoint", Text),
        ("trial_name", Text),
        ("is_local_process_zero", c_uint32),
        ("is_world_process_zero", c_uint32),
        ("is_hyper_param_search", c_uint32),
        ("reserved", c_uint32),
    ]


class Control(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("should_training_stop", c_uint32),
        ("should_epoch_stop", c_uint32),
        ("should_save", c_uint32),
        ("should_evaluate", c_uint32),
        ("should_log", c_uint32),
        ("reserved2", c_uint32),
    ]


class Event(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("kind", c_uint32),
        ("state", POINTER(State)),
        ("control", POINTER(Control)),
        ("values", c_void_p),
        ("has", c_uint32),
        ("reserved", c_uint32),
        ("eval_dataloader_size", c_int64),
        ("train_dataloader_size", c_int64),
    ]


HostLog = CFUNCTYPE(None, c_void_p, c_uint32, c_void_p, c_uint64)
HostSetError = CFUNCTYPE(None, c_void_p, c_void_p, c_uint64)
HostText = CFUNCTYPE(None, c_void_p, POINTER(Text))
HostValue = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_uint64, POINTER(Value))
HostSize = CFUNCTYPE(c_uint64, c_void_p)
HostMap = CFUNCTYPE(c_void_p, c_void_p, c_uint64)
HostRequest = CFUNCTYPE(None, c_void_p)
HostExtension = CFUNCTYPE(c_void_p, c_void_p, c_void_p)


class Host(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("abi_major", c_uint32),
        ("abi_minor", c_uint32),
        ("reserved", c_uint32),
        ("data", c_void_p),
        ("log", HostLog),
        ("set_error", HostSetError),
        ("config_json", HostText),
        ("config", HostValue),
        ("argument", HostValue),
        ("arguments_json", HostText),
        ("model_config_json", HostText),
        ("log_history_size", HostSize),
        ("log_history_at", HostMap),
        ("get_extension", HostExtension),
        ("state_json", HostText),
        ("request_stop", HostRequest),
    ]


Slot = CFUNCTYPE(c_int32, c_void_p, c_void_p)
Destroy = CFUNCTYPE(None, c_void_p)
CallbackExtension = CFUNCTYPE(c_void_p, c_void_p, ctypes.c_char_p)


class Callback(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("data", c_void_p),
        ("destroy", Destroy),
        ("get_extension", CallbackExtension),
    ] + [(name, Slot) for name in EVENTS]


class NoteHead(Structure):
    _fields_ = [
        ("magic", c_char * 16),
        ("abi_major", c_uint32),
        ("abi_minor", c_uint32),
        ("json_size", c_uint32),
        ("reserved", c_uint32),
    ]


Create = CFUNCTYPE(c_int32, POINTER(Host), POINTER(POINTER(Callback)))
PluginExtension = CFUNCTYPE(c_void_p, ctypes.c_char_p)


class Plugin(Structure):
    _fields_ = [
        ("magic", c_uint32),
        ("struct_size", c_uint32),
        ("abi_major", c_uint32),
        ("abi_minor", c_uint32),
        ("note", c_void_p),
        ("create", Create),
        ("get_extension", PluginExtension),
    ]


class Tensor(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("read_only", c_uint32),
        ("data", c_void_p),
        ("byte_offset", c_uint64),
        ("shape", c_void_p),
        ("strides", c_void_p),
        ("ndim", c_int32),
        ("device_type", c_int32),
        ("device_id", c_int32),
        ("dtype_code", c_uint32),
        ("dtype_bits", c_uint32),
        ("dtype_lanes", c_uint32),
        ("stream", c_void_p),
    ]


TensorCount = CFUNCTYPE(c_uint64, c_void_p, c_uint32)
TensorAt = CFUNCTYPE(c_int32, c_void_p, c_uint32, c_uint64, c_void_p, POINTER(Tensor))
TensorCopy = CFUNCTYPE(c_int32, c_void_p, c_uint32, c_uint64, c_void_p, c_uint64)


class ExtParameters(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", TensorCount),
        ("at", TensorAt),
        ("copy", TensorCopy),
    ]


class ParamGroup(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("lr", c_double),
        ("initial_lr", c_double),
        ("weight_decay", c_double),
        ("parameter_count", c_uint64),
    ]


GroupCount = CFUNCTYPE(c_uint64, c_void_p)
GroupAt = CFUNCTYPE(c_int32, c_void_p, c_uint64, POINTER(ParamGroup))
GroupParameter = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_uint64, POINTER(Text))
SetLr = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_double)


class ExtOptimizer(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("count", GroupCount),
        ("at", GroupAt),
        ("parameter", GroupParameter),
        ("set_lr", SetLr),
    ]


SaveModel = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_uint64, POINTER(Text))


class ExtModel(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("save", SaveModel)]


RunKind = CFUNCTYPE(c_uint32, c_void_p)


class ExtRun(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("kind", RunKind)]


class Process(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("rank", c_uint32),
        ("world_size", c_uint32),
        ("local_rank", c_uint32),
        ("local_world_size", c_uint32),
        ("node_rank", c_uint32),
        ("restart_count", c_uint32),
    ]


DescribeProcess = CFUNCTYPE(c_int32, c_void_p, POINTER(Process))


class ExtProcess(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("describe", DescribeProcess)]


class ExtRanks(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("where", c_uint32), ("reserved2", c_uint32)]


class Result(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("label", Text), ("place", Text), ("view", Text)]


ResultAt = CFUNCTYPE(c_int32, c_void_p, c_uint64, POINTER(Result))


class ExtResults(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("at", ResultAt)]


class Outcome(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("kind", c_uint32),
        ("global_step", c_int64),
        ("max_steps", c_int64),
        ("epoch", c_double),
        ("signal", c_int32),
        ("reserved", c_uint32),
        ("by", Text),
        ("error", Text),
        ("error_id", Text),
    ]


OutcomeEnded = CFUNCTYPE(c_int32, c_void_p, POINTER(Outcome))


class ExtOutcome(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("ended", OutcomeEnded)]


CheckpointPlace = CFUNCTYPE(c_int32, c_void_p, POINTER(Text))


class ExtCheckpoint(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("saved", CheckpointPlace),
        ("resumed_from", CheckpointPlace),
    ]


StateSave = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p)
StateLoad = CFUNCTYPE(c_int32, c_void_p, c_void_p)
StateClassName = CFUNCTYPE(None, c_void_p, POINTER(Text))


class ExtState(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("save", StateSave),
        ("load", StateLoad),
        ("class_name", StateClassName),
    ]


Available = CFUNCTYPE(c_int32, POINTER(Host))


class ExtTracker(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("available", Available)]
