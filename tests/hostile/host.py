# SPDX-License-Identifier: Apache-2.0
"""The command as the hostile tests run it: without this account's settings, in a directory of its own."""

import json
import os
import pathlib
import subprocess
import time

TRAINER = os.environ["TRAINER"]
# A program of Windows is run by Wine.
COMMAND = (
    [pathlib.Path(os.environ["SOURCE"], "scripts/windows/wine"), TRAINER] if TRAINER.endswith(".exe") else [TRAINER]
)


class Host:
    """`work` gets a trainer_state.json of so many steps, a log in each."""

    def __init__(self, work, steps):
        self.path = work
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("TRAINER_")} | {
            "TRAINER_CACHE_DIR": str(work / "cache")
        }
        (work / "trainer_state.json").write_text(
            json.dumps(
                {
                    "global_step": steps,
                    "max_steps": steps,
                    "num_train_epochs": 1,
                    "log_history": [{"loss": 1.0 / s, "epoch": s / steps, "step": s} for s in range(1, steps + 1)],
                }
            )
        )

    def run(self, *arguments, **variables):
        """Status, stdout, stderr and seconds."""
        begin = time.monotonic()
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.path,
            env=self.env | variables,
            stdin=subprocess.PIPE,
            capture_output=True,
            timeout=60,
            check=False,
        )
        taken = time.monotonic() - begin
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), taken

    def replay(self, plugin, directory, *options, output="out", **variables):
        """Plays the logs to the plugin of that id in `directory`."""
        return self.run(
            "replay",
            "trainer_state.json",
            "--report_to",
            "none",
            "--callback",
            plugin,
            "--plugin-dir",
            directory,
            "--output_dir",
            output,
            *options,
            **variables,
        )
