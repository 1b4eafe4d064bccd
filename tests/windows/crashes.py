# SPDX-License-Identifier: Apache-2.0
"""Plugins that end their process under Wine: in an event, where the crash is named on stderr and in crash.json; and
while they are loaded, where the process that tries it is lost alone, and the plugin goes into quarantine."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "hostile"))
from host import Host  # noqa: E402

#  what it does in on_log, what is said of it, id
EVENTS = [
    ("access", "exception 0xC0000005", "callback.crashed"),
    ("overflow", "exception 0xC00000FD", "callback.crashed"),
    ("division", "exception 0xC0000094", "callback.crashed"),
    ("illegal", "exception 0xC000001D", "callback.crashed"),
    ("raise", "exception 0xE0000001", "callback.crashed"),
    ("abort", "abort()", "callback.crashed"),
    ("exit", "it called exit(), status 70", "callback.exited"),
    ("quick_exit", "it called exit(), status 70", "callback.exited"),
    ("exit_process", "it called exit(), status 70", "callback.exited"),
]
#  what it does while it is loaded, what is said of it, id
LOADING = [
    ("hang", "it had not loaded after 10 s", "plugin.quarantined"),
    ("exit", "the process ended with exit status 0", "plugin.quarantined"),
    ("exit_process", "the process ended with exit status 0", "plugin.quarantined"),
    ("access", "could not be loaded: ", "plugin.load-failed"),  # the loader catches it
    ("false", "could not be loaded: ", "plugin.load-failed"),
]


class Crashes(Host):
    def __init__(self, work):
        super().__init__(work, 3)
        self.wrong = []

    def build(self, name, *options):
        directory = self.path / name
        directory.mkdir()
        subprocess.run(
            [
                os.environ["CC"],
                "-std=c11",
                "-O0",
                "-shared",
                "-static",
                "-Wl,--exclude-all-symbols",
                "-I",
                SOURCE / "plugin_api/include",
                SOURCE / "tests/windows/crasher.c",
                "-o",
                directory / "crasher.dll",
                *options,
            ],
            check=True,
        )
        return name

    def expect(self, condition, what):
        if not condition:
            self.wrong.append(what)

    def in_event(self, way, words, id_):
        directory = self.build(f"event {way}", f'-DWAY="{way}"')
        status, out, error, _ = self.replay("crasher", directory, output=f"out {way}")
        line = f"error: callback crasher ended the process in on_log at step 1 ({words}); --isolate crasher gives it a process of its own, --without crasher leaves it out [{id_}]"
        record = self.path / f"out {way}" / "crash.json"
        kept = json.loads(record.read_text()) if record.exists() else {}
        self.expect(
            status != 0 and line in error and kept.get("how") == words and kept.get("event") == "on_log",
            f"{way} in an event: {status}, {kept}: {out}{error}, expected {line}",
        )

    def while_loading(self, way, words, id_):
        directory = self.build(f"loading {way}", f'-DEARLY="{way}"')
        status, out, error, taken = self.replay("crasher", directory)
        self.expect(
            status == 2 and words in error and error.strip().endswith(f"[{id_}]") and taken < 40,
            f"{way} while loading: {status} after {taken:.1f} s: {out}{error}, expected {words} [{id_}]",
        )
        if id_ != "plugin.quarantined":
            return
        status, out, error, taken = self.replay("crasher", directory)
        self.expect(
            status == 2 and "is in quarantine since" in error and taken < 8,
            f"{way} while loading, again: {status} after {taken:.1f} s: {out}{error}",
        )

    def forgiven(self):
        status, out, error, _ = self.run("plugins", "list", "--plugin-dir", "loading exit")
        self.expect(status == 0 and "in quarantine: " in out, f"list: {status}, {out}{error}")
        status, out, error, _ = self.run("plugins", "forgive", "loading exit/crasher.dll")
        self.expect(status == 0 and "is forgiven" in out, f"forgive: {status}, {out}{error}")

    def of_another_thread(self):
        """Has nothing to do with the callback that happens to be asked, and ends the process all the same."""
        directory = self.build("event thread", '-DWAY="thread"')
        status, out, error, _ = self.replay("crasher", directory)
        self.expect(status != 0 and "ended the process" not in error, f"a thread: {status}: {out}{error}")


def main():
    with tempfile.TemporaryDirectory(prefix="tráiner € 学 ") as name:
        crashes = Crashes(pathlib.Path(name))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            hang = pool.submit(crashes.while_loading, *LOADING[0])  # which waits
            for case in EVENTS:
                crashes.in_event(*case)
            hang.result()
        for case in LOADING[1:]:
            crashes.while_loading(*case)
        crashes.forgiven()
        crashes.of_another_thread()
        print("\n".join(crashes.wrong) or f"{len(EVENTS) + len(LOADING) + 2} ends told as expected")
        return 1 if crashes.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
