#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever the MLflow server does, the run ends as without it, and what was logged arrives."""

import contextlib
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

from harness import TRAINER, Work, expect
from mlflow_stand_in import StandIn, free_port

FAST = {"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": 0, "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": 0.1}


def journals(work, output):
    return glob.glob(str(work.path / output / "mlflow-*.journal*"))


def same_result(history, reference):
    """But for what the clock gives."""
    clean = [{k: v for k, v in e.items() if not re.search("runtime|per_second", k)} for e in history]
    expect(clean == reference, f"the result differs from that of a run without a tracker:\n{clean}\n{reference}")
    return history


def reference_of(history):
    return [{k: v for k, v in e.items() if not re.search("runtime|per_second", k)} for e in history]


def train(work, url, output, reference, status=0, env=None, more=()):
    begin = time.monotonic()
    history, text = work.train(
        "mlflow", *more, output=output, status=status, env=FAST | {"MLFLOW_TRACKING_URI": url} | (env or {})
    )
    if status == 0:
        same_result(history, reference)
    return history, text, time.monotonic() - begin


def expect_arrived(work, server, history, status="FINISHED", output=None):
    run = server.only_run()
    work.expect_history(server.canonical(run), "mlflow", history)
    expect(run["info"]["status"] == status, f"the run is {run['info']['status']}, expected {status}")
    expect(run["params"].get("learning_rate") == "0.001", "the parameters are missing")
    if output:
        expect(not journals(work, output), f"a journal was left: {journals(work, output)}")


