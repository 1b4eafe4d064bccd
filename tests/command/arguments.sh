#!/usr/bin/env bash
# What is given as it is in transformers: bare booleans, --no_NAME, words for resuming; and what a run says that has
# nothing to do.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf '\xef\xbb\xbf' >run.json # a byte-order mark, as editors on Windows write it
cat >>run.json <<'END'
{ "model": {"type": "mlp", "layers": [2, 4, 3]}, "data": {"train": "train.csv", "target": "label"}, "loss": "cross_entropy",
  "args": {"max_steps": 4, "per_device_train_batch_size": 2, "save_steps": 2, "report_to": "none"} }
END
printf 'a,b,label\n1,2,0\n3,4,1\n5,6,2\n7,8,0\n' >train.csv

given() { # <argument>: what the last run had of it
  sed -n "s/^ *\"$1\": \([^,]*\),*\$/\1/p" trainer_output/training_args.json
}
"$TRAINER" train run.json --full_determinism --save-only-model --no_logging_nan_inf_filter --quiet
[ "$(given full_determinism) $(given save_only_model) $(given logging_nan_inf_filter)" = "true true false" ]
"$TRAINER" train run.json --logging_nan_inf_filter false --use_cpu=True --quiet
[ "$(given logging_nan_inf_filter) $(given use_cpu)" = "false true" ]

"$TRAINER" train run.json --report_to '["csv"]' --run_name '[a,b]' --quiet
[ "$(given run_name)" = '"[a' ] && [ -e trainer_output/metrics.csv ] # whole, but given() ends at a comma

for word in False no None; do
  "$TRAINER" train run.json --resume_from_checkpoint=$word --output_dir fresh >out.txt 2>err.txt
  grep -q "Training done: 4 of 4 steps" out.txt || { echo "$word"; cat out.txt err.txt; exit 1; }
  rm -r fresh
done

# As a kill between two renames leaves it: the newest is put back before it is looked for.
mv trainer_output/checkpoint-4 trainer_output/.checkpoint-4.tmp.old
"$TRAINER" train run.json --resume_from_checkpoint --max_steps 2 >out.txt 2>err.txt
grep -q "^warning: nothing is left to train: the run is at step 4" err.txt
grep -q "nothing was left to train" out.txt
! grep -E '[0-9]{4,}\.[0-9] %|[1-9][0-9]{2}\.[0-9] %' out.txt | grep -v '100.0 %' || exit 1
"$TRAINER" train run.json --num_train_epochs -1 --max_steps -1 --output_dir fresh >out.txt 2>err.txt
grep -q "^warning: nothing is left to train: the run is at step 0" err.txt
