#!/usr/bin/env bash
# A model keeps the columns and classes that it was trained with, and other files are read by them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >run.json <<'END'
{ "model": {"type": "mlp", "layers": [2, 3]},
  "data": {"train": "train.csv", "eval": "same.csv", "test": "no_such.csv", "target": "kind", "drop": ["id"], "missing": "mean"},
  "loss": "cross_entropy", "metrics": ["accuracy"],
  "args": {"max_steps": 30, "per_device_train_batch_size": 4, "learning_rate": 0.5, "save_steps": 30, "report_to": "none"} }
END
cat >train.csv <<'END'
id;a;b;kind
r1;0;0;setosa
r2;5;0;virginica
r3;0;5;"a ""b"", c"
r4;5;;virginica
END
printf 'a,b,kind\n0,0,setosa\n5,,virginica\n' >same.csv
printf 'kind,more,b,a\nsetosa,x,0,0\nvirginica,y,,5\n' >swapped.csv
printf 'b\ta\n0\t0\n5\t0\n' >test.csv
fails() { # a text of the one line on stderr, the command
  ! "$TRAINER" "${@:2}" >/dev/null 2>err.txt || { echo "passed: ${*:2}"; exit 1; }
  grep -qF -- "$1" err.txt || { echo "no \"$1\":"; cat err.txt; exit 1; }
}

# Training does not open the test file.
"$TRAINER" train run.json --quiet --output_dir out >/dev/null
python3 - <<'END'
import json
for name in ("out", "out/checkpoint-30"):
    args = json.load(open(name + "/training_args.json"))
    assert args["max_steps"] == 30
    assert args["data"] == {
        "features": ["a", "b"], "missing": [2.5, 5 / 3], "classes": ["a \"b\", c", "setosa", "virginica"]
    }, args["data"]
END

# evaluate and predict need no other file, and no directory to write to.
mv train.csv away.csv
touch taken
for columns in same swapped; do
  "$TRAINER" evaluate run.json --checkpoint out --output_dir taken/out --set data.eval=$columns.csv >$columns.txt 2>/dev/null
  grep -E 'eval_(loss|accuracy) ' $columns.txt >$columns.metrics
done
grep -q 'eval_accuracy *= 1$' same.metrics
cmp same.metrics swapped.metrics
printf 'a,b,kind\n0,0,setosa\n0,0,rosa\n' >unknown.csv
fails 'unknown.csv line 3, column "kind" is "rosa"' evaluate run.json --checkpoint out --set data.eval=unknown.csv

# What an evaluation logs stands at the checkpoint's step, and a tracker that cannot write ends nothing.
"$TRAINER" evaluate run.json --checkpoint out --report_to csv --output_dir evaluated >/dev/null 2>&1
python3 - <<'END'
import csv
(row,) = csv.DictReader(open("evaluated/metrics.csv", newline=""))
assert row["step"] == "30" and float(row["epoch"]) == 30 and float(row["eval_accuracy"]) == 1, row
END
"$TRAINER" evaluate run.json --checkpoint out --report_to csv --output_dir taken/out >/dev/null 2>err.txt
grep -q '^warning: .*csv' err.txt

# The classes have their names, with or without labels.
predict() { "$TRAINER" predict run.json --checkpoint out/checkpoint-30 --output_dir taken --output p.csv "$@" >/dev/null 2>err.txt; }
predict --set data.test=test.csv --probabilities
python3 - <<'END'
import csv, math
rows = list(csv.DictReader(open("p.csv", newline="")))
classes = ["a \"b\", c", "setosa", "virginica"]
assert list(rows[0]) == ["prediction"] + [kind + c for kind in ("logit_", "probability_") for c in classes], rows[0]
assert [r["prediction"] for r in rows] == ["setosa", classes[0]], rows
for r in rows:
    logits = [math.exp(float(r["logit_" + c])) for c in classes]
    for c, share in zip(classes, logits):
        assert abs(float(r["probability_" + c]) - share / sum(logits)) < 1e-9
END
predict --set data.test=unknown.csv
grep -q '^warning: .*unknown.csv line 3, column "kind" is "rosa".*the labels of this file are left out' err.txt
[ "$(head -1 p.csv)" = 'prediction,"logit_a ""b"", c",logit_setosa,logit_virginica' ]
predict --set data.test=swapped.csv
[ "$(sed -n 's/,.*,/ /p' p.csv | tail -2)" = "$(printf 'setosa setosa\nvirginica virginica')" ]
[ ! -e taken/out ] && [ ! -e trainer_output ]

# A resumed training reads its file by them, too.
printf 'b,kind,a\n0,setosa,0\n' >train.csv
"$TRAINER" train run.json --quiet --output_dir out --max_steps 31 --resume_from_checkpoint --set data.drop=[] >/dev/null
grep -q '"a",$' out/training_args.json
printf 'b,kind,c\n0,setosa,0\n' >train.csv
fails 'no column "a", which the model was trained with' train run.json --output_dir out --resume_from_checkpoint
printf 'c,d,kind\n5,0,virginica\n' >other.csv
fails 'has no column "a"' train run.json --set init_from=out/model.safetensors --set data.train=other.csv

# Without them the columns are taken in their order, and that is said.
sed -i 's/"data":/"old":/' out/training_args.json && rm out/checkpoint.json
printf 'x,y,kind\n0,0,1\n' >old.csv
"$TRAINER" evaluate run.json --checkpoint out --set data.eval=old.csv --set data.drop=[] >old.txt 2>err.txt
grep -q '^warning: out does not say which columns' err.txt
grep -q 'eval_accuracy *= 1$' old.txt
fails 'expected one of the 3 classes of the model (0, 1, 2)' evaluate run.json --checkpoint out --set data.drop=[]
