# SPDX-License-Identifier: Apache-2.0
"""A plugin in a process of its own, as a run file asks for it: the run is the same with and without it, whatever the plugin does;
one sentence says what became of it, and on_error decides."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ["SOURCE"])
TRAINER = os.environ["TRAINER"]

# At step 3 it does what its configuration says, unless it was restored; it keeps how many logs it has seen.
MOODY = r"""
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trainer/ext/state.h>
#include <trainer/plugin.h>
#include <unistd.h>

static const trainer_host* host;
static int64_t logs, restored;
static char what[64], path[4096];

static void note(const char* text, int64_t number) {
  FILE* file = fopen(path, "a");
  fprintf(file, "%s %lld\n", text, (long long)number);
  fclose(file);
}

static int32_t TRAINER_CALL on_train_begin(trainer_callback* self, const trainer_event* event) {
  (void)self;
  note("begin", event->state->global_step);
  return TRAINER_OK;
}

static int32_t TRAINER_CALL on_log(trainer_callback* self, const trainer_event* event) {
  (void)self;
  const int64_t step = event->state->global_step;
  note("log", step);
  if (step == 3 && !restored) {
    if (!strcmp(what, "crash")) raise(SIGSEGV);
    if (!strcmp(what, "exit")) exit(0);
    if (!strcmp(what, "hang")) for (;;) pause();
    if (!strcmp(what, "leave") && fork() == 0) { setsid(); if (fork() == 0) for (;;) pause(); _exit(0); }
    if (!strcmp(what, "leave") || !strcmp(what, "die")) _exit(5);
    if (!strcmp(what, "error")) { host->set_error(host, "its disk is full", 16); return TRAINER_ERROR; }
    if (!strcmp(what, "print")) { puts("a line of its own"); fflush(stdout); }
    if (!strcmp(what, "stop")) event->control->should_training_stop = 1;
    if (!strcmp(what, "eat")) for (;;) memset(malloc(1 << 20), 1, 1 << 20);
    if (!strcmp(what, "fork")) for (;;) fork();
  }
  ++logs;
  return TRAINER_OK;
}

static int32_t TRAINER_CALL save(trainer_callback* self, trainer_map* args, trainer_map* attributes) {
  (void)self, (void)args;
  trainer_value value = {sizeof value, TRAINER_INTEGER, logs, 0, {0, 0}};
  return attributes->set(attributes, "logs", 4, &value);
}
static int32_t TRAINER_CALL load(trainer_callback* self, const trainer_map* attributes) {
  (void)self;
  trainer_value value = {sizeof value, 0, 0, 0, {0, 0}};
  attributes->get(attributes, "logs", 4, &value);
  logs = value.integer, restored = 1;
  note("restored", logs);
  return TRAINER_OK;
}
static const void* TRAINER_CALL extension(trainer_callback* self, const char* id) {
  (void)self;
  static const trainer_ext_state state = {sizeof state, 0, save, load, NULL};
  return strcmp(id, TRAINER_EXT_STATE) == 0 ? &state : NULL;
}

static int32_t TRAINER_CALL create(const trainer_host* given, trainer_callback** out) {
  static trainer_callback callback;
  host = given;
  trainer_value value = {sizeof value, 0, 0, 0, {0, 0}};
  host->config(host, "do", 2, &value);
  snprintf(what, sizeof what, "%.*s", (int)value.text.size, value.text.data);
  host->config(host, "path", 4, &value);
  snprintf(path, sizeof path, "%.*s", (int)value.text.size, value.text.data);
  if (!strcmp(what, "refuse")) { host->set_error(host, "not today", 9); return TRAINER_ERROR; }
  if (!strcmp(what, "crash early")) raise(SIGSEGV);
  callback.struct_size = sizeof callback;
  callback.on_train_begin = on_train_begin;
  callback.on_log = on_log;
  callback.get_extension = extension;
  *out = &callback;
  return TRAINER_OK;
}
TRAINER_PLUGIN_DEFINE(create, NULL, {
  "id": "moody", "version": "1", "events": ["on_train_begin", "on_log"],
  "config": {"do": {"type": "string", "default": ""}, "path": {"type": "string", "default": "moody.txt"}}
})
"""


def expect(condition, what):
    if not condition:
        sys.exit(f"isolation.py: {what}")


def processes_of(word):
    """Processes that have the word in their command line."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and word in (entry / "cmdline").read_bytes().decode(errors="replace"):
                found.append(entry.name)
        except OSError:
            pass
    return found


