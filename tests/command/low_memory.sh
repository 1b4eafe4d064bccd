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

# Columns of a file that is larger than the memory are read as they are needed. It is sparse, and its numbers are 0.
rows=48000
header=$(printf '{"features":{"dtype":"F32","shape":[%d,4096],"data_offsets":[0,%d]},' $rows $((rows * 16384)))
header+=$(printf '"labels":{"dtype":"I64","shape":[%d],"data_offsets":[%d,%d]}}' $rows $((rows * 16384)) $((rows * 16392)))
printf "\\$(printf %o ${#header})\\0\\0\\0\\0\\0\\0\\0%s" "$header" >train.safetensors
truncate -s $((8 + ${#header} + rows * 16392)) train.safetensors
cat >columns.json <<'END'
{ "model": {"type": "mlp", "layers": [4096, 4, 2]}, "data": {"train": "train.safetensors"}, "loss": "cross_entropy",
  "args": {"max_steps": 20, "dataloader_num_workers": 2, "save_strategy": "no", "report_to": "none", "output_dir": "o"} }
END
(ulimit -v 700000; OMP_NUM_THREADS=1 exec "$TRAINER" train columns.json --quiet) 2>err.txt ||
  { echo "787 MB of columns in 700 MB of memory:"; cat err.txt; exit 1; }
