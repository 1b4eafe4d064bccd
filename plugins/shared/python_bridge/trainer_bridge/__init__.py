# SPDX-License-Identifier: Apache-2.0
"""The Python half of LibTrainer's bridge: runs transformers' callbacks for a trainer that is written in C++.

The trainer starts a Python, sends it these modules and talks to it over a socket; nothing has to be
installed for that. The other way round, from a Python program that must stay the parent (a Flyte task):

    from trainer_bridge import run
    run(["trainer", "train", "run.json", "--report_to", "flyte"])
"""


def run(command, **options):
    """Runs a trainer command whose callbacks run in this process; see trainer_bridge.parent.run."""
    from trainer_bridge.parent import run as run_command

    return run_command(command, **options)
