# SPDX-License-Identifier: Apache-2.0
"""What two runs of one recorded training left through the trackers is the same: byte for byte, or record by record where a file has
times, the machine and its names in it.
"""

import filecmp
import json
import re
import sys
from itertools import zip_longest

import records

CALLBACKS = ["csv", "tensorboard", "dvclive", "wandb", "swanlab", "trackio", "html", "codecarbon", "early_stopping"]
# Those that need a client, and seconds.
CLIENTS = ["clearml", "comet_ml", "flyte", "neptune"]
# What trackers would read here, and what they may not do.
VARIABLES = {
    "WANDB_MODE": "offline",
    "WANDB_DISABLE_STATS": "true",
    "WANDB__DISABLE_STATS": "true",
    "WANDB_RUN_ID": "same",
    "WANDB_HOST": "host",
    "WANDB_CONSOLE": "off",
    "SWANLAB_MODE": "offline",
    "SWANLAB_PROJECT": "same",
    "SWANLAB_RUN_ID": "same",
    "SWANLAB_TERMINAL_PROXY_TYPE": "none",
    "TRACKIO_DIR": "trackio",
    "TZ": "UTC",
}


def only(paths):
    found = list(paths)
    if len(found) != 1:
        sys.exit(f"found {found}, expected one")
    return found[0]


def same_bytes(ours, theirs, *names):
    for name in names:
        if not filecmp.cmp(ours / name, theirs / name, shallow=False):
            lines = [(out / name).read_bytes().splitlines() for out in (theirs, ours)]
            sys.exit(f"{name} differs: " + "\n".join(f"{a} {b}" for a, b in zip_longest(*lines) if a != b))
        print("ok", name)


def same_tree(ours, theirs, name):
    left = sorted(path.relative_to(ours) for path in (ours / name).rglob("*") if path.is_file())
    right = sorted(path.relative_to(theirs) for path in (theirs / name).rglob("*") if path.is_file())
    if left != right or not left:
        sys.exit(f"{name} has {left} and {right}, expected the same files")
    same_bytes(ours, theirs, *left)


def same_records(what, ours, theirs, may_differ):
    wrong = [found for found in records.differences(ours, theirs) if not may_differ(*found[:2])]
    if wrong or not ours:
        sys.exit(f"{what}: " + "\n".join(map(str, wrong[:20])))
    print(f"ok {what}: {len(ours)} records")


def wall_time(path, _):
    """Of TensorBoard's events."""
    return path == "1"


def of_wandb(path, before):
    """When the run was, where, and on what: its record, the machine's, and two values of each line of the history."""
    return path.startswith(("17.", "26.")) or (path in ("2.1.16", "3.1.16") and before in (b"_timestamp", b"_runtime"))


def is_exit_of_wandb(record):
    """Which says how many seconds it took, and nothing for less than one."""
    return any(path.startswith("18") for path, _ in records.leaves(record))


def of_swanlab(path, _):
    """The seconds and nanoseconds of a record, of the start and of a scalar; the place of the configuration's file."""
    return path.rpartition(".")[0] in ("2", "10.12", "11.3", "13.4") or path == "20.2"


def page_of(file):
    """The page around its data, and its data but for place and time."""
    before, data, after = re.fullmatch(r'(.*id="data">)(.*?)(</script>.*)', file.read_text(), re.S).groups()
    data = json.loads(data)
    for run in data["runs"]:
        del run["directory"], run["updated"]
    return before + after, data


def same_lines(ours, theirs):
    """Trackio's fragments, but for names that are drawn and times."""
    found = []
    for out in (ours, theirs):
        text = "\n".join(path.read_text() for path in sorted(out.rglob("*.jsonl")))
        lines = [json.loads(line) for line in text.splitlines() if line]
        for line in lines:
            for drawn in ("run", "run_id", "log_id", "timestamp"):
                line.pop(drawn, None)
            (line.get("config") or {}).pop("_Created", None)
        found.append(lines)
    if found[0] != found[1] or not found[0]:
        sys.exit(f"trackio: found {found[0]}, expected {found[1]}")
    print(f"ok trackio: {len(found[0])} lines")


def same_files(ours, theirs):
    """Of a replay to CALLBACKS in the directories `ours` and `theirs`, with --output_dir out."""
    same_bytes(ours, theirs, "out/metrics.csv")
    same_tree(ours, theirs, "dvclive")
    events = [
        list(records.event_records(only(out.rglob("events.out.tfevents.*")).read_bytes())) for out in (ours, theirs)
    ]
    same_records("event files", *events, wall_time)
    logs = [list(records.log_records(only(out.rglob("run-*.wandb")).read_bytes(), 7)) for out in (ours, theirs)]
    same_records("W&B's log", *[[one for one in log if not is_exit_of_wandb(one)] for log in logs], of_wandb)
    logs = [list(records.log_records(only(out.rglob("run-*.swanlab")).read_bytes(), 7)) for out in (ours, theirs)]
    same_records("SwanLab's log", *logs, of_swanlab)
    same_lines(ours, theirs)
    pages = [page_of(out / "out/report.html") for out in (ours, theirs)]
    if pages[0] != pages[1]:
        sys.exit(f"report.html: {pages[0][1]}\nexpected {pages[1][1]}")
    print("ok report.html")
    headers = [(out / "out/emissions.csv").read_text().splitlines()[0] for out in (ours, theirs)]
    if headers[0] != headers[1]:
        sys.exit(f"emissions.csv has the columns {headers[0]}, expected {headers[1]}")
    print("ok emissions.csv's columns")
