# SPDX-License-Identifier: Apache-2.0
"""What one rank alone decides holds for all: a flag that its callback sets or clears, in whichever event, and a signal.
All ranks go the same way, at the same step, and the record says who decided."""

import json
import os
import signal
import time

from launch import BUILD, expect, launch, run_cases, run_file, train, whole_checkpoints


def traces(work, world=2):
    folders = ["record", *(f"record/rank-{rank}" for rank in range(1, world))]
    return [
        [json.loads(line) for line in (work / folder / "trace.jsonl").read_text().splitlines()] for folder in folders
    ]


def run(work, rules, args=None, world=2, status=0):
    command = train(run_file(work / "run.json", rules, args), "--record", "record")
    with launch(command, work, world=world) as processes:
        for process in processes:
            expect(process.wait() == status, f"rank {process.rank}: {process.popen.returncode}: {process.text()}")
        texts = [process.text() for process in processes]
    found = traces(work, world)
    between = ("agreement", "stop_request")
    events = [[(e["event"], e["global_step"]) for e in trace if e["event"] not in between] for trace in found]
    for rank in range(1, world):
        expect(events[rank] == events[0], f"the events of rank {rank} are others than those of rank 0")
    agreed = [[e for e in trace if e["event"] == "agreement"] for trace in found]
    return events[0], agreed, texts


def who(lines):
    return [(e["global_step"], change["callback"], change["flags"]) for e in lines for change in e["changed_by"]]


def one_stops(work):
    rules = [{"on": "on_step_end", "global_step": 5, "rank": 1, "set": {"should_training_stop": True}}]
    events, agreed, texts = run(work, rules)
    expect(events[-1] == ("on_train_end", 5), f"the end is {events[-1]}")
    expect(who(agreed[0]) == [(5, "script on rank 1", {"should_training_stop": True})], f"rank 0: {agreed[0]}")
    expect(agreed[1] == [], f"rank 1: {agreed[1]}")
    expect("script on rank 1 sets should_training_stop at step 5" in texts[0], texts[0])


def one_clears(work):
    rules = [{"on": "on_step_end", "global_step": 3, "rank": 0, "set": {"should_log": False}}]
    events, agreed, _ = run(work, rules)
    expect(("on_log", 2) in events and ("on_log", 3) not in events and ("on_log", 4) in events, "the logs")
    expect(who(agreed[1]) == [(3, "script on rank 0", {"should_log": False})], f"rank 1: {agreed[1]}")


def two_disagree(work):
    rules = [
        {"on": "on_step_end", "global_step": 3, "rank": 1, "set": {"should_save": True}},
        {
            "on": "on_step_end",
            "global_step": 3,
            "rank": 2,
            "set": {"should_evaluate": False, "should_epoch_stop": True},
        },
        {"on": "on_step_end", "global_step": 4, "rank": 1, "set": {"should_save": False}},
        {"on": "on_step_end", "global_step": 4, "rank": 2, "set": {"should_epoch_stop": True}},
    ]
    events, agreed, _ = run(work, rules, {"max_steps": -1, "num_train_epochs": 3}, world=3)
    saves = [step for event, step in events if event == "on_save"]
    expect(saves == [3, 8, 12], f"saves at {saves}")
    expect([step for event, step in events if event == "on_epoch_end"] == [3, 4, 12], f"the epochs: {events}")
    expect((4, "script on rank 1", {"should_save": False}) in who(agreed[2]), f"rank 2: {agreed[2]}")


def in_every_event(work):
    """A flag that is set while a log, an evaluation or a checkpoint is under way is agreed before anyone looks at it."""
    rules = [
        {"on": "on_log", "global_step": 2, "rank": 1, "set": {"should_save": True}},
        {"on": "on_log", "global_step": 3, "rank": 1, "set": {"should_evaluate": True}},
        {"on": "on_prediction_step", "global_step": 3, "rank": 1, "times": 1, "set": {"should_save": True}},
        {"on": "on_save", "global_step": 4, "rank": 0, "set": {"should_epoch_stop": True}},
        {"on": "on_evaluate", "global_step": 3, "rank": 1, "set": {"should_epoch_stop": True}},
        {"on": "on_epoch_begin", "global_step": 4, "rank": 1, "set": {"should_save": True}},
        {"on": "on_epoch_end", "global_step": 6, "rank": 1, "set": {"should_training_stop": True}},
        {"on": "on_step_end", "global_step": 6, "rank": 1, "set": {"should_epoch_stop": True}},
    ]
    more = {"data": {"train": "train.csv", "eval": "train.csv", "target": "label"}}
    run_file(
        work / "run.json", rules, {"per_device_train_batch_size": 1, "max_steps": -1, "num_train_epochs": 4}, **more
    )
    with launch(train("run.json", "--record", "record"), work) as processes:
        for process in processes:
            expect(process.wait() == 0, f"rank {process.rank}: {process.popen.returncode}: {process.text()}")
    first, second = traces(work)
    events = [[(e["event"], e["global_step"]) for e in t if e["event"] != "agreement"] for t in (first, second)]
    expect(events[0] == events[1], "the events differ")
    happened = [e for e in events[0] if e[0] in ("on_evaluate", "on_save", "on_epoch_end", "on_train_end")]
    expected = [
        ("on_save", 2),
        ("on_evaluate", 3),
        ("on_save", 3),
        ("on_epoch_end", 3),
        ("on_save", 4),
        ("on_epoch_end", 4),
    ]
    expect(happened[:6] == expected, f"happened: {happened}")
    expect(happened[-1] == ("on_train_end", 6), f"the end: {happened[-1]}")


