#!/usr/bin/env bash
# evaluate and predict on a checkpoint agree with what the training said of it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
run=$SOURCE/host/examples/digits/run.json

"$TRAINER" train "$run" --report_to none --num_train_epochs 8 --output_dir out >train.txt 2>/dev/null
best=$(sed -n 's/^  best checkpoint *//p' train.txt)
accuracy=$(sed -n 's/^  best metric *eval_accuracy = \([0-9.]*\).*/\1/p' train.txt)
"$TRAINER" evaluate "$run" --report_to none --output_dir out --checkpoint "$best" >evaluate.txt 2>/dev/null
grep -q "eval_accuracy  *= $accuracy$" evaluate.txt
"$TRAINER" predict "$run" --report_to none --output_dir out --checkpoint "$best" --set data.test="$SOURCE/host/examples/digits/eval.csv" \
  --output predictions.csv >predict.txt 2>/dev/null
grep -q "test_accuracy  *= $accuracy$" predict.txt
python3 - "$accuracy" <<'END'
import csv, sys
with open("predictions.csv", newline="") as f:
    rows = list(csv.DictReader(f))
assert len(rows) == 360 and list(rows[0])[0] == "prediction" and list(rows[0])[-1] == "label" and "logit_9" in rows[0]
hits = sum(r["prediction"] == r["label"] for r in rows)
assert abs(hits / 360 - float(sys.argv[1])) < 1e-5, hits
assert all(int(r["prediction"]) == max(range(10), key=lambda i: float(r[f"logit_{i}"])) for r in rows)
END
