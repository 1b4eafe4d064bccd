# SPDX-License-Identifier: Apache-2.0
"""Plugins that end the process, throw or hang, in each call of the contract: they are named, with the call, the status is never 0, and
what nobody named goes on without them. One plugin; the environment says in which call it does what."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "hostile"))
from host import Host  # noqa: E402

PLUGIN = SOURCE / "tests" / "hostile" / "calls" / "calls_plugin.cpp"
FLAGS = ["-std=c++17", "-shared", "-fPIC", "-fvisibility=hidden", "-I", SOURCE / "plugin_api" / "include", "-pthread"]

#  $BAD_CALL: its name in messages
CALLS = {
    "plugin_get_extension": "the plugin's get_extension",
    "available": "trainer.tracker/1 available",
    "create": "create",
    "get_extension": "get_extension",
    "class_name": "trainer.state/1 class_name",
    "line": "trainer.console/1 line",
    "on_log": "on_log at step 2",
    "destroy": "destroy at step 3",
}
#  $BAD_HOW: status, words, id
ENDS = {
    "exit": (70, "(it called exit(), status 70)", "callback.exited"),
    "_exit": (70, "(it called _exit(), status 70)", "callback.exited"),
    "segfault": (-signal.SIGSEGV, "(signal 11)", "callback.crashed"),
}


def expect(condition, what):
    if not condition:
        sys.exit(f"calls.py: {what}")


def errors(text):
    return [line for line in text.splitlines() if line.startswith("error: ")]


class Work(Host):
    def play(self, call, how, *options, **variables):
        output = self.path / "out"
        (output / "crash.json").unlink(missing_ok=True)
        return self.run(
            *(
                "replay",
                "trainer_state.json",
                "--report_to",
                "calls",
                "--plugin-dir",
                "plugins",
                "--output_dir",
                output,
            ),
            *options,
            **({"BAD_CALL": call, "BAD_HOW": how} | variables),
        )[:3]

    def crash(self):
        return json.loads((self.path / "out" / "crash.json").read_text())


def ends(work):
    for call, name in CALLS.items():
        for how, (wanted, words, ident) in ENDS.items():
            status, _, error = work.play(call, how)
            # Lines of the console are told of between the events; which one that is does not matter here.
            line = next(iter(errors(error)), "")
            expect(
                status == wanted
                and line.startswith(f"error: callback calls ended the process in {name}")
                and line.endswith(
                    f"{words}; --isolate calls gives it a process of its own, --without calls leaves it out [{ident}]"
                ),
                f"{call} {how}: {status}, {error}",
            )
            crash = work.crash()
            expect(crash["callback"] == "calls" and name.startswith(crash["event"]), f"{call} {how}: {crash}")
    for how, wanted in (("_Exit", 70), ("quick_exit", 70), ("alarm", -signal.SIGALRM)):
        status, _, error = work.play("on_log", how)
        expect(status == wanted and "calls ended the process in on_log at step 2" in error, f"{how}: {status}, {error}")


def exits_of_others(work):
    status, _, error = work.play("on_log", "thread")
    told = (
        "error: callback calls ended the process in no call, perhaps on a thread of its own, (something called _exit()"
    )
    expect(status == 70 and told in error and work.crash()["callback"] == "calls", f"{status}, {error}")
    for how, wanted in (("atexit _exit", 70), ("atexit segfault", -signal.SIGSEGV)):
        status, _, error = work.play("on_log", how)
        told = "error: callback calls ended the process in exit handlers, its own or a library's, at step 3"
        expect(status == wanted and told in error, f"{how}: {status}, {error}")
    status, out, error = work.play("on_log", "fork")
    expect(status == 0 and not errors(error), f"what is forked off may end as it likes: {status}, {out}{error}")
    expect(sorted(path.name for path in (work.path / "out").iterdir()) == [], "something is left behind")


def without_a_word(work):
    for call, how in (("on_log", "kill"), ("on_log", "system call"), ("create", "system call"), ("on_log", "exec")):
        status, _, error = work.play(call, how)
        expect(not errors(error), f"{call} {how}: {status}, {error}")
        status, out, error = work.run(
            *("replay", "trainer_state.json", "--report_to", "calls", "--plugin-dir", "plugins", "--output_dir", "out")
        )[:3]
        told = (
            f"warning: the previous run ended in the callback calls, in {CALLS[call]} (it ended without a word, as by"
        )
        expect(
            status == 0 and out.count("logged") == 3 and told in error, f"after {call} {how}: {status}, {out}{error}"
        )


def exceptions(work):
    for call, name in CALLS.items():
        for how, words in (("throw", ": thrown here"), ("throw 5", "")):
            status, out, error = work.play(call, how)
            where = name.split(" at ")[0]
            if call == "on_log":
                good = status == 1 and "callback calls failed in on_log at step 2: an exception left it" in error
            elif call == "destroy":
                good = status == 0 and out.count("logged") == 3
                good = (
                    good
                    and f"plugin calls ({work.path}/plugins/calls.so) threw an exception in destroy{words};" in error
                )
            else:
                good = status == (1 if call == "line" else 2) and "[plugin.threw]" in error
                good = good and f"calls.so) threw an exception in {where}{words}; a plugin must catch its own" in error
            expect(good, f"{call} {how}: {status}, {out}{error}")


def others(work):
    """A tracker that fails takes nothing from the others."""
    status, _, error = work.play("on_log", "throw", "--report_to", "calls,csv")
    expect(status == 1 and "not everything was replayed to calls, as" in errors(error)[-1], f"{status}, {error}")
    table = work.path / "out" / "metrics.csv"
    expect(len(table.read_text().splitlines()) == 4, table.read_text())
    table.unlink()


def garbage(work):
    """What a call gives is read as a part of it."""
    for call in ("create", "get_extension", "plugin_get_extension"):
        status, _, error = work.play(call, "garbage")
        told = f"error: callback calls ended the process in {CALLS[call]} (signal 11)"
        expect(status == -signal.SIGSEGV and told in error, f"{call}: {status}, {error}")


def hangs(work):
    for call, name in CALLS.items():
        running = subprocess.Popen(
            [os.environ["TRAINER"], "replay", "trainer_state.json", "--report_to", "calls", "--plugin-dir", "plugins"],
            cwd=work.path,
            env=work.env | {"BAD_CALL": call, "BAD_HOW": "hang", "TRAINER_PLUGIN_DEADLINE": "0.02"},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        lines = []
        while not lines or "holds up the run" not in lines[-1]:
            lines.append(running.stderr.readline())
            expect(lines[-1], f"{call}: ended, {lines}")
        running.kill()
        running.wait()
        running.stderr.close()
        expect(f"callback calls holds up the run: it has been in {name}" in lines[-1], f"{call}: {lines}")
    for call in ("available", "plugin_get_extension"):
        variables = {"BAD_CALL": call, "BAD_HOW": "hang", "TRAINER_PLUGIN_DEADLINE": "0.05"}
        status, out, error, taken = work.run("plugins", "list", "--json", "--plugin-dir", "plugins", **variables)
        plugins = {plugin["id"]: plugin for plugin in json.loads(out)["plugins"]}
        said = "did not say within 0.05 s" in plugins["calls"]["reason"]
        expect(status == 0 and said and "csv" in plugins, f"{call}: {status}, {out}{error}")
        expect("holds up" not in error and taken < 10, f"{call}: {taken} s, {error}")
    (work.path / "two").mkdir()
    status, out, error = work.run(
        *("replay", "trainer_state.json", "--report_to", "all", "--plugin-dir", "plugins", "--output_dir", "two"),
        **variables,
    )[:3]
    expect(
        status == 0
        and "did not say within 0.05 s" in error
        and "report_to leaves it out" in error
        and "logged" not in out,
        f"all: {status}, {out}{error}",
    )


def names(work):
    for name in ("TrainerControl",):
        status, _, error = work.play("", "", CLASS_NAME=name)
        expect(
            status == 2 and f'calls.so) is of the class "{name}"' in error and "[callback.name-taken]" in error, error
        )


with tempfile.TemporaryDirectory(prefix="trainer-calls-") as name:
    work = Work(pathlib.Path(name).resolve(), 3)
    (work.path / "plugins").mkdir()
    subprocess.run([os.environ["CXX"], *FLAGS, PLUGIN, "-o", work.path / "plugins" / "calls.so"], check=True)
    status, out, error = work.play("", "")
    expect(status == 0 and out.count("logged in step") == 3 and not errors(error), f"good: {status}, {out}{error}")
    for part in (ends, exits_of_others, without_a_word, exceptions, others, garbage, hangs, names):
        part(work)
    print(f"{len(CALLS)} calls")
