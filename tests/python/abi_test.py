# SPDX-License-Identifier: Apache-2.0
"""Every struct and number of libtrainer._abi against what the C compiler makes of the headers."""

import ctypes
import subprocess

from harness import compile_c, expect, expect_equal, work_directory

from libtrainer import _abi, _tensors

STRUCTS = {
    "trainer_text": _abi.Text,
    "trainer_value": _abi.Value,
    "trainer_map": _abi.Map,
    "trainer_state": _abi.State,
    "trainer_control": _abi.Control,
    "trainer_event": _abi.Event,
    "trainer_host": _abi.Host,
    "trainer_callback": _abi.Callback,
    "trainer_note": _abi.NoteHead,
    "trainer_plugin": _abi.Plugin,
    "trainer_tensor": _abi.Tensor,
    "trainer_ext_parameters": _abi.ExtParameters,
    "trainer_ext_run": _abi.ExtRun,
    "trainer_ext_model": _abi.ExtModel,
    "trainer_ext_state": _abi.ExtState,
    "trainer_ext_tracker": _abi.ExtTracker,
    "trainer_param_group": _abi.ParamGroup,
    "trainer_ext_optimizer": _abi.ExtOptimizer,
    "trainer_process": _abi.Process,
    "trainer_ext_process": _abi.ExtProcess,
    "trainer_ext_ranks": _abi.ExtRanks,
    "trainer_result": _abi.Result,
    "trainer_ext_results": _abi.ExtResults,
    "trainer_outcome": _abi.Outcome,
    "trainer_ext_outcome": _abi.ExtOutcome,
    "trainer_ext_checkpoint": _abi.ExtCheckpoint,
}
NUMBERS = {
    "TRAINER_ABI_MAJOR": _abi.ABI_MAJOR,
    "TRAINER_ABI_MINOR": _abi.ABI_MINOR,
    "TRAINER_PLUGIN_MAGIC": _abi.PLUGIN_MAGIC,
    "TRAINER_OK": _abi.OK,
    "TRAINER_ERROR": _abi.ERROR,
    "TRAINER_NOT_FOUND": _abi.NOT_FOUND,
    "TRAINER_UNAVAILABLE": _abi.UNAVAILABLE,
    "TRAINER_NOT_CONFIGURED": _abi.NOT_CONFIGURED,
    "TRAINER_NULL": _abi.NULL,
    "TRAINER_BOOLEAN": _abi.BOOLEAN,
    "TRAINER_INTEGER": _abi.INTEGER,
    "TRAINER_NUMBER": _abi.NUMBER,
    "TRAINER_STRING": _abi.STRING,
    "TRAINER_JSON": _abi.JSON,
    "TRAINER_EVENT_COUNT": len(_abi.EVENTS),
    "TRAINER_OF_MODEL": _tensors.OF_MODEL,
    "TRAINER_OF_GRADIENTS": _tensors.OF_GRADIENTS,
    "TRAINER_OF_OPTIMIZER": _tensors.OF_OPTIMIZER,
    "TRAINER_RUN_TRAINING": 0,
    "TRAINER_MOST_RESULTS": _abi.MOST_RESULTS,
    "TRAINER_OUTCOME_COMPLETED": _abi.OUTCOME_COMPLETED,
    "TRAINER_OUTCOME_STOPPED": _abi.OUTCOME_STOPPED,
    "TRAINER_OUTCOME_INTERRUPTED": _abi.OUTCOME_INTERRUPTED,
    "TRAINER_OUTCOME_FAILED": _abi.OUTCOME_FAILED,
    "TRAINER_RANKS_ALL": _abi.RANKS_ALL,
    "TRAINER_RANKS_WORLD_ZERO": _abi.RANKS_WORLD_ZERO,
    "TRAINER_RANKS_LOCAL_ZERO": _abi.RANKS_LOCAL_ZERO,
    "TRAINER_HAS_BEST_METRIC": 1,  # the deprecated name
    "TRAINER_STATE_HAS_BEST_METRIC": 1,
    "TRAINER_STATE_HAS_BEST_GLOBAL_STEP": 2,
    "TRAINER_STATE_HAS_BEST_MODEL_CHECKPOINT": 4,
    "TRAINER_STATE_HAS_TRAIN_BATCH_SIZE": 8,
    "TRAINER_STATE_HAS_TRIAL_NAME": 16,
    "TRAINER_HAS_EVAL_DATALOADER": 8,  # the deprecated name
    "TRAINER_EVENT_HAS_OPTIMIZER": 1,
    "TRAINER_EVENT_HAS_LR_SCHEDULER": 2,
    "TRAINER_EVENT_HAS_TRAIN_DATALOADER": 4,
    "TRAINER_EVENT_HAS_EVAL_DATALOADER": 8,
}
NUMBERS |= {"TRAINER_" + event.upper(): kind for kind, event in enumerate(_abi.EVENTS)}
TEXTS = {
    "TRAINER_NOTE_SECTION": _abi.NOTE_SECTION,
    "TRAINER_ENTRY_NAME": _abi.ENTRY_NAME,
    "TRAINER_EXT_MODEL": _abi.EXT_MODEL.decode(),
    "TRAINER_EXT_OPTIMIZER": _abi.EXT_OPTIMIZER.decode(),
    "TRAINER_EXT_PARAMETERS": _abi.EXT_PARAMETERS.decode(),
    "TRAINER_EXT_RUN": _abi.EXT_RUN.decode(),
    "TRAINER_EXT_STATE": _abi.EXT_STATE.decode(),
    "TRAINER_EXT_TRACKER": _abi.EXT_TRACKER.decode(),
    "TRAINER_EXT_PROCESS": _abi.EXT_PROCESS.decode(),
    "TRAINER_EXT_RANKS": _abi.EXT_RANKS.decode(),
    "TRAINER_EXT_CHECKPOINT": _abi.EXT_CHECKPOINT.decode(),
    "TRAINER_EXT_OUTCOME": _abi.EXT_OUTCOME.decode(),
    "TRAINER_EXT_RESULTS": _abi.EXT_RESULTS.decode(),
}

