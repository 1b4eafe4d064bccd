#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what transformers' Trainer does when a scaled gradient overflows: tests/host/recorded/skipped_step.json.

    build/test-venv/bin/python tests/host/record_skipped_step.py sgd >tests/host/recorded/skipped_step.json
    build/test-venv/bin/python tests/host/record_skipped_step.py adamw_torch_fused >tests/host/recorded/skipped_step_fused.json

accelerate scales gradients for fp16 on a GPU only, so its Accelerator is given the scaler here, and what it
does before clipping: a CPU then takes the path of a GPU, in float32. Row 3's target is so large that its gradient is infinite once it is scaled.
"""

import json
import sys
import tempfile

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

FEATURES = [[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [1.0, 1.0], [0.1, 0.2], [-1.0, -2.0]]
LABELS = [[0.5], [-0.25], [1.0], [1e34], [0.75], [-0.5]]


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, features, labels):
        logits = self.linear(features)
        return {"loss": torch.nn.functional.mse_loss(logits, labels), "logits": logits}


class Weights(TrainerCallback):
    def __init__(self):
        self.steps = []

    def on_optimizer_step(self, args, state, control, model, optimizer, **_):
        self.steps.append(
            {
                "weight": model.linear.weight.tolist(),
                "bias": model.linear.bias.tolist(),
                "learning_rate": optimizer.param_groups[0]["lr"],
            }
        )


def main():
    torch.set_num_threads(1)
    model = Net()
    with torch.no_grad():
        model.linear.weight.copy_(torch.tensor([[0.5, -0.5]]))
        model.linear.bias.fill_(0.125)
    rows = [{"features": torch.tensor(f), "labels": torch.tensor(y)} for f, y in zip(FEATURES, LABELS)]
    weights = Weights()
    with tempfile.TemporaryDirectory() as out:
        args = TrainingArguments(
            output_dir=out,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            save_strategy="no",
            per_device_train_batch_size=1,
            num_train_epochs=1,
            learning_rate=0.1,
            optim=sys.argv[1],
            train_sampling_strategy="sequential",
            logging_steps=1,
        )
        trainer = Trainer(model=model, args=args, train_dataset=rows, callbacks=[weights])
        trainer.remove_callback(PrinterCallback)  # which writes to our output
        scaler = torch.amp.GradScaler("cpu")
        trainer.accelerator.scaler = scaler
        trainer.accelerator.unscale_gradients = lambda optimizer=None: scaler.unscale_(trainer.optimizer.optimizer)
        trainer.train()
    logs = [
        {k: v for k, v in e.items() if k in ("loss", "grad_norm", "learning_rate", "step")}
        for e in trainer.state.log_history[:-1]
    ]
    json.dump(
        {
            "features": FEATURES,
            "labels": LABELS,
            "logs": logs,
            "steps": weights.steps,
            "scale": scaler.get_scale(),
            "growth_tracker": scaler._get_growth_tracker(),
            "global_step": trainer.state.global_step,
        },
        sys.stdout,
        indent=1,
    )
    print()


if __name__ == "__main__":
    main()
