# SPDX-License-Identifier: Apache-2.0
"""The doors between the rooms open one way: whoever includes whom is read from the include lines of the sources and
compared with the tables below; docs/architecture.md explains them. Names file and line of each arrow that points
back, and of each circle. Reads SOURCE from the environment.

    SOURCE=. python3 tests/abi/rooms.py [--arrows]      --arrows prints them all, counted
"""

import collections
import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ["SOURCE"]).resolve()

# The rooms of a library, ground floor first: each may include itself, those before it, and the libraries of MAY.
ROOMS = {
    "core": ["base", "arguments", "state", "discovery", "border", "callbacks", "loading", "isolation", "run"],
    "host": [
        "formats",
        "ranks",
        "data",
        "checkpoints",
        "optimizers",
        "schedules",
        "model",
        "metrics",
        "exported",
        "trainer",
        "validator",
        "command",
    ],
}
# The same of plugins/shared; a plugin may include itself and any of these.
SHARED = [
    "system",
    "settings",
    "csv_text",
    "json_tree",
    "protobuf",
    "python_text",
    "record_file",
    "http",
    "run_config",
    "mlflow",
    "python_bridge",
]
MAY = {
    "plugin_api": [],
    "child": [],
    "report": [],
    "sdk": ["plugin_api"],
    "plugins": ["plugin_api", "sdk", "child", "report"],
    "core": ["plugin_api", "child"],
    "host": ["plugin_api", "core"],
    "host/validator": ["plugin_api", "core", "sdk"],  # it plays host with the SDK's values
    "host/command": ["plugin_api", "core", "report"],
}
# Public headers without a source of their name: the room that defines what they declare.
PUBLIC = {
    "core": {
        "builtin_callbacks": "callbacks",
        "callback_context": "callbacks",
        "callback_entry": "callbacks",
        "error_ids": "base",
        "event_names": "state",
        "flag_changes": "callbacks",
        "host_context": "border",
        "json": "base",
        "number": "base",
        "process": "state",
        "run_file": "run",
        "trainer_callback": "callbacks",
        "training_outcome": "state",
    },
    "host": {"metrics": "metrics", "trainer": "trainer", "trainer_options": "trainer"},
}
SYSTEMS = re.compile(r"_(posix|linux|windows)$")
DIRECTIVE = re.compile(r"^\s*(?:/\*.*?\*/\s*)*(?:#|%:)\s*(?:include|import)\w*(.*)")
FILE = re.compile(r'\s*([<"])([^">]+)[">]')
SUFFIXES = {".c", ".cc", ".cpp", ".h", ".hh", ".hpp", ".inc", ".ipp"}
NO_ROOMS = ("sdk/examples", "sdk/templates", "sdk/python", "host/examples", "host/cmake")
GENERATED = {("python_bridge", "python_modules.hpp"), ("report", "report/page_text.hpp")}  # folder and name
# Outside libraries that a room must not know.
TORCH = ("torch/", "ATen/", "c10/", "caffe2/")
FOREIGN = {"core": TORCH, "plugins": TORCH, "sdk": (*TORCH, "boost/"), "child": (*TORCH, "boost/")}


def stem(path):
    return SYSTEMS.sub("", path.stem)


def sources():
    for library in (name for name in MAY if "/" not in name):
        for path in sorted((SOURCE / library).rglob("*")):
            name = path.relative_to(SOURCE).as_posix()
            if path.suffix in SUFFIXES and not name.startswith(tuple(folder + "/" for folder in NO_ROOMS)):
                yield path


