# SPDX-License-Identifier: Apache-2.0
"""One callback and its conversation with the trainer."""

import importlib
import logging
import os
import sys
import traceback

from trainer_bridge import objects, remote, tensors, trackers, wire

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


class Session:
    """Everything but the constructor of Connection runs on one thread: exit hooks of SDKs hang otherwise."""

    def __init__(self, connection, inbox, show=print):
        self.connection = connection
        self.inbox = inbox
        self.show = show  # a line of the run
        self.callback = None
        self.waited_for = False  # whether the trainer stands still until the answer to this event
        self.failure = None  # what a callback raised that is not waited for; it gets nothing more
        self.tracker = None
        self.closed = False
        self.outcome = {}  # how the last training ended
        self.ended = None  # "finished" or "failed" once the trainer closed
        self.history = []
        self.grace = 60.0  # seconds to leave in when the trainer is gone
        self.light = None

    def warn(self, text):
        self.connection.send({"log": "warning", "text": text})

    def close(self):
        """For a program that goes on afterwards: the trainer sees the end, and transformers is the real one again."""
        if not self.closed:
            self.closed = True
            self.callback = None
            self.connection.close()
            if self.light is not None:
                self.light.remove()

    def handle(self, message):
        """Answers one message; False after the last."""
        if self.closed:
            return True
        if message is None or "close" in message:
            self.ended = "failed" if message is None else message["close"]
            return False
        if "init" in message:
            return self._create(message["init"])
        if "on" in message:
            return self._event(message)
        elif "line" in message:
            self.show(message["line"])
        elif "seen" in message:
            self.connection.send({"answer": message["seen"]})
        elif "outcome" in message:
            return self._take_outcome(message["outcome"])
        elif "results" in message:
            self._reply(message["results"], lambda: {"results": trackers.results(self.tracker)})
        elif "state" in message:
            self._reply(message["state"], lambda: {"state": _portable(self.callback.state())})
        elif "restore" in message:
            self._reply(message["id"], lambda: self._restore(message["restore"]))
        return True

    # Creation: first whether the packages are there, at once, then the callback itself.

    def _create(self, init):
        self.init = init
        name = init["callback"]
        self.grace = init["grace"]
        self.tracker = name if name in trackers.PACKAGES else None
        if self.tracker is None and "." not in name and ":" not in name:
            return self._refuse(
                f'"{name}" is neither a tracker of transformers ({", ".join(trackers.PACKAGES)}) nor '
                'the path of a class, such as "mypackage.MyCallback"'
            )
        missing = trackers.missing_packages(self.tracker) if self.tracker else []
        if missing:
            return self._refuse(
                f"the Python package{'s' * (len(missing) > 1)} {', '.join(missing)} "
                f"{'are' if len(missing) > 1 else 'is'} missing" + _install(missing)
            )
        self.connection.send({"hello": {"python": sys.executable}})
        try:
            self._load(init)
        except Exception as error:
            if self._again():
                return False
            text, details = _described(error)
            lacking = (getattr(error, "name", None) or "").split(".")[0]
            if isinstance(error, ModuleNotFoundError) and lacking not in ("", name.replace(":", ".").split(".")[0]):
                text += _install([lacking])
            return self._refuse(text, details)
        if self._again():
            return False
        events = [e for e in EVENTS if self._overrides(e)]
        ready = {"class": type(self.callback).__name__, "events": events, "tracker": self.tracker is not None}
        if hasattr(self.callback, "from_state") and hasattr(self.callback, "state"):
            ready["state"] = _portable(self.callback.state())
        self.connection.send({"ready": ready})
        return True

    def _again(self):
        """Whether to begin once more with all of transformers, since what was imported so far has classes of both."""
        if self.light is None or not self.light.refuse or self.init["mode"] == "light":
            return False
        self.light.refuse = False
        if self.light.asked is None:
            return False
        self.connection.send({"again": self.light.asked})
        return True

    def _refuse(self, text, details=""):
        self.connection.send({"refused": text, "traceback": details})
        return False

    def _load(self, init):
        if self.tracker is None:
            sys.path[:0] = [p for p in [*init["path"], os.getcwd()] if p not in sys.path]
        hidden = trackers.before_creation(self.tracker, self.warn)
        if init["mode"] == "full":
            importlib.import_module("transformers")
        elif "transformers" not in sys.modules and trackers.found("transformers"):
            from trainer_bridge import light

            self.light = light.Light(block=trackers.blocked_modules(self.tracker))
            self.light.refuse = init["mode"] == "light" or init["restart"]
            handler = _ToTrainer(self.connection)
            logging.getLogger("transformers").addHandler(handler)
            logging.getLogger("transformers").propagate = False
        made = self._resolve(init["callback"])
        before = {name: sys.modules[name] for name in hidden if name in sys.modules}
        sys.modules.update(hidden)
        try:
            if isinstance(made, type) or not hasattr(made, "on_log"):
                made = made(**init["kwargs"])
            elif init["kwargs"]:
                raise TypeError(f'{init["callback"]} is an instance already and takes no "kwargs"')
        finally:
            for name in hidden:
                sys.modules.pop(name, None)
            sys.modules.update(before)
        self.callback = made
        trackers.after_creation(self.tracker, made)
        self._adopt(init)

    def _resolve(self, name):
        if self.tracker:
            utils = importlib.import_module("transformers.integrations.integration_utils")
            known = utils.INTEGRATION_TO_CALLBACK
            if name not in known:
                raise LookupError(
                    f'transformers {sys.modules["transformers"].__version__} has no tracker "{name}"; '
                    f"it has {', '.join(known)}"
                )
            return known[name]
        cls = _by_path(name)
        integrations = sys.modules.get("transformers.integrations.integration_utils")
        for tracker, known in vars(integrations).get("INTEGRATION_TO_CALLBACK", {}).items() if integrations else ():
            if cls is known:
                self.tracker = tracker
        return cls

    def _adopt(self, init):
        """Classes for state, control and args: of the transformers that the callback now uses."""
        self.classes, base = None, objects.TrainingArguments
        if "transformers" in sys.modules:
            self.classes = importlib.import_module("transformers.trainer_callback")
            if self.light is None or self.light.replaced:
                base = importlib.import_module("transformers.training_args").TrainingArguments
        self.args = objects.make_arguments({**init["args"], **init["tokens"]}, base)
        objects.set_process(self.args, **init["process"])
        self.moment = remote.Moment(self._fetch)
        self.model = remote.Model(init["config"], self.moment) if init["model"] else None
        self.objects = (
            ("optimizer", remote.HAS_OPTIMIZER, remote.Optimizer(self.moment)),
            ("lr_scheduler", remote.HAS_LR_SCHEDULER, remote.LRScheduler(self.moment)),
            ("train_dataloader", remote.HAS_TRAIN_DATALOADER, remote.DataLoader(self.moment, "train_dataloader")),
            ("eval_dataloader", remote.HAS_EVAL_DATALOADER, remote.DataLoader(self.moment, "eval_dataloader")),
        )
        self.state, self.control = None, objects.make_control(self.classes)

    def _overrides(self, event):
        own = getattr(type(self.callback), event, None)
        base = getattr(self.classes, "TrainerCallback", None)
        return own is not None and own is not getattr(base, event, None)

    # Events

    def _event(self, message):
        del self.history[: message.get("dropped", 0)]
        self.history[message.get("from", len(self.history)) :] = message.get("history", [])
        if "shapes" in message:
            self.moment.shapes = {name: (shape, kind) for name, shape, kind in message["shapes"]}
            objects.set_device(self.args, message["device"])
        self.moment.begin(message.get("has", 0))
        name = message["on"]
        if not self._overrides(name):
            return True
        if "id" in message:
            self._reply(message["id"], lambda: self._call(name, message))
            return True
        return self._go_on(name, lambda: self._call(name, message))

    def _take_outcome(self, outcome):
        """For a class that wants to know it, which transformers' Trainer has no event for."""
        self.outcome = outcome
        told = getattr(self.callback, "on_outcome", None)
        return told is None or self._go_on("on_outcome", lambda: told(outcome))

    def _go_on(self, name, action):
        """Does what nobody waits for; False when it failed."""
        try:
            action()
            return True
        except Exception as error:
            text, details = _described(error)
            self.ended, self.failure = "failed", f"{self.init['callback']} failed in {name}: {text}"
            self.connection.send({"failed": text, "traceback": details, "on": name})
            return False

    def _call(self, name, message):
        if self.state is None or name == "on_train_begin":  # where transformers makes a new one
            self.state = objects.make_state(self.classes, self.history)
        state, control = self.state, self.control
        given = {**objects.ABSENT, **message["state"]}
        objects.update(state, given)
        objects.update(control, dict(zip(objects.FLAGS, map(bool, message["control"]))))
        if self.light is not None:
            sys.modules["trainer_bridge.light"].CheckpointTrainer.state = state
        more = {"model": self.model, "processing_class": None}
        more.update((key, one if self.moment.present & bit else None) for key, bit, one in self.objects)
        values = message.get("values")
        if values is not None:
            more["logs" if name == "on_log" else "metrics"] = values
            before = wire.encode_values(values)
        if name == "on_init_end" and self.tracker == "codecarbon":
            os.makedirs(self.args.output_dir, exist_ok=True)  # it refuses a directory that is not there
        args, size = dict(vars(self.args)), len(self.history)
        result = getattr(self.callback, name)(self.args, state, control, **more)
        if self.waited_for:
            self._refuse_changes(args, given, size)
        answer = {"control": objects.flags_of(control if result is None else result)}
        if values is not None and (after := wire.encode_values(values)) != before:
            answer["values"] = after
        return answer

    def _refuse_changes(self, args, state, size):
        """What a callback of transformers may change there, and has no way to from here."""
        names = ("args", objects.changed(self.args, args)), ("state", objects.changed(self.state, state))
        vars(self.args).update(args)  # those of the trainer, for the next event
        for what, name in names:
            if name is not None:
                raise remote.NoEffect(f"setting {what}.{name} {remote.NO_EFFECT}")
        if self.state.log_history is not self.history or len(self.history) != size:
            del self.history[size:]
            self.state.log_history = self.history
            raise remote.NoEffect("changing state.log_history " + remote.NO_EFFECT)

    def _fetch(self, kind, names):
        if not self.waited_for:
            raise RuntimeError(
                "the model, the optimizer, the schedule and the data loaders can be looked at while the trainer waits for "
                'the answer to an event; set "wait" of the plugin to true'
            )
        self.connection.send({"fetch": kind, "names": names})
        reply = self.inbox.get_reply(self, "fetched")
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply if kind == "objects" else tensors.look_into(reply, kind, self.moment)

    def _restore(self, attributes):
        for key, value in attributes.items():
            setattr(self.callback, key, value)
        return {}

    def _reply(self, number, action):
        self.waited_for = True
        try:
            answer = action()
        except Exception as error:
            text, details = _described(error)
            answer = {"error": text, "traceback": details}
        finally:
            self.waited_for = False
        self.connection.send({"answer": number, **answer})


