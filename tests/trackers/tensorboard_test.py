# SPDX-License-Identifier: Apache-2.0
"""tensorboard: TensorBoard's own reader and its Rust data server read every scalar of the run's log history; resumed from
the first checkpoint into the same directory, and again, no step shows twice.
"""

import collections
import json
import time

from harness import Work, expect, go_on_in

go_on_in("test-venv")
import numpy
from tensorboard import context
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.data import server_ingester
from tensorboard.util import grpc_util, tensor_util


def train(work, name, *more, logging_dir=None):
    """A short training; gives its log history. `name` is the output directory's."""
    args = {"per_device_train_batch_size": 8, "logging_steps": 50}
    environment = {"TENSORBOARD_LOGGING_DIR": logging_dir} if logging_dir else {}
    history, _ = work.train("tensorboard", *more, output=name, args=args, env=environment)
    return history


def expected_scalars(history):
    """The rules of transformers' callback: {tag: [(step, float32), ...]} in the order of the logs."""
    scalars = collections.defaultdict(list)
    for entry in history:
        for key, value in entry.items():
            if key == "step":
                continue
            group, _, rest = key.partition("_")
            tag = f"{group}/{rest}" if rest and group in ("eval", "test") else f"train/{key}"
            scalars[tag].append((entry["step"], float(numpy.float32(value))))
    return dict(scalars)


def last_of_each_step(scalars):
    """The data server keeps one point of a step: a log and the summary of a run share the last one."""
    return {tag: list(dict(points).items()) for tag, points in scalars.items()}


def read_python(directory):
    """(scalars, texts) by the reader behind TensorBoard's plugins; no size limits."""
    reader = EventAccumulator(str(directory), size_guidance={"scalars": 0, "tensors": 0})
    reader.Reload()
    expect(reader.file_version == 2.0, f"{directory}: file version {reader.file_version}, not 2")
    tags = reader.Tags()
    scalars = {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in tags["scalars"]}
    texts = {}
    for tag in tags["tensors"]:
        plugin = reader.SummaryMetadata(tag).plugin_data.plugin_name
        expect(plugin == "text", f"{tag} belongs to the plugin {plugin!r}, not to 'text'")
        values = tensor_util.make_ndarray(reader.Tensors(tag)[-1].tensor_proto)
        texts[tag] = [v.decode() for v in values.reshape(-1)]
    return scalars, texts


class DataServer:
    """tensorboard-data-server over gRPC, as `tensorboard --load_fast=true` starts it. The data CRC of
    every record is checked, which it leaves out by default."""

    def __init__(self, directory):
        ingester = server_ingester.SubprocessServerDataIngester(
            server_binary=server_ingester.get_server_binary(),
            logdir=str(directory),
            reload_interval=1,
            channel_creds_type=grpc_util.ChannelCredsType.LOCAL,
            samples_per_plugin={"scalars": 0, "text": 0},
            extra_flags=["--checksum"],
        )
        ingester.start()
        self._ingester, self._data = ingester, ingester.data_provider

    def _read(self, read, plugin, value):
        runs = read(context.RequestContext(), experiment_id="", plugin_name=plugin, downsample=1000000)
        expect(len(runs) <= 1, f"the data server sees the runs {sorted(runs)}, not one")
        return {tag: [(p.step, value(p)) for p in points] for tags in runs.values() for tag, points in tags.items()}

    def scalars(self):
        return self._read(self._data.read_scalars, "scalars", lambda p: p.value)

    def texts(self):
        texts = self._read(self._data.read_tensors, "text", lambda p: [v.decode() for v in p.numpy.reshape(-1)])
        return {tag: points[-1][1] for tag, points in texts.items()}

    def wait_for(self, scalars):
        """It loads in the background: what it has once that is right, or at last."""
        for _ in range(100):
            found = self.scalars()
            if found == scalars:
                break
            time.sleep(0.1)
        return found


def compare(found, expected, reader):
    for tag in sorted(set(found) | set(expected)):
        expect(
            found.get(tag) == expected.get(tag),
            f"{reader}: {tag} is\n  {found.get(tag)}\nand the log history has\n  {expected.get(tag)}",
        )


def check(directory, history):
    expected = expected_scalars(history)
    scalars, texts = read_python(directory)
    compare(scalars, expected, "EventAccumulator")
    arguments = json.loads(texts["args/text_summary"][0])
    expect(arguments["learning_rate"] == 1e-3, "the text 'args' has another learning rate")

    expected = last_of_each_step(expected)
    server = DataServer(directory)
    compare(server.wait_for(expected), expected, "data server")
    expect(server.texts() == texts, f"the data server's texts are {server.texts()}")
    return sum(map(len, scalars.values()))


with Work() as work:
    history = train(work, "plain")
    directories = list((work.path / "plain" / "runs").iterdir())
    expect(len(directories) == 1, f"{directories} under runs, not one")
    scalars = check(directories[0], history)

    logs = work.path / "logs"
    train(work, "resumed", logging_dir=logs)
    first = min((work.path / "resumed").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for _ in range(2):
        history = train(work, "resumed", f"--resume_from_checkpoint={first}", logging_dir=logs)
        check(logs, history)
    expect(len(list(logs.iterdir())) == 3, "not one event file a run")
print(f"tensorboard: {scalars} scalars and the texts are equal in both readers; a resumed run repeats no step")
