#!/usr/bin/env bash
# Builds the plugins of a version of the contract with this tree's SDK, to be kept for ever, and writes down what
# this tree's host shows them. Run it once for a new version, after copying the sources to a directory of its name;
# what is there already is not built again.
#   TRAINER=build/bin/trainer tests/abi/frozen/record.sh 1.0
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$1
include=(-I "$here/../../../plugin_api/include" -I "$here/../../../sdk/include")
options=(-O2 -shared -fPIC -fvisibility=hidden -s -Wl,-z,defs)
to=$here/$version/$(uname -m)-$(uname -s | tr '[:upper:]' '[:lower:]')
[ ! -e "$to" ] || { echo "$to is there already: a frozen plugin is not built again" >&2; exit 1; }
found=$(sed -n 's/^#define TRAINER_ABI_M[AJINOR]* \([0-9]*\)u$/\1/p' "$here/../../../plugin_api/include/trainer/abi.h" | paste -sd.)
[ "$found" = "$version" ] || { echo "this tree has the contract $found, expected $version" >&2; exit 1; }
echo "{ global: trainer_plugin_entry; local: *; };" >"$here/exports"
trap 'rm -f "$here/exports"' EXIT
mkdir "$to"
"${CC:-cc}" -std=c11 "${options[@]}" -Wl,--version-script="$here/exports" "${include[@]}" "$here/$version/witness.c" -o "$to/frozen_witness.so"
"${CXX:-c++}" -std=c++17 "${options[@]}" -Wl,--version-script="$here/exports" "${include[@]}" "$here/$version/scribe.cpp" -o "$to/frozen_scribe.so"
python3 "$here/frozen.py" --record "$version"