def within_a_window(work):
    rules = [{"on": "on_substep_end", "global_step": 2, "rank": 1, "set": {"should_epoch_stop": True}}]
    events, _, _ = run(work, rules, {"gradient_accumulation_steps": 3, "max_steps": 4})
    expect(("on_epoch_end", 2) in events, f"the epochs: {events}")


def before_a_window(work):
    """What was set before a window's first micro-batch is agreed, too, although nobody hears of those within it."""
    for on, step, end in (("on_train_begin", 0, 0), ("on_epoch_begin", 4, None), ("on_step_begin", 2, None)):
        callbacks = [{"plugin": "stopper", "config": {"on": on, "global_step": step}}]
        args = {"gradient_accumulation_steps": 3, "max_steps": 6, "ddp_timeout": 20}
        run_file(work / "run.json", args=args, callbacks=callbacks)
        with launch(train("run.json", "--record", "record", "--output_dir", f"out-{on}"), work) as processes:
            for process in processes:
                expect(process.wait() == 0, f"{on}: rank {process.rank}: {process.popen.returncode}: {process.text()}")
        first, second = [[(e["event"], e["global_step"]) for e in t if e["event"] != "agreement"] for t in traces(work)]
        expect(first == second, f"{on}: {first} and {second}")
        expect(end is None or first[-1] == ("on_train_end", end), f"{on}: {first[-1]}")
        expect(end is not None or ("on_epoch_end", step) in first, f"{on}: {first}")


def a_plugin_of_one_rank(work):
    """Its flags count although it is made on rank 0 alone."""
    rules = [{"on": "on_log", "global_step": 5, "set": {"should_training_stop": True}}]
    callbacks = [{"plugin": "script", "config": {"rules": rules}, "ranks": "world_zero"}]
    run_file(work / "run.json", callbacks=callbacks)
    with launch(train("run.json", "--record", "record"), work) as processes:
        for process in processes:
            expect(process.wait() == 0, f"rank {process.rank}: {process.popen.returncode}: {process.text()}")
    first, second = traces(work)
    expect(first[-1]["global_step"] == second[-1]["global_step"] == 5, "the last step")
    expect(who([e for e in second if e["event"] == "agreement"])[0][1] == "script on rank 0", "who decided")


def weights(work, rank=0):
    folder = work / "record" / (f"rank-{rank}" if rank else "")
    return json.loads((folder / "result.json").read_text())["final_weights"]


def rates(work):
    """A learning rate that one rank sets is that of all, for the very update that follows; so the weights are those of a
    run in which all ranks set it."""
    rates = [
        ("on_step_begin", 2, {"0": 0.05}),
        ("on_pre_optimizer_step", 4, {"1": 0.25}),
        ("on_step_end", 6, {"0": 0.1, "1": 0.2}),
        ("on_log", 8, {"0": 0.01}),
        ("on_optimizer_step", 9, {"0": 0.5}),  # which the schedule sets anew at once
    ]
    found = {}
    for who_sets in (None, 0, 1):
        rules = [
            {"on": on, "global_step": step, "lr": lr} | ({} if who_sets is None else {"rank": who_sets})
            for on, step, lr in rates
        ]
        _, agreed, _ = run(work, rules, {"gradient_accumulation_steps": 2, "learning_rate": 0.02})
        expect(weights(work) == weights(work, 1), f"{who_sets}: the ranks have other weights")
        found[who_sets] = weights(work)
        for rank in (0, 1):
            changes = [
                (e["global_step"], c["callback"], c["group"], c["lr"]) for e in agreed[rank] for c in e["changed_by"]
            ]
            by = f"script on rank {who_sets}"
            expected = [(2, by, 0, 0.05), (4, by, 1, 0.25), (6, by, 0, 0.1), (6, by, 1, 0.2), (8, by, 0, 0.01)]
            expected = [] if who_sets in (None, rank) else expected
            expect(changes == expected, f"{who_sets}: rank {rank} took over {changes}")
    expect(found[0] == found[None] and found[1] == found[None], "the weights are others than those that all ranks set")


def rates_of_two(work):
    """Where two set one group's rate, the lower rank decides; another group's is the other's."""
    rules = [
        {"on": "on_step_end", "global_step": 3, "rank": 0, "lr": {"0": 0.1}},
        {"on": "on_step_end", "global_step": 3, "rank": 1, "lr": {"0": 0.2, "1": 0.3}},
    ]
    _, agreed, _ = run(work, rules)
    changes = [[(c["callback"], c["group"], c["lr"]) for e in a for c in e["changed_by"]] for a in agreed]
    expect(changes[0] == [("script on rank 1", 1, 0.3)], f"rank 0 took over {changes[0]}")
    expect(changes[1] == [("script on rank 0", 0, 0.1)], f"rank 1 took over {changes[1]}")
    expect(weights(work) == weights(work, 1), "the ranks have other weights")


