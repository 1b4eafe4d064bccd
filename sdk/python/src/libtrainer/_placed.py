# SPDX-License-Identifier: Apache-2.0
"""Files that are whole, or not there."""

import contextlib
import os
import pathlib
import tempfile


@contextlib.contextmanager
def placed(path):
    """Gives a place for the file, in a directory beside `path`; what was written there is flushed, and takes its place."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent) as directory:
        made = pathlib.Path(directory) / path.name
        yield made
        with open(made, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(made, path)
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)  # the new name
    finally:
        os.close(parent)
