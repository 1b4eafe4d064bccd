# SPDX-License-Identifier: Apache-2.0
"""Plugins made for the test, in C: what is refused and why, the shared map, flags, errors, state, the end of an instance."""

import gc
import logging
import os
import pickle
import platform
import shutil

from harness import PLUGINS, SOURCE, compile_plugin, expect, expect_equal, expect_error, work_directory
from transformers import TrainerControl, TrainerState, TrainingArguments

import libtrainer
from libtrainer import PluginCallback, PluginError

HEAD = """
#include <stdlib.h>
#include <string.h>
#include <trainer/plugin.h>
#include <trainer/ext/ranks.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>
"""
# on_log does what the configuration's "do" says; its state is one number.
WORKER = (
    HEAD
    + """
typedef struct { trainer_callback base; const trainer_host* host; int64_t count; } worker;
static int32_t fail(worker* w, const char* text) { w->host->set_error(w->host, text, strlen(text)); return TRAINER_ERROR; }
static int64_t number(trainer_map* m, const char* key) {
  trainer_value v = {sizeof v, 0, -1, 0, {0, 0}};
  return m->get(m, key, strlen(key), &v) == TRAINER_OK ? v.integer : -1;
}
static int32_t on_log(trainer_callback* self, const trainer_event* e) {
  worker* w = (worker*)self;
  trainer_value what = {sizeof what, 0, 0, 0, {0, 0}}, v = {sizeof v, TRAINER_INTEGER, 0, 0, {0, 0}};
  ++w->count;
  w->host->config(w->host, "do", 2, &what);
  if (what.text.size == 4 && !memcmp(what.text.data, "fail", 4)) return fail(w, "the disk is full; make room");
  if (what.text.size == 4 && !memcmp(what.text.data, "flag", 4)) { e->control->should_log = 7; return TRAINER_OK; }
  if (what.text.size == 4 && !memcmp(what.text.data, "stop", 4)) {
    e->control->should_training_stop = 1;
    e->control->should_save = 0;
    return TRAINER_OK;
  }
  trainer_map* m = e->values;
  v.integer = (int64_t)m->size(m);
  if (m->set(m, "size", 4, &v)) return fail(w, "size");
  v.integer = number(m, "whole") + 1;
  if (m->set(m, "whole", 5, &v)) return fail(w, "whole");
  v.type = TRAINER_JSON; v.text.data = "[1, {\\"a\\": null}]"; v.text.size = 16;
  if (m->set(m, "list", 4, &v)) return fail(w, "list");
  v.text.size = 3;
  if (m->set(m, "bad", 3, &v) != TRAINER_ERROR) return fail(w, "bad JSON");
  v.type = TRAINER_STRING; v.text.data = "\\xff"; v.text.size = 1;
  if (m->set(m, "bad", 3, &v) != TRAINER_ERROR) return fail(w, "bad UTF-8");
  v.type = 99;
  if (m->set(m, "bad", 3, &v) != TRAINER_ERROR) return fail(w, "bad type");
  if (m->remove(m, "gone", 4) != TRAINER_OK || m->remove(m, "gone", 4) != TRAINER_NOT_FOUND) return fail(w, "remove");
  if (m->at(m, m->size(m), 0, 0) != TRAINER_NOT_FOUND || v.struct_size != sizeof v) return fail(w, "at");
  /* The order, and the types: written as text. */
  char text[512] = ""; trainer_text key;
  for (uint64_t i = 0; m->at(m, i, &key, &v) == TRAINER_OK; ++i) {
    strncat(text, key.data, key.size);
    size_t n = strlen(text); text[n] = (char)('0' + v.type); text[n + 1] = 0;
  }
  v = (trainer_value){sizeof v, TRAINER_STRING, 0, 0, {text, strlen(text)}};
  if (m->set(m, "seen", 4, &v)) return fail(w, "seen");
  trainer_map* h = (trainer_map*)w->host->log_history_at(w->host, 0);
  if (!h || h->set(h, "x", 1, &v) != TRAINER_ERROR || h->remove(h, "loss", 4) != TRAINER_ERROR) return fail(w, "history");
  if (w->host->log_history_at(w->host, w->host->log_history_size(w->host))) return fail(w, "history's end");
  return TRAINER_OK;
}
static int32_t save(trainer_callback* self, trainer_map* args, trainer_map* attributes) {
  worker* w = (worker*)self;
  trainer_value v = {sizeof v, 0, 0, 0, {0, 0}}, n = {sizeof n, TRAINER_INTEGER, w->count, 0, {0, 0}};
  w->host->config(w->host, "do", 2, &v);
  return args->set(args, "do", 2, &v) || attributes->set(attributes, "count", 5, &n) ||
         attributes->set(attributes, "twice", 5, &n);
}
static int32_t load(trainer_callback* self, const trainer_map* attributes) {
  worker* w = (worker*)self;
  int64_t count = number((trainer_map*)attributes, "count");
  if (count < 0 || number((trainer_map*)attributes, "twice") != count) return fail(w, "count and twice must both be there");
  w->count = count;
  return TRAINER_OK;
}
static const void* get_extension(trainer_callback* self, const char* id) {
  static const trainer_ext_state state = {sizeof state, 0, save, load, NULL};
  (void)self;
  return strcmp(id, TRAINER_EXT_STATE) ? NULL : &state;
}
static void destroy(trainer_callback* self) {
  worker* w = (worker*)self;
  w->host->log(w->host, TRAINER_LOG_WARNING, "destroyed", 9);
  free(w);
}
static int32_t create(const trainer_host* host, trainer_callback** out) {
  worker* w = calloc(1, sizeof *w);
  w->base.struct_size = sizeof w->base;
  w->base.on_log = on_log; w->base.destroy = destroy; w->base.get_extension = get_extension;
  w->host = host;
  *out = &w->base;
  return TRAINER_OK;
}
TRAINER_PLUGIN_DEFINE(create, NULL, {"id": "worker", "version": "1", "class": "WorkerCallback", "events": ["on_log"],
  "config": {"do": {"type": "string", "default": "map", "enum": ["map", "fail", "flag", "stop"]},
             "rate": {"type": ["number", "null"], "default": null, "minimum": 0, "maximum": 1}}})
"""
)
PLAIN = (
    HEAD
    + """
%s
static int32_t on_log(trainer_callback* self, const trainer_event* e) { (void)self, (void)e; return 0; }
static int32_t create(const trainer_host* host, trainer_callback** out) {
  static trainer_callback callback;
  trainer_value v = {sizeof v, 0, 0, 0, {0, 0}};
  (void)host; (void)v;
  callback.struct_size = sizeof callback; callback.on_log = on_log;
  %s
  *out = &callback;
  return TRAINER_OK;
}
TRAINER_PLUGIN_DEFINE(create, %s, {"id": "%s", "version": "1", "events": ["on_log"]%s})
"""
)


class Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []
        logging.getLogger("libtrainer").addHandler(self)

    def emit(self, record):
        self.lines.append((record.levelname, record.getMessage()))


lines = Lines()


def log(callback, logs, control=None, history=({"loss": 1.0},)):
    state = TrainerState(global_step=5, epoch=0.5, log_history=[dict(h) for h in history])
    callback.on_log(
        TrainingArguments("out", report_to="none", use_cpu=True), state, control or TrainerControl(), logs=logs
    )


def refused_files(work):
    good = (PLUGINS / "csv.so").read_bytes()
    for name, content, words in [
        ("empty.so", b"", ["empty.so", "ELF"]),
        ("text.so", b"hello\n" * 40, ["does not start as an ELF file"]),
        ("cut.so", good[:5000], ["is cut short", "5000 bytes"]),
        ("head.so", good[:40], ["too short"]),
        ("machine.so", good[:18] + b"\x03\x00" + good[20:], ["machine number 3"]),
        (
            "other_abi.so",
            good.replace(
                b"LibTrainer note\0" + (1).to_bytes(4, "little"), b"LibTrainer note\0" + (9).to_bytes(4, "little")
            ),
            ["ABI 9.0", "rebuild"],
        ),
        ("magic.so", good.replace(b"LibTrainer note\0", b"LibTrainer nose\0"), ["does not start with"]),
        ("json.so", good.replace(b'"report_to"', b'"report to"'), ['unknown key "report to"', "did you mean"]),
    ]:
        (work / name).write_bytes(content)
        expect_error(PluginError, words, PluginCallback, work / name)
    expect_error(PluginError, ["could not be opened"], PluginCallback, work / "missing.so")
    os.mkfifo(work / "pipe.so")
    expect_error(PluginError, ["not a regular file"], PluginCallback, work / "pipe.so")
    (work / "pipe.so").unlink()
    no_note = compile_plugin("int f(void) { return 1; }", work / "no_note.so")
    expect_error(PluginError, ["without a plugin's note"], PluginCallback, no_note)
    # A DLL of Windows is read, and not loaded.
    frozen = SOURCE / "tests/abi/frozen/1.0/x86_64-windows/frozen_witness.dll"
    plugin = libtrainer.read_plugin(frozen)
    expect_equal((plugin.id, plugin.version), ("frozen_witness", "1.0.0"), "the note of a DLL")
    expect_error(PluginError, ["does not start as an ELF file"], PluginCallback, frozen)
    expect_error(PluginError, ["frozen_witness.dll", "ELF"], PluginCallback, plugin)
    dll = frozen.read_bytes()
    for content, words in [
        (dll[:50], "too short"),
        (dll[:3000], "is cut short"),
        (dll.replace(b"trainer_plugin_entry", b"trainer_plugin_entre"), "does not export trainer_plugin_entry"),
        (dll.replace(b".trainer", b".drainer"), "without a plugin's note"),
        (b"MZ" + bytes(300), "MZ without PE"),
    ]:
        (work / "bad.dll").write_bytes(content)
        expect_error(PluginError, [words], libtrainer.read_plugin, work / "bad.dll")
    # All of them in one directory: a listing goes on, and says what is wrong.
    registry = libtrainer.Registry([work, PLUGINS])
    expect({p.id for p in registry.plugins} >= {"csv", "tensorboard"}, f"found {registry.plugins}")
    expect_equal(
        {path.name for path, _ in registry.problems},
        {"empty.so", "text.so", "cut.so", "head.so", "machine.so", "other_abi.so", "magic.so", "json.so", "no_note.so"},
        "the files with problems",
    )
    expect_error(PluginError, ["csw", 'did you mean "csv"?', "searched"], PluginCallback, "csw")


