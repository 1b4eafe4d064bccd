# SPDX-License-Identifier: Apache-2.0
"""LibTrainer beside Python: its plugins as callbacks of transformers.Trainer, `Trainer(callbacks=[PluginCallback("csv")])`, and
models and data for the `trainer` command, `export(model, batch, "model.pt2")` and `save_dataset(data, "train.safetensors")`."""

import importlib

from ._callback import PluginCallback
from ._errors import ExportError, PluginError
from ._note import Note
from ._registry import Plugin, Registry, plugin_directories, plugins, read_plugin

__all__ = [
    "ExportError",
    "Note",
    "Plugin",
    "PluginCallback",
    "PluginError",
    "Registry",
    "export",
    "plugin_directories",
    "plugins",
    "read_plugin",
    "save_dataset",
]
__version__ = "0.1.0"

LATER = {"export": "_pt2", "save_dataset": "_dataset"}  # they import torch and NumPy, which plugins need not


def __getattr__(name):
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{LATER[name]}", __name__), name)
