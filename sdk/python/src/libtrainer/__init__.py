# SPDX-License-Identifier: Apache-2.0
"""LibTrainer's plugins as callbacks of transformers.Trainer: `Trainer(callbacks=[PluginCallback("csv")])`."""

from ._callback import PluginCallback
from ._errors import PluginError
from ._note import Note
from ._registry import Plugin, Registry, plugin_directories, plugins, read_plugin

__all__ = [
    "Note",
    "Plugin",
    "PluginCallback",
    "PluginError",
    "Registry",
    "plugin_directories",
    "plugins",
    "read_plugin",
]
__version__ = "0.1.0"