def refused_code(work):
    for name, before, inside, words in [
        ("slot", "", "callback.on_save = on_log;", ["does not list on_save", "is set"]),
        ("small", "", "callback.struct_size = 40;", ["gave a callback of 40 bytes"]),
        ("none", "", "(void)out; return TRAINER_OK;", ["returned no instance"]),
        (
            "early",
            "",
            'if (host->argument(host, "seed", 4, &v)) { host->set_error(host, "no seed", 7); return 1; }',
            ["could not be created: no seed", '"seed"', "args="],
        ),
        ("mute", "", "return 17;", ["it gave no reason"]),
    ]:
        plugin = compile_plugin(PLAIN % (before, inside, "NULL", name, ""), work / f"{name}.so")
        expect_error(PluginError, words, PluginCallback, plugin)
    PluginCallback(work / "early.so", args=TrainingArguments("out", report_to="none", use_cpu=True)).close()


def trackers(work):
    available = """
static int32_t available(const trainer_host* host) {
  trainer_value here = {sizeof here, 0, 0, 0, {0, 0}};
  if (getenv("TRACKED_HERE") || (!host->config(host, "here", 4, &here) && here.integer)) return TRAINER_OK;
  host->set_error(host, "set TRACKED_HERE", 16);
  return TRAINER_UNAVAILABLE;
}
static const void* extension(const char* id) {
  static const trainer_ext_tracker tracker = {sizeof tracker, 0, available};
  return strcmp(id, TRAINER_EXT_TRACKER) ? NULL : &tracker;
}"""
    path = compile_plugin(
        PLAIN
        % (
            available,
            "",
            "extension",
            "tracked",
            ', "report_to": "tracked", "config": {"here": {"type": "boolean", "default": false}}',
        ),
        work / "tracked.so",
    )
    expect_equal(libtrainer.read_plugin(path).unavailable_reason(), "set TRACKED_HERE", "the reason")
    expect_error(PluginError, ["tracked is not available", "set TRACKED_HERE"], PluginCallback, path)
    PluginCallback(path, {"here": True}).close()
    expect_equal(libtrainer.read_plugin(path).unavailable_reason(config={"here": True}), None, "the reason")
    os.environ["TRACKED_HERE"] = "1"
    PluginCallback(path).close()
    del os.environ["TRACKED_HERE"]