expected = {}
lines = ["#include <stdio.h>", "#include <trainer/plugin.h>"]
lines += [
    f"#include <trainer/ext/{name}.h>"
    for name in (
        "checkpoint",
        "model",
        "optimizer",
        "outcome",
        "parameters",
        "process",
        "ranks",
        "results",
        "run",
        "state",
        "tracker",
    )
]
lines += ["int main(void) {"]
for name, struct in STRUCTS.items():
    c_name = "struct " + name if name in ("trainer_map", "trainer_callback", "trainer_host") else name
    lines.append(f'printf("{name} %zu\\n", sizeof({c_name}));')
    expected[name] = str(ctypes.sizeof(struct))
    for field, *_ in struct._fields_:
        lines.append(
            f'printf("{name}.{field} %zu+%zu\\n", offsetof({c_name}, {field}), sizeof((({c_name}*)0)->{field}));'
        )
        at = getattr(struct, field)
        expected[f"{name}.{field}"] = f"{at.offset}+{at.size}"
for name, number in NUMBERS.items():
    lines.append(f'printf("{name} %lld\\n", (long long)({name}));')
    expected[name] = str(number)
for name, text in TEXTS.items():
    lines.append(f'printf("{name} %s\\n", {name});')
    expected[name] = text
lines += ["return 0; }"]

with work_directory() as work:
    printed = subprocess.run(
        [compile_c("\n".join(lines), work / "layout")], text=True, check=True, stdout=subprocess.PIPE
    )
found = dict(line.split(" ", 1) for line in printed.stdout.splitlines())
expect(len(found) > 150, f"only {len(found)} facts were compared")
for name in expected:
    expect_equal(expected[name], found[name], f"{name} in Python")
