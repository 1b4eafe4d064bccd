#!/usr/bin/env bash
# `trainer replay` gives a tracker the same history as the run did, and tells where early stopping would have
# stopped; it does so without LibTorch.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$TRAINER" train "$SOURCE/host/examples/digits/run.json" --report_to csv --output_dir run --quiet --num_train_epochs 6
"$TRAINER" replay run/trainer_state.json --report_to csv,tensorboard --output_dir again >out.txt
grep -q "^replayed [0-9]* logs of run/trainer_state.json to csv, tensorboard$" out.txt
python3 - <<'END'
import csv
def rows(path):
    with open(path, newline="") as f:
        return [{k: v for k, v in row.items() if v} for row in csv.DictReader(f)]
run, again = rows("run/metrics.csv"), rows("again/metrics.csv")
assert len(run) >= 20
for a, b in zip(run, again, strict=True):
    b.pop("total_flos", None)  # Printer takes it out of the run's own log only after the trackers
    a.pop("total_flos", None)
    assert a == b, (a, b)
END
ls again/runs/*/events.out.tfevents.* >/dev/null

"$TRAINER" replay run/trainer_state.json --report_to none --output_dir again --metric_for_best_model accuracy \
  --greater_is_better true --eval_strategy epoch --callback 'early_stopping={"early_stopping_patience": 0}' >out.txt 2>err.txt
grep -q "^early_stopping would have stopped the training at step 45, epoch 1$" out.txt

status=0
"$TRAINER" replay run/trainer_state.json --report_to none --output_dir again 2>err.txt || status=$?
[ "$status" = 2 ] && grep -q "no plugin to play to" err.txt
! ldd "$TRAINER" | grep -q torch
