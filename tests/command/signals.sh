#!/usr/bin/env bash
# SIGTERM and SIGINT finish the step, save, and end with 143 and 130; the run then resumes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

for signal in TERM INT; do
  # Enough steps that it cannot end by itself before the signal comes.
  "$TRAINER" train "$SOURCE/host/examples/digits/run.json" --max_steps 1000000 --save_strategy no --eval_strategy no \
    --load_best_model_at_end false --set callbacks=[] --report_to csv --output_dir "$signal" >out.txt 2>err.txt &
  pid=$!
  for _ in $(seq 600); do
    ! grep -qs "'loss'" out.txt || break
    kill -0 "$pid" 2>/dev/null || { echo "it ended by itself"; cat err.txt; exit 1; }
    sleep 0.1
  done
  kill -"$signal" "$pid"
  status=0
  wait "$pid" || status=$?
  [ "$status" = "$([ $signal = TERM ] && echo 143 || echo 130)" ] ||
    { echo "exit status $status after SIG$signal"; cat err.txt; exit 1; }
  grep -q "Training stopped by a signal" out.txt
  checkpoint=$(ls -d "$signal"/checkpoint-*)
  step=${checkpoint##*-}
  grep -q "stopped by SIG$signal at step $step of 1000000, and checkpoint-$step is complete; resume with: trainer train .*run.json --max_steps 1000000 .*--set 'callbacks=\[\]' .* --resume_from_checkpoint=$checkpoint$" err.txt
  grep -q "\"global_step\": $step" "$checkpoint/trainer_state.json"
  "$TRAINER" train "$SOURCE/host/examples/digits/run.json" --max_steps $((step + 3)) --save_strategy no --eval_strategy no \
    --load_best_model_at_end false --set callbacks=[] --report_to csv --output_dir "$signal" --resume_from_checkpoint >out.txt 2>err.txt
  grep -q "Training done: $((step + 3)) of $((step + 3)) steps" out.txt
done
