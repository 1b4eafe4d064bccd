# SPDX-License-Identifier: Apache-2.0
"""transformers without its weight: the unmodified trainer_callback.py and integration_utils.py of the installed
transformers, under parent modules made here, so that neither torch nor modelling code is imported.

Importing transformers whole takes 3 s and 360 MB, this 0.1 s and 35 MB. When a callback asks for anything
else of transformers, the real one is imported then, and takes the place of what was made here.
"""

import ast
import enum
import functools
import glob
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import logging as std_logging
import os
import shutil
import sys
import types
import typing

from trainer_bridge import objects

TRUE_VALUES = {"1", "ON", "YES", "TRUE"}
LOADED = {
    "transformers.trainer_callback": "trainer_callback.py",
    "transformers.integrations.integration_utils": "integrations/integration_utils.py",
}


class NeedsAll(ImportError):
    """The callback asks for more than is made here."""


class IntervalStrategy(str, enum.Enum):
    NO, STEPS, EPOCH = "no", "steps", "epoch"


class SaveStrategy(str, enum.Enum):
    NO, STEPS, EPOCH, BEST = "no", "steps", "epoch", "best"


class ParallelMode(enum.Enum):
    NOT_PARALLEL = "not_parallel"


class BestRun(typing.NamedTuple):
    run_id: str
    objective: typing.Any
    hyperparameters: typing.Any
    run_summary: typing.Any = None


class PreTrainedModel:
    pass


class PushToHubMixin:
    pass


class CheckpointTrainer:
    """Stands where an integration builds a Trainer to save the model: gives the best checkpoint's or the newest's."""

    state = None  # of the event at hand

    def __init__(self, args=None, **_):
        self.args = args

    def save_model(self, directory):
        found = glob.glob(os.path.join(self.args.output_dir, "checkpoint-*", "model.safetensors"))
        if not found:
            raise FileNotFoundError(
                f"{self.args.output_dir} has no checkpoint-N/model.safetensors to upload; "
                'set save_strategy to "epoch" or "steps"'
            )
        chosen = max(found, key=lambda path: int(os.path.dirname(path).rsplit("-", 1)[1]))
        if self.args.load_best_model_at_end and self.state.best_model_checkpoint:
            chosen = os.path.join(self.state.best_model_checkpoint, "model.safetensors")
        os.makedirs(directory, exist_ok=True)
        for path in (chosen, os.path.join(os.path.dirname(chosen), "config.json")):
            if os.path.exists(path):
                shutil.copy(path, directory)


def flatten_dict(given, parent="", delimiter="."):
    flat = {}
    for key, value in given.items():
        name = f"{parent}{delimiter}{key}" if parent else key
        if value and isinstance(value, dict):
            flat.update(flatten_dict(value, name, delimiter))
        else:
            flat[name] = value
    return flat


def _get_logger(name=None):
    logger = std_logging.getLogger(name or "transformers")
    logger.warning_once = logger.warning_advice = logger.warning
    logger.info_once = logger.info
    return logger


def _installed(name):
    return lambda: importlib.util.find_spec(name) is not None


def _default(value):
    """Of a field in the source: a plain one, or field(default=..., metadata=...), or field(default_factory=list, ...)."""
    if isinstance(value, ast.Call):
        given = {k.arg: k.value for k in value.keywords}
        if "default_factory" in given:
            return [] if ast.unparse(given["default_factory"]) == "list" else None
        value = given.get("default")
    return value.value if isinstance(value, ast.Constant) else None


def _throw_away_torch():
    """What integration_utils.py looks at of torch in its own code; gone from sys.modules when it is loaded."""
    torch = types.ModuleType("torch")
    torch.Tensor = type("Tensor", (), {})
    torch.nn = types.SimpleNamespace(Module=type("Module", (), {}))
    torch.version = types.SimpleNamespace(hip=None)
    return torch


