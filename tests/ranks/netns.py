# SPDX-License-Identifier: Apache-2.0
"""Two machines on this one: two network namespaces with a cable between them, and one rank in each, rank 0 at 10.77.0.1.
The weights are those of a run without them, although no name of either machine resolves and no variable names an
interface; and a cable that is cut is told by both. Skipped where namespaces are not allowed."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from launch import TRAINER, Process, environment, expect, launch, run_file, train, whole_checkpoints

TIMEOUT = 3
ARGS = {"ddp_timeout": TIMEOUT, "max_steps": 8, "save_steps": 4}
NAMES = [f"trainer{os.getpid()}{side}" for side in "ab"]


def ip(*words):
    subprocess.run(["ip", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def lay_cable():
    """The two namespaces; an OSError or CalledProcessError where they are not allowed."""
    ip("link", "set", "lo", "up")  # of the namespace that the two are made from
    for name in NAMES:
        ip("netns", "add", name)
    ends = [f"lt{os.getpid()}{side}" for side in "ab"]
    ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
    for number, (name, end) in enumerate(zip(NAMES, ends), 1):
        ip("link", "set", end, "netns", name)
        ip("-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", end)
        ip("-n", name, "link", "set", end, "name", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "link", "set", "lo", "up")


def start(rank, work):
    command = ["ip", "netns", "exec", NAMES[rank], TRAINER, *map(str, train("run.json"))]
    places = {"LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1, "GROUP_RANK": rank, "MASTER_ADDR": "10.77.0.1"}
    return Process(rank, command, work, environment(rank, 2, 29500, **places))


def end(processes):
    for process in processes:
        if process.popen.poll() is None:
            process.popen.kill()
        process.popen.wait()


def as_one_machine(work):
    run_file(work / "run.json", args=ARGS)
    with launch(train("run.json"), work) as processes:
        for process in processes:
            expect(process.wait() == 0, process.text())
    expected = (work / "out/model.safetensors").read_bytes()
    shutil.rmtree(work / "out")
    processes = [start(rank, work) for rank in range(2)]
    try:
        for process in processes:
            expect(process.wait() == 0, f"rank {process.rank}: {process.popen.returncode}: {process.text()}")
    finally:
        end(processes)
    expect((work / "out/model.safetensors").read_bytes() == expected, "the weights are others than on one machine")


def cable_cut(work):
    run_file(work / "run.json", args={**ARGS, "max_steps": 1000000, "save_strategy": "no"})
    processes = [start(rank, work) for rank in range(2)]
    try:
        while "'loss'" not in processes[0].text():
            expect(processes[0].popen.poll() is None, processes[0].text())
            time.sleep(0.02)
        ip("-n", NAMES[1], "link", "set", "eth0", "down")
        begin = time.monotonic()
        for process in processes:
            status, text = process.wait(), process.text()
            other = 1 - process.rank
            expect(status == 1, f"rank {process.rank}: {status}: {text}")
            expect(f"rank {other} (host " in text and "ddp_timeout" in text and "[ranks.timeout]" in text, text)
        expect(time.monotonic() - begin < TIMEOUT + 3, f"it took {time.monotonic() - begin:.1f} s")
    finally:
        end(processes)
    whole_checkpoints(work / "out")


def main():
    try:
        lay_cable()
    except (OSError, subprocess.CalledProcessError) as e:
        print(f"skipped: network namespaces are not allowed here ({getattr(e, 'stderr', None) or e})")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="trainer-ranks-") as name:
        for case in (as_one_machine, cable_cut):
            work = pathlib.Path(name) / case.__name__
            work.mkdir()
            case(work)


if __name__ == "__main__":
    inside = ["bash", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "bash", sys.executable, __file__, "--inside"]
    if "--inside" not in sys.argv:
        # In namespaces of its own, which end with it, and which anybody may have.
        try:
            allowed = subprocess.run(["unshare", "-Urnm", "true"], capture_output=True, check=False).returncode == 0
        except OSError:
            allowed = False
        if not allowed or shutil.which("ip") is None:
            print("skipped: there are no namespaces here, or no ip")
            sys.exit(77)
        sys.exit(subprocess.run(["unshare", "-Urnm", *inside], check=False).returncode)
    main()
