# SPDX-License-Identifier: Apache-2.0
"""The last words of each function's comment in plugin_api are of a few forms, and core checks the host's functions
against just these (core/border/call_check.hpp). Reads SOURCE from the environment."""

import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ["SOURCE"])
FORMS = {
    "any-thread",
    "any-thread & active",
    "trainer-thread",
    "trainer-thread & active",
    "trainer-thread & event",
    "trainer-thread & !event",
}
# What the host calls, and not the plugin: these rules are the host's own to keep.
PLUGIN_SIDE = {
    "trainer_plugin",
    "trainer_callback",
    "trainer_ext_tracker",
    "trainer_ext_state",
    "trainer_ext_console",
    "trainer_ext_results",
    "trainer_ext_outcome",
    "trainer_ext_checkpoint_files",
}
CHECKED = {"trainer_thread": "trainer-thread", "trainer_thread_event": "trainer-thread & event"}


def stated():
    """{struct.function: form}; a comment counts for all functions up to the next one."""
    rules, problems = {}, []
    for header in sorted((SOURCE / "plugin_api/include").rglob("*.h")):
        text = header.read_text()
        for struct, body in re.findall(r"^(?:typedef )?struct (\w+) \{(.*?)^\}", text, flags=re.S | re.M):
            form = None
            for comment, function in re.findall(r"/\*(.*?)\*/|\(TRAINER_CALL\*? ?\*?(\w+)\)\(", body, flags=re.S):
                if function:
                    if form not in FORMS:
                        problems.append(
                            f"{header.name}: {struct}.{function} says {form!r}, expected one of {sorted(FORMS)}"
                        )
                    rules[f"{struct}.{function}"] = form
                else:
                    words = re.search(r"\[([^\]]*)\]\s*$", " ".join(comment.replace("*", " ").split()))
                    form = words.group(1) if words else None
    return rules, problems


def main():
    rules, problems = stated()
    expected = {
        name: form
        for name, form in rules.items()
        if name.split(".")[0] not in PLUGIN_SIDE and not form.startswith("any-thread")
    }
    found = {}
    for file in ("core/border/plugin_host.cpp", "core/border/map_view.cpp"):
        for name, when in re.findall(r'breaks_rule\(\w+, "([\w.]+)"(?:, When::(\w+))?\)', (SOURCE / file).read_text()):
            found[name] = CHECKED[when or "trainer_thread"]
    problems += [
        f"{name}: the header says [{expected.get(name)}], the host checks [{found.get(name)}]"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
    print(f"{len(rules)} functions with a rule, {len(found)} of them checked at run time")
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems or len(found) < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
