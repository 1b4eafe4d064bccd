# SPDX-License-Identifier: Apache-2.0
"""Plugins that are bad to load, played to by `trainer replay`: the command refuses them with a sentence, within a time, and a crasher
goes into quarantine; what is loaded is what was checked."""

import json
import os
import pathlib
import signal
import stat
import struct
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "hostile"))
from host import Host  # noqa: E402

PLUGIN = SOURCE / "tests" / "hostile" / "loading" / "loading_plugin.cpp"
FLAGS = ["-std=c++17", "-shared", "-fPIC", "-fvisibility=hidden", "-O1", "-I", SOURCE / "plugin_api" / "include"]

#       name, options of the compiler, words of the one-line refusal, whether it goes into quarantine
CASES = [
    ("segfault", ["-DBAD_SEGFAULT"], "signal 11", True),
    ("abort", ["-DBAD_ABORT"], "signal 6", True),
    ("throw", ["-DBAD_THROW"], "signal 6", True),
    ("overflow", ["-DBAD_OVERFLOW"], "signal 11", True),
    ("exit", ["-DBAD_EXIT"], "exit status 0", True),
    ("quick_exit", ["-DBAD_QUICK_EXIT"], "exit status 0", True),
    ("hang", ["-DBAD_HANG"], "it had not loaded after 10 s", True),
    ("executable_stack", ["-Wl,-z,execstack"], "a stack that can be executed", False),
    ("text_relocation", ["-DBAD_TEXT_RELOCATION", "-Wl,-z,notext"], "relocations in its code", False),
    ("missing_library", ["-Wl,--no-as-needed", "-L.", "-lof_nobody"], "libof_nobody.so", False),
]
IDS = {
    "executable_stack": "plugin.file-executable-stack",
    "text_relocation": "plugin.file-text-relocations",
    "missing_library": "plugin.library-missing",
}


class Work(Host):
    def build(self, name, *options):
        directory = self.path / name
        directory.mkdir(exist_ok=True)
        subprocess.run(
            [os.environ["CXX"], *FLAGS, PLUGIN, *options, "-o", directory / "loading.so"], check=True, cwd=self.path
        )
        return directory

    def replay(self, directory, *options, **variables):
        return super().replay("loading", directory, *options, **variables)

    def contacts(self):
        file = self.path / "cache" / "contacts.json"
        known = json.loads(file.read_text()).values() if file.exists() else []
        return [c for c in known if c["path"].endswith("/loading.so")]  # not of the shipped ones that were asked, too


def expect(condition, what):
    if not condition:
        sys.exit(f"loading.py: {what}")


def acl(*users):
    """The extended attribute of an ACL that lets these users write, too."""
    entries = [(1, 7, -1), *((2, 7, user) for user in users), (4, 5, -1), (16, 7, -1), (32, 5, -1)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)


def one_error(found, *words):
    status, out, error, _ = found
    lines = [line for line in error.splitlines() if not line.startswith(("info: ", "warning: "))]
    expect(
        status == 2
        and len(lines) == 1
        and lines[0].startswith("error: ")
        and all(w in lines[0] for w in words)
        and "logged" not in out,
        f"{found}, expected one error with {words}",
    )


def good(work):
    directory = work.build("good")
    for _ in range(2):
        status, out, error, _ = work.replay(directory)
        expect(status == 0 and out.count("logged in step") == 2, f"the good plugin: {status}, {out}{error}")
    (entry,) = work.contacts()
    expect("reason" not in entry and entry["path"] == str(directory / "loading.so"), entry)
    # A cache that is damaged, cannot be written, or is not there costs a look, and nothing else.
    (work.path / "cache" / "contacts.json").write_text('{"x": [')
    expect(work.replay(directory)[0] == 0 and len(work.contacts()) == 1, "a damaged cache")
    expect(work.replay(directory, TRAINER_CACHE_DIR="/proc/nothing")[0] == 0, "a cache that cannot be written")
    # The trial sees what the run sees, so that nothing can behave for it alone.
    said = work.path / "said"
    directory = work.build("says", f'-DSAY="{said}"')
    expect(work.replay(directory)[0] == 0, "a plugin that looks around")
    trial, run, rest = said.read_bytes().split(b"<end>\n")
    expect(trial == run and b"replay" in run and not rest, f"the trial saw {trial}, the run {run}")


