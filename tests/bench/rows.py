# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: what is run, and which limit it has. docs/performance.md explains each."""

import json
import os
import re
import shlex
import shutil
import subprocess
import time

from measure import Row, Samples, Scratch, run
from model_rows import compiled, models

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = [(64, 8, 1.05), (256, 32, 1.02), (1024, 64, 1.02)]


def steps(env):
    for hidden, batch, limit in SIZES:
        count = {64: 1000, 256: 250, 1024: 50}[hidden]
        label = f"step H={hidden} batch={batch}: "
        samples = Samples()
        # Many short rounds: a machine that others use too is fast for a second or two at a time.
        for number in range(4 * env.rounds):
            kinds = ["trainer", "fused", "loop"] + (env.peers if number < env.peer_rounds else [])
            # Each round begins with another one, so that none always follows the same.
            for kind in kinds[number % len(kinds) :] + kinds[: number % len(kinds)]:
                with Scratch(env.work) as scratch:
                    if kind in env.peers:
                        command = [env.python, f"{HERE}/step_peers.py", kind, hidden, batch, count, scratch]
                    else:
                        command = [f"{env.programs}/step", kind, hidden, batch, count, scratch, env.plugins]
                    samples.add(kind, run(command)["us"])
        for kind in samples:
            yield Row(label + kind, samples.value(kind), "us")
        yield Row(label + "trainer / fused loop", samples.ratio("trainer", "fused"), "x", limit)
        yield Row(label + "plain loop / trainer", samples.ratio("loop", "trainer"), "x", 1.5, ">=")
        for kind in env.peers:
            if kind not in samples:
                continue
            # What the fused loop, which no callback delays, reaches on this machine.
            bound = 0.95 * samples.ratio(kind, "fused")[0] if kind == "transformers" and hidden == 64 else None
            yield Row(f"{label}{kind} / trainer", samples.ratio(kind, "trainer"), "x", bound, ">=")


def on_two(env, command):
    """The command in two processes, as torchrun starts them; what one of them prints."""
    torchrun = [env.python, "-m", "torch.distributed.run", "--no-python", "--standalone", "--nproc-per-node", 2]
    return run([*torchrun, *command])["us"]


def two_processes(env):
    """A step of two processes on this machine, beside that of one and what the engine takes for its messages alone."""
    if "transformers" not in env.peers:
        return
    for (hidden, batch, _), faster in zip(SIZES, (4, 2.2, 1.3)):
        count = {64: 500, 256: 200, 1024: 30}[hidden]
        label = f"two processes H={hidden} batch={batch}: "
        samples = Samples()
        for number in range(env.rounds):
            kinds = ["trainer", "one", "messages"] + (["transformers"] if number < env.peer_rounds else [])
            for kind in kinds[number % len(kinds) :] + kinds[: number % len(kinds)]:
                with Scratch(env.work) as scratch:
                    if kind in ("trainer", "one"):
                        command = [f"{env.programs}/step", "trainer", hidden, batch, count, scratch, env.plugins]
                    else:
                        command = [env.python, f"{HERE}/step_peers.py", kind, hidden, batch, count, scratch]
                    samples.add(kind, run(command)["us"] if kind == "one" else on_two(env, command))
            samples.add("bound", samples["messages"][-1] + 1.1 * samples["one"][-1])
        for kind in ("trainer", "one", "messages", "transformers"):
            yield Row(label + kind, samples.value(kind), "us")
        yield Row(label + "transformers / trainer", samples.ratio("transformers", "trainer"), "x", faster, ">=")
        yield Row(label + "trainer / (messages + 1.1 one)", samples.ratio("trainer", "bound"), "x", 1)


