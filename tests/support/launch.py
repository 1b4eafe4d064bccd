# SPDX-License-Identifier: Apache-2.0
"""Starts a command as several processes of one launch: with torchrun's variables, or by the real torchrun."""

import os
import socket
import subprocess


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def places(world, nodes=1, port=None):
    """The variables of each rank."""
    per_node, port = world // nodes, str(port or free_port())
    return [
        {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "RANK": str(rank), "WORLD_SIZE": str(world)}
        | {"LOCAL_RANK": str(rank % per_node), "LOCAL_WORLD_SIZE": str(per_node), "GROUP_RANK": str(rank // per_node)}
        for rank in range(world)
    ]


def torchrun(python, command, world, nodes=1, options=()):
    """The command lines of one torchrun a node."""
    start = [python, "-m", "torch.distributed.run", "--no-python", "--nproc-per-node", str(world // nodes), *options]
    if nodes == 1:
        return [[*start, *command]]
    start += ["--master-addr", "127.0.0.1", "--master-port", str(free_port()), "--nnodes", str(nodes)]
    return [[*start, "--node-rank", str(node), *command] for node in range(nodes)]


def run_all(commands, folder, variables=None, timeout=120):
    """[(exit status, stdout, stderr)] of commands that run at the same time; those that outlive the time are killed."""
    running, texts = [], []
    for i, command in enumerate(commands):
        env = os.environ | {"OMP_NUM_THREADS": "1"} | (variables[i] if variables else {})
        out, err = open(folder / f"stdout-{i}", "w+"), open(folder / f"stderr-{i}", "w+")
        texts.append((out, err))
        running.append(subprocess.Popen([str(word) for word in command], cwd=folder, env=env, stdout=out, stderr=err))
    try:
        for process in running:
            process.wait(timeout)
    except subprocess.TimeoutExpired:
        pass
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    ended = []
    for process, files in zip(running, texts):
        said = []
        for file in files:
            file.seek(0)
            said.append(file.read())
            file.close()
        ended.append((process.returncode, *said))
    return ended


def launch(command, world, folder, nodes=1, timeout=120):
    """The same of one command as `world` processes."""
    return run_all([command] * world, folder, places(world, nodes), timeout)
