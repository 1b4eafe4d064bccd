# SPDX-License-Identifier: Apache-2.0
"""Microseconds of one training step in Python: step_peers.py transformers|lightning|pytorch HIDDEN BATCH STEPS DIR

`messages` trains nothing: it is what one step of two processes sends, the gradients and one small message.
The same model, data, optimizer, clipping, schedule and logging as in step.cpp.
"""

import json
import logging
import os
import sys
import time
import warnings

import torch

WARM_UP, ROWS = 100, 4096


def make_net(hidden):
    torch.manual_seed(42)
    return torch.nn.Sequential(
        torch.nn.Linear(64, hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, 10),
    )


def make_rows():
    torch.manual_seed(1)
    return torch.randn(ROWS, 64), torch.randint(10, (ROWS,))


def pytorch(hidden, batch, steps, _):
    net, (features, labels) = make_net(hidden), make_rows()
    parameters = list(net.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0)
    total = WARM_UP + steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (total - step) / total)
    loss_sum = 0.0
    for step in range(total):
        if step == WARM_UP:
            start = time.perf_counter()
        at = step % (ROWS // batch)
        if at == 0:
            order = torch.randperm(ROWS)
        index = order[at * batch : (at + 1) * batch]
        loss = torch.nn.functional.cross_entropy(net(features[index]), labels[index])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss_sum += loss.item()
    return time.perf_counter() - start


def messages(hidden, batch, steps, _):
    torch.distributed.init_process_group("gloo")
    gradients = torch.zeros(sum(parameter.numel() for parameter in make_net(hidden).parameters()))
    flags = torch.zeros(6, dtype=torch.int64)
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            start = time.perf_counter()
        torch.distributed.all_reduce(gradients)
        torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MIN)
    seconds = time.perf_counter() - start
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    return seconds


def with_transformers(hidden, batch, steps, directory):
    import transformers

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = make_net(hidden)

        def forward(self, features, labels):
            logits = self.net(features)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    class Rows(torch.utils.data.Dataset):
        def __init__(self, count):
            self.features, self.labels = (tensor[:count] for tensor in make_rows())

        def __len__(self):
            return len(self.labels)

        def __getitem__(self, at):
            return {"features": self.features[at], "labels": self.labels[at]}

    class Stopwatch(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            if state.global_step == WARM_UP:
                self.start = time.perf_counter()
            if state.global_step == state.max_steps:
                self.seconds = time.perf_counter() - self.start

    total, watch = WARM_UP + steps, Stopwatch()
    args = transformers.TrainingArguments(
        output_dir=directory,
        max_steps=total,
        per_device_train_batch_size=batch,
        learning_rate=1e-3,
        logging_steps=10,
        eval_strategy="steps",
        save_strategy="steps",
        eval_steps=total,
        save_steps=total,
        load_best_model_at_end=True,
        use_cpu=True,
        report_to=["tensorboard"],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    transformers.Trainer(
        model=Model(),
        args=args,
        train_dataset=Rows(ROWS),
        eval_dataset=Rows(64),
        callbacks=[transformers.EarlyStoppingCallback(), watch],
    ).train()
    return watch.seconds


def with_lightning(hidden, batch, steps, directory):
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    import lightning
    from lightning.pytorch.loggers import TensorBoardLogger

    total = WARM_UP + steps

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = make_net(hidden)

        def training_step(self, rows, _):
            features, labels = rows
            loss = torch.nn.functional.cross_entropy(self.net(features), labels)
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3, weight_decay=0, fused=True)
            schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (total - step) / total)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    class Stopwatch(lightning.Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.global_step == WARM_UP:
                self.start = time.perf_counter()
            if trainer.global_step == total:
                self.seconds = time.perf_counter() - self.start

    watch = Stopwatch()
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*make_rows()), batch_size=batch, shuffle=True)
    lightning.Trainer(
        max_steps=total,
        max_epochs=-1,
        accelerator="cpu",
        devices=1,
        gradient_clip_val=1.0,
        log_every_n_steps=10,
        logger=TensorBoardLogger(directory),
        callbacks=[watch],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    ).fit(Model(), data)
    return watch.seconds


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    mode, hidden, batch, steps, directory = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
    modes = {"pytorch": pytorch, "transformers": with_transformers, "lightning": with_lightning, "messages": messages}
    run = modes[mode]
    printed = os.dup(1)
    os.dup2(2, 1)  # what the libraries print is no result
    seconds = run(hidden, batch, steps, directory)
    os.write(printed, (json.dumps({"us": 1e6 * seconds / steps}) + "\n").encode())


if __name__ == "__main__":
    main()
