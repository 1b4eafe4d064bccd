#!/usr/bin/env bash
# However little memory there is: done, or one sentence with an id; no signal, and no line of a library's.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for megabytes in 100 340 380 420 450 480; do
  status=0
  (ulimit -v $((megabytes * 1000)); OMP_NUM_THREADS=4 exec "$TRAINER" train "$SOURCE/host/examples/digits/run.json" --max_steps 2 \
    --set callbacks=[] --eval_strategy no --load_best_model_at_end false --dataloader_num_workers 2 --set async_save=true \
    --report_to csv --quiet --output_dir o) >out.txt 2>err.txt || status=$?
  errors=$(grep -cE "^error: .*\[[a-z.-]+\]$" err.txt || true)
  { [ "$status" = 0 ] && [ "$errors" = 0 ]; } || { [ "$status" -le 2 ] && [ "$errors" = 1 ]; } ||
    { echo "$megabytes MB: status $status"; cat err.txt; exit 1; }
  ! grep -vE "^(error|warning|info): " err.txt || { echo "$megabytes MB: a line of another kind"; exit 1; }
done
