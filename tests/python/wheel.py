# SPDX-License-Identifier: Apache-2.0
"""Builds the wheel of sdk/python and installs it into $BUILD/python/site for the other tests; checks what is in it."""

import email
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

from harness import BUILD, SITE, SOURCE, expect, expect_equal

package = SOURCE / "sdk" / "python"
place = BUILD / "python"
shutil.rmtree(place, ignore_errors=True)
place.mkdir(parents=True)


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    expect(done.returncode == 0, f"{' '.join(command)} gave {done.returncode}:\n{done.stdout}")


with tempfile.TemporaryDirectory() as copy:  # a build leaves files beside the sources
    shutil.copytree(package, pathlib.Path(copy) / "python")
    pip("wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(place), f"{copy}/python")
pip("install", "--no-deps", "--no-index", "--target", str(SITE), *map(str, place.glob("*.whl")))

(wheel,) = place.glob("*.whl")
expect(wheel.name.endswith("-py3-none-any.whl"), f"{wheel.name} is not pure Python")
with zipfile.ZipFile(wheel) as archive:
    names = set(archive.namelist())
    (metadata,) = (n for n in names if n.endswith(".dist-info/METADATA"))
    fields = email.message_from_bytes(archive.read(metadata))
modules = {f"libtrainer/{path.name}" for path in (package / "src" / "libtrainer").glob("*.py")}
expect_equal({n for n in names if n.startswith("libtrainer/")}, modules, "the wheel's modules")
expect_equal(fields["Name"], "libtrainer", "the name")
expect_equal(fields.get_all("Requires-Dist"), None, "what it requires")
