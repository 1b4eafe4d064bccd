# SPDX-License-Identifier: Apache-2.0
"""What a run on several processes says, with which status and how soon, when one of them fails or is not there: within
ddp_timeout and two seconds, in one sentence, and without a torn checkpoint. The cases run side by side."""

import os
import pathlib
import resource
import signal
import socket
import threading
import time

from launch import HOST, TRAINER, expect, launch, run_cases, run_file, train, whole_checkpoints

TIMEOUT = 3  # ddp_timeout of all cases
BUSY = 4  # seconds that other tests beside this one may take from it; without limits a rank would hang for ever
ALLOWED = TIMEOUT + 2


def says(process, status, *words, within=None, since=None):
    """Waits for the end of the process; from its start on a busy machine needs some seconds more."""
    within = within or ALLOWED + (0 if since else 4)
    found = process.wait(60)
    seconds = time.monotonic() - (since or process.begin)
    text = process.text()
    errors = [line for line in text.splitlines() if line.startswith("error: ")]
    where = f"rank {process.rank}: {found} after {seconds:.1f} s:\n{text}"
    expect(found == status, f"expected status {status}, {where}")
    expect(len(errors) == 1, f"expected one error, {where}")
    for word in words:
        expect(word in errors[0], f'expected "{word}", {where}')
    for noise in ("frame #", "what():", "[W", "[E", "gloo", "C++", "terminate called"):
        expect(noise not in text, f'expected no "{noise}", {where}')
    expect(seconds <= within + BUSY, f"expected an end within {within} s, {where}")


def started(work, rules=(), args=None):
    return train(run_file(work / "run.json", rules, {"ddp_timeout": TIMEOUT, **(args or {})}))


def ends(process, word, path):
    """When the process has ended: from then on the others have their time."""
    expect(process.wait(60) is not None, f"{word} did not end")
    return time.monotonic()


