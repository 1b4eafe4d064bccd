#!/usr/bin/env bash
# What a plugin gets from the host: configuration with defaults, arguments, tensors, history, restored state. In a
# process of its own it is the same.
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
  "args": {"max_steps": 2, "per_device_train_batch_size": 2, "report_to": "none", "save_steps": 1, "logging_steps": 1,
           "restore_callback_states_from_checkpoint": true, "use_cpu": true},
  "callbacks": [{"plugin": "probe", "config": {"path": "probe.txt"}}] }
END
printf 'a,b,label\n1,2,0\n3,4,1\n5,6,2\n7,8,0\n' >train.csv
"$TRAINER" train run.json --quiet 2>/dev/null
cat >expected.txt <<'END'
config {"path": "probe.txt", "level": 3, "console": null}
max_steps 2, learning_rate 5e-05
no such extension: null
replay: no
rank 0 of 1, local rank 0 of 1, node 0, restart 0
init_end objects 256 {}
init_end groups 0, batches -1
init_end model 4
  0.weight [4, 2] float32 device 1 read_only 1
  0.bias [4] float32 device 1 read_only 1
  2.weight [3, 4] float32 device 1 read_only 1
  2.bias [3] float32 device 1 read_only 1
init_end optimizer 0
pre_optimizer_step gradients 4
  0.weight [4, 2] float32 device 1 read_only 1
  0.bias [4] float32 device 1 read_only 1
  2.weight [3, 4] float32 device 1 read_only 1
  2.bias [3] float32 device 1 read_only 1
step_end groups 2, batches 2
  lr 2.5e-05 of 5e-05, weight decay 0: 0.weight 2.weight
  lr 2.5e-05 of 5e-05, weight decay 0: 0.bias 2.bias
step_end objects 263 {"optimizer": {"param_groups": [{"weight_decay": 0.0, "lr": 2.5e-05, "betas": [0.9, 0.999], "eps": 1e-08, "amsgrad": false, "maximize": false, "foreach": null, "capturable": false, "differentiable": false, "fused": true, "decoupled_weight_decay": true, "initial_lr": 5e-05, "params": ["0.weight", "2.weight"]}, {"weight_decay": 0.0, "lr": 2.5e-05, "betas": [0.9, 0.999], "eps": 1e-08, "amsgrad": false, "maximize": false, "foreach": null, "capturable": false, "differentiable": false, "fused": true, "decoupled_weight_decay": true, "initial_lr": 5e-05, "params": ["0.bias", "2.bias"]}]}, "lr_scheduler": {"last_lr": [2.5e-05, 2.5e-05], "state": {"base_lrs": [5e-05, 5e-05], "last_epoch": 1, "_step_count": 2, "_is_initial": false, "_get_lr_called_within_step": false, "_last_lr": [2.5e-05, 2.5e-05], "lr_lambdas": [{}, {}]}}, "train_dataloader": {"length": 2, "batch_size": 2}}
step_end gradients 0
step_end optimizer 12
  0.weight/step [] float32 device 1 read_only 1
  0.weight/exp_avg [4, 2] float32 device 1 read_only 1
  0.weight/exp_avg_sq [4, 2] float32 device 1 read_only 1
  2.weight/step [] float32 device 1 read_only 1
  2.weight/exp_avg [3, 4] float32 device 1 read_only 1
  2.weight/exp_avg_sq [3, 4] float32 device 1 read_only 1
  0.bias/step [] float32 device 1 read_only 1
  0.bias/exp_avg [4] float32 device 1 read_only 1
  0.bias/exp_avg_sq [4] float32 device 1 read_only 1
  2.bias/step [] float32 device 1 read_only 1
  2.bias/exp_avg [3] float32 device 1 read_only 1
  2.bias/exp_avg_sq [3] float32 device 1 read_only 1
log_history 3: loss grad_norm learning_rate epoch step
model saved: yes
END
diff expected.txt probe.txt
for file in model.safetensors training_args.json; do cmp "probe.txt.model/$file" "trainer_output/checkpoint-2/$file"; done
grep -q '"ProbeCallback"' trainer_output/checkpoint-2/trainer_state.json
"$TRAINER" train run.json --quiet --max_steps 3 --resume_from_checkpoint=trainer_output/checkpoint-2 2>/dev/null
grep -q '^restored events 7$' probe.txt

# The lines that the run prints, and a replay.
sed 's/"path": "probe.txt"/"path": "probe.txt", "console": "console.txt"/' run.json >console.json
"$TRAINER" train console.json --output_dir console >out.txt 2>/dev/null
grep -q "^2 info: callbacks in order: DefaultFlowCallback, probe\( (in a process of its own)\)\?, PrinterCallback$" console.txt
grep "^1 {'loss': " console.txt | sed 's/^1 //' >lines.txt
[ "$(wc -l <lines.txt)" = 2 ]
grep -Fqf lines.txt out.txt
"$TRAINER" replay console/trainer_state.json --report_to none --callback 'probe={"path": "replay.txt"}' >/dev/null
grep -q "^replay: yes$" replay.txt
grep -q "^model saved: no$" replay.txt
grep -q "^init_end groups not offered$" replay.txt
done
