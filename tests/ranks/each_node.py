# SPDX-License-Identifier: Apache-2.0
"""save_on_each_node: of two machines, here folders, the first rank of each writes all files, and each resumes from its
own, to the end of a run that was not cut; a machine that has none is named."""

import shutil

from launch import HOST, expect, launch, run_cases, run_file, train, whole_checkpoints

ARGS = {"max_steps": 8, "save_steps": 4, "save_on_each_node": True, "ddp_timeout": 30}


def on_two_nodes(work, *more):
    """[(status, text)] of four ranks, two a machine."""
    places = {rank: {"LOCAL_RANK": rank % 2, "LOCAL_WORLD_SIZE": 2, "GROUP_RANK": rank // 2} for rank in range(4)}
    folders = [work / f"node-{node}" for node in range(2)]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    command = train(work / "run.json", *more)
    with launch(command, lambda rank: folders[rank // 2], world=4, env=places.get) as processes:
        return [(process.wait(), process.text()) for process in processes]


def each_node(work):
    run_file(work / "run.json", args=ARGS, callbacks=[])
    nodes = [work / f"node-{node}/out" for node in range(2)]
    for rank, (status, text) in enumerate(on_two_nodes(work)):
        expect(status == 0, f"rank {rank}: {status}: {text}")
    for out in nodes:
        expect(whole_checkpoints(out) == [4, 8], f"{out}: {whole_checkpoints(out)}")
        generators = sorted(path.name for path in (out / "checkpoint-4").glob("rng_state*"))
        expect(generators == [f"rng_state_{rank}.safetensors" for rank in range(4)], f"{out}: {generators}")
    for name in ("checkpoint-4/model.safetensors", "checkpoint-4/optimizer.pt", "model.safetensors"):
        first, second = [(out / name).read_bytes() for out in nodes]
        expect(first == second, f"{name} differs between the machines")
    for out in nodes:
        shutil.rmtree(out / "checkpoint-8")
        (out / "model.safetensors").unlink()
    for rank, (status, text) in enumerate(on_two_nodes(work, "--resume_from_checkpoint")):
        expect(status == 0, f"resumed, rank {rank}: {status}: {text}")
    for out in nodes:
        expect(whole_checkpoints(out) == [4, 8], f"resumed, {out}: {whole_checkpoints(out)}")
        expect((out / "model.safetensors").read_bytes() == first, f"resumed, {out}: the weights are others")
    shutil.rmtree(nodes[1])
    told = 0
    for rank, (status, text) in enumerate(on_two_nodes(work, "--resume_from_checkpoint")):
        expect(status == 1, f"without files, rank {rank}: {status}: {text}")
        if rank >= 2:
            missing = f"rank {rank} (host {HOST}) does not see out/checkpoint-8, from which rank 0 resumes; put"
            expect(missing in text or "[ranks.lost]" in text, f"without files, rank {rank}: {text}")
            told += missing in text
    expect(told > 0, "no rank of the machine without files says so")


if __name__ == "__main__":
    run_cases([each_node], 1)
