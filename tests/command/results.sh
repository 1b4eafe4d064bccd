#!/usr/bin/env bash
# Where plugins say that their results are, in the summary, `trainer show` and the report; how a run ended, and files of a plugin in
# its checkpoints, with the example `diary`. In processes of their own it is the same.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for isolation in none process; do
export TRAINER_PLUGIN_ISOLATION=$isolation
mkdir "$work/$isolation"
cd "$work/$isolation"
cat >run.json <<'END'
{ "model": {"type": "mlp", "layers": [2, 4, 3]},
  "data": {"train": "train.csv", "target": "label"},
  "loss": "cross_entropy",
  "args": {"max_steps": 4, "per_device_train_batch_size": 2, "report_to": ["csv", "html", "tensorboard"], "output_dir": "out",
           "save_steps": 2, "logging_steps": 1, "use_cpu": true},
  "callbacks": [{"plugin": "diary"}] }
END
printf 'a,b,label\n1,2,0\n3,4,1\n5,6,2\n7,8,0\n' >train.csv
"$TRAINER" train run.json >summary.txt 2>log.txt
expect() { grep -qE "$1" "$2" || { { echo "no line \"$1\" in $2:"; cat "$2"; } >&2; exit 1; }; }
expect "^  metrics +out/metrics.csv$" summary.txt
expect "^  report +file://.*/out/report.html$" summary.txt
expect "^  event files +out/runs$" summary.txt
expect "^  look at it +tensorboard --logdir out/runs$" summary.txt
expect "^  diary +out/diary.txt$" summary.txt
expect "^  look at it +cat out/diary.txt$" summary.txt
tail -n 1 out/diary.txt | grep -qx completed
cmp <(sed '/^saved checkpoint-4$/,$d' out/diary.txt) out/checkpoint-4/plugins/diary/diary.txt
grep -q '"plugins/diary/diary.txt"' out/checkpoint-4/checkpoint.json

# Every native tracker that writes files here.
HOME=$PWD WANDB_MODE=offline SWANLAB_MODE=offline TRACKIO_DIR=tracking "$TRAINER" train run.json --max_steps 1 --output_dir all \
  --report_to '["codecarbon", "dvclive", "swanlab", "trackio", "wandb"]' >summary.txt 2>log.txt
expect "^  emissions +/.*/all/emissions.csv$" summary.txt
expect "^  DVCLive +dvclive$" summary.txt
expect "^  look at it +swanlab sync .*swanlog/run-" summary.txt
expect "^  look at it +TRACKIO_DIR=.*tracking trackio show$" summary.txt
expect "^  look at it +wandb sync .*wandb/offline-run-" summary.txt

# A run that was moved, and one whose file is gone.
mkdir "a place"
mv out "a place/moved"
"$TRAINER" show "a place/moved" >show.txt
expect "^  metrics +/.*/a place/moved/metrics.csv$" show.txt
expect "^  look at it +tensorboard --logdir '/.*/a place/moved/runs'$" show.txt
"$TRAINER" report "a place/moved" --output report.html >/dev/null
grep -q '\["metrics","/[^"]*/a place/moved/metrics.csv",""\]' report.html
rm "a place/moved/plugin_results.json"
"$TRAINER" show "a place/moved" >show.txt
! grep -q "look at it" show.txt
expect "^moved: finished, step 4 of 4" show.txt
"$TRAINER" report "a place/moved" --output old.html >/dev/null
grep -q '"time":{"name":"","logged":5,' old.html  # of the page that html drew, found without the file

# A resume gives the files back, and a failure is told.
"$TRAINER" train run.json --quiet --output_dir "a place/moved" --resume_from_checkpoint "a place/moved/checkpoint-2" --max_steps 5 2>/dev/null
[ "$(sed -n 1p "a place/moved/diary.txt")" = begun ]
[ "$(grep -c '^step 1:' "a place/moved/diary.txt")" = 1 ]
expect "^resumed from checkpoint-2$" "a place/moved/diary.txt"
end() {  # NAME WORDS RULE: what the last line of a run's diary says that the plugin `script` ends so
  local status=0
  "$TRAINER" train run.json --quiet --output_dir "$1" \
    --set "callbacks=[{\"plugin\": \"diary\"}, {\"plugin\": \"script\", \"config\": {\"rules\": [$3]}}]" 2>log.txt || status=$?
  tail -n 1 "$1/diary.txt" >last.txt
  expect "$2" last.txt
  grep -q '"place": "diary.txt"' "$1/plugin_results.json"
  echo "$status"
}
at='"on": "on_step_end", "global_step": 2'
[ "$(end stopped '^stopped by script$' "{$at, \"set\": {\"should_training_stop\": true}}")" = 0 ]
# Its signal is one to the process that it runs in.
[ $isolation = process ] || [ "$(end term '^interrupted by signal 15$' "{$at, \"signal\": 15}")" = 143 ]
[ "$(end failed '^failed: callback script failed in on_step_end at step 2: enough$' "{$at, \"raise\": \"enough\"}")" = 1 ]
done