def micro(env):
    samples, lines = Samples(), {}
    for _ in range(2 * env.rounds):
        with Scratch(env.work) as scratch:
            done = subprocess.run(
                [f"{env.programs}/micro", env.plugins, "--benchmark_format=json", "--benchmark_min_time=0.1"],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "TMPDIR": scratch},
            )
        lines = {one["name"]: one for one in json.loads(done.stdout)["benchmarks"]}
        for name, one in lines.items():
            # Waits for the processor, which others use, are no cost of ours; those of a whole run are.
            samples.add(name, one["real_time" if name.startswith("measured_run") else "cpu_time"])
            if "allocations" in one:
                samples.add(name + " allocations", one["allocations"])
        samples.add("slope", (lines["dispatch/64"]["cpu_time"] - lines["dispatch/1"]["cpu_time"]) / 63)
    for name in ("tensorboard", "tensorboardx", "codecarbon") if env.peers else ():
        for _ in range(env.peer_rounds):
            with Scratch(env.work) as scratch:
                samples.add(name, run([env.python, f"{HERE}/tracker_peers.py", name, scratch])["us"])

    def us(name):
        return tuple(number / 1000 for number in samples.value(name))

    rows = [
        Row("dispatch: each subscribed plugin and event", samples.value("slope"), "ns", 5),
        Row("dispatch: an event with one subscribed plugin", samples.value("dispatch/1"), "ns"),
        Row("dispatch: an event that none of 64 plugins subscribes", samples.value("dispatch_none_of_64"), "ns", 1),
    ]
    for plugin, size in (("csv", 210), ("tensorboard", 590)):
        rows.append(Row(f"on_log, 10 scalars of 10000 known ones: {plugin}", us("on_log_of_many_keys/" + plugin), "us"))
        rows += [
            Row(f"on_log, 10 scalars and flush: {plugin}", us("on_log/" + plugin), "us", 3),
            Row(f"  of which a write() of {size} bytes", us(f"append_bytes/{size}"), "us"),
            Row("  allocations per call", samples.value(f"on_log/{plugin} allocations"), "", 0),
        ]
    rows.append(Row("on_log, 10 scalars: html, its page now and then", us("on_log/html"), "us"))
    for name in ("tensorboard", "tensorboardx"):
        if name in samples:
            rows.append(Row(f"on_log, 10 scalars and flush: Python, {name}", samples.value(name), "us"))
    rows.append(
        Row("a measured run that is over at once: codecarbon", us("measured_run/iterations:20/real_time"), "us")
    )
    if "codecarbon" in samples:
        rows.append(Row("a measured run that is over at once: Python, codecarbon", samples.value("codecarbon"), "us"))
    return rows


def start(env):
    samples = Samples()
    for _ in range(env.rounds):
        for kind, command in (
            ("bare", [f"{env.programs}/start_bare"]),
            ("trainer", [f"{env.programs}/step", "trainer", 64, 8, 1]),
        ):
            with Scratch(env.work) as scratch:
                got = run(command + ([scratch, env.plugins] if kind == "trainer" else []))
            samples.add(kind, got["seconds"])
            samples.add(kind + " memory", got["rss_kb"] / 1024)
    return [
        Row("start to first step: bare LibTorch program", samples.value("bare"), "s"),
        Row("start to first step: trainer", samples.value("trainer"), "s", 0.35),
        Row("start to first step: trainer - bare", samples.difference("trainer", "bare"), "s", 0.05),
        Row("memory at the first step: bare LibTorch program", samples.value("bare memory"), "MiB"),
        Row("memory at the first step: trainer - bare", samples.difference("trainer memory", "bare memory"), "MiB", 10),
    ]


