# SPDX-License-Identifier: Apache-2.0
"""Messages: a length of 4 bytes, little-endian, then that much JSON in UTF-8."""

import collections
import json
import queue
import select
import socket
import struct
import threading
import time


class Connection:
    """One socket. Any thread may send; one receives."""

    def __init__(self, sock):
        self.sock = sock
        self._sending = threading.Lock()

    def send(self, message):
        """A trainer that is gone takes nothing more; the end of file in receive() tells."""
        body = json.dumps(message).encode()
        try:
            with self._sending:
                self.sock.sendall(struct.pack("<I", len(body)) + body)
        except OSError:
            pass

    def receive(self):
        """The next message, or None at the end of file."""
        head = self._exactly(4)
        body = head and self._exactly(struct.unpack("<I", head)[0])
        return None if body is None else json.loads(body)

    def wait_for_end(self):
        """Until the trainer is gone; what it sends is left for receive()."""
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self.sock, 0)
            poll.poll()
            return
        try:
            while self.sock.recv(1, socket.MSG_PEEK):
                time.sleep(0.5)
        except OSError:
            pass

    def close(self):
        """Both ways at once: a thread that receives would keep a socket open that is only closed."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def _exactly(self, size):
        parts = []
        while size:
            try:
                part = self.sock.recv(min(size, 1 << 20))
            except OSError:
                return None
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class OneInbox:
    """The messages of one connection, read by the thread that works on them: no other has to wake up first."""

    def __init__(self, connection, at_end):
        self._connection = connection
        self._put_off = collections.deque()

        def watch():
            connection.wait_for_end()
            at_end()

        threading.Thread(target=watch, name="trainer_bridge", daemon=True).start()

    def get(self):
        return self._put_off.popleft() if self._put_off else self._connection.receive()

    def get_reply(self, _, key):
        while True:
            message = self._connection.receive()
            if message is None:
                raise ConnectionError("the trainer is gone")
            if key in message:
                return message[key]
            self._put_off.append(message)


class Inbox:
    """What several connections receive, each in a thread of its own, for one thread to take."""

    def __init__(self):
        self._queue = queue.Queue()
        self._put_off = collections.deque()

    def add(self, connection, owner):
        """From now on get() gives (owner, message) for each message of the connection, (owner, None) at its end."""

        def receive():
            message = {}
            while message is not None:
                message = connection.receive()
                self._queue.put((owner, message))

        threading.Thread(target=receive, name="trainer_bridge", daemon=True).start()

    def get(self, timeout=None):
        """queue.Empty when nothing came in `timeout` seconds."""
        return self._put_off.popleft() if self._put_off else self._queue.get(timeout=timeout)

    def get_reply(self, owner, key):
        """The owner's next message that has `key`; others wait for get()."""
        while True:
            item = self._queue.get()
            if item[0] is owner and item[1] is not None and key in item[1]:
                return item[1][key]
            self._put_off.append(item)
            if item == (owner, None):
                raise ConnectionError("the trainer is gone")


def encode_values(values):
    """A map of logs or metrics for the trainer: [[key, kind, text]], so that NaN and 1 versus 1.0 survive."""
    return [[str(key), *_encode(key, value)] for key, value in values.items()]


def _encode(key, value):
    if value is not None and not isinstance(value, (bool, int, float, str, list, tuple, dict)):
        try:
            value = value.item()  # a number of numpy or torch
        except (AttributeError, ValueError, RuntimeError):
            raise TypeError(
                f'"{key}" is a {type(value).__name__}, which cannot be a log or metric; '
                "expected a number, a text, a list or a dict"
            ) from None
    if value is None:
        return "n", ""
    if isinstance(value, bool):
        return "b", "1" if value else "0"
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            return "f", repr(float(value))
        return "i", str(int(value))
    if isinstance(value, float):
        return "f", repr(float(value))
    if isinstance(value, str):
        return "s", str(value)
    return "j", json.dumps(value)
