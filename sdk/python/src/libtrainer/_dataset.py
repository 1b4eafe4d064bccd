# SPDX-License-Identifier: Apache-2.0
"""save_dataset(): rows as columns of one safetensors file, which the `trainer` command maps."""

import itertools
import json
import pathlib
import shutil

import numpy as np

from ._columns import Column, is_array
from ._errors import ExportError
from ._placed import placed

ROWS = 1000  # in a piece
LABELS = {"label": "labels", "label_ids": "labels"}  # as transformers' collators name them


def save_dataset(data, path, *, columns=None, batched=False):
    """Writes `data` to `path`, a safetensors file with a tensor a column, rows first.

    `data` is a `datasets.Dataset`, a dict of arrays, tensors or lists, anything with a length and rows by number, or an iterator
    of rows, each a dict; with `batched` it is an iterator of batches, such as a DataLoader. `columns` names those to keep. The
    data are read once, in pieces.

    Tensors and arrays keep their type; Python's numbers become int64, float32 or bool, and `label` or `label_ids` becomes
    `labels`, both as in transformers' collators. A column of rows that differ in length is stored as its values, one row after
    another, and "NAME.offsets", int64 [rows + 1]: row i is values[offsets[i]:offsets[i + 1]]. Returns the path; raises
    ExportError with one sentence.
    """
    path = pathlib.Path(path)
    with placed(path) as made:
        stored, rows = {}, 0
        for piece in pieces(data, columns, batched):
            piece = named(piece, columns)
            stored = stored or {name: Column(name, made.parent, i) for i, name in enumerate(piece)}
            if piece.keys() != stored.keys():
                only_some(set(piece) ^ set(stored), rows)
            added = {name: column.append(piece[name], rows) for name, column in stored.items()}
            require_alike(added)
            rows += next(iter(added.values()))
        if not rows:
            raise ExportError("the data has no rows")
        write(made, [tensor for column in stored.values() for tensor in column.tensors(rows)])
    return path


def named(piece, columns):
    """The columns of a piece that are wanted, by their names in the file."""
    require_columns(columns, piece)
    names = {LABELS.get(name, name): name for name in columns or piece}
    if len(names) < len(columns or piece):
        raise ExportError(f"the columns {', '.join(columns or piece)} have the labels twice; choose with columns=[...]")
    for name in names:
        if not isinstance(name, str) or not name or name.endswith(".offsets") or name == "__metadata__":
            raise ExportError(
                f'a column cannot be named "{name}"; the name must be a text that does not end in .offsets, and is not __metadata__'
            )
    return {name: piece[found] for name, found in names.items()}


def require_columns(columns, found):
    for name in columns or ():
        if name not in found:
            raise ExportError(f'the data have no column "{name}"; they have {", ".join(map(str, found))}')


def only_some(names, row):
    raise ExportError(
        f'only some of the rows have the column "{min(names)}", see row {row}; each row must have the same columns'
    )


def require_alike(counts):
    most = max(counts, key=counts.get)
    for name, count in counts.items():
        if count != counts[most]:
            raise ExportError(
                f'the column "{most}" has {counts[most]} rows, but "{name}" {count}; each must have as many'
            )


def pieces(data, columns, batched):
    """The data as dicts of columns, each of some rows."""
    if hasattr(data, "items"):
        splits = [name for name, value in data.items() if hasattr(value, "column_names")]
        if splits:
            raise ExportError(
                f'the data are the splits {", ".join(splits)}; save one at a time, such as data["{splits[0]}"]'
            )
        return slices(dict(data.items()))
    sized = hasattr(data, "__len__") and hasattr(data, "__getitem__")
    if sized and hasattr(data, "column_names"):
        if columns and hasattr(data, "select_columns"):  # the others, such as texts, are not even read
            require_columns(columns, data.column_names)
            data = data.select_columns(list(columns))
        return (data[start : start + ROWS] for start in range(0, len(data), ROWS))
    if batched:
        return map(require_dict, data)
    return gathered((data[i] for i in range(len(data))) if sized else data)


def slices(columns):
    """Whole columns in pieces."""
    columns = {n: c if is_array(c) or isinstance(c, (list, tuple)) else np.asarray(c) for n, c in columns.items()}
    counts = {name: len(column) if getattr(column, "ndim", 1) else 0 for name, column in columns.items()}
    if counts:
        require_alike(counts)
    for start in range(0, max(counts.values(), default=0), ROWS):
        yield {name: column[start : start + ROWS] for name, column in columns.items()}


def gathered(rows):
    """Single rows in pieces."""
    rows, done = iter(rows), 0
    while some := [require_dict(row) for row in itertools.islice(rows, ROWS)]:
        for i, row in enumerate(some):
            if row.keys() != some[0].keys():
                only_some(set(row) ^ set(some[0]), done + i)
        yield {name: [row[name] for row in some] for name in some[0]}
        done += len(some)


def require_dict(row):
    if not hasattr(row, "keys"):
        raise ExportError(f"a row of the data is of the type {type(row).__name__}; expected a dict of columns")
    return row


def write(path, tensors):
    """Puts the tensors into one file; those of the largest elements first, so that each is aligned."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    tensors = sorted(tensors, key=lambda t: -t.item_size)
    for tensor in tensors:
        end = offset + tensor.path.stat().st_size
        header[tensor.name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors:
            with open(tensor.path, "rb") as part:
                shutil.copyfileobj(part, file, 1 << 20)
            tensor.path.unlink()