def cases(work):
    subprocess.run(
        [os.environ["CXX"], "-shared", "-x", "c", "/dev/null", "-o", work.path / "libof_nobody.so"], check=True
    )
    built = {name: work.build(name, *options) for name, options, _, _ in CASES}
    (work.path / "libof_nobody.so").unlink()
    for name, _, words, quarantine in CASES:
        directory = built[name]
        file = str(directory / "loading.so")
        found = work.replay(directory)
        one_error(found, words, file, "[plugin.quarantined]" if quarantine else f"[{IDS[name]}]")
        known = [c for c in work.contacts() if c["path"] == file and c.get("reason")]
        expect(bool(known) == quarantine, f"{name}: quarantine {known}")
        if not quarantine:
            continue
        expect(words in known[0]["reason"], known)
        again = work.replay(directory)
        one_error(again, words, "in quarantine since", "trainer plugins forgive")
        expect(again[3] < 5, f"{name}: a plugin in quarantine took {again[3]} s")
        _, listed, _, _ = work.run("plugins", "list", "--plugin-dir", directory)
        expect(f"in quarantine: {file}" in listed, listed)
    directory = built["segfault"]
    one_error(work.replay(directory, TRAINER_PLUGIN_TRUST="any"), "[plugin.quarantined]")
    # For debugging it is loaded in the run's own process, which a debugger may hold.
    status, _, error, _ = work.replay(directory, TRAINER_PLUGIN_DEBUG="1")
    expect(status == -signal.SIGSEGV, f"TRAINER_PLUGIN_DEBUG=1: {status}, {error}")
    for given in ([str(directory / "loading.so")], ["loading", "--plugin-dir", directory]):
        status, out, error, _ = work.run("plugins", "forgive", *given)
        expect(status == 0 and "forgiven" in out, f"forgive: {status}, {out}{error}")
        one_error(work.run("plugins", "forgive", *given), "nothing to forgive")
        one_error(work.replay(directory), "signal 11")  # it is tried again
    # Isolation helps where the plugin does not bear the run's process; leaving it out always does.
    status, _, error, _ = work.replay(directory, "--isolate", "loading")
    expect(status == 1 and "signal 11 [isolation.ended]" in error, f"isolated, it crashes alone: {status}, {error}")
    for name, option in (("segfault", "--without"), ("beside_others", "--isolate")):
        bad = work.build(name, f"-DBAD_{name.upper()}")
        one_error(work.replay(bad), f"{option} loading ", "[plugin.quarantined]")
        status, out, error, _ = work.replay(bad, option, "loading", "--callback", "csv")
        logged = (out + error).count("logged in step")
        expect(status == 0 and logged == (2 if option == "--isolate" else 0), f"{option}: {status}, {out}{error}")
    # Built again, it is another file.
    work.build("segfault")
    status, out, error, _ = work.replay(directory)
    expect(status == 0, f"the mended plugin: {status}, {out}{error}")
    # Input is not waited for.
    expect(work.replay(work.build("input", "-DBAD_INPUT"))[0] == 0, "a plugin that reads from the terminal")


def owners(work):
    directory = work.build("owned")
    file = directory / "loading.so"

    def refused(*words):
        one_error(work.replay(directory), *words, "TRAINER_PLUGIN_TRUST=any")
        status, _, error, _ = work.replay(directory, TRAINER_PLUGIN_TRUST="any")
        expect(status == 0, f"TRAINER_PLUGIN_TRUST=any: {status}, {error}")

    for target, mode, words in [(file, 0o757, "by everybody"), (directory, 0o777, "by everybody")]:
        before = stat.S_IMODE(target.stat().st_mode)
        target.chmod(mode)
        refused(str(target), words, "chmod go-w")
        target.chmod(before)
        try:
            os.setxattr(target, "system.posix_acl_access", acl(0, 12345))
        except OSError:
            continue  # a file system without
        refused(str(target), "by user 12345 (by its ACL)", "setfacl -b")
        os.removexattr(target, "system.posix_acl_access")
        target.chmod(before)
    directory.chmod(0o1777)  # nobody can replace another's file in it
    expect(work.replay(directory)[0] == 0, "a directory with the sticky bit")
    directory.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(file, 12345, -1)
        refused(str(file), "belongs to user 12345, expected root, who runs this")
        os.chown(file, 0, 12345)
        file.chmod(0o775)
        refused(str(file), "by group 12345")


def build_library(path, *options, code="int beside(void) { return 42; }"):
    subprocess.run(
        [os.environ["CC"], "-shared", "-fPIC", "-x", "c", "-", *options, "-o", path], check=True, input=code.encode()
    )
    return path


