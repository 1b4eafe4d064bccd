# SPDX-License-Identifier: Apache-2.0
"""Python's values and dicts as trainer_value and trainer_map."""

import ctypes
import json
import numbers
from enum import Enum

from . import _abi

_memmove = ctypes.memmove
_VALUE = ctypes.sizeof(_abi.Value)
_TEXT = ctypes.sizeof(_abi.Text)
_TYPE_AT = _abi.Value.type.offset  # struct_size, which comes before, is the caller's
_NUMBER_AT = _abi.Value.number.offset // 8
_MOST_TABLES = 64


def to_json(value):
    return json.dumps(value, default=lambda v: v.to_dict() if hasattr(v, "to_dict") else str(v))


def encode(value):
    """(type, integer, number, text as bytes or None). Numbers of numpy and scalar tensors are numbers."""
    if isinstance(value, Enum):
        value = value.value
    if value is None:
        return _abi.NULL, 0, 0.0, None
    if type(value) is not str and not isinstance(value, (str, dict, list, tuple)):
        if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
            value = value.item()
        if isinstance(value, bool):
            return _abi.BOOLEAN, int(value), float(value), None
        if isinstance(value, numbers.Integral):
            value = int(value)
            if -(1 << 63) <= value < 1 << 63:
                return _abi.INTEGER, value, float(value), None
        if isinstance(value, numbers.Real):
            try:
                return _abi.NUMBER, 0, float(value), None
            except OverflowError:
                pass  # a whole number beyond a double: as JSON
    if isinstance(value, str):
        return _abi.STRING, 0, 0.0, value.encode("utf-8", "replace")
    return _abi.JSON, 0, 0.0, to_json(value).encode("utf-8", "replace")


def fill(target, value):
    """Writes a trainer_value; gives what must live as long as its text is borrowed."""
    target.type, target.integer, target.number, text = encode(value)
    fill_text(target.text, text)
    return text


def fill_text(target, data):
    """The text points into `data`, a bytes object that the caller keeps."""
    target.data = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p) if data else None
    target.size = len(data) if data else 0


def decode(value):
    """The Python value of a trainer_value; ValueError for what is none."""
    kind = value.type
    if kind == _abi.NULL:
        return None
    if kind == _abi.BOOLEAN:
        return value.integer != 0
    if kind == _abi.INTEGER:
        return value.integer
    if kind == _abi.NUMBER:
        return value.number
    text = value.text.bytes().decode("utf-8")
    if kind == _abi.STRING:
        return text
    if kind == _abi.JSON:
        return json.loads(text)
    raise ValueError(f"{kind} is not the type of a value")


class _Table:
    """The entries of one set of keys as C arrays. Most logs have the keys of an earlier one, and only other numbers."""

    def __init__(self, keys):
        self.count = len(keys)
        self.names = [str(key).encode("utf-8", "replace") for key in keys]
        self.index = {key: i for i, key in enumerate(keys)}
        self.key_array = (_abi.Text * max(1, self.count))()
        self.value_array = (_abi.Value * max(1, self.count))()
        self.texts = [None] * self.count
        self.is_number = [False] * self.count
        for i, name in enumerate(self.names):
            fill_text(self.key_array[i], name)
            self.value_array[i].struct_size = _VALUE
        self.numbers = memoryview(self.value_array).cast("B").cast("d")
        self.keys_at = ctypes.addressof(self.key_array)
        self.values_at = ctypes.addressof(self.value_array) + _TYPE_AT

    def load(self, values):
        numbers_, is_number, at = self.numbers, self.is_number, _NUMBER_AT
        for i, value in enumerate(values):
            if type(value) is float and is_number[i]:
                numbers_[at] = value
            else:
                self.texts[i] = fill(self.value_array[i], value)
                is_number[i] = self.value_array[i].type == _abi.NUMBER
            at += _VALUE // 8


class DictMap:
    """A trainer_map over a dict, which plugins read and change in place."""

    def __init__(self, values=None, read_only=False):
        self._tables = {}
        self._table = None
        self.values = {}
        self.struct = _abi.Map(
            ctypes.sizeof(_abi.Map),
            0,
            None,
            _abi.MapSize(lambda _: len(self.values)),
            _abi.MapAt(self._make_at()),
            _abi.MapGet(self._get),
            _abi.MapSet(self._refuse if read_only else self._set),
            _abi.MapRemove(self._refuse if read_only else self._remove),
            _abi.MapRead(self._make_read()),
        )
        self.address = ctypes.addressof(self.struct)
        self.show(values if values is not None else {})

    def show(self, values):
        self.values = values
        self._table = None
        return self.address

    def _load(self):
        keys = tuple(self.values)
        table = self._tables.get(keys)
        if table is None:
            if len(self._tables) >= _MOST_TABLES:
                self._tables.clear()
            table = self._tables[keys] = _Table(keys)
        table.load(self.values.values())
        self._table = table
        return table

    def _make_at(self):
        def at(_, index, key, value):
            try:
                table = self._table or self._load()
                if index >= table.count:
                    return _abi.NOT_FOUND
                if key:
                    _memmove(key, table.keys_at + index * _TEXT, _TEXT)
                if value:
                    _memmove(value + _TYPE_AT, table.values_at + index * _VALUE, _VALUE - _TYPE_AT)
                return 0
            except Exception:  # nothing may pass through C
                return _abi.ERROR

        return at

    def _make_read(self):
        size_of = ctypes.c_uint32.from_address

        def read(_, first, capacity, keys, values):
            try:
                table = self._table or self._load()
                count = min(capacity, table.count - first)
                if count <= 0:
                    return 0
                _memmove(keys, table.keys_at + first * _TEXT, count * _TEXT)
                source = table.values_at - _TYPE_AT + first * _VALUE
                stride = size_of(values).value
                if stride == _VALUE:
                    _memmove(values, source, count * _VALUE)
                else:  # a plugin of another minor
                    for i in range(count):
                        _memmove(
                            values + i * stride + _TYPE_AT,
                            source + i * _VALUE + _TYPE_AT,
                            min(stride, _VALUE) - _TYPE_AT,
                        )
                return count
            except Exception:  # nothing may pass through C
                return 0

        return read

    def _get(self, _, key, size, value):
        try:
            table = self._table or self._load()
            index = table.index.get(ctypes.string_at(key, size).decode("utf-8", "replace"))
            if index is None:
                return _abi.NOT_FOUND
            if value:
                _memmove(value + _TYPE_AT, table.values_at + index * _VALUE, _VALUE - _TYPE_AT)
            return 0
        except Exception:
            return _abi.ERROR

    def _set(self, _, key, size, value):
        try:
            self.values[ctypes.string_at(key, size).decode("utf-8")] = decode(_abi.Value.from_address(value))
            self._table = None
            return 0
        except Exception:  # not UTF-8, not JSON, no such type
            return _abi.ERROR

    def _remove(self, _, key, size):
        try:
            name = ctypes.string_at(key, size).decode("utf-8", "replace")
            if name not in self.values:
                return _abi.NOT_FOUND
            del self.values[name]
            self._table = None
            return 0
        except Exception:
            return _abi.ERROR

    @staticmethod
    def _refuse(*_):
        return _abi.ERROR
