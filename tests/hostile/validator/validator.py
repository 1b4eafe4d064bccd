# SPDX-License-Identifier: Apache-2.0
"""`trainer plugins validate` passes a good plugin, and its tests each notice a plugin that breaks the contract in one way."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
HERE = SOURCE / "tests" / "hostile" / "validator"
FLAGS = [
    "-std=c++17",
    "-shared",
    "-fPIC",
    "-fvisibility=hidden",
    "-O1",
    "-I",
    SOURCE / "plugin_api" / "include",
    "-pthread",
]

#       macro of bad_plugin.cpp, the test that fails, words of its reason
CASES = [
    ("BAD_SYMBOLS", "file.one-symbol", "another_symbol"),
    ("BAD_UNDEFINED", "load.bind-now", "this_symbol_is_nowhere"),
    ("BAD_NOTE", "load.note", "note"),
    ("BAD_NULL", "create.once", "null"),
    ("BAD_SMALL", "create.once", "struct_size of 8"),
    ("BAD_EVENTS", "create.once", "on_save"),
    ("BAD_MANY", "create.many", "instance 101"),
    ("BAD_TWO", "create.two", "signal 6"),
    ("BAD_STATUS", "events.run", "returned 7"),
    ("BAD_SILENT", "events.run", "without a sentence"),
    ("BAD_FLAG", "events.run", "expected 0 or 1"),
    ("BAD_RESERVED", "events.run", "reserved"),
    ("BAD_WRITES", "events.run", "read-only"),
    ("BAD_SLOTS", "events.run", "slots"),
    ("BAD_HANG", "events.run", "killed at its limit"),
    ("BAD_EXIT", "events.run", "before the test did: exit status 0"),
    ("BAD_THROW", "events.run", "exception"),
    ("BAD_OTHER_THREAD", "events.run", "thread of its own"),
    ("BAD_ACCUMULATION", "events.orders", "signal 6"),
    ("BAD_MANY_STEPS", "events.random", "signal 6"),
    ("BAD_SLOW", "events.time", "less than 100 ms"),
    ("BAD_KEEPS", "structs.guarded", "signal 11"),
    ("BAD_NEWER", "structs.smaller", "signal 11"),
    ("BAD_SIZE", "structs.larger", "another size of the event"),
    ("BAD_CONFIG", "config.fuzzed", "signal 6"),
    ("BAD_SAVE", "state.round-trip", "saving twice"),
    ("BAD_LOAD", "state.damaged", "signal 6"),
    ("BAD_RESULTS", "between.results", "without a label"),
    ("BAD_OUTCOME", "between.outcome", "signal 6"),
    ("BAD_FILES", "between.files", "signal 6"),
    ("BAD_NAN", "values.extreme", "signal 6"),
    ("BAD_STATE_VALUES", "values.state", "signal 6"),
    ("BAD_MANY_KEYS", "values.many-keys", "signal 6"),
    ("BAD_ORDER", "use.out-of-order", "signal 6"),
    ("BAD_EXTENSION", "use.extensions", "unknown id"),
    ("BAD_BARE_HOST", "use.bare-host", "signal 11"),
    ("BAD_TRACKER", "use.tracker", "without a reason"),
    ("BAD_RANKS", "use.ranks", "expected 0, 1 or 2"),
    ("BAD_RATE", "use.optimizer", "is no learning rate"),
    ("BAD_GROUP", "use.optimizer", "no parameter group"),
    ("BAD_LOADING", "effects.load", "BAD_PLUGIN"),
    ("BAD_DIRECTORY", "effects.run", "working directory"),
    ("BAD_THREAD", "effects.run", "threads run on"),
]
# The same in processes of their own. What else a host finds there is found in the plugin's process, or never comes to it.
ISOLATED = [
    ("BAD_EXIT", "events.run", "exit status 0"),
    ("BAD_LOAD", "state.damaged", "signal 6"),
    ("BAD_RESULTS", "between.results", "without a label"),
    ("BAD_OUTCOME", "between.outcome", "signal 6"),
    ("BAD_FILES", "between.files", "signal 6"),
    ("BAD_GROUP", "use.optimizer", "no parameter group"),
]
# Tests that judge the file or the host's own checks, and have their cases elsewhere: a file that is no plugin below, a
# plugin in a process of its own in tests/core/isolation.
WITHOUT = {"file.read", "config.invalid", "use.isolation"}


def build(work, macro=None):
    library = work / f"{macro or 'good'}.so"
    command = [os.environ["CXX"], *FLAGS, HERE / "bad_plugin.cpp", "-o", library]
    if macro:
        command.append(f"-D{macro}")
    subprocess.run(command, check=True)
    return library


def validate(library, *options):
    done = subprocess.run(
        [os.environ["TRAINER"], "plugins", "validate", library, "--json", "--slow", "0.5", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=400,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else [], done.stderr


def try_case(work, case, *options):
    macro, wanted, words = case
    status, (report,), _ = validate(build(work, macro), "--only", wanted, *options)
    found = {r["id"]: r for r in report["results"]}.get(wanted)
    if status != 1 or not found or found["outcome"] != "failed" or words not in found["reason"]:
        return f'{macro}: {wanted} gave {status}, {found}, expected a failure that says "{words}"'
    if found["outcome"] == "failed" and f"--only {wanted} --seed 1" not in found["reproduce"]:
        return f"{macro}: {found['reproduce']} does not repeat it"
    return None


def main():
    with tempfile.TemporaryDirectory(prefix="trainer-hostile-") as name:
        work = pathlib.Path(name)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            wrong = [w for w in pool.map(lambda case: try_case(work, case), CASES) if w]
            isolated = pool.map(lambda case: try_case(work, case, "--isolation", "process"), ISOLATED)
            wrong += [f"isolated {w}" for w in isolated if w]
        status, (report,), _ = validate(build(work))
        bad = [r for r in report["results"] if r["outcome"] == "failed"]
        if status != 0 or bad:
            wrong.append(f"the good plugin: {status}, {bad}")
        tests = {r["id"] for r in report["results"]}
        covered = {wanted for _, wanted, _ in CASES} | WITHOUT
        if tests != covered:
            wrong.append(f"no case for {sorted(tests - covered)}, no test for {sorted(covered - tests)}")

        (work / "empty").mkdir()
        text = work / "text.so"
        text.write_text("no plugin\n")
        status, (report,), _ = validate(text)
        if (
            status != 1
            or [r["id"] for r in report["results"]] != ["file.read"]
            or "text.so" not in report["results"][0]["reason"]
        ):
            wrong.append(f"a text file: {status}, {report}")
        for arguments, words in [
            ((work / "empty",), "expected plugins to validate"),
            ((work / "good.so", "--only", "nothing"), "no test"),
        ]:
            status, reports, error = validate(*arguments)
            if status == 0 or reports or words not in error:
                wrong.append(f"{arguments}: {status}, {error}")
        print("\n".join(wrong) or f"{len(CASES)} bad plugins noticed")
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
