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

# The same as tensors, beside the names of the rows.
predict() { "$TRAINER" predict "$@" --quiet >/dev/null 2>err.txt || { cat err.txt; exit 1; }; }
fails() { # a text of the one line on stderr, the arguments of predict
  ! "$TRAINER" predict "${@:2}" >/dev/null 2>err.txt || { echo "passed: ${*:2}"; exit 1; }
  grep -qF -- "$1" err.txt || { echo "no \"$1\":"; cat err.txt; exit 1; }
}
read_tensors=$work/read_tensors.py
cat >"$read_tensors" <<'END'
import array, json, struct
def tensors(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__")
    def values(entry):
        begin, end = entry["data_offsets"]
        return array.array({"F32": "f", "I64": "q"}[entry["dtype"]], data[8 + size:][begin:end]).tolist()
    return metadata, {k: (v["shape"], values(v)) for k, v in header.items()}
END
predict "$run" --report_to none --output_dir out --checkpoint "$best" --set data.test="$SOURCE/host/examples/digits/eval.csv" \
  --output predictions.safetensors --probabilities
PYTHONPATH=$work python3 - <<'END'
import csv, math
from read_tensors import tensors
metadata, found = tensors("predictions.safetensors")
assert sorted(found) == ["labels", "logits", "prediction", "probabilities"], found.keys()
assert metadata["classes"] == '["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]', metadata
with open("predictions.csv", newline="") as f:
    rows = list(csv.DictReader(f))
assert found["logits"] == ([360, 10], [float(r[f"logit_{i}"]) for r in rows for i in range(10)])
assert found["prediction"] == ([360], [int(r["prediction"]) for r in rows])
assert found["labels"] == ([360], [int(r["label"]) for r in rows])
shape, values = found["probabilities"]
assert shape == [360, 10] and all(math.isclose(sum(values[i:i + 10]), 1, abs_tol=1e-5) for i in range(0, 3600, 10))
END
mkdir link && ln -s ../through.safetensors link/p.safetensors
predict "$run" --report_to none --output_dir out --checkpoint "$best" --set data.test="$SOURCE/host/examples/digits/eval.csv" \
  --output link/p.safetensors --probabilities
cmp predictions.safetensors through.safetensors

# One of two classes, and rows that have names.
cat >yes.json <<'END'
{ "model": {"type": "linear", "in_features": 2, "out_features": 1},
  "data": {"train": "yes.csv", "eval": "yes.csv", "test": "test.csv", "target": "kind", "id": "name"},
  "loss": "binary_cross_entropy_with_logits", "metrics": ["accuracy"],
  "args": {"max_steps": 40, "learning_rate": 0.5, "report_to": "none", "eval_strategy": "steps", "eval_steps": 40} }
END
printf 'name,a,b,kind\n"p, q",0,1,no\nr,1,0,yes\ns,0,2,no\nt,2,0,yes\n' >yes.csv
printf 'name,b,a\n"p, q",0,1\n"say ""x""",1,0\n' >test.csv
"$TRAINER" train yes.json --output_dir yes --quiet >/dev/null
grep -q '"eval_accuracy": 1.0' yes/trainer_state.json
predict yes.json --checkpoint yes --output yes_predictions.csv --probabilities
predict yes.json --checkpoint yes --output labelled.csv --set data.test=yes.csv
printf 'number,a,b\n7,1,0\n-3,0,1\n' >numbered.csv
predict yes.json --checkpoint yes --output numbered.safetensors --set data.test=numbered.csv --set data.id=number
python3 - <<'END'
import csv, math
rows = list(csv.DictReader(open("yes_predictions.csv", newline="")))
assert list(rows[0]) == ["name", "prediction", "logit_yes", "probability_yes"], rows[0]
assert [r["name"] for r in rows] == ["p, q", 'say "x"'] and [r["prediction"] for r in rows] == ["yes", "no"]
for r in rows:
    assert math.isclose(float(r["probability_yes"]), 1 / (1 + math.exp(-float(r["logit_yes"]))), rel_tol=1e-9)
rows = list(csv.DictReader(open("labelled.csv", newline="")))
assert list(rows[0]) == ["name", "prediction", "logit_yes", "label"]
assert [r["label"] for r in rows] == ["no", "yes", "no", "yes"] == [r["prediction"] for r in rows]
END
PYTHONPATH=$work python3 - <<'END'
from read_tensors import tensors
metadata, found = tensors("numbered.safetensors")
assert found["number"] == ([2], [7, -3]) and found["logits"][0] == [2, 1] and found["prediction"] == ([2, 1], [1, 0]), found
END
fails 'data.id is "name", a column of texts, which p.safetensors cannot have; name a CSV file' yes.json --checkpoint yes --output p.safetensors
fails 'test.csv has no column "nam", which data.id names; name one that it has' yes.json --checkpoint yes --output p.csv --set data.id=nam
fails '--probabilities=softmax does not fit the loss' yes.json --checkpoint yes --output p.csv --probabilities=softmax
printf 'prediction,a,b\n1,2,3\n' >taken.csv
fails 'data.id is "prediction", a name that predict writes itself' yes.json --checkpoint yes --output p.csv --set data.test=taken.csv \
  --set data.id=prediction
[ ! -e p.csv ] && [ ! -e p.safetensors ]

# Several targets, by their names.
cat >two.json <<'END'
{ "model": {"type": "linear", "in_features": 1},
  "data": {"train": "two.csv", "test": "two.csv", "target": ["up", "down"]},
  "loss": "huber", "args": {"max_steps": 2, "report_to": "none"} }
END
printf 'down,a,up\n-1,1,1\n-2,2,2\n' >two.csv
"$TRAINER" train two.json --output_dir two --quiet >/dev/null
predict two.json --checkpoint two --output two_predictions.csv
head -1 two_predictions.csv | grep -qx 'prediction_up,prediction_down,label_up,label_down'
grep -q ',1.0,-1.0$' two_predictions.csv

# Rows of several lengths make the inputs of a model with layers as soon as they are filled to one.
cat >ragged.json <<'END'
{ "model": {"type": "mlp", "layers": [4, 3, 2]},
  "data": {"train": "ragged.safetensors", "test": "ragged.safetensors", "collate": {"pad": {"features": 0}, "to": 4}},
  "loss": "cross_entropy", "args": {"max_steps": 2, "per_device_train_batch_size": 2, "report_to": "none"} }
END
python3 - <<'END'
import json, struct
header, data = {}, b""
for name, kind, code, values in (("features", "F32", "f", range(6)), ("features.offsets", "I64", "q", (0, 1, 3, 6)),
                                 ("labels", "I64", "q", (0, 1, 1))):
    packed = struct.pack(f"<{len(values)}{code}", *values)
    header[name] = {"dtype": kind, "shape": [len(values)], "data_offsets": [len(data), len(data) + len(packed)]}
    data += packed
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open("ragged.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
END
"$TRAINER" train ragged.json --output_dir ragged --quiet >/dev/null
predict ragged.json --checkpoint ragged --output ragged.csv
[ "$(wc -l <ragged.csv)" = 4 ]
fails 'a row of "features" is Float x 5, but the model takes 4 numbers of float32 (Float); convert the column' \
  ragged.json --checkpoint ragged --output p.csv --set data.collate.to=5

# A model with a loss of its own does not say what its logits are.
own=$SOURCE/tests/docs/beside
cat >own.json <<END
{ "model": {"type": "pt2", "file": "$own/model.pt2"},
  "data": {"train": "$own/train.safetensors", "test": "$own/eval.safetensors", "id": "tokens"},
  "args": {"max_steps": 2, "report_to": "none"} }
END
"$TRAINER" train own.json --output_dir own --quiet >/dev/null
fails 'give --probabilities=softmax, or =sigmoid' own.json --checkpoint own --output p.safetensors --probabilities
fails 'data.id is "tokens", which has several numbers a row' own.json --checkpoint own --output p.csv
predict own.json --checkpoint own --output own.safetensors --probabilities=softmax
predict own.json --checkpoint own --output own.csv --probabilities=softmax --set data.id=labels
head -1 own.csv | grep -qx 'labels,prediction,logit_0,logit_1,probability_0,probability_1,label'
PYTHONPATH=$work python3 - <<'END'
from read_tensors import tensors
metadata, found = tensors("own.safetensors")
assert found["tokens"][0] == [8, 6] and found["logits"][0] == [8, 2] and found["probabilities"][0] == [8, 2]
END
