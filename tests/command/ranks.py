# SPDX-License-Identifier: Apache-2.0
"""The command on several processes: who writes and prints what, streams, predictions, and checkpoints of other numbers of ranks."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
TRAINER = os.environ["TRAINER"]
DATA = SOURCE / "tests" / "parity" / "cases" / "data"
sys.path.insert(0, str(SOURCE / "tests" / "support"))
from launch import places, run_all  # noqa: E402

RUN = {
    "model": {"type": "mlp", "layers": [4, 8, 3]},
    "loss": "cross_entropy",
    "data": {"train": str(DATA / "cls.csv"), "eval": str(DATA / "cls_eval.csv"), "target": "label"},
    "args": {
        "max_steps": 6,
        "logging_steps": 3,
        "save_steps": 3,
        "per_device_train_batch_size": 4,
        "report_to": "none",
    },
}


class Place:
    """A folder with a run file, in which commands run as several processes."""

    def __init__(self, root, name, run=RUN, **args):
        self.path = root / name
        self.path.mkdir()
        (self.path / "run.json").write_text(json.dumps(run | {"args": run["args"] | args}))

    def ranks(self, world, *command, status=0, **variables):
        """(stdout, stderr) of each rank."""
        ended = run_all([[TRAINER, *command]] * world, self.path, [of | variables for of in places(world)])
        for rank, (found, out, err) in enumerate(ended):
            assert found == status, f"rank {rank}: status {found}\n{out}{err}"
        return [said for _, *said in ended]

    def alone(self, *command):
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run([TRAINER, *command], cwd=self.path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def bytes(self, file):
        return (self.path / file).read_bytes()

    def files(self):
        return sorted(
            p.relative_to(self.path / "out").as_posix() for p in (self.path / "out").rglob("*") if p.is_file()
        )

    def state(self, folder="out"):
        return json.loads((self.path / folder / "trainer_state.json").read_text())


TRAIN = ["train", "run.json", "--output_dir", "out"]


def check_shows_the_plan_of_all(root):
    (out, _), (other_out, _) = Place(root, "checked").ranks(2, "check", "run.json")
    assert "  steps          6 steps, " in out and "; a step is 4 rows × 2 processes\n" in out, out
    assert other_out == "", other_out


def one_writes_and_prints(root):
    place = Place(root, "writes")
    (out, err), (other_out, other_err) = place.ranks(2, *TRAIN, "--use_cpu", "--ddp_backend", "nccl")
    assert "Training done: 6 of 6 steps" in out, out
    assert err.count('args.ddp_backend is "nccl", which is for GPUs, and this run is on CPUs') == 1, err
    assert other_out == "" and other_err == "", other_out + other_err
    checkpoint = {f for f in place.files() if f.startswith("checkpoint-3/")}
    assert {"checkpoint-3/rng_state_0.safetensors", "checkpoint-3/rng_state_1.safetensors"} < checkpoint, checkpoint
    assert "checkpoint-3/rng_state.safetensors" not in checkpoint
    assert {"model.safetensors", "trainer_state.json"} < set(place.files()), place.files()
    return place


def a_world_of_one_is_a_process_alone(root):
    place, other = Place(root, "alone"), Place(root, "of_one")
    place.alone(*TRAIN)
    other.ranks(1, *TRAIN)
    assert place.files() == other.files()
    for file in place.files():
        if file.endswith((".safetensors", ".pt")):
            assert place.bytes(f"out/{file}") == other.bytes(f"out/{file}"), file


def other_numbers_of_ranks_resume(root, of_two):
    for world in (1, 3):
        place = Place(root, f"resumed_{world}")
        shutil.copytree(of_two.path / "out", place.path / "out")
        command = [*TRAIN, "--resume_from_checkpoint", "out/checkpoint-3", "--log_level", "info"]
        said = place.ranks(world, *command, "--log_level_replica", "info")
        text = "holds no generator state of this program" + (" for rank 2" if world == 3 else ";")
        assert text in said[-1][1], said[-1][1]
        assert place.state()["global_step"] == 6
    place = Place(root, "resumed_newest")
    shutil.copytree(of_two.path / "out" / "checkpoint-3", place.path / "out" / "checkpoint-3")
    place.ranks(2, *TRAIN, "--resume_from_checkpoint")
    assert place.bytes("out/model.safetensors") == of_two.bytes("out/model.safetensors"), "resumed, other weights"


def async_save_waits_for_all(root, of_two):
    place = Place(root, "async", RUN | {"async_save": True})
    place.ranks(2, *TRAIN, "--record", "record")
    for rank in ("", "rank-1/"):
        events = [json.loads(line) for line in (place.path / f"record/{rank}trace.jsonl").read_text().splitlines()]
        assert sum(event["event"] == "on_save" for event in events) == 2
    for file in ("model.safetensors", "optimizer.pt", "rng_state_1.safetensors"):
        assert place.bytes(f"out/checkpoint-3/{file}") == of_two.bytes(f"out/checkpoint-3/{file}"), file


def streams_are_dealt_out(root):
    """Rows of JSON Lines go to ranks as those of a file with numbers do, in their order."""
    header, *lines = (DATA / "cls.csv").read_text().splitlines()
    target = header.split(",").index("label")
    rows = [line.split(",") for line in lines][:24]
    csv, json_lines = root / "rows.csv", root / "rows.jsonl"
    csv.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    with open(json_lines, "w") as f:
        for row in rows:
            label = int(row.pop(target))
            f.write(json.dumps({"features": [float(x) for x in row], "labels": label}) + "\n")
    args = {"train_sampling_strategy": "sequential", "save_strategy": "no", "max_steps": 4}
    by_number = Place(root, "by_number", RUN | {"data": {"train": str(csv), "target": "label"}}, **args)
    by_number.ranks(2, *TRAIN)
    del args["train_sampling_strategy"]
    streamed = Place(root, "streamed", RUN | {"data": {"train": str(json_lines), "eval": str(json_lines)}}, **args)
    streamed.ranks(2, *TRAIN)
    assert by_number.bytes("out/model.safetensors") == streamed.bytes("out/model.safetensors")
    evaluate = ["evaluate", "run.json", "--checkpoint", "out", "--output_dir", "x"]
    evaluated = [
        streamed.ranks(world, *evaluate, "--per_device_eval_batch_size", size)[0][0]
        for world, size in ((1, "8"), (3, "7"))
    ]
    losses = [
        next(float(line.split("=")[1]) for line in text.splitlines() if line.startswith("  eval_loss "))
        for text in evaluated
    ]
    assert abs(losses[0] - losses[1]) < 1e-5, losses


def predictions_stand_in_order(root, of_two):
    run = RUN | {"data": RUN["data"] | {"test": str(DATA / "cls_test.csv")}}
    place = Place(root, "predicts", run, per_device_eval_batch_size=4)
    command = ["predict", "run.json", "--checkpoint", of_two.path / "out" / "checkpoint-6", "--output_dir", "x"]
    place.alone(*map(str, command), "--output", "one.csv")
    said = place.ranks(3, *command, "--output", "three.csv")
    assert [bool(out) for out, _ in said] == [True, False, False]
    one, three = (
        [line.split(",") for line in (place.path / name).read_text().splitlines()] for name in ("one.csv", "three.csv")
    )
    assert one[0] == three[0] and len(one) == len(three), three
    differences = [abs(float(a) - float(b)) for x, y in zip(one[1:], three[1:]) for a, b in zip(x, y, strict=True)]
    assert max(differences) < 1e-5, max(differences)
    rows = (DATA / "cls_test.csv").read_text().splitlines(keepends=True)
    (place.path / "fewer.csv").write_text("".join(rows[:-1]))
    commands = [[TRAINER, *command, "--output", "no.csv", *more] for more in ([], ["--set", "data.test=fewer.csv"])]
    for status, out, err in run_all(commands, place.path, places(2)):
        assert status == 2 and "the number of rows of the test data is" in err and "[ranks.mismatch]" in err, out + err
    assert not (place.path / "no.csv").exists()


def files_of_a_plugin(root):
    """Rank 0's instance writes them, and each machine that has checkpoints of its own has them there."""
    place = Place(root, "files", RUN | {"callbacks": [{"plugin": "diary"}]}, save_on_each_node=True)
    commands = [[TRAINER, "train", "run.json", "--output_dir", machine] for machine in ("a", "b")]
    for rank, (status, out, err) in enumerate(run_all(commands, place.path, places(2, nodes=2))):
        assert status == 0, f"rank {rank}: status {status}\n{out}{err}"
    for step in (3, 6):
        file, of_b = "plugins/diary/diary.txt", f"b/checkpoint-{step}"
        text = place.bytes(f"{of_b}/{file}")
        assert text.startswith(b"begun\nstep 3: loss ") and text == place.bytes(f"a/checkpoint-{step}/{file}"), text
        listed = json.loads(place.bytes(f"{of_b}/checkpoint.json"))["files"][file]
        assert listed["bytes"] == len(text), listed
    assert not (place.path / "b" / "plugin_results.json").exists()


def refusals(root):
    place = Place(root, "refused", auto_find_batch_size=True)
    for _, err in place.ranks(2, *TRAIN, status=2):
        assert "auto_find_batch_size is set" in err and "[arguments.invalid]" in err, err
    place.ranks(1, *TRAIN, status=2, WORLD_SIZE="2", RANK="2")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        root = pathlib.Path(tmp)
        check_shows_the_plan_of_all(root)
        of_two = one_writes_and_prints(root)
        a_world_of_one_is_a_process_alone(root)
        other_numbers_of_ranks_resume(root, of_two)
        async_save_waits_for_all(root, of_two)
        streams_are_dealt_out(root)
        predictions_stand_in_order(root, of_two)
        files_of_a_plugin(root)
        refusals(root)


main()
