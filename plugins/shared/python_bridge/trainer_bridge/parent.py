# SPDX-License-Identifier: Apache-2.0
"""The other way round: a Python program starts the trainer, and callbacks run in this program. What a Flyte task
needs, whose checkpoint object and decks live in the task's own process."""

import os
import queue
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
        path = os.path.join(folder, "bridge")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            environment = {**(os.environ if env is None else env), SOCKET: path}
            with subprocess.Popen(command, env=environment, cwd=cwd, **options) as process:
                try:
                    failures = _serve(listener, process)
                except BaseException:
                    process.terminate()
                    raise
    if check and process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    if check and failures:
        raise CallbackFailed("; ".join(failures))
    return subprocess.CompletedProcess(command, process.returncode)


def _serve(listener, process):
    inbox, sessions = wire.Inbox(), []

    def accept():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:  # closed: the run is over
                return
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
