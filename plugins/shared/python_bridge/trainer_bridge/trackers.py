# SPDX-License-Identifier: Apache-2.0
"""What is particular to single trackers: packages to look for, what each needs before it starts, and how its run is
ended when the training failed."""

import importlib
import importlib.util
import os
import re
import shlex
import sys
import uuid

# The name in report_to: modules that must be found, and what to install when they are not.
PACKAGES = {
    "azure_ml": (("azureml.core",), "azureml-core"),
    "clearml": (("clearml",), "clearml"),
    "codecarbon": (("codecarbon",), "codecarbon"),
    "comet_ml": (("comet_ml",), "comet_ml"),
    "dagshub": (("dagshub", "mlflow"), "dagshub mlflow"),
    "dvclive": (("dvclive",), "dvclive"),
    "flyte": (("flytekit",), "flytekit flytekitplugins-deck-standard pandas"),
    "kubeflow": ((), ""),
    "mlflow": (("mlflow",), "mlflow"),
    "neptune": (("neptune",), "neptune"),
    "swanlab": (("swanlab",), "swanlab"),
    "tensorboard": (("tensorboardX|tensorboard",), "tensorboardX"),
    "trackio": (("trackio",), "trackio"),
    "wandb": (("wandb",), "wandb"),
}
# A user and password of an address, of which the password may hold what ends a host; and a password in its query.
SECRETS = (r"(?<=://)([^/?#]*|[^:/?#[]*:(?!\d*([/?#]|$)).*)@", r"(?<=[?&])\w*pass\w*=[^&#\s'\"]*&?")
LIGHT = ("transformers", "numpy", "packaging", "tqdm")
TRUE_VALUES = ("1", "ON", "YES", "TRUE")


