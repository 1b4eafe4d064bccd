#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Record what the real Hugging Face ``Trainer`` does on one case on several processes, on every rank: Gloo, on the CPU.

    python record_ranks.py CASE.json OUTDIR [--keep DIR]

CASE.json is a run file as record_case.py has it, and besides
  world_size  number of processes; an action with "resume_from_checkpoint" begins new ones, and may carry its own
  nodes       number of machines that share them (default 1)
  script rules may have "rank": n, then they hold on that rank only

Rank 0 writes to OUTDIR what record_case.py writes; rank R to OUTDIR/rank-R trace.jsonl and result.json, of the actions that it
took part in. "files" of result.json is taken when all ranks are done. --keep copies output_dir to this new directory.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "support"))
from ddp import groups  # noqa: E402
from launch import launch  # noqa: E402


def work(case_file, outdir, first, last):
    """One group of actions on this rank, in the current directory, which all ranks share."""
    import record_case as real
    import torch.distributed as dist

    rank = int(os.environ["RANK"])
    mine = outdir if rank == 0 else outdir / f"rank-{rank}"
    mine.mkdir(parents=True, exist_ok=True)
    real.torch.set_num_threads(1)
    case = real.Case(case_file)
    for callback in case.cfg.get("callbacks", []):
        rules = callback.get("config", {}).get("rules", [])
        rules[:] = [rule for rule in rules if rule.pop("rank", rank) == rank]
    if rank:
        real.copy_state = lambda source, to: None  # rank 0's
    recorder = real.Recorder(mine)
    actions = case.cfg.get("actions", [{"do": "train"}])
    for action in actions[: first + 1]:
        case.args.update(action.get("args", {}))
    before = json.loads((mine / "result.json").read_text())["actions"] if (mine / "result.json").exists() else []
    results, error, trainer = [], None, None
    for i in range(first, last):
        recorder.action = i
        try:
            trainer = trainer or case.trainer()
            results.append({"do": actions[i]["do"], **case.act(trainer, actions[i])})
        except Exception as e:  # part of the contract
            error = {"action": i, "type": type(e).__name__, "message": str(e)}
            break
    if dist.is_initialized() and error is None:
        dist.barrier()
    out = Path(trainer.args.output_dir)
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    weights = {k: v.tolist() for k, v in trainer.model.state_dict().items()}
    if dist.is_initialized() and error is None:
        dist.barrier()
    if rank == 0:
        trainer.state.save_to_json("state.json")
        real.copy_state("state.json", mine / "trainer_state.json")
        os.remove("state.json")
    with open(mine / "trace.jsonl", "a") as f:
        f.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in recorder.trace)
    versions = {m.__name__: m.__version__ for m in (real.torch, real.transformers, real.accelerate)}
    result = {"actions": before + results, "error": error, "files": files, "final_weights": weights}
    (mine / "result.json").write_text(json.dumps(result | {"versions": versions}, indent=1) + "\n")
    if dist.is_initialized() and error is None:
        dist.destroy_process_group()
    sys.stdout.flush()
    os._exit(0)


def record(case_file, outdir, keep=None, resume_from=None):
    """An OSError when a rank fails. `resume_from`: a checkpoint, copied to the new output_dir first."""
    case = json.loads(Path(case_file).read_text())
    shutil.rmtree(outdir, ignore_errors=True)
    with tempfile.TemporaryDirectory() as tmp:
        if resume_from:
            shutil.copytree(resume_from, Path(tmp, "output", Path(resume_from).name))
        for world, first, last in groups(case):
            command = [sys.executable, "-W", "ignore", __file__, Path(case_file).resolve(), Path(outdir).resolve()]
            ended = launch([*command, "--actions", f"{first}:{last}"], world, Path(tmp), case.get("nodes", 1))
            if any(status for status, *_ in ended):
                raise OSError("\n".join(err for _, _, err in ended))
        if keep:
            shutil.copytree(Path(tmp, "output"), keep)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case")
    parser.add_argument("outdir")
    parser.add_argument("--keep")
    parser.add_argument("--actions", help=argparse.SUPPRESS)
    opts = parser.parse_args()
    if opts.actions:
        work(opts.case, Path(opts.outdir), *map(int, opts.actions.split(":")))
    record(opts.case, opts.outdir, opts.keep)


if __name__ == "__main__":
    main()
