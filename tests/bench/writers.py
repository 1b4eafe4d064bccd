# SPDX-License-Identifier: Apache-2.0
"""Microseconds of ten scalars and a flush with the event writers of Python: writers.py tensorboard|tensorboardx DIR"""

import json
import sys
import time


def make_writer(name, directory):
    if name == "tensorboardx":
        import tensorboardX
        return tensorboardX.SummaryWriter(directory)
    from torch.utils.tensorboard import SummaryWriter  # the one that transformers' callback uses: TensorBoard's own
    return SummaryWriter(log_dir=directory)


def main():
    writer, names, logs = make_writer(*sys.argv[1:3]), [f"train/metric_{i}" for i in range(10)], 500
    for step in range(logs + 50):
        if step == 50:
            start = time.perf_counter()
        for at, name in enumerate(names):
            writer.add_scalar(name, 0.1 * at, step)
        writer.flush()
    print(json.dumps({"us": 1e6 * (time.perf_counter() - start) / logs}))
    writer.close()


if __name__ == "__main__":
    main()
