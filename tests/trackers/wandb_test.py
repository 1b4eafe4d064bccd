#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The wandb plugin's runs, read by W&B's own reader (`wandb leet inspect`) and its record format."""
import json
import os
import resource
import signal
import subprocess
import time

from harness import Work, expect, python

OFFLINE = {"WANDB_MODE": "offline"}


def check(work):
    found = work.check("wandb", work.path / "wandb")
    expect(found["extra"].get("leet_agrees") is True, f"W&B's reader finds other records: {found['extra']}")
    return found


def run_directories(work):
    return sorted((work.path / "wandb").glob("offline-run-*"))


def dump(work, directory):
    """The records of one run, as W&B's format names them."""
    script = os.path.join(os.environ["SOURCE"], "tests/trackers/checks/check_wandb.py")
    done = subprocess.run([python("trackers"), script, str(directory), "--dump"], stdout=subprocess.PIPE, text=True,
                          env=work.environment(), check=True)
    return json.loads(done.stdout)


def whole_run():
    with Work() as work:
        history, printed = work.train("wandb", args={"run_name": "first"}, env=OFFLINE | {
            "WANDB_PROJECT": "p", "WANDB_TAGS": "a,b", "WANDB_NOTES": "n", "WANDB_RUN_GROUP": "g", "WANDB_JOB_TYPE": "j",
            "WANDB_ENTITY": "e", "WANDB_NAME": "not this"})
        found = check(work)
        work.expect_history(found, "wandb", history)
        extra, params = found["extra"], found["params"]
        expect(extra["leet_state"] == "finished" and extra["exit_code"] == 0, f"not finished: {extra}")
        expect(extra["define_metric"] == [
            {"glob": "", "name": "train/global_step", "step_metric": "", "step_sync": False},
            {"glob": "*", "name": "", "step_metric": "train/global_step", "step_sync": True}], extra["define_metric"])
        for key, value in history[-1].items():
            if key.startswith("train_") or key == "total_flos":
                expect(extra["summary"].get(key) == value, f"summary {key}: {extra['summary']}")
        expect(extra["summary"]["train/global_step"] == history[-1]["step"], extra["summary"])
        expect(params["learning_rate"] == 1e-3 and params["hub_token"] == "<HUB_TOKEN>", params)
        expect(params["report_to"] == ["wandb"] and params["run_name"] == "first", params)
        expect(params["model/num_parameters"] == 64 * 64 + 64 + 64 * 10 + 10, params["model/num_parameters"])

        directory, = run_directories(work)
        expect((work.path / "wandb" / "latest-run").resolve() == directory.resolve(), "latest-run points elsewhere")
        records = dump(work, directory)
        run, = (r["run"] for r in records if "run" in r)
        named = {k: run.get(k) for k in ("entity", "project", "run_group", "job_type", "display_name", "notes", "tags")}
        expect(named == {"entity": "e", "project": "p", "run_group": "g", "job_type": "j", "display_name": "first",
                         "notes": "n", "tags": ["a", "b"]}, named)
        expect([int(r["num"]) for r in records] == list(range(1, len(records) + 1)), "the records are not numbered")
        stats = [{i["key"] for i in r["stats"]["item"]} for r in records if "stats" in r]
        expect(stats and {"memory_percent", "proc.memory.rssMB", "proc.cpu.threads", "disk./.usagePercent",
                          "network.sent"} <= stats[0], f"system rows: {stats}")
        lines = [r["output_raw"]["line"] for r in records if "output_raw" in r]
        kept = (directory / "files" / "output.log").read_text()
        expect("".join(lines) == kept, "output.log has other lines than the run file")
        expect(any(line.startswith("{'loss'") for line in lines), f"no line of a log in {lines}")
        expect(all(line.rstrip("\n") in printed for line in lines), "a line that was not printed")

        dry = subprocess.run([os.path.join(os.path.dirname(python("trackers")), "wandb"), "sync", "--dry-run",
                              str(directory)], env=work.environment(), cwd=work.path, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        expect(dry.returncode == 0 and directory.name in dry.stdout and "1 run" in dry.stdout, dry.stdout)


def modes():
    with Work() as work:
        work.train("wandb", env={"WANDB_MODE": "disabled"})
        work.train("all", env={"WANDB_DISABLED": "true"})
        expect(not (work.path / "wandb").exists(), "a disabled run left files")
        _, printed = work.train("wandb", env={"WANDB_MODE": "sometimes"})
        expect("WANDB_MODE" in printed and "sometimes" in printed, printed)
        _, printed = work.train("wandb", env=OFFLINE | {"WANDB_LOG_MODEL": "end", "WANDB_CONSOLE": "off"})
        expect("python:wandb" in printed and "WANDB_LOG_MODEL=end" in printed, printed)
        kinds = check(work)["extra"]["record_kinds"]
        expect("output_raw" not in kinds, f"WANDB_CONSOLE=off: {kinds}")


def online():
    """`wandb sync` of the PATH is started at the end; without a login it is not."""
    with Work() as work:
        fake = work.path / "bin" / "wandb"
        fake.parent.mkdir()
        fake.write_text("#!/bin/sh\necho \"$@\" > " + str(work.path / "called") + "\n")
        fake.chmod(0o755)
        path = f"{fake.parent}:{os.environ['PATH']}"
        _, printed = work.train("wandb", env={"PATH": path, "WANDB_PROJECT": "p"})
        expect(not (work.path / "called").exists() and "wandb sync" in printed, printed)
        work.train("wandb", env={"PATH": path, "WANDB_API_KEY": "0" * 40})
        called = (work.path / "called").read_text().split()
        expect(called[0] == "sync" and called[1] in map(str, run_directories(work)), called)


def resumed():
    with Work() as work:
        env = OFFLINE | {"WANDB_RUN_ID": "same", "WANDB_RESUME": "allow"}
        work.train("wandb", args={"num_train_epochs": 1}, env=env)
        work.train("wandb", "--resume_from_checkpoint", args={"num_train_epochs": 2}, env=env)
        first, second = (dump(work, d) for d in run_directories(work))
        steps = [[int(r["history"]["step"].get("num", 0)) for r in records if "history" in r]
                 for records in (first, second)]
        expect(steps[0] + steps[1] == list(range(len(steps[0]) + len(steps[1]))), f"steps: {steps}")
        run, = (r["run"] for r in second if "run" in r)
        expect(run["resumed"] is True and int(run["starting_step"]) == len(steps[0]), run)


def killed():
    """kill -9: every log that the run printed is in the file."""
    with Work() as work:
        command = work.command("wandb", args={"num_train_epochs": 100000, "save_strategy": "no", "eval_strategy": "no"})
        process = subprocess.Popen(command, env=work.environment(**OFFLINE), cwd=work.path, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        printed = 0
        try:
            for line in process.stdout:
                printed += line.startswith("{'loss'")
                if printed == 200:
                    break
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        found = check(work)
        rows = found["metrics"]["train/loss"]
        expect(len(rows) >= printed == 200, f"{len(rows)} rows of {printed} printed logs")
        expect("exit_code" not in found["extra"], "a killed run has an exit record")


def disk_full():
    """The run's result is that of a run without the tracker; what was logged before is readable."""
    with Work() as work:
        quiet = {"save_strategy": "no", "logging_steps": 2, "num_train_epochs": 6}
        work.train("none", output="plain", args=quiet)
        command = work.command("wandb", output="full", args=quiet)
        # Room for the first records of the run, and for all that the trainer itself writes.
        limit = 40 * 1024
        done = subprocess.run(command, env=work.environment(**OFFLINE), cwd=work.path, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              restore_signals=False,  # SIGXFSZ stays ignored: writing fails, as on a full disk
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        expect(done.returncode == 0, done.stdout)
        expect("could not be written" in done.stdout, done.stdout)
        same = [(work.path / o / "model.safetensors").read_bytes() for o in ("plain", "full")]
        expect(same[0] == same[1], "the model differs from that of a run without the tracker")
        found = check(work)
        expect(len(found["metrics"]["train/loss"]) > 10, found["metrics"])


if __name__ == "__main__":
    for part in (whole_run, modes, online, resumed, killed, disk_full):
        begin = time.time()
        part()
        print(f"{part.__name__}: {time.time() - begin:.1f} s")
