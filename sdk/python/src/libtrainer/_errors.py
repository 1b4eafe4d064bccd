# SPDX-License-Identifier: Apache-2.0
"""What the package raises, and the words of its sentences."""

import json


class PluginError(RuntimeError):
    """A plugin that cannot be used, or that failed in an event; the text is one sentence with the remedy."""


class NotAPlugin(PluginError):
    """A library without a note, such as one that a plugin brought along."""


def shown(value):
    """A value in a sentence: as JSON, and not longer than a line."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def nearest(name, candidates):
    """The candidate that `name` may be a slip of, or None; the same measure as the command's."""
    best, best_distance = None, max(2, len(name) // 3) + 1
    for candidate in candidates:
        row = list(range(len(candidate) + 1))
        for i, letter in enumerate(name, 1):
            diagonal, row[0] = row[0], i
            for j, other in enumerate(candidate, 1):
                diagonal, row[j] = row[j], min(diagonal + (letter != other), row[j] + 1, row[j - 1] + 1)
        if row[-1] < best_distance:
            best, best_distance = candidate, row[-1]
    return best


def did_you_mean(name, candidates):
    near = nearest(name, candidates)
    return f'; did you mean "{near}"?' if near else ""


class ExportError(ValueError):
    """A model or a dataset that cannot be written for the trainer command; the text is one sentence with the remedy."""