def ranks(work, worker):
    """A plugin is made in the processes that it names, or that the program names."""
    where = """
static const void* extension(const char* id) {
  static const trainer_ext_ranks ranks = {sizeof ranks, 0, TRAINER_RANKS_LOCAL_ZERO, 0};
  return strcmp(id, TRAINER_EXT_RANKS) ? NULL : &ranks;
}"""
    path = compile_plugin(PLAIN % (where, "", "extension", "placed", ""), work / "placed.so")
    before = dict(os.environ)

    def events(rank, local_rank, plugin=path, **given):
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": "4", "LOCAL_RANK": str(local_rank), "LOCAL_WORLD_SIZE": "2"}
        with PluginCallback(plugin, **given) as callback:
            pickle.loads(pickle.dumps(callback)).close()
            return len([event for event in vars(type(callback)) if event.startswith("on_")])

    expect_equal([events(0, 0), events(1, 1), events(2, 0)], [1, 0, 1], "the events of a plugin of each machine")
    expect_equal([events(3, 1, worker), events(3, 1, worker, ranks="world_zero")], [1, 0], "the events of one of all")
    expect_equal(events(1, 1, ranks="all"), 1, "the events of one that the program wants in all")
    expect_error(ValueError, ["ranks", "local_zero"], PluginCallback, path, ranks="first")
    os.environ.clear()
    os.environ |= before


def directories(work, worker):
    """A command's plugins are found in each directory that CMAKE_INSTALL_LIBDIR may be."""
    before = dict(os.environ)
    for libdir in ("lib", "lib64", f"lib/{platform.machine()}-linux-gnu"):
        prefix = work / "prefix" / libdir.replace("/", "_")
        plugins = prefix / libdir / "libtrainer" / "plugins"
        plugins.mkdir(parents=True)
        shutil.copy(worker, plugins)
        (prefix / "bin").mkdir()
        (prefix / "bin" / "trainer").touch(mode=0o755)
        os.environ |= {"PATH": f"{prefix}/bin", "TRAINER_PLUGIN_PATH": ""}
        found = {plugin.id: plugin.path for plugin in libtrainer.plugins()}
        os.environ |= before
        expect_equal(found.get("worker"), plugins.resolve() / "worker.so", f"the plugin in {libdir}")


def configuration(worker):
    for config, words in [
        ({"dp": "map"}, ['unknown key "dp"', 'did you mean "do"?']),
        ({"do": 1}, ["is int, expected string"]),  # not shown: it may be a secret
        ({"do": "x"}, ["expected one of"]),
        ({"rate": 2}, ["at most 1"]),
        ({"rate": True}, ["bool"]),
        ({"rate": float("nan")}, ["at least 0"]),
    ]:
        expect_error(PluginError, words, PluginCallback, worker, config)
    expect_error(PluginError, ['needs the key "path"'], PluginCallback, "probe")
    expect_error(ValueError, ["on_error", "warn"], PluginCallback, worker, on_error="ignore")
    expect_equal(PluginCallback(worker, {"rate": 1}).config, {"do": "map", "rate": 1}, "the configuration")


