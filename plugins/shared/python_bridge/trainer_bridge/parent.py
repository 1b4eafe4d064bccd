# SPDX-License-Identifier: Apache-2.0
"""The other way round: a Python program starts the trainer, and callbacks run in this program. What a Flyte task
needs, whose checkpoint object and decks live in the task's own process."""

import os
import queue
import secrets
import socket
import subprocess
import tempfile
import threading

from trainer_bridge import session, wire

SOCKET = "TRAINER_BRIDGE_SOCKET"


class CallbackFailed(RuntimeError):
    """The trainer did its work; what a callback was to make of it is not there."""


def run(command, env=None, cwd=None, check=True, **options):
    """Runs the command to its end, as subprocess.run does, and gives its CompletedProcess.

    Callbacks run on the calling thread. `check`: raise CalledProcessError for a status other than 0, and CallbackFailed
    when the run went on without a callback of this program. `options` go to subprocess.Popen.
    """
    with tempfile.TemporaryDirectory(prefix="trainer-") as folder:
        listener, where, token = _listen(folder)
        with listener:
            environment = {**(os.environ if env is None else env), SOCKET: where}
            with subprocess.Popen(command, env=environment, cwd=cwd, **options) as process:
                try:
                    failures = _serve(listener, token, process)
                except BaseException:
                    process.terminate()
                    raise
    if check and process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    if check and failures:
        raise CallbackFailed("; ".join(failures))
    return subprocess.CompletedProcess(command, process.returncode)


def _listen(folder):
    """The socket, where the trainer finds it, and what it has to show there: nothing where only the user can reach it."""
    if hasattr(socket, "AF_UNIX"):
        listener, where, token = socket.socket(socket.AF_UNIX), os.path.join(folder, "bridge"), b""
        listener.bind(where)
    else:
        listener, token = socket.socket(socket.AF_INET), secrets.token_hex(16).encode()
        listener.bind(("127.0.0.1", 0))
        where = f"{listener.getsockname()[1]}:{token.decode()}"
    listener.listen()
    return listener, where, token


def _shows(sock, token):
    """Whether who has connected is the trainer."""
    if not token:
        return True
    sock.settimeout(5)
    shown = b""
    try:
        while len(shown) < len(token) and (part := sock.recv(len(token) - len(shown))):
            shown += part
    except OSError:
        pass
    sock.settimeout(None)
    return secrets.compare_digest(shown, token)


def _serve(listener, token, process):
    inbox, sessions = wire.Inbox(), []

    def accept():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:  # closed: the run is over
                return
            if not _shows(sock, token):
                sock.close()
                continue
            connection = wire.Connection(sock)
            one = session.Session(connection, inbox)
            sessions.append(one)
            inbox.add(connection, one)

    threading.Thread(target=accept, name="trainer_bridge", daemon=True).start()
    try:
        while True:
            over = process.poll() is not None and all(one.closed for one in sessions)
            try:
                one, message = inbox.get(timeout=0.1)
            except queue.Empty:
                if over:
                    return [one.failure for one in sessions if one.failure]
                continue
            if not one.handle(message):
                one.close()
    finally:
        for one in sessions:
            one.close()
        try:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        except OSError:
            pass
