# SPDX-License-Identifier: Apache-2.0
"""A column of a dataset while it is written: its values on the disk, and what its rows have in common."""

import array
import pathlib
import sys
import typing

import numpy as np

from ._errors import ExportError

DTYPES = {  # NumPy's names, and safetensors'
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32", "int32": "I32", "uint64": "U64",
    "int64": "I64", "float16": "F16", "float32": "F32", "float64": "F64",
}  # fmt: skip
PYTHON = {"I64": 0, "F32": 1}  # an int may become a float


def is_tensor(value):
    torch = sys.modules.get("torch")  # who has tensors has imported it
    return torch is not None and isinstance(value, torch.Tensor)


def is_array(value):
    return is_tensor(value) or isinstance(value, (np.ndarray, np.generic)) and value.dtype != object


class Stored(typing.NamedTuple):
    """A tensor of the file: where its bytes are until they are in it."""

    name: str
    dtype: str
    shape: list
    item_size: int
    path: pathlib.Path


class Rows(typing.NamedTuple):
    values: np.ndarray  # of all rows, one after another
    dtype: str  # safetensors' name
    of_python: bool  # numbers of Python, without a type of their own
    lengths: typing.Optional[list]  # of each row, in its first dimension; None when rows are numbers


class Column:
    def __init__(self, name, directory, number):
        self.name = name
        self.path = directory / f"{number}.values"
        self.path.touch()
        self.first = True
        self.dtype, self.tail, self.item_size = None, (), 8
        self.lengths = None

    def refuse(self, what):
        raise ExportError(f'the column "{self.name}" {what}')

    def append(self, some, row):
        """Adds rows, of which the first is number `row`; gives how many."""
        rows = self.rows(some)
        values = rows.values
        if self.first:
            self.first, self.lengths = False, None if rows.lengths is None else array.array("q")
        if not values.size and self.lengths is not None and rows.lengths is not None:  # empty lists have no type
            self.lengths.extend(rows.lengths)
            return len(rows.lengths)
        if self.dtype is None:
            self.dtype, self.tail, self.item_size = rows.dtype, values.shape[1:], values.dtype.itemsize
        if rows.dtype != self.dtype:
            if not rows.of_python or PYTHON.get(rows.dtype, 9) > PYTHON.get(self.dtype, -1):
                self.refuse(
                    f"is {self.dtype} in its first rows, and {rows.dtype} from row {row} on; give all rows one type"
                )
            values = values.astype("float32")
        if (rows.lengths is None) != (self.lengths is None) or values.shape[1:] != self.tail:
            self.refuse(f"has rows of another shape from row {row} on; only the first dimension of a row may differ")
        with open(self.path, "ab") as file:
            file.write(np.ascontiguousarray(values).data)
        if rows.lengths is None:
            return len(values)
        self.lengths.extend(rows.lengths)
        return len(rows.lengths)

    def rows(self, some):
        if is_array(some):
            values, dtype = self.as_array(some)
            if not values.ndim:
                self.refuse("is one number in a batch; expected a value for each row, rows first")
            if values.ndim == 1:
                return Rows(values, dtype, False, None)
            return Rows(values.reshape(-1, *values.shape[2:]), dtype, False, [values.shape[1]] * len(values))
        some = list(some)
        if any(isinstance(value, (list, tuple, np.ndarray)) or is_tensor(value) and value.dim() for value in some):
            return self.rows_of_several(some)
        if all(is_array(value) for value in some):
            arrays, dtypes = zip(*map(self.as_array, some))
            if len(set(dtypes)) > 1:
                self.refuse(f"has rows of the types {', '.join(sorted(set(dtypes)))}; give all rows one type")
            return Rows(np.stack(arrays), dtypes[0], False, None)
        values, dtype = self.as_array(some)
        return Rows(values, dtype, True, None)

    def rows_of_several(self, some):
        found = [self.as_array(value) for value in some]
        of_python = not any(is_array(value) for value in some)
        full = [(values, dtype) for values, dtype in found if values.size] or found[:1]  # an empty list has no type
        dtypes = {dtype for _, dtype in full}
        dtype = max(dtypes, key=lambda d: PYTHON.get(d, -1)) if of_python and dtypes <= set(PYTHON) else full[0][1]
        if {dtype} != dtypes and not (of_python and dtypes <= set(PYTHON)):
            self.refuse(f"has rows of the types {', '.join(sorted(dtypes))}; give all rows one type")
        tails = {values.shape[1:] if values.ndim else None for values, _ in full}
        if len(tails) > 1 or None in tails:
            shapes = sorted({str(list(values.shape)) for values, _ in full})
            self.refuse(f"has rows of the shapes {', '.join(shapes[:3])}; only the first dimension of a row may differ")
        values = np.concatenate([values for values, _ in full])
        return Rows(
            values.astype("float32") if dtype == "F32" and of_python else values,
            dtype,
            of_python,
            [len(v) for v, _ in found],
        )

    def refuse_type(self, name):
        self.refuse(f"is of the type {name}; expected one of {', '.join(DTYPES)}")

    def as_array(self, value):
        """A tensor, an array or Python's numbers as a little-endian array, and safetensors' name of its type."""
        if is_tensor(value):
            value = value.detach().cpu().contiguous()
            if str(value.dtype) == "torch.bfloat16":
                return value.view(sys.modules["torch"].int16).numpy(), "BF16"
            try:
                value = value.numpy()
            except TypeError:  # a type that NumPy has not
                self.refuse_type(str(value.dtype))
        of_python = not is_array(value)
        try:
            value = np.asarray(value)
        except ValueError:  # lists that do not fit together
            self.refuse("has rows in which lists have different lengths; only the first dimension of a row may differ")
        if value.dtype.kind in "USO":
            text = value.dtype.kind != "O" or any(isinstance(v, (str, bytes)) for v in value.reshape(-1))
            self.refuse(
                "holds text; turn it into numbers with a tokenizer, or leave it out: columns=[...]"
                if text
                else "has values that are not numbers; leave it out: columns=[...]"
            )
        if of_python and value.dtype.kind == "f":
            value = value.astype("float32")  # as torch.tensor does
        if value.dtype.name not in DTYPES:
            self.refuse_type(value.dtype.name)
        return value.astype(value.dtype.newbyteorder("<"), copy=False), DTYPES[value.dtype.name]

    def tensors(self, rows):
        """What the file gets of it: one tensor, or for rows of different lengths two."""
        self.dtype = self.dtype or "I64"  # nothing but empty rows
        if self.lengths is None:
            return [Stored(self.name, self.dtype, [rows, *self.tail], self.item_size, self.path)]
        longest = max(self.lengths)
        if min(self.lengths) == longest:
            return [Stored(self.name, self.dtype, [rows, longest, *self.tail], self.item_size, self.path)]
        offsets = np.zeros(rows + 1, "<i8")
        np.cumsum(np.frombuffer(self.lengths, "=i8"), out=offsets[1:])
        place = self.path.with_suffix(".offsets")
        offsets.tofile(place)
        return [
            Stored(self.name, self.dtype, [int(offsets[-1]), *self.tail], self.item_size, self.path),
            Stored(f"{self.name}.offsets", "I64", [rows + 1], 8, place),
        ]