def a_rate_of_a_plugin_on_one_rank(work):
    """It is made on rank 0 alone, and sets its rate in on_step_begin, which nobody else hears."""
    rules = [{"on": "on_step_begin", "global_step": 3, "lr": {"0": 0.5}}]
    run_file(work / "run.json", callbacks=[{"plugin": "script", "config": {"rules": rules}, "ranks": "world_zero"}])
    with launch(train("run.json", "--record", "record"), work) as processes:
        for process in processes:
            expect(process.wait() == 0, f"rank {process.rank}: {process.popen.returncode}: {process.text()}")
    agreed = [e for e in traces(work)[1] if e["event"] == "agreement"]
    expect([(e["global_step"], e["changed_by"][0]["lr"]) for e in agreed] == [(3, 0.5)], f"rank 1: {agreed}")
    expect(weights(work) == weights(work, 1), "the ranks have other weights")


def requests(work):
    """A plugin of one rank asks for the end from a thread of its own: all end after the same step, and nothing more is
    saved."""
    rules = [{"on": "on_step_begin", "global_step": 5, "rank": 1, "request_stop": True}]
    events, agreed, texts = run(work, rules)
    expect(events[-1] == ("on_train_end", 6), f"the end is {events[-1]}")
    expect(whole_checkpoints(work / "out") == [4], f"checkpoints {whole_checkpoints(work / 'out')}")
    expect(who(agreed[0]) == [(6, "script on rank 1", {"should_training_stop": True})], f"rank 0: {agreed[0]}")
    expect("script on rank 1 sets should_training_stop at step 6" in texts[0], texts[0])


def a_late_callback(work):
    """It comes to one rank in the middle of the training, and is the first that may stop within a window."""
    with launch([], work, program=BUILD / "tests" / "late_callback") as processes:
        for process in processes:
            status = process.wait()
            expect(status == 0 and "ended at step 4" in process.text(), f"rank {process.rank}: {process.text()}")


def few_messages(work):
    """Without a callback that could set a flag in a step, a step sends the gradients, and now and then a number: each
    is one write and one or two that say that a rank is ready."""
    writes = []
    for steps in (200, 600):
        args = {"max_steps": steps, "save_strategy": "no", "logging_steps": 1000}
        run_file(work / "run.json", args=args, callbacks=[])
        with launch(["train", "run.json", "--output_dir", f"out{steps}"], work) as processes:
            os.waitid(os.P_PID, processes[0].popen.pid, os.WEXITED | os.WNOWAIT)
            with open(f"/proc/{processes[0].popen.pid}/io") as f:
                counts = dict(line.split(": ") for line in f.read().splitlines())
            writes.append(int(counts["syscw"]))
            for process in processes:
                expect(process.wait() == 0, process.text())
    each = (writes[1] - writes[0]) / 400
    expect(each < 9, f"{each} writes a step")


def signals(work):
    """A signal on one rank stops all after the same step, with one checkpoint; a second SIGTERM is nothing new. Where no
    callback could set a flag in a step, the ranks do not ask after each."""
    for number, to, again, more in (
        (signal.SIGTERM, 1, True, {}),
        (signal.SIGINT, 0, False, {}),
        (signal.SIGTERM, 0, False, {"callbacks": []}),
    ):
        out = f"out{number}{len(more)}"
        args = {"max_steps": 1000000, "save_strategy": "no", "logging_steps": 50}
        run_file(work / "run.json", args=args, **more)
        with launch(["train", "run.json", "--output_dir", out], work) as processes:
            while "'loss'" not in processes[0].text():
                expect(processes[0].popen.poll() is None, f"it ended by itself: {processes[0].text()}")
                time.sleep(0.02)
            processes[to].popen.send_signal(number)
            if again:
                for process in processes:
                    process.popen.send_signal(number)
            for process in processes:
                found = process.wait()
                expect(
                    found == 128 + number, f"rank {process.rank}: {found}, expected {128 + number}: {process.text()}"
                )
            text = processes[0].text()
        steps = whole_checkpoints(work / out)
        expect(len(steps) == 1, f"checkpoints {steps}")
        expect(f"stopped by {signal.Signals(number).name} at step {steps[0]} of 1000000" in text, text)
        expect(f"resume by starting all 2 ranks with: trainer train run.json --output_dir {out} --resume" in text, text)


CASES = [
    signals,
    one_stops,
    one_clears,
    two_disagree,
    in_every_event,
    within_a_window,
    before_a_window,
    a_plugin_of_one_rank,
    rates,
    rates_of_two,
    a_rate_of_a_plugin_on_one_rank,
    requests,
    a_late_callback,
    few_messages,
]


if __name__ == "__main__":
    run_cases(CASES, 2)
