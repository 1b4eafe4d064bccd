# SPDX-License-Identifier: Apache-2.0
"""A debugger on a run with a plugin, which is loaded from a copy: gdb stops at a line of the plugin's source, and of a
library that it brings along, prints what is there, and reads a core file when the process is gone."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "hostile"))
from host import Host  # noqa: E402

LIBRARY = """double half(double value) {
  double result = value / 2;
  return result;  // stop in the library
}
"""
PLUGIN = """#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <trainer/sdk.hpp>

double half(double value);

class Debugged : public trainer::sdk::TrainerCallback {
 public:
  void on_log(const Arguments&, const State& state, Control&, Map&) override {
    seen_ = half(static_cast<double>(state.global_step));
    if (std::getenv("DEBUGGED_WAITS")) wait();
    if (seen_ > 0.9) *nowhere_ = 1;  // stop in the plugin
  }

 private:
  void wait() {
    char byte = 'w';
    ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    while (::write(1, &byte, 1) == 1 && ::read(0, &byte, 1) == 1) continue;
  }
  double seen_ = 0;
  int* volatile nowhere_ = nullptr;
};

TRAINER_PLUGIN(Debugged, {"id": "debugged", "version": "1.0.0", "events": ["on_log"]})
"""
LINE = PLUGIN[: PLUGIN.index("// stop")].count("\n") + 1
LIMIT_S = 120  # a gdb that opens a file which never answers cannot even be asked to end


def gdb(work, commands, *arguments, **variables):
    words = [word for command in commands for word in ("-ex", command)]
    return subprocess.run(
        ["gdb", "-nx", "-batch", "-ex", "set pagination off", "-ex", "set breakpoint pending on", *words, *arguments],
        cwd=work.path,
        env=work.env | {"LC_ALL": "C", "ASAN_OPTIONS": "detect_leaks=0"} | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=LIMIT_S,
        check=False,
    ).stdout


def expect(said, *words):
    for word in words:
        if word not in said:
            sys.exit(f"debugger.py: expected {word!r} in what gdb said:\n{said}")


def build(work):
    directory = work.path / "plugins"
    directory.mkdir()
    (work.path / "half.cpp").write_text(LIBRARY)
    (work.path / "debugged.cpp").write_text(PLUGIN)
    compiler = [*os.environ["CXX"].split(), "-std=c++17", "-g", "-O0", "-shared", "-fPIC"]
    include = [f"-I{SOURCE / room / 'include'}" for room in ("sdk", "plugin_api")]
    library = [work.path / "half.cpp", "-Wl,-soname,libhalf.so", "-o", directory / "libhalf.so"]
    subprocess.run([*compiler, *library], check=True)
    plugin = [work.path / "debugged.cpp", "-fvisibility=hidden", f"-L{directory}", "-lhalf", "-Wl,-rpath,$ORIGIN"]
    subprocess.run([*compiler, *include, *plugin, "-o", directory / "debugged.so"], check=True)
    return directory


def breakpoints(work, run, directory):
    # What takes the debugger's time is no fault of the plugin's: nobody tells of a deadline.
    core = work.path / "core.stopped"
    said = gdb(
        work,
        [
            "break half.cpp:3",
            f"break debugged.cpp:{LINE}",
            "run",
            "call (void) usleep(50000)",
            "print result",
            "info sharedlibrary",
            "finish",
        ]
        + ["continue", "print seen_", "print state.global_step", "backtrace", "delete", "continue"]
        + ["print seen_", f"generate-core-file {core}"],
        "--args",
        *run,
        TRAINER_PLUGIN_DEADLINE="0.01",
    )
    expect(said, "hit Breakpoint 1, half (value=1) at ", "$1 = 0.5", f"  {directory}/debugged.so")
    expect(said, f"  {directory}/libhalf.so", "Value returned is $2 = 0.5", "hit Breakpoint 2, Debugged::on_log")
    expect(said, "$3 = 0.5", "$4 = 1", "trainer::CallbackHandler::", "in main (", "signal SIGSEGV", "$5 = 1")
    if "holds up the run" in said:
        sys.exit(f"debugger.py: somebody complained of the debugger's time:\n{said}")
    return core


def attached(work, run):
    core = work.path / "core.attached"
    waiting = subprocess.Popen(
        run, cwd=work.path, env=work.env | {"DEBUGGED_WAITS": "1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with waiting:
        waiting.stdout.read(1)
        said = gdb(work, [f"attach {waiting.pid}", "backtrace", f"generate-core-file {core}", "kill"], run[0])
        waiting.kill()
    expect(said, "Debugged::wait (this=0x", f"debugged.cpp:{LINE - 1}", "trainer::CallbackHandler::", "in main (")
    return core


def main():
    if not shutil.which("gdb"):
        print("there is no gdb here")
        return 77
    with tempfile.TemporaryDirectory(prefix="trainer-debugger-") as name:
        work = Host(pathlib.Path(name), 2)
        if "exited normally" not in (tried := gdb(work, ["run"], "/bin/true")):
            print(f"gdb cannot run a program here: {tried}")
            return 77
        directory = build(work)
        run = [os.environ["TRAINER"], "replay", "trainer_state.json", "--report_to", "none", "--callback", "debugged"]
        run += ["--plugin-dir", str(directory), "--output_dir", "out"]
        # With the process gone: of a plugin that was loaded under the debugger, and of one that was loaded from a copy.
        core = breakpoints(work, run, directory)
        said = gdb(work, ["backtrace", "print seen_", "info line half"], run[0], str(core))
        expect(
            said,
            "Debugged::on_log (this=0x",
            f"debugged.cpp:{LINE}",
            "trainer::CallbackHandler::",
            "$1 = 1",
            "half.cpp",
        )
        core = attached(work, run)
        said = gdb(work, ["backtrace", "frame function Debugged::on_log", "print seen_"], run[0], str(core))
        expect(said, "Debugged::wait (this=0x", f"debugged.cpp:{LINE - 1}", "trainer::CallbackHandler::", "$1 = 0.5")
    print("stopped, looked around, and read core files")
    return 0


sys.exit(main())
