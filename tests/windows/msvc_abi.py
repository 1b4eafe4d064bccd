# SPDX-License-Identifier: Apache-2.0
"""A plugin in C for MSVC's ABI, by clang and lld without a C library, in the command that MinGW has built: the contract
holds between compilers.
"""

import json

import wine


def main():
    wine.require("clang-16", "lld-link-16")
    with wine.directory() as work:
        code = wine.SOURCE / "tests/windows/msvc_plugin.c"
        target = ["--target=x86_64-pc-windows-msvc", "-ffreestanding", "-fno-builtin"]
        flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-I", wine.SOURCE / "plugin_api/include"]
        wine.run("clang-16", *target, *flags, "-c", code, "-o", work / "plugin.obj")
        plugins = work / "plugins"
        plugins.mkdir()
        link = ["/dll", "/noentry", "/nodefaultlib", f"/out:{plugins / 'msvc_c.dll'}"]
        wine.run("lld-link-16", *link, work / "plugin.obj")

        text = wine.trainer("plugins", "list", "--plugin-dir", plugins, cwd=work)
        wine.expect("list", text, "msvc_c", "äöü")
        found = json.loads(wine.trainer("plugins", "inspect", plugins / "msvc_c.dll", "--json", cwd=work))
        wine.expect("inspect", json.dumps(found), "msvc_c", "on_log")
        state = wine.SOURCE / "tests/parity/expected/all_in_one/trainer_state.json"
        text = wine.trainer(
            *("replay", state, "--report_to", "none", "--output_dir", "out", "--plugin-dir", plugins),
            *("--callback", "msvc_c"),
            cwd=work,
        )
        wine.expect("replay", text, "msvc_c: seed 42, limit 0.5", "msvc_c: logs: ", "a loss was seen")
        text = wine.trainer("plugins", "validate", plugins / "msvc_c.dll", cwd=work)
        wine.expect("validate", text, "passed, 0 failed")


if __name__ == "__main__":
    main()
