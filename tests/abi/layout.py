# SPDX-License-Identifier: Apache-2.0
"""The layout of every struct of plugin_api, compared with the one that is kept in plugin_api/abi.

  layout.py x86_64|i386            0 when it is the kept one, 77 when the compiler cannot do it
  layout.py x86_64|i386 --update   keeps the present one; refuses one that breaks built plugins

The fields are read from the headers, so none can be forgotten; the numbers are the compiler's. Nothing
is run and no C library is needed: the numbers are constants in a section of an object file.
Reads SOURCE and CC from the environment.
"""

import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("SOURCE", pathlib.Path(__file__).resolve().parents[2]))
INCLUDE = SOURCE / "plugin_api" / "include"
FLAGS = {"x86_64": ["-m64"], "i386": ["-m32"]}
RECORD = struct.Struct("<4I")  # record number, offset, size, alignment


def fields_of(body):
    names = []
    for declaration in body.split(";"):
        declaration = " ".join(declaration.split())
        if not declaration:
            continue
        function = re.search(r"\(TRAINER_CALL\s*\*\s*(\w+)\)", declaration)
        plain = re.search(r"(\w+)(\[\d+\])?$", declaration)
        names.append((function or plain).group(1))
    return names


def structs():
    """[(header, struct, fields)]; every struct must name its last field for the compiler to check."""
    found = []
    headers = sorted(INCLUDE.rglob("*.h"), key=lambda path: (len(path.parts), path.name))
    for header in headers:
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        lasts = dict(re.findall(r"^TRAINER_LAST_FIELD\((?:struct )?(\w+), (\w+)\);", text, flags=re.M))
        for name, body in re.findall(r"^(?:typedef )?struct (\w+) \{(.*?)^\}", text, flags=re.S | re.M):
            fields = fields_of(body)
            if name != "trainer_text" and lasts.get(name) != fields[-1]:
                sys.exit(
                    f"{header.name}: struct {name} ends with {fields[-1]}, but its TRAINER_LAST_FIELD "
                    f"names {lasts.get(name)}; name its last field"
                )
            found.append((header.relative_to(INCLUDE).as_posix(), name, fields))
    return found


def measure(machine, found):
    """Lines 'struct size align' and 'struct.field offset size align', or None without such a compiler."""
    names, rows = [], []
    for _, name, fields in found:
        names.append(name)
        rows.append(f"0, sizeof(T_{name}), _Alignof(T_{name})")
        for field in fields:
            names.append(f"{name}.{field}")
            rows.append(
                f"offsetof(T_{name}, {field}), sizeof(((T_{name}*)0)->{field}), "
                f"_Alignof(__typeof__(((T_{name}*)0)->{field}))"
            )
    lines = ["#include <stddef.h>"] + [f"#include <{header}>" for header in sorted({h for h, _, _ in found})]
    lines += [f"typedef struct {name} T_{name};" for _, name, _ in found]
    lines.append('__attribute__((section(".layout"), used)) const unsigned layout[][4] = {')
    lines += [f"  {{{index}, {row}}}," for index, row in enumerate(rows)] + ["};", ""]
    with tempfile.TemporaryDirectory() as work:
        code, made, raw = (os.path.join(work, name) for name in ("layout.c", "layout.o", "layout.bin"))
        pathlib.Path(code).write_text("\n".join(lines))
        compiler = [os.environ.get("CC", "cc"), "-std=c11", "-ffreestanding", "-c", "-o", made, *FLAGS[machine]]
        empty = os.path.join(work, "empty.c")
        pathlib.Path(empty).write_text("#include <stdint.h>\nint32_t nothing;\n")
        if subprocess.run([*compiler, empty], capture_output=True, check=False).returncode != 0:
            return None
        subprocess.run([*compiler, "-I", str(INCLUDE), code], check=True)
        subprocess.run(["objcopy", "-O", "binary", "-j", ".layout", made, raw], check=True)
        data = pathlib.Path(raw).read_bytes()
    records = list(RECORD.iter_unpack(data[: len(names) * RECORD.size]))
    assert [record[0] for record in records] == list(range(len(names))), "the section is not as written"
    return [
        f"{name} offset {offset} size {size} align {align}" if "." in name else f"{name} size {size} align {align}"
        for name, (_, offset, size, align) in zip(names, records)
    ]


def abi_version():
    text = (INCLUDE / "trainer" / "abi.h").read_text()
    return ".".join(re.search(rf"#define TRAINER_ABI_{part} (\d+)u", text).group(1) for part in ("MAJOR", "MINOR"))


def breaks(old, new):
    """What in `new` a plugin built with `old` would trip over: anything but appended fields."""
    order = lambda lines: [line.split()[0] for line in lines]
    now = {line.split()[0]: line for line in new}
    problems = []
    for line in old:
        name = line.split()[0]
        if name not in now:
            problems.append(f"{name} is gone")
        elif "." in name and now[name] != line:
            problems.append(f"was: {line}; is: {now[name]}")
        elif "." not in name:
            size, align = (int(line.split()[i]) for i in (2, 4))
            size_now, align_now = (int(now[name].split()[i]) for i in (2, 4))
            if size_now < size or align_now != align:
                problems.append(f"was: {line}; is: {now[name]}")
    for name in {line.split()[0] for line in old if "." not in line.split()[0]}:
        before, after = ([f for f in order(lines) if f.startswith(name + ".")] for lines in (old, new))
        if after[: len(before)] != before and not any(f"{name}." in p for p in problems):
            problems.append(f"the fields of {name} have another order")
    return problems


def main():
    machine = sys.argv[1]
    kept = SOURCE / "plugin_api" / "abi" / f"layout-{machine}.txt"
    found = structs()
    new = measure(machine, found)
    if new is None:
        print(f"skipped: {os.environ.get('CC', 'cc')} cannot compile for {machine}")
        return 77
    old_version, *old = kept.read_text().splitlines() if kept.exists() else ["abi none"]
    version = f"abi {abi_version()}"
    problems = breaks(old, new)
    if problems and old_version.partition(".")[0] == version.partition(".")[0]:
        print(f"{kept.name}: a plugin built for {old_version} would break:", *problems, sep="\n  ", file=sys.stderr)
        print("append fields only, or raise TRAINER_ABI_MAJOR", file=sys.stderr)
        return 1
    if "--update" in sys.argv:
        kept.parent.mkdir(exist_ok=True)
        kept.write_text("\n".join([version, *new, ""]))
    elif [old_version, *old] != [version, *new]:
        print(f"{kept.name} is not the present layout: keep it with layout.py {machine} --update", file=sys.stderr)
        print(*sorted(set(old) ^ set(new)), sep="\n", file=sys.stderr)
        return 1
    print(f"{machine}: {len(found)} structs, {len(new) - len(found)} fields, as kept for {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
import os
