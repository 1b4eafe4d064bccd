#!/usr/bin/env bash
# One training a directory: a second one is told who is there, readers go on, and a killed one holds nobody up.
set -euo pipefail
work=$(mktemp -d)
first=''
trap 'kill -9 $first 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
fail() {
  echo "$1" >&2
  exit 1
}
run="$SOURCE/host/examples/digits/run.json"
more=(--eval_strategy no --load_best_model_at_end false --set "callbacks=[]" --report_to csv --logging_steps 1 --output_dir o)
"$TRAINER" train "$run" "${more[@]}" --max_steps 1 --save_strategy no >o.txt 2>&1 || fail "$(cat o.txt)"
mkfifo lines
"$TRAINER" train "$run" "${more[@]}" --max_steps 1000000 --save_strategy no >lines 2>first.txt &
first=$!
exec 3<lines
for _ in 1 2 3; do read -r line <&3; done
cat <&3 >/dev/null &

status=0
"$TRAINER" train "$run" "${more[@]}" --max_steps 3 >second.txt 2>&1 || status=$?
[ $status = 1 ] || fail "status $status of the second: $(cat second.txt)"
grep -qE "^error: output_dir o is in use by the training of process $first on .* since 20.*\[directory.in-use\]" second.txt ||
  fail "$(cat second.txt)"
cp o/trainer_state.json finished.json
"$TRAINER" evaluate "$run" --checkpoint o --report_to csv --output_dir o >evaluate.txt 2>&1 || fail "$(cat evaluate.txt)"
grep -q "^warning: output_dir o is in use by the training of process $first .*, so nothing of this is logged" evaluate.txt ||
  fail "$(cat evaluate.txt)"
status=0
"$TRAINER" replay finished.json --report_to csv --output_dir o >replay.txt 2>&1 || status=$?
[ $status = 1 ] && grep -q "^error: .* in use by the training of process $first .*\[directory.in-use\]" replay.txt ||
  fail "status $status: $(cat replay.txt)"
[ ! -e o/metrics.csv.2 ] || fail "a replay moved the rows of a training"

kill -0 "$first" || fail "the first has ended: $(cat first.txt)"
kill -KILL "$first"
wait "$first" 2>/dev/null || true
[ -e o/.training.lock ] || fail "no lock was there"
"$TRAINER" train "$run" "${more[@]}" --max_steps 3 --save_strategy no >third.txt 2>&1 || fail "$(cat third.txt)"
[ ! -e o/.training.lock ] || fail "the lock is left: $(cat o/.training.lock)"
