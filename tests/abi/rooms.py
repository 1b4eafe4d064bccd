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
    "core": ["base", "arguments", "state", "discovery", "border", "callbacks", "loading", "run"],
    "host": [
        "formats",
        "data",
        "checkpoints",
        "optimizers",
        "schedules",
        "model",
        "trainer",
        "validator",
        "command",
    ],
}
MAY = {
    "plugin_api": [],
    "sdk": ["plugin_api"],
    "plugins": ["plugin_api", "sdk"],
    "core": ["plugin_api"],
    "host": ["plugin_api", "core"],
    "host/validator": ["plugin_api", "core", "sdk"],  # it plays host with the SDK's values
    "host/command": ["plugin_api", "core"],
}
# Public headers without a source of their name: the room that defines what they declare.
PUBLIC = {
    "core": {
        "builtin_callbacks": "callbacks",
        "callback": "callbacks",
        "callback_entry": "callbacks",
        "error_ids": "base",
        "event_names": "state",
        "host_context": "border",
        "json": "base",
        "number": "base",
    },
    "host": {"trainer_options": "trainer"},
}
SYSTEMS = re.compile(r"_(posix|linux|windows)$")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]')
GENERATED = {"python_modules.hpp"}
# Outside libraries that a room must not know.
FOREIGN = {"core": ("torch/", "ATen/", "c10/"), "plugins": ("torch/", "ATen/", "c10/"), "sdk": ("torch/", "boost/")}


def stem(path):
    return SYSTEMS.sub("", path.stem)


def sources():
    for library in ("plugin_api", "sdk", "core", "host", "plugins"):
        for path in sorted((SOURCE / library).rglob("*")):
            parts = path.relative_to(SOURCE).parts
            if path.suffix in (".h", ".hpp", ".c", ".cpp") and not {"examples", "templates", "cmake"} & set(parts):
                yield path


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
    if library == "plugins":
        return library, "/".join(rest[:2]) if rest[0] == "shared" else rest[0]
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
        elif library == "plugins" and other_room != room and not other_room.startswith("shared/"):
            return f"plugins/{room} may include itself and plugins/shared only"
        return None
    may = MAY.get(f"{library}/{room}", MAY[library])
    if other not in may:
        return f"{library}/{room} may include {', '.join(may) or 'nothing'} of the other libraries"
    return None


def resolve(name, quoted, path, roots):
    places = [path.parent, *roots] if quoted else roots
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
    rooms_of_stems = {}
    for path in files:
        library, *rest = path.relative_to(SOURCE).parts
        if library in ROOMS and rest[0] != "include":
            rooms_of_stems[library, stem(path)] = rest[0]
    roots = {
        "core": ["core", "core/include", "plugin_api/include"],
        "host": ["host", "host/include", "core", "core/include", "sdk/include", "plugin_api/include"],
        "plugins": ["plugins", "sdk/include", "plugin_api/include", "core/include", "host/include"],
        "sdk": ["sdk/include", "plugin_api/include", "core/include"],
        "plugin_api": ["plugin_api/include", "core/include"],
    }
    problems, arrows, graph, lines = [], collections.Counter(), collections.defaultdict(set), {}
    for path in files:
        mine = room_of(path, rooms_of_stems)
        unit = unit_of(path, mine)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not (match := INCLUDE.match(line)):
                continue
            where = f"{path.relative_to(SOURCE)}:{number}"
            if match[2].startswith(FOREIGN.get(mine[0], ("//",))):
                problems.append(f"{where}: {match[2]}, expected no such library in {mine[0]}")
            found = resolve(match[2], match[1] == '"', path, [SOURCE / root for root in roots[mine[0]]])
            if found is None:
                if match[1] == '"' and match[2] not in GENERATED:
                    problems.append(f"{where}: {match[2]} is not found from here, expected room/file.hpp")
                continue
            theirs = room_of(found.resolve(), rooms_of_stems)
            if why := complaint(mine, theirs):
                problems.append(f"{where}: includes {found.relative_to(SOURCE)}, but {why}")
            if "include" in path.parts and "include" not in found.parts:
                problems.append(f"{where}: a public header includes the private {match[2]}, which is not installed")
            if mine[0] in ROOMS and mine == theirs and match[1] == '"' and "/" not in match[2]:
                problems.append(f"{where}: {match[2]}, expected it by its room: {mine[1]}/{match[2]}")
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
