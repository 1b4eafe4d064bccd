# SPDX-License-Identifier: Apache-2.0
"""Microseconds of what a tracker does, with those that are written in Python.
tracker_peers.py tensorboard|tensorboardx DIR     ten scalars and a flush
tracker_peers.py codecarbon DIR                   a measured run that is over at once, with its row of emissions.csv"""

import json
import sys
import time


def scalars(writer):
    names, logs = [f"train/metric_{i}" for i in range(10)], 500
    for step in range(logs + 50):
        if step == 50:
            start = time.perf_counter()
        for at, name in enumerate(names):
            writer.add_scalar(name, 0.1 * at, step)
        writer.flush()
    seconds = (time.perf_counter() - start) / logs
    writer.close()
    return seconds


def tensorboardx(directory):
    import tensorboardX

    return scalars(tensorboardX.SummaryWriter(directory))


def tensorboard(directory):
    from torch.utils.tensorboard import SummaryWriter  # the one that transformers' callback uses: TensorBoard's own

    return scalars(SummaryWriter(log_dir=directory))


def codecarbon(directory):
    import codecarbon  # its offline tracker: the other asks a server where it is

    start = time.perf_counter()
    tracker = codecarbon.OfflineEmissionsTracker(
        country_iso_code="FRA", output_dir=directory, log_level="error", allow_multiple_runs=True
    )
    tracker.start()
    tracker.stop()
    return time.perf_counter() - start


TRACKERS = {"tensorboard": tensorboard, "tensorboardx": tensorboardx, "codecarbon": codecarbon}

if __name__ == "__main__":
    print(json.dumps({"us": 1e6 * TRACKERS[sys.argv[1]](sys.argv[2])}))
