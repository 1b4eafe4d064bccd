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
    done = subprocess.run(
        [python("trackers"), script, str(directory), "--dump"],
        stdout=subprocess.PIPE,
        text=True,
        env=work.environment(),
        check=True,
    )
    return json.loads(done.stdout)


def whole_run():
    with Work() as work:
        history, printed = work.train(
            "wandb",
            args={"run_name": "first"},
            env=OFFLINE
            | {
                "WANDB_PROJECT": "p",
                "WANDB_TAGS": "a,b",
                "WANDB_NOTES": "n",
                "WANDB_RUN_GROUP": "g",
                "WANDB_JOB_TYPE": "j",
                "WANDB_ENTITY": "e",
                "WANDB_NAME": "not this",
            },
        )
        found = check(work)
        work.expect_history(found, "wandb", history)
        extra, params = found["extra"], found["params"]
        expect(extra["leet_state"] == "finished" and extra["exit_code"] == 0, f"not finished: {extra}")
        expect(
            extra["define_metric"]
            == [
                {"glob": "", "name": "train/global_step", "step_metric": "", "step_sync": False},
                {"glob": "*", "name": "", "step_metric": "train/global_step", "step_sync": True},
            ],
            extra["define_metric"],
        )
        for key, value in history[-1].items():
            if key.startswith("train_") or key == "total_flos":
                expect(extra["summary"].get(key) == value, f"summary {key}: {extra['summary']}")
        expect(extra["summary"]["train/global_step"] == history[-1]["step"], extra["summary"])
        expect(params["learning_rate"] == 1e-3 and params["hub_token"] == "<HUB_TOKEN>", params)
        expect(params["report_to"] == ["wandb"] and params["run_name"] == "first", params)
        expect(params["model/num_parameters"] == 64 * 64 + 64 + 64 * 10 + 10, params["model/num_parameters"])

        (directory,) = run_directories(work)
        expect((work.path / "wandb" / "latest-run").resolve() == directory.resolve(), "latest-run points elsewhere")
        records = dump(work, directory)
        (run,) = (r["run"] for r in records if "run" in r)
        named = {k: run.get(k) for k in ("entity", "project", "run_group", "job_type", "display_name", "notes", "tags")}
        expect(
            named
            == {
                "entity": "e",
                "project": "p",
                "run_group": "g",
                "job_type": "j",
                "display_name": "first",
                "notes": "n",
                "tags": ["a", "b"],
            },
            named,
        )
        expect([int(r["num"]) for r in records] == list(range(1, len(records) + 1)), "the records are not numbered")
        stats = [{i["key"] for i in r["stats"]["item"]} for r in records if "stats" in r]
        expect(
            stats
            and {"memory_percent", "proc.memory.rssMB", "proc.cpu.threads", "disk./.usagePercent", "network.sent"}
            <= stats[0],
            f"system rows: {stats}",
        )
        lines = [r["output_raw"]["line"] for r in records if "output_raw" in r]
        kept = (directory / "files" / "output.log").read_text()
        expect("".join(lines) == kept, "output.log has other lines than the run file")
        expect(any(line.startswith("{'loss'") for line in lines), f"no line of a log in {lines}")
        expect(all(line.rstrip("\n") in printed for line in lines), "a line that was not printed")

        dry = subprocess.run(
            [os.path.join(os.path.dirname(python("trackers")), "wandb"), "sync", "--dry-run", str(directory)],
            env=work.environment(),
            cwd=work.path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        expect(dry.returncode == 0 and directory.name in dry.stdout and "1 run" in dry.stdout, dry.stdout)


def modes():
    with Work() as work:
        work.train("wandb", env={"WANDB_MODE": "disabled"})
        work.train("all", env={"WANDB_DISABLED": "true"})
        expect(not (work.path / "wandb").exists(), "a disabled run left files")
        _, printed = work.train("wandb", env={"WANDB_MODE": "sometimes"})
        expect("WANDB_MODE" in printed and "sometimes" in printed, printed)
        _, printed = work.train("wandb", env=OFFLINE | {"WANDB_LOG_MODEL": "maybe", "WANDB_CONSOLE": "off"})
        expect('WANDB_LOG_MODEL is "maybe"' in printed, printed)
        kinds = check(work)["extra"]["record_kinds"]
        expect("artifact" not in kinds, kinds)
        expect("output_raw" not in kinds, f"WANDB_CONSOLE=off: {kinds}")


CLIENT = """
import json, sys, wandb
artifact = wandb.Artifact("m", type="model")
for path, file in json.load(open(sys.argv[1])).items():
    artifact.add_file(file, name=path)
print(json.dumps({"digest": artifact.manifest.digest(), "files": {p: e.digest for p, e in artifact.manifest.entries.items()}}))
"""


def models():
    """WANDB_LOG_MODEL=checkpoint: artifacts at the start, at each save and at the end, with W&B's own digests."""
    with Work() as work:
        staging = work.path / "data" / "artifacts" / "staging"
        history, _ = work.train(
            "wandb",
            env=OFFLINE | {"WANDB_LOG_MODEL": "checkpoint", "WANDB_DATA_DIR": work.path / "data"},
            args={"save_total_limit": 1},
        )
        check(work)
        (directory,) = run_directories(work)
        run_id = directory.name.rsplit("-", 1)[1]
        artifacts = [r["artifact"] for r in dump(work, directory) if "artifact" in r]
        steps = [e["step"] for e in history if "eval_loss" in e]
        expected = [{"base_model", "latest"}]
        expected += [{f"epoch_{i + 1}.0", f"checkpoint_global_step_{step}", "latest"} for i, step in enumerate(steps)]
        expected += [{"final_model", "latest"}]
        expect([set(a["aliases"]) for a in artifacts] == expected, [a["aliases"] for a in artifacts])
        expect(
            {a["name"] for a in artifacts} == {f"model-{run_id}"} and {a["type"] for a in artifacts} == {"model"},
            artifacts,
        )
        expect(
            len({a["client_id"] for a in artifacts}) == len(artifacts) and len(artifacts[0]["client_id"]) == 128,
            artifacts,
        )
        script = work.path / "client.py"
        script.write_text(CLIENT)
        for artifact in artifacts:
            files = {f["path"]: f["local_path"] for f in artifact["manifest"]["contents"]}
            expect(all(str(staging) == os.path.dirname(f) for f in files.values()), files)
            expect(
                [int(f.get("size", 0)) for f in artifact["manifest"]["contents"]]
                == [os.path.getsize(f) for f in files.values()],
                artifact["manifest"],
            )
            (work.path / "files.json").write_text(json.dumps(files))
            done = subprocess.run(
                [python("trackers"), str(script), "files.json"],
                cwd=work.path,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env=work.environment(WANDB_DATA_DIR=work.path / "theirs"),
            )
            theirs = json.loads(done.stdout)
            expect(
                theirs
                == {
                    "digest": artifact["digest"],
                    "files": {f["path"]: f["digest"] for f in artifact["manifest"]["contents"]},
                },
                theirs,
            )
        first, last = artifacts[1], artifacts[-1]
        expect(
            {f["path"] for f in first["manifest"]["contents"]}
            >= {"model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json", "training_args.json"},
            first,
        )
        # The rotation has removed the first checkpoint; its files are kept.
        expect(not (work.path / "out" / f"checkpoint-{steps[0]}").exists(), "the first checkpoint is still there")
        model = next(f["local_path"] for f in last["manifest"]["contents"] if f["path"] == "model.safetensors")
        expect(open(model, "rb").read() == (work.path / "out" / "model.safetensors").read_bytes(), "another model")
        metadata = json.loads(first["metadata"])
        at_save = next(e for e in history if e.get("step") == steps[0] and "eval_loss" in e)
        expect(metadata["eval/loss"] == at_save["eval_loss"] and metadata["train/global_step"] == steps[0], metadata)
        summary = json.loads(last["metadata"])
        expect(summary["final_model"] is True and summary["train_loss"] == history[-1]["train_loss"], summary)
        expect(
            sorted(os.listdir(staging))
            == sorted(os.path.basename(f["local_path"]) for a in artifacts for f in a["manifest"]["contents"]),
            "other files are staged",
        )


def watched():
    """WANDB_WATCH: histograms as wandb.watch() logs them: one of every max(100, logging_steps) batches."""
    with Work() as work:
        work.train("wandb", env=OFFLINE | {"WANDB_WATCH": "all"}, args={"max_steps": 205, "eval_strategy": "no"})
        (directory,) = run_directories(work)
        records = dump(work, directory)
        command = [
            os.path.join(os.path.dirname(python("trackers")), "wandb"),
            "leet",
            "inspect",
            "--json",
            str(next(directory.glob("run-*.wandb"))),
        ]
        read = subprocess.run(command, env=work.environment(), stdout=subprocess.PIPE, text=True, check=True).stdout
        expect(
            sum(line.startswith("{") for line in read.splitlines()) == len(records), "W&B's reader finds other records"
        )
        rows = {"parameters": {}, "gradients": {}}
        for record in records:
            if "history" not in record:
                continue
            row = {tuple(i["nested_key"]): json.loads(i["value_json"]) for i in record["history"]["item"]}
            for kind in rows:
                names = {k[0] for k in row if k[0].startswith(kind + "/")}
                if names:
                    rows[kind][row["train/global_step",]] = {
                        name: {leaf: row[name, leaf] for leaf in ("_type", "values", "bins")} for name in names
                    }
        for kind, found in rows.items():
            expect(sorted(found) == [100, 200], f"{kind} at {sorted(found)}")
            for row in found.values():
                sizes = {name.split("/", 1)[1]: sum(h["values"]) for name, h in row.items()}
                expect(sizes == {"0.weight": 4096, "0.bias": 64, "2.weight": 640, "2.bias": 10}, sizes)
                expect(
                    all(
                        h["_type"] == "histogram"
                        and len(h["bins"]) == len(h["values"]) + 1 == 65
                        and h["bins"] == sorted(h["bins"])
                        for h in row.values()
                    ),
                    row,
                )


def online():
    """`wandb sync` of the PATH is started at the end; without a login it is not."""
    with Work() as work:
        fake = work.path / "bin" / "wandb"
        fake.parent.mkdir()
        fake.write_text('#!/bin/sh\necho "$@" > ' + str(work.path / "called") + "\n")
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
        steps = [
            [int(r["history"]["step"].get("num", 0)) for r in records if "history" in r] for records in (first, second)
        ]
        expect(steps[0] + steps[1] == list(range(len(steps[0]) + len(steps[1]))), f"steps: {steps}")
        (run,) = (r["run"] for r in second if "run" in r)
        expect(run["resumed"] is True and int(run["starting_step"]) == len(steps[0]), run)


def interrupted():
    """As the program's own status, and where the run is stands in the summary."""
    with Work() as work:
        rules = [{"on": "on_step_end", "global_step": 20, "signal": 15}]
        stop = {"plugin": "script", "config": {"rules": rules}}
        _, printed = work.train("wandb", env=OFFLINE, callbacks=[stop], status=143)
        expect(check(work)["extra"]["exit_code"] == 143, check(work)["extra"])
        expect(f"{run_directories(work)[0].name}\n" in printed.split("  look at it       wandb sync ")[-1], printed)


def killed():
    """kill -9: every log that the run printed is in the file."""
    with Work() as work:
        command = work.command("wandb", args={"num_train_epochs": 100000, "save_strategy": "no", "eval_strategy": "no"})
        process = subprocess.Popen(
            command,
            env=work.environment(**OFFLINE),
            cwd=work.path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
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
        done = subprocess.run(
            command,
            env=work.environment(**OFFLINE),
            cwd=work.path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            restore_signals=False,  # SIGXFSZ stays ignored: writing fails, as on a full disk
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
        expect(done.returncode == 0, done.stdout)
        expect("could not be written" in done.stdout, done.stdout)
        same = [(work.path / o / "model.safetensors").read_bytes() for o in ("plain", "full")]
        expect(same[0] == same[1], "the model differs from that of a run without the tracker")
        found = check(work)
        expect(len(found["metrics"]["train/loss"]) > 10, found["metrics"])


if __name__ == "__main__":
    for part in (whole_run, modes, models, watched, online, resumed, interrupted, killed, disk_full):
        begin = time.time()
        part()
        print(f"{part.__name__}: {time.time() - begin:.1f} s")
