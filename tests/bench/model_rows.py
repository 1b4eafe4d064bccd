# SPDX-License-Identifier: Apache-2.0
"""The rows of exported models: trained in C++, and the modules themselves in Python."""

import os
import sys

from measure import Row, Samples, Scratch, Server, run

HERE = os.path.dirname(os.path.abspath(__file__))
LARGE = ("bert_256", "bert_100mb")  # where LibTorch's kernels take the time, whoever calls them


class Models:
    def __init__(self, env, scratch, export="export"):
        self.env, self.scratch, self.samples = env, scratch, Samples()
        self.peers = [env.python, f"{HERE}/model_peers.py"]
        self.measured = run([*self.peers, export, scratch], timeout=3600)  # a compiled step takes minutes of a compiler

    def ours(self, name, warm_up, steps, *compiled):
        files = [f"{self.scratch}/{name}.{end}" for end in ("pt2", "safetensors")]
        rows = self.measured[name][0]
        return run([f"{self.env.programs}/exported", *files, rows, warm_up, steps, f"{self.scratch}/out", *compiled])

    def steps(self, name, python):
        _, *counts = self.measured[name]
        kinds = ["trainer", "pytorch"] + ([] if name in LARGE else ["transformers"])
        for number in range(self.env.rounds):
            for kind in kinds[number % len(kinds) :] + kinds[: number % len(kinds)]:
                got = self.ours(name, *counts) if kind == "trainer" else python.ask(f"{kind} {name}")
                self.samples.add(f"{name} {kind}", got["us"])
        for kind in kinds:
            yield Row(f"{name}: {kind}", self.samples.value(f"{name} {kind}"), "us")
        ratio = self.samples.ratio(f"{name} trainer", f"{name} pytorch")
        yield Row(f"{name}: trainer / PyTorch loop", ratio, "x", 1 if name in LARGE else 0.8)
        if name not in LARGE:
            ratio = self.samples.ratio(f"{name} transformers", f"{name} trainer")
            yield Row(f"{name}: transformers / trainer", ratio, "x", 1.5, ">=")

    def compiled_steps(self, name, python):
        """A step as code, beside the interpreter and what the limits name."""
        rows, *counts = self.measured[name]
        hidden = {"mlp": 64, "mlp_256": 256, "mlp_1024": 1024}.get(name)
        peer, limit = ("fused loop", {64: 0.35, 256: 0.8}.get(hidden, 1)) if hidden else ("PyTorch loop", None)
        limit = 0.6 if name in ("bert", "gpt2") else limit
        ways = {
            "compiled": lambda: self.ours(name, *counts, "update"),
            "interpreted": lambda: self.ours(name, *counts),
            "fused loop": lambda: run([f"{self.env.programs}/step", "fused", hidden, rows, counts[1], "-", "-"]),
            "PyTorch loop": lambda: python.ask(f"pytorch {name}"),
        }
        kinds = ["compiled", "interpreted", peer]
        for number in range(2 * self.env.rounds):
            for kind in kinds[number % len(kinds) :] + kinds[: number % len(kinds)]:
                self.samples.add(f"{name} {kind}", ways[kind]()["us"])
        for kind in kinds:
            yield Row(f"compiled {name}: {kind}", self.samples.value(f"{name} {kind}"), "us")
        ratio = self.samples.ratio(f"{name} compiled", f"{name} {peer}")
        yield Row(f"compiled {name}: compiled / {peer}", ratio, "x", limit)
        ratio = self.samples.ratio(f"{name} compiled", f"{name} interpreted")
        yield Row(f"compiled {name}: compiled / interpreted", ratio, "x", 1)

    def memory(self, name):
        """The most, over the steps that are timed."""
        own = self.ours(name, *self.measured[name][1:])["peak_kb"]
        peer = run([*self.peers, "pytorch", name])["peak_kb"]
        yield Row(f"{name}: memory, trainer", (own / 1024, own / 1024), "MiB")
        yield Row(f"{name}: memory, trainer / PyTorch loop", (own / peer, own / peer), "x", 1)

    def start(self, name):
        for _ in range(self.env.rounds):
            self.samples.add("bare", run([f"{self.env.programs}/start_bare"])["seconds"])
            self.samples.add(name, self.ours(name, 0, 1)["seconds"])
        yield Row(f"{name}: start to first step", self.samples.value(name), "s")
        yield Row(f"{name}: start to first step - bare program", self.samples.difference(name, "bare"), "s", 0.5)


def models(env):
    if "transformers" not in env.peers:
        print("models are left out: a Python with torch and transformers makes them", file=sys.stderr)
        return
    with Scratch(env.work) as scratch:
        them = Models(env, scratch)
        with Server([*them.peers, "serve", scratch]) as python:
            for name in them.measured:
                yield from them.steps(name, python)
        for name in ("gpt2", *LARGE):
            yield from them.memory(name)
        yield from them.start("bert_100mb")


def compiled(env):
    if "transformers" not in env.peers:
        print("compiled is left out: a Python with torch and transformers makes the models", file=sys.stderr)
        return
    with Scratch(env.work) as scratch:
        them = Models(env, scratch, "export_compiled")
        with Server([*them.peers, "serve", scratch]) as python:
            for name in them.measured:
                yield from them.compiled_steps(name, python)