def libraries(work):
    """What a plugin brings along is checked, vetted and loaded as the plugin is."""
    directory = work.path / "brings"
    directory.mkdir()
    inner = build_library(directory / "libinner.so", "-Wl,-soname,libinner.so", code="int inner(void) { return 42; }")
    code = "int inner(void); int beside(void) { return inner(); }"
    # The inner one is found by the run path of the outer one alone; neither name is what a library calls itself.
    own = ["-Wl,-rpath,$ORIGIN", f"-L{directory}", "-linner"]
    outer = build_library(directory / "libbeside.so", *own, code=code)
    work.build("brings", "-DWITH_LIBRARY", f"-L{directory}", "-lbeside", "-Wl,-rpath,$ORIGIN")

    def loads(what):
        status, out, error, _ = work.replay(directory)
        expect(status == 0 and out.count("beside: 42") == 2, f"{what}: {status}, {out}{error}")

    loads("two libraries")
    for library in (inner, outer):
        library.chmod(0o777)
        one_error(work.replay(directory), str(library), "by everybody", "[plugin.file-writable]")
        library.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(library, 12345, -1)
            one_error(work.replay(directory), str(library), "belongs to user 12345")
            os.chown(library, 0, -1)
    # A link is followed, as the loader would, and its target is asked.
    other = work.path / "other"
    other.mkdir()
    inner.rename(other / "libinner.so.1")
    inner.symlink_to("../other/libinner.so.1")
    loads("a link")
    other.chmod(0o777)
    one_error(work.replay(directory), str(other), "by everybody")
    other.chmod(0o755)
    # Another library is another plugin: it is tried again, and a crash in it takes no run along.
    crash = "__attribute__((constructor)) static void at(void) { __builtin_trap(); } int inner(void) { return 42; }"
    inner.unlink()
    build_library(inner, "-Wl,-soname,libinner.so", code=crash)
    one_error(work.replay(directory), "[plugin.quarantined]", "signal")
    status, out, error, _ = work.run("plugins", "forgive", directory / "loading.so")
    expect(status == 0 and "forgiven" in out, f"forgive: {status}, {out}{error}")
    build_library(inner, "-Wl,-soname,libinner.so", code="int inner(void) { return 42; }")
    loads("the mended library")
    inner.write_bytes(inner.read_bytes()[:-100])
    one_error(work.replay(directory), str(inner), "[plugin.file-cut-short]")
    inner.unlink()
    one_error(work.replay(directory), "libinner.so", "[plugin.library-missing]")
    build_library(inner, "-Wl,-soname,libinner.so", code="int inner(void) { return 42; }")
    # By DT_RPATH a library finds its own with the plugin's run path; an absolute one is no other than $ORIGIN.
    build_library(outer, f"-L{directory}", "-linner", code=code)
    for path in ("$ORIGIN", str(directory)):
        options = ["-DWITH_LIBRARY", f"-L{directory}", "-lbeside", "-Wl,--disable-new-dtags", f"-Wl,-rpath,{path}"]
        work.build("brings", *options)
        loads(f"DT_RPATH {path}")
    inner.chmod(0o777)
    one_error(work.replay(directory), str(inner), "by everybody")


def same_bytes(work):
    # An update in the middle of a run changes the file, and not the code that runs.
    directory = work.path / "updated"
    directory = work.build("updated", f'-DOVERWRITE="{directory}/loading.so"')
    status, out, error, _ = work.replay(directory)
    expect(status == 0 and out.count("logged in step") == 2, f"overwritten while it ran: {status}, {out}{error}")
    expect((directory / "loading.so").read_bytes() == b"gone", "the plugin did not overwrite its file")
    # Where no file may be as large as the plugin, it is loaded itself, and nobody is killed for trying.
    directory = work.build("limited")
    command = f'ulimit -f 4; exec "$TRAINER" replay trainer_state.json --report_to none --callback loading --plugin-dir {directory} --output_dir out'
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=work.path,
        env=work.env | {"TRAINER": os.environ["TRAINER"]},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    expect(
        done.returncode == 0 and done.stdout.count("logged in step") == 2 and "ulimit -f" in done.stderr,
        f"under ulimit -f: {done.returncode}, {done.stdout}{done.stderr}",
    )
    # A library beside the plugin is found by $ORIGIN, though the plugin is loaded from a copy.
    for origin in ("$ORIGIN", "${ORIGIN}/../beside"):
        directory = work.path / "beside"
        directory.mkdir(exist_ok=True)
        build_library(directory / "libbeside.so", "-Wl,-soname,libbeside.so")
        work.build("beside", "-DWITH_LIBRARY", f"-L{directory}", "-lbeside", f"-Wl,-rpath,{origin}")
        status, out, error, _ = work.replay(directory)
        expect(status == 0 and out.count("beside: 42") == 2, f"{origin}: {status}, {out}{error}")


with tempfile.TemporaryDirectory(prefix="trainer-loading-") as name:
    for part in (good, cases, owners, libraries, same_bytes):
        directory = pathlib.Path(name) / part.__name__
        directory.mkdir()
        part(Work(directory, 2))
    print(f"{len(CASES)} plugins refused, owners and bytes as expected")
