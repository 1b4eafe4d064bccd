# SPDX-License-Identifier: Apache-2.0
"""Windows libraries that are no plugin, or a spoilt one, made of a good one by patching it: each is refused with one
line that ends with its id, by `plugins inspect` on any system, and on Windows by `plugins list` and the validator, too.
A case is a line of the table. On Linux the good one is good.dll: hello_c of the SDK's examples, by

    x86_64-w64-mingw32-gcc -Os -s -shared -static -Wl,--exclude-all-symbols

    dlls.py [GOOD.dll]       TRAINER names the command; one of Windows is run by Wine, with that good one
"""

import concurrent.futures
import os
import pathlib
import re
import struct
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "hostile"))
from host import TRAINER, Host  # noqa: E402

DEADLINE_S = 30
FAR = 0x7FFF0000


class Image:
    """Where the parts of a good library are; at() says where in the file an address is."""

    def __init__(self, bytes_):
        self.bytes = bytes_
        self.header = self.get("I", 60)
        self.optional = self.header + 24
        self.table = self.optional + self.get("H", self.header + 20)
        self.sections = {}
        for i in range(self.get("H", self.header + 6)):
            entry = self.table + 40 * i
            name = bytes_[entry : entry + 8].rstrip(b"\0").decode()
            size, address, file_size, offset = struct.unpack_from("<IIII", bytes_, entry + 8)
            self.sections[name] = {
                "entry": entry,
                "size": size,
                "address": address,
                "file_size": file_size,
                "at": offset,
            }
        self.exports = self.at(self.get("I", self.directory(0)))
        self.functions, self.names, self.numbers = (
            self.at(self.get("I", self.exports + field)) for field in (28, 32, 36)
        )
        self.imports = self.at(self.get("I", self.directory(1)))
        self.library = self.at(self.get("I", self.imports + 12))  # the first library's name
        self.lookups = self.at(self.get("I", self.imports))
        self.function = self.at(self.get("Q", self.lookups)) + 2  # the first function's name
        self.threads = self.at(self.get("I", self.directory(9)))
        self.relocations = self.at(self.get("I", self.directory(5)))
        self.note = self.sections[".trainer"]["at"]
        self.flags = self.get("H", self.header + 22)
        self.base = self.get("Q", self.optional + 24)

    def get(self, form, offset):
        return struct.unpack_from("<" + form, self.bytes, offset)[0]

    def directory(self, number):
        return self.optional + 112 + 8 * number

    def entry(self, section, field=0):
        return self.sections[section]["entry"] + field

    def at(self, address):
        for section in self.sections.values():
            if section["address"] <= address < section["address"] + section["file_size"]:
                return section["at"] + address - section["address"]
        raise ValueError(hex(address))

    def put(self, *edits):
        """Edits are (offset, form, value...)."""
        changed = bytearray(self.bytes)
        for offset, form, *values in edits:
            struct.pack_into("<" + form, changed, offset, *values)
        return bytes(changed)

    def first(self, count):
        return self.bytes[:count]


EMPTY, CUT, DAMAGED = "plugin.file-empty", "plugin.file-cut-short", "plugin.file-damaged"
NOT_ONE, MACHINE, TYPE = "plugin.file-format", "plugin.file-machine", "plugin.file-type"
NO_ENTRY, NOTE, NO_NOTE = "plugin.no-entry", "plugin.note-invalid", "plugin.note-missing"
WRITABLE_CODE, LARGE = "plugin.file-text-relocations", "plugin.file-too-large"
FOREIGN, SANITIZER, DEBUG = "plugin.library-foreign", "plugin.sanitizer", "plugin.debug-runtime"
ABI = "plugin.abi-version"

