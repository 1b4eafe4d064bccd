#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds LibTrainer on a bare machine with an NVIDIA GPU, runs what only a GPU can show, and prints one table.
#   tests/gpu/check.sh FOLDER [--dry] [--out FOLDER] [--build FOLDER] [ROW...]
# FOLDER is what tests/gpu/prepare.sh made. --dry runs on the CPU what it can. README.md says what else there is.
set -uo pipefail
umask 022 # plugins in folders that others may write to are not loaded

source=$(cd "$(dirname "$0")/../.." && pwd)
usage() { sed -n '4,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# -ge 1 ] && [ -f "$1/packages.tar.xz" ] || usage
packages=$(cd "$1" && pwd)
shift
build=$source/build/gpu out= options=()
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$2; shift ;;
    --build) build=$2; shift ;;
    --dry) options+=(--dry) ;;
    -*) usage ;;
    *) options+=("$1") ;;
  esac
  shift
done
python=$(command -v "${PYTHON:-python3}") || { echo "no python3; set PYTHON to one that has torch" >&2; exit 2; }
mkdir -p "$build" "${out:=$build/out}"
build=$(cd "$build" && pwd) out=$(cd "$out" && pwd)
log=$out/build.log
root=$build/root/usr

compile() {
  set -e
  if [ ! -e "$root/.whole" ]; then
    rm -rf "$build/root"
    mkdir -p "$build/root"
    tar -C "$build/root" -xJf "$packages/packages.tar.xz" ||
      "$python" -m tarfile -e "$packages/packages.tar.xz" "$build/root"
    touch "$root/.whole"
  fi
  torch=$("$python" -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])')
  generator=$(command -v ninja >/dev/null && echo Ninja || echo "Unix Makefiles")
  lib=$root/lib/x86_64-linux-gnu
  cmake -S "$source" -B "$build" -G "$generator" -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON \
    -DCMAKE_UNITY_BUILD_BATCH_SIZE="${UNITY:-6}" -DLIBTRAINER_WERROR=OFF -DLIBTRAINER_BUILD_TESTS=OFF \
    -DLIBTRAINER_INSTALL=OFF -DTorch_DIR="$torch/share/cmake/Torch" -DCMAKE_PREFIX_PATH="$root" \
    -DCMAKE_LIBRARY_ARCHITECTURE=x86_64-linux-gnu -DOPENSSL_ROOT_DIR="$root" -DZLIB_ROOT="$root" \
    -DOPENSSL_CRYPTO_LIBRARY="$lib/libcrypto.so" -DZLIB_LIBRARY="$lib/libz.so" -DCMAKE_INCLUDE_PATH="$root/include" \
    -DOPENSSL_INCLUDE_DIR="$root/include" \
    -DCMAKE_C_FLAGS="-isystem $root/include/x86_64-linux-gnu" \
    -DCMAKE_CXX_FLAGS="-isystem $root/include/x86_64-linux-gnu"
  cmake --build "$build" --parallel "${JOBS:-$(nproc)}" --target trainer_command trainer_plugins
  "${CC:-cc}" -shared -fPIC -O2 -o "$build/count_waits.so" "$source/tests/gpu/count_waits.c" -ldl -lpthread
}

begin=$(date +%s.%N)
(compile) >"$log" 2>&1
status=$?
end=$(date +%s.%N)
if [ $status -ne 0 ]; then tail -n 40 "$log"; fi
exec env BUILD_STATUS=$status BUILD_SECONDS="$(echo "$begin $end" | awk '{print $2 - $1}')" BUILD="$build" OUT="$out" \
  WHEELS="$packages/wheels" HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error "$python" "$source/tests/gpu/check.py" "${options[@]}"
