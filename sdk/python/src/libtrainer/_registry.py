# SPDX-License-Identifier: Apache-2.0
"""Where plugins are looked for: the directories of the command, in its order; the first of an id wins."""

import logging
import os
import pathlib
import platform
import shutil
import sys
import sysconfig

from ._elf import read_note_section
from ._errors import NotAPlugin, PluginError, did_you_mean
from ._note import Note

_log = logging.getLogger("libtrainer")
_OURS = pathlib.Path("libtrainer") / "plugins"


class Plugin:
    """A plugin's file and its note. Nothing of its code has run."""

    def __init__(self, path, note):
        self.path, self.note = path, note

    id = property(lambda self: self.note.id)
    version = property(lambda self: self.note.version)
    report_to = property(lambda self: self.note.report_to)
    description = property(lambda self: self.note.description)

    def unavailable_reason(self, args=None, config=None):
        """Why this tracker cannot be used here, or None. Loads the plugin; `args` are TrainingArguments."""
        from ._instance import unavailable_reason

        return unavailable_reason(self, args, config=config)

    def __repr__(self):
        return f"<plugin {self.id} {self.version}: {self.path}>"


def read_plugin(path, any_system=True):
    """The Plugin of a file, which may be a DLL of Windows; loading refuses that here."""
    path = pathlib.Path(os.path.abspath(path))
    return Plugin(path, Note(read_note_section(path, any_system), str(path)))


def _library_directories(prefix):
    """What CMAKE_INSTALL_LIBDIR may be below a prefix: lib, and of lib64 and Debian's lib/<triplet> what is there."""
    triplet = sysconfig.get_config_var("MULTIARCH") or f"{platform.machine()}-linux-gnu"
    others = [prefix / "lib64", prefix / "lib" / triplet]
    return [prefix / "lib", *(path for path in others if (path / _OURS).is_dir())]


def plugin_directories(first=()):
    """`first`, TRAINER_PLUGIN_PATH, the user's, those beside this package and this Python, and the command's."""
    found = []

    def add(directory):
        path = pathlib.Path(os.path.abspath(directory))
        if path not in found:
            found.append(path)

    for directory in first:
        if not os.path.isdir(directory):
            raise PluginError(
                f"the plugin directory {directory} is not a directory; give the one that the plugin's file is in"
            )
        add(directory)
    for directory in os.environ.get("TRAINER_PLUGIN_PATH", "").split(os.pathsep):
        if directory:
            add(directory)
    data, home = os.environ.get("XDG_DATA_HOME", ""), os.environ.get("HOME", "")
    if data.startswith("/"):  # the specification: a relative value is to be ignored
        add(data / _OURS)
    elif home.startswith("/"):
        add(pathlib.Path(home) / ".local" / "share" / _OURS)

    def add_of(prefix):
        for directory in _library_directories(prefix):
            add(directory / _OURS)

    # A wheel in <prefix>/lib/python3.x/site-packages belongs to the plugins of <prefix>.
    for parent in pathlib.Path(__file__).resolve().parents:
        if parent.name in ("lib", "lib64"):
            add_of(parent.parent)
            break
    add_of(pathlib.Path(sys.prefix))
    command = shutil.which("trainer")
    if command:
        prefix = pathlib.Path(command).resolve().parent.parent
        add_of(prefix)
        if (prefix / "CMakeCache.txt").exists():  # a build tree
            add(prefix / "plugins")
    return found


class Registry:
    """The plugins of some directories: `plugins`, `problems` as (path, sentence), `duplicates` as (path, first)."""

    def __init__(self, directories):
        self.plugins, self.problems, self.duplicates, self.directories = [], [], [], []
        for directory in directories:
            real = directory.resolve() if directory.is_dir() else directory
            if real in self.directories:
                continue  # the same by another name would make every plugin its own duplicate
            self.directories.append(real)
            if not real.is_dir():
                continue
            try:
                names = sorted(name for name in os.listdir(real) if name.endswith(".so") and name != ".so")
            except OSError as e:
                self._problem(
                    logging.WARNING, real, f"{real} could not be read: {e.strerror}; make it readable or leave it out"
                )
                continue
            for name in names:
                self._add(real / name)

    def _problem(self, level, path, sentence):
        self.problems.append((path, sentence))
        _log.log(level, "%s", sentence)

    def _add(self, path):
        try:
            plugin = read_plugin(path, any_system=False)
        except NotAPlugin as e:
            return self._problem(logging.DEBUG, path, str(e))
        except PluginError as e:
            return self._problem(logging.WARNING, path, f"{e} (the plugin is left out)")
        first = self.find(plugin.id)
        if first is None:
            return self.plugins.append(plugin)
        self.duplicates.append((plugin.path, first))
        _log.info('%s is left out: %s has the same id "%s" and was found first', plugin.path, first.path, plugin.id)

    def find(self, plugin_id):
        return next((p for p in self.plugins if p.id == plugin_id), None)

    def require(self, plugin_id):
        plugin = self.find(plugin_id)
        if plugin is not None:
            return plugin
        for path, sentence in self.problems:
            if path.stem in (plugin_id, "lib" + plugin_id):
                raise PluginError(f'plugin "{plugin_id}" cannot be used: {sentence}')
        ids = [p.id for p in self.plugins]
        places = ", ".join(f"{d}{'' if d.is_dir() else ' (does not exist)'}" for d in self.directories)
        raise PluginError(
            f'plugin "{plugin_id}" was not found{did_you_mean(plugin_id, ids)} (available: '
            f"{', '.join(ids) or 'none'}; searched {places or 'no directory'}); put its .so file into one of "
            "these, or name its directory in TRAINER_PLUGIN_PATH"
        )


def plugins(directories=()):
    """The plugins that `PluginCallback(id)` finds, in the order of finding."""
    return Registry(plugin_directories(directories)).plugins


def resolve(plugin):
    """A Plugin, an id or a path, as a Plugin."""
    if isinstance(plugin, Plugin):
        return plugin
    if isinstance(plugin, os.PathLike) or os.sep in plugin or plugin.endswith(".so"):
        return read_plugin(plugin, any_system=False)
    return Registry(plugin_directories()).require(plugin)
