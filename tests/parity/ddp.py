#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the cases of ddp/ on several processes, and compares every rank with the recording.

    python ddp.py TRAINER [--half first|second] [--torchrun PYTHON [--standalone]] [--keep DIR] [NAME ...]

As record_ranks.py does, it starts new processes for each group of actions (one begins at "resume_from_checkpoint"), with
torchrun's variables set by itself, or by PYTHON's torchrun. Each group gets a run file of its own, without the keys that only
these cases have; the groups' records are joined. Prints a line a case that differs; exit status 1 when one does.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SET = HERE / "ddp"
sys.path.insert(0, str(HERE.parent / "support"))
from launch import launch, run_all, torchrun  # noqa: E402


def groups(case):
    """[(world_size, first action, last action + 1)]: what each launch does."""
    actions = case.get("actions", [{"do": "train"}])
    starts = [0] + [i for i, action in enumerate(actions) if i and action.get("resume_from_checkpoint")]
    world = case["world_size"]
    for start, end in zip(starts, starts[1:] + [len(actions)]):
        world = actions[start].get("world_size", world)
        yield world, start, end


def join(part, out, first):
    """Appends one group's record of one rank to the case's."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "trace.jsonl", "a") as f:
        for line in (part / "trace.jsonl").read_text().splitlines():
            event = json.loads(line)
            event["action"] += first
            f.write(json.dumps(event) + "\n")
    result = json.loads((part / "result.json").read_text())
    if (out / "result.json").exists():
        result["actions"] = json.loads((out / "result.json").read_text())["actions"] + result["actions"]
    if result["error"]:
        result["error"]["action"] += first
    (out / "result.json").write_text(json.dumps(result))
    for file in part.glob("*trainer_state.json"):
        (out / file.name).write_text(file.read_text())


def absolute(spec):
    return {k: absolute(v) for k, v in spec.items()} if isinstance(spec, dict) else str(SET / "cases" / spec)


def run_case(trainer, case, folder, out, opts):
    """What was said on stderr; an OSError when a rank left no record."""
    actions, args, said = case.get("actions", [{"do": "train"}]), dict(case["args"]), ""
    for world, first, last in groups(case):
        for action in actions[: first + 1]:
            args.update(action.get("args", {}))
        run = {k: v for k, v in case.items() if k not in ("world_size", "nodes")}
        run["args"] = args
        run["actions"] = [{k: v for k, v in a.items() if k not in ("world_size", "args")} for a in actions[first:last]]
        run["data"] = {k: v if k == "target" else absolute(v) for k, v in case["data"].items()}
        if "init_from" in case:
            run["init_from"] = absolute(case["init_from"])
        (folder / "run.json").write_text(json.dumps(run))
        part, nodes = folder / f"part-{first}", case.get("nodes", 1)
        command = [trainer, "run", "run.json", "--output_dir", "output", "--report_to", "none", "--record", str(part)]
        if opts and opts.torchrun:
            options = ["--standalone"] if opts.standalone else []
            ended = run_all(torchrun(opts.torchrun, command, world, nodes, options), folder)
        else:
            ended = launch(command, world, folder, nodes)
        said += "\n".join(err for _, _, err in ended)
        for rank in range(world):
            here = part if rank == 0 else part / f"rank-{rank}"
            if not (here / "result.json").exists():
                raise OSError(f"rank {rank} left no record, exit statuses {[status for status, *_ in ended]}\n{said}")
            join(here, out if rank == 0 else out / f"rank-{rank}", first)
    return said


def compare(expected, actual, *options):
    """What differs, or nothing."""
    argv = [sys.executable, HERE / "compare.py", expected, actual, *options]
    compared = subprocess.run(argv, capture_output=True, text=True)
    return "" if compared.returncode == 0 else compared.stdout + compared.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trainer")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--half", choices=("first", "second"), help="every other case")
    parser.add_argument("--torchrun", metavar="PYTHON", help="starts the processes")
    parser.add_argument("--standalone", action="store_true", help="lets torchrun find a port")
    parser.add_argument("--keep", help="a folder for the records")
    opts = parser.parse_intermixed_args()  # names may follow options
    trainer = str(Path(opts.trainer).resolve())
    names = opts.names or sorted(p.stem for p in (SET / "cases").glob("*.json"))
    if opts.half:
        names = names[opts.half == "second" :: 2]

    def differences(name):
        with tempfile.TemporaryDirectory() as tmp:
            out = Path(opts.keep, name).resolve() if opts.keep else Path(tmp, "record")
            try:
                said = run_case(trainer, json.loads((SET / "cases" / f"{name}.json").read_text()), Path(tmp), out, opts)
            except OSError as e:
                return str(e)
            found = compare(SET / "expected" / name, out, "--atol", "2e-6")
            return found and found + said

    with concurrent.futures.ThreadPoolExecutor(max(os.cpu_count() or 1, 2)) as pool:
        results = dict(zip(names, pool.map(differences, names)))
    bad = {name: text for name, text in results.items() if text}
    for name, text in bad.items():
        print(f"{name} differs:\n  " + text.strip().replace("\n", "\n  "))
    print(f"{len(names) - len(bad)} of {len(names)} cases equal")
    return 1 if bad or not names else 0


if __name__ == "__main__":
    sys.exit(main())
