# SPDX-License-Identifier: Apache-2.0
"""Every shipped plugin as .dll: it is found, exports its entry and nothing else, imports the system's libraries only, and
is loaded and made where it needs nobody. The validator runs on some of them; with --all, on every one.
"""

import json
import re
import sys

import wine

VALIDATED = ["early_stopping", "tensorboard", "html"]
# Windows' own, on every installation.
SYSTEM = re.compile(
    r"^(kernel32|msvcrt|ucrtbase|api-ms-win-.*|advapi32|ws2_32|winhttp|crypt32|bcrypt|iphlpapi|ntdll|psapi|user32)\.dll$",
    re.I,
)


def main():
    wine.require("x86_64-w64-mingw32-objdump")
    files = sorted(wine.PLUGINS.glob("*.dll"))
    shipped = sorted(
        path.parent.name for path in wine.SOURCE.glob("plugins/*/CMakeLists.txt") if path.parent.name != "shared"
    )
    with wine.directory() as work:
        cache = {"TRAINER_CACHE_DIR": work / "cache"}
        listed = json.loads(wine.trainer("plugins", "list", "--json", cwd=work, env=cache))
        names = {one["id"] for one in listed["plugins"]}
        missing = set(shipped) - names
        if missing or listed["problems"]:
            sys.exit(f"plugins list lacks {', '.join(sorted(missing))}: {listed}")
        print(f"ok list: {len(names)} plugins")
        for file in files:
            dump = wine.run("x86_64-w64-mingw32-objdump", "-p", file)
            exports = re.findall(r"^\s*\[\s*\d+\](?: \+base\[\s*\d+\])?\s+(?:[0-9a-f]{4} )?(\w+)$", dump, re.M)
            if exports != ["trainer_plugin_entry"]:
                sys.exit(f"{file.name} exports {exports}, expected its entry alone")
            foreign = [name for name in re.findall(r"DLL Name: (\S+)", dump) if not SYSTEM.match(name)]
            if foreign:
                sys.exit(f"{file.name} needs {foreign}, expected Windows' own libraries")
        print(f"ok exports and imports of {len(files)} files")
        for name in shipped if "--all" in sys.argv else VALIDATED:
            text = wine.trainer("plugins", "validate", wine.PLUGINS / f"{name}.dll", cwd=work, status=None, env=cache)
            last = text.strip().splitlines()[-1]
            if not re.search(r"\b0 failed", last):
                sys.exit(f"{name}: {text}")
            print("ok validate", name, "-", last)


if __name__ == "__main__":
    main()
