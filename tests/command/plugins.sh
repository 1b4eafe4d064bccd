#!/usr/bin/env bash
# plugins list, inspect and list --order.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work

"$TRAINER" plugins list >list.txt
for line in "^csv .* csv .* yes " "^tensorboard .* tensorboard .* yes " "^codecarbon .* codecarbon .* yes " \
  "^early_stopping .* - .* -  *Stops" "^comet_ml .* no  *Logs to Comet"; do
  grep -q "$line" list.txt || { echo "no line like \"$line\""; cat list.txt; exit 1; }
done
grep -q "^searched: .*plugins" list.txt
! grep -v "^searched\|^not usable" list.txt | grep -q '.\{101\}' || { echo "lines beyond 100 columns"; cat list.txt; exit 1; }
"$TRAINER" plugins list --json | python3 -c '
import json, sys
plugins = {p["id"]: p for p in json.load(sys.stdin)["plugins"]}
assert plugins["csv"]["available"] == "yes" and plugins["csv"]["reason"] is None, plugins["csv"]
assert plugins["early_stopping"]["report_to"] is None and plugins["early_stopping"]["available"] is None
for name, why in {"comet_ml": "Comet is not configured; set COMET_API_KEY", "clearml": "CLEARML_OFFLINE_MODE", "flyte": "Flyte task",
                  "neptune": "hosted service ended in March 2026"}.items():
    assert plugins[name]["available"] == "no" and why in plugins[name]["reason"], plugins[name]'

"$TRAINER" plugins inspect "$BUILD/plugins/early_stopping.so" >inspect.txt
grep -q "^events  *on_train_begin, on_evaluate$" inspect.txt
grep -q "^config.early_stopping_patience  *\"integer\", default 1" inspect.txt
"$TRAINER" plugins inspect --json "$BUILD/plugins/early_stopping.so" | python3 -c '
import json, sys
note = json.load(sys.stdin)
assert note["note"]["class"] == "EarlyStoppingCallback" and note["abi"].startswith("1."), note'

# A broken plugin and a second one of the same id are named, and harm nobody.
mkdir p
echo junk >p/broken.so
cp "$BUILD/plugins/csv.so" p/csv.so
"$TRAINER" plugins list --plugin-dir p >list.txt 2>/dev/null
grep -q "^not usable: .*p/broken.so" list.txt
grep -q "^left out: .*plugins/csv.so has the id \"csv\" of .*p/csv.so" list.txt

"$TRAINER" plugins list --order "$SOURCE/host/examples/digits/run.json" >order.txt 2>/dev/null
printf '%s\n' "1. DefaultFlowCallback" "2. csv" "3. html" "4. tensorboard" "5. codecarbon" \
  "6. early_stopping" "7. PrinterCallback" >expected.txt
diff expected.txt order.txt

# A tracker that the callbacks configure is made once, where they have it.
sed 's/"plugin": "early_stopping", "config": {"early_stopping_patience": 8}/"plugin": "csv", "config": {"path": "x.csv"}/' \
  "$SOURCE/host/examples/digits/run.json" >"run.json"
cp "$SOURCE"/host/examples/digits/*.csv .
"$TRAINER" plugins list --order run.json >order.txt 2>/dev/null
printf '%s\n' "1. DefaultFlowCallback" "2. html" "3. tensorboard" "4. codecarbon" "5. csv" "6. PrinterCallback" >expected.txt
diff expected.txt order.txt