def found(module):
    """Whether it can be imported: a folder of that name without Python in it, as ./wandb of an earlier run, cannot."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return False
    return spec is not None and (spec.origin is not None or module in ("azureml", "azureml.core"))


def missing_packages(tracker):
    """What to give to `pip install`, as a list; empty when everything is there."""
    modules, install = PACKAGES[tracker]
    lacking = [name for name in LIGHT if not found(name)]
    if not all(any(found(choice) for choice in module.split("|")) for module in modules):
        lacking += install.split()
    return lacking


def blocked_modules(tracker):
    # integration_utils.py imports comet_ml where it is installed: 2 to 4 s, and it then patches the other clients.
    return () if tracker == "comet_ml" else ("comet_ml",)


def offline(variable):
    return os.environ.get(variable, "").upper() in TRUE_VALUES


def before_creation(tracker, warn):
    """Settings without which the unmodified callback cannot do its work."""
    if tracker == "clearml" and offline("CLEARML_OFFLINE_MODE"):
        if os.environ.get("CLEARML_LOG_MODEL", "FALSE").upper() in TRUE_VALUES:
            warn("ClearML cannot keep models while CLEARML_OFFLINE_MODE is set; CLEARML_LOG_MODEL is taken as FALSE")
        os.environ["CLEARML_LOG_MODEL"] = "FALSE"
    if tracker == "wandb" and os.environ.get("WANDB_WATCH", "false") in ("all", "parameters", "gradients"):
        warn("WANDB_WATCH needs torch's hooks in the process that trains; it is taken as false")
        os.environ["WANDB_WATCH"] = "false"
    if tracker == "clearml":
        # ClearML forks a process for its reports while a thread of its own starts git; the fork then keeps that thread's
        # pipe open, and closing the task waits for ever. This process is one beside the training as it is.
        importlib.import_module("clearml").Task._report_subprocess_enabled = False
    if tracker == "comet_ml":
        importlib.import_module("comet_ml")  # it warns when it comes after others
    if tracker == "neptune":
        _supply_neptune_id()
    if tracker == "tensorboard" and found("tensorboardX"):
        return {"torch": None}  # torch's writer would import torch for the same files
    return {}


def after_creation(tracker, callback):
    if tracker == "swanlab":
        _let_swanlab_start(callback._swanlab)


def _let_swanlab_start(swanlab):
    """Since SwanLab 0.8 get_run() raises where the callback expects None, and so never gets to init()."""
    get_run = swanlab.get_run

    def run_or_none():
        try:
            return get_run()
        except RuntimeError:
            return None

    swanlab.get_run = run_or_none


def _supply_neptune_id():
    """The callback fetches the run's id, which Neptune's offline mode has no answer to."""
    from neptune.handler import Handler

    fetch = Handler.fetch
    own = "OFFLINE-" + uuid.uuid4().hex[:8]

    def fetch_or_own(self):
        if self._path == "sys/id" and os.environ.get("NEPTUNE_MODE", "").lower() == "offline":
            return own
        return fetch(self)

    Handler.fetch = fetch_or_own


def results(tracker):
    """[[label, place, command to look at it]] of the run that is open, as far as the client says it."""
    module = sys.modules.get(tracker)
    try:
        found = _RESULTS[tracker](module) if module is not None and tracker in _RESULTS else None
    except Exception:  # of another version
        found = None
    return [[found[0], _public(str(found[1])), found[2]]] if found and (found[1] or found[2]) else []


def _public(address):
    """What may be read by everybody: results are in a file and in the report."""
    for secret in SECRETS:
        address = re.sub(secret, "", address)
    return address


def _clearml_result(clearml):
    task = clearml.Task.current_task()
    if task is None:
        return None
    if clearml.Task.is_offline():
        return "ClearML session", task.get_offline_mode_folder(), ""
    return "ClearML task", task.get_output_log_web_page(), ""


def _comet_result(comet_ml):
    experiment = comet_ml.get_running_experiment()
    return experiment and ("Comet experiment", experiment.url or "", "")


def _mlflow_result(mlflow):
    run, uri = mlflow.last_active_run(), _public(mlflow.get_tracking_uri())
    if run is None or "://" not in uri:
        return None
    if not uri.startswith("http"):
        return "MLflow", "", f"mlflow ui --backend-store-uri {shlex.quote(uri)}"
    return "MLflow run", f"{uri.rstrip('/')}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}", ""


def _wandb_result(wandb):
    run = wandb.run
    if run is None:
        return None
    if run.settings.mode == "offline" or not run.url:
        return "W&B run", os.path.dirname(run.dir), "wandb sync {place}"
    return "W&B run", run.url, ""


_RESULTS = {
    "clearml": _clearml_result,
    "comet_ml": _comet_result,
    "mlflow": _mlflow_result,
    "wandb": _wandb_result,
}


def end_finished_runs(warn):
    """MLflow sends points with threads that Python stops before it calls MLflow's exit hook, so that what waits would
    be lost; DagsHub's callback relies on that hook."""
    _end((("mlflow", lambda m: m.active_run() and m.end_run()),), "finished", warn)


def end_failed_runs(warn, why):
    """Ends the runs of trackers that would call themselves finished when Python exits. Others look at the uncaught
    exception with which this process then ends."""
    _end(
        (
            ("mlflow", lambda m: m.active_run() and m.end_run(status="FAILED")),
            ("wandb", lambda m: m.run is not None and m.finish(exit_code=1)),
            ("swanlab", lambda m: _crash_swanlab(m, why)),
        ),
        "failed",
        warn,
    )


def _crash_swanlab(swanlab, why):
    try:
        run = swanlab.get_run()
    except RuntimeError:  # since 0.8, where None was the answer
        return
    if run is not None:
        swanlab.finish(state="crashed", error=why)


def _end(enders, how, warn):
    for name, end in enders:
        module = sys.modules.get(name)
        try:
            if module is not None:
                end(module)
        except Exception as error:
            warn(f"{name} could not be told that the training {how}: {type(error).__name__}: {error}")