def loader(env):
    samples = Samples()
    for _ in range(env.rounds):
        for name, value in run([f"{env.programs}/loader"]).items():
            samples.add(name, value)
    best = {name: (max(values), samples.value(name)[1]) for name, values in samples.items()}
    ratios = [a / b for a, b in zip(samples["ours"], samples["torch"])]
    return [
        Row("data loader: built-in", best["ours"], "rows/s"),
        Row("data loader: built-in, 2 threads", best["ours_2_threads"], "rows/s"),
        Row("data loader: torch::data, an item at a time", best["torch"], "rows/s"),
        Row("data loader: built-in / torch::data", (max(ratios), sorted(ratios)[len(ratios) // 2]), "x", 3, ">="),
        Row("data loader: share of time waiting, 1 ms a batch, no thread", samples.value("waited")),
        Row("data loader: the same with 2 threads ahead", samples.value("waited_2_threads"), "", 0.05),
    ]


def dd_speed(directory, megabytes):
    """Megabytes a second of dd with fsync at the end."""
    begin = time.perf_counter()
    subprocess.run(
        ["dd", "if=/dev/zero", f"of={directory}/dd", "bs=1000000", f"count={megabytes}", "conv=fsync"],
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - begin
    os.remove(f"{directory}/dd")
    return megabytes / seconds


def checkpoint(env):
    samples = Samples()
    for _ in range(env.rounds if env.quick else min(env.rounds, 5)):
        with Scratch(env.work) as scratch:
            samples.add("dd", dd_speed(scratch, env.megabytes))
            for name, value in run([f"{env.programs}/checkpoint", env.megabytes, scratch]).items():
                samples.add(name, value)
    best = {name: (max(values), samples.value(name)[1]) for name, values in samples.items()}

    def share(name, of):
        ratios = sorted(a / b for a, b in zip(samples[name], samples[of]))
        return best[name][0] / best[of][0], ratios[len(ratios) // 2]

    return [
        Row(f"checkpoint of {env.megabytes} MB: dd with fsync", best["dd"], "MB/s"),
        Row("checkpoint: written and flushed", best["write_sync_mb_s"], "MB/s"),
        Row("checkpoint: written and flushed / dd", share("write_sync_mb_s", "dd"), "x", 0.8, ">="),
        Row(
            "checkpoint: written and flushed / plain write() of the bytes",
            share("write_sync_mb_s", "plain_write_mb_s"),
            "x",
        ),
        Row("checkpoint: read into new tensors", best["read_mb_s"], "MB/s"),
        Row("checkpoint: checked and read into a model, as on resume", best["resume_mb_s"], "MB/s"),
        Row(
            "checkpoint: on resume / plain read of the cached file",
            share("resume_mb_s", "page_cache_mb_s"),
            "x",
            0.45,  # each byte is read once more than by the plain read, for its digest
            ">=",
        ),
        Row("checkpoint: optimizer.pt read and copied into new tensors", best["read_states_mb_s"], "MB/s"),
        Row("checkpoint: a save holds the training up", samples.value("held_s"), "s"),
        Row("checkpoint: with async_save, the first", samples.value("held_async_s"), "s"),
        Row("checkpoint: with async_save, the next", samples.value("held_again_s"), "s"),
        Row(
            "checkpoint: with async_save, the first / a copy of the tensors",
            samples.ratio("held_async_s", "copy_s"),
            "x",
            1.5,
        ),
    ]


def scale(env):
    logs = 100_000 if env.quick else 10_000_000
    got = {name: (value, value) for name, value in run([f"{env.programs}/scale", logs]).items()}
    return [
        Row(f"scale: bytes that {logs} steps leave without logs", got["bytes_without_logs"], "bytes", 4096),
        Row(f"scale: bytes that {logs} logs leave with log_history_limit 1000", got["bytes_limited"], "bytes", 1 << 20),
        Row("scale: log_history without it, each log of 4 numbers", got["bytes_a_log"], "bytes"),
        Row("scale: first step, 1000 plugins installed, 10 enabled", thousand_plugins(env), "s"),
        Row("scale: the same, 10 installed", thousand_plugins(env, installed=10), "s"),
    ]


def thousand_plugins(env, installed=1000):
    """Copies of one plugin under ids of their own, ten of them named by the run; the whole command for one step."""
    samples = Samples()
    with open(f"{env.plugins}/early_stopping.so", "rb") as file:
        library = file.read()
    with Scratch(env.work) as scratch:
        os.mkdir(f"{scratch}/plugins")
        for number in range(installed):
            with open(f"{scratch}/plugins/early_stop{number:04}.so", "wb") as file:
                file.write(library.replace(b"early_stopping", b"early_stop%04d" % number))
        with open(f"{scratch}/data.csv", "w") as file:
            file.write("x,y,label\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")
        with open(f"{scratch}/run.json", "w") as file:
            json.dump(
                {
                    "model": {"type": "mlp", "layers": [2, 4, 2], "activation": "relu"},
                    "data": {"train": "data.csv", "eval": "data.csv", "target": "label"},
                    "loss": "cross_entropy",
                    "args": {
                        "max_steps": 1,
                        "report_to": "none",
                        "eval_strategy": "steps",
                        "save_strategy": "steps",
                        "load_best_model_at_end": True,
                        "output_dir": f"{scratch}/out",
                    },
                    "callbacks": [{"plugin": f"early_stop{number:04}"} for number in range(10)],
                    "actions": [{"do": "train"}],
                },
                file,
            )
        for _ in range(min(env.rounds, 3)):
            begin = time.perf_counter()
            done = subprocess.run(
                [env.trainer, "train", f"{scratch}/run.json", "--plugin-dir", f"{scratch}/plugins"],
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                raise SystemExit(done.stderr[-2000:])
            samples.add("run", time.perf_counter() - begin)
            shutil.rmtree(f"{scratch}/out")
    return samples.value("run")


def isolation(env):
    """Events of plugins in processes of their own: a million that nobody waits for, some that are, and logs for csv."""
    samples = Samples()
    for _ in range(env.rounds):
        with Scratch(env.work) as scratch:
            for name, value in run([f"{env.programs}/isolation", env.plugins, 1_000_000, scratch]).items():
                samples.add(name, value)
    return [
        Row("isolation: each of 1000000 events that are not waited for", samples.value("ns"), "ns", 1000),
        Row("isolation: allocations per event", samples.value("allocations"), "", 0),
        Row("isolation: memory that these events leave", samples.value("kilobytes"), "KiB", 8192),
        Row("isolation: on_log, 4 scalars, not waited for: csv", samples.value("log_ns"), "ns"),
        Row("isolation: an event that is waited for", samples.value("waited_us"), "us"),
    ]


def compile_times(env):
    """Processor seconds of the compiler on files that include headers and do nothing."""
    entries = json.loads(open(f"{env.build}/compile_commands.json").read())
    command = next(entry["command"] for entry in entries if "/trainer_host.dir/" in entry["command"])
    compiler = re.search(r"(?:^| )(\S*/\S*(?:\+\+|clang)\S*) ", command)[1]
    flags = re.findall(r"-isystem \S+|-I\S+/include(?= )|-D\S+|-std=\S+", command)
    files = {
        "torch": ["torch/torch.h"],
        "both": ["torch/torch.h", "trainer/trainer.hpp"],
        "trainer": ["trainer/trainer.hpp"],
    }
    samples = Samples()
    with Scratch(env.work) as scratch:
        for name, headers in files.items():
            with open(f"{scratch}/{name}.cpp", "w") as file:
                file.write("".join(f"#include <{header}>\n" for header in headers))
        for number in range(env.rounds):
            kinds = list(files)
            for kind in kinds[number % 3 :] + kinds[: number % 3]:
                before = os.times().children_user
                words = [
                    compiler,
                    *shlex.split(" ".join(flags)),
                    "-O2",
                    "-c",
                    f"{scratch}/{kind}.cpp",
                    "-o",
                    os.devnull,
                ]
                subprocess.run(words, check=True)
                samples.add(kind, os.times().children_user - before)
    return [
        Row("compile: a file with torch/torch.h", samples.value("torch"), "s"),
        Row("compile: with trainer/trainer.hpp too / without", samples.ratio("both", "torch"), "x", 1.1),
        Row("compile: with trainer/trainer.hpp alone / torch/torch.h", samples.ratio("trainer", "torch"), "x", 1.1),
    ]


ALL = {
    "step": steps,
    "ddp": two_processes,
    "models": models,
    "compiled": compiled,
    "micro": micro,
    "start": start,
    "loader": loader,
    "checkpoint": checkpoint,
    "scale": scale,
    "isolation": isolation,
    "compile": compile_times,
}
