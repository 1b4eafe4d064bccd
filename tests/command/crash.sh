#!/usr/bin/env bash
# A plugin crashes in a training: it is named, the process dies of it, and the resumed run says who it was.
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
  "data": {"train": "train.csv", "target": "label"},
  "loss": "cross_entropy",
  "args": {"max_steps": 3, "per_device_train_batch_size": 2, "report_to": ["csv"], "save_steps": 1, "logging_steps": 1,
           "use_cpu": true},
  "callbacks": [{"plugin": "running"}] }
END
printf 'a,b,label\n1,2,0\n3,4,1\n5,6,2\n7,8,0\n' >train.csv
mkdir plugins
"$CXX" -std=c++17 -shared -fPIC -fvisibility=hidden -pthread -I "$SOURCE/plugin_api/include" -DBAD_SEGFAULT \
  "$SOURCE/tests/hostile/running/running_plugin.cpp" -o plugins/running.so
train() { "$TRAINER" train run.json --quiet --plugin-dir plugins "$@" >out.txt 2>&1; }

status=0
train || status=$?
[ "$status" = 139 ] || fail "exit status $status, expected that of a segmentation fault: $(cat out.txt)"
grep -q "^error: callback running ended the process in on_log at step 2 (signal 11); --isolate running gives it a process of its own, --without running leaves it out \[callback.crashed\]$" out.txt ||
  fail "$(cat out.txt)"
[ -e trainer_output/checkpoint-1/model.safetensors ] || fail "the checkpoint before is gone"
train --resume_from_checkpoint --without running || fail "$(cat out.txt)"
grep -q "warning: the previous run ended in the callback running, in on_log at step 2 (signal 11); --isolate running gives it a process of its own, --without running leaves it out" \
  out.txt || fail "$(cat out.txt)"
grep -q "goes on without the plugin running 1.0.0" out.txt || fail "$(cat out.txt)"
[ ! -e trainer_output/crash.json ] || fail "the report is still there"
[ -e trainer_output/checkpoint-3/trainer_state.json ] || fail "it did not go on"
# Trackers too are left out by name, of a list and of "all".
train --resume_from_checkpoint --max_steps 4 --without running --without csv --output_dir trainer_output
! grep "the previous run" out.txt || fail "it is said twice"
grep -q "goes on without the plugin csv" out.txt || fail "$(cat out.txt)"
"$TRAINER" train run.json --plugin-dir plugins --report_to all --without running --without tensorboard --max_steps 1 \
  --output_dir all >out.txt 2>&1 || fail "$(cat out.txt)"
[ -e all/metrics.csv ] && [ ! -e all/runs ] || fail "$(ls all)"