def dead_from_the_start(work, reference):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    history, text, _ = train(work, url, "dead", reference)
    expect("Failed to connect" in text and "the run goes on" in text, f"nothing was said:\n{text}")
    command = re.search(r"or by: (trainer replay .*)", text)
    expect(command and len(journals(work, "dead")) == 1, f"no way to send the rest is shown:\n{text}")
    with StandIn(port=port) as server:  # it is back: the command that was shown sends what it missed
        done = subprocess.run(
            [TRAINER, *command.group(1).split()[1:]],
            cwd=work.path,
            text=True,
            env=work.environment(MLFLOW_TRACKING_URI=url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        expect(done.returncode == 0, done.stdout)
        expect_arrived(work, server, history, output="dead")
    # Another server's journal stays, and this run goes to its own.
    (work.path / "dead2").mkdir()
    with StandIn() as other:
        train(work, f"http://127.0.0.1:{port}", "dead2", reference)
        history, text, _ = train(work, other.url, "dead2", reference)
        expect("belongs to" in text and len(other.runs) == 1, f"a journal went to another server:\n{text}")
        expect(len(journals(work, "dead2")) == 1, "the other server's journal is gone")


def dies_and_comes_back(work, reference):
    """The connection breaks for a while in the middle, also after the work was done: no second run, no point twice."""

    def fault(method, path, number):
        if 1 <= number <= 3:
            return ("drop",)
        for lost in ("runs/create", "runs/log-batch", "runs/update"):  # the first of each
            if lost in path and lost not in fault.lost:
                fault.lost.add(lost)
                return ("lose",)
        return None

    fault.lost = set()
    with StandIn(fault=fault) as server:
        history, _, _ = train(work, server.url, "back", reference)
        expect(len(fault.lost) == 3, f"only the answers of {fault.lost} were lost")
        expect_arrived(work, server, history, output="back")


def dies_for_good(work, reference):
    server = StandIn(fault=lambda method, path, number: ("drop",) if number > 2 else None)
    with server:
        history, text, seconds = train(work, server.url, "good", reference)
    expect(journals(work, "good"), f"no journal:\n{text}")
    with StandIn(port=server.port) as again:
        again.runs, again.experiments = server.runs, server.experiments
        # The next run with the directory sends it first.
        history2, text, _ = train(work, again.url, "good", reference)
        expect("what an earlier run had left" in text and len(again.runs) == 2, text)
        for run, rows in zip(again.runs.values(), (history, history2)):
            work.expect_history(again.canonical(run), "mlflow", rows)
            expect(run["info"]["status"] == "FINISHED", f"{run['info']}")
        expect(not journals(work, "good"), "a journal was left")


def errors(work, reference):
    answers = [
        ("status", 500, {}),
        ("status", 429, {"Retry-After": "0"}),
        ("body", "<html>log in</html>"),
        ("status", 503, {"Retry-After": "1"}),
        ("body", "[1, 2"),
        ("slow", 1.5),
    ]
    # Each of them once or twice, spread over the run; a page that is no JSON costs a long rest but at the end.
    for name, fault in (
        ("errors", lambda m, p, n: answers[n // 2 % 2] if n % 2 == 0 and n < 8 else None),
        ("busy", lambda m, p, n: answers[3] if n == 1 else None),
        ("slow", lambda m, p, n: answers[5]),
    ):
        with StandIn(fault=fault) as server:
            history, _, _ = train(work, server.url, name, reference)
            expect_arrived(work, server, history, output=name)
    with StandIn(fault=lambda m, p, n: answers[2]) as server:
        history, text, seconds = train(work, server.url, "garbage", reference)
        expect("is it an MLflow server?" in text and journals(work, "garbage"), text)
        server.fault = None
        history2, _, _ = train(work, server.url, "garbage", reference)
        expect(len(server.runs) == 2, "what was left did not arrive")
        work.expect_history(server.canonical(next(iter(server.runs.values()))), "mlflow", history)
    with StandIn(authorization="Bearer good") as server:
        history, text, _ = train(work, server.url, "token", reference, env={"MLFLOW_TRACKING_TOKEN": "wrong"})
        expect("MLFLOW_TRACKING_TOKEN" in text and "wrong" not in text, text)
        train(work, server.url, "token", reference, env={"MLFLOW_TRACKING_TOKEN": "good"})
        expect(len(server.runs) == 2 and not journals(work, "token"), "what was left did not arrive")


def damaged_journal(work, reference):
    """Whoever can write in output_dir can write a journal: nothing outside of its own files is sent or removed, and what
    is whole in it arrives."""
    out, victim = work.path / "damaged", work.path / "victim"
    for directory in (out / "mlflow-1-1.journal.files" / "good", victim):
        directory.mkdir(parents=True)
        (directory / "file").write_text("text")
    (out / "mlflow-1-1.journal.files" / "good" / "link").symlink_to(victim / "file")
    (out / "mlflow-1-1.journal.files" / "linked").symlink_to(victim)
    of = {"experiment_id": "0", "user": "u", "keep_status": False, "start_time": 1, "tags": []}
    metrics = '{"metrics":1,"items":[{"key":"loss","value":%d,"timestamp":5,"step":%d}]}'
    with StandIn() as server:
        lines = [
            json.dumps({"journal": 1, "of": of | {"uri": server.url}}),
            metrics % (1, 1),
            '{"run":{"id":"',
            json.dumps({"artifact": {"directory": str(victim), "name": "x"}}),
            json.dumps({"artifact": {"directory": "mlflow-1-1.journal.files/linked", "name": "linked"}}),
            '{"metrics":1,"items":[{"key":}]}',
            json.dumps({"artifact": {"directory": "mlflow-1-1.journal.files/good", "name": "good"}}),
            metrics % (2, 2),
            json.dumps({"end": {"status": "FINISHED", "time": 9}}),
        ]
        (out / "mlflow-1-1.journal").write_text("".join(line + "\n" for line in lines))
        _, text, _ = train(work, server.url, "damaged", reference)
        expect("is damaged: line 3 and those like it" in text and "the files of linked are gone" in text, text)
        run = next(iter(server.runs.values()))
        found = server.canonical(run)["metrics"]
        expect(
            found == {"loss": [[1, 1.0], [2, 2.0]]} and run["info"]["status"] == "FINISHED", f"{found} {run['info']}"
        )
        sent = [path.split("/artifacts/")[-1] for path in server.artifacts]
        expect(sent == ["good/file"], f"{sent} were sent as artifacts")
        expect((victim / "file").read_text() == "text", "a file outside was removed")
        expect(not journals(work, "damaged"), "a journal was left")


def too_slow_for_the_end(work, reference):
    with StandIn(fault=lambda m, p, n: ("slow", 60)) as server:
        _, text, seconds = train(work, server.url, "hangs", reference, env={"TRAINER_MLFLOW_WAIT": 1})
        expect("the time was over" in text and journals(work, "hangs"), text)
        expect(seconds < 45, f"the run waited {seconds:.0f} s")


def disk_full(work, reference):
    """The journal cannot grow: what is logged goes on from memory. (The limit would stop the checkpoints too, and the
    shared memory of a plugin's own process.)"""
    if os.environ.get("TRAINER_PLUGIN_ISOLATION") == "process":
        return
    with StandIn() as server:
        env = work.environment(**FAST, MLFLOW_TRACKING_URI=server.url)
        command = work.command("mlflow", "--save_strategy", "no", output="full")
        done = subprocess.run(
            ["bash", "-c", 'trap "" XFSZ; ulimit -f 7; exec "$@"', "bash", *command],
            env=env,
            cwd=work.path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        expect("waits in memory" in done.stdout, f"the disk was not full:\n{done.stdout}")
        run = server.only_run()
        found = server.canonical(run)["metrics"]
        losses = [[e["step"], e["loss"]] for e in reference if "loss" in e]
        expect(found["loss"] == losses, f"{found['loss']} is not {losses}")


def wait_until_alone(work):
    """A tracker in a process of its own still takes what the run had for it."""
    until = time.monotonic() + 20
    while True:
        found = []
        for process in glob.glob("/proc/[0-9]*/cwd"):
            with contextlib.suppress(OSError):
                if os.readlink(process) == str(work.path):
                    found.append(process)
        if not found:
            return
        expect(time.monotonic() < until, f"left behind: {found}")
        time.sleep(0.02)


def killed(work):
    """kill -9 while the server is away: every log before it arrives with the next run, and the run is KILLED."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = work.command(
        "mlflow",
        "--num_train_epochs",
        "500",
        "--logging_steps",
        "1",
        "--save_strategy",
        "no",
        "--eval_strategy",
        "no",
        output="kill",
    )
    process = subprocess.Popen(
        command,
        env=work.environment(**FAST, MLFLOW_TRACKING_URI=url),
        cwd=work.path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    shown = []
    for line in process.stdout:  # a log is printed after the tracker has it
        if line.startswith("{'loss'"):
            shown.append(float(re.search(r"'loss': '([^']*)'", line).group(1)))
        if len(shown) == 40:
            process.send_signal(signal.SIGKILL)
            break
    process.communicate(timeout=60)
    expect(process.returncode == -signal.SIGKILL and len(shown) == 40, "the run ended before it was killed")
    wait_until_alone(work)
    expect(len(journals(work, "kill")) == 1, "no journal was left")
    with StandIn(port=port) as server:
        work.train("mlflow", output="kill", env=FAST | {"MLFLOW_TRACKING_URI": url})
        expect(len(server.runs) == 2, f"{len(server.runs)} runs, expected that of before and the new one")
        run = next(r for r in server.runs.values() if r["info"]["status"] == "KILLED")
        loss = server.canonical(run)["metrics"]["loss"]
        expect([p[0] for p in loss] == list(range(1, len(loss) + 1)) and len(loss) >= 40, f"{loss}")
        expect(all(abs(p[1] - s) < 1e-3 * abs(s) + 1e-9 for p, s in zip(loss, shown)), f"{loss} {shown}")
        expect(run["info"]["end_time"] >= run["info"]["start_time"], f"{run['info']}")
        expect(not journals(work, "kill"), "a journal was left")


with Work() as work:
    history, _ = work.train("none", output="reference")
    reference = reference_of(history)
    for test in (
        dead_from_the_start,
        dies_and_comes_back,
        dies_for_good,
        damaged_journal,
        errors,
        too_slow_for_the_end,
        disk_full,
    ):
        if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
            test(work, reference)
            print(f"{test.__name__}: done", flush=True)
    if len(sys.argv) < 2 or "killed" in sys.argv[1:]:
        killed(work)
        print("killed: done")
