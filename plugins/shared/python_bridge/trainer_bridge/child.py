# SPDX-License-Identifier: Apache-2.0
"""The program of a Python that the trainer started: one session, ended as a script of its own would end."""

import io
import os
import signal
import sys
import threading

from trainer_bridge import session, trackers, wire


class TrainerFailed(Exception):
    """What this process ends with when the training or the callback failed: exit hooks see a failure, and not an end."""


class Screen(io.TextIOWrapper):
    """stdout, to which trackers put themselves in front: they see the run's lines, which its own stdout has already."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._quiet = threading.local()

    def write(self, text):
        return len(text) if getattr(self._quiet, "on", False) else super().write(text)

    def show(self, line):
        self._quiet.on = True
        try:
            print(line)
        finally:
            self._quiet.on = False


def main(sock):
    sys.argv = ["trainer"]
    encoding = sys.stdout.encoding
    sys.stdout = screen = Screen(sys.stdout.detach(), encoding=encoding, errors="backslashreplace", line_buffering=True)
    # Ctrl-C and a batch system's signals reach every process of the run: the trainer is the one that acts on them,
    # and this process ends when the trainer closes the socket. A handler, since an ignored signal is inherited.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), lambda *_: None)
    show = sys.excepthook
    sys.excepthook = lambda kind, error, trace: None if kind is TrainerFailed else show(kind, error, trace)

    connection = wire.Connection(sock)
    inbox = wire.OneInbox(connection, at_end=lambda: _leave_after(one.grace))
    one = session.Session(connection, inbox, screen.show)
    while one.handle(inbox.get()):
        pass
    if one.ended == "finished":
        trackers.end_finished_runs(one.warn)
    if one.ended == "failed":
        why = one.failure or one.outcome.get("error") or "the training ended before its time"
        trackers.end_failed_runs(one.warn, why)
        connection.close()  # the trainer sees the end also where a helper that was forked holds the socket open
        raise TrainerFailed(why)


def _leave_after(seconds):
    """The trainer is gone, and nobody else ends this process when a callback or an exit hook hangs."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()