#    name, what becomes of a good library, id; None: a plugin all the same
CASES = [
    ("good", lambda i: i.bytes, None),
    ("signed", lambda i: i.bytes + bytes(5000), None),
    ("empty", lambda i: b"", EMPTY),
    ("one_byte", lambda i: i.first(1), CUT),
    ("mz_only", lambda i: i.first(2), CUT),
    ("dos_header_only", lambda i: i.first(64), CUT),
    ("cut_in_header", lambda i: i.first(i.header + 10), CUT),
    ("cut_in_optional_header", lambda i: i.first(i.optional + 50), CUT),
    ("cut_in_section_table", lambda i: i.first(i.table + 60), CUT),
    ("cut_in_code", lambda i: i.first(i.sections[".text"]["at"] + 100), CUT),
    ("cut_in_half", lambda i: i.first(len(i.bytes) // 2), CUT),
    ("cut_before_note", lambda i: i.first(i.note), CUT),
    ("cut_in_note", lambda i: i.first(i.note + 40), CUT),
    ("dos_program", lambda i: b"MZ" + bytes(300), NOT_ONE),
    ("header_at_0", lambda i: i.put((60, "I", 0)), NOT_ONE),
    ("header_at_2", lambda i: i.put((60, "I", 2)), NOT_ONE),
    ("header_far_away", lambda i: i.put((60, "I", 0xFFFFFFF0)), NOT_ONE),
    ("header_behind_the_end", lambda i: i.put((60, "I", len(i.bytes) - 8)), CUT),
    ("header_of_16_bit", lambda i: i.put((i.header, "2s", b"NE")), NOT_ONE),
    ("x86", lambda i: i.put((i.header + 4, "H", 0x14C), (i.optional, "H", 0x10B)), MACHINE),
    ("arm", lambda i: i.put((i.header + 4, "H", 0x1C4)), MACHINE),
    ("arm64", lambda i: i.put((i.header + 4, "H", 0xAA64)), MACHINE),
    ("machine_0", lambda i: i.put((i.header + 4, "H", 0)), MACHINE),
    ("header_of_32_bit", lambda i: i.put((i.optional, "H", 0x10B)), DAMAGED),
    ("rom", lambda i: i.put((i.optional, "H", 0x107)), DAMAGED),
    ("program", lambda i: i.put((i.header + 22, "H", i.flags & ~0x2000)), TYPE),
    ("not_linked_whole", lambda i: i.put((i.header + 22, "H", i.flags & ~2)), TYPE),
    ("cannot_be_moved", lambda i: i.put((i.header + 22, "H", i.flags | 1)), TYPE),
    ("dot_net", lambda i: i.put((i.directory(14), "II", i.sections[".text"]["address"], 72)), TYPE),
    ("driver", lambda i: i.put((i.optional + 68, "H", 1)), TYPE),
    ("optional_header_of_0", lambda i: i.put((i.header + 20, "H", 0)), DAMAGED),
    ("optional_header_of_64k", lambda i: i.put((i.header + 20, "H", 65535))[:60000], CUT),
    ("sections_0", lambda i: i.put((i.header + 6, "H", 0)), DAMAGED),
    ("sections_65535", lambda i: i.put((i.header + 6, "H", 65535)), DAMAGED),
    ("section_beyond_image", lambda i: i.put((i.entry(".reloc", 12), "I", FAR)), DAMAGED),
    ("section_beyond_file", lambda i: i.put((i.entry(".rdata", 20), "I", FAR)), CUT),
    (
        "section_over_another",
        lambda i: i.put((i.entry(".rdata", 12), "I", i.sections[".text"]["address"])),
        DAMAGED,
    ),
    (
        "section_between_pages",
        lambda i: i.put((i.entry(".reloc", 12), "I", i.sections[".reloc"]["address"] + 8)),
        DAMAGED,
    ),
    ("section_between_blocks", lambda i: i.put((i.entry(".rdata", 20), "I", i.sections[".rdata"]["at"] + 8)), DAMAGED),
    ("section_over_headers", lambda i: i.put((i.entry(".text", 12), "I", 0)), DAMAGED),
    ("section_of_4_gigabytes", lambda i: i.put((i.entry(".bss", 8), "I", 0xFFFFF000)), DAMAGED),
    ("code_that_can_be_written", lambda i: i.put((i.entry(".text", 36), "I", 0xE0000020)), WRITABLE_CODE),
    ("alignment_of_3", lambda i: i.put((i.optional + 36, "I", 3)), DAMAGED),
    ("alignment_of_0", lambda i: i.put((i.optional + 32, "I", 0)), DAMAGED),
    ("alignment_of_16", lambda i: i.put((i.optional + 32, "II", 16, 16)), DAMAGED),
    ("image_too_small", lambda i: i.put((i.optional + 56, "I", 0x2000)), DAMAGED),
    ("image_of_2_gigabytes", lambda i: i.put((i.optional + 56, "I", 0x80000000)), LARGE),
    ("header_larger_than_file", lambda i: i.put((i.optional + 60, "I", 0x7FFFFFFF)), CUT),
    ("header_of_0", lambda i: i.put((i.optional + 60, "I", 0)), DAMAGED),
    ("directories_0", lambda i: i.put((i.optional + 108, "I", 0)), NO_ENTRY),
    ("directories_17", lambda i: i.put((i.optional + 108, "I", 17)), DAMAGED),
    ("directories_4_billion", lambda i: i.put((i.optional + 108, "I", 0xFFFFFFFF)), DAMAGED),
    ("first_function_outside", lambda i: i.put((i.optional + 16, "I", FAR)), DAMAGED),
    (
        "first_function_in_data",
        lambda i: i.put((i.optional + 16, "I", i.sections[".rdata"]["address"])),
        DAMAGED,
    ),
    ("no_exports", lambda i: i.put((i.directory(0), "II", 0, 0)), NO_ENTRY),
    ("exports_outside", lambda i: i.put((i.directory(0), "II", FAR, 100)), DAMAGED),
    ("exports_70000", lambda i: i.put((i.exports + 20, "II", 70000, 70000)), DAMAGED),
    ("exports_4_billion", lambda i: i.put((i.exports + 20, "II", 0xFFFFFFFF, 0xFFFFFFFF)), DAMAGED),
    ("exports_without_names", lambda i: i.put((i.exports + 24, "I", 0)), NO_ENTRY),
    ("export_list_outside", lambda i: i.put((i.exports + 28, "I", FAR)), DAMAGED),
    ("export_name_outside", lambda i: i.put((i.names, "I", FAR)), DAMAGED),
    ("export_number_outside", lambda i: i.put((i.numbers, "H", 999)), DAMAGED),
    ("export_outside", lambda i: i.put((i.functions, "I", FAR)), DAMAGED),
    ("entry_elsewhere", lambda i: i.put((i.functions, "I", i.get("I", i.exports + 12))), NO_ENTRY),
    ("entry_is_data", lambda i: i.put((i.functions, "I", i.sections[".rdata"]["address"])), NO_ENTRY),
    ("entry_at_0", lambda i: i.put((i.functions, "I", 0)), NO_ENTRY),
    ("imports_outside", lambda i: i.put((i.directory(1), "II", FAR, 100)), DAMAGED),
    (
        "imports_at_the_end",
        lambda i: i.put((i.directory(1), "I", i.sections[".idata"]["address"] + i.sections[".idata"]["size"] - 4)),
        DAMAGED,
    ),
    ("import_name_outside", lambda i: i.put((i.imports + 12, "I", FAR)), DAMAGED),
    ("import_names_outside", lambda i: i.put((i.imports, "I", FAR)), DAMAGED),
    ("import_addresses_outside", lambda i: i.put((i.imports + 16, "I", FAR)), DAMAGED),
    ("import_function_outside", lambda i: i.put((i.lookups, "Q", FAR)), DAMAGED),
    ("import_of_a_path", lambda i: i.put((i.library, "9s", b"..\\x.dll\0")), DAMAGED),
    ("import_of_no_name", lambda i: i.put((i.library, "B", 0)), DAMAGED),
    ("delayed_imports_outside", lambda i: i.put((i.directory(13), "II", FAR, 32)), DAMAGED),
    ("links_torch", lambda i: i.put((i.library, "12s", b"TORCH.dll\0\0\0")), FOREIGN),
    ("links_c10", lambda i: i.put((i.library, "12s", b"c10.dll\0\0\0\0\0")), FOREIGN),
    ("links_trainer", lambda i: i.put((i.library, "12s", b"Trainer.dll\0")), FOREIGN),
    ("links_a_sanitizer", lambda i: i.put((i.library, "14s", b"clang_rt.asan\0")), SANITIZER),
    ("debug_build", lambda i: i.put((i.library, "13s", b"msvcrtd.DLL\0\0")), DEBUG),
    ("threads_outside", lambda i: i.put((i.directory(9), "II", FAR, 40)), DAMAGED),
    ("thread_index_outside", lambda i: i.put((i.threads + 16, "Q", FAR)), DAMAGED),
    ("thread_functions_outside", lambda i: i.put((i.threads + 24, "Q", i.base + FAR)), DAMAGED),
    (
        "thread_function_in_data",
        lambda i: i.put((i.threads + 24, "Q", i.base + i.sections[".rdata"]["address"])),
        DAMAGED,
    ),
    ("thread_data_backwards", lambda i: i.put((i.threads, "QQ", i.base + 64, i.base + 8)), DAMAGED),
    ("relocations_outside", lambda i: i.put((i.directory(5), "II", FAR, 40)), DAMAGED),
    ("relocation_outside", lambda i: i.put((i.relocations, "I", FAR)), DAMAGED),
    ("relocations_in_a_ring", lambda i: i.put((i.relocations + 4, "I", 0)), DAMAGED),
    ("relocation_of_odd_kind", lambda i: i.put((i.relocations + 8, "H", 0x7000)), DAMAGED),
    ("directory_outside", lambda i: i.put((i.directory(10), "II", FAR, 100)), DAMAGED),
    ("certificate_outside", lambda i: i.put((i.directory(4), "II", FAR, 100)), CUT),
    ("note_missing", lambda i: i.put((i.entry(".trainer"), "8s", b".traines")), NO_NOTE),
    ("note_twice", lambda i: i.put((i.entry(".CRT"), "8s", b".trainer")), NOTE),
    ("note_huge", lambda i: i.put((i.entry(".trainer", 8), "I", FAR), (i.entry(".trainer", 16), "I", FAR)), CUT),
    ("note_magic", lambda i: i.put((i.note, "4s", b"XXXX")), NOTE),
    ("note_of_other_abi", lambda i: i.put((i.note + 16, "I", 2)), ABI),
    ("note_size", lambda i: i.put((i.note + 24, "I", 0xFFFFFF)), NOTE),
    ("note_no_json", lambda i: i.put((i.note + 32, "B", 0)), NOTE),
    ("elf", lambda i: b"\x7fELF" + i.bytes[4:], MACHINE),
    ("archive", lambda i: b"!<arch>\n" + bytes(100), NOT_ONE),
    ("zip", lambda i: b"PK\3\4" + bytes(100), NOT_ONE),
    ("text", lambda i: b"I am a plugin\n", NOT_ONE),
    ("zeros", lambda i: bytes(5000), NOT_ONE),
]


class Dlls(Host):
    def __init__(self, work, good):
        super().__init__(work, 1)
        self.wrong = []
        self.directory = work / "plugins"
        self.directory.mkdir()
        image = Image(good.read_bytes())
        for name, change, _ in CASES:
            (self.directory / f"{name}.dll").write_bytes(change(image))
        (self.directory / "directory.dll").mkdir()

    def expect(self, condition, what):
        if not condition:
            self.wrong.append(what)

    def inspect(self, case):
        name, _, wanted = case
        status, out, error, taken = self.run("plugins", "inspect", f"plugins/{name}.dll", "--json")
        lines = error.splitlines()
        right = (
            status == 0 and not error and '"system": "Windows"' in out
            if wanted is None
            else status == 2 and len(lines) == 1 and lines[0].startswith("error: ") and lines[0].endswith(f"[{wanted}]")
        )
        self.expect(
            right and taken < DEADLINE_S,
            f"{name}: inspect gave {status} after {taken:.1f} s: {out}{error}, expected [{wanted}]",
        )

    def inspect_all(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(self.inspect, CASES))

    def list_all(self):
        """One line for each that is refused; the two that are good have one id."""
        status, out, error, taken = self.run("plugins", "list", "--plugin-dir", "plugins")
        for name, _, id_ in [*CASES, ("directory", None, "plugin.file-not-regular")]:
            lines = [line for line in out.splitlines() if re.search(rf"[/\\]{name}\.dll[ :]", line)]
            says = any(line.startswith("not usable: ") and line.endswith("]") for line in lines)
            self.expect(says or id_ is None, f"{name}: list says {lines}, expected that it is not usable")
        self.expect(status == 0 and "hello_c" in out and taken < DEADLINE_S, f"list gave {status}: {out}{error}")

    def as_linux_plugins(self):
        """A Windows library by the name of a Linux one is told apart at once."""
        for path in self.directory.glob("*.dll"):
            path.rename(path.with_suffix(".so"))
        status, out, error, _ = self.run("plugins", "list", "--plugin-dir", "plugins")
        told = out.count("is a Windows DLL (MZ), expected a shared library for this system (ELF)")
        heads = [path.read_bytes()[:2] for path in self.directory.glob("*.so") if path.is_file()]
        are = sum(head != b"" and b"MZ".startswith(head) for head in heads)
        self.expect(status == 0 and told == are > 60, f"list gave {status} and told {told} of {are}: {out}{error}")

    def validate_all(self):
        status, out, error, taken = self.run("plugins", "validate", "plugins", "--only", "file.read")
        self.expect(
            status == 1 and out.count("ok      file.read") == 2 and taken < 4 * DEADLINE_S,
            f"validate gave {status} after {taken:.1f} s: {out}{error}, expected all but two to fail",
        )


def main():
    good = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE / "tests/hostile/dlls/good.dll"
    rows = set(re.findall(r"^\| `([\w.-]+)` \|", (SOURCE / "docs/errors.md").read_text(), flags=re.M))
    with tempfile.TemporaryDirectory(prefix="tráiner € 学 ") as name:
        dlls = Dlls(pathlib.Path(name), good)
        dlls.inspect_all()
        for part in (dlls.list_all, dlls.validate_all) if TRAINER.endswith(".exe") else (dlls.as_linux_plugins,):
            part()
        unexplained = {id_ for _, _, id_ in CASES if id_} - rows
        dlls.expect(not unexplained, f"docs/errors.md lacks {unexplained}")
        print("\n".join(dlls.wrong) or f"{len(CASES)} libraries refused, or taken, as expected")
        return 1 if dlls.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
