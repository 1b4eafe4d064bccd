# SPDX-License-Identifier: Apache-2.0
"""The part of parity.py that needs no LibTorch, for a build without: files of a recorded training, in and out of a process."""

from harness import Work
from parity import replays

if __name__ == "__main__":
    with Work() as work:
        replays(work)
        print("the files are the same")
