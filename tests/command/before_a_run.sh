#!/usr/bin/env bash
# check, init and --print-config: what one asks before a run.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work
fail() { echo "$1"; cat "$2"; exit 1; }
example=$SOURCE/host/examples/digits/run.json

# What a run will do; nothing is left behind.
"$TRAINER" check "$example" --num_train_epochs 2 --save_total_limit 3 >out.txt
for line in "^  model .*\[64, 128, 64, 10\]" "17226 parameters, 68.9 kB" "^  train .*train.csv: 1437 rows$" \
  "first row: features float32 \[64\]; labels int64$" "^  eval .*eval.csv: 360 rows" "^  classes  *10: 0, 1, 2" \
  "^  first batch  *32 rows, loss 2\.[0-9]* before any training" "^  steps  *90 steps, 2 epochs of 45 steps; a step is 32 rows" \
  "^  evaluates  *at the end of each epoch, 2 times" "^  saves .*; the last 3 are kept" "^  learning rate  *cosine: 0 at step 1, 0.001 at step" \
  "^  memory .* weights 68.9 kB, optimizer 138 kB" "^  callbacks  *1. DefaultFlowCallback: built in" "[0-9]. early_stopping: callbacks\[0\]" \
  "^  left out  *not in report_to: .*wandb"; do
  grep -q "$line" out.txt || fail "no line like \"$line\"" out.txt
done
[ "$(ls)" = out.txt ] || fail "left behind: $(ls)" out.txt
"$TRAINER" check "$example" --report_to all --without csv --logging_steps 5000 --eval_strategy no --load_best_model_at_end false >out.txt
for line in "csv: --without" "mlflow: no: MLFLOW_TRACKING_URI is not set" "^  hint  *no loss is logged: args.logging_steps is 5000, and the run has 1800" \
  "^  hint  *early_stopping ends the run" "^  evaluates  *never"; do
  grep -q "$line" out.txt || fail "no line like \"$line\"" out.txt
done

# A mistake is found before the training, and is the status.
status=0
"$TRAINER" check "$example" --set model.layers=[64,9] >out.txt 2>err.txt || status=$?
[ $status = 2 ] && grep -q "error: .*data" err.txt || fail "status $status of classes that do not fit" err.txt

# init: what the data say. It is a run file that check takes.
printf 'id,size,colour,price\n1,2.5,red,10.5\n2,,blue,11\n3,1.5,red,9.25\n' >houses.csv
"$TRAINER" init houses.json --data houses.csv >out.txt
for line in '"layers": \[1, 64, 1\]' '"loss": "mse"' '"target": "price"' '"drop": \["id", "colour"\]' '"missing": "mean"'; do
  grep -q "$line" houses.json || fail "no line like $line" houses.json
done
"$TRAINER" check houses.json >out.txt
grep -q "a step is 8 rows" out.txt
printf 'a,b,label\n1,2,cat\n3,4,dog\n5,6,cat\n' >pets.csv
mkdir runs
cat >args.json <<'END'
{"output_dir": "out", "learning_rate": 0.001, "num_train_epochs": 3.0, "seed": 42, "push_to_hub": true, "max_steps": 5, "_n_gpu": 1,
 "hub_token": "<HUB_TOKEN>", "warmup_ratio": 0.1}
END
"$TRAINER" init runs/pets.json --data pets.csv --from args.json >out.txt
for line in '"train": "../pets.csv"' '"layers": \[2, 64, 2\]' '"loss": "cross_entropy"' '^    "learning_rate": 0.001,$' '^    "max_steps": 5,$' \
  '^    // "push_to_hub": true: .*uploaded' '^    // "warmup_ratio": 0.1: .*warmup_steps'; do
  grep -q "$line" runs/pets.json || fail "no line like $line" runs/pets.json
done
! grep -q "hub_token\|_n_gpu\|\"seed\"\|num_train_epochs" runs/pets.json || fail "defaults and secrets were taken" runs/pets.json
(cd runs && "$TRAINER" check pets.json | grep -q "classes  *2: cat, dog")
"$TRAINER" init empty.json >out.txt && grep -q '"train": "train.csv"' empty.json
status=0
"$TRAINER" init houses.json >out.txt 2>err.txt || status=$?
[ $status = 2 ] && grep -q "houses.json already exists" err.txt || fail "status $status of a file that is there" err.txt
status=0
"$TRAINER" train args.json >out.txt 2>err.txt || status=$?
[ $status = 2 ] && grep -q "holds TrainingArguments.*trainer init --from args.json" err.txt || fail "status $status of bare arguments" err.txt

# --print-config is a run file of the same run, from anywhere.
"$TRAINER" train runs/pets.json --learning_rate 0.5 --set model.layers=[2,2] --print-config >whole.json
mkdir elsewhere
(cd elsewhere && "$TRAINER" train ../whole.json --print-config) >again.json
cmp whole.json again.json
python3 - <<'END'
import json
whole = json.load(open("whole.json"))
assert whole["args"]["learning_rate"] == 0.5 and whole["args"]["adam_beta2"] == 0.999, whole["args"]
assert whole["model"]["layers"] == [2, 2] and whole["data"]["train"].endswith("/pets.csv"), whole
assert whole["data"]["train"].startswith("/") and whole["args"]["output_dir"].startswith("/"), whole
END
