#!/usr/bin/env -S python3 -E -S
# SPDX-License-Identifier: Apache-2.0
"""Stands for `trainer plugins host`: speaks its protocol (core/isolation/protocol.hpp), and where the "path" of the
plugin's configuration says so, something that no such process says."""

import os
import re
import socket
import struct
import sys
import time

QUESTION, ANSWER, STATE, REQUEST = 1, 5, 8, 9
LOAD, AVAILABLE, CREATE, EVENT, SAVE, RESTORE, ENDED, RESULTS, KEEP, TAKE, DESTROY = range(11)
SET_LR = 8
FLAGS_AT = 132  # of an event record
OBJECT, TEXT = b"\x08", b"\x06"
WITHOUT_END = struct.pack("<Q", 2**64 - 1)
NO_FAILURE = struct.pack("<IIqi", 0, 0, -1, 0)

stream = socket.socket(fileno=3)


def text(of):
    return struct.pack("<Q", len(of)) + of


def word(*numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers)


def objects(**entries):
    return struct.pack("<Q", len(entries)) + b"".join(text(key.encode()) + value for key, value in entries.items())


STATE_OF_IT = objects(args=OBJECT + objects(), attributes=OBJECT + objects())


def send(body):
    stream.sendall(struct.pack("<I", len(body)) + body)


def receive(size):
    got = b""
    while len(got) < size:
        more = stream.recv(size - len(got))
        if not more:
            sys.exit(0)
        got += more
    return got


def flood(answer):
    while True:
        send(answer + b"x" * (8 << 20))


def honest(what, rest):
    return {
        LOAD: lambda: word(0),
        CREATE: lambda: text(b"Liar") + word(1, 0, 0, 0, 1, 0),
        EVENT: lambda: NO_FAILURE + text(b"") + rest[FLAGS_AT : FLAGS_AT + 20] + word(0),
        SAVE: lambda: STATE_OF_IT,
        RESULTS: lambda: struct.pack("<Q", 0),
    }.get(what, lambda: b"")()


def set_rate(rest):
    send(word(REQUEST, SET_LR) + struct.pack("<Qd", 0, float("nan")))
    while struct.unpack("<I", receive(struct.unpack("<I", receive(4))[0])[:4])[0] != 3:
        pass
    return honest(EVENT, rest)


def with_values(values):
    return lambda rest: NO_FAILURE + text(b"") + rest[FLAGS_AT : FLAGS_AT + 20] + word(1) + values


# What is told instead of an answer to which question: bytes of a function of the question.
LIES = {
    "cut short": (EVENT, lambda rest: honest(EVENT, rest)[:-6]),
    "too long": (EVENT, lambda rest: honest(EVENT, rest) + b"x"),
    "kind of failure": (EVENT, lambda rest: word(77) + honest(EVENT, rest)[4:]),
    "text without end": (EVENT, lambda rest: NO_FAILURE + WITHOUT_END + b"x"),
    "values without end": (EVENT, with_values(WITHOUT_END)),
    "no UTF-8": (EVENT, with_values(objects(loss=TEXT + text(b"\xff")))),
    "flags": (EVENT, lambda rest: NO_FAILURE + text(b"") + word(7, 7, 7, 7, 7, 0)),
    "request": (EVENT, lambda rest: send(word(REQUEST, 99))),
    "rate": (EVENT, set_rate),
    "message": (EVENT, lambda rest: send(word(99))),
    "no message": (EVENT, lambda rest: send(b"")),
    "frame without end": (EVENT, lambda rest: stream.sendall(b"\xff\xff\xff\xff")),
    "state": (EVENT, lambda rest: send(word(STATE) + objects(args=TEXT + text(b"")))),
    "flood": (EVENT, lambda rest: flood(struct.pack("<IQ", ANSWER, 2**60))),
    "refusal": (EVENT, lambda rest: send(struct.pack("<IQ", ANSWER, question) + word(0, 0) + text(b"a b") + text(b""))),
    "another question": (EVENT, lambda rest: send(struct.pack("<IQI", ANSWER, question + 1, 1))),
    "saved": (SAVE, lambda rest: objects(args=TEXT + text(b""))),
    "results": (RESULTS, lambda rest: WITHOUT_END),
    "name": (CREATE, lambda rest: text(b"\xff") + word(1, 0, 0, 0, 1, 0)),
    "load": (LOAD, lambda rest: b""),
}

lie = os.environ.get("LIE", "")
send(os.environ["GREETING"].encode())
while True:
    message = receive(struct.unpack("<I", receive(4))[0])
    if struct.unpack("<I", message[:4])[0] != QUESTION:
        continue
    question, _, what = struct.unpack("<QQI", message[4:24])
    rest = message[24:]
    if what == CREATE and (found := re.search(rb"LIE:([A-Za-z0-9 -]+)\.", rest)):
        lie = found[1].decode()
    told = LIES[lie][1](rest) if lie in LIES and LIES[lie][0] == what else honest(what, rest)
    if told is None:  # and nothing more
        time.sleep(60)
    send(struct.pack("<IQI", ANSWER, question, 1) + told)
    if what == DESTROY:
        sys.exit(0)
