#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records the orders of transformers' samplers that look at lengths: tests/host/recorded/samplers.json.

    build/test-venv/bin/python tests/host/record_samplers.py >tests/host/recorded/samplers.json

by_length draws from the default generator, which is seeded once, then gives an epoch after another; eval has a generator of its own, and is
a kept loader's of two evaluations.
"""

import json
import random

import torch
from transformers.trainer_pt_utils import BatchRebalanceSampler, LengthGroupedSampler


def by_length(lengths, batch_size, seed):
    torch.manual_seed(seed)
    sampler = LengthGroupedSampler(batch_size, lengths=lengths)
    evaluation = LengthGroupedSampler(batch_size, lengths=lengths, generator=torch.Generator().manual_seed(seed))
    case = {"batch_size": batch_size, "seed": seed, "lengths": lengths}
    return case | {"epochs": [list(sampler) for _ in range(3)], "eval": [list(evaluation) for _ in range(2)]}


def rebalanced(lengths, step_rows, micro_batches, drop_last, world=1):
    """The batches of all processes, in turn."""
    samplers = [
        BatchRebalanceSampler(
            lengths, step_rows, dp_size=world, grad_accum=micro_batches, rank=rank, drop_last=drop_last
        )
        for rank in range(world)
    ]
    epochs = []
    for epoch in range(3):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        epochs.append([batch for side_by_side in zip(*samplers, strict=True) for batch in side_by_side])
    case = {"step_rows": step_rows, "micro_batches": micro_batches, "drop_last": drop_last, "world": world}
    return case | {"lengths": lengths, "epochs": epochs}


def main():
    draw = random.Random(5)
    lengths = [[draw.randint(1, most) for _ in range(rows)] for rows, most in ((1, 9), (7, 3), (50, 40), (230, 12))]
    spread = [draw.choice((3, 5, 600)) + draw.randint(0, 9) for _ in range(41)]
    found = {
        "by_length": [
            by_length(lengths[row], batch_size, seed)
            for row, batch_size, seed in ((0, 4, 1), (1, 2, 42), (2, 3, 7), (2, 60, 0), (3, 1, 2**40 + 3))
        ],
        "rebalanced": [
            rebalanced(*case)
            for case in (
                (lengths[2], 8, 1, False),
                (lengths[2], 12, 4, False),
                (lengths[2], 12, 4, True),
                (lengths[2], 24, 24, False),  # the last step has two rows of 24
                (spread, 16, 4, False),
                (spread, 10, 3, True),
                (lengths[0], 4, 2, False),
                (lengths[1], 8, 2, True),  # no step
                (lengths[2], 16, 2, False, 2),
                (spread, 16, 4, False, 2),  # groups of one row, which hold up those beside them
                (spread, 12, 1, False, 3),
                (spread, 12, 2, True, 3),
                (lengths[3], 30, 3, False, 4),
            )
        ],
    }
    print("{" + ",\n".join(f'"{k}": [\n' + ",\n".join(map(json.dumps, v)) + "]" for k, v in found.items()) + "}")


if __name__ == "__main__":
    main()
