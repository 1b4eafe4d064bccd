# SPDX-License-Identifier: Apache-2.0
"""Files that are no plugin, or a spoilt one: each is refused by a run and by the validator, in time, with one line that
names the file and ends with its id; docs/errors.md explains the ids. A case is a line of one of the tables."""

import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "hostile"))
from host import Host  # noqa: E402

FLAGS = [
    "-std=gnu11",
    "-shared",
    "-fPIC",
    "-fvisibility=hidden",
    "-O1",
    "-Wno-unused",
    "-I",
    SOURCE / "plugin_api" / "include",
]
DEADLINE_S = 30
NOTE = '{"id": "subject", "version": "1", "events": ["on_log"]}'


def put(bytes_, offset, form, *values):
    changed = bytearray(bytes_)
    struct.pack_into("<" + form, changed, offset, *values)
    return bytes(changed)


# Offsets of the ELF header: class 4, byte order 5, version 6, type 16, machine 18, segments 32, sections 40, counts 54 to 62.
#       name, what becomes of a good plugin's bytes, id
BYTES = [
    ("empty", lambda good: b"", "plugin.file-empty"),
    ("ten_bytes", lambda good: good[:10], "plugin.file-cut-short"),
    ("cut_in_the_header", lambda good: good[:60], "plugin.file-cut-short"),
    ("cut_behind_the_header", lambda good: good[:80], "plugin.file-cut-short"),
    ("cut_in_a_quarter", lambda good: good[: len(good) // 4], "plugin.file-cut-short"),
    ("cut_in_the_middle", lambda good: good[: len(good) // 2], "plugin.file-cut-short"),
    ("last_byte_cut", lambda good: good[:-1], "plugin.file-cut-short"),
    ("text", lambda good: b"I am a plugin\n", "plugin.file-format"),
    ("windows_dll", lambda good: b"MZ\x90\0" + bytes(300), "plugin.file-format"),
    ("macos_library", lambda good: b"\xcf\xfa\xed\xfe" + bytes(300), "plugin.file-format"),
    ("archive", lambda good: b"!<arch>\n" + good, "plugin.file-format"),
    ("zip", lambda good: b"PK\3\4" + good, "plugin.file-format"),
    ("zeros", lambda good: bytes(len(good)), "plugin.file-format"),
    ("32_bit", lambda good: put(good, 4, "B", 1), "plugin.file-machine"),
    ("unknown_class", lambda good: put(good, 4, "B", 7), "plugin.file-machine"),
    ("big_endian", lambda good: put(good, 5, "B", 2), "plugin.file-machine"),
    ("risc_v", lambda good: put(good, 18, "H", 243), "plugin.file-machine"),
    ("unknown_machine", lambda good: put(good, 18, "H", 4711), "plugin.file-machine"),
    ("object_file", lambda good: put(good, 16, "H", 1), "plugin.file-type"),
    ("program", lambda good: put(good, 16, "H", 2), "plugin.file-type"),
    ("core_dump", lambda good: put(good, 16, "H", 4), "plugin.file-type"),
    ("elf_version", lambda good: put(good, 6, "B", 9), "plugin.file-damaged"),
    ("no_segments", lambda good: put(good, 56, "H", 0), "plugin.file-damaged"),
    ("segments_far_away", lambda good: put(good, 32, "Q", 2**64 - 64), "plugin.file-cut-short"),
    ("sections_far_away", lambda good: put(good, 40, "Q", 2**64 - 64), "plugin.file-cut-short"),
    ("no_sections", lambda good: put(good, 40, "Q", 0), "plugin.note-missing"),
    ("names_of_sections_nowhere", lambda good: put(good, 62, "H", 0xFFF0), "plugin.file-damaged"),
    ("note_cut", lambda good: put(good, good.index(b"LibTrainer note\0") + 24, "I", 0xFFFFFFFF), "plugin.note-invalid"),
]


def note(text):
    return [f"-DNOTE={json.dumps(text)}"]


#       name, options of the compiler, id
COMPILED = [
    ("no_note", ["-DWITHOUT_NOTE", "-DTABLE_NOTE=&other_note"], "plugin.note-missing"),
    ("note_no_json", note(NOTE[:-1]), "plugin.note-invalid"),
    ("note_a_list", note("[1, 2]"), "plugin.note-invalid"),
    ("note_key_twice", note(NOTE[:-1] + ', "id": "other"}'), "plugin.note-invalid"),
    ("note_unknown_key", note(NOTE[:-1] + ', "evnts": []}'), "plugin.note-invalid"),
    ("note_without_id", note(NOTE.replace('"id": "subject", ', "")), "plugin.note-invalid"),
    ("note_bad_id", note(NOTE.replace("subject", "../subject")), "plugin.note-invalid"),
    ("note_long_id", note(NOTE.replace("subject", "s" * 65)), "plugin.note-invalid"),
    ("note_control_character", note(NOTE.replace('"1"', '"\\u001b[2J"')), "plugin.note-invalid"),
    ("note_unknown_event", note(NOTE.replace("on_log", "on_lgo")), "plugin.note-invalid"),
    ("note_bad_schema", note(NOTE[:-1] + ', "config": {"a": {"type": "nothing"}}}'), "plugin.note-invalid"),
    ("note_deep", note('{"id": ' + "[" * 2000 + "]" * 2000 + "}"), "plugin.note-invalid"),
    ("note_reserved", ["-DNOTE_RESERVED=1"], "plugin.note-invalid"),
    ("note_goes_on", ["-DNOTE_SIZE=2"], "plugin.note-invalid"),
    ("two_notes", ["-DSECOND_NOTE"], "plugin.note-invalid"),
    ("other_major", ["-DNEEDS_MAJOR=9"], "plugin.abi-version"),
    ("newer_minor", ["-DNEEDS_MINOR=TRAINER_ABI_MINOR+1"], "plugin.abi-version"),
    ("no_entry", ["-DWITHOUT_ENTRY"], "plugin.no-entry"),
    ("entry_is_data", ["-DENTRY_IS_DATA"], "plugin.no-entry"),
    ("executable_stack", ["-Wl,-z,execstack"], "plugin.file-executable-stack"),
    ("links_libtorch", ["-Wl,--no-as-needed", "libtorch_cpu.so"], "plugin.library-foreign"),
    ("links_libtrainer", ["-Wl,--no-as-needed", "libtrainer.so.1"], "plugin.library-foreign"),
    ("links_a_sanitizer", ["-Wl,--no-as-needed", "libtsan.so.2"], "plugin.sanitizer"),
    ("undefined_symbol", ["-DCALLS"], "plugin.symbol-missing"),
    ("missing_library", ["-DUSES_LIBRARY", "libgone.so"], "plugin.library-missing"),
    ("older_library", ["-DUSES_LIBRARY", "libolder.so", "-Wl,-rpath,$ORIGIN"], "plugin.library-too-old"),
    ("thread_storage", ["-DTHREAD_STORAGE=1048576"], "plugin.thread-storage"),
    ("null_table", ["-DRETURNED=NULL"], "plugin.table-invalid"),
    ("crooked_table", ["-DRETURNED=(const trainer_plugin*)((const char*)&plugin+1)"], "plugin.table-invalid"),
    ("magic", ["-DTABLE_MAGIC=1"], "plugin.table-invalid"),
    ("table_of_other_major", ["-DTABLE_MAJOR=9"], "plugin.abi-version"),
    ("table_size_0", ["-DTABLE_SIZE=0"], "plugin.table-invalid"),
    ("table_too_small", ["-DTABLE_SIZE=sizeof(trainer_plugin)-8"], "plugin.table-invalid"),
    ("table_huge", ["-DTABLE_SIZE=0xFFFFFFFFu"], "plugin.table-invalid"),
    ("no_create", ["-DTABLE_CREATE=NULL"], "plugin.table-invalid"),
    ("table_without_note", ["-DTABLE_NOTE=NULL"], "plugin.table-invalid"),
    ("table_of_another_note", ["-DTABLE_NOTE=&other_note"], "plugin.note-differs"),
    ("instance_null", ["-DNO_INSTANCE"], "plugin.instance-invalid"),
    ("instance_size_0", ["-DINSTANCE_SIZE=0"], "plugin.instance-invalid"),
    ("instance_too_small", ["-DINSTANCE_SIZE=sizeof(trainer_callback)-8"], "plugin.instance-invalid"),
    ("more_slots", ["-DMORE_SLOTS"], "plugin.instance-invalid"),
    ("fewer_slots", ["-DNO_SLOTS"], "plugin.instance-invalid"),
    ("create_fails", ['-DCREATE_SAYS="no room\\nerror: \\x1b[2Jforged"'], "plugin.create-failed"),
    ("create_garbage", ["-DCREATE_STATUS=12345"], "plugin.create-failed"),
]


def as_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        directory = os.getcwd()
        os.chdir(path.parent)  # a socket's name has a limit
        s.bind(path.name)
        os.chdir(directory)


def sparse(path):
    with path.open("wb") as file:
        file.truncate(2**30 + 1)


def writable(path, good):
    path.write_bytes(good)
    path.chmod(0o666)


def in_writable_directory(path, good):
    path.write_bytes(good)
    path.parent.chmod(0o777)


#       name, what makes the path, id
THINGS = [
    ("directory", lambda path, good: path.mkdir(), "plugin.file-not-regular"),
    ("pipe", lambda path, good: os.mkfifo(path), "plugin.file-not-regular"),
    ("socket", lambda path, good: as_socket(path), "plugin.file-not-regular"),
    ("link_to_a_device", lambda path, good: path.symlink_to("/dev/zero"), "plugin.file-link"),
    ("link_in_a_ring", lambda path, good: path.symlink_to(path), "plugin.file-link"),
    ("link_to_nothing", lambda path, good: path.symlink_to("nothing"), "plugin.file-link"),
    (
        "link_to_a_plugin",
        lambda path, good: ((path.parent / "real").write_bytes(good), path.symlink_to("real")),
        "plugin.file-link",
    ),
    ("two_gigabytes", lambda path, good: sparse(path), "plugin.file-too-large"),
    ("writable_by_all", writable, "plugin.file-writable"),
    ("directory_writable_by_all", in_writable_directory, "plugin.file-writable"),
]
# Names that must harm nobody: a good plugin of the name works, and a bad one is one line.
NAMES = [
    "with space.so",
    "-dash.so",
    "quo'te\".so",
    "$(touch harmed).so",
    "new\nline.so",
    "escape\x1b[2J.so",
    "percent%s%n.so",
    "c1\u009b2J.so",
    "turned\u202e.so",
    "paragraph\u2029.so",
    b"not\xffutf8.so",
    "l" * 252 + ".so",
]
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]")


class Files(Host):
    def __init__(self, work):
        super().__init__(work, 1)
        self.wrong = []
        self.good = self.compile(work / "good.so").read_bytes()

    def compile(self, path, *options):
        subprocess.run(
            [os.environ["CC"], *FLAGS, SOURCE / "tests/hostile/files/subject.c", "-o", path, *options],
            check=True,
            cwd=self.path,
            stderr=subprocess.DEVNULL,
        )
        return path

    def library(self, name, text="", *options):
        code = self.path / "library.c"
        code.write_text(text)
        subprocess.run(
            [os.environ["CC"], "-shared", "-fPIC", code, f"-Wl,-soname,{name}", *options, "-o", self.path / name],
            check=True,
            cwd=self.path,
        )

    def expect(self, condition, what):
        if not condition:
            self.wrong.append(what)
        return condition

    def refused(self, name, directory, wanted):
        """By a run that names it, with one line; and by the validator, which says the same or that it did not load."""
        path = directory / "subject.so"
        status, out, error, taken = self.replay("subject", directory)
        lines = [line for line in error.splitlines() if not line.startswith(("info: ", "warning: "))]
        self.expect(
            status == 2
            and len(lines) == 1
            and lines[0].startswith("error: ")
            and lines[0].endswith(f" [{wanted}]")
            and str(directory) in lines[0]
            and "\x1b" not in error
            and taken < DEADLINE_S,
            f"{name}: a run gave {status} after {taken:.1f} s: {error}, expected one line with [{wanted}]",
        )
        status, out, error, taken = self.run("plugins", "validate", path, "--json")
        reports = json.loads(out) if out.startswith("[") else []
        failed = [result for report in reports for result in report["results"] if result["outcome"] == "failed"]
        if wanted == "plugin.create-failed" and status == 0:  # it may refuse, as a tracker without its server does
            skipped = [
                result["reason"] for report in reports for result in report["results"] if result["outcome"] == "skipped"
            ]
            self.expect(
                any("refuses to work here" in reason for reason in skipped),
                f"{name}: the validator told nothing: {out}",
            )
            return
        told = all(result["reason"] for result in failed) if failed else re.search(r"^error: .* \[[\w.-]+\]$", error)
        self.expect(
            status == 1 and told and taken < DEADLINE_S,
            f"{name}: the validator gave {status} after {taken:.1f} s: {out}{error}, expected a failed test",
        )

    def bytes_and_things(self):
        for name, change, wanted in BYTES:
            (self.path / name).mkdir()
            (self.path / name / "subject.so").write_bytes(change(self.good))
            self.refused(name, self.path / name, wanted)
        for name, make, wanted in THINGS:
            (self.path / name).mkdir()
            make(self.path / name / "subject.so", self.good)
            self.refused(name, self.path / name, wanted)

    def compiled(self):
        for name in ("libtorch_cpu.so", "libtrainer.so.1", "libtsan.so.2"):
            self.library(name)
        (self.path / "versions").write_text("TWO { global: *; };\n")
        self.library("libgone.so", "int from_library(void) { return 1; }\n")
        self.library("libolder.so", "int from_library(void) { return 1; }\n", "-Wl,--version-script=versions")
        for name, options, _ in COMPILED:
            (self.path / name).mkdir()
            self.compile(self.path / name / "subject.so", *options)
        (self.path / "libgone.so").unlink()
        (self.path / "versions").write_text("ONE { global: *; };\n")
        self.library("libolder.so", "int from_library(void) { return 1; }\n", "-Wl,--version-script=versions")
        (self.path / "libolder.so").rename(self.path / "older_library" / "libolder.so")
        for name, _, wanted in COMPILED:
            self.refused(name, self.path / name, wanted)

    def names(self):
        for content, words in ((self.good, "logs of"), (b"bad\n", None)):
            for name in NAMES:
                directory = self.path / f"names{len(content)}"
                directory.mkdir(exist_ok=True)
                path = os.path.join(os.fsencode(directory), os.fsencode(name))
                with open(path, "wb") as file:
                    file.write(content)
                os.chmod(path, 0o644)
                status, out, error, _ = self.replay("subject", directory)
                os.unlink(path)
                warnings = [line for line in error.splitlines() if line.startswith("warning: ")]
                lines = [line for line in error.splitlines() if re.match("(info|warning|error): ", line)]
                good = (
                    status == 0 and words in out
                    if words
                    else (
                        status == 2
                        and len(warnings) == 1
                        and warnings[0].endswith("[plugin.file-format]")
                        and len(lines) == len(error.splitlines())
                    )
                )
                self.expect(
                    good and not CONTROL.search(out + error) and not (self.path / "harmed").exists(),
                    f"{name}: {status}, {out}{error}",
                )

    def two_names(self):
        """Hard links, and copies: one id, of which the first is used and the other named."""
        directory = self.path / "twice"
        directory.mkdir()
        (directory / "a.so").write_bytes(self.good)
        os.link(directory / "a.so", directory / "b.so")
        (directory / "c.so").write_bytes(self.good)
        status, out, error, _ = self.run("plugins", "list", "--plugin-dir", directory)
        self.expect(
            status == 0 and all(name in out + error for name in ("a.so", "b.so", "c.so")),
            f"two names: {status}, {out}{error}",
        )


def main():
    rows = set(re.findall(r"^\| `([\w.-]+)` \|", (SOURCE / "docs/errors.md").read_text(), flags=re.M))
    with tempfile.TemporaryDirectory(prefix="trainer-files-") as name:
        files = Files(pathlib.Path(name))
        for part in (files.bytes_and_things, files.compiled, files.names, files.two_names):
            part()
        cases = len(BYTES) + len(THINGS) + len(COMPILED) + 2 * len(NAMES) + 1
        unexplained = {wanted for _, _, wanted in BYTES + THINGS + COMPILED} - rows
        files.expect(not unexplained, f"docs/errors.md lacks {unexplained}")
        print("\n".join(files.wrong) or f"{cases} files refused, or harmless, as expected")
        return 1 if files.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
