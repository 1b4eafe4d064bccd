#!/usr/bin/env bash
# What a plugin asks of the training: learning rates of the optimizer's groups, which the record names, and its end from
# another thread; and the examples that do so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "requests: $*" >&2; exit 1; }
printf 'a,b,label\n1,2,0\n3,4,1\n5,6,2\n7,8,0\n' >train.csv
run_file() { # <plugin> <configuration>
  cat <<END_OF_FILE
{ "model": {"type": "mlp", "layers": [2, 4, 3]}, "data": {"train": "train.csv", "target": "label"},
  "loss": "cross_entropy",
  "args": {"max_steps": 1000000, "per_device_train_batch_size": 2, "report_to": "none", "save_strategy": "no",
           "logging_steps": 1, "use_cpu": true, "disable_tqdm": true},
  "callbacks": [{"plugin": "$1", "config": $2}] }
END_OF_FILE
}

# A stop: after the step, without a checkpoint, with status 0 and the plugin's name; in whatever event it was asked for.
for event in on_train_begin on_step_begin on_step_end on_log; do
  run_file script "{\"rules\": [{\"on\": \"$event\", \"times\": 1, \"request_stop\": true}]}" >stop.json
  "$TRAINER" train stop.json --output_dir "stop-$event" --record record >printed.txt 2>log.txt || fail "$event: $(cat log.txt)"
  grep -q "script stops the training at step [01] of 1000000" log.txt || fail "$event: $(cat log.txt)"
  grep '"event":"stop_request"' record/trace.jsonl |
    grep -q '"changed_by":\[{"callback":"script","flags":{"should_training_stop":true}}\]' || fail "$event: the record"
  grep -q '"event":"on_train_end","global_step":[12],' record/trace.jsonl || fail "$event: $(tail -1 record/trace.jsonl)"
  [ -z "$(find "stop-$event" -name 'checkpoint-*')" ] || fail "$event: a checkpoint"
  rm -r record
done

# Rates: the record says who set which, and the log has the one that the update used.
run_file script '{"rules": [{"on": "on_step_begin", "global_step": 1, "lr": {"0": 0.25, "1": 0.125}}]}' >rate.json
"$TRAINER" train rate.json --output_dir rate --max_steps 3 --record record >printed.txt 2>/dev/null
grep '"event":"on_step_begin","global_step":1,' record/trace.jsonl | grep -Fq \
  '"changed_by":[{"callback":"script","group":0,"lr":0.25},{"callback":"script","group":1,"lr":0.125}]' ||
  fail "the record: $(grep changed_by record/trace.jsonl)"
grep '"event":"on_log","global_step":2,' record/trace.jsonl | grep -Fq '"learning_rate":0.25' || fail "the log of step 2"
grep '"event":"on_log","global_step":3,' record/trace.jsonl | grep -Fq '"learning_rate":0.25' && fail "it lasts too long"

# The examples.
run_file time_limit '{"seconds": 0.2}' >limit.json
"$TRAINER" train limit.json --output_dir limit >printed.txt 2>log.txt
grep -q "time_limit: the time is up" log.txt || fail "time_limit: $(cat log.txt)"
grep -q "time_limit stops the training at step" log.txt || fail "time_limit: $(cat log.txt)"
run_file gradient_monitor '{"per_epoch": 1}' >monitor.json
"$TRAINER" train monitor.json --output_dir monitor --max_steps 4 --record monitored >printed.txt 2>/dev/null
[ "$(grep -c '"grad_norm/0.weight"' monitored/trace.jsonl)" = 0 ] || fail "logs are recorded as the first callback sees them"
[ "$(grep -c "'grad_norm/2.bias'" printed.txt)" = 2 ] || fail "gradient_monitor: $(cat printed.txt)"
run_file lr_brake '{"above": 1, "part": 0}' >brake.json
"$TRAINER" train brake.json --output_dir brake --max_steps 40 --learning_rate 1 --record braked >/dev/null 2>log.txt
grep -q "lr_brake: brakes after step" log.txt || fail "lr_brake: $(cat log.txt)"
grep -q '"changed_by":\[{"callback":"lr_brake","group":0,"lr":0.0}' braked/trace.jsonl || fail "lr_brake: the record"
