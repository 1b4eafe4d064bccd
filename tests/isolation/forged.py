# SPDX-License-Identifier: Apache-2.0
"""What answers as a plugin's process is none (liar.py): whatever it sends, the training is that of a run without the plugin, and
one sentence says that it was ended."""

import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess

from harness import HERE, TRAINER, Work, expect, isolated

BYTES = "its process answered with bytes that no trainer of this build writes, and was ended"
SENT = "its process sent bytes that no trainer of this build writes, and was ended"
FLAG = "it set a control flag to something other than 0 and 1"
LIES = {
    "cut short": BYTES,
    "too long": BYTES,
    "kind of failure": BYTES,
    "text without end": BYTES,
    "values without end": BYTES,
    "no UTF-8": BYTES,
    "flags": FLAG,
    "request": BYTES,
    "rate": None,
    "message": SENT,
    "no message": SENT,
    "frame without end": SENT,
    "state": SENT,
    "flood": BYTES,
    "refusal": BYTES,
    "another question": BYTES,
    "saved": BYTES,
    "results": BYTES,
}


def greeting():
    """What the command of this build says first."""
    ours, theirs = socket.socketpair()
    words = ["sh", "-c", f'exec "{TRAINER}" plugins host 3<&{theirs.fileno()}']
    with subprocess.Popen(words, pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL) as started:
        size = struct.unpack("<I", ours.recv(4, socket.MSG_WAITALL))[0]
        said = ours.recv(size, socket.MSG_WAITALL).decode()
        started.kill()
    return said


with Work() as work:
    shutil.copy(pathlib.Path(os.environ["BUILD"]) / "plugins" / "probe.so", work.plugins)
    status, _, error = work.run("plain", [])
    expect(status == 0, f"plain: status {status}: {error}")
    plain = work.outcome("plain")

    def liar(lie):
        return isolated({"path": f"LIE:{lie}."}, plugin="probe")

    liars = [liar(lie) for lie in LIES]
    told = {"TRAINER_PROGRAM": str(HERE / "liar.py"), "GREETING": greeting()}
    status, _, error = work.run("lies", liars, **told)
    expect(status == 0 and work.outcome("lies") == plain, f"status {status}: {error}")
    for words in {words for words in LIES.values() if words}:
        count, lies = error.count(words), [lie for lie, its in LIES.items() if its == words]
        expect(count == len(lies), f"told {count} times, expected {len(lies)} ({lies}): {words}: {error}")
    count = len(re.findall("warning: (callback|plugin) probe", error))
    expect(count == len([words for words in LIES.values() if words]), f"told {count} times: {error}")

    # Also what is found when the run is made.
    for lie, words in {"name": "could not be created", "load": "could not be loaded in a process of its own"}.items():
        status, _, error = work.run(lie, [liar(lie)], LIE=lie, **told)
        expect(status == 0 and f"{words}: {BYTES}; the run goes on" in error, f"{lie}: status {status}: {error}")

print("all lies found out")
