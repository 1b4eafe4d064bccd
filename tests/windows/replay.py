# SPDX-License-Identifier: Apache-2.0
"""A recorded run, played into the plugins as .dll under Wine and as .so on this system: they write the same files, byte for
byte, or record by record where a file has times, the machine and its names in it.
"""

import sys

import wine

sys.path.insert(0, str(wine.SOURCE / "tests" / "support"))
from tracker_files import CALLBACKS, VARIABLES, same_files  # noqa: E402

STATE = wine.SOURCE / "tests/parity/expected/all_in_one/trainer_state.json"


def play(run, work, where):
    out = work / where
    out.mkdir()
    words = [
        "replay",
        STATE,
        "--report_to",
        "none",
        "--output_dir",
        "out",
        "--metric_for_best_model",
        "loss",
        "--eval_strategy",
        "epoch",
    ]
    for name in CALLBACKS:
        words += ["--callback", name]
    text = run(*words, cwd=out, env={**VARIABLES, "TRAINER_CACHE_DIR": work / ("cache-" + where)})
    return out, text


def main():
    wine.require(wine.LINUX)
    with wine.directory() as work:
        ours, said = play(wine.trainer, work, "windows")
        theirs, _ = play(lambda *words, **options: wine.run(wine.LINUX, *words, **options), work, "linux")
        same_files(ours, theirs)
        wine.expect("early_stopping", said, "early_stopping would have stopped the training at step 8, epoch 2")


if __name__ == "__main__":
    main()
