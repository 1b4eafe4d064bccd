#!/usr/bin/env bash
# What the standard streams lead to ends no training and gets into no file; results that are not printed are an error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
  echo "$1" >&2
  exit 1
}
cat >run.json <<'END'
{ "model": {"type": "mlp", "layers": [2, 4, 3]},
  "data": {"train": "train.csv", "eval": "train.csv", "test": "train.csv", "target": "label"},
  "loss": "cross_entropy",
  "args": {"max_steps": 6, "per_device_train_batch_size": 2, "report_to": ["csv"], "logging_steps": 1, "use_cpu": true,
           "save_strategy": "no"} }
END
printf 'a,b,label\n1,2,0\n3,4,1\n5,6,2\n7,8,0\n' >train.csv
said() { grep -q "$1" err.txt || fail "no \"$1\" in: $(cat err.txt)"; }

"$TRAINER" train run.json --output_dir closed <&- >&- 2>&- || fail "status $? with closed streams"
! grep -rlE "info: |warning: |'loss':" closed || fail "printed lines are in files"
[ "$(awk -F, '{print NF}' closed/metrics.csv | sort -u | wc -l)" = 1 ] || fail "$(cat closed/metrics.csv)"

mkfifo lines
"$TRAINER" train run.json --output_dir o >lines 2>err.txt &
exec 3<lines
exec 3<&-
wait $! || fail "status $? when nobody reads: $(cat err.txt)"
[ "$(grep -c . o/metrics.csv)" -ge 7 ] || fail "$(cat o/metrics.csv)"
"$TRAINER" train run.json --output_dir o 2>err.txt >/dev/full || fail "$(cat err.txt)"
said "^warning: stdout could not be written (No space left on device)"
"$TRAINER" train run.json --output_dir o >/dev/null 2>/dev/full

for command in "evaluate run.json --checkpoint o" "plugins list" "plugins inspect $BUILD/plugins/csv.so --json" --version; do
  # shellcheck disable=SC2086
  status=0; "$TRAINER" $command >/dev/full 2>err.txt || status=$?
  [ $status = 1 ] || fail "status $status of $command: $(cat err.txt)"
  said "^error: stdout could not be written .*\[file.write-failed\]"
done

predict() { "$TRAINER" predict run.json --checkpoint o --report_to none --output "$@" >out.txt 2>err.txt; }
ln -s train.csv link.csv
for input in run.json link.csv o/model.safetensors; do
  status=0; predict $input || status=$?
  [ $status = 2 ] || fail "status $status of predict --output $input"
  said "^error: --output $input is .*, which is read, and would be lost"
done
printf 'a,b,label\n1,2,0\n3,4,1\n5,6,2\n7,8,0\n' | cmp - train.csv
predict /dev/null
for quiet in "" --quiet; do
  # shellcheck disable=SC2086
  predict /dev/stdout $quiet || fail "$(cat err.txt)"
  head -1 out.txt | grep -q "^prediction,logit_0" && [ "$(wc -l <out.txt)" = 5 ] || fail "more than the predictions: $(cat out.txt)"
done
predict /dev/stdout && said "predictions: /dev/stdout"

status=0; (ulimit -f 1; "$TRAINER" train run.json --output_dir limited --report_to none --record limited) >out.txt 2>err.txt || status=$?
[ $status = 1 ] || fail "status $status with ulimit -f"
said "^error: .*File too large.*\[file.write-failed\]"

# A tracker does not write to what the run prints to, nor takes its place.
"$TRAINER" train run.json --output_dir printed --report_to none \
  --set 'callbacks=[{"plugin": "csv", "on_error": "warn", "config": {"path": "own_out.txt"}}]' >own_out.txt 2>err.txt || fail "$(cat err.txt)"
said "own_out.txt is where the run's output is printed; name another file"
grep -q "train_runtime" own_out.txt || fail "the run's output is gone: $(cat own_out.txt)"
[ ! -e own_out.txt.1 ] || fail "it was moved aside"

mkdir -p unlocked/plugins.lock
"$TRAINER" train run.json --output_dir unlocked >out.txt 2>err.txt || fail "$(cat err.txt)"
said "^warning: the plugins of this run could not be recorded"