class Runs:
    def __init__(self, work):
        self.work = work
        (work / "moody.c").write_text(MOODY)
        (work / "plugins").mkdir()
        subprocess.run(
            [os.environ["CC"], "-shared", "-fPIC", "-fvisibility=hidden", "-I", SOURCE / "plugin_api" / "include",
             work / "moody.c", "-o", work / "plugins" / "moody.so"], check=True)  # fmt: skip
        (work / "train.csv").write_text("a,b,label\n" + "".join(f"{i},{i % 5},{i % 3}\n" for i in range(24)))
        self.number = 0

    def run(self, *callbacks, args=None, command="train", options=(), **variables):
        self.number += 1
        folder = self.work / str(self.number)
        folder.mkdir()
        run = {
            "model": {"type": "mlp", "layers": [2, 4, 3]},
            "data": {"train": str(self.work / "train.csv"), "target": "label"},
            "loss": "cross_entropy",
            "args": {"max_steps": 6, "logging_steps": 1, "per_device_train_batch_size": 4, "report_to": "none",
                     "use_cpu": True, "save_strategy": "no"} | (args or {}),
            "callbacks": list(callbacks),
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(run))
        done = subprocess.run(
            [TRAINER, command, "run.json", "--plugin-dir", self.work / "plugins", *options],
            cwd=folder, env=os.environ | variables, capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
        return done, folder


def moody(do="", on_error="fail", **isolation):
    return {"plugin": "moody", "config": {"do": do}, "on_error": on_error, "isolation": {"in": "process"} | isolation}


def calls(done):
    return re.search(r"moody +[\d.]+ %, (\d+) calls", done.stdout).group(1)


def losses(done):
    return [line for line in done.stdout.splitlines() if line.startswith("{'loss'")]


with tempfile.TemporaryDirectory(prefix="trainer-isolation-") as name:
    runs = Runs(pathlib.Path(name))
    alone, _ = runs.run()
    expect(alone.returncode == 0 and len(losses(alone)) == 6, f"alone: {alone}")

    def notes(folder):
        return (folder / "moody.txt").read_text().split("\n")[:-1]

    # The plugin works, and may set flags.
    done, folder = runs.run(moody())
    expect(done.returncode == 0 and losses(done) == losses(alone), f"works: {done}")
    expect(notes(folder) == ["begin 0"] + [f"log {i}" for i in (1, 2, 3, 4, 5, 6, 6)], f"works: {notes(folder)}")
    expect("moody (in a process of its own)" in done.stderr, f"not named: {done.stderr}")
    expect(calls(done) == calls(runs.run({"plugin": "moody"})[0]), f"calls: {calls(done)}")
    done, folder = runs.run(moody("stop"))
    expect(len(losses(done)) == 3 and "moody stops the training at step 3 of 6" in done.stderr, f"stop: {done}")
    done, folder = runs.run(moody("print"))
    expect("info: moody printed: a line of its own\n" in done.stderr, f"print: {done.stderr}")

    # Whatever it does, the run is the same.
    for wait in (True, False):
        for do, words, ident in (
            ("crash", "its process ended with signal 11", "isolation.ended"),
            ("exit", "it ended its process itself, with exit status 0", "isolation.ended"),
            ("die", "its process ended with exit status 5", "isolation.ended"),
            ("leave", "its process ended with exit status 5", "isolation.ended"),
            ("error", "its disk is full", "callback.failed"),
        ):
            done, folder = runs.run(moody(do, "disable", wait=wait))
            expect(done.returncode == 0 and losses(done) == losses(alone), f"{do}, {wait}: {done}")
            sentence = f"warning: callback moody failed in on_log at step 3: {words}"
            expect(sentence in done.stderr and ident in done.stderr, f"{do}, {wait}: {done.stderr}")
    done, folder = runs.run(moody("hang", "disable", timeout=3))
    words = "callback moody failed in on_log at step 3: its process gave no answer within 3 s and was ended"
    expect(done.returncode == 0 and losses(done) == losses(alone) and words in done.stderr, f"hang: {done}")
    done, folder = runs.run(moody("eat", "disable", memory="300 MB"))
    expect(
        done.returncode == 0 and losses(done) == losses(alone) and "moody failed in on_log" in done.stderr, f"{done}"
    )
    done, folder = runs.run(moody("fork", "disable", processes=20))
    expect(
        done.returncode == 0 and losses(done) == losses(alone) and "moody failed in on_log" in done.stderr, f"{done}"
    )
    done, folder = runs.run(moody("fork", "disable", processes=0))
    words = "signal 9, perhaps because it had more than 0 processes besides its own"
    expect(done.returncode == 0 and losses(done) == losses(alone) and words in done.stderr, f"no processes: {done}")
    done, folder = runs.run(moody("crash"))
    expect(done.returncode == 1 and "error: " in done.stderr and "signal 11" in done.stderr, f"fail: {done}")

    # A new process goes on with the state of the old one.
    done, folder = runs.run(moody("crash", "restart"))
    expect(done.returncode == 0 and losses(done) == losses(alone), f"restart: {done}")
    expect("; it is started again (1 of 3)" in done.stderr, f"restart: {done.stderr}")
    wanted = ["begin 0", "log 1", "log 2", "log 3", "restored 2", "begin 3", "log 4", "log 5", "log 6", "log 6"]
    expect(notes(folder) == wanted, f"restart: {notes(folder)}")
    done, folder = runs.run(moody("crash early", "restart"))
    early = done.stderr.count("could not be created: its process ended with signal 11; it ")
    expect(done.returncode == 0 and losses(done) == losses(alone) and early == 4, f"crash early: {done}")
    done, folder = runs.run(moody("refuse"))
    expect(done.returncode == 2 and "could not be created: not today" in done.stderr, f"refuse: {done}")

    # Trackers, by objects in report_to.
    tracker = {
        "save_strategy": "steps",
        "save_steps": 6,
        "report_to": ["csv", {"name": "tensorboard", "isolation": {"in": "process"}, "on_error": "restart"}],
    }
    done, folder = runs.run(args=tracker)
    expect(done.returncode == 0 and "tensorboard (in a process of its own)" in done.stderr, f"trackers: {done}")
    _, other = runs.run(args={"report_to": [{"name": "csv", "isolation": "process"}]})
    rows = [
        [line.split(",")[:4] for line in (place / "trainer_output" / "metrics.csv").read_text().splitlines()]
        for place in (folder, other)
    ]
    expect(rows[0] == rows[1] and len(rows[0]) > 6, f"metrics.csv: {rows}")
    arguments = json.loads(next((folder / "trainer_output").rglob("training_args.json")).read_text())
    expect(arguments["report_to"] == ["csv", "tensorboard"], f"training_args.json: {arguments['report_to']}")
    printed = json.loads(runs.run(args=tracker, options=("--print-config",))[0].stdout)
    wanted = ["csv", {"name": "tensorboard", "isolation": "process", "on_error": "restart"}]
    expect(printed["args"]["report_to"] == wanted, f"--print-config: {printed['args']['report_to']}")
    done, _ = runs.run(moody(), command="check")
    expect("moody: callbacks[0], in a process of its own" in done.stdout, f"check: {done.stdout}{done.stderr}")

    # What cannot be.
    refused = moody("", "restart") | {"isolation": "none"}
    done, _ = runs.run(refused)
    expect(done.returncode == 2 and '"restart", which starts the process' in done.stderr, f"refused: {done}")
    done, _ = runs.run(moody(), TRAINER_PROGRAM="/no/such/trainer")
    expect("could not be started: /no/such/trainer" in done.stderr, f"no program: {done.stderr}")
    done, _ = runs.run(moody(timout=1))
    expect(done.returncode == 2 and 'did you mean "timeout"?' in done.stderr, f"a slip: {done.stderr}")

    done, _ = runs.run(args={"report_to": [{"name": "csv", "on_error": "restart"}]})
    expect('run.json.args.report_to[0].on_error is "restart", which' in done.stderr, f"a tracker: {done.stderr}")
    done, _ = runs.run(TRAINER_PLUGIN_ISOLATION="yes")
    said = 'TRAINER_PLUGIN_ISOLATION is "yes", expected "process", "none", or an object such as'
    expect(done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, f"a word: {done.stderr}")
    done, _ = runs.run({"plugin": "moody"}, TRAINER_PLUGIN_ISOLATION='{"in": "process", "processes": 0}')
    expect(done.returncode == 0 and "moody (in a process of its own)" in done.stderr, f"an object: {done.stderr}")

    # None is left.
    until = time.monotonic() + 5
    while left := [pid for pid in processes_of("plugins\0host") if name in os.path.realpath(f"/proc/{pid}/cwd")]:
        expect(time.monotonic() < until, f"left: {left}")
        time.sleep(0.05)
