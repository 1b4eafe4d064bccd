# SPDX-License-Identifier: Apache-2.0
"""Files of records as trees: the event files of TensorBoard, and the logs of W&B and SwanLab; their messages are read by
the wire format of protobuf alone, so that two of them can be compared field by field.
"""

import struct

BLOCK = 32768


def event_records(data):
    """TFRecord: a length and its checksum, the bytes and theirs."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        yield data[at + 12 : at + 12 + size]
        at += size + 16


def log_records(data, header):
    """LevelDB's log behind a file header of so many bytes, in blocks of 32 KiB: checksum, length and kind before each part
    (1 whole, 2 first, 3 middle, 4 last)."""
    at, parts = header, []
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
            continue
        _, size, kind = struct.unpack_from("<IHB", data, at)
        parts.append(data[at + 7 : at + 7 + size])
        at += 7 + size
        if kind in (1, 4):
            yield b"".join(parts)
            parts = []


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _tree(data):
    """[(field, value)], or None for bytes that are no message."""
    found, at = [], 0
    try:
        while at < len(data):
            key, at = _varint(data, at)
            field, kind = key >> 3, key & 7
            if kind == 0:
                value, at = _varint(data, at)
            elif kind == 1:
                value, at = struct.unpack_from("<d", data, at)[0], at + 8
            elif kind == 5:
                value, at = struct.unpack_from("<f", data, at)[0], at + 4
            elif kind == 2:
                size, at = _varint(data, at)
                if at + size > len(data):
                    return None
                value, at = data[at : at + size], at + size
            else:
                return None
            if field == 0:
                return None
            found.append((field, value))
    except (IndexError, struct.error):
        return None
    return found


def leaves(data, path=""):
    """(path of field numbers, value) of every leaf of a message. Text is a leaf; of other bytes, those that read as a
    message are one."""
    for field, value in _tree(data) or []:
        here = f"{path}.{field}" if path else str(field)
        if not isinstance(value, bytes):
            yield here, value
            continue
        is_text = all(byte >= 32 or byte in b"\t\n\r" for byte in value)
        if value and not is_text and _tree(value):
            yield from leaves(value, here)
        else:
            yield here, value


def differences(ours, theirs):
    """(path, the leaf before it, both values) of each leaf in which two lists of messages differ."""
    if len(ours) != len(theirs):
        return [("number of records", None, len(ours), len(theirs))]
    found = []
    for number, (a, b) in enumerate(zip(ours, theirs)):
        left, right = list(leaves(a)), list(leaves(b))
        if [path for path, _ in left] != [path for path, _ in right]:
            found.append((f"fields of record {number}", None, left, right))
            continue
        for at, ((path, x), (_, y)) in enumerate(zip(left, right)):
            if x != y and (x == x or y == y):
                found.append((path, left[at - 1][1] if at else None, x, y))
    return found