def values(worker):
    import numpy
    import torch

    callback = PluginCallback(worker)
    expect_equal([e for e in vars(type(callback)) if e.startswith("on_")], ["on_log"], "the overridden events")
    for _ in range(2):  # the second time from the arrays of the first
        logs = {
            "loss": 0.5,
            "gone": 1,
            "whole": 41,
            "flag": True,
            "nothing": None,
            "text": "é",
            "single": numpy.float32(0.5),
            "scalar": torch.tensor(2.5),
            "object": {"a": 1},
            "big": 1 << 70,
        }
        log(callback, logs)
        expect_equal(
            list(logs),
            ["loss", "whole", "flag", "nothing", "text", "single", "scalar", "object", "big", "size", "list", "seen"],
            "the keys",
        )
        expect_equal((logs["whole"], logs["size"], logs["list"]), (42, 10, [1, {"a": None}]), "what the plugin set")
        expect_equal(
            logs["seen"], "loss3whole2flag1nothing0text4single3scalar3object5big3size2list5", "what the plugin saw"
        )


def errors(worker):
    fails = {policy: PluginCallback(worker, {"do": "fail"}, on_error=policy) for policy in ("fail", "warn", "disable")}
    sentence = "plugin worker failed in on_log at step 5: the disk is full; make room"
    expect_equal(expect_error(PluginError, [], log, fails["fail"], {}), sentence, "the error")
    for policy, count, tail in [("warn", 2, "; the run goes on"), ("disable", 1, "; the run goes on without it")]:
        lines.lines.clear()
        log(fails[policy], {})
        log(fails[policy], {})
        expect_equal(lines.lines, [("WARNING", sentence + tail)] * count, f"the log with on_error {policy}")
    expect_error(PluginError, ["should_log to 7", "0 or 1"], log, PluginCallback(worker, {"do": "flag"}), {})
    control = TrainerControl(should_save=True, should_evaluate=True)
    log(PluginCallback(worker, {"do": "stop"}), {}, control)
    expect_equal(control, TrainerControl(should_training_stop=True, should_evaluate=True), "the flags")
    expect(control.should_training_stop is True and control.should_save is False, "a flag is no bool")


def states(worker):
    callback = PluginCallback(worker, {"do": "stop"})
    for _ in range(3):
        log(callback, {})
    stored = {"args": {"do": "stop"}, "attributes": {"count": 3, "twice": 3}}
    expect_equal(callback.state(), stored, "the state")
    expect_equal(type(callback).__name__, "WorkerCallback", "the class")
    again = type(callback)(**stored["args"])  # as Trainer._load_callback_state does
    for name, value in stored["attributes"].items():
        setattr(again, name, value)
    log(again, {})
    expect_equal(again.state()["attributes"]["count"], 4, "the restored count")
    expect_equal([n for n in vars(again) if n.startswith("on_")], [], "what restoring leaves behind")
    expect_equal(type(callback).from_state(stored).state(), stored, "the state from a state")
    expect_equal(pickle.loads(pickle.dumps(callback)).state(), stored, "the state from a pickle")
    again.count = 9
    expect_error(PluginError, ["refused its stored state", "both be there"], log, again, {})


def the_end(worker):
    gc.collect()
    lines.lines.clear()
    with PluginCallback(worker) as callback:
        pass
    expect_equal(lines.lines, [("WARNING", "worker: destroyed")], "the log of close()")
    expect_error(PluginError, ["was closed"], log, callback, {})
    callback.close()
    callback = PluginCallback(worker)
    del callback
    gc.collect()
    expect_equal(len(lines.lines), 2, "instances that ended")
    keep = PluginCallback(worker)
    pid = os.fork()
    if pid == 0:  # a forked worker leaves the instance to its parent
        lines.lines.clear()
        keep.close()
        os._exit(len(lines.lines))
    expect_equal(os.waitpid(pid, 0)[1], 0, "what a forked process destroyed")


with work_directory() as work:
    refused_files(work)
    (work / "c").mkdir()
    worker = compile_plugin(WORKER, work / "c" / "worker.so")
    refused_code(work / "c")
    trackers(work / "c")
    ranks(work / "c", worker)
    directories(work, worker)
    configuration(worker)
    values(worker)
    errors(worker)
    states(worker)
    the_end(worker)
