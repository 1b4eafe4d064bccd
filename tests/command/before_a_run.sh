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
  "^  evaluation  *eval_loss, eval_accuracy, eval_runtime, " "^  left out  *not in report_to: .*wandb"; do
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

# So is a metric that nothing gives, or that does not fit what the model gives.
status=0
"$TRAINER" check "$example" --metric_for_best_model f1 >out.txt 2>err.txt || status=$?
[ $status = 2 ] && grep -q "asks for \"eval_f1\", but an evaluation of this run gives eval_loss, eval_accuracy" err.txt ||
  fail "status $status of a metric that is not there" err.txt
metrics='["accuracy", {"name": "f1", "average": "macro"}, "confusion_matrix"]'
"$TRAINER" check "$example" --set "metrics=$metrics" --metric_for_best_model f1_macro >out.txt
grep -q "^  evaluation  *eval_loss, eval_accuracy, eval_f1_macro, " out.txt || fail "no eval_f1_macro" out.txt
grep -q "^ *eval_confusion_matrix, a table for the report" out.txt || fail "no table" out.txt
"$TRAINER" train "$example" --set "metrics=$metrics" --metric_for_best_model f1_macro --num_train_epochs 1 --report_to html \
  --output_dir "$work/measured" --quiet
python3 - <<'END'
import json, re
history = json.load(open("measured/trainer_state.json"))["log_history"]
(one,) = [entry for entry in history if "eval_loss" in entry]
matrix = one["eval_confusion_matrix"]
right = sum(matrix[i][i] for i in range(10))
assert len(matrix) == 10 and sum(map(sum, matrix)) == 360 and right / 360 == one["eval_accuracy"], one
page = open("measured/report.html").read()
assert json.loads(re.search(r'id="costs">(.*?)</script>', page)[1])["class_names"] == [str(i) for i in range(10)]
run = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])["runs"][0]
assert json.loads(dict(run["texts"])["eval_confusion_matrix"]) == matrix, run["texts"]
assert run["best_metric"] == one["eval_f1_macro"]
END
rm -r measured

# More classes than its table may have, known before any row is read.
status=0
"$TRAINER" train "$example" --set 'metrics=["confusion_matrix"]' --set model.layers=[64,257] --output_dir none >out.txt 2>err.txt || status=$?
[ $status = 2 ] && grep -q "metrics\[0\] asks for confusion_matrix, a table of at most 256 classes, but the model has 257 outputs" err.txt ||
  fail "status $status of a table of 257 classes" err.txt
for wrong in '"mcc":"matthews"' '"roc":"roc_auc"' '"auc":"roc_auc"' '{"name": "f1", "avg": "macro"}:"average"'; do
  "$TRAINER" check "$example" --set "metrics=[${wrong%:*}]" >out.txt 2>err.txt && fail "it took $wrong" out.txt
  grep -q "did you mean ${wrong##*:}?" err.txt || fail "no remedy for $wrong" err.txt
done

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
printf 'a,label\n1,x\n2,y\n' >one.csv
"$TRAINER" init one.json --data one.csv >out.txt
grep -q '// 2 rows: 1 column of numbers, and 2 classes in "label"' one.json || fail "no count" one.json
# What its own reader would not take it does not write, but says what is wrong.
printf '1,2.5,0\n3,4.5,1\n5,6.5,0\n' >headless.csv
printf 'a,b,a,label\n1,2,3,x\n4,5,6,y\n' >twice.csv
printf 'a,gr\366\337e,label\n1,2,x\n4,5,y\n' >latin.csv
printf 'a,b,label\n1,2,x\n4,5,\n' >unlabelled.csv
printf 'a,b,price\n1,2,1.5\n4,5,\n' >unpriced.csv
check_refusal() {
  status=0
  "$TRAINER" init "no.json" --data "$1" >out.txt 2>err.txt || status=$?
  [ $status = 2 ] && [ "$(wc -l <err.txt)" = 1 ] && grep -q "$2" err.txt || fail "status $status of init --data $1" err.txt
  [ ! -e no.json ] || fail "a run file that cannot be read was left" no.json
}
check_refusal headless.csv "looks like data.*write such a line above it"
check_refusal twice.csv 'names the column "a" twice'
check_refusal latin.csv "not UTF-8; save the file as UTF-8"
check_refusal unlabelled.csv "unlabelled.csv line 3"
check_refusal unpriced.csv "unpriced.csv line 3"
# Columns of tensors and streams, too.
python3 - <<'END'
import json, pathlib, struct
def write(name, **columns):
    header, data = {}, b""
    for key, (dtype, shape, values) in columns.items():
        packed = struct.pack(f"<{len(values)}{'f' if dtype == 'F32' else 'q'}", *values)
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    pathlib.Path(name).write_bytes(struct.pack("<Q", len(text)) + text + data)
write("table.safetensors", features=("F32", [3, 2], [1, 2, 3, 4, 5, 6]), labels=("I64", [3], [0, 2, 1]))
write("prices.safetensors", features=("F32", [2, 2], [1, 2, 3, 4]), labels=("F32", [2, 1], [1.5, 2.5]))
tokens = {"input_ids": ("I64", [5], [1, 2, 3, 4, 5]), "input_ids.offsets": ("I64", [3], [0, 2, 5])}
write("tokens.safetensors", **tokens, labels=("I64", [2], [0, 1]))
rows = [{"features": [0.5, 1.5], "label": i % 2} for i in range(9)]
pathlib.Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
END
"$TRAINER" init table.json --data table.safetensors >out.txt
for line in "// 3 rows: features float32 \[2\]; labels int64" '"layers": \[2, 64, 3\]' '"loss": "cross_entropy"'; do
  grep -q "$line" table.json || fail "no line like $line" table.json