class _ToTrainer(logging.Handler):
    """What transformers' own logger says goes into the trainer's log."""

    def __init__(self, connection):
        super().__init__(logging.WARNING)
        self.connection = connection

    def emit(self, record):
        level = "error" if record.levelno >= logging.ERROR else "warning"
        self.connection.send({"log": level, "text": record.getMessage()})


def _by_path(name):
    """The object at "package.module.Name" or "package.module:Name"."""
    parts = name.replace(":", ".").split(".")
    for size in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:size])
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not (module + ".").startswith(error.name + "."):
                raise
            continue
        for part in parts[size:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(
        f"no module {parts[0]!r} was found for {name!r}; searched {', '.join(sys.path)}; "
        'install it there, or name its directory in "path"',
        name=parts[0],
    )


def _portable(state):
    """Both parts of ExportableState.state(), checked here so that the sentence names the class's own mistake."""
    return {"args": wire.encode_values(state["args"]), "attributes": wire.encode_values(state["attributes"])}


def _install(packages):
    return (
        f'; run "{sys.executable} -m pip install {" ".join(packages)}", or name another Python with the plugin\'s '
        '"python" or with TRAINER_PYTHON'
    )


def _described(error):
    """One sentence: what was raised and where; and the whole traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "trainer_bridge" not in f.filename]
    where = f" ({frames[-1].filename}:{frames[-1].lineno}, in {frames[-1].name})" if frames else ""
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    return text + where, "".join(traceback.format_exception(type(error), error, error.__traceback__))
