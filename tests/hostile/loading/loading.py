# SPDX-License-Identifier: Apache-2.0
"""Plugins that are bad to load, played to by `trainer replay`: the command refuses them with a sentence, within a time, and a crasher
goes into quarantine; what is loaded is what was checked."""

import json
import os
import pathlib
import stat
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

    def replay(self, directory, **variables):
        return super().replay("loading", directory, **variables)

    def contacts(self):
        file = self.path / "cache" / "contacts.json"
        known = json.loads(file.read_text()).values() if file.exists() else []
        return [c for c in known if c["path"].endswith("/loading.so")]  # not of the shipped ones that were asked, too


def expect(condition, what):
    if not condition:
        sys.exit(f"loading.py: {what}")


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
    expect(
        work.replay(directory, TRAINER_EXECUTABLE="/nowhere/trainer", TRAINER_CACHE_DIR=str(work.path / "new"))[0] != 0,
        "a program that is not there was passed over in silence",
    )


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
    for given in ([str(directory / "loading.so")], ["loading", "--plugin-dir", directory]):
        status, out, error, _ = work.run("plugins", "forgive", *given)
        expect(status == 0 and "forgiven" in out, f"forgive: {status}, {out}{error}")
        one_error(work.run("plugins", "forgive", *given), "nothing to forgive")
        one_error(work.replay(directory), "signal 11")  # it is tried again
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
    directory.chmod(0o1777)  # nobody can replace another's file in it
    expect(work.replay(directory)[0] == 0, "a directory with the sticky bit")
    directory.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(file, 12345, -1)
        refused(str(file), "belongs to user 12345")
        os.chown(file, 0, 12345)
        file.chmod(0o775)
        refused(str(file), "by group 12345")


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
        code = work.path / "beside.c"
        code.write_text("int beside(void) { return 42; }\n")
        subprocess.run(
            [os.environ["CC"], "-shared", "-fPIC", code, "-Wl,-soname,libbeside.so", "-o", directory / "libbeside.so"],
            check=True,
        )
        work.build("beside", "-DWITH_LIBRARY", f"-L{directory}", "-lbeside", f"-Wl,-rpath,{origin}")
        status, out, error, _ = work.replay(directory)
        expect(status == 0 and out.count("beside: 42") == 2, f"{origin}: {status}, {out}{error}")


with tempfile.TemporaryDirectory(prefix="trainer-loading-") as name:
    for part in (good, cases, owners, same_bytes):
        directory = pathlib.Path(name) / part.__name__
        directory.mkdir()
        part(Work(directory, 2))
    print(f"{len(CASES)} plugins refused, owners and bytes as expected")