def wait_for_stop(process):
    os.waitid(os.P_PID, process.popen.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def killed(work):
    command = started(work, [{"on": "on_step_end", "global_step": 6, "rank": 1, "signal": signal.SIGKILL}])
    with launch(command, work) as (first, second):
        since = ends(second, "the killed rank", work)
        expect(second.popen.returncode == -signal.SIGKILL, f"the killed rank: {second.popen.returncode}")
        says(first, 1, f"rank 1 (host {HOST}) is gone", "at step 6", "[ranks.lost]", within=2, since=since)
    expect(whole_checkpoints(work / "out") == [4], "the checkpoint before is whole")


def master_killed(work):
    command = started(work, [{"on": "on_step_end", "global_step": 6, "rank": 0, "signal": signal.SIGKILL}])
    with launch(command, work, world=3) as processes:
        since = ends(processes[0], "the killed rank", work)
        for process in processes[1:]:
            says(process, 1, f"rank 0 (host {HOST}) is gone", "[ranks.lost]", within=3, since=since)
    whole_checkpoints(work / "out")


def one_of_three_killed(work):
    command = started(work, [{"on": "on_step_end", "global_step": 6, "rank": 1, "signal": signal.SIGKILL}])
    with launch(command, work, world=3) as (first, second, third):
        since = ends(second, "the killed rank", work)
        for process in (first, third):
            says(process, 1, f"rank 1 (host {HOST}) is gone", "[ranks.lost]", within=3, since=since)


def stopped(work):
    command = started(work, [{"on": "on_step_end", "global_step": 6, "rank": 1, "signal": signal.SIGSTOP}])
    with launch(command, work) as (first, second):
        wait_for_stop(second)
        says(
            first,
            1,
            f"rank 1 (host {HOST}) did not come to",
            f"within {TIMEOUT} s (ddp_timeout)",
            "[ranks.timeout]",
            since=time.monotonic(),
        )
        second.popen.send_signal(signal.SIGCONT)
        says(second, 1, "[ranks.lost]", since=time.monotonic())
    expect(whole_checkpoints(work / "out") == [4], "the checkpoint before is whole")


def master_stopped(work):
    """The store, through which ranks tell of each other, is where rank 0 is."""
    command = started(work, [{"on": "on_step_end", "global_step": 6, "rank": 0, "signal": signal.SIGSTOP}])
    with launch(command, work) as (first, second):
        wait_for_stop(first)
        says(second, 1, f"rank 0 (host {HOST}) did not come to", "[ranks.timeout]", since=time.monotonic())
        first.popen.send_signal(signal.SIGCONT)
        says(first, 1, "rank 0 lost the other ranks in", "stopped or cut off", "[ranks.lost]", since=time.monotonic())


def says_of_the_failed(first):
    words = f"rank 1 (host {HOST}) ended with an error of its own", "[ranks.lost]"
    says(first, 1, *words, within=2, since=time.monotonic())


def callback_fails(work):
    command = started(work, [{"on": "on_step_end", "global_step": 6, "rank": 1, "raise": "the disk is full"}])
    with launch(command, work) as (first, second):
        says(
            second,
            1,
            "callback script failed in on_step_end at step 6: the disk is full",
            "[callback.failed]",
            within=60,
        )
        says_of_the_failed(first)
    expect(whole_checkpoints(work / "out") == [4], "the checkpoint before is whole")


def out_of_memory(work):
    """Rank 1 may have no more than it has at step 6, and then evaluates: 64 MiB of hidden values."""
    rows = "".join(f"0.1,0.2,0.3,0.4,{number % 3}\n" for number in range(16384))
    (work / "eval.csv").write_text("a,b,c,d,label\n" + rows)
    run = run_file(
        work / "run.json",
        [{"on": "on_step_end", "global_step": 6, "rank": 1, "signal": signal.SIGSTOP}],
        {"ddp_timeout": 60, "eval_strategy": "steps", "eval_steps": 6, "per_device_eval_batch_size": 8192},
        model={"type": "mlp", "layers": [4, 2048, 3]},
        data={"train": "train.csv", "eval": "eval.csv", "target": "label"},
    )
    with launch(train(run), work) as (first, second):
        wait_for_stop(second)
        pages = int(pathlib.Path(f"/proc/{second.popen.pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (16 << 20)
        resource.prlimit(second.popen.pid, resource.RLIMIT_AS, (limit, limit))
        second.popen.send_signal(signal.SIGCONT)
        says(second, 1, "evaluate at step 6", "make the batch or the model smaller", "[memory.exhausted]", within=60)
        says_of_the_failed(first)
    expect(whole_checkpoints(work / "out") == [4], "the checkpoint before is whole")


def other_arguments(work):
    started(work)
    with launch(lambda rank: train("run.json", "--learning_rate", 0.5 if rank else 0.25), work) as processes:
        for process in processes:
            says(
                process,
                2,
                f"args.learning_rate is 0.5 on rank 1 (host {HOST}), but 0.25 on rank 0 (host {HOST})",
                "[ranks.mismatch]",
                within=60,
            )


def other_model(work):
    started(work)
    run_file(work / "other.json", args={"ddp_timeout": TIMEOUT}, model={"type": "mlp", "layers": [4, 9, 3]})
    with launch(lambda rank: train("other.json" if rank else "run.json"), work) as processes:
        for process in processes:
            says(process, 2, "model.layers is [4, 9, 3] on rank 1", "[ranks.mismatch]", within=60)


def other_command(work):
    started(work)
    with launch(lambda rank: train("run.json", *(["--resume_from_checkpoint"] if rank else [])), work) as processes:
        for process in processes:
            says(process, 2, "what is to be done is train from a checkpoint on rank 1", "[ranks.mismatch]", within=60)


def other_rows(work):
    started(work)
    lines = (work / "train.csv").read_text().splitlines()
    (work / "fewer.csv").write_text("\n".join(lines[:-1]) + "\n")
    with launch(
        lambda rank: train("run.json", *(["--set", "data.train=fewer.csv"] if rank else [])), work
    ) as processes:
        for process in processes:
            says(process, 2, "the number of rows of the train data is 47 on rank 1", "[ranks.mismatch]", within=60)


def other_cells(work):
    """As many rows, of which one is another."""
    started(work)
    text = (work / "train.csv").read_text()
    (work / "other.csv").write_text(text[:-2] + ("1" if text[-2] == "0" else "0") + "\n")
    with launch(
        lambda rank: train("run.json", *(["--set", "data.train=other.csv"] if rank else [])), work
    ) as processes:
        for process in processes:
            says(
                process,
                2,
                "the sha256 of the train data is ",
                f" on rank 1 (host {HOST})",
                "[ranks.mismatch]",
                within=60,
            )


def shorter_stream(work):
    started(work)
    row = '{"features": [0.5, 1.5, 2.5, 3.5], "labels": 1}\n'
    for rank in (0, 1):
        (work / f"rows{rank}.jsonl").write_text(row * (48 - rank))
    with launch(lambda rank: train("run.json", "--set", f'data={{"train": "rows{rank}.jsonl"}}'), work) as processes:
        for process in processes:
            says(
                process,
                2,
                f"the number of bytes of the train data is {47 * len(row)} on rank 1",
                "[ranks.mismatch]",
                within=60,
            )


def pipe(work):
    """Two readers of one pipe would get some of its rows each."""
    started(work)
    os.mkfifo(work / "rows.jsonl")
    with launch(train("run.json", "--set", 'data={"train": "rows.jsonl"}'), work) as processes:
        for process in processes:
            says(
                process,
                2,
                "rows.jsonl is a pipe",
                "each of the 2 processes",
                "write them to a file",
                "[data.invalid]",
                within=60,
            )


def recorded_by_one(work):
    started(work)
    with launch(lambda rank: train("run.json", *(["--record", "record"] if rank else [])), work) as processes:
        for process in processes:
            says(process, 2, "--record is given on rank 1", "but not given on rank 0", "[ranks.mismatch]", within=60)


def other_launch(work):
    """At once, whatever else the launcher of each has told it to wait for."""
    started(work)
    for variable, what in (
        ("WORLD_SIZE", "the number of ranks (WORLD_SIZE)"),
        ("TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT"),
    ):
        with launch(train("run.json"), work, env=lambda rank, name=variable: {name: 2 + rank}) as processes:
            for process in processes:
                other = 1 - process.rank
                says(process, 2, f"{what} is {2 + other} on rank {other} (host {HOST}), but {2 + process.rank} on rank",
                     "[ranks.mismatch]", within=2)  # fmt: skip


def unknown_interface(work):
    with launch(started(work), work, env=lambda _: {"GLOO_SOCKET_IFNAME": "nix0"}) as processes:
        for process in processes:
            says(
                process,
                2,
                'GLOO_SOCKET_IFNAME is "nix0"',
                'no interface "nix0"',
                "[ranks.environment-invalid]",
                within=2,
            )


def few_files(work):
    words = " ".join(map(str, started(work)))
    command = ["-c", f"ulimit -n 10 && exec {TRAINER} {words}"]
    with launch(command, work, ranks=[0], program="bash") as (process,):
        says(process, 1, "too many open files", "ulimit -n")


def no_master(work):
    with launch(started(work), work, ranks=[1]) as (process,):
        says(
            process,
            1,
            f"rank 1 (host {HOST}) found no way to rank 0 at 127.0.0.1:",
            f"within {TIMEOUT} s",
            "nobody listens there",
            "[ranks.unreachable]",
        )


def unknown_master(work):
    with launch(started(work), work, ranks=[1], env=lambda _: {"MASTER_ADDR": "no-such-host.invalid"}) as (process,):
        says(
            process,
            1,
            "rank 0 at no-such-host.invalid:",
            "its name is not known here",
            "[ranks.unreachable]",
            within=ALLOWED + 5,
        )  # a resolver may take its time


def unknown_to_itself(work):
    with launch(started(work), work, ranks=[0], env=lambda _: {"MASTER_ADDR": "no-such-host.invalid"}) as (process,):
        says(
            process,
            1,
            "found no way to itself at no-such-host.invalid:",
            "its name is not known here",
            "set MASTER_ADDR",
            "[ranks.unreachable]",
            within=ALLOWED + 5,
        )


def one_missing(work):
    with launch(started(work), work, world=3, ranks=[0, 1]) as processes:
        for process in processes:
            says(
                process,
                1,
                "rank 2 did not come to 127.0.0.1:",
                f"within {TIMEOUT} s; start all 3 ranks",
                "[ranks.unreachable]",
            )


def alone(work):
    """`ddp_timeout` holds from the start on."""
    with launch(started(work), work, ranks=[0]) as (process,):
        says(
            process,
            1,
            "rank 1 did not come to 127.0.0.1:",
            f"within {TIMEOUT} s; start all 2 ranks, or raise ddp_timeout",
            "[ranks.unreachable]",
        )


def port_in_use(work):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with launch(started(work), work, ranks=[0], port=port) as (process,):
            says(process, 2, f"rank 0 (host {HOST}) cannot listen at port {port}", "MASTER_PORT", "[ranks.unreachable]")


def other_service(work):
    with socket.socket() as service:
        service.bind(("127.0.0.1", 0))
        service.listen()
        port = service.getsockname()[1]

        def answer():
            while True:
                try:
                    peer, _ = service.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" + b" " * 64)
                    time.sleep(0.2)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with launch(started(work), work, ranks=[1], port=port) as (process,):
            says(process, 2, f"something else than rank 0 answers at 127.0.0.1:{port}", "[ranks.unreachable]")
        service.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def silent_service(work):
    with socket.socket() as service:
        service.bind(("127.0.0.1", 0))
        service.listen()
        with launch(started(work), work, ranks=[1], port=service.getsockname()[1]) as (process,):
            says(process, 1, "rank 0 at 127.0.0.1:", "[ranks.unreachable]")


def half_an_environment(work):
    with launch(started(work), work, ranks=[1], env=lambda _: {"WORLD_SIZE": ""}) as (process,):
        says(process, 2, "WORLD_SIZE is not set, but RANK is", "[ranks.environment-invalid]")


CASES = [
    stopped, master_stopped, killed, one_of_three_killed, master_killed, callback_fails, out_of_memory, other_arguments, other_model, other_command, other_rows, other_cells, shorter_stream, pipe,
    recorded_by_one, other_launch, unknown_interface, few_files, no_master, unknown_master, unknown_to_itself,
    one_missing, alone, port_in_use, other_service, silent_service, half_an_environment,
]  # fmt: skip


if __name__ == "__main__":
    run_cases(CASES, 3)