def included(path):
    """Line number, quote or bracket, and name of each include; the name is None where it cannot be read."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if match := DIRECTIVE.match(line):
            file = FILE.match(match[1])
            yield number, *(file.groups() if file else ("", None))


def room_of(path, rooms_of_stems):
    """("core", "base"), ("plugins", "csv"), ("plugins", "shared/http"), ("sdk", "")."""
    library, *rest = path.relative_to(SOURCE).parts
    if library in ROOMS:
        if rest[0] == "include":
            room = PUBLIC[library].get(path.stem) or rooms_of_stems.get((library, path.stem))
            if room is None:
                sys.exit(f"{path}: no source of this name in a room, expected one, or an entry in PUBLIC of rooms.py")
            return library, room
        if rest[0] not in ROOMS[library]:
            sys.exit(f"{path}: {library}/{rest[0]} is no room, expected one of {', '.join(ROOMS[library])}")
        return library, rest[0]
    if library == "plugins" and rest[0] == "shared":
        if rest[1] not in SHARED:
            sys.exit(f"{path}: plugins/shared/{rest[1]} is no room, expected one of {', '.join(SHARED)}")
        return library, f"shared/{rest[1]}"
    if library == "plugins":
        return library, rest[0]
    return library, ""


def unit_of(path, room):
    """A header and the sources of its name; in libraries without rooms those of one folder."""
    return (*room, stem(path)) if room[0] in ROOMS else (*room, str(path.parent.relative_to(SOURCE)), stem(path))


def complaint(mine, theirs):
    """Why `mine` must not include `theirs`, or nothing."""
    (library, room), (other, other_room) = mine, theirs
    if library == other:
        if library in ROOMS:
            order = ROOMS[library]
            if order.index(other_room) > order.index(room):
                return f"{library}/{room} stands before {library}/{other_room}"
        elif library == "plugins" and other_room != room:
            if not other_room.startswith("shared/"):
                return f"plugins/{room} may include itself and plugins/shared only"
            order = [f"shared/{name}" for name in SHARED]
            if room in order and order.index(other_room) > order.index(room):
                return f"plugins/{room} stands before plugins/{other_room}"
        return None
    may = MAY.get(f"{library}/{room}", MAY[library])
    if other not in may:
        return f"{library}/{room} may include {', '.join(may) or 'nothing'} of the other libraries"
    return None


def resolve(name, places):
    return next((place / name for place in places if (place / name).is_file()), None)


def circles(graph):
    """Circles of units, each as a list; at least one of those that hang together."""
    state, trail, found = {}, [], []

    def visit(unit):
        state[unit] = "open"
        trail.append(unit)
        for other in sorted(graph[unit]):
            if state.get(other) == "open":
                found.append(trail[trail.index(other) :])
            elif other not in state:
                visit(other)
        state[unit] = "done"
        trail.pop()

    for unit in sorted(graph):
        if unit not in state:
            visit(unit)
    return found


def main():
    sys.setrecursionlimit(10000)
    files = list(sources())
    problems, arrows, graph, lines = [], collections.Counter(), collections.defaultdict(set), {}
    rooms_of_stems = {}
    for path in files:
        library, *rest = path.relative_to(SOURCE).parts
        if library in ROOMS and rest[0] != "include":
            if (
                rooms_of_stems.setdefault((library, stem(path)), rest[0]) != rest[0]
                and (SOURCE / library / "include/trainer" / f"{stem(path)}.hpp").is_file()
            ):
                problems.append(
                    f"{path.relative_to(SOURCE)}: {rooms_of_stems[library, stem(path)]} has a source of this name"
                )
    # Whatever else a compiler may be told, an include that one of these folders answers is an arrow.
    roots = ["core", "core/include", "host", "host/include", "plugins", "sdk/include", "plugin_api/include", "."]
    for path in files:
        mine = room_of(path, rooms_of_stems)
        unit = unit_of(path, mine)
        for number, quote, name in included(path):
            where = f"{path.relative_to(SOURCE)}:{number}"
            if name is None or (name.startswith(".") and mine[0] not in ("plugin_api", "sdk")):
                problems.append(f"{where}: expected an include by the room and name of the file, in one line")
                continue
            if name.startswith(FOREIGN.get(mine[0], ("//",))):
                problems.append(f"{where}: {name}, expected no such library in {mine[0]}")
            # A room's own folder comes first, as with the compiler.
            near = [path.parent] if quote == '"' else []
            own = [SOURCE / root for root in roots if root.split("/")[0] == mine[0]]
            found = resolve(name, [*near, *own, *(SOURCE / root for root in roots)])
            if found is None:
                if (quote == '"' or name.startswith("trainer/")) and (path.parent.name, name) not in GENERATED:
                    problems.append(f"{where}: {name} is not found from here, expected room/file.hpp")
                continue
            theirs = room_of(found.resolve(), rooms_of_stems)
            if why := complaint(mine, theirs):
                problems.append(f"{where}: includes {found.relative_to(SOURCE)}, but {why}")
            if "include" in path.parts and "include" not in found.parts:
                problems.append(f"{where}: a public header includes the private {name}, which is not installed")
            if mine[0] in ROOMS and "/" not in name:
                problems.append(f"{where}: {name}, expected it by its room: {mine[1]}/{name}")
            if mine != theirs:
                arrows[mine, theirs] += 1
            other = unit_of(found, theirs)
            if other != unit:
                graph[unit].add(other)
                lines.setdefault((unit, other), where)
        graph[unit]
    for found in circles(graph):
        steps = zip(found, [*found[1:], found[0]])
        problems.append("a circle: " + ", ".join(f"{lines[step]} includes {step[1][-1]}" for step in steps))
    if "--arrows" in sys.argv:
        for (mine, theirs), count in sorted(arrows.items()):
            print(f"{count:4} {'/'.join(mine).strip('/')} -> {'/'.join(theirs).strip('/')}")
    if problems:
        sys.exit("\n".join(problems) + f"\n{len(problems)} includes break the order of the rooms")
    print(f"{len(files)} files, {sum(arrows.values())} includes between rooms, none back, no circle")


if __name__ == "__main__":
    main()