class _Package(types.ModuleType):
    """A module made here, which fetches the real transformers for a name that it does not have."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.light.attribute(self, name)


class Light:
    """Makes the modules and, as a finder of imports, loads the two real files among them."""

    def __init__(self, block=()):
        self.block = block
        self.refuse = False  # whether asking for more raises NeedsAll, instead of fetching the real transformers
        self.asked = None
        self.replaced = False
        spec = importlib.util.find_spec("transformers")
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError("No module named 'transformers'", name="transformers")
        self.folder = list(spec.submodule_search_locations)[0]
        self.modules = {}
        self._make()
        sys.modules.update(self.modules)
        sys.meta_path.insert(0, self)

    def _module(self, name, **content):
        module = _Package(name)
        module.__path__ = []
        module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        module.__file__ = os.path.join(self.folder, "__init__.py")
        module.light = self
        vars(module).update(content)
        self.modules[name] = module
        if "." in name:
            parent, last = name.rsplit(".", 1)
            setattr(self.modules[parent], last, module)
        return module

    def _make(self):
        args = objects.TrainingArguments
        args.defaults = staticmethod(self.argument_defaults)
        self._module(
            "transformers", __version__=self._version(), PreTrainedModel=PreTrainedModel, TrainingArguments=args
        )
        logging = self._module(
            "transformers.utils",
            ENV_VARS_TRUE_VALUES=TRUE_VALUES,
            PushToHubMixin=PushToHubMixin,
            flatten_dict=flatten_dict,
            is_datasets_available=_installed("datasets"),
            is_pandas_available=_installed("pandas"),
            is_torch_available=lambda: True,
            is_torch_xla_available=lambda: False,
        )
        self._module(
            "transformers.utils.logging",
            get_logger=_get_logger,
            **{name: getattr(std_logging, name) for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")},
        )
        logging.logging = self.modules["transformers.utils.logging"]
        self._module("transformers.modelcard", AUTOGENERATED_TRAINER_COMMENT="")
        self._module(
            "transformers.trainer_utils",
            PREFIX_CHECKPOINT_DIR="checkpoint",
            BestRun=BestRun,
            IntervalStrategy=IntervalStrategy,
            SaveStrategy=SaveStrategy,
            has_length=lambda data: hasattr(data, "__len__"),
        )
        self._module("transformers.training_args", ParallelMode=ParallelMode, TrainingArguments=args)
        self._module("transformers.trainer", Trainer=CheckpointTrainer)
        self._module("transformers.integrations")

    def _version(self):
        try:
            return importlib.metadata.version("transformers")
        except Exception:  # a source tree on the path has no metadata
            return "0"

    @functools.cache
    def argument_defaults(self):
        """Names and defaults of the real TrainingArguments, read in its source: importing it would import torch."""
        with open(os.path.join(self.folder, "training_args.py"), encoding="utf-8") as file:
            tree = ast.parse(file.read())
        body = next(n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "TrainingArguments")
        defaults = {}
        for node in body:
            if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
                continue
            defaults[node.target.id] = _default(node.value)
        return defaults

    def load(self, name):
        """One of the two real files, as transformers' own module of that name."""
        if name in sys.modules:
            return sys.modules[name]
        return importlib.import_module(name)

    # As a finder: the two files, and the real transformers when another of its modules is imported.
    def find_spec(self, name, path=None, target=None):
        if self.replaced or not name.startswith("transformers."):
            return None
        if name in LOADED:
            file = os.path.join(self.folder, *LOADED[name].split("/"))
            return importlib.util.spec_from_file_location(name, file, loader=_FileLoader(name, file, self))
        self.replace(f"module {name}")
        return importlib.util.find_spec(name)

    def attribute(self, module, name):
        if self.replaced:
            return getattr(importlib.import_module(module.__name__), name)
        for file in LOADED if module.__name__ in ("transformers", "transformers.integrations") else ():
            if module.__name__ == "transformers" and file != "transformers.trainer_callback":
                continue
            if f"{module.__name__}.{name}" == file:
                return self.load(file)
            if name[0].isupper() or name.startswith("is_"):
                found = getattr(self.load(file), name, None)
                if found is not None:
                    return found
        self.replace(f"{module.__name__}.{name}")
        return getattr(importlib.import_module(module.__name__), name)

    def replace(self, reason):
        """The real transformers from now on."""
        self.asked = self.asked or reason
        if self.refuse:
            raise NeedsAll(
                f'the callback needs {reason}, which mode "light" does not load; '
                'set "mode" of the plugin to "auto" or "full"'
            )
        self.remove()
        importlib.import_module("transformers")

    def remove(self):
        """Takes out what was made here; later imports give the real transformers."""
        if self.replaced:
            return
        self.replaced = True
        sys.meta_path.remove(self)
        for name in [n for n in sys.modules if n == "transformers" or n.startswith("transformers.")]:
            del sys.modules[name]
        for module in self.modules.values():  # who holds one gets the real names through attribute()
            for name in [n for n in vars(module) if not n.startswith("__") and n != "light"]:
                delattr(module, name)


class _FileLoader(importlib.machinery.SourceFileLoader):
    def __init__(self, name, path, light):
        super().__init__(name, path)
        self.light = light

    def exec_module(self, module):
        integrations = module.__name__.endswith("integration_utils")
        hidden = {"torch": _throw_away_torch(), **{name: None for name in self.light.block}} if integrations else {}
        before = {name: sys.modules[name] for name in hidden if name in sys.modules}
        sys.modules.update({k: v for k, v in hidden.items() if k not in before or k in self.light.block})
        try:
            super().exec_module(module)
        finally:
            for name in hidden:
                sys.modules.pop(name, None)
            sys.modules.update(before)