done
"$TRAINER" check table.json >out.txt
"$TRAINER" init prices.json --data prices.safetensors >out.txt
grep -q '"layers": \[2, 64, 1\]' prices.json && grep -q '"loss": "mse"' prices.json || fail "no regression" prices.json
"$TRAINER" check prices.json >out.txt
"$TRAINER" init tokens.json --data tokens.safetensors >out.txt
grep -q '"type": "pt2"' tokens.json && grep -q '"collate": {"pad": {"input_ids": 0}}' tokens.json || fail "no padding" tokens.json
"$TRAINER" init rows.json --data rows.jsonl >out.txt
grep -q "// the first 9 rows: features float32 \[2\]; labels int64" rows.json && grep -q '"max_steps": 1000,' rows.json ||
  fail "no stream" rows.json
# check reads the first rows of a stream.
"$TRAINER" check rows.json >out.txt
for line in "^  train .*rows.jsonl: a stream of rows$" "first row: features float32 \[2\]; labels int64$" \
  "^  first batch  *8 rows, loss .* before any training" "^  memory "; do
  grep -q "$line" out.txt || fail "no line like \"$line\"" out.txt
done
"$TRAINER" check rows.json --set data.train=- </dev/null >out.txt
grep -q "a pipe, of which nothing is read before the training" out.txt || fail "no word of the pipe" out.txt
status=0
"$TRAINER" check rows.json --set model.layers='[3, 2]' >out.txt 2>err.txt || status=$?
[ $status != 0 ] || fail "a stream that does not fit the model passed" out.txt
# Whole numbers are classes where they look so, and it says so.
printf 'size,price\n1,100\n2,250\n3,120\n4,300\n5,100\n' >prices.csv
"$TRAINER" init - --data prices.csv >out.txt
for line in '^{$' '"layers": \[1, 64, 1\]' '"loss": "mse"' 'taken for a quantity; if they are classes, write "loss": "cross_entropy", .* and 4 as the last'; do
  grep -q "$line" out.txt || fail "no line like $line" out.txt
done
[ ! -e ./- ] && [ ! -e run.json ] || fail "init - wrote a file" out.txt
printf 'size,grade\n1,3\n2,3\n3,7\n4,7\n' | tee repeated.csv | sed 's/3$/1/; s/7$/2/' >counted.csv
for data in repeated counted; do
  "$TRAINER" init - --data $data.csv >out.txt
  grep -q '"layers": \[1, 64, 2\]' out.txt && grep -q 'taken for classes; if they are a quantity, write "loss": "mse", .* and 1 as the last' out.txt ||
    fail "no classes in $data.csv" out.txt
done

# A label that is to be ignored is no class.
printf 'a,kind\n1,cat\n2,dog\n3,-100\n' >ignored.csv
"$TRAINER" init ignored.json --data ignored.csv >out.txt
grep -q '"layers": \[1, 64, 2\]' ignored.json || fail "the layers for a label to be ignored" ignored.json

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
